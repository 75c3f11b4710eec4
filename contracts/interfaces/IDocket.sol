// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {EpochKind} from "../types/Calendar.sol";
import {Epoch, MemberId, StreamId, SubcontractId} from "../types/Ids.sol";
import {Header} from "../types/Report.sol";

/// @notice A device of a stream (R7.1).
struct Device {
    bytes32 key; // Ed25519 public key
    uint8 alg; // 1 is Ed25519
    bytes16 kind; // ASCII: "radar", "scale", "badge"
    uint32 intervalSeconds; // of its heartbeat
    uint40 calibratedUntil; // unix seconds; readings after it do not count
}

/// @notice A stream as founders sign it (R7.1).
struct StreamTerms {
    SubcontractId subcontract; // whose reports it feeds
    EpochKind epochKind;
    uint32 windowSeconds; // in which a line may be contested: 24 h for metering (R7.10)
    bytes32 zone;
    MemberId custodian;
    uint8 dataClass; // 0 things, 1 home, 2 act (R20)
    bytes32 estimator; // ASCII name in the witness's register
    bytes parameters; // the estimator's, as it defines them
    bytes32 modelHash; // keccak256 of the model file
    Device[] devices;
}

/// @notice Where a report stands (R7).
enum ReportState {
    None, // no report yet
    Accepted, // its window runs
    Final, // may be settled
    Settled,
    Spent, // STALE or CONTESTED: nothing moves
    Lapsed // nobody settled it in time, none came in time, or it is older than the 64 epochs the docket remembers
}

/// @title The docket
/// @notice Streams with their devices, and reports by (subcontract, stream, epoch): accepted, final, settled (R7).
/// @dev ORDER. A stream's first report is for the first epoch its subcontract accrues, each further one for the next; an
/// epoch is passed over only when it can no longer be reported or does not accrue (charter, `accruesAt`).
/// LIVENESS. One accepted report per epoch, in order, within 30 days of the epoch's end. A settlement that fails
/// stays final and may be retried until it lapses, 14 days after its window; it blocks nothing else (R1.9, I20).
interface IDocket {
    event StreamEnrolled(StreamId indexed stream, StreamTerms terms);
    event DeviceReplaced(StreamId indexed stream, uint8 index, Device device, uint40 from);
    event BadgeEnrolled(MemberId indexed member, bytes32 badge, uint40 from);
    event Reseated(uint24 version, uint8 seats, address keys);

    /// @notice A report under seal. The header's low 32 bits are the signers.
    event Accepted(Header header, bytes32 envelopes, bytes payload);
    event LineContested(
        SubcontractId indexed subcontract, StreamId indexed stream, Epoch indexed epoch, MemberId member
    );
    event Settled(SubcontractId indexed subcontract, StreamId indexed stream, Epoch indexed epoch);

    /// @notice The subcontract refused; the report stays final. `reason` is at most 256 bytes of its revert data.
    event SettlementFailed(
        SubcontractId indexed subcontract, StreamId indexed stream, Epoch indexed epoch, bytes reason
    );

    error CallerNot(address caller, address wanted);
    error EnrolledAlready(uint16 streams);
    error StreamsNotSigned(bytes32 given, bytes32 wanted);
    error StreamUnknown(SubcontractId subcontract, StreamId stream);
    error SubcontractNotOpen(SubcontractId subcontract);

    /// @notice Its sponsor has signed, so others may have, knowing these streams and no more (R5).
    error SponsorSigned(SubcontractId subcontract);
    error StreamNotOfSubcontract(StreamId stream, SubcontractId subcontract);
    error TooManyStreams(SubcontractId subcontract, uint256 most);
    error WindowOutOfRange(uint32 given, uint32 least, uint32 most);
    error DataClassOutOfRange(uint8 given, uint8 most);
    error EstimatorUnnamed();
    error NotAMemberId(MemberId given);
    error ParametersLength(uint256 given, uint256 most);
    error DeviceCount(uint256 given, uint256 least, uint256 most);
    error DeviceUnknown(StreamId stream, uint8 index);
    error DeviceMalformed(bytes32 key, uint8 alg, uint32 intervalSeconds);
    error DeviceKeyTaken(bytes8 kid);
    error NotCustodian(StreamId stream, MemberId given, MemberId wanted);
    error BadgeTaken(bytes32 badge, MemberId by);
    error NotIgnited();
    error VersionNotCurrent(uint24 given, uint24 current);
    error HeaderMalformed(Header given);
    error EpochNotClosed(Epoch epoch, uint256 timestamp, uint256 end);
    error EpochTooLate(Epoch epoch, uint256 timestamp, uint256 latest);
    error EpochOutOfOrder(Epoch given, Epoch missing);
    error EpochNotAccruing(Epoch given);
    error EpochBehindHead(Epoch given, Epoch head);
    error AlreadyAccepted(Epoch epoch);
    error NotPending(StreamId stream, Epoch epoch);
    error NotThisReport(bytes24 given, bytes24 accepted);
    error WindowOver(uint256 timestamp, uint256 end);
    error WindowRuns(uint256 timestamp, uint256 end);
    error LapsedAt(uint256 timestamp, uint256 latest);
    error AlreadyContested(MemberId member);
    error ContestsUsed(MemberId member, uint256 timestamp, uint256 earliest);
    error GasTooLow(uint256 given, uint256 wanted);
    error SettlingAlready();
    error NotSettling(SubcontractId subcontract, StreamId stream, Epoch epoch);

