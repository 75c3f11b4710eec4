//! Answers devices, and takes what peers hand over (docs/agreement.md, steps 1 and 2).

use crate::answer::Outcome;
use crate::effect::{Effect, Notice, Record};
use crate::faults::Fault;
use crate::gather::{EARLY_BEYOND, Taken};
use crate::types::{Epoch, SeatId};
use crate::verify::Verified;

use super::At;

impl At<'_> {
    /// *Kept*, *late* or *early* (R7.2). What is answered *kept* is on disk before the answer, and is owed: a proposal
    /// that leaves it out is refused.
    pub(super) fn received(&mut self, envelope: &Verified, wall: u64) {
        let held = envelope.held();
        let Some(epoch) = self.span_of(held) else {
            return self.answer(envelope, Outcome::Late);
        };
        let beyond = |clock: u64| held.time > clock.saturating_add(EARLY_BEYOND);
        if self.own.store.owes(epoch, held) {
            return self.answer(envelope, Outcome::Kept);
        }
        if self.clock >= self.intake_closes(epoch) {
            return self.answer(envelope, Outcome::Late);
        }
        if beyond(wall) && beyond(self.view.head.time) {
            return self.answer(envelope, Outcome::Early);
        }
        let taken = self.own.store.take(epoch, held, false);
        match taken {
            Taken::New | Taken::Reused => {
                if taken == Taken::Reused {
                    self.out.push(Effect::Note(Notice::CounterReused {
                        kid: held.kid,
                        counter: held.counter,
                    }));
                }
                let record = Record::Kept {
                    held: *held,
                    lent: false,
                    raw: envelope.raw().clone(),
                };
                if self.has(Fault::AnswerBeforeDisk) {
                    self.answer(envelope, Outcome::Kept);
                    self.out.push(Effect::Persist(record));
                } else {
                    self.out.push(Effect::Persist(record));
                    self.answer(envelope, Outcome::Kept);
                }
            }
            // A loan is not owed, and two contents already prove the counter reused: whether this one counts is not in
            // this seat's hands.
            Taken::Again | Taken::Enough => self.answer(envelope, Outcome::Late),
            Taken::Full => self.answer(envelope, Outcome::Early),
        }
    }

    fn answer(&mut self, envelope: &Verified, outcome: Outcome) {
        let held = envelope.held();
        self.out.push(Effect::Answer {
            kid: held.kid,
            counter: held.counter,
            outcome,
        });
    }

    /// What a peer hands over was checked for key and counter; its device's signature proves it. Before the exchange
    /// ends it is owed like what a device sent; after that it is a loan, so that nobody can add to what others must
    /// contain.
    pub(super) fn handed_over(&mut self, from: SeatId, envelopes: &[Verified]) {
        let (oldest, newest) = (self.oldest_needed(), self.epoch_at(self.clock).next());
        for envelope in envelopes
            .iter()
            .filter(|envelope| envelope.held().stream == self.id)
        {
            let held = envelope.held();
            let Some(epoch) = self
                .span_of(held)
                .filter(|epoch| (oldest..=newest).contains(epoch))
            else {
                continue;
            };
            if self.has(Fault::DropHandedOver) && self.clock >= self.end(epoch) {
                continue;
            }
            let lent = self.clock >= self.exchange_ends(epoch);
            let taken = self.own.store.take(epoch, held, lent);
            if taken == Taken::Reused {
                self.out.push(Effect::Note(Notice::CounterReused {
                    kid: held.kid,
                    counter: held.counter,
                }));
            }
            if matches!(taken, Taken::New | Taken::Reused) {
                let raw = envelope.raw().clone();
                self.out.push(Effect::Persist(Record::Kept {
                    held: *held,
                    lent,
                    raw,
                }));
            }
        }
        self.shown(from, envelopes);
    }

    /// The first epoch whose envelopes may still be read: the one before the due one holds what came after its cut, and
    /// the parent's own span begins in the one before that.
    pub(super) fn oldest_needed(&self) -> Epoch {
        Epoch(self.due().0.saturating_sub(2))
    }
}
