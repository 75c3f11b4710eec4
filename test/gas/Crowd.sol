// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Roster} from "../../contracts/Roster.sol";
import {MandateCaps, Module} from "../../contracts/interfaces/ICharter.sol";
import {MemberId} from "../../contracts/types/Ids.sol";
import {Village} from "../Village.sol";

/// @notice The roster, with a door for crowds: R4.3 would take two and a half years to let 150 in.
contract CrowdRoster is Roster {
    function enter(address key, uint16 household) external returns (MemberId) {
        return _enter(key, household, uint40(block.timestamp));
    }
}

/// @notice A village of any number of members, all with money and a mandate for firewood from its first week on.
abstract contract Crowd is Village {
    uint256 internal constant MOST_FOUNDERS = 25;

    function moduleCodes() internal view override returns (bytes[] memory codes) {
        codes = super.moduleCodes();
        codes[uint256(Module.Roster)] = vm.getCode("test/gas/Crowd.sol:CrowdRoster");
    }

    function foundCrowd(uint256 members) internal {
        uint256 founders = members < MOST_FOUNDERS ? members : MOST_FOUNDERS;
        found(founders, 4);
        for (uint256 number = founders + 1; number <= members; ++number) {
            CrowdRoster(address(roster)).enter(memberAddress(number), uint16(number / 3 + 1));
            deposit(number, 100e6);
            signMandate(number);
            vm.prank(memberAddress(number));
            wood.declareBand(3);
        }
    }

    function signMandate(uint256 number) internal {
        bytes32 terms = charter.termsHashOf(WOOD);
        MandateCaps memory caps = MandateCaps(WOOD, 17e6, 47e6, 1e6, uint40(startOf() + 364 days));
        vm.prank(memberAddress(number));
        mandates.signMandate(caps, terms);
    }
}
