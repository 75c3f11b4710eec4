// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {WoodLine} from "../../contracts/subcontracts/IFirewood.sol";
import {Accounts} from "../../contracts/types/Ids.sol";
import {Crowd} from "./Crowd.sol";
import {Gauge} from "./Gauge.sol";

contract CloseGasTest is Crowd, Gauge {
    /// @dev Half of what chains carry that bound a transaction at 2^24.
    uint256 private constant CEILING = 1 << 23;
    uint256 private constant MEMBERS = 150;

    /// @notice The dearest end there is: every one of 150 owes, and repays out of what is left for them.
    /// forge-config: default.isolate = true
    function test_R8_closesFor150InThreeCalls() public {
        foundCrowd(MEMBERS);
        WoodLine[] memory lines = new WoodLine[](MEMBERS);
        for (uint256 i; i < MEMBERS; ++i) {
            lines[i] = WoodLine(memberId(i + 1), 3, 3000);
            vm.prank(memberAddress(i + 1));
            ledger.withdraw(95e6);
        }
        settleWeek(payloadOf(lines, 0, 0));
        depositFrom(personOf("donor"), Accounts.ofPot(WOOD, 1), 298e6);
        vm.warp(startOf() + 430 days);

        wood.close();
        gauge("settle", "m150-close", CEILING);
        wood.close();
        vm.assertLt(vm.lastCallGas().gasTotalUsed, CEILING, "R1.9: the second call");
        vm.assertGt(potOf(0), 0, "R8: 50 a call leave the last 50");
        wood.close();
        vm.assertLt(vm.lastCallGas().gasTotalUsed, CEILING, "R1.9: the third call");

        vm.assertEq(uint256(potOf(0)) + potOf(1), 0, "R8: nothing stays");
        vm.assertGt(freeOf(1), 6e6, "R8: two H for the first, less what repays");
        vm.assertLt(ledger.purse(purseOf(MEMBERS - 1)).arrears, 1.5e6, "R1.4: the last repaid a fifth of it");
    }
}
