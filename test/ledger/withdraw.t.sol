// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {Tokens} from "../../contracts/libraries/Tokens.sol";
import {Words} from "../../contracts/libraries/Words.sol";
import {Signed} from "../../contracts/Signed.sol";
import {MoodyToken} from "../hostile/Tokens.sol";
import {Accounts, Kind, MandateCaps, MoneyTest} from "../MoneyTest.t.sol";
import {SignedActTest} from "../SignedActTest.t.sol";

contract LedgerWithdrawTest is MoneyTest {
    function setUp() public override {
        super.setUp();
        settleDown();
    }

    function sign(MandateCaps memory c) private {
        bytes32 terms = charter.termsHashOf(WOOD);
        vm.prank(ada);
        mandates.signMandate(c, terms);
    }

    function test_R1_1_RevertsForAStranger() external {
        vm.expectRevert(abi.encodeWithSelector(Signed.NotAMember.selector, stranger));
        vm.prank(stranger);
        ledger.withdraw(1);
    }

    function testFuzz_R1_1_GivesUpToWithdrawable(uint64 amount) external {
        amount = uint64(bound(amount, 0, PURSE));

        vm.expectEmit(address(ledger));
        emit ILedger.Withdrew(Accounts.ofMember(ADA), ada, amount);
        vm.prank(ada);
        ledger.withdraw(amount);

        vm.assertEq(token.balanceOf(ada), amount, "at once, to the member's own key");
        vm.assertEq(ledger.total(), 6 * PURSE - amount, "the ledger counts it (I2)");
    }

    function test_R1_1_RevertsForMore() external {
        vm.expectRevert(abi.encodeWithSelector(ILedger.MoreThanWithdrawable.selector, PURSE + 1, PURSE));
        vm.prank(ada);
        ledger.withdraw(PURSE + 1);
    }

    function test_R1_1_HoldsBackPerEventForEachOpenEpoch() external {
        docket.openEpoch(WOOD, now40() - 8 days);
        vm.assertEq(ledger.withdrawable(ADA), PURSE - PER_EVENT, "one open epoch");

        docket.openEpoch(WOOD, now40() - 1 days);
        vm.assertEq(ledger.withdrawable(ADA), PURSE - 2 * PER_EVENT, "two open epochs");

        docket.openEpoch(WOOD, now40() - 1 hours);
        vm.assertEq(ledger.withdrawable(ADA), PURSE - PER_PERIOD, "at most the caps left");

        docket.closeEpochs(WOOD);
        vm.assertEq(ledger.withdrawable(ADA), PURSE, "settled or lapsed, nothing is held back");
    }

    function test_R1_1_HoldsBackNoMoreThanGlobalIsLeft() external {
        vm.prank(ada);
        mandates.limitGlobal(PER_EVENT / 2);
        docket.openEpoch(WOOD, tomorrow());
        passTime(2 days);

        vm.assertEq(ledger.withdrawable(ADA), PURSE - PER_EVENT / 2, "globalPerPeriod binds");
    }

    function test_R1_5_EachEpochHoldsBackUnderItsOwnVersion() external {
        docket.openEpoch(WOOD, now40());
        docket.openEpoch(WOOD, tomorrow());
        sign(caps(H, PER_PERIOD, SHARED));
        passTime(2 days);

        vm.assertEq(ledger.withdrawable(ADA), PURSE - PER_EVENT - H, "the old version's and the new one's");

        vm.prank(ada);
        mandates.revokeMandate(WOOD);
        docket.openEpoch(WOOD, tomorrow());
        passTime(2 days);

        vm.assertEq(ledger.withdrawable(ADA), PURSE - PER_EVENT - H, "a revoked mandate holds nothing back");
    }

    function test_R16_1_ALeaversCapsAreHeldBackWhileAnEpochIsOpen() external {
        docket.openEpoch(WOOD, now40() - 1 days);
        charge(ADA, 3 * H);
        vm.prank(ada);
        roster.leave();

        vm.assertEq(
            ledger.withdrawable(ADA),
            PURSE - 3 * H - (PER_PERIOD - 3 * H) - SHARED,
            "the whole caps left are held back"
        );

        docket.closeEpochs(WOOD);
        vm.assertEq(ledger.withdrawable(ADA), PURSE - 3 * H, "everything else is released at once");
        vm.prank(ada);
        ledger.withdraw(PURSE - 3 * H);
    }

    function test_R16_1_AnEpochBegunAfterLeavingHoldsNothingBack() external {
        vm.prank(ada);
        roster.leave();
        docket.openEpoch(WOOD, now40());

        vm.assertEq(ledger.withdrawable(ADA), PURSE, "no new duty after leaving");
    }

    function test_I6_DoesNotDependOnOthers() external {
        uint64 before = ledger.withdrawable(ADA);

        vm.prank(bo);
        roster.leave();
        charge(CLEO, PER_EVENT);
        vm.prank(address(puppet));
        ledger.pay(0, Accounts.ofMember(DEV), H, Kind.Pay);
        charter.fail();

        vm.assertEq(ledger.withdrawable(ADA), before, "nobody else's act or vote changes it (I6)");
    }

    function test_R1_9_RevertsWhenTheTokenFails() external {
        token.feel(MoodyToken.Mood.Reverting);

        vm.expectRevert(abi.encodeWithSelector(Tokens.TokenRefused.selector, token));
        vm.prank(ada);
        ledger.withdraw(H);
        vm.assertEq(purseOf(ADA).free, PURSE, "nothing is booked");
    }

    function test_R1_9_ATokenThatCallsBackWithdrawsOnce() external {
        token.callBack(address(ledger), abi.encodeCall(ledger.withdrawSeat, (SEAT, 0)));

        vm.prank(ada);
        ledger.withdraw(H);

        vm.assertFalse(token.hookSucceeded(), "no withdrawal within a withdrawal");
        vm.assertEq(token.balanceOf(ada), H, "paid once");
    }
}

