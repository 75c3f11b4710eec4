// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {FakeDocket} from "../fakes/FakeDocket.sol";
import {
    AccountId,
    Accounts,
    Arrear,
    Cause,
    Debit,
    Epoch,
    Kind,
    MandateCaps,
    MemberId,
    MoneyTest,
    Outcome,
    SubcontractId
} from "../MoneyTest.t.sol";
import {Puppet} from "../hostile/Puppet.sol";

contract LedgerCollectUnfoundedTest is MoneyTest {
    function test_R2_2_RevertsBeforeIgnition() external {
        found(ADA, caps(PER_EVENT, PER_PERIOD, SHARED), GLOBAL);
        fund(ADA, PURSE);
        docket.settle(now40());

        vm.expectRevert(ILedger.NotIgnited.selector);
        puppet.collect(
            Cause(STREAM, Epoch.wrap(1), Kind.Charge), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H)
        );
    }
}

contract LedgerCollectTest is MoneyTest {
    function setUp() public override {
        super.setUp();
        settleDown();
    }

    function cause(Kind kind) private returns (Cause memory) {
        return Cause(STREAM, Epoch.wrap(++nextEpoch), kind);
    }

    /* WHO AND WHEN */

    function test_R1_2_RevertsForAStranger() external {
        docket.settle(now40());
        Puppet other = new Puppet(ledger);

        vm.expectRevert(abi.encodeWithSelector(ILedger.OnlyASubcontract.selector, address(other)));
        other.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
    }

    function testFuzz_R1_RevertsForAKindNoReportCauses(uint8 raw) external {
        Kind kind = Kind(bound(raw, 0, uint8(type(Kind).max)));
        vm.assume(kind != Kind.Charge && kind != Kind.Shared && kind != Kind.Remedy);
        docket.settle(now40());

        vm.expectRevert(abi.encodeWithSelector(ILedger.KindRefused.selector, WOOD, kind));
        puppet.collect(cause(kind), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
    }

    function test_R1_RevertsForAKindTheTemplateDoesNotDeclare() external {
        docket.settle(now40());
        Puppet shy = new Puppet(ledger);
        SubcontractId id = charter.attach(address(shy), 1, 1 << uint8(Kind.Shared));

        vm.expectRevert(abi.encodeWithSelector(ILedger.KindRefused.selector, id, Kind.Charge));
        shy.collect(cause(Kind.Charge), Accounts.ofPot(id, 0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
    }

    function test_I5_RevertsWhileNoReportSettles() external {
        docket.rest();

        vm.expectRevert(FakeDocket.NothingSettles.selector);
        puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
    }

    function test_R1_RevertsForAnEpochThatDoesNotAccrue() external {
        charter.setAccruesFrom(WOOD, now40() + 1);
        docket.settle(now40());

        vm.expectRevert(abi.encodeWithSelector(ILedger.NotAccruing.selector, WOOD, now40()));
        puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
    }

    function test_R1_RevertsForAPotOfAnother() external {
        docket.settle(now40());
        AccountId[4] memory refused =
            [pot(2), Accounts.COMMONS, Accounts.ofMember(BO), Accounts.ofPot(SubcontractId.wrap(2), 0)];

        for (uint256 i; i < refused.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ILedger.NotOwnPot.selector, WOOD, refused[i]));
            puppet.collect(cause(Kind.Charge), refused[i], Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
        }
    }

    function test_R1_RevertsForACreditorThatCannotBe() external {
        docket.settle(now40());

        vm.expectRevert(abi.encodeWithSelector(ILedger.NotOwnPot.selector, WOOD, Accounts.CARE));
        puppet.collect(cause(Kind.Charge), pot(0), Accounts.CARE, debitsOf(ADA, 1, H));

        // Member 3 in its low bits, and nobody's purse; and a member to come.
        AccountId[2] memory unknown = [AccountId.wrap(uint32(1) << 16 | 3), AccountId.wrap(77)];
        for (uint256 i; i < unknown.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ILedger.AccountUnknown.selector, unknown[i]));
            puppet.collect(cause(Kind.Charge), pot(0), unknown[i], debitsOf(ADA, 1, H));
        }
    }

    /* LINES AND CAUSES */

    function test_R1_2_RevertsForALineNotThePayers() external {
        docket.settle(now40());

        vm.expectRevert(abi.encodeWithSelector(ILedger.LineNotPayers.selector, ADA, 2));
        puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 2, H));
        vm.expectRevert(abi.encodeWithSelector(ILedger.LineNotPayers.selector, ADA, 1));
        puppet.collect(cause(Kind.Shared), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
    }

    function test_R7_10_AFrozenLineIsNotCharged() external {
        docket.settle(now40());
        docket.freeze(ADA);

        vm.expectRevert(abi.encodeWithSelector(ILedger.LineFrozen.selector, ADA));
        puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
        vm.expectRevert(abi.encodeWithSelector(ILedger.LineFrozen.selector, ADA));
        puppet.collect(cause(Kind.Remedy), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
        // A remedy names whose line it likes: whoever contests pays for none.
        vm.expectRevert(abi.encodeWithSelector(ILedger.LineFrozen.selector, ADA));
        puppet.collect(cause(Kind.Remedy), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 2, H));

        Outcome memory shared =
            puppet.collect(cause(Kind.Shared), pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 0, H))[0];
        Outcome memory others =
            puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(FAY), debitsOf(BO, 2, H))[0];
        vm.assertEq(shared.paid, H, "a share names nobody's line");
        vm.assertEq(others.paid, H, "other lines settle");
    }

    function test_I4_ACauseSettlesOnce() external {
        docket.settle(now40());
        Cause memory same = cause(Kind.Charge);
        puppet.collect(same, pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));

        vm.expectRevert(abi.encodeWithSelector(ILedger.AlreadySettled.selector, ADA, 1));
        puppet.collect(same, pot(0), Accounts.ofMember(FAY), debitsOf(ADA, 1, H));
        vm.expectRevert(abi.encodeWithSelector(ILedger.AlreadySettled.selector, ADA, 1));
        puppet.collect(same, pot(1), Accounts.ofMember(BO), debitsOf(ADA, 1, 2 * H));
    }

    function test_I4_ACauseSettlesOnceWithinOneCall() external {
        docket.settle(now40());
        Debit[] memory twice = new Debit[](2);
        (twice[0], twice[1]) = (Debit(ADA, 1, H), Debit(ADA, 1, H));

        vm.expectRevert(abi.encodeWithSelector(ILedger.AlreadySettled.selector, ADA, 1));
        puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(FAY), twice);
    }

    function test_I4_EvenWhatPaidNothingSettlesOnce() external {
        docket.settle(now40());
        Cause memory same = cause(Kind.Charge);
        MemberId nobody = MemberId.wrap(77);
        puppet.collect(same, pot(0), Accounts.ofMember(FAY), debitsOf(nobody, 77, H));

        vm.expectRevert(abi.encodeWithSelector(ILedger.AlreadySettled.selector, nobody, 77));
        puppet.collect(same, pot(0), Accounts.ofMember(FAY), debitsOf(nobody, 77, H));
    }

    function testFuzz_I4_NullifiersOfDifferentCausesDoNotMeet(uint16 a, uint16 b) external {
        vm.assume(a != b);
        docket.settle(now40());
        Debit[] memory two = new Debit[](2);
        (two[0], two[1]) = (Debit(MemberId.wrap(a), a, H), Debit(MemberId.wrap(b), b, H));
        Cause memory charges = cause(Kind.Charge);
        puppet.collect(charges, pot(0), Accounts.ofMember(FAY), two);

        Cause memory remedies = Cause(STREAM, charges.epoch, Kind.Remedy);
        (two[0], two[1]) = (Debit(ADA, a, H), Debit(ADA, b, H));
        vm.assertEq(
            puppet.collect(remedies, pot(0), Accounts.ofMember(FAY), two).length,
            2,
            "a remedy is due for each line"
        );
        (two[0], two[1]) = (Debit(ADA, 0, H), Debit(BO, 0, H));
        vm.assertEq(
            puppet.collect(Cause(STREAM, charges.epoch, Kind.Shared), pot(0), Accounts.ofMember(FAY), two)
            .length,
            2,
            "shares of the same report"
        );
    }

    /* CAPS */

    function test_I3_WithoutALiveMandateNothingIsPaid() external {
        vm.prank(ada);
        mandates.revokeMandate(WOOD);

        vm.assertEq(charge(ADA, H).paid, H, "an epoch that began before the revocation holds");
        Outcome memory none = collectFor(tomorrow(), Kind.Charge, ADA, H);

        vm.assertEq(none.paid + none.arrears, 0, "no live mandate, no money and no debt (I3)");
        vm.assertEq(none.extinguished, H, "it is nobody's debt (R1.3)");
    }

    function test_I3_AnExpiredMandateIsNotLive() external {
        uint40 expiry = caps(0, 0, 0).expiry - 10 days;

        vm.assertEq(collectFor(expiry - 1, Kind.Charge, ADA, H).paid, H, "live to its last second");
        vm.assertEq(collectFor(expiry, Kind.Charge, ADA, H).paid, 0, "not live from its expiry");
    }

    function test_R1_2_ChargesStayWithinEachCap() external {
        Outcome memory first = charge(ADA, 2 * PER_EVENT);
        Outcome memory second = charge(ADA, PER_EVENT);
        Outcome memory third = charge(ADA, PER_EVENT);

        vm.assertEq(first.paid, PER_EVENT, "perEvent");
        vm.assertEq(first.extinguished, PER_EVENT, "above the caps is nobody's debt (R1.3)");
        vm.assertEq(second.paid, PER_EVENT, "perPeriod is left");
        vm.assertEq(third.paid, PER_PERIOD - 2 * PER_EVENT, "perPeriod");
        vm.assertEq(collect(Kind.Shared, ADA, 2 * SHARED).paid, SHARED, "sharedPerPeriod stands beside them");
    }

    function test_R1_2_GlobalBoundsAllSubcontractsTogether() external {
        Puppet other = new Puppet(ledger);
        SubcontractId id = charter.attach(address(other), 1, type(uint256).max);
        MandateCaps memory second = caps(PER_PERIOD, PER_PERIOD, 0);
        second.subcontract = id;
        bytes32 terms = charter.termsHashOf(id);
        vm.prank(ada);
        mandates.signMandate(second, terms);
        passTime(1 days);
        charge(ADA, PER_EVENT);

        docket.settle(now40());
        Outcome memory outcome = other.collect(
            cause(Kind.Charge), Accounts.ofPot(id, 0), Accounts.ofMember(FAY), debitsOf(ADA, 1, PER_PERIOD)
        )[0];

        vm.assertEq(outcome.paid, GLOBAL - PER_EVENT, "globalPerPeriod");
    }

    function test_R1_2_GlobalBoundsSharesToo() external {
        vm.prank(ada);
        mandates.limitGlobal(SHARED / 2);
        passTime(1 days);

        vm.assertEq(collect(Kind.Shared, ADA, SHARED).paid, SHARED / 2, "globalPerPeriod");
    }

    function test_R0_CapsAreCountedInThePeriodOfSettlement() external {
        charge(ADA, PER_EVENT);
        charge(ADA, PER_EVENT);
        charge(ADA, PER_EVENT);
        vm.assertEq(charge(ADA, PER_EVENT).paid, 0, "the period is used up");

        passTime(30 days);

        vm.assertEq(charge(ADA, PER_EVENT).paid, PER_EVENT, "the next period is fresh");
    }

    /* WHAT IS THERE */

    function test_R1_2_TheFloorStays() external {
        vm.prank(ada);
        ledger.withdraw(PURSE - FLOOR - 3 * H);

        Outcome memory outcome = charge(ADA, PER_EVENT);

        vm.assertEq(outcome.paid, 3 * H, "only what lies above the floor");
        vm.assertEq(outcome.arrears, PER_EVENT - 3 * H, "the rest of a charge is arrears (R1.3)");
        vm.assertEq(purseOf(ADA).free, FLOOR, "the floor stays");
        vm.assertEq(purseOf(ADA).arrears, PER_EVENT - 3 * H, "owed");
        vm.assertEq(charge(ADA, PER_PERIOD).within, PER_EVENT, "arrears use up the caps as if paid");
        vm.assertEq(charge(ADA, PER_PERIOD).within, PER_PERIOD - 2 * PER_EVENT, "to the last unit");
    }

    function test_R1_3_ASharesShortfallIsNobodysDebt() external {
        vm.prank(ada);
        ledger.withdraw(PURSE);

        Outcome memory shared = collect(Kind.Shared, ADA, SHARED);
        Outcome memory remedy = collect(Kind.Remedy, ADA, H);

        vm.assertEq(shared.extinguished, SHARED, "a share is extinguished");
        vm.assertEq(remedy.extinguished, H, "a remedy is extinguished");
        vm.assertEq(purseOf(ADA).arrears, 0, "arrears arise from one's own use only (R1.3)");
        vm.assertEq(collect(Kind.Shared, ADA, SHARED).within, 0, "its cap is used up all the same");
    }

    function test_R1_3_The65thDebtIsNobodys() external {
        vm.prank(ada);
        ledger.withdraw(PURSE);
        for (uint256 i; i < 64; ++i) {
            // Other creditors, so that no two debts join.
            docket.settle(now40());
            MemberId creditor = i % 2 == 0 ? BO : FAY;
            puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(creditor), debitsOf(ADA, 1, H / 10));
        }
        vm.assertEq(ledger.arrearsOf(ADA).length, 64, "64 debts");

        docket.settle(now40());
        Outcome memory outcome =
            puppet.collect(cause(Kind.Charge), pot(0), Accounts.ofMember(BO), debitsOf(ADA, 1, H / 10))[0];

        vm.assertEq(outcome.arrears, 0, "no 65th debt");
        vm.assertEq(outcome.extinguished, H / 10, "it is nobody's");
        vm.assertEq(purseOf(ADA).arrears, 64 * (H / 10), "owed as before");
    }

    function test_R1_3_DebtsToOneCreditorInOnePeriodAreOne() external {
        vm.prank(ada);
        ledger.withdraw(PURSE);
        charge(ADA, H);
        charge(ADA, 2 * H);
        passTime(30 days);
        charge(ADA, 3 * H);

        Arrear[] memory debts = ledger.arrearsOf(ADA);

        vm.assertEq(debts.length, 2, "one a period");
        vm.assertEq(debts[0].amount, 3 * H, "the first period's");
        vm.assertEq(debts[1].amount, 3 * H, "the second period's");
    }

    function test_R16_1_ALeaverPaysWithoutFloor() external {
        vm.prank(ada);
        ledger.withdraw(PURSE - FLOOR);
        uint40 begun = now40() - 1;
        vm.prank(ada);
        roster.leave();

        vm.assertEq(collectFor(begun, Kind.Charge, ADA, FLOOR).paid, FLOOR, "no floor protects a leaver");
        vm.assertEq(collectFor(now40(), Kind.Charge, ADA, H).within, 0, "no new duty from leaving on (R16.1)");
    }

    function testFuzz_I2_EveryUnitIsAccountedFor(uint64 amount, uint8 raw, uint64 left) external {
        Kind kind = Kind(bound(raw, uint8(Kind.Charge), uint8(Kind.Remedy)));
        left = uint64(bound(left, 0, PURSE));
        vm.prank(ada);
        ledger.withdraw(PURSE - left);
        uint256 total = ledger.total();

        Outcome memory o = collect(kind, ADA, amount);

        vm.assertEq(
            uint256(o.paid) + o.arrears + o.extinguished,
            amount,
            "paid, owed and extinguished make the amount"
        );
        vm.assertLe(uint256(o.paid) + o.arrears, o.within, "nothing beyond the caps");
        vm.assertEq(purseOf(ADA).free, left - o.paid, "the purse gave what was paid");
        vm.assertEq(ledger.potBalance(pot(0)), o.paid, "the pot got what was paid");
        vm.assertEq(ledger.total(), total, "no unit is created or lost (I2)");
        vm.assertEq(token.balanceOf(address(ledger)), total, "the tokens are there (I2)");
    }
}
