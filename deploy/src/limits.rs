//! The entrenched limits, in the order of the contracts' `Limit`, with the least and the most a charter may set (R3): as
//! `contracts/libraries/Limits.sol` holds them.

use std::ops::RangeInclusive;

use crate::calendar::DAY;

/// `mu[7] <= 200_000` bps (R8).
pub const HIGHEST_MULTIPLE: u64 = 200_000;

/// One entrenched limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its key in a charter's file, which ends in its unit.
    pub name: &'static str,
    /// Its name as its supporters sign it (R1.8).
    pub words: &'static str,
    /// The least and the most a charter may ever set.
    pub range: RangeInclusive<u64>,
}

/// All of them.
pub const LIMITS: [Limit; 10] = [
    limit(
        "highest_multiple_bps",
        "highest multiple, bps",
        10_000..=HIGHEST_MULTIPLE,
    ),
    limit("guarantee_share_bps", "guarantee share, bps", 0..=10_000),
    limit("pledge_diversion_bps", "pledge diversion, bps", 0..=0),
    limit("pledge_notice_seconds", "pledge notice, seconds", DAY..=365 * DAY),
    limit("rule_notice_seconds", "rule notice, seconds", DAY..=365 * DAY),
    limit("evidence_bps", "evidence, bps", 9_500..=9_999),
    limit("bread_floor_bps", "bread floor, bps", 0..=10_000),
    limit(
        "raw_retention_seconds",
        "raw retention, seconds",
        3_600..=14 * DAY,
    ),
    limit("fee_bps", "fees, bps", 0..=300),
    limit("admission_bps", "admissions, bps", 0..=2_000),
];

const fn limit(name: &'static str, words: &'static str, range: RangeInclusive<u64>) -> Limit {
    Limit { name, words, range }
}
