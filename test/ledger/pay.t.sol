// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {Puppet} from "../hostile/Puppet.sol";
import {
    AccountId,
    Accounts,
    Arrear,
    Cause,
    Epoch,
    Kind,
    Means,
    MemberId,
    MoneyTest,
    SubcontractId
} from "../MoneyTest.t.sol";

contract LedgerPayTest is MoneyTest {
    SubcontractId private constant OTHER = SubcontractId.wrap(2);

    function setUp() public override {
        super.setUp();
        settleDown();
        give(stranger, pot(0), PURSE);
    }

    function meansOf(MemberId member, SubcontractId except) private view returns (Means memory) {
        MemberId[] memory members = new MemberId[](1);
        members[0] = member;
        return ledger.means(members, except)[0];
    }

    function test_R1_RevertsForAStranger() external {
        vm.expectRevert(abi.encodeWithSelector(ILedger.OnlyASubcontract.selector, stranger));
        vm.prank(stranger);
        ledger.pay(0, Accounts.ofMember(ADA), H, Kind.Pay);
    }

    function test_R1_RevertsForAKindNoPotPays() external {
        Kind[6] memory refused =
            [Kind.Deposit, Kind.Charge, Kind.Shared, Kind.Loan, Kind.Guarantee, Kind.Pledge];
        for (uint256 i; i < refused.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ILedger.KindRefused.selector, WOOD, refused[i]));
            puppet.pay(0, Accounts.ofMember(ADA), H, refused[i]);
        }
    }

    function test_R1_RevertsForAKindTheTemplateDoesNotDeclare() external {
        Puppet shy = new Puppet(ledger);
        SubcontractId id = charter.attach(address(shy), 1, 1 << uint8(Kind.Trade));
        give(stranger, Accounts.ofPot(id, 0), H);

        vm.expectRevert(abi.encodeWithSelector(ILedger.KindRefused.selector, id, Kind.Pay));
        shy.pay(0, Accounts.ofMember(ADA), H, Kind.Pay);
    }

    function test_R1_RevertsForAnAccountThatIsNotItsToPay() external {
        charter.attach(address(new Puppet(ledger)), 1, type(uint256).max);
        AccountId foreign = Accounts.ofPot(OTHER, 0);
        AccountId nobody = AccountId.wrap(77);

        vm.expectRevert(abi.encodeWithSelector(ILedger.NotOwnPot.selector, WOOD, foreign));
        puppet.pay(0, foreign, H, Kind.Pay);
        vm.expectRevert(abi.encodeWithSelector(ILedger.AccountUnknown.selector, nobody));
        puppet.pay(0, nobody, H, Kind.Pay);
    }

    function test_I2_RevertsForMoreThanThePotHas() external {
        vm.expectRevert(abi.encodeWithSelector(ILedger.PotTooSmall.selector, pot(0), PURSE + 1, PURSE));
        puppet.pay(0, Accounts.ofMember(ADA), PURSE + 1, Kind.Pay);
        vm.expectRevert(abi.encodeWithSelector(ILedger.PotTooSmall.selector, pot(200), 1, 0));
        puppet.pay(200, Accounts.ofMember(ADA), 1, Kind.Pay);
    }

    function testFuzz_I2_MovesExactlyTheAmount(uint64 amount, uint8 raw) external {
        amount = uint64(bound(amount, 0, PURSE));
        AccountId[4] memory receivers =
            [Accounts.ofMember(ADA), Accounts.ofSeat(SEAT), pot(1), Accounts.COMMONS];
        AccountId to = receivers[raw % 4];
        uint64 before = ledger.purse(to).free;

        vm.expectEmit(address(ledger));
        emit ILedger.Paid(WOOD, pot(0), to, amount, Kind.Pay);
        puppet.pay(0, to, amount, Kind.Pay);

        vm.assertEq(ledger.potBalance(pot(0)), PURSE - amount, "the pot gave it");
        vm.assertEq(ledger.purse(to).free, before + amount, "the receiver has it");
        vm.assertEq(ledger.total(), 7 * PURSE, "no unit is created or lost (I2)");
    }

    function test_I2_APotPayingItselfChangesNothing() external {
        puppet.pay(0, pot(0), H, Kind.Pay);

        vm.assertEq(ledger.potBalance(pot(0)), PURSE, "as before");
    }

    function test_R8_CountsPayGiftAndTradeAsInflow() external {
        uint64 before = meansOf(ADA, OTHER).inflow90;
        Kind[6] memory kinds = [Kind.Pay, Kind.Gift, Kind.Trade, Kind.Stipend, Kind.Rebate, Kind.Remedy];
        for (uint256 i; i < kinds.length; ++i) {
            puppet.pay(0, Accounts.ofMember(ADA), H, kinds[i]);
        }

        vm.assertEq(meansOf(ADA, OTHER).inflow90, before + 3 * H, "stipend, rebate and remedy do not count");
        vm.assertEq(meansOf(ADA, WOOD).inflow90, before, "receipts under the subcontract itself do not count");
    }

    function test_R8_ReceiptsOfEarlierPeriodsDropOut() external {
        puppet.pay(0, Accounts.ofMember(ADA), H, Kind.Trade);
        passTime(60 days);
        vm.assertEq(meansOf(ADA, OTHER).inflow90, PURSE + H, "the two preceding periods count");

        passTime(30 days);
        vm.assertEq(meansOf(ADA, OTHER).inflow90, 0, "what is older does not");
        vm.assertEq(meansOf(ADA, WOOD).inflow90, 0, "nor its receipts");
    }

    function test_R1_4_RepaysAFifthAndATenthOfStipend() external {
        vm.prank(ada);
        ledger.withdraw(PURSE);
        charge(ADA, PER_EVENT);
        uint64 before = purseOf(FAY).free;

        puppet.pay(0, Accounts.ofMember(ADA), 10 * H, Kind.Pay);
        vm.assertEq(purseOf(FAY).free, before + 2 * H, "20% of pay");

        puppet.pay(0, Accounts.ofMember(ADA), 10 * H, Kind.Stipend);
        vm.assertEq(purseOf(FAY).free, before + 3 * H, "10% of a stipend");
        vm.assertEq(purseOf(ADA).arrears, PER_EVENT - 3 * H, "the debt falls by it");
        vm.assertEq(purseOf(ADA).free, 17 * H, "below the floor or not");
    }

    function test_R1_4_RepaysTheOldestFirst() external {
        vm.prank(ada);
        ledger.withdraw(PURSE);
        docket.settle(now40());
        owe(BO, H);
        passTime(1 days);
        owe(CLEO, H);

        puppet.pay(0, Accounts.ofMember(ADA), 6 * H, Kind.Pay);

        Arrear[] memory debts = ledger.arrearsOf(ADA);
        vm.assertEq(debts.length, 1, "the older is paid off");
        vm.assertEq(debts[0].amount, H - H / 5, "what was left over went to the younger");
        vm.assertTrue(debts[0].creditor == Accounts.ofMember(CLEO), "the younger remains");
    }

    function owe(MemberId creditor, uint64 amount) private {
        puppet.collect(
            Cause(STREAM, Epoch.wrap(++nextEpoch), Kind.Charge),
            pot(0),
            Accounts.ofMember(creditor),
            debitsOf(ADA, 1, amount)
        );
    }

    function test_R1_4_ARepaymentRepaysNothingFurther() external {
        vm.prank(ada);
        ledger.withdraw(PURSE);
        vm.prank(bo);
        ledger.withdraw(PURSE);
        docket.settle(now40());
        owe(BO, H);
        puppet.collect(
            Cause(STREAM, Epoch.wrap(++nextEpoch), Kind.Charge),
            pot(0),
            Accounts.ofMember(CLEO),
            debitsOf(BO, 2, H)
        );

        puppet.pay(0, Accounts.ofMember(ADA), 5 * H, Kind.Pay);

        vm.assertEq(purseOf(BO).free, H, "bo got what ada owed");
        vm.assertEq(purseOf(BO).arrears, H, "and it repaid nothing in the same call");
    }

    function test_R1_4_ArrearsLapseAfter24Months() external {
        vm.prank(ada);
        ledger.withdraw(PURSE);
        charge(ADA, H);
        passTime(730 days - 1);
        vm.assertEq(purseOf(ADA).arrears, H, "owed to the last second");

        passTime(1);
        vm.assertEq(purseOf(ADA).arrears, 0, "the jubilee");
        vm.assertEq(ledger.arrearsOf(ADA).length, 0, "no debt is listed");

        vm.expectEmit(address(ledger));
        emit ILedger.Lapsed(Accounts.ofMember(ADA), Accounts.ofMember(FAY), H, now40() - 730 days);
        puppet.pay(0, Accounts.ofMember(ADA), 5 * H, Kind.Pay);
        vm.assertEq(purseOf(ADA).free, 5 * H, "nothing is repaid");
    }
}
