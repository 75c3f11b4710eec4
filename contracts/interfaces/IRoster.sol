// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {MemberId} from "../types/Ids.sol";

/// @notice A person proposed as a member (R4.1, R4.2).
struct Nomination {
    address candidate;
    uint16 household;
    uint40 closes; // end of the objection window, unix seconds: 7 days from nomination
    bool joined; // the candidate agreed
    bool ended; // admitted or refused
    MemberId[] vouchers; // the sponsor first
    MemberId[] objectors;
}

/// @title The roster
/// @notice Members with replaceable keys, households, vouching, one vote each (R4).
/// @dev The constructor admits the charter's founders, in their order; they count as admitted at ignition (R2.2).
interface IRoster {
    /* ERRORS */

    error NotIgnited();
    error NominationUnknown(uint256 nomination);
    error NominationEnded(uint256 nomination);
    error CandidateKnown(address candidate, MemberId member);
    error CandidateMissing();
    error AlreadyVouched(uint256 nomination, MemberId member);
    error VouchersEnough(uint256 nomination, uint256 given, uint256 wanted);
    error VouchersTooFew(uint256 nomination, uint256 given, uint256 wanted);
    error VouchesSpent(MemberId member, uint40 nextFree);
    error AlreadyObjected(uint256 nomination, MemberId member);
    error WindowClosed(uint256 nomination, uint40 closed);
    error WindowOpen(uint256 nomination, uint40 closes);
    error NominationLapsed(uint256 nomination, uint40 lapsed);
    error OnlyTheCandidate(address caller, address candidate);
    error AlreadyJoined(uint256 nomination);
    error NotJoined(uint256 nomination, address candidate);
    error CharterFull(uint16 population, uint16 most);
    error TooManyAdmissions(uint256 allowed, uint40 nextAt);

    /* EVENTS */

    event Admitted(MemberId indexed member, address key, uint16 household, uint40 since);
    event Nominated(
        uint256 indexed nomination,
        address indexed candidate,
        MemberId indexed sponsor,
        uint16 household,
        uint40 since
    );
    event Vouched(uint256 indexed nomination, MemberId indexed member, uint40 until);
    event AdmissionObjected(uint256 indexed nomination, MemberId indexed member);
    event Joined(uint256 indexed nomination, address indexed candidate);
    event Refused(uint256 indexed nomination);
    event Left(MemberId indexed member, uint40 since);

    /* JOINING (R4.1 to R4.3) */

    /// @notice Proposes a person; the sponsor's is the first vouch (R4.1).
    function nominate(address candidate, uint16 household) external returns (uint256 nomination);
    function nominateBySig(
        MemberId sponsor,
        address candidate,
        uint16 household,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external returns (uint256 nomination);

    /// @notice A further voucher; two are needed beside the sponsor. At most 3 live vouches each, 180 days (R4.1).
    function vouch(uint256 nomination) external;
    function vouchBySig(
        MemberId member,
        uint256 nomination,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice An objection within 7 days of the nomination (R4.2).
    function objectToAdmission(uint256 nomination) external;
    function objectToAdmissionBySig(
        MemberId member,
        uint256 nomination,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /// @notice The candidate agrees to join; nobody becomes a member without it.
    function join(uint256 nomination) external;
    function joinBySig(uint256 nomination, uint256 nonce, uint64 deadline, bytes calldata signature) external;

    /// @notice Admits after the window, within the rate of R4.3. Where objections reached the bar it refuses for good
    /// and gives 0. Anyone.
    function admit(uint256 nomination) external returns (MemberId);

    /* LEAVING */

    /// @notice Leaves, at any time, without a reason (R16.1).
    function leave() external;
    function leaveBySig(MemberId member, uint256 nonce, uint64 deadline, bytes calldata signature) external;

    /* VIEWS */

    /// @notice The member with this current key; 0 where there is none. A leaver keeps their id.
    function memberOf(address key) external view returns (MemberId);
    function keyOf(MemberId member) external view returns (address);
    function householdOf(MemberId member) external view returns (uint16);

    /// @notice True from admission until leaving.
    function isMember(MemberId member) external view returns (bool);

    /// @notice Admission, unix seconds; founders' is ignition.
    function admittedAt(MemberId member) external view returns (uint40);

    /// @notice Leaving, unix seconds; 0 for who has not.
    function leftAt(MemberId member) external view returns (uint40);

    /// @notice Voting members now, the N of R0.
    function population() external view returns (uint16);

    /// @notice Ids ever given; the highest id.
    function lastMember() external view returns (MemberId);

    /// @notice A nomination, by its number from 1.
    function nominationOf(uint256 nomination) external view returns (Nomination memory);

    /// @notice True where the member may vote on what was opened at `opened` (R4.4).
    function isMature(MemberId member, uint40 opened) external view returns (bool);
}
