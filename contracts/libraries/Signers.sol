// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {MemberId, SubcontractId} from "../types/Ids.sol";

/// @title Signers
/// @notice Who has a mandate with whom, kept from both sides: a member's subcontracts and a subcontract's members.
/// @dev A pair stays listed, live or not, until it is removed; so what was live for an epoch still open is found.
library Signers {
    /// @notice Mandates a member may have at a time.
    uint256 internal constant MOST_MANDATES = 16;

    /// @notice Members a subcontract may list at a time: all 150, and who left or revoked while epochs are open.
    uint256 internal constant MOST_SIGNERS = 256;

    error TooManySigners(SubcontractId subcontract, uint256 most);

    struct State {
        mapping(MemberId member => uint256 subcontracts) lists; // sixteen places of 16 bits; zero is an empty one
        mapping(SubcontractId subcontract => mapping(uint256 word => uint256 bits)) members;
        mapping(SubcontractId subcontract => uint256 count) counts; // members listed
    }

    /// @notice What stands in a member's place; 0 where it is empty.
    function at(State storage self, MemberId member, uint256 place) internal view returns (SubcontractId) {
        // The mask of the cast is the place's 16 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        return SubcontractId.wrap(uint16(self.lists[member] >> (16 * place)));
    }

    /// @notice A member's place of a subcontract (0 for an empty one); `MOST_MANDATES` where there is none.
    function placeOf(State storage self, MemberId member, SubcontractId subcontract)
        internal
        view
        returns (uint256 place)
    {
        uint256 list_ = self.lists[member];
        uint256 wanted = SubcontractId.unwrap(subcontract);
        while (place < MOST_MANDATES && list_ & 0xffff != wanted) {
            list_ >>= 16;
            ++place;
        }
    }

    function findRoom(State storage self, MemberId member) internal view returns (uint256) {
        return placeOf(self, member, SubcontractId.wrap(0));
    }

    function contains(State storage self, MemberId member, SubcontractId subcontract)
        internal
        view
        returns (bool)
    {
        return placeOf(self, member, subcontract) != MOST_MANDATES;
    }

    /// @notice Lists a pair that is not listed, in an empty place.
    function add(State storage self, MemberId member, SubcontractId subcontract, uint256 place) internal {
        uint256 number = MemberId.unwrap(member);
        uint256 count = self.counts[subcontract];
        if (count == MOST_SIGNERS) revert TooManySigners(subcontract, MOST_SIGNERS);

        self.lists[member] |= uint256(SubcontractId.unwrap(subcontract)) << (16 * place);
        self.members[subcontract][number >> 8] |= 1 << (number & 0xff);
        self.counts[subcontract] = count + 1;
    }

    /// @notice Takes a listed pair off.
    function remove(State storage self, MemberId member, SubcontractId subcontract, uint256 place) internal {
        uint256 number = MemberId.unwrap(member);
        self.lists[member] &= ~(uint256(0xffff) << (16 * place));
        self.members[subcontract][number >> 8] &= ~(1 << (number & 0xff));
        self.counts[subcontract] -= 1;
    }

    /// @notice A subcontract's listed members, ascending.
    function list(State storage self, SubcontractId subcontract)
        internal
        view
        returns (MemberId[] memory members)
    {
        members = new MemberId[](self.counts[subcontract]);
        uint256 found;
        // At most 256 words, as ids have 16 bits.
        for (uint256 word; found < members.length; ++word) {
            uint256 bits = self.members[subcontract][word];
            while (bits != 0) {
                uint256 lowest = bits & (~bits + 1);
                // A word below 256 and a bit below 256 make 16 bits.
                // forge-lint: disable-next-line(unsafe-typecast)
                members[found++] = MemberId.wrap(uint16(word << 8 | Math.log2(lowest)));
                bits ^= lowest;
            }
        }
    }
}
