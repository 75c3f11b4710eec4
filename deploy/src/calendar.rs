//! What the core's calendar counts (R0), in words and moments as people read them.

use hearth_oracle_core::types::EpochKind;

/// Seconds of a day.
pub const DAY: u64 = 86_400;
/// Seconds of a week.
pub const WEEK: u64 = 7 * DAY;

/// How long a stream's epochs are, by the docket's number for it.
#[must_use]
pub const fn epoch_kind(number: u8) -> EpochKind {
    match number {
        0 => EpochKind::Day,
        1 => EpochKind::Week,
        _ => EpochKind::Period,
    }
}

/// An epoch of this length, for people.
#[must_use]
pub const fn word(kind: EpochKind) -> &'static str {
    match kind {
        EpochKind::Day => "day",
        EpochKind::Week => "week",
        EpochKind::Period => "period",
    }
}

/// A moment in local time, for people.
#[must_use]
pub fn shown(time: u64, tz: i32) -> String {
    let zone = jiff::tz::Offset::from_seconds(tz).unwrap_or(jiff::tz::Offset::UTC);
    i64::try_from(time)
        .ok()
        .and_then(|time| jiff::Timestamp::from_second(time).ok())
        .map_or_else(
            || format!("unix second {time}"),
            |moment| zone.to_datetime(moment).strftime("%a %d %b %Y %H:%M").to_string(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_local_time() {
        // Monday 2026-11-16 00:00 at +01:00.
        let monday = 1_794_783_600;
        assert_eq!(shown(monday, 3_600), "Mon 16 Nov 2026 00:00");
        assert_eq!(shown(monday - 1, 3_600), "Sun 15 Nov 2026 23:59");
    }
}
