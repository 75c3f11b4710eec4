//! Local days, weeks and periods as R0 counts them, and moments as people read them.

use hearth_oracle_core::types::EpochKind;

/// Seconds of a day.
pub const DAY: u64 = 86_400;
/// Seconds of a week.
pub const WEEK: u64 = 7 * DAY;

/// The unix second at which a local week begins (R0); `tz` seconds east of UTC.
#[must_use]
pub fn week_begin(week: u64, tz: i32) -> u64 {
    ((week * 7).saturating_sub(3) * DAY).saturating_add_signed(-i64::from(tz))
}

/// The local week in which a moment lies (R0).
#[must_use]
pub fn week_of(time: u64, tz: i32) -> u64 {
    (time.saturating_add_signed(i64::from(tz)) / DAY + 3) / 7
}

/// How long a stream's epochs are, by the docket's number for it.
#[must_use]
pub const fn epochs(number: u8) -> EpochKind {
    match number {
        0 => EpochKind::Day,
        1 => EpochKind::Week,
        _ => EpochKind::Period,
    }
}

/// An epoch of this length, for people.
#[must_use]
pub const fn word(epochs: EpochKind) -> &'static str {
    match epochs {
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
    fn weeks_begin_on_monday_at_local_midnight() {
        // Monday 2026-11-16 00:00 at +01:00.
        let monday = 1_794_783_600;
        assert_eq!(week_begin(week_of(monday, 3_600), 3_600), monday);
        assert_eq!(week_of(monday - 1, 3_600) + 1, week_of(monday, 3_600));
        assert_eq!(shown(monday, 3_600), "Mon 16 Nov 2026 00:00");
    }
}
