//! The seam through which the wall clock comes in.
//!
//! *Never*: a decision about epochs or turns; those are the chain's time. The wall clock only helps to refuse what
//! comes from the future and to measure how old something is for the operator.

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// Unix seconds.
    fn unix_seconds(&self) -> u64;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn unix_seconds(&self) -> u64 {
        // Before 1970 there was no daemon; a clock set there reads as its beginning.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }
}
