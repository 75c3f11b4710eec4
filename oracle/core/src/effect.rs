//! What goes into the core and what comes out of it: the whole boundary with the shell.
//!
//! Effects are ordered. The shell carries them out in order, and a [`Effect::Persist`] must be durable before anything
//! after it begins; a shell that gathers many steps may make all their records durable first, in order, and then do the
//! rest in order (group commit), which only waits longer.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use crate::answer::Outcome;
use crate::chain::Terms;
use crate::estimators::{Estimate, Item, Opening, Unusable};
use crate::faults::Faults;
use crate::gather::Window;
use crate::guard::{NotSafe, Permit};
use crate::message::{AttemptId, Attestation, Heard, Message, Objection};
use crate::quorum::Sealed;
use crate::types::{Calendar, Counter, Epoch, Kid, MemberId, SeatId, StreamId};
use crate::verify::{Held, Verified};

/// What happens to a seat.
#[derive(Debug, Clone)]
pub enum Event {
    /// The chain view changed, or a block's time has passed since the last look. `entropy` is fresh each time; a
    /// proposer draws its members' salts from it.
    Head {
        /// 32 random bytes.
        entropy: B256,
    },
    /// A device's envelope, verified.
    Received {
        /// The envelope.
        envelope: Verified,
        /// The shell's wall clock, unix seconds: it only helps to refuse envelopes from the future.
        wall: u64,
    },
    /// Envelopes a peer handed over, each verified.
    HandedOver {
        /// The peer.
        from: SeatId,
        /// What it handed over.
        envelopes: Vec<Verified>,
    },
    /// A peer spoke. `Message::Envelopes` comes as [`Event::HandedOver`] instead, once the shell has verified them.
    Heard(Heard),
    /// [`Effect::Evaluate`] is done.
    Evaluated(Box<Evaluated>),
    /// [`Effect::Sign`] is done.
    Signed(Attestation),
}

/// What a seat wants done.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Make durable before anything after it.
    Persist(Record),
    /// Tell a device what became of its envelope.
    Answer {
        /// The device.
        kid: Kid,
        /// Which envelope.
        counter: Counter,
        /// What became of it.
        outcome: Outcome,
    },
    /// Say something to a peer; it may be lost.
    Send {
        /// The peer.
        to: SeatId,
        /// What to say.
        message: Message,
    },
    /// Read these envelopes from the journal and send them to a peer as `Message::Envelopes`, in as many messages as
    /// `LARGEST_HANDOVER` asks for.
    HandOver {
        /// The peer.
        to: SeatId,
        /// Which envelopes.
        envelopes: Vec<Held>,
    },
    /// Read the task's envelopes from the journal, run [`Task::run`], on any thread, and return
    /// [`Event::Evaluated`].
    Evaluate(Box<Task>),
    /// Sign with the report key and return [`Event::Signed`].
    Sign(Permit),
    /// Carry a sealed report to the chain; the same may be asked again.
    Submit(Box<Sealed>),
    /// Bring an accepted report, whose window has ended, to its settlement; the same may be asked again.
    Settle {
        /// The stream.
        stream: StreamId,
        /// The epoch.
        epoch: Epoch,
    },
    /// Nothing before this epoch of this stream is needed for agreement any more. What members may still ask for
    /// (R20) the shell keeps until its own time for it has passed.
    Forget {
        /// The stream.
        stream: StreamId,
        /// The first epoch still needed.
        before: Epoch,
    },
    /// Something worth counting or logging; nothing depends on it.
    Note(Notice),
}

/// What must survive a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// Tagged from outside: inside, serde would read the members' numbers back as text and refuse them.
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Record {
    /// An envelope.
    Kept {
        /// What to remember.
        held: Held,
        /// Came after the exchange had ended: handed over in proposals, but nobody is refused for leaving it out.
        lent: bool,
        /// As the device sent it.
        raw: Arc<str>,
    },
    /// A digest that is about to be signed.
    Guarded {
        /// The report.
        key: AttemptId,
        /// Its digest.
        digest: B256,
        /// What its members' salts are derived from.
        seed: B256,
    },
    /// The state in which an accepted report left the stream.
    Closed {
        /// The stream.
        stream: StreamId,
        /// The accepted report's epoch.
        epoch: Epoch,
        /// Its digest.
        digest: B256,
        /// The state.
        opening: Opening,
        /// What its members' salts are derived from; a seat that was told the state by others may not know it.
        seed: Option<B256>,
        /// The members' itemised lists: each is opened to its member alone (R20, `itemised::open`).
        #[serde(with = "by_member")]
        itemised: BTreeMap<MemberId, Vec<Item>>,
    },
}

/// What a restarted seat is given of its records; the raw envelopes stay in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remembered {
    /// From `Record::Kept`.
    Kept {
        /// What to remember.
        held: Held,
        /// Whether it was lent.
        lent: bool,
    },
    /// From `Record::Guarded`.
    Guarded {
        /// The report.
        key: AttemptId,
        /// Its digest.
        digest: B256,
        /// What its members' salts are derived from.
        seed: B256,
    },
    /// From `Record::Closed`.
    Closed {
        /// The stream.
        stream: StreamId,
        /// The accepted report's epoch.
        epoch: Epoch,
        /// Its digest.
        digest: B256,
        /// The state.
        opening: Opening,
    },
}

impl From<Record> for Remembered {
    fn from(record: Record) -> Self {
        match record {
            Record::Kept { held, lent, .. } => Self::Kept { held, lent },
            Record::Guarded { key, digest, seed } => Self::Guarded { key, digest, seed },
            Record::Closed {
                stream,
                epoch,
                digest,
                opening,
                ..
            } => Self::Closed {
                stream,
                epoch,
                digest,
                opening,
            },
        }
    }
}

