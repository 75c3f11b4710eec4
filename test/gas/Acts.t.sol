// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {WoodLine} from "../../contracts/subcontracts/IFirewood.sol";
import {MandateCaps} from "../../contracts/interfaces/ICharter.sol";
import {Verdict} from "../../contracts/types/Report.sol";
import {SealedReport, Village} from "../Village.sol";
import {Gauge} from "./Gauge.sol";

contract ActsGasTest is Village, Gauge {
    uint256 internal constant MEMBERS = 7;
    uint256 internal constant NEWCOMER = 8;

    function setUp() public {
        found(MEMBERS, 4);
    }

    function caps() internal pure returns (MandateCaps memory) {
        return MandateCaps(WOOD, 17e6, 47e6, 1e6, uint40(startOf() + 364 days));
    }

    /// forge-config: default.isolate = true
    function test_R4_1_join() public {
        vm.prank(memberAddress(1));
        uint256 nomination = roster.nominate(memberAddress(NEWCOMER), 9);
        gauge("acts", "nominate", 300_000);
        vm.prank(memberAddress(2));
        roster.vouch(nomination);
        gauge("acts", "vouch", 150_000);
        vm.prank(memberAddress(3));
        roster.vouch(nomination);

        vm.prank(memberAddress(NEWCOMER));
        roster.join(nomination);
        gauge("acts", "join", 100_000);
        passTime(7 days + 1);
        roster.admit(nomination);
        gauge("acts", "admit", 250_000);

        bytes32 terms = charter.termsHashOf(WOOD);
        vm.prank(memberAddress(NEWCOMER));
        mandates.signMandate(caps(), terms);
        gauge("acts", "sign-mandate-first", 300_000);
        vm.prank(memberAddress(NEWCOMER));
        mandates.signMandate(caps(), terms);
        gauge("acts", "sign-mandate", 150_000);
    }

    /// forge-config: default.isolate = true
    function test_R1_1_moneyInAndOut() public {
        settleWeekOfOne();
        token.mint(memberAddress(1), 10e6);
        vm.prank(memberAddress(1));
        token.approve(address(ledger), 20e6);
        vm.prank(memberAddress(1));
        ledger.deposit(purseOf(1), 10e6);
        gauge("acts", "deposit", 200_000);

        vm.prank(memberAddress(1));
        ledger.withdraw(5e6);
        gauge("acts", "withdraw", 250_000);
    }

    /// forge-config: default.isolate = true
    function test_R7_10_contest() public {
        WoodLine[] memory lines = new WoodLine[](2);
        lines[0] = WoodLine(memberId(1), 3, 3100);
        lines[1] = WoodLine(memberId(2), 2, 1900);
        SealedReport memory given = report(Verdict.Ok, payloadOf(lines, 0, 0));

        contest(2, given);
        gauge("acts", "contest", 150_000);
    }

    /// forge-config: default.isolate = true
    function test_R16_1_leave() public {
        settleWeekOfOne();
        vm.prank(memberAddress(2));
        roster.leave();
        gauge("acts", "leave", 300_000);
    }

    function settleWeekOfOne() internal {
        WoodLine[] memory lines = new WoodLine[](1);
        lines[0] = WoodLine(memberId(1), 3, 3100);
        settleWeek(payloadOf(lines, 0, 0));
    }
}