    /// @notice Enrols the founders' streams, whose hash they signed; before ignition.
    function enrolFirst(StreamTerms[] calldata streams) external;

    /// @notice Enrols a stream for a subcontract opened later, by its sponsor while it is open and before they sign it
    /// themselves, which is before anybody does (R5). Its terms must name the stream's number (`ISubcontract.settlesOn`).
    function enrol(StreamTerms calldata terms) external returns (StreamId);
    function enrolBySig(StreamTerms calldata terms, uint256 nonce, uint64 deadline, bytes calldata signature)
        external
        returns (StreamId);

    /// @notice The custodian replaces or re-keys a device, from the first epoch that begins after 72 h (R7.1).
    function replaceDevice(StreamId stream, uint8 index, Device calldata device) external;
    function replaceDeviceBySig(
        MemberId custodian,
        StreamId stream,
        uint8 index,
        Device calldata device,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice A member enrols their badge, from the next local day (R7.1).
    function enrolBadge(bytes32 badge) external;
    function enrolBadgeBySig(
        MemberId member,
        bytes32 badge,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Called by the charter while founding.
    function foundBadge(MemberId member, bytes32 badge) external;

    /// @notice Called by the committee: the version under which reports are sealed from now on.
    /// @param keys where the report keys of that version are written.
    function reseat(uint24 version, uint8 seats, address keys) external;

    /// @notice Accepts a report under a quorum's seal (R7.4). Anyone may carry it.
    /// @param header the packed head with the signers in its low 32 bits.
    /// @param envelopes root of the envelopes used.
    /// @param payload the whole payload (R7.3).
    /// @param seal one compact ECDSA signature (r, vs) of 64 bytes per signer, in ascending order of seats.
    function submit(Header header, bytes32 envelopes, bytes calldata payload, bytes calldata seal) external;

    /// @notice A member contests their own line while the window runs, whether the report names them or not (R7.10): nothing
    /// is charged to them for it, and as nobody can decide it yet, that stays so. Two per member in any 90 days.
    /// @param report the digest that was accepted; its first 24 bytes are compared.
    function contest(SubcontractId subcontract, StreamId stream, Epoch epoch, bytes32 report) external;
    function contestBySig(
        MemberId member,
        SubcontractId subcontract,
        StreamId stream,
        Epoch epoch,
        bytes32 report,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice Settles a final report (R7, callers). Anyone may call.
    /// @dev The subcontract gets a gas bound that grows with the roster (R1.9), so the call needs up to 16.4 million gas to
    /// forward, whatever it uses. Where the subcontract refuses, the call succeeds, says so by `SettlementFailed`, and
    /// the report stays final.
    /// @param parent the parent's digest as it was signed: its first 24 bytes, then zeros; zero for the first report.
    function settle(Header header, bytes32 parent, bytes32 envelopes, bytes calldata payload) external;

    /* VIEWS */

    function streamCount() external view returns (uint16);

    /// @notice A stream with its devices of now; `firstEpoch` is its first accepted report's, before that the first that
    /// may be reported; zero where none accrues yet.
    function streamOf(StreamId stream) external view returns (StreamTerms memory terms, Epoch firstEpoch);

    /// @notice Devices in force for an epoch that begins at `begin`.
    function devicesAt(StreamId stream, uint40 begin) external view returns (Device[] memory);
    function badgeAt(MemberId member, uint40 begin) external view returns (bytes32);

    function stateOf(SubcontractId subcontract, StreamId stream, Epoch epoch)
        external
        view
        returns (ReportState);

    /// @notice Digest (first 24 bytes) and time of acceptance of a report; zero where none.
    function accepted(SubcontractId subcontract, StreamId stream, Epoch epoch)
        external
        view
        returns (bytes24 digest, uint40 acceptedAt);

    /// @notice The last accepted report of a stream: what the next names as parent; zeros before the first.
    function head(StreamId stream) external view returns (bytes24 digest, Epoch epoch);

    /// @notice Asked by the ledger for each cause (R1.2, I5): reverts unless this report is final with verdict OK and
    /// the docket is settling it now. Gives the beginning of its epoch and the frozen lines.
    function settling(SubcontractId subcontract, StreamId stream, Epoch epoch)
        external
        view
        returns (uint40 begin, MemberId[] memory frozen);

    /// @notice Epochs of a subcontract begun at or after `since` and not yet settled, spent or lapsed, over all its streams.
    function openEpochs(SubcontractId subcontract, uint40 since) external view returns (uint16);

    /// @notice Beginning (unix seconds) of the oldest epoch of the subcontract that is still open; 0 where none is.
    function oldestOpen(SubcontractId subcontract) external view returns (uint40);

    function digest(Header header, bytes32 parent, bytes32 envelopes, bytes32 payload)
        external
        view
        returns (bytes32);
}
