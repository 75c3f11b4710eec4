//! The state in which the last accepted report left the stream: the opening of the next (R7.3).
//!
//! Whoever signed the report has recorded it. Who did not, but holds exactly the envelopes under its root, computes it.
//! Anyone else, such as a seat that joins late, asks, and believes what `f+1` seats say alike.

use std::collections::BTreeMap;

use alloy_primitives::B256;

use crate::chain::Accepted;
use crate::effect::{Effect, Evaluated, Purpose, Record, Task};
use crate::estimators::{Item, Opening};
use crate::gather::offer;
use crate::message::Message;
use crate::types::{Epoch, MemberId, SeatId};

use super::{At, Closing};

impl At<'_> {
    /// The last report that is believed to be accepted, if it is the parent of the epoch that is due.
    fn parent(&self) -> Option<&Accepted> {
        let due = self.due();
        self.stream
            .last_at(self.view.firm())
            .filter(|last| last.epoch.next() == due)
    }

    /// The due epoch's opening and where its span begins, once they are known.
    pub(super) fn opening(&self) -> Option<(Opening, u64)> {
        match self.parent() {
            // The first report, or one after an epoch that never got one: the first reading heard opens the state.
            None => Some((Opening::default(), self.begin(self.due()))),
            Some(parent) => {
                let closing = self.own.closings.get(&parent.digest)?;
                Some((closing.opening.clone(), parent.observed_to))
            }
        }
    }

    /// Computes the parent's closing, or asks for it.
    pub(super) fn know_closing(&mut self) {
        let Some(parent) = self.parent().cloned() else {
            self.own.asking = None;
            return;
        };
        if self.own.closings.contains_key(&parent.digest) {
            self.own.asking = None;
            return;
        }
        let purpose = Purpose::Close(parent.digest);
        if self.own.asking == Some(parent.digest) {
            self.send_all(&Message::AskClosing {
                stream: self.id,
                digest: parent.digest,
            });
        } else if !self.own.running.contains(&purpose) {
            match self.opening_of(&parent) {
                Some(opening) => self.compute(&parent, opening, purpose),
                None => self.ask_for(parent.digest),
            }
        }
    }

    fn ask_for(&mut self, digest: B256) {
        self.own.asking = Some(digest);
        self.own.told.clear();
        self.send_all(&Message::AskClosing {
            stream: self.id,
            digest,
        });
    }

    /// The state in which an accepted report itself began.
    fn opening_of(&self, report: &Accepted) -> Option<Opening> {
        match report
            .epoch
            .0
            .checked_sub(1)
            .and_then(|epoch| self.stream.report(Epoch(epoch)))
        {
            Some(before) => self
                .own
                .closings
                .get(&before.digest)
                .map(|closing| closing.opening.clone()),
            None => (report.observed_from == self.begin(report.epoch)).then(Opening::default),
        }
    }

    fn compute(&mut self, report: &Accepted, opening: Opening, purpose: Purpose) {
        let epochs = [Epoch(report.epoch.0.saturating_sub(1)), report.epoch];
        let laid = self
            .own
            .store
            .lay(self.id, epochs, report.observed_from, report.observed_to);
        let (envelopes, _) = offer(&laid);
        self.own.running.push(purpose);
        self.out.push(Effect::Evaluate(Box::new(Task {
            purpose,
            stream: self.id,
            epoch: report.epoch,
            terms: self.stream.terms.clone(),
            calendar: self.view.calendar,
            observed_from: report.observed_from,
            opening,
            cut: Some(report.observed_to),
            envelopes,
            faults: self.config.faults,
        })));
    }

    /// The parent's closing is computed: it holds if the envelopes are exactly those under the accepted root.
    pub(super) fn computed_closing(&mut self, evaluated: &Evaluated, digest: B256) {
        let Some(report) = self.stream.accepted.iter().find(|report| report.digest == digest) else {
            return;
        };
        match &evaluated.estimate {
            Ok(estimate) if evaluated.root == report.envelopes => {
                let seed = self.guard.seed(self.id, report.epoch, digest);
                let itemised = estimate.itemised();
                self.keep_closing(report.epoch, digest, estimate.closing.clone(), seed, itemised);
            }
            _ => self.ask_for(digest),
        }
    }

    /// Records the state in which a report leaves the stream, once it is accepted.
    pub(super) fn keep_closing(
        &mut self,
        epoch: Epoch,
        digest: B256,
        opening: Opening,
        seed: Option<B256>,
        itemised: BTreeMap<MemberId, Vec<Item>>,
    ) {
        if self.own.closings.contains_key(&digest) {
            return;
        }
        self.own.closings.insert(
            digest,
            Closing {
                epoch,
                opening: opening.clone(),
            },
        );
        self.out.push(Effect::Persist(Record::Closed {
            stream: self.id,
            epoch,
            digest,
            opening,
            seed,
            itemised,
        }));
    }

    /// A peer asks for a closing.
    pub(super) fn ask_closing(&mut self, from: SeatId, digest: B256) {
        // Only of reports that are accepted: a closing of anything else is nobody's business.
        let accepted = self.stream.accepted.iter().any(|report| report.digest == digest);
        if let Some(closing) = self.own.closings.get(&digest).filter(|_| accepted) {
            let message = Message::Closing {
                stream: self.id,
                digest,
                opening: closing.opening.clone(),
            };
            self.out.push(Effect::Send { to: from, message });
        }
    }

    /// A peer says what a closing is; `f+1` alike contain one honest seat.
    pub(super) fn told_closing(&mut self, from: SeatId, digest: B256, opening: Opening) {
        if self.own.asking != Some(digest) {
            return;
        }
        let Some(epoch) = self
            .stream
            .accepted
            .iter()
            .find(|r| r.digest == digest)
            .map(|r| r.epoch)
        else {
            return;
        };
        let alike = 1 + self
            .own
            .told
            .iter()
            .filter(|(seat, told)| **seat != from && **told == opening)
            .count();
        if alike > self.view.committee.arithmetic().faulty() {
            self.own.told.clear();
            self.own.asking = None;
            self.keep_closing(epoch, digest, opening, None, BTreeMap::new());
        } else {
            self.own.told.insert(from, opening);
        }
    }
}
