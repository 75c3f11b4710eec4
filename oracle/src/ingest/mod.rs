//! Stage 1: bytes arrive, bounded and named.
//!
//! *In*: bytes from any door. *Out*: an outcome, given only once what it says is on disk. *Refuses*: by a named
//! [`Turned`]; each is counted, the last ones are kept for the operator. *Never*: an unbounded queue; a full stage
//! makes the door wait, and the device with it.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hearth_oracle_core::answer::{self, Answer, Outcome};
use hearth_oracle_core::crypto::RealKeys;
use hearth_oracle_core::types::{Counter, Kid, Network, SeatId};
use hearth_oracle_core::verify::{self, Refused};
use metrics::{counter, gauge, histogram};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::debug;

use crate::chain::{Sight, Sights};
use crate::clock::Clock;
use crate::config::Limits;
use crate::key::Secret;
use crate::metrics as m;
use crate::witness::Inlet;

#[cfg(test)]
mod bad_input;
pub(crate) mod bounded;
pub mod http;
pub mod list;
pub mod mqtt;
#[cfg(test)]
mod tests;

/// Refusals remembered for the operator.
const REMEMBERED: usize = 10;

/// Characters of a refusal's reason that are remembered: an outsider chooses some of them.
const REASON: usize = 300;

/// Keys a limiter may hold before idle ones are let go.
const LIMITED: usize = 4_096;

/// How long a door stays shut to one who was refused too much.
pub(crate) const QUIET: Duration = Duration::from_secs(1);

/// Why a door turns something away.
#[derive(Debug, thiserror::Error)]
pub enum Turned {
    /// The envelope is refused.
    #[error("the envelope is refused")]
    Envelope(#[source] Refused),
    /// The body holds no envelope.
    #[error("the body is empty; send an envelope, or several with a line break between")]
    Empty,
    /// More envelopes in one body than a door takes.
    #[error("the body holds more than {most} envelopes; what follows was not read: send it again")]
    TooMany {
        /// How many it takes.
        most: usize,
    },
    /// This door was refused too much lately.
    #[error("too many refused envelopes came from here; mend the device and try again in a second")]
    Noisy,
    /// The device sends faster than it may.
    #[error("device {kid} sends more than it may; send packs, or wait")]
    TooFast {
        /// The device.
        kid: Kid,
    },
    /// The chain was not seen yet.
    #[error("this seat has not seen the chain yet, so it knows no devices; try again")]
    NotYet,
    /// The seat is ending, or its disk is full.
    #[error("this seat cannot keep anything now; try again, or another seat")]
    Unable,
    /// The topic is not this device's.
    #[error("{given:?} is not where device {kid} speaks")]
    WrongPlace {
        /// Where it came.
        given: String,
        /// Who signed.
        kid: Kid,
    },
    /// Nobody speaks on this topic.
    #[error("nothing is heard on this topic; publish to hearth/v1/<network>/<device>/up")]
    UnknownTopic,
    /// The message was retained by a broker: it may be of any age.
    #[error("a retained message is never a fresh reading; publish without retain")]
    Retained,
}

impl Turned {
    /// A stable name, for metrics and answers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Envelope(refused) => refused.name(),
            Self::Empty => "empty",
            Self::TooMany { .. } => "too_many",
            Self::Noisy => "noisy",
            Self::TooFast { .. } => "too_fast",
            Self::NotYet => "not_yet",
            Self::Unable => "unable",
            Self::WrongPlace { .. } => "wrong_place",
            Self::UnknownTopic => "unknown_topic",
            Self::Retained => "retained",
        }
    }

    /// Whether the same bytes may be welcome later.
    pub(crate) const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Noisy | Self::TooFast { .. } | Self::NotYet | Self::Unable
        )
    }
}

/// A refusal as the operator sees it; it names no content.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Which door.
    pub door: &'static str,
    /// The refusal's name.
    pub refused: &'static str,
    /// A sentence.
    pub reason: String,
    /// Wall time, unix seconds.
    pub at: u64,
}

/// What all doors share.
pub(crate) struct Doors {
    pub(crate) seat: SeatId,
    pub(crate) sights: Sights,
    pub(crate) inlet: Inlet,
    pub(crate) clock: Arc<dyn Clock>,
    key: Secret,
    devices: DefaultKeyedRateLimiter<Kid>,
    /// By a hash of who sends: a name an outsider chooses may be long.
    noise: DefaultKeyedRateLimiter<u64>,
    hashing: RandomState,
    refusals: Mutex<VecDeque<Refusal>>,
}

