//! Stage 7: what may be signed.
//!
//! *In*: a report key and a digest. *Out*: a [`Permit`] and the record to make durable before it is used. *Refuses*: a
//! second digest for a key. *Never*: a permit without its record before it, in one list of effects.
//!
//! A [`Permit`] can be made nowhere else, and the key signs nothing without one.

use std::collections::BTreeMap;

use alloy_primitives::B256;

use crate::effect::{Effect, Record};
use crate::faults::{Fault, Faults};
use crate::message::AttemptId;
use crate::types::{Epoch, StreamId};

/// Leave to sign one digest. Its record is durable by the time the shell sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    key: AttemptId,
    digest: B256,
}

impl Permit {
    /// The report.
    #[must_use]
    pub const fn key(&self) -> AttemptId {
        self.key
    }

    /// What to sign.
    #[must_use]
    pub const fn digest(&self) -> B256 {
        self.digest
    }
}

/// Why the guard refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSafe {
    /// Another digest was signed for this key.
    #[error("digest {given} refused: {signed} is already signed for this attempt")]
    Conflict {
        /// The digest asked for.
        given: B256,
        /// The one signed.
        signed: B256,
    },
    /// The key lies below what the guard still remembers.
    #[error("epoch {given} is over; the guard remembers from {floor}")]
    Below {
        /// The epoch asked for.
        given: Epoch,
        /// The first one remembered.
        floor: Epoch,
    },
}

/// One digest per (subcontract, stream, epoch, attempt); the stream names the subcontract.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    signed: BTreeMap<AttemptId, (B256, B256)>,
    floors: BTreeMap<StreamId, Epoch>,
}

impl Guard {
    /// Leave to sign, as effects: first the record, then the signing. The same digest may be signed again.
    ///
    /// # Errors
    /// Another digest was signed for this key, or the epoch is over.
    pub(crate) fn admit(
        &mut self,
        key: AttemptId,
        digest: B256,
        seed: B256,
        faults: &Faults,
    ) -> Result<Vec<Effect>, NotSafe> {
        let floor = self.floors.get(&key.stream).copied().unwrap_or_default();
        if key.epoch < floor {
            return Err(NotSafe::Below {
                given: key.epoch,
                floor,
            });
        }
        let sign = Effect::Sign(Permit { key, digest });
        match self.signed.get(&key) {
            Some((signed, _)) if *signed == digest => return Ok(vec![sign]),
            Some((signed, _)) if !faults.has(Fault::EquivocateOnRetry) => {
                return Err(NotSafe::Conflict {
                    given: digest,
                    signed: *signed,
                });
            }
            _ => {}
        }
        self.signed.insert(key, (digest, seed));
        let record = Effect::Persist(Record::Guarded { key, digest, seed });
        if faults.has(Fault::SignBeforeRecord) {
            return Ok(vec![sign, record]);
        }
        Ok(vec![record, sign])
    }

    /// What a restart remembers.
    pub(crate) fn remember(&mut self, key: AttemptId, digest: B256, seed: B256) {
        self.signed.insert(key, (digest, seed));
    }

    /// The digest signed for a key, and the seed of its salts.
    pub(crate) fn signed(&self, key: AttemptId) -> Option<(B256, B256)> {
        self.signed.get(&key).copied()
    }

    /// The seed behind a digest this seat signed in an epoch.
    pub(crate) fn seed(&self, stream: StreamId, epoch: Epoch, digest: B256) -> Option<B256> {
        self.signed
            .iter()
            .filter(|(key, _)| key.stream == stream && key.epoch == epoch)
            .find_map(|(_, (signed, seed))| (*signed == digest).then_some(*seed))
    }

    /// Lets go of epochs before `epoch`, and signs nothing there any more.
    pub(crate) fn forget(&mut self, stream: StreamId, epoch: Epoch) {
        let floor = self.floors.entry(stream).or_default();
        *floor = (*floor).max(epoch);
        self.signed
            .retain(|key, _| key.stream != stream || key.epoch >= epoch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Attempt;

    const KEY: AttemptId = AttemptId {
        stream: StreamId(1),
        epoch: Epoch(5),
        attempt: Attempt(0),
    };
    const ONE: B256 = B256::repeat_byte(1);
    const TWO: B256 = B256::repeat_byte(2);

    fn admit(guard: &mut Guard, key: AttemptId, digest: B256) -> Result<Vec<Effect>, NotSafe> {
        guard.admit(key, digest, B256::ZERO, &Faults::default())
    }

    #[test]
    fn the_record_comes_before_the_signature() {
        let effects = admit(&mut Guard::default(), KEY, ONE).unwrap();
        assert!(matches!(
            effects.as_slice(),
            [
                Effect::Persist(Record::Guarded { digest: ONE, .. }),
                Effect::Sign(Permit { digest: ONE, .. })
            ]
        ));
    }

    #[test]
    fn the_same_again_another_never() {
        let mut guard = Guard::default();
        admit(&mut guard, KEY, ONE).unwrap();
        assert!(matches!(
            admit(&mut guard, KEY, ONE).unwrap().as_slice(),
            [Effect::Sign(_)]
        ));
        assert_eq!(
            admit(&mut guard, KEY, TWO).unwrap_err(),
            NotSafe::Conflict {
                given: TWO,
                signed: ONE
            }
        );
        let next = AttemptId {
            attempt: Attempt(1),
            ..KEY
        };
        assert!(admit(&mut guard, next, TWO).is_ok());
    }

    #[test]
    fn a_restart_remembers_and_what_is_forgotten_is_never_signed() {
        let mut guard = Guard::default();
        guard.remember(KEY, ONE, B256::ZERO);
        assert!(admit(&mut guard, KEY, TWO).is_err());
        guard.forget(KEY.stream, Epoch(6));
        assert_eq!(
            admit(&mut guard, KEY, ONE).unwrap_err(),
            NotSafe::Below {
                given: Epoch(5),
                floor: Epoch(6)
            }
        );
    }
}
