// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {AccountId, Epoch, MemberId, SeatId, StreamId, SubcontractId} from "../types/Ids.sol";

/// @notice How money moves (R1). The first six come into an account, the others leave one for another.
enum Kind {
    Deposit,
    Pay,
    Gift,
    Trade,
    Stipend,
    Rebate,
    Charge,
    Shared,
    Remedy,
    Loan,
    Guarantee,
    Pledge
}

/// @notice Why a subcontract may collect (R1.2): this report, final and OK, and this kind.
struct Cause {
    StreamId stream;
    Epoch epoch;
    Kind kind; // Charge, Shared or Remedy
}

/// @notice One debit of a cause. A Charge names the payer's own line; Shared names line 0, what nobody took.
struct Debit {
    MemberId payer;
    uint16 line;
    uint64 amount; // units of H
}

/// @notice What became of one debit, units of H; the first three sum to the amount asked.
struct Outcome {
    uint64 paid;
    uint64 arrears; // within the caps, not affordable, owed without interest (Charge only)
    uint64 extinguished; // nobody's debt
    uint64 within; // what the caps allowed, and were used up by
}

/// @notice A member's means as R8 reads them, units of H.
struct Means {
    uint64 inflow90; // counted inflow of the current and the two preceding periods, own withdrawals taken off
    uint64 purse90; // time-weighted mean of free and held over the same span
}

/// @notice One purse, units of H.
struct Purse {
    uint64 free;
    uint64 held;
    uint64 floor;
    uint64 arrears; // all that is owed to others
}

/// @notice What a debt says: owed to whom, how much, since when.
struct Arrear {
    AccountId creditor;
    uint64 amount;
    uint40 since;
}

/// @title The ledger
/// @notice Every token is here. `collect` is the only way money leaves a purse without its owner's signature.
/// @dev ASSUMPTIONS. The token is a plain ERC-20 of 6 decimals without fee, rebase or hooks (founding refuses others).
/// UNITS. Amounts are units of H (millionths), below 2^64. Periods are 30 days from ignition.
interface ILedger {
    /* ERRORS */

    error NotIgnited();
    error OnlyTheCommittee(address caller);
    error OnlyASubcontract(address caller);
    error OnlyTheSeat(address caller, address identity);
    error AccountUnknown(AccountId account);
    error NothingPaysFrom(AccountId pot);
    error MoreThanWithdrawable(uint64 given, uint64 most);
    error KindRefused(SubcontractId subcontract, Kind kind);
    error NotAccruing(SubcontractId subcontract, uint40 begin);
    error NotOwnPot(SubcontractId subcontract, AccountId account);
    error LineNotPayers(MemberId payer, uint16 line);
    error LineFrozen(MemberId payer);
    error AlreadySettled(MemberId payer, uint16 line);
    error PotTooSmall(AccountId pot, uint64 given, uint64 balance);
    error BondTooSmall(SeatId seat, uint64 given, uint64 wanted);

    /* EVENTS */

    /// @notice `kind` is Deposit where the payer is the account's own key, else Gift.
    event Deposited(AccountId indexed account, address indexed from, uint64 amount, Kind kind);
    event Withdrew(AccountId indexed account, address indexed to, uint64 amount);

    /// @notice One debit of a cause; `to` is the account that received what was paid, `creditor` whom arrears are owed to.
    event Collected(
        SubcontractId indexed subcontract,
        MemberId indexed payer,
        StreamId stream,
        Epoch epoch,
        Kind kind,
        uint16 line,
        AccountId to,
        AccountId creditor,
        Outcome outcome
    );
    event Paid(
        SubcontractId indexed subcontract,
        AccountId indexed pot,
        AccountId indexed to,
        uint64 amount,
        Kind kind
    );
    event Repaid(AccountId indexed debtor, AccountId indexed creditor, uint64 amount, uint40 since);
    event Lapsed(AccountId indexed debtor, AccountId indexed creditor, uint64 amount, uint40 since);
    event Held(AccountId indexed account, bytes32 indexed obligation, uint64 amount);
    event Released(AccountId indexed account, bytes32 indexed obligation, uint64 amount);
    event Forfeited(
        AccountId indexed account, bytes32 indexed obligation, AccountId indexed to, uint64 amount
    );

    /* MONEY IN AND OUT (R1.1) */

    /// @notice Anyone adds to a member's purse, a seat's bond purse or a subcontract's pot; counts as the member's own
    /// deposit only when it comes from their key, else as a gift. The charter's own pots, which no part pays from yet,
    /// are refused.
    function deposit(AccountId account, uint64 amount) external;

    /// @notice The same with an ERC-2612 permit of the caller for exactly this amount; a permit already used is no error.
    function depositWithPermit(
        AccountId account,
        uint64 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice A member's own deposit from their key, carried by anyone; the token's allowance comes by its permit.
    function depositBySig(
        MemberId member,
        uint64 amount,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Takes money out to the member's own key, at once, up to `withdrawable`.
    function withdraw(uint64 amount) external;
    function withdrawBySig(
        MemberId member,
        uint64 amount,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Takes an operator's money out to their identity key (`ICommittee.identityOf`), up to what is not bond.
    function withdrawSeat(SeatId seat, uint64 amount) external;

    /* WHAT SUBCONTRACTS ASK (R1.2, R1.3) */

    /// @notice Collects the debits of one cause, in order. The caller is the subcontract. Never reverts for want of
    /// mandate or money: such a debit pays 0. A debit already settled reverts.
    /// @param to where what is paid goes: a pot of the caller.
    /// @param creditor whom arrears are owed to.
    function collect(Cause calldata cause, AccountId to, AccountId creditor, Debit[] calldata debits)
        external
        returns (Outcome[] memory);

    /// @notice Pays out of a pot of the caller.
    function pay(uint8 slot, AccountId to, uint64 amount, Kind kind) external;

    /* BONDS (R22): only the committee */

    function holdBond(SeatId seat, uint64 amount) external;
    function releaseBond(SeatId seat) external;
    function forfeitBond(SeatId seat) external;

    /* VIEWS */

    function purse(AccountId account) external view returns (Purse memory);
    function potBalance(AccountId pot) external view returns (uint64);
    function arrearsOf(MemberId member) external view returns (Arrear[] memory);
    function means(MemberId[] calldata members, SubcontractId except) external view returns (Means[] memory);

    /// @notice What `withdraw` would give now (R1.1; for a leaver R16.1).
    function withdrawable(MemberId member) external view returns (uint64);

    /// @notice The most that can be taken from the member in this period, now or as debt, without a new signature of
    /// theirs; and in the next (R1.6, I1).
    function maxExposure(MemberId member) external view returns (uint64 thisPeriod, uint64 nextPeriod);

    /// @notice Sum of all accounts; the token balance is at least this (I2).
    function total() external view returns (uint256);
}
