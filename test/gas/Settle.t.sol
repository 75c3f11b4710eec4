// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ReportState} from "../../contracts/interfaces/IDocket.sol";
import {WoodLine} from "../../contracts/subcontracts/IFirewood.sol";
import {Epoch} from "../../contracts/types/Ids.sol";
import {Verdict} from "../../contracts/types/Report.sol";
import {SealedReport} from "../Village.sol";
import {Crowd} from "./Crowd.sol";
import {Gauge} from "./Gauge.sol";

contract SettleGasTest is Crowd, Gauge {
    uint256 internal constant CEILING = 15_000_000;
    uint64 internal constant FLOOR = 5e6;

    /// @notice Everybody took about three pieces; of 200 kg nobody tapped.
    function busyWeek(uint256 members) internal pure returns (bytes memory) {
        WoodLine[] memory lines = new WoodLine[](members);
        for (uint256 i; i < members; ++i) {
            lines[i] = WoodLine(memberId(i + 1), 3, uint32(2900 + i));
        }
        return payloadOf(lines, 200, 200_000);
    }

    /// @notice Purses near the floor, so that the week's charges become arrears for the first time.
    function impoverish(uint256 from, uint256 to) internal {
        for (uint256 number = from; number <= to; ++number) {
            uint64 left = freeOf(number) - FLOOR;
            vm.prank(memberAddress(number));
            ledger.withdraw(left);
        }
    }

    function measureWeek(uint256 members, string memory name) internal {
        SealedReport memory busy = report(Verdict.Ok, busyWeek(members));
        _warpForward(vm.getBlockTimestamp() + WINDOW + 1);
        Epoch epoch = busy.header.epoch();

        docket.settle(busy.header, busy.parent, busy.envelopes, busy.payload);

        gauge("settle", string.concat("m", vm.toString(members), name), CEILING);
        vm.assertTrue(docket.stateOf(WOOD, PILE, epoch) == ReportState.Settled, "R1.9: within its bound");
        vm.assertLt(freeOf(1), 100e6, "R8: the first line was paid");
        vm.assertLt(freeOf(members - 2), 100e6, "R8: and those at the end");
    }

    function measure(uint256 members) internal {
        foundCrowd(members);
        measureWeek(members, "-first");
        measureWeek(members, "");
    }

    /// forge-config: default.isolate = true
    function test_R8_weekOf10() public {
        measure(10);
    }

    /// forge-config: default.isolate = true
    function test_R8_weekOf50() public {
        measure(50);
    }

    /// forge-config: default.isolate = true
    function test_R8_weekOf150() public {
        measure(150);
    }

    function measurePoor(uint256 members, uint256 poor, string memory name, uint256 ceiling) internal {
        foundCrowd(members);
        impoverish(1, poor);
        SealedReport memory busy = report(Verdict.Ok, busyWeek(members));
        _warpForward(vm.getBlockTimestamp() + WINDOW + 1);
        Epoch epoch = busy.header.epoch();

        docket.settle(busy.header, busy.parent, busy.envelopes, busy.payload);

        gauge("settle", name, ceiling);
        vm.assertTrue(docket.stateOf(WOOD, PILE, epoch) == ReportState.Settled, "R1.9: within its bound");
        vm.assertGt(ledger.purse(purseOf(1)).arrears, 0, "R1.3: the first of the poor owes");
        vm.assertGt(ledger.purse(purseOf(poor)).arrears, 0, "R1.3: and the last");
    }

    /// forge-config: default.isolate = true
    function test_R1_9_weekOf50WhereAllFallIntoArrears() public {
        measurePoor(50, 50, "m50-arrears", CEILING);
    }

    /// forge-config: default.isolate = true
    function test_R1_9_weekOf150WhereAllFallIntoArrears() public {
        measurePoor(150, 150, "m150-arrears", CEILING);
    }
}