/// An estimate to be made: which envelopes, and everything else it depends on.
#[derive(Debug, Clone)]
pub struct Task {
    pub(crate) purpose: Purpose,
    pub(crate) stream: StreamId,
    pub(crate) epoch: Epoch,
    pub(crate) terms: Arc<Terms>,
    pub(crate) calendar: Calendar,
    pub(crate) observed_from: u64,
    pub(crate) opening: Opening,
    pub(crate) cut: Option<u64>,
    pub(crate) envelopes: Vec<Held>,
    pub(crate) faults: Faults,
}

/// Why an estimate is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To propose this attempt, with salts from this seed.
    Propose(AttemptId, B256),
    /// To check a proposal of this digest.
    Check(B256),
    /// To know the state in which the accepted report of this digest left the stream.
    Close(B256),
}

/// A task's result.
#[derive(Debug, Clone)]
pub struct Evaluated {
    pub(crate) task: Task,
    pub(crate) root: B256,
    pub(crate) estimate: Result<Estimate, Unusable>,
}

impl Task {
    /// The stream it is for.
    #[must_use]
    pub const fn stream(&self) -> StreamId {
        self.stream
    }

    /// The cut before its span.
    #[must_use]
    pub const fn observed_from(&self) -> u64 {
        self.observed_from
    }

    /// The epoch it is for.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Which envelopes it needs from the journal, in the order of [`Task::run`].
    #[must_use]
    pub fn envelopes(&self) -> &[Held] {
        &self.envelopes
    }

    /// Leaves envelopes out. An honest shell has no use for it; a simulated liar has.
    pub fn retain(&mut self, keep: impl FnMut(&Held) -> bool) {
        self.envelopes.retain(keep);
    }

    /// Runs the estimator over the envelopes; `raw` gives each one's text from the journal.
    ///
    /// # Errors
    /// The first envelope whose text is missing or has changed in the journal: the seat must not go on with it.
    pub fn run(self, mut raw: impl FnMut(&Held) -> Option<Arc<str>>) -> Result<Evaluated, Held> {
        self.run_verified(|held| raw(held).and_then(|text| Verified::reopen(text, held)))
    }

    /// Runs the estimator over envelopes still held in memory since they were verified.
    ///
    /// # Errors
    /// The first envelope that is not the one asked for.
    pub fn run_verified(
        self,
        mut envelope: impl FnMut(&Held) -> Option<Verified>,
    ) -> Result<Evaluated, Held> {
        let mut window = Window::default();
        for held in &self.envelopes {
            window.put(
                envelope(held)
                    .filter(|envelope| envelope.held() == held)
                    .ok_or(*held)?,
            );
        }
        let (root, estimate) = self.judge(&window);
        Ok(Evaluated {
            task: self,
            root,
            estimate,
        })
    }
}

impl Evaluated {
    /// What was asked.
    #[must_use]
    pub const fn task(&self) -> &Task {
        &self.task
    }

    /// The root of the envelopes up to the cut.
    #[must_use]
    pub const fn root(&self) -> B256 {
        self.root
    }

    /// What they amount to.
    ///
    /// # Errors
    /// The stream cannot be reported on.
    pub const fn estimate(&self) -> Result<&Estimate, &Unusable> {
        self.estimate.as_ref()
    }
}

/// Something worth counting or logging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A device signed two contents under one counter.
    CounterReused {
        /// The device.
        kid: Kid,
        /// The counter.
        counter: Counter,
    },
    /// A proposal was refused by this seat, or one of its own by a peer.
    Refused {
        /// The report.
        key: AttemptId,
        /// Who refused.
        by: SeatId,
        /// Why.
        reason: Objection,
    },
    /// The guard did not let this seat sign.
    NotSafe {
        /// The report.
        key: AttemptId,
        /// Why.
        reason: NotSafe,
    },
    /// A message was ignored.
    Ignored {
        /// From whom.
        from: SeatId,
        /// A stable name of the reason.
        reason: &'static str,
    },
    /// This seat proposed.
    Proposed {
        /// The report.
        key: AttemptId,
        /// Its digest.
        digest: B256,
    },
    /// A report has its quorum.
    Sealed {
        /// The report.
        key: AttemptId,
        /// Its digest.
        digest: B256,
    },
    /// The stream's parameters or estimator on chain cannot be used: no report can be made.
    Unusable {
        /// The stream.
        stream: StreamId,
        /// Why.
        reason: String,
    },
}

/// Lists by member as a list of pairs: a map's keys become text, and text is no member's number again when a tagged
/// record is read back.
mod by_member {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Item, MemberId};

    pub(super) fn serialize<S: Serializer>(
        lists: &BTreeMap<MemberId, Vec<Item>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(lists)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<MemberId, Vec<Item>>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::Deed;

    #[test]
    fn a_closed_epoch_is_read_back_from_the_journal() {
        let item = Item {
            time: 1,
            deed: Deed::Taken,
            pieces: 2,
            grams: 2_000,
        };
        let record = Record::Closed {
            stream: StreamId(1),
            epoch: Epoch(2_968),
            digest: B256::repeat_byte(1),
            opening: Opening::default(),
            seed: Some(B256::repeat_byte(2)),
            itemised: BTreeMap::from([(MemberId(1), vec![item]), (MemberId(12), Vec::new())]),
        };

        let text = serde_json::to_string(&record).unwrap();

        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
