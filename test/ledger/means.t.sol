// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {Accounts, Means, MemberId, MoneyTest} from "../MoneyTest.t.sol";

contract LedgerMeansTest is MoneyTest {
    uint256 private constant PERIOD = 30 days;
    uint256 private constant MOVES = 8;

    function meansOf(MemberId member) private view returns (Means memory) {
        MemberId[] memory members = new MemberId[](1);
        members[0] = member;
        return ledger.means(members, WOOD)[0];
    }

    function take(uint64 amount) private {
        vm.prank(ada);
        ledger.withdraw(amount);
    }

    function test_R8_RevertsBeforeIgnition() external {
        vm.expectRevert(ILedger.NotIgnited.selector);
        ledger.means(new MemberId[](1), WOOD);
    }

    function test_R0_WhatLandsBeforeIgnitionCountsAsAtIgnition() external {
        fund(ADA, 60 * H);
        passTime(20 days);
        charter.ignite();
        vm.assertEq(meansOf(ADA).purse90, 60 * H, "no span yet, so the present purse");
        vm.assertEq(meansOf(ADA).inflow90, 60 * H, "an inflow of the first period");

        passTime(10 days);
        vm.assertEq(meansOf(ADA).purse90, 60 * H, "the days before ignition do not weigh");
        passTime(50 days);
        vm.assertEq(meansOf(ADA).inflow90, 60 * H, "still in the span");
        passTime(30 days);
        vm.assertEq(meansOf(ADA).inflow90, 0, "gone from it");
    }

    function test_R8_ThePurseIsWeighedByTime() external {
        charter.ignite();
        passTime(15 days);
        fund(ADA, 60 * H);
        passTime(15 days);
        vm.assertEq(meansOf(ADA).purse90, 30 * H, "half the time");

        take(60 * H);
        passTime(30 days);
        vm.assertEq(meansOf(ADA).purse90, 15 * H, "a quarter of the time");
    }

    function test_R8_OwnWithdrawalsAreTakenOffNotBelowZero() external {
        charter.ignite();
        fund(ADA, 60 * H);
        take(20 * H);
        vm.assertEq(meansOf(ADA).inflow90, 40 * H, "deposits less withdrawals");

        passTime(90 days);
        take(10 * H);
        vm.assertEq(meansOf(ADA).inflow90, 0, "not below zero");
    }

    function test_R8_WhoJoinedLaterIsWeighedSinceJoining() external {
        charter.ignite();
        address gus = personOf("gus");
        vm.prank(ada);
        uint256 nomination = roster.nominate(gus, 9);
        vm.prank(bo);
        roster.vouch(nomination);
        vm.prank(keys[3]);
        roster.vouch(nomination);
        vm.prank(gus);
        roster.join(nomination);
        passTime(40 days);
        MemberId member = roster.admit(nomination);

        passTime(10 days);
        fund(member, 60 * H);
        passTime(10 days);

        vm.assertEq(meansOf(member).purse90, 30 * H, "half the time since joining (R8)");
    }

    /// @dev The plain sum: every second of the span at the balance it had.
    function testFuzz_R8_AgreesWithAPlainSum(uint64[8] memory amounts, uint32[9] memory waits) external {
        charter.ignite();
        uint256 t0 = vm.getBlockTimestamp();
        uint256[MOVES + 1] memory times;
        uint256[MOVES + 1] memory balances;
        int256[MOVES] memory flows;
        times[0] = t0;
        for (uint256 i; i < MOVES; ++i) {
            passTime(bound(waits[i], 0, 45 days));
            uint64 free = purseOf(ADA).free;
            uint64 amount = uint64(bound(amounts[i], 0, 1000 * H));
            if (i % 3 == 2) {
                amount = amount % (free + 1);
                take(amount);
                flows[i] = -int256(uint256(amount));
            } else {
                fund(ADA, amount);
                flows[i] = int256(uint256(amount));
            }
            (times[i + 1], balances[i + 1]) = (vm.getBlockTimestamp(), purseOf(ADA).free);
        }
        passTime(bound(waits[MOVES], 0, 45 days));

        uint256 period = (vm.getBlockTimestamp() - t0) / PERIOD;
        uint256 from = t0 + (period < 2 ? 0 : period - 2) * PERIOD;
        uint256 weighted;
        int256 inflow;
        for (uint256 i; i <= MOVES; ++i) {
            uint256 begin = times[i] > from ? times[i] : from;
            uint256 end = i == MOVES ? vm.getBlockTimestamp() : times[i + 1];
            if (end > begin) weighted += balances[i] * (end - begin);
            if (i < MOVES && times[i + 1] >= from) inflow += flows[i];
        }
        uint256 span = vm.getBlockTimestamp() - from;

        vm.assertEq(
            meansOf(ADA).purse90,
            span == 0 ? balances[MOVES] : weighted / span,
            "the time-weighted mean of the purse (R8)"
        );
        vm.assertEq(meansOf(ADA).inflow90, inflow < 0 ? 0 : uint256(inflow), "the inflow of the span (R8)");
    }
}
