// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {
    AccountId,
    Accounts,
    Cause,
    Debit,
    Epoch,
    Kind,
    MemberId,
    MoneyTest,
    Outcome
} from "../MoneyTest.t.sol";

/// @notice What debts may not do: stop a settlement, shield from other creditors, cost more than a member may.
contract LedgerArrearsTest is MoneyTest {
    function setUp() public override {
        super.setUp();
        settleDown();
        give(stranger, pot(0), PURSE);
    }

    function cause(Kind kind) private returns (Cause memory) {
        return Cause(STREAM, Epoch.wrap(++nextEpoch), kind);
    }

    function owe(MemberId creditor, uint64 amount) private {
        puppet.collect(
            Cause(STREAM, Epoch.wrap(++nextEpoch), Kind.Charge),
            pot(0),
            Accounts.ofMember(creditor),
            debitsOf(ADA, 1, amount)
        );
    }

    /// @dev Ada's purse is empty, and she signed for all there is, by event and by period.
    function signForAll() private {
        bytes32 terms = charter.termsHashOf(WOOD);
        vm.startPrank(ada);
        ledger.withdraw(ledger.withdrawable(ADA));
        mandates.signMandate(caps(type(uint64).max, type(uint64).max, 0), terms);
        mandates.limitGlobal(type(uint64).max);
        vm.stopPrank();
        passTime(1 days);
    }

    function test_R1_3_DebtsThatDoNotFitStopNobodysSettlement() external {
        signForAll();
        charge(ADA, type(uint64).max);
        vm.assertEq(purseOf(ADA).arrears, type(uint64).max, "all that can be owed");
        passTime(30 days);
        Debit[] memory two = new Debit[](2);
        (two[0], two[1]) = (Debit(ADA, 1, 1), Debit(BO, 2, H));

        docket.settle(now40());
        Outcome[] memory outcomes = puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(FAY), two);

        vm.assertEq(outcomes[0].extinguished, 1, "what does not fit is nobody's debt");
        vm.assertEq(outcomes[1].paid, H, "and the others' lines settle (I20)");
        vm.assertEq(purseOf(ADA).arrears, type(uint64).max, "owed as before");
    }

    function testFuzz_R1_3_WhatIsOwedNeverOverflows(uint64[3] calldata amounts, bool joins) external {
        signForAll();
        uint256 owed;
        for (uint256 i; i < amounts.length; ++i) {
            docket.settle(now40());
            AccountId creditor = Accounts.ofMember(joins || i % 2 == 0 ? FAY : BO);
            Outcome memory o =
                puppet.collect(cause(Kind.Charge), pot(0), creditor, debitsOf(ADA, 1, amounts[i]))[0];
            vm.assertEq(uint256(o.paid) + o.arrears + o.extinguished, amounts[i], "the amount, to the unit");
            vm.assertTrue(o.arrears == 0 || o.arrears == amounts[i], "owed whole, or nobody's");
            owed += o.arrears;
            passTime(30 days);
        }

        vm.assertLe(owed, type(uint64).max, "it fits");
        vm.assertEq(purseOf(ADA).arrears, owed, "and is what each said");
    }

    function test_R1_3_ADebtToOneselfIsNobodys() external {
        vm.prank(ada);
        ledger.withdraw(PURSE);
        docket.settle(now40());

        Outcome memory outcome =
            puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(ADA), debitsOf(ADA, 1, H))[0];
        charge(ADA, H);
        fund(ADA, 2 * H);

        vm.assertEq(outcome.extinguished, H, "it would keep all others waiting");
        vm.assertEq(ledger.arrearsOf(ADA).length, 1, "the other creditor's debt is the oldest");
        vm.assertEq(purseOf(ADA).arrears, H - 2 * H / 5, "and is repaid");
    }

    /// @dev Debts of a unit each, to two creditors in turn, so that no two join.
    function oweUnits(uint256 count) private {
        vm.prank(ada);
        ledger.withdraw(PURSE);
        docket.settle(now40());
        for (uint256 i; i < count; ++i) {
            owe(i % 2 == 0 ? BO : CLEO, 1);
        }
    }

    function test_R1_4_AnInflowRepaysFourDebts() external {
        oweUnits(6);

        puppet.pay(0, Accounts.ofMember(ADA), 10 * H, Kind.Pay);
        vm.assertEq(ledger.arrearsOf(ADA).length, 2, "four");
        vm.assertEq(purseOf(ADA).free, 10 * H - 4, "what four took");

        puppet.pay(0, Accounts.ofMember(ADA), 10 * H, Kind.Pay);
        vm.assertEq(ledger.arrearsOf(ADA).length, 0, "the next inflow repays the rest");
    }

    function testFuzz_R1_4_RepaysOldestFirstAndConserves(uint64[6] calldata owed, uint64 inflow) external {
        bytes32 terms = charter.termsHashOf(WOOD);
        vm.startPrank(ada);
        ledger.withdraw(ledger.withdrawable(ADA));
        mandates.signMandate(caps(H, 6 * H, 0), terms);
        vm.stopPrank();
        passTime(1 days);
        docket.settle(now40());
        inflow = uint64(bound(inflow, 0, PURSE));
        uint256 left = inflow / 5;
        uint256 repaid;
        for (uint256 i; i < owed.length; ++i) {
            uint64 amount = uint64(bound(owed[i], 1, H));
            owe(i % 2 == 0 ? BO : CLEO, amount);
            if (i < 4) {
                uint256 part = left < amount ? left : amount;
                (left, repaid) = (left - part, repaid + part);
            }
        }
        uint256 before = uint256(purseOf(BO).free) + purseOf(CLEO).free;
        uint256 debt = purseOf(ADA).arrears;
        uint256 free = purseOf(ADA).free;

        puppet.pay(0, Accounts.ofMember(ADA), inflow, Kind.Pay);

        vm.assertEq(debt - purseOf(ADA).arrears, repaid, "at most four, oldest first");
        vm.assertEq(uint256(purseOf(BO).free) + purseOf(CLEO).free, before + repaid, "to the creditors");
        vm.assertEq(purseOf(ADA).free, free + inflow - repaid, "the rest stays (I2)");
    }

    /// @dev R1.9 counts 160,000 gas a member; what a settlement does with one payer must fit, whatever they owe.
    /// forge-config: default.isolate = true
    function test_R1_9_SixtyFourLapsedDebtsAreNoDearerThanAMember() external {
        oweUnits(64);
        passTime(730 days);
        bytes32 terms = charter.termsHashOf(WOOD);
        vm.prank(ada);
        mandates.signMandate(caps(PER_EVENT, PER_PERIOD, SHARED), terms);
        passTime(2 days);

        charge(ADA, 1);
        vm.assertLt(vm.lastCallGas().gasTotalUsed, 160_000, "a new debt takes four lapsed ones off");
        vm.assertEq(purseOf(ADA).arrears, 1, "and is booked");

        puppet.pay(0, Accounts.ofMember(ADA), 10 * H, Kind.Pay);
        vm.assertLt(vm.lastCallGas().gasTotalUsed, 160_000, "and so does an inflow");
        vm.assertEq(purseOf(ADA).arrears, 1, "what lapsed is in no sum meanwhile");
        for (uint256 i; i < 15; ++i) {
            puppet.pay(0, Accounts.ofMember(ADA), 5 * H, Kind.Pay);
        }
        vm.assertEq(purseOf(ADA).arrears, 0, "later inflows reach the debt that lives");
    }
}
