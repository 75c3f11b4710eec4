// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {SubcontractState} from "../interfaces/ICharter.sol";
import {ISubcontract} from "../interfaces/ISubcontract.sol";
import {Epoch, MemberId, StreamId} from "../types/Ids.sol";

/// @notice What the signers of a firewood subcontract agree on (R8). Encoded with `abi.encode`.
struct FirewoodTerms {
    StreamId stream; // whose reports settle it
    MemberId provider; // who stocks the store
    uint64 price; // of a reference piece, units of H, from 1 to 10^12
    uint32 refGrams; // the reference piece
    uint32[8] multiples; // by band, bps, not falling
    uint64[8] bounds; // inclusive lower bounds of the bands, monthly means in units of H, rising from 0
    uint16 shrinkageBps; // of what charges paid, kept for wood nobody took; at most 1,000
}

/// @notice One line of the payload: what a member took in the epoch.
struct WoodLine {
    MemberId member;
    uint16 pieces;
    uint32 grams;
}

/// @notice What a settlement did with the money, units of H.
struct WoodMoney {
    uint64 trueUp; // to the provider from the warmth pot, for the period before
    uint64 toShrinkage; // kept of what charges paid
    uint64 toProvider; // of the rest
    uint64 toWarmth; // of the rest
    uint64 unattributed; // worth of what nobody took
    uint64 fromReserve; // of it, from the shrinkage reserve
    uint64 shared; // of it, paid by signers
    uint64 borneByProvider; // of it, by nobody
}

/// @notice The sums of one period of settlement (R8), units of H.
struct WoodPeriod {
    uint32 number;
    uint112 worth; // T: at the price, before multiples
    uint112 charges; // D: before caps
    uint128 collected; // C: what charges paid, less shrinkage
    uint128 received; // by the provider, of C
}

/// @notice What one call of `close` did with the money, units of H.
struct WoodEnd {
    uint64 trueUp; // to the provider from the warmth pot, for the last period
    uint64 toSigners; // of what was left then, in equal parts
    uint64 toCare; // the same, where nobody is to share in it
    uint64 left; // for a further call
}

/// @title Firewood (R8)
/// @notice Members take wood from one provider's store and pay by the week, each at the multiple of their band.
interface IFirewood is ISubcontract {
    event BandDeclared(MemberId indexed member, uint8 band, uint40 from);

    /// @notice One member's line. `grams` is what counted, `charge` what it cost before caps; the ledger's `Collected`
    /// of the same payer says what became of it. The provider's own use costs nothing.
    event LineSettled(Epoch indexed epoch, MemberId indexed member, uint8 band, uint32 grams, uint64 charge);

    /// @notice A line of someone whose mandate was not live in the epoch: nothing was charged (R1.2).
    event LineUnsigned(Epoch indexed epoch, MemberId indexed member, uint16 pieces, uint32 grams);
    event WoodSettled(Epoch indexed epoch, uint32 indexed period, WoodMoney money);

    event WoodClosed(WoodEnd money);

    error TermsOutOfRange(string what, uint256 given, uint256 least, uint256 most);
    error NotTheDocket(address caller);
    error NotTheCharter(address caller);
    error StreamUnknown(StreamId given, StreamId wanted);
    error PayloadLength(uint256 given);
    error TooManyLines(uint256 given, uint256 most);
    error LineOutOfOrder(MemberId given, MemberId after_);
    /// @dev `oldestOpen` is when the oldest open epoch began, unix seconds; 0 where none is.
    error NotOver(SubcontractState state, uint40 oldestOpen);
    error NothingLeft();
    error BandTooSoon(MemberId member, uint256 timestamp, uint256 earliest);

    /// @notice Declares the caller's band of monthly means, from the next local day; every 30 days (R8).
    function declareBand(uint8 band) external;
    function declareBandBySig(
        MemberId member,
        uint8 band,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Once the subcontract is over and none of its epochs is open: pays the last period's true-up, then what the
    /// pots still hold to those who shared in the settlement that came last, all signers of its epoch but the provider,
    /// in equal parts; to the charter's care pot where there was none (R8). Anyone calls it, again until nothing is left.
    function close() external;

    /* VIEWS */

    function terms() external view returns (FirewoodTerms memory);

    /// @notice The declared band in force for an epoch that begins at `begin`; 0 where none was declared.
    function declaredAt(MemberId member, uint40 begin) external view returns (uint8);

    /// @notice The band a settlement now would apply for an epoch that begins at `begin`: the declared one, or the
    /// floor of the member's means where that is higher.
    function bandAt(MemberId member, uint40 begin) external view returns (uint8);

    /// @notice The sums of the last period in which a week settled.
    function period() external view returns (WoodPeriod memory);
}
