// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ICharter, Module} from "./interfaces/ICharter.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {IDocket} from "./interfaces/IDocket.sol";
import {Arrear, Cause, Debit, ILedger, Kind, Means, Outcome, Purse} from "./interfaces/ILedger.sol";
import {IMandates, Reach} from "./interfaces/IMandates.sol";
import {IRoster} from "./interfaces/IRoster.sol";
import {Allowance} from "./types/Allowance.sol";
import {AccountId, Accounts, Epoch, MemberId, SeatId, StreamId, SubcontractId} from "./types/Ids.sol";
import {Arrears} from "./libraries/Arrears.sol";
import {Purses} from "./libraries/Purses.sol";
import {Tokens} from "./libraries/Tokens.sol";
import {Words} from "./libraries/Words.sol";
import {Signed} from "./Signed.sol";

/// @title The ledger
/// @notice Every token is here. `collect` is the only way money leaves a purse without its owner's signature (R1).
/// @dev POWERS. None: a subcontract asks within what the payer signed, the committee touches seats' bonds only.
/// LIVENESS. Taking money out depends on the token, the charter and the docket, on no subcontract and no vote (I6).
contract Ledger is ILedger, Signed, ReentrancyGuardTransient {
    using Arrears for Arrears.Queue;
    using Purses for Purses.State;
    using SafeCast for uint256;
    using SafeCast for int256;
    using Tokens for IERC20;

    /* CONSTANTS */

    uint256 private constant REPAYMENT_PERCENT = 20;
    uint256 private constant STIPEND_REPAYMENT_PERCENT = 10;

    /// @dev Debts that one inflow, or one new debt, repays or lets lapse (R1.4): so a payer's or a payee's many debts make
    /// no settlement dearer than its gas bound.
    uint256 private constant DEBTS_AT_ONCE = 4;

    /// @dev Kinds that count as inflow (R8): own deposits, pay, gifts, trade.
    uint256 private constant COUNTED =
        1 << uint8(Kind.Deposit) | 1 << uint8(Kind.Pay) | 1 << uint8(Kind.Gift) | 1 << uint8(Kind.Trade);

    /// @dev Kinds a report causes (R1.2), and kinds a pot pays.
    uint256 private constant CAUSED =
        1 << uint8(Kind.Charge) | 1 << uint8(Kind.Shared) | 1 << uint8(Kind.Remedy);
    uint256 private constant PAYABLE = 1 << uint8(Kind.Pay) | 1 << uint8(Kind.Gift) | 1 << uint8(Kind.Trade)
        | 1 << uint8(Kind.Stipend) | 1 << uint8(Kind.Rebate) | 1 << uint8(Kind.Remedy);

    /// @dev The one obligation a seat's money is held for (R22).
    bytes32 private constant BOND = "bond";

    bytes32 private constant DEPOSIT_TYPEHASH = keccak256(
        "DepositMoney(string deed,uint16 member,string amount,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant WITHDRAW_TYPEHASH = keccak256(
        "WithdrawMoney(string deed,uint16 member,string amount,uint256 nonce,uint64 deadlineUnixSeconds)"
    );

    bytes32 private constant DEPOSIT_DEED = keccak256("Put this much from my own key into my purse.");
    bytes32 private constant WITHDRAW_DEED = keccak256("Pay this much out of my purse to my own key.");

    /* IMMUTABLES */

    ICharter public immutable charter;
    IRoster private immutable _ROSTER;
    ICommittee private immutable _COMMITTEE;
    IDocket private immutable _DOCKET;
    IMandates private immutable _MANDATES;
    IERC20 public immutable token;
    uint64 private immutable _FLOOR;

    /* STORAGE */

    /// @inheritdoc ILedger
    uint256 public total;

    mapping(AccountId account => Purses.State) private _purses;
    mapping(MemberId debtor => Arrears.Queue) private _arrears;

    /// @dev Counted receipts of a member out of one subcontract's pots, by period; key by `_receiptKey`.
    mapping(uint256 key => uint256 amount) private _receipts;

    /// @dev Causes that settled, one bit per payer (per line for a remedy); key by `_causeKey`.
    mapping(uint256 key => uint256 bits) private _settled;

    /* CONSTRUCTOR */

    constructor() {
        charter = ICharter(msg.sender);
        _ROSTER = IRoster(charter.module(Module.Roster));
        _COMMITTEE = ICommittee(charter.module(Module.Committee));
        _DOCKET = IDocket(charter.module(Module.Docket));
        _MANDATES = IMandates(charter.module(Module.Mandates));
        token = IERC20(charter.token());
        _FLOOR = charter.floor();
    }

    /* MONEY IN AND OUT (R1.1) */

    /// @inheritdoc ILedger
    function deposit(AccountId account, uint64 amount) external {
        _deposit(msg.sender, account, amount);
    }

    /// @inheritdoc ILedger
    function depositWithPermit(
        AccountId account,
        uint64 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        token.tryPermit(msg.sender, amount, deadline, v, r, s);
        _deposit(msg.sender, account, amount);
    }

    /// @inheritdoc ILedger
    function depositBySig(
        MemberId member,
        uint64 amount,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        address key = _takeAmount(DEPOSIT_TYPEHASH, DEPOSIT_DEED, member, amount, nonce, deadline, signature);
        _deposit(key, Accounts.ofMember(member), amount);
    }

    function _deposit(address from, AccountId account, uint64 amount) private nonReentrant {
        uint256 t0 = charter.t0();
        address owner = _requireAccount(account);
        // Gifts to a pot have no owner to go back to where the charter comes to nothing (R2.3).
        if (account.isPot() && t0 == 0) revert NotIgnited();
        // No part pays from the charter's own pots yet, so nobody's gift shall go there.
        if (account == Accounts.COMMONS || account == Accounts.CARE) revert NothingPaysFrom(account);
        Kind kind = !account.isMember() || owner == from ? Kind.Deposit : Kind.Gift;

        token.pull(from, amount);

        total += amount;
        emit Deposited(account, from, amount, kind);
        _credit(account, amount, kind, SubcontractId.wrap(0), t0);
    }

    /// @inheritdoc ILedger
    function withdraw(uint64 amount) external {
        _withdraw(_ROSTER.memberOf(msg.sender), msg.sender, amount);
    }

    /// @inheritdoc ILedger
    function withdrawBySig(
        MemberId member,
        uint64 amount,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        address key = _takeAmount(
            WITHDRAW_TYPEHASH, WITHDRAW_DEED, member, amount, nonce, deadline, signature
        );
        _withdraw(member, key, amount);
    }

    function _withdraw(MemberId member, address key, uint64 amount) private nonReentrant {
        if (member == MemberId.wrap(0)) revert NotAMember(key);
        uint256 t0 = charter.t0();
        uint64 most = withdrawable(member);
        if (amount > most) revert MoreThanWithdrawable(amount, most);

        Purses.State storage purse_ = _purses[Accounts.ofMember(member)];
        Purses.Balance memory balance = purse_.read();
        purse_.touch(balance, t0);
        balance.free -= amount;
        purse_.write(balance);
        purse_.count(-int256(uint256(amount)), false, t0);
        total -= amount;

        emit Withdrew(Accounts.ofMember(member), key, amount);

        token.push(key, amount);
    }

    /// @inheritdoc ILedger
    function withdrawSeat(SeatId seat, uint64 amount) external nonReentrant {
        address identity = _COMMITTEE.identityOf(seat);
        if (msg.sender != identity) revert OnlyTheSeat(msg.sender, identity);
        AccountId account = Accounts.ofSeat(seat);
        // A charter that came to nothing holds no bond (R2.3).
        if (charter.t0() == 0 && charter.isVoid()) _release(account);
        uint64 most = _purses[account].free();
        if (amount > most) revert MoreThanWithdrawable(amount, most);

        _purses[account].take(amount);
        total -= amount;

        emit Withdrew(account, identity, amount);

        token.push(identity, amount);
    }

    /// @dev For the two deeds about an amount of the member's own; gives the key they act by.
    function _takeAmount(
        bytes32 typehash,
        bytes32 deed,
        MemberId member,
        uint64 amount,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) private returns (address key) {
        bytes32 words = keccak256(bytes(Words.money(amount)));
        bytes32 structHash = keccak256(abi.encode(typehash, deed, member, words, nonce, deadline));
        key = _ROSTER.keyOf(member);
        _takeSignature(key, structHash, nonce, deadline, signature);
    }

    /* WHAT SUBCONTRACTS ASK (R1.2, R1.3) */

    /// @dev What all debits of one call have in common.
    struct Collection {
        SubcontractId subcontract;
        Cause cause;
        AccountId to;
        AccountId creditor;
        uint40 begin; // of the epoch, unix seconds
        uint256 t0;
        uint16 period; // of settlement
        uint256 key; // of the word of nullifiers in hand
        uint256 bits; // that word
        uint256[] frozen; // one bit per member, empty where no line is
    }

    /// @inheritdoc ILedger
    function collect(Cause calldata cause, AccountId to, AccountId creditor, Debit[] calldata debits)
        external
        returns (Outcome[] memory outcomes)
    {
        Collection memory c = _open(cause, to, creditor);
        Allowance[] memory allowed = _MANDATES.useCaps(c.subcontract, cause.kind, c.begin, c.period, debits);
        outcomes = new Outcome[](debits.length);
        uint256 sum;
        for (uint256 i; i < debits.length; ++i) {
            Debit calldata debit = debits[i];
            _spendCause(c, debit);
            outcomes[i] = _debit(c, debit, allowed[i]);
            sum += outcomes[i].paid;

            _log(c, debit, outcomes[i]);
        }
        if (c.key != 0) _settled[c.key] = c.bits;
        if (sum != 0) _purses[to].add(sum.toUint64());
    }

    function _log(Collection memory c, Debit calldata debit, Outcome memory outcome) private {
        emit Collected(
            c.subcontract,
            debit.payer,
            c.cause.stream,
            c.cause.epoch,
            c.cause.kind,
            debit.line,
            c.to,
            c.creditor,
            outcome
        );
    }

    /// @dev Fails if the caller is no subcontract of this charter, if its template does not declare the kind, if no final
    /// report of verdict OK is being settled, or if that epoch does not accrue.
    function _open(Cause calldata cause, AccountId to, AccountId creditor)
        private
        view
        returns (Collection memory c)
    {
        c.subcontract = _requireSubcontract(cause.kind, CAUSED);
        c.t0 = charter.t0();
        if (c.t0 == 0) revert NotIgnited();
        (uint40 begin, MemberId[] memory frozen) = _DOCKET.settling(c.subcontract, cause.stream, cause.epoch);
        if (!charter.accruesAt(c.subcontract, begin)) revert NotAccruing(c.subcontract, begin);
        _requireOwnPot(c.subcontract, to);
        // An account of nobody's would keep what repays a debt out of everybody's reach.
        if (creditor.isMember()) _requireAccount(creditor);
        else _requireOwnPot(c.subcontract, creditor);

        (c.cause, c.to, c.creditor, c.begin) = (cause, to, creditor, begin);
        c.period = Purses.periodAt(block.timestamp, c.t0).toUint16();
        if (frozen.length != 0) {
            c.frozen = new uint256[](256);
            // One line per member of one report, so at most 150.
            for (uint256 i; i < frozen.length; ++i) {
                uint256 member = MemberId.unwrap(frozen[i]);
                c.frozen[member >> 8] |= 1 << (member & 0xff);
            }
        }
    }

    /// @dev Marks the cause of one debit; fails if it settled before (I4), or if its line is not the payer's to pay.
    function _spendCause(Collection memory c, Debit calldata debit) private {
        uint256 payer = MemberId.unwrap(debit.payer);
        uint256 number = payer;
        if (c.cause.kind == Kind.Remedy) {
            number = debit.line;
        } else if (debit.line != (c.cause.kind == Kind.Shared ? 0 : payer)) {
            revert LineNotPayers(debit.payer, debit.line);
        }
        if (c.cause.kind != Kind.Shared && c.frozen.length != 0) {
            if (c.frozen[payer >> 8] >> (payer & 0xff) & 1 != 0) revert LineFrozen(debit.payer);
        }

        uint256 key = _causeKey(c, payer, number >> 8);
        if (key != c.key) {
            // Payers come in order, so a word of nullifiers is read and written about once.
            if (c.key != 0) _settled[c.key] = c.bits;
            (c.key, c.bits) = (key, _settled[key]);
        }
        uint256 bit = 1 << (number & 0xff);
        if (c.bits & bit != 0) revert AlreadySettled(debit.payer, debit.line);
        c.bits |= bit;
    }

    /// @dev A remedy may fall due for several lines of one payer, so its word is the payer's own. Never zero, as the
    /// subcontract is not.
    function _causeKey(Collection memory c, uint256 payer, uint256 word) private pure returns (uint256) {
        return uint256(SubcontractId.unwrap(c.subcontract)) << 96 | uint256(StreamId.unwrap(c.cause.stream))
            << 80 | uint256(Epoch.unwrap(c.cause.epoch)) << 56 | uint256(c.cause.kind) << 48
            | (c.cause.kind == Kind.Remedy ? payer : 0) << 16 | word;
    }

    /// @dev The one way a purse is debited: what is there is paid, of what the caps allowed (R1.2, R1.3).
    function _debit(Collection memory c, Debit calldata debit, Allowance allowed)
        private
        returns (Outcome memory outcome)
    {
        uint64 within = allowed.within();
        uint64 amount = debit.amount;
        (outcome.within, outcome.extinguished) = (within, amount);
        if (within == 0) return outcome;

        Purses.State storage purse_ = _purses[Accounts.ofMember(debit.payer)];
        Purses.Balance memory balance = purse_.read();
        uint256 spendable = allowed.hasLeft() ? balance.free : Math.saturatingSub(balance.free, _FLOOR);
        uint64 paid = Math.min(within, spendable).toUint64();
        if (paid != 0) {
            purse_.touch(balance, c.t0);
            balance.free -= paid;
            purse_.write(balance);
        }
        uint64 short = within - paid;
        if (short != 0 && c.cause.kind == Kind.Charge && _owe(debit.payer, c, short)) {
            outcome.arrears = short;
        }
        outcome.paid = paid;
        outcome.extinguished = amount - paid - outcome.arrears;
    }

    /// @dev Books arrears; false where the shortfall is nobody's debt: at the cap of 64 debts, where the sum would not fit,
    /// so that nobody's debts stop a settlement, and to oneself, which would keep all other creditors waiting.
    function _owe(MemberId payer, Collection memory c, uint64 amount) private returns (bool) {
        AccountId account = Accounts.ofMember(payer);
        if (c.creditor == account) return false;
        Arrears.Queue storage queue = _arrears[payer];
        for (uint256 i; i < DEBTS_AT_ONCE && _dropLapsed(payer, queue); ++i) {}
        Purses.Balance memory balance = _purses[account].read();
        if (amount > type(uint64).max - balance.owed) return false;
        if (!queue.push(c.creditor, c.subcontract, amount, Purses.begin(c.period, c.t0))) return false;

        balance.owed += amount;
        _purses[account].write(balance);
        return true;
    }

    /// @inheritdoc ILedger
    function pay(uint8 slot, AccountId to, uint64 amount, Kind kind) external {
        SubcontractId subcontract = _requireSubcontract(kind, PAYABLE);
        uint256 t0 = charter.t0();
        AccountId pot = Accounts.ofPot(subcontract, slot);
        // A pot pays members, seats, the charter's pots and its own sisters; no other article's.
        if (to.isPot() && to.subcontractOf() != SubcontractId.wrap(0)) _requireOwnPot(subcontract, to);
        else _requireAccount(to);
        uint64 balance = _purses[pot].free();
        if (amount > balance) revert PotTooSmall(pot, amount, balance);

        _purses[pot].take(amount);
        emit Paid(subcontract, pot, to, amount, kind);
        _credit(to, amount, kind, subcontract, t0);
    }

    /// @dev The one way an account is credited: inflow is counted, then arrears are repaid out of it (R1.4, R8).
    function _credit(AccountId account, uint64 amount, Kind kind, SubcontractId subcontract, uint256 t0)
        private
    {
        _receive(account, amount, kind, subcontract, t0);
        if (account.isMember()) _repay(account.memberOf(), amount, kind, t0);
    }

    function _receive(AccountId account, uint64 amount, Kind kind, SubcontractId subcontract, uint256 t0)
        private
    {
        Purses.State storage purse_ = _purses[account];
        if (!account.isMember()) {
            purse_.add(amount);
            return;
        }
        MemberId member = account.memberOf();
        Purses.Balance memory balance = purse_.read();
        if (balance.touchedAt == 0) balance.since = uint256(_ROSTER.admittedAt(member)).toUint32();
        purse_.touch(balance, t0);
        balance.free += amount;
        purse_.write(balance);

        if (COUNTED >> uint8(kind) & 1 == 0) return;
        bool isReceipt = subcontract != SubcontractId.wrap(0);
        purse_.count(int256(uint256(amount)), isReceipt, t0);
        if (isReceipt) {
            _receipts[_receiptKey(subcontract, member, Purses.periodAt(block.timestamp, t0))] += amount;
        }
    }

    /// @dev Oldest first, out of an inflow that has just landed. A creditor's receipt is trade, and repays none of the
    /// creditor's own arrears in the same call, so the chain of payments ends here.
    function _repay(MemberId debtor, uint64 inflow, Kind kind, uint256 t0) private {
        AccountId account = Accounts.ofMember(debtor);
        if (_purses[account].read().owed == 0) return;

        Arrears.Queue storage queue = _arrears[debtor];
        uint256 percent = kind == Kind.Stipend ? STIPEND_REPAYMENT_PERCENT : REPAYMENT_PERCENT;
        uint256 left = uint256(inflow) * percent / 100;
        for (uint256 i; i < DEBTS_AT_ONCE && left != 0 && queue.count() != 0; ++i) {
            if (_dropLapsed(debtor, queue)) continue;
            Arrears.Debt memory debt = queue.first();
            uint64 part = Math.min(left, debt.amount).toUint64();
            left -= part;

            if (part == debt.amount) queue.pop();
            else queue.first().amount = debt.amount - part;
            _purses[account].take(part);
            _purses[account].takeOwed(part);
            emit Repaid(account, debt.creditor, part, debt.since);
            _receive(debt.creditor, part, Kind.Trade, debt.subcontract, t0);
        }
    }

    /// @dev The jubilee (R1.4): takes the oldest debt off where it has lapsed, and says so. Debts are in order of age.
    function _dropLapsed(MemberId debtor, Arrears.Queue storage queue) private returns (bool) {
        if (queue.count() == 0) return false;
        Arrears.Debt memory debt = queue.first();
        if (!Arrears.isLapsed(debt)) return false;

        queue.pop();
        _purses[Accounts.ofMember(debtor)].takeOwed(debt.amount);
        emit Lapsed(Accounts.ofMember(debtor), debt.creditor, debt.amount, debt.since);
        return true;
    }

    function _requireSubcontract(Kind kind, uint256 allowed)
        private
        view
        returns (SubcontractId subcontract)
    {
        subcontract = charter.subcontractOf(msg.sender);
        if (subcontract == SubcontractId.wrap(0)) revert OnlyASubcontract(msg.sender);
        if (allowed >> uint8(kind) & 1 == 0 || !charter.declares(subcontract, uint8(kind))) {
            revert KindRefused(subcontract, kind);
        }
    }

    function _requireOwnPot(SubcontractId subcontract, AccountId account) private view {
        uint8 pots = charter.potsOf(subcontract);
        if (!account.isPot() || account.subcontractOf() != subcontract || account.slotOf() >= pots) {
            revert NotOwnPot(subcontract, account);
        }
    }

    /// @dev Fails if there is no such account; gives the key of a member's.
    function _requireAccount(AccountId account) private view returns (address owner) {
        bool known;
        if (account.isMember()) {
            owner = _ROSTER.keyOf(account.memberOf());
            known = owner != address(0) && account == Accounts.ofMember(account.memberOf());
        } else if (account.isPot()) {
            SubcontractId subcontract = account.subcontractOf();
            known = subcontract == SubcontractId.wrap(0)
                ? account == Accounts.COMMONS || account == Accounts.CARE
                : account.slotOf() < charter.potsOf(subcontract);
        } else {
            SeatId seat = account.seatOf();
            known = account == Accounts.ofSeat(seat) && _COMMITTEE.identityOf(seat) != address(0);
        }
        if (!known) revert AccountUnknown(account);
    }

    function _receiptKey(SubcontractId subcontract, MemberId member, uint256 period)
        private
        pure
        returns (uint256)
    {
        return uint256(SubcontractId.unwrap(subcontract)) << 32 | uint256(MemberId.unwrap(member)) << 16
            | period;
    }

    /* BONDS (R22): only the committee */

    /// @inheritdoc ILedger
    function holdBond(SeatId seat, uint64 amount) external {
        _requireCommittee();
        AccountId account = Accounts.ofSeat(seat);
        Purses.Balance memory balance = _purses[account].read();
        if (amount > balance.free) revert BondTooSmall(seat, balance.free, amount);

        balance.free -= amount;
        balance.held += amount;
        _purses[account].write(balance);

        emit Held(account, BOND, amount);
    }

    /// @inheritdoc ILedger
    function releaseBond(SeatId seat) external {
        _requireCommittee();
        _release(Accounts.ofSeat(seat));
    }

    function _release(AccountId account) private {
        Purses.Balance memory balance = _purses[account].read();
        uint64 amount = balance.held;
        if (amount == 0) return;

        balance.held = 0;
        balance.free += amount;
        _purses[account].write(balance);

        emit Released(account, BOND, amount);
    }

    /// @inheritdoc ILedger
    function forfeitBond(SeatId seat) external {
        _requireCommittee();
        AccountId account = Accounts.ofSeat(seat);
        Purses.Balance memory balance = _purses[account].read();
        uint64 amount = balance.held;

        balance.held = 0;
        _purses[account].write(balance);
        _purses[Accounts.CARE].add(amount);

        emit Forfeited(account, BOND, Accounts.CARE, amount);
    }

    function _requireCommittee() private view {
        if (msg.sender != address(_COMMITTEE)) revert OnlyTheCommittee(msg.sender);
    }

    /* VIEWS */

    /// @inheritdoc ILedger
    function purse(AccountId account) external view returns (Purse memory) {
        Purses.Balance memory balance = _purses[account].read();
        if (!account.isMember()) return Purse(balance.free, balance.held, 0, 0);
        MemberId member = account.memberOf();
        uint64 floor = _ROSTER.leftAt(member) == 0 ? _FLOOR : 0;
        return Purse(balance.free, balance.held, floor, _arrears[member].sum());
    }

    /// @inheritdoc ILedger
    function potBalance(AccountId pot) external view returns (uint64) {
        return _purses[pot].free();
    }

    /// @inheritdoc ILedger
    function arrearsOf(MemberId member) external view returns (Arrear[] memory) {
        return _arrears[member].list();
    }

    /// @inheritdoc ILedger
    function means(MemberId[] calldata members, SubcontractId except)
        external
        view
        returns (Means[] memory result)
    {
        uint256 t0 = charter.t0();
        if (t0 == 0) revert NotIgnited();
        result = new Means[](members.length);
        for (uint256 i; i < members.length; ++i) {
            MemberId member = members[i];
            Purses.State storage purse_ = _purses[Accounts.ofMember(member)];
            (int256 counted, uint256 mean, bool hasReceipts) = purse_.means(t0);
            if (hasReceipts) counted -= _receiptsOf(member, except, t0);
            result[i].inflow90 = counted <= 0 ? 0 : Math.min(counted.toUint256(), type(uint64).max).toUint64();
            result[i].purse90 = mean.toUint64();
        }
    }

    /// @dev What came out of one subcontract's pots in the current and the two preceding periods.
    function _receiptsOf(MemberId member, SubcontractId subcontract, uint256 t0)
        private
        view
        returns (int256 sum)
    {
        uint256 current = Purses.periodAt(block.timestamp, t0);
        for (uint256 period = current < 2 ? 0 : current - 2; period <= current; ++period) {
            sum += _receipts[_receiptKey(subcontract, member, period)].toInt256();
        }
    }

    /// @inheritdoc ILedger
    function withdrawable(MemberId member) public view returns (uint64) {
        uint256 free = _purses[Accounts.ofMember(member)].free();
        return Math.saturatingSub(free, _MANDATES.reachOf(member).heldBack).toUint64();
    }

    /// @inheritdoc ILedger
    function maxExposure(MemberId member) external view returns (uint64 thisPeriod, uint64 nextPeriod) {
        Reach memory reach = _MANDATES.reachOf(member);
        uint256 standing = uint256(_arrears[member].sum()) + _purses[Accounts.ofMember(member)].read().held;
        thisPeriod = _clamp(reach.thisPeriod + standing);
        nextPeriod = _clamp(reach.nextPeriod + standing);
    }

    function _clamp(uint256 amount) private pure returns (uint64) {
        return Math.min(amount, type(uint64).max).toUint64();
    }
}