/// An envelope that was offered and is not answered yet.
pub(crate) struct Waiting {
    pub(crate) kid: Kid,
    pub(crate) counter: Counter,
    begun: Instant,
    answer: oneshot::Receiver<Outcome>,
}

impl Doors {
    pub(crate) fn new(
        seat: SeatId,
        sights: Sights,
        inlet: Inlet,
        clock: Arc<dyn Clock>,
        key: Secret,
        limits: &Limits,
    ) -> Self {
        Self {
            seat,
            sights,
            inlet,
            clock,
            key,
            devices: RateLimiter::keyed(per_second(limits.device_per_second)),
            noise: RateLimiter::keyed(per_second(limits.refused_per_second)),
            hashing: RandomState::new(),
            refusals: Mutex::default(),
        }
    }

    /// The newest sight of the chain.
    pub(crate) fn sight(&self) -> Option<Arc<Sight>> {
        self.sights.borrow().clone()
    }

    /// Offers one envelope; `place` is the device its topic names, where it has one.
    pub(crate) async fn offer(&self, raw: &[u8], place: Option<&str>) -> Result<Waiting, Turned> {
        let begun = Instant::now();
        let sight = self.sight().ok_or(Turned::NotYet)?;
        let verified = verify::verify(raw, &sight.directory, &RealKeys).map_err(Turned::Envelope)?;
        let held = *verified.held();
        if let Some(given) = place
            && given.parse() != Ok(held.kid)
        {
            return Err(Turned::WrongPlace {
                given: given.chars().take(32).collect(),
                kid: held.kid,
            });
        }
        if self.devices.check_key(&held.kid).is_err() {
            return Err(Turned::TooFast { kid: held.kid });
        }
        gauge!(m::LAST_SEEN, "device" => held.kid.to_string()).set(held.time as f64);
        let answer = self
            .inlet
            .offer(verified, self.clock.unix_seconds())
            .await
            .map_err(|_| Turned::Unable)?;
        Ok(Waiting {
            kid: held.kid,
            counter: held.counter,
            begun,
            answer,
        })
    }

    /// Waits until the envelope is answered.
    pub(crate) async fn answered(&self, door: &'static str, waiting: Waiting) -> Result<Outcome, Turned> {
        let outcome = waiting.answer.await.map_err(|_| Turned::Unable)?;
        histogram!(m::ACK_SECONDS).record(waiting.begun.elapsed().as_secs_f64());
        counter!(m::READINGS, "adapter" => door, "result" => outcome.name()).increment(1);
        Ok(outcome)
    }

    /// Counts a refusal and remembers it for the operator; says whether `who` has been refused too much.
    pub(crate) fn refuse(&self, door: &'static str, who: &str, turned: &Turned) -> bool {
        counter!(m::READINGS, "adapter" => door, "result" => turned.name()).increment(1);
        let reason = crate::check::whole(turned);
        debug!(target: "hearth::ingest", door, refused = turned.name(), reason, "refused");
        let refusal = Refusal {
            door,
            refused: turned.name(),
            reason: reason.chars().take(REASON).collect(),
            at: self.clock.unix_seconds(),
        };
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() == REMEMBERED {
            refusals.pop_front();
        }
        refusals.push_back(refusal);
        drop(refusals);
        if self.noise.len() > LIMITED {
            self.noise.retain_recent();
        }
        self.noise.check_key(&self.hashing.hash_one(who)).is_err()
    }

    /// The last refusals, the newest last.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// A signed answer for one device (R7.2).
    pub(crate) fn sign(&self, net: Network, kid: Kid, outcomes: &[(Counter, Outcome)]) -> String {
        answer::sign(
            net,
            self.seat,
            &Answer::of(kid, outcomes),
            self.key.reveal(),
            &RealKeys,
        )
    }

    /// Waits until a device may send again.
    pub(crate) async fn breathe(&self, kid: Kid) {
        self.devices.until_key_ready(&kid).await;
    }
}

fn per_second(rate: u32) -> Quota {
    let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(rate).allow_burst(rate.saturating_add(rate.get()))
}
