// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ICharter, MandateCaps, SubcontractState} from "../../contracts/interfaces/ICharter.sol";
import {FirewoodTerms} from "../../contracts/subcontracts/IFirewood.sol";
import {StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Village} from "../Village.sol";

/// @notice A charter of seven founders and four seats, and further subcontracts for it.
abstract contract CharterTest is Village {
    uint256 internal constant FOUNDERS = 7;
    bytes32 internal constant REASON = keccak256("smoke in my window");

    function setUp() public virtual {
        found(FOUNDERS, 4);
    }

    /// @dev Firewood of another price on another stream: other terms for each `number`.
    function termsOf(uint256 number) internal view returns (bytes memory) {
        FirewoodTerms memory terms = wood.terms();
        terms.stream = StreamId.wrap(uint16(10 + number));
        terms.price += uint64(number);
        return abi.encode(terms);
    }

    function open(uint256 member, uint256 number) internal returns (SubcontractId) {
        bytes memory code = woodCode();
        bytes memory terms = termsOf(number);
        vm.prank(memberAddress(member));
        return charter.open(code, terms, number);
    }

    function sign(uint256 member, SubcontractId id) internal {
        MandateCaps memory caps = MandateCaps(id, 1e6, 2e6, 1e6, uint40(vm.getBlockTimestamp() + 300 days));
        bytes32 terms = charter.termsHashOf(id);
        vm.prank(memberAddress(member));
        mandates.signMandate(caps, terms);
    }

    function object(uint256 member, SubcontractId id) internal {
        vm.prank(memberAddress(member));
        charter.object(id, REASON);
    }

    /// @dev Opened by member 1, signed by members 1 and 2, enacted at the soonest.
    function enacted() internal returns (SubcontractId id) {
        id = open(1, 1);
        sign(1, id);
        sign(2, id);
        passTime(72 hours);
        charter.enact(id);
    }

    function assertState(SubcontractId id, SubcontractState wanted, string memory law) internal view {
        vm.assertEq(uint256(charter.stateOf(id)), uint256(wanted), law);
    }

    function refused(bytes memory reason) internal {
        vm.expectRevert(reason);
    }

    function missing(uint8 what, uint256 given, uint256 wanted) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ICharter.Missing.selector, what, given, wanted);
    }
}
