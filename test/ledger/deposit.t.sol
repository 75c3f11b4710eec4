// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {Words} from "../../contracts/libraries/Words.sol";
import {Tokens} from "../../contracts/libraries/Tokens.sol";
import {Signed} from "../../contracts/Signed.sol";
import {MoodyToken} from "../hostile/Tokens.sol";
import {AccountId, Accounts, Kind, MemberId, MoneyTest, SeatId, SubcontractId} from "../MoneyTest.t.sol";
import {SignedActTest} from "../SignedActTest.t.sol";

contract LedgerDepositTest is MoneyTest {
    function ready(address from, uint64 amount) private {
        token.mint(from, amount);
        vm.prank(from);
        token.approve(address(ledger), amount);
    }

    function test_R1_1_RevertsForAnUnknownAccount() external {
        charter.ignite();
        uint32[6] memory unknown = [
            uint32(0), // no member
            7, // no such member
            1 << 16 | 1, // a member's number with a bit above it
            1 << 24 | 9, // no such operator
            2 << 24 | 2, // the charter has two pots
            2 << 24 | 1 << 8 | 2 // the subcontract has two pots
        ];
        ready(ada, 6 * H);

        for (uint256 i; i < unknown.length; ++i) {
            AccountId account = AccountId.wrap(unknown[i]);
            vm.expectRevert(abi.encodeWithSelector(ILedger.AccountUnknown.selector, account));
            vm.prank(ada);
            ledger.deposit(account, H);
        }
    }

    function test_R2_3_RevertsForAPotBeforeIgnition() external {
        ready(ada, H);

        vm.expectRevert(ILedger.NotIgnited.selector);
        vm.prank(ada);
        ledger.deposit(pot(1), H);
    }

    function test_R1_1_RevertsForAPotThatNothingPaysFrom() external {
        charter.ignite();
        ready(ada, 2 * H);
        AccountId[2] memory pots = [Accounts.COMMONS, Accounts.CARE];

        for (uint256 i; i < pots.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ILedger.NothingPaysFrom.selector, pots[i]));
            vm.prank(ada);
            ledger.deposit(pots[i], H);
        }
    }

    function testFuzz_R1_1_AnyoneDeposits(uint64 amount, uint8 raw) external {
        charter.ignite();
        AccountId[3] memory accounts = [Accounts.ofMember(ADA), Accounts.ofSeat(SEAT), pot(1)];
        AccountId account = accounts[raw % 3];
        ready(stranger, amount);

        vm.expectEmit(address(ledger));
        emit ILedger.Deposited(account, stranger, amount, raw % 3 == 0 ? Kind.Gift : Kind.Deposit);
        vm.prank(stranger);
        ledger.deposit(account, amount);

        vm.assertEq(ledger.purse(account).free, amount, "the account has it");
        vm.assertEq(ledger.total(), amount, "the ledger counts it (I2)");
        vm.assertEq(token.balanceOf(address(ledger)), amount, "the tokens are there (I2)");
    }

    function test_R8_OnesOwnDepositAndAGiftAreInflow() external {
        charter.ignite();
        ready(ada, 3 * H);
        ready(bo, 2 * H);

        vm.expectEmit(address(ledger));
        emit ILedger.Deposited(Accounts.ofMember(ADA), ada, 3 * H, Kind.Deposit);
        vm.prank(ada);
        ledger.deposit(Accounts.ofMember(ADA), 3 * H);
        vm.expectEmit(address(ledger));
        emit ILedger.Deposited(Accounts.ofMember(ADA), bo, 2 * H, Kind.Gift);
        vm.prank(bo);
        ledger.deposit(Accounts.ofMember(ADA), 2 * H);

        MemberId[] memory members = new MemberId[](1);
        members[0] = ADA;

        vm.assertEq(ledger.means(members, WOOD)[0].inflow90, 5 * H, "deposit and gift count (R8)");
    }

    function test_R1_4_AFifthOfADepositRepaysArrears() external {
        settleDown();
        vm.prank(ada);
        ledger.withdraw(PURSE);
        charge(ADA, H);
        uint64 before = purseOf(FAY).free;

        fund(ADA, 2 * H + 4);

        vm.assertEq(purseOf(ADA).arrears, H - (2 * H + 4) / 5, "20%, rounded down");
        vm.assertEq(purseOf(FAY).free, before + (2 * H + 4) / 5, "to the creditor");
        vm.assertEq(purseOf(ADA).free, 2 * H + 4 - (2 * H + 4) / 5, "the rest is ada's");
    }

    /* HOSTILE TOKENS (R1.9) */

    function test_R1_9_ATokenWithAFeeIsRefused() external {
        ready(ada, H);
        token.feel(MoodyToken.Mood.Fee);

        vm.expectRevert(abi.encodeWithSelector(Tokens.TokenShort.selector, H - 1, H));
        vm.prank(ada);
        ledger.deposit(Accounts.ofMember(ADA), H);
    }

    function test_R1_9_ATokenThatFailsIsRefused() external {
        ready(ada, H);
        MoodyToken.Mood[4] memory moods =
            [MoodyToken.Mood.False, MoodyToken.Mood.Reverting, MoodyToken.Mood.Bomb, MoodyToken.Mood.Endless];
        for (uint256 i; i < moods.length; ++i) {
            token.feel(moods[i]);
            uint256 gas = gasleft();
            vm.expectRevert(abi.encodeWithSelector(Tokens.TokenRefused.selector, token));
            vm.prank(ada);
            ledger.deposit(Accounts.ofMember(ADA), H);
            vm.assertLt(gas - gasleft(), 300_000, "a token costs at most its bound");
        }
        vm.assertEq(ledger.total(), 0, "nothing is booked");
    }

    function test_R1_9_ATokenThatCallsBackFindsTheDoorShut() external {
        ready(ada, 2 * H);
        token.callBack(address(ledger), abi.encodeCall(ledger.deposit, (Accounts.ofMember(BO), 0)));

        vm.prank(ada);
        ledger.deposit(Accounts.ofMember(ADA), H);

        vm.assertFalse(token.hookSucceeded(), "no deposit within a deposit");
        vm.assertEq(purseOf(ADA).free, H, "the deposit is booked once");
    }

    function test_R1_9_RevertsUnlessTheWholeBoundCanBeForwarded() external {
        ready(ada, H);

        vm.expectPartialRevert(Tokens.GasTooLittle.selector);
        vm.prank(ada);
        ledger.deposit{gas: 200_000}(Accounts.ofMember(ADA), H);
    }

    /* PERMIT */

    function permit(address owner, uint64 amount, uint256 deadline)
        private
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        bytes32 deed = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                owner,
                address(ledger),
                amount,
                token.nonces(owner),
                deadline
            )
        );
        return vm.sign(keyOf("ada"), keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), deed)));
    }

    function test_R1_1_APermitStandsForTheAllowance() external {
        token.mint(ada, H);
        uint256 deadline = vm.getBlockTimestamp() + 1 hours;
        (uint8 v, bytes32 r, bytes32 s) = permit(ada, H, deadline);

        vm.prank(ada);
        ledger.depositWithPermit(Accounts.ofMember(ADA), H, deadline, v, r, s);

        vm.assertEq(purseOf(ADA).free, H, "deposited");
    }

    function test_R1_1_APermitShownByAnotherIsNoError() external {
        token.mint(ada, H);
        uint256 deadline = vm.getBlockTimestamp() + 1 hours;
        (uint8 v, bytes32 r, bytes32 s) = permit(ada, H, deadline);
        vm.prank(stranger);
        token.permit(ada, address(ledger), H, deadline, v, r, s);

        vm.prank(ada);
        ledger.depositWithPermit(Accounts.ofMember(ADA), H, deadline, v, r, s);

        vm.assertEq(purseOf(ADA).free, H, "who shows a permit first cannot block the deposit");
    }
}

contract LedgerDepositBySigTest is MoneyTest, SignedActTest {
    function setUp() public override {
        super.setUp();
        token.mint(roster.keyOf(EVE), 2 * H);
        vm.prank(roster.keyOf(EVE));
        token.approve(address(ledger), 2 * H);
    }

    function door() internal view override returns (Signed) {
        return ledger;
    }

    function signer() internal view override returns (uint256, address) {
        return (keyOf("eve"), roster.keyOf(EVE));
    }

    function primaryType() internal pure override returns (string memory) {
        return "DepositMoney";
    }

    function deedOf(uint256 nonce, uint64 deadline) internal pure override returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "DepositMoney(string deed,uint16 member,string amount,uint256 nonce,uint64 deadlineUnixSeconds)"
                ),
                keccak256("Put this much from my own key into my purse."),
                EVE,
                keccak256(bytes(Words.money(H))),
                nonce,
                deadline
            )
        );
    }

    function carry(uint256 nonce, uint64 deadline, bytes memory signature) internal override {
        ledger.depositBySig(EVE, H, nonce, deadline, signature);
    }

    function assertDone() internal view override {
        vm.assertEq(purseOf(EVE).free, H, "deposited");
    }
}
