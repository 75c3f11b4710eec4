// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {SeatId} from "../types/Ids.sol";
import {Header} from "../types/Report.sol";

/// @notice One seat (architecture, "Agreement between seats").
struct Seat {
    address identity; // cold: registers and rotates the rest; zero once the seat was lost or resigned
    address reportKey; // guarded: signs digests only; zero while vacant
    bytes32 transportKey; // Ed25519: answers, inventories, proposals
    string endpoint; // base URL for peers and devices
    bool bonded;
}

/// @notice A report and one seat's signature over it, for a proof of equivocation (R22).
struct SignedReport {
    Header header;
    bytes32 parent;
    bytes32 envelopes;
    bytes32 payload;
    bytes32 r;
    bytes32 vs;
}

/// @title The committee
/// @notice Oracle seats, their keys and endpoints, the quorum, bonds, and proof of equivocation (R7.4, R22).
/// @dev KEYS. The keys of a version are code at an address that follows from the committee's address and the version,
/// so a seal is checked without reading storage here. Version 1 is written at ignition; each change of a report key
/// writes the next.
/// PURSES. Each operator named by the founders has a bond purse of their own at the ledger: those named for a seat have
/// the seat's number, alternates go on from `seatCount` in their order. So who takes a seat over never has access to
/// the money of who held it before.
/// LIVENESS. A seat may change its report key once a day, so that no single seat can keep reports out by changing the
/// version under them.
interface ICommittee {
    /// @notice A named operator took its seat. `purse` is the number of its bond purse.
    event Registered(
        SeatId indexed seat,
        address identity,
        SeatId purse,
        address reportKey,
        bytes32 transportKey,
        string endpoint
    );
    event VersionWritten(uint24 indexed version, address keys, uint8 seats);
    event Rotated(SeatId indexed seat, address reportKey, bytes32 transportKey, string endpoint);
    event Equivocated(SeatId indexed seat, SeatId purse, bytes32 first, bytes32 second);

    /// @notice The seat is vacant; the bond in `purse` may be released from `releasable` (unix seconds) on.
    event Resigned(SeatId indexed seat, SeatId purse, uint40 releasable);
    event BondReleased(SeatId indexed purse);

    error SeatUnknown(SeatId given, uint8 seats);
    error SeatTaken(SeatId seat, address identity);
    error SeatVacant(SeatId seat);
    error NotNamed(SeatId seat, address caller);
    error TurnNotCome(SeatId seat, address alternate, uint256 timestamp, uint256 earliest);
    error NotIdentity(SeatId seat, address caller, address identity);
    error ReportKeyTaken(address reportKey, SeatId by);
    error ReportKeyZero();
    error TransportKeyZero();
    error EndpointLength(uint256 given, uint256 most);
    error RotatedTooSoon(SeatId seat, uint256 timestamp, uint256 earliest);
    error NotSameTurn(Header first, Header second);
    error SameDigest(bytes32 digest);
    error NotSignedBySeat(SeatId seat, uint24 version, address recovered, address reportKey);
    error NotOneOperator(SeatId first, SeatId second);
    error NoBond(SeatId purse);
    error BondNotReleasable(SeatId purse, uint256 timestamp, uint256 releasable);
    error NotCharter(address caller);
    error AlreadyOpen(uint24 version);
    error TooFewRegistered(uint8 given, uint8 wanted);
    error SeatsOutOfRange(uint256 seats, uint256 alternates);
    error NotAnOperator(address identity);
    error NamedTwice(address identity);
    error VersionsExhausted();

    /// @notice A named identity key registers the keys of its seat; its bond is held from its own purse.
    /// @dev Requirements: the seat is vacant; the caller is named for it and has not lost or resigned it, or, after
    /// ignition, is the first waiting alternate, for a seat nobody ever took 7 days later; each further alternate may step in 7 days later, so that one who does
    /// not come blocks nobody. No two seats share a report key (R7.4).
    /// @param endpoint base URL, 1 to 200 bytes.
    function register(SeatId seat, address reportKey, bytes32 transportKey, string calldata endpoint) external;

    /// @notice The identity key replaces keys or endpoint; where the report key changes, a new version follows.
    /// @dev Requirements: after ignition, at most one change of the report key per seat and day.
    function rotate(SeatId seat, address reportKey, bytes32 transportKey, string calldata endpoint) external;

    /// @notice The identity key gives the seat up, for good once ignited. The bond stays held until no report sealed
    /// in its time can still move anything, and can be forfeit till then; before ignition it is free at once.
    function resign(SeatId seat) external;

    /// @notice Frees the bond of an operator who resigned long enough ago. Anyone may call.
    function release(SeatId purse) external;

    /// @notice Two digests signed by one seat for one (subcontract, stream, epoch, attempt): the bond is forfeit to the
    /// care pot, the seat lost (R22). Anyone may call, also on a version long past, while the bond is held.
    function proveEquivocation(SeatId seat, SignedReport calldata first, SignedReport calldata second)
        external;

    /// @notice Called by the charter at ignition, after `t0` is set: writes version 1 and tells the docket.
    /// @dev Requirements: at least `max(4, quorum)` seats are registered (R2.2).
    function open() external;

    /* VIEWS */

    function seatCount() external view returns (uint8);

    /// @notice `floor(2n/3) + 1` (R7.4).
    function quorum() external view returns (uint8);

    /// @notice The committee version in force; 0 before ignition.
    function version() external view returns (uint24);
    function seat(SeatId id) external view returns (Seat memory);

    /// @notice How many seats hold a report key now.
    function registered() external view returns (uint8);

    /// @notice Report keys of a version, by seat; zero where vacant; empty where there is no such version.
    function keysOf(uint24 version) external view returns (address[] memory);

    /// @notice Whose money a bond purse holds: the identity named for it; zero where there is no such purse.
    function identityOf(SeatId purse) external view returns (address);

    /// @notice The bond purse of a named identity; refuses who was not named.
    function purseOf(address identity) external view returns (SeatId);
}
