// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {AccountId, Accounts, MoneyTest, Purse} from "../MoneyTest.t.sol";

contract LedgerBondsTest is MoneyTest {
    uint64 private constant BOND = 50 * H;
    AccountId private account;

    function setUp() public override {
        super.setUp();
        account = Accounts.ofSeat(SEAT);
        give(operator, account, BOND + H);
    }

    function test_R22_OnlyTheCommitteeTouchesBonds() external {
        bytes memory refusal = abi.encodeWithSelector(ILedger.OnlyTheCommittee.selector, address(this));

        vm.expectRevert(refusal);
        ledger.holdBond(SEAT, BOND);
        vm.expectRevert(refusal);
        ledger.releaseBond(SEAT);
        vm.expectRevert(refusal);
        ledger.forfeitBond(SEAT);
    }

    function test_R22_RevertsForAPurseTooSmall() external {
        vm.expectRevert(abi.encodeWithSelector(ILedger.BondTooSmall.selector, SEAT, BOND + H, BOND + 2 * H));
        vm.prank(address(committee));
        ledger.holdBond(SEAT, BOND + 2 * H);
    }

    function test_R22_ABondIsHeldThenReleased() external {
        vm.prank(address(committee));
        ledger.holdBond(SEAT, BOND);
        Purse memory held = ledger.purse(account);
        vm.assertEq(held.free, H, "the rest stays free");
        vm.assertEq(held.held, BOND, "the bond is held");

        vm.expectRevert(abi.encodeWithSelector(ILedger.MoreThanWithdrawable.selector, BOND, H));
        vm.prank(operator);
        ledger.withdrawSeat(SEAT, BOND);

        vm.prank(address(committee));
        ledger.releaseBond(SEAT);
        vm.prank(operator);
        ledger.withdrawSeat(SEAT, BOND + H);
        vm.assertEq(token.balanceOf(operator), BOND + H, "all of it is the operator's");
    }

    function test_R22_AForfeitBondGoesToTheCarePot() external {
        vm.prank(address(committee));
        ledger.holdBond(SEAT, BOND);

        vm.expectEmit(address(ledger));
        emit ILedger.Forfeited(account, "bond", Accounts.CARE, BOND);
        vm.prank(address(committee));
        ledger.forfeitBond(SEAT);

        vm.assertEq(ledger.potBalance(Accounts.CARE), BOND, "to the care pot");
        vm.assertEq(ledger.purse(account).held, 0, "nothing is held");
        vm.assertEq(ledger.purse(account).free, H, "what was no bond stays");
        vm.assertEq(ledger.total(), BOND + H, "no unit is created or lost (I2)");
    }

    function test_R22_OnlyTheIdentityWithdraws() external {
        vm.expectRevert(abi.encodeWithSelector(ILedger.OnlyTheSeat.selector, stranger, operator));
        vm.prank(stranger);
        ledger.withdrawSeat(SEAT, H);
    }
}
