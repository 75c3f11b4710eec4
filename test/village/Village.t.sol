// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ReportState} from "../../contracts/interfaces/IDocket.sol";
import {WoodLine} from "../../contracts/subcontracts/IFirewood.sol";
import {Epoch} from "../../contracts/types/Ids.sol";
import {Village} from "../Village.sol";

contract VillageTest is Village {
    function test_R2_VillageFoundsAndSettlesAWeek() external {
        found(7, 4);
        WoodLine[] memory lines = new WoodLine[](2);
        lines[0] = WoodLine(memberId(1), 3, 3100);
        lines[1] = WoodLine(memberId(2), 2, 1900);

        settleWeek(payloadOf(lines, 1, 1000));

        vm.assertTrue(
            docket.stateOf(WOOD, PILE, Epoch.wrap(FIRST_WEEK)) == ReportState.Settled, "R7: settled"
        );
    }
}
