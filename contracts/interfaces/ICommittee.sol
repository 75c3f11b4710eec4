// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {SeatId} from "../types/Ids.sol";
import {Header} from "../types/Report.sol";

/// @notice One seat (architecture, "Agreement between seats").
struct Seat {
    address identity; // cold: registers and rotates the rest
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
/// @dev The keys of a version are code at an address that follows from the committee's address and the version, so a
/// seal is checked without reading storage here. Version 1 is written at ignition; each change writes the next.
interface ICommittee {
    event Registered(
        SeatId indexed seat, address identity, address reportKey, bytes32 transportKey, string endpoint
    );
    event VersionWritten(uint24 indexed version, address keys, uint8 seats);
    event Rotated(SeatId indexed seat, address reportKey, bytes32 transportKey, string endpoint);
    event Equivocated(SeatId indexed seat, bytes32 first, bytes32 second);
    event Resigned(SeatId indexed seat);
    event Seated(SeatId indexed seat, address identity);

    /// @notice A named identity key (or an alternate taking a vacant seat) registers its keys; the bond is held from the seat's purse.
    function register(SeatId seat, address reportKey, bytes32 transportKey, string calldata endpoint) external;

    /// @notice The identity key replaces keys or endpoint; a new version follows.
    function rotate(SeatId seat, address reportKey, bytes32 transportKey, string calldata endpoint) external;

    /// @notice The identity key gives the seat up; the bond is released once no report of its versions can still be proved false.
    function resign(SeatId seat) external;

    /// @notice Two digests signed by one seat for one (subcontract, stream, epoch, attempt): the bond is forfeit, the seat lost.
    function proveEquivocation(SeatId seat, SignedReport calldata first, SignedReport calldata second)
        external;

    /// @notice Called by the charter at ignition: writes version 1 and tells the docket.
    function open() external;

    /* VIEWS */

    function seatCount() external view returns (uint8);

    /// @notice `floor(2n/3) + 1` (R7.4).
    function quorum() external view returns (uint8);
    function version() external view returns (uint24);
    function seat(SeatId id) external view returns (Seat memory);
    function registered() external view returns (uint8);

    /// @notice Report keys of a version, by seat; zero where vacant.
    function keysOf(uint24 version) external view returns (address[] memory);
}