contract LedgerWithdrawUnfoundedTest is MoneyTest {
    function test_R2_3_BeforeIgnitionEverythingIsRefundable() external {
        found(ADA, caps(PER_EVENT, PER_PERIOD, SHARED), GLOBAL);
        fund(ADA, PURSE);

        vm.prank(ada);
        ledger.withdraw(PURSE);

        vm.assertEq(token.balanceOf(ada), PURSE, "a founder takes their deposit back");
    }

    function test_R2_3_AVoidCharterReturnsBondsToo() external {
        give(operator, Accounts.ofSeat(SEAT), 50 * H);
        vm.prank(address(committee));
        ledger.holdBond(SEAT, 50 * H);
        vm.expectRevert(abi.encodeWithSelector(ILedger.MoreThanWithdrawable.selector, 50 * H, 0));
        vm.prank(operator);
        ledger.withdrawSeat(SEAT, 50 * H);

        charter.fail();
        vm.prank(operator);
        ledger.withdrawSeat(SEAT, 50 * H);

        vm.assertEq(token.balanceOf(operator), 50 * H, "the bond is back");
    }
}

contract LedgerWithdrawBySigTest is MoneyTest, SignedActTest {
    function setUp() public override {
        super.setUp();
        settleDown();
    }

    function door() internal view override returns (Signed) {
        return ledger;
    }

    function signer() internal view override returns (uint256, address) {
        return (keyOf("eve"), roster.keyOf(EVE));
    }

    function primaryType() internal pure override returns (string memory) {
        return "WithdrawMoney";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal pure override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "WithdrawMoney(string deed,uint16 member,string amount,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("Pay this much out of my purse to my own key."),
                EVE,
                keccak256(bytes(Words.money(H))),
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        ledger.withdrawBySig(EVE, H, nonce, deadline, signature);
    }

    function assertDone() internal view override {
        vm.assertEq(token.balanceOf(roster.keyOf(EVE)), H, "paid to the member, whoever carried it");
    }
}
