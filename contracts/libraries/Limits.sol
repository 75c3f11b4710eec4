// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Limit} from "../interfaces/ICharter.sol";

/// @title Limits
/// @notice The one direction of each entrenched limit, and the range outside which a value is absurd (R3).
/// @dev UNITS: as `Limit` names them: bps or seconds. The tables hold one entry per limit, in the order of `Limit`, of `WIDTH` bits
/// each, the first lowest: a branch per limit would cost the charter a tenth of its size.
library Limits {
    uint256 internal constant COUNT = uint256(type(Limit).max) + 1;

    uint256 private constant WIDTH = 25; // 365 days in seconds fit
    uint256 private constant ENTRY = (1 << WIDTH) - 1;

    /// @dev Bit `item` set where the limit may only rise (R3, last column).
    uint256 private constant RISING = 1 << uint256(Limit.PledgeNoticeSeconds) | 1
        << uint256(Limit.RuleNoticeSeconds) | 1 << uint256(Limit.EvidenceBps) | 1
        << uint256(Limit.BreadFloorBps);

    /// @dev The looser end is R3's own figure where the rules give it as a bound: 20 times the base (R8), no pledge
    /// diverted (R3), 9,500 bps of evidence (R7.6), 14 days of raw recordings (R20), 3% of fees (R18), a fifth of
    /// N (R4.3). Elsewhere it only keeps out what would make the limit meaningless, as a notice longer than a
    /// subcontract lives.
    uint256 private constant LEAST = 10_000 << (WIDTH * uint256(Limit.HighestMultipleBps)) | 1 days
        << (WIDTH * uint256(Limit.PledgeNoticeSeconds)) | 1 days << (WIDTH * uint256(Limit.RuleNoticeSeconds))
        | 9500 << (WIDTH * uint256(Limit.EvidenceBps)) | 1 hours
        << (WIDTH * uint256(Limit.RawRetentionSeconds));
    uint256 private constant MOST = 200_000 << (WIDTH * uint256(Limit.HighestMultipleBps)) | 10_000
        << (WIDTH * uint256(Limit.GuaranteeShareBps)) | 0 << (WIDTH * uint256(Limit.PledgeDiversionBps))
        | 365 days << (WIDTH * uint256(Limit.PledgeNoticeSeconds)) | 365 days
        << (WIDTH * uint256(Limit.RuleNoticeSeconds)) | 9999 << (WIDTH * uint256(Limit.EvidenceBps)) | 10_000
        << (WIDTH * uint256(Limit.BreadFloorBps)) | 14 days << (WIDTH * uint256(Limit.RawRetentionSeconds))
        | 300 << (WIDTH * uint256(Limit.FeeBps)) | 2000 << (WIDTH * uint256(Limit.AdmissionBps));

    /// @notice True where the limit may only rise (R3).
    function rises(Limit item) internal pure returns (bool) {
        return RISING >> uint256(item) & 1 == 1;
    }

    /// @notice The least and the most a charter may ever set.
    function range(Limit item) internal pure returns (uint64 least, uint64 most) {
        uint256 shift = WIDTH * uint256(item);
        // An entry has 25 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        return (uint64(LEAST >> shift & ENTRY), uint64(MOST >> shift & ENTRY));
    }

    /// @notice True where `value` is strictly tighter than `than`.
    function tighter(Limit item, uint64 value, uint64 than) internal pure returns (bool) {
        return rises(item) ? value > than : value < than;
    }

    /// @notice The limit in words, as its supporters sign it (R1.8).
    function name(Limit item) internal pure returns (string memory) {
        if (item == Limit.HighestMultipleBps) return "highest multiple, bps";
        if (item == Limit.GuaranteeShareBps) return "guarantee share, bps";
        if (item == Limit.PledgeDiversionBps) return "pledge diversion, bps";
        if (item == Limit.PledgeNoticeSeconds) return "pledge notice, seconds";
        if (item == Limit.RuleNoticeSeconds) return "rule notice, seconds";
        if (item == Limit.EvidenceBps) return "evidence, bps";
        if (item == Limit.BreadFloorBps) return "bread floor, bps";
        if (item == Limit.RawRetentionSeconds) return "raw retention, seconds";
        if (item == Limit.FeeBps) return "fees, bps";
        return "admissions, bps";
    }
}
