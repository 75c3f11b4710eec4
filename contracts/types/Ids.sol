// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

/// @notice A member's number in the roster, from 1; an address is only its current key (R0, R4.6).
type MemberId is uint16;

/// @notice A subcontract's number in the charter's register, from 1; 0 is the charter itself (R5).
type SubcontractId is uint16;

/// @notice A stream's number in the docket, from 1 (R7.1).
type StreamId is uint16;

/// @notice A seat's number in the committee, from 0 to n-1 (R7.4).
type SeatId is uint8;

/// @notice The day, week or period a report speaks of, counted as R0 says.
type Epoch is uint24;

/// @notice An account of the ledger: a member's purse, a seat's bond purse, or a pot (R1).
/// @dev Layout: kind in the top byte (0 member, 1 seat, 2 pot), then for pots the subcontract (16 bits) and the
/// pot's slot in it (8 bits); for members and seats the number in the low 16 bits.
type AccountId is uint32;

using {sameMember as ==, otherMember as !=} for MemberId global;
using {sameSubcontract as ==, otherSubcontract as !=} for SubcontractId global;
using {sameStream as ==, otherStream as !=} for StreamId global;
using {sameEpoch as ==, otherEpoch as !=} for Epoch global;
using {sameAccount as ==, otherAccount as !=} for AccountId global;
using Accounts for AccountId global;

function sameMember(MemberId a, MemberId b) pure returns (bool) {
    return MemberId.unwrap(a) == MemberId.unwrap(b);
}

function otherMember(MemberId a, MemberId b) pure returns (bool) {
    return MemberId.unwrap(a) != MemberId.unwrap(b);
}

function sameSubcontract(SubcontractId a, SubcontractId b) pure returns (bool) {
    return SubcontractId.unwrap(a) == SubcontractId.unwrap(b);
}

function otherSubcontract(SubcontractId a, SubcontractId b) pure returns (bool) {
    return SubcontractId.unwrap(a) != SubcontractId.unwrap(b);
}

function sameStream(StreamId a, StreamId b) pure returns (bool) {
    return StreamId.unwrap(a) == StreamId.unwrap(b);
}

function otherStream(StreamId a, StreamId b) pure returns (bool) {
    return StreamId.unwrap(a) != StreamId.unwrap(b);
}

function sameEpoch(Epoch a, Epoch b) pure returns (bool) {
    return Epoch.unwrap(a) == Epoch.unwrap(b);
}

function otherEpoch(Epoch a, Epoch b) pure returns (bool) {
    return Epoch.unwrap(a) != Epoch.unwrap(b);
}

function sameAccount(AccountId a, AccountId b) pure returns (bool) {
    return AccountId.unwrap(a) == AccountId.unwrap(b);
}

function otherAccount(AccountId a, AccountId b) pure returns (bool) {
    return AccountId.unwrap(a) != AccountId.unwrap(b);
}

/// @title Accounts
/// @notice The names of the ledger's accounts (R1).
library Accounts {
    uint32 internal constant SEAT = 1 << 24;
    uint32 internal constant POT = 2 << 24;

    /// @notice The charter's own pot for common spending.
    AccountId internal constant COMMONS = AccountId.wrap(POT);

    /// @notice The charter's pot that receives forfeited bonds (R22).
    AccountId internal constant CARE = AccountId.wrap(POT | 1);

    /// @notice The purse of a member.
    function ofMember(MemberId member) internal pure returns (AccountId) {
        return AccountId.wrap(MemberId.unwrap(member));
    }

    /// @notice The bond purse of a seat.
    function ofSeat(SeatId seat) internal pure returns (AccountId) {
        return AccountId.wrap(SEAT | SeatId.unwrap(seat));
    }

    /// @notice The pot number `slot` of a subcontract.
    function ofPot(SubcontractId subcontract, uint8 slot) internal pure returns (AccountId) {
        return AccountId.wrap(POT | (uint32(SubcontractId.unwrap(subcontract)) << 8) | slot);
    }

    function isMember(AccountId account) internal pure returns (bool) {
        return AccountId.unwrap(account) >> 24 == 0;
    }

    function isPot(AccountId account) internal pure returns (bool) {
        return AccountId.unwrap(account) >> 24 == 2;
    }

    /// @notice The member whose purse this is; meaningful only where `isMember`.
    function memberOf(AccountId account) internal pure returns (MemberId) {
        // A member account holds the id in its low 16 bits, and nothing above them.
        // forge-lint: disable-next-line(unsafe-typecast)
        return MemberId.wrap(uint16(AccountId.unwrap(account)));
    }

    /// @notice The seat whose purse this is; meaningful only where neither a member's nor a pot.
    function seatOf(AccountId account) internal pure returns (SeatId) {
        // A seat account holds the seat in its low 8 bits, and nothing between them and the kind.
        // forge-lint: disable-next-line(unsafe-typecast)
        return SeatId.wrap(uint8(AccountId.unwrap(account)));
    }

    /// @notice The number of a pot in its subcontract; meaningful only where `isPot`.
    function slotOf(AccountId account) internal pure returns (uint8) {
        // The low 8 bits of a pot account are its slot.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint8(AccountId.unwrap(account));
    }

    /// @notice The subcontract a pot belongs to; meaningful only where `isPot`.
    function subcontractOf(AccountId account) internal pure returns (SubcontractId) {
        // The middle 16 bits of a pot account are its subcontract.
        // forge-lint: disable-next-line(unsafe-typecast)
        return SubcontractId.wrap(uint16(AccountId.unwrap(account) >> 8));
    }
}
