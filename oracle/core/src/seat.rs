//! One seat: its state and its one function.

use std::sync::Arc;

use alloy_primitives::Address;

use crate::chain::ChainView;
use crate::crypto::Crypto;
use crate::effect::{Effect, Event, Remembered};
use crate::faults::Faults;
use crate::types::SeatId;

/// What a seat is told once, at start.
#[derive(Clone)]
pub struct Config {
    /// Its place in the committee.
    pub seat: SeatId,
    /// The address of its report key, to see whether the committee still knows it.
    pub report: Address,
    /// How signatures are checked.
    pub crypto: Arc<dyn Crypto>,
    /// Planted faults; none in a shipped build.
    pub faults: Faults,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}

/// A seat's whole state.
#[derive(Debug)]
pub struct Seat {
    config: Config,
}

impl Seat {
    /// A seat as it is after any restart: nothing but what its records say.
    #[must_use]
    pub fn recover(config: Config, view: &ChainView, records: impl IntoIterator<Item = Remembered>) -> Self {
        let _ = (view, records.into_iter().count());
        Self { config }
    }

    /// Its place in the committee.
    #[must_use]
    pub const fn id(&self) -> SeatId {
        self.config.seat
    }
}

/// What a seat does about an event, given what it sees of the chain: ordered effects.
pub fn step(seat: &mut Seat, event: Event, view: &ChainView) -> Vec<Effect> {
    let _ = (seat, event, view);
    Vec::new()
}
