//! Devices: what they sense, sign, keep and let go of; and the one that reuses a counter.

use std::collections::BTreeMap;

use hearth_oracle_core::answer::{Outcome, Release, release};
use hearth_oracle_core::crypto::Crypto;
use hearth_oracle_core::types::{Counter, Kid, Network, SeatId, Seats};
use hearth_oracle_core::verify::{Directory, Held, Verified, envelope, verify};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Radar,
    Scale,
    Badge,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Radar, Self::Scale, Self::Badge];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Radar => "radar",
            Self::Scale => "scale",
            Self::Badge => "badge",
        }
    }
}

/// An envelope a device has not let go of.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) envelope: Verified,
    pub(crate) answers: BTreeMap<SeatId, Outcome>,
}

pub(crate) struct Device {
    pub(crate) kind: Kind,
    pub(crate) kid: Kid,
    secret: [u8; 32],
    boot: u32,
    seq: u32,
    last: u64,
    pub(crate) pending: BTreeMap<Counter, Pending>,
    /// The other content of a counter it signed twice, for some of the seats.
    pub(crate) twin: BTreeMap<Counter, Verified>,
    /// The counter from which on nothing of it counts.
    pub(crate) reused: Option<Counter>,
}

/// The pile as the devices see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pile {
    pub(crate) pieces: u32,
}

impl Device {
    pub(crate) fn new(kind: Kind, secret: [u8; 32], crypto: &dyn Crypto) -> Self {
        Self {
            kind,
            kid: Kid::of(&crypto.public(&secret)),
            secret,
            boot: 1,
            seq: 0,
            last: 0,
            pending: BTreeMap::new(),
            twin: BTreeMap::new(),
            reused: None,
        }
    }

    /// Senses the pile at `time` and signs what it sees. Times only rise, as its counter does.
    pub(crate) fn sense(&mut self, time: u64, pile: Pile, tap: Option<&str>, world: &Senses<'_>) -> Verified {
        let time = time.max(self.last + 1);
        self.last = time;
        let counter = Counter::new(self.boot, self.seq);
        self.seq += 1;
        let records = match (self.kind, tap) {
            (Kind::Radar, _) => format!(
                r#"{{"n":"wood/pieces","u":"count","v":{},"t":{time}}},{{"n":"wood/confidence","u":"/","v":0.99,"t":{time}}}"#,
                pile.pieces
            ),
            (Kind::Scale, _) => {
                format!(
                    r#"{{"n":"wood/mass","u":"g","v":{},"t":{time}}}"#,
                    u64::from(pile.pieces) * 1_000
                )
            }
            (Kind::Badge, Some(hash)) => format!(r#"{{"n":"tap","vs":"{hash}","t":{time}}}"#),
            (Kind::Badge, None) => format!(r#"{{"n":"beat","vb":true,"t":{time}}}"#),
        };
        let signed = self.sign(counter, time, &records, world);
        self.pending.insert(
            counter,
            Pending {
                envelope: signed.clone(),
                answers: BTreeMap::new(),
            },
        );
        signed
    }

    /// Signs another content under the counter it used last.
    pub(crate) fn reuse(&mut self, world: &Senses<'_>) -> Option<Verified> {
        let counter = Counter::new(self.boot, self.seq.checked_sub(1)?);
        let time = self.last;
        let twin = self.sign(
            counter,
            time,
            &format!(r#"{{"n":"weather","v":1,"t":{time}}}"#),
            world,
        );
        self.twin.insert(counter, twin.clone());
        self.reused = Some(self.reused.map_or(counter, |first| first.min(counter)));
        Some(twin)
    }

    fn sign(&self, counter: Counter, time: u64, records: &str, world: &Senses<'_>) -> Verified {
        let pack = format!("[{records}]");
        let raw = envelope(
            &self.secret,
            world.network,
            counter,
            time,
            pack.as_bytes(),
            world.crypto,
        );
        verify(raw.as_bytes(), world.directory, world.crypto)
            .expect("a device of this world signs what seats accept")
    }

    /// Skips counters, or starts again.
    pub(crate) fn stumble(&mut self, rng: &mut ChaCha8Rng) {
        if rng.random_bool(0.5) {
            self.seq += rng.random_range(1..5);
        } else {
            self.boot += 1;
            self.seq = 0;
        }
    }

    /// The envelopes an honest device could not let go of, with the answers to each. Nobody promises anything to one that
    /// reuses a counter, from there on.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (Held, &BTreeMap<SeatId, Outcome>)> {
        let honest = |counter: &Counter| self.reused.is_none_or(|first| *counter < first);
        let pending = self.pending.iter().filter(move |(counter, _)| honest(counter));
        pending.map(|(_, pending)| (*pending.envelope.held(), &pending.answers))
    }

    /// A seat has answered; says what became of the envelope once it may be let go.
    pub(crate) fn answered(
        &mut self,
        seat: SeatId,
        counter: Counter,
        outcome: Outcome,
        seats: Seats,
        one_is_enough: bool,
    ) -> Option<(Release, Verified)> {
        let pending = self.pending.get_mut(&counter)?;
        // *Kept* stays; a seat that said *late* may yet be handed it in the exchange, and then says *kept*.
        if pending.answers.get(&seat) != Some(&Outcome::Kept) {
            pending.answers.insert(seat, outcome);
        }
        let mut verdict = release(&pending.answers, seats);
        if one_is_enough && pending.answers.values().any(|answer| *answer == Outcome::Kept) {
            verdict = Release::Kept;
        }
        if verdict == Release::Hold {
            return None;
        }
        self.pending
            .remove(&counter)
            .map(|pending| (verdict, pending.envelope))
    }
}

/// What a device needs of the world to sign.
pub(crate) struct Senses<'a> {
    pub(crate) network: Network,
    pub(crate) directory: &'a Directory,
    pub(crate) crypto: &'a dyn Crypto,
}
