//! Turns: one proposal per attempt, checked, guarded, signed, sealed, carried, and settled after its window
//! (docs/agreement.md, steps 3 to 5, and 7).

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, FixedBytes};

use crate::chain::ReportState;
use crate::effect::{Effect, Evaluated, Notice, Purpose, Task};
use crate::estimators::{Estimate, Opening};
use crate::faults::Fault;
use crate::gather::{Compared, compare, offer};
use crate::message::{AttemptId, Attestation, Message, Objection, Proposal};
use crate::quorum::{Sealed, Tally};
use crate::report::{Report, as_parent};
use crate::types::{Attempt, Epoch, Leaf, SeatId, Verdict};
use crate::verify::{Held, Verified};

use super::exchange::MOST_HANDED;
use super::{At, ignored};

/// The agreement on one epoch's report, over one parent and under one committee version.
#[derive(Debug)]
pub(super) struct Round {
    epoch: Epoch,
    parent: B256,
    version: u32,
    observed_from: u64,
    opening: Opening,
    /// What others proposed, for the attempts still answered.
    offered: BTreeMap<Attempt, Offered>,
    /// The attempt this seat last began to propose.
    begun: Option<Attempt>,
    mine: Option<Mine>,
    seal: Option<(Attempt, Sealed)>,
}

#[derive(Debug)]
struct Offered {
    from: SeatId,
    proposal: Proposal,
    digest: B256,
    /// Leaves the proposer handed over for this proposal.
    shown: BTreeSet<Leaf>,
    checked: Checked,
}

#[derive(Debug, Clone, PartialEq)]
enum Checked {
    /// Something is being fetched, or nothing was looked at yet.
    Not,
    /// The estimator runs.
    Running,
    /// The key is asked.
    Signing,
    Signed(FixedBytes<64>),
    Refused(Objection),
}

#[derive(Debug)]
struct Mine {
    proposal: Proposal,
    digest: B256,
    tally: Tally,
}

impl At<'_> {
    /// The turn at this seat's own head, once turns have begun.
    fn turn_now(&self, epoch: Epoch) -> Option<u64> {
        let since = self.view.head.time.checked_sub(self.exchange_ends(epoch))?;
        Some(since / self.view.committee.turn.max(1))
    }

    /// The attempt of that turn; none once the turns outnumber what a report can say.
    fn attempt_now(&self, epoch: Epoch) -> Option<Attempt> {
        self.turn_now(epoch)
            .and_then(|turn| u16::try_from(turn).ok())
            .map(Attempt)
    }

    /// Whether this seat's report key is the one the committee knows.
    fn seated(&self) -> bool {
        let keys = self.view.committee.seats.get(usize::from(self.config.seat.0));
        keys.is_some_and(|keys| keys.report == self.config.report)
    }

    /// What the chain will demand as parent: derived anew each time.
    fn parent_digest(&self) -> B256 {
        if self.has(Fault::NoParent) {
            return B256::ZERO;
        }
        self.stream
            .last_at(self.view.firm())
            .map_or(B256::ZERO, |last| as_parent(last.digest))
    }

    /// Brings the round in line with the chain; says whether there is one whose turns run.
    fn round(&mut self) -> bool {
        let epoch = self.due();
        let accepted = self.stream.report(epoch).is_some();
        if self.has(Fault::SettleRemembered) {
            if accepted {
                self.own.remembered = Some(epoch);
            }
            if self.own.remembered == Some(epoch) {
                return false;
            }
        }
        if self.turn_now(epoch).is_none() || accepted || !self.seated() {
            return false;
        }
        let (parent, version) = (self.parent_digest(), self.view.committee.version);
        let same = |round: &Round| round.epoch == epoch && round.parent == parent && round.version == version;
        if self.own.round.as_ref().is_some_and(same) {
            return true;
        }
        self.own.round = None;
        let Some((opening, observed_from)) = self.opening() else {
            return false;
        };
        self.own.round = Some(Round {
            epoch,
            parent,
            version,
            observed_from,
            opening,
            offered: BTreeMap::new(),
            begun: None,
            mine: None,
            seal: None,
        });
        true
    }

    /// Proposes when it is this seat's turn, and says again what may have been lost.
    pub(super) fn turn(&mut self, entropy: B256) {
        if !self.round() {
            return;
        }
        let Some(round) = self.own.round.as_mut() else {
            return;
        };
        let epoch = round.epoch;
        let Some(now) = self.attempt_now(epoch) else {
            return;
        };
        let mine = self.view.committee.arithmetic().turn(epoch, u64::from(now.0)) == self.config.seat;
        let Some(round) = self.own.round.as_mut() else {
            return;
        };
        round.offered.retain(|attempt, _| near(*attempt, now));
        if let Some((attempt, seal)) = &round.seal
            && (mine || near(*attempt, now))
        {
            // It is valid until another lands, so it is carried again rather than proposed anew.
            self.out.push(Effect::Submit(Box::new(seal.clone())));
            return;
        }
        if !mine {
            return;
        }
        let key = AttemptId {
            stream: self.id,
            epoch,
            attempt: now,
        };
        if round.begun != Some(now) || self.config.faults.has(Fault::EquivocateOnRetry) {
            round.begun = Some(now);
            // After a restart within its turn a seat proposes with the same salts, or its guard would refuse.
            let seed = match self.guard.signed(key) {
                Some((_, seed)) if !self.has(Fault::EquivocateOnRetry) => seed,
                _ => entropy,
            };
            self.evaluate(Purpose::Propose(key, seed), None);
        } else if let Some(own) = round
            .mine
            .as_ref()
            .filter(|own| own.proposal.report.attempt == now)
        {
            let message = Message::Proposal(Box::new(own.proposal.clone()));
            let silent: Vec<SeatId> = self
                .peers()
                .filter(|seat| !self.own.round.as_ref().is_some_and(|r| r.heard_of(*seat)))
                .collect();
            for to in silent {
                self.out.push(Effect::Send {
                    to,
                    message: message.clone(),
                });
            }
        }
    }

    /// Has the due epoch's estimate made, over `envelopes` or over all this seat holds.
    fn evaluate(&mut self, purpose: Purpose, envelopes: Option<Vec<Held>>) {
        let Some(round) = &self.own.round else { return };
        let (epoch, observed_from, opening) = (round.epoch, round.observed_from, round.opening.clone());
        let envelopes = envelopes.unwrap_or_else(|| offer(&self.laid(epoch, observed_from)).0);
        if self.own.running.contains(&purpose) {
            return;
        }
        self.own.running.push(purpose);
        self.out.push(Effect::Evaluate(Box::new(Task {
            purpose,
            stream: self.id,
            epoch,
            terms: self.stream.terms.clone(),
            calendar: self.view.calendar,
            observed_from,
            opening,
            cut: None,
            envelopes,
            faults: self.config.faults,
        })));
    }

    fn laid(&self, epoch: Epoch, observed_from: u64) -> Vec<(Held, bool)> {
        let epochs = [Epoch(epoch.0.saturating_sub(1)), epoch];
        let mut laid = self
            .own
            .store
            .lay(self.id, epochs, observed_from, self.end(epoch));
        if self.has(Fault::IgnoreOmissions) {
            laid.iter_mut().for_each(|(_, lent)| *lent = true);
        }
        laid
    }

    pub(super) fn evaluated(&mut self, evaluated: Evaluated) {
        let purpose = evaluated.task.purpose;
        self.own.running.retain(|running| *running != purpose);
        if let Err(reason) = &evaluated.estimate {
            let reason = reason.to_string();
            self.out.push(Effect::Note(Notice::Unusable {
                stream: self.id,
                reason,
            }));
        }
        if let Purpose::Close(digest) = purpose {
            return self.computed_closing(&evaluated, digest);
        }
        let Ok(estimate) = &evaluated.estimate else { return };
        // Between asking and answering the chain may have moved: then the estimate is of no use any more.
        if !self.round() {
            return;
        }
        let Some(round) = &self.own.round else { return };
        let task = &evaluated.task;
        if (task.epoch, task.observed_from, &task.opening)
            != (round.epoch, round.observed_from, &round.opening)
        {
            return;
        }
        match purpose {
            Purpose::Propose(key, seed) => {
                self.propose(key, seed, &evaluated.task.envelopes, evaluated.root, estimate)
            }
            Purpose::Check(digest) => self.check(digest, evaluated.root, estimate),
            Purpose::Close(_) => {}
        }
    }

    fn report(&self, key: AttemptId, seed: B256, root: B256, estimate: &Estimate) -> Option<Report> {
        let round = self.own.round.as_ref()?;
        Some(Report {
            subcontract: self.stream.terms.subcontract,
            stream: self.id,
            epoch: key.epoch,
            attempt: key.attempt,
            version: round.version,
            observed_from: round.observed_from,
            observed_to: estimate.observed_to,
            verdict: estimate.verdict,
            confidence: estimate.confidence,
            coverage: estimate.coverage,
            parent: round.parent,
            envelopes: root,
            payload: estimate.payload(seed),
        })
    }

    fn propose(&mut self, key: AttemptId, seed: B256, envelopes: &[Held], root: B256, estimate: &Estimate) {
        if self.attempt_now(key.epoch) != Some(key.attempt) {
            return;
        }
        let Some(report) = self.report(key, seed, root, estimate) else {
            return;
        };
        let digest = report.digest(&self.view.domain);
        let laid: Vec<(Held, bool)> = envelopes.iter().map(|held| (*held, false)).collect();
        let proposal = Proposal {
            report,
            seed,
            holdings: offer(&laid).1,
        };
        if !self.admit(key, digest, seed, estimate) {
            let reason = Objection::Guarded;
            self.out.push(Effect::Note(Notice::Refused {
                key,
                by: self.config.seat,
                reason,
            }));
            return;
        }
        self.send_all(&Message::Proposal(Box::new(proposal.clone())));
        self.out.push(Effect::Note(Notice::Proposed { key, digest }));
        if let Some(round) = &mut self.own.round {
            round.mine = Some(Mine {
                proposal,
                digest,
                tally: Tally::default(),
            });
        }
    }

    /// Asks the guard; if it agrees, the closing and the guard's record become durable before the key is asked.
    fn admit(&mut self, key: AttemptId, digest: B256, seed: B256, estimate: &Estimate) -> bool {
        match self.guard.admit(key, digest, seed, &self.config.faults) {
            Ok(effects) => {
                self.keep_closing(
                    key.epoch,
                    digest,
                    estimate.closing.clone(),
                    Some(seed),
                    estimate.itemised(),
                );
                self.out.extend(effects);
                true
            }
            Err(reason) => {
                self.out.push(Effect::Note(Notice::NotSafe { key, reason }));
                false
            }
        }
    }

    /// A peer puts a report before this seat.
    pub(super) fn proposal(&mut self, from: SeatId, proposal: Proposal) {
        let key = proposal.key();
        if !self.round() {
            return self.out.push(ignored(from, "no_turn"));
        }
        let seats = self.view.committee.arithmetic();
        let (Some(now), Some(round)) = (self.attempt_now(key.epoch), &mut self.own.round) else {
            return;
        };
        if key.epoch != round.epoch || !near(key.attempt, now) {
            return self.out.push(ignored(from, "other_turn"));
        }
        if seats.turn(key.epoch, u64::from(key.attempt.0)) != from {
            return self.out.push(ignored(from, "not_their_turn"));
        }
        let digest = proposal.report.digest(&self.view.domain);
        match round.offered.get(&key.attempt) {
            Some(known) if known.digest != digest => return self.out.push(ignored(from, "second_proposal")),
            Some(known) => {
                if let Checked::Signed(signature) = known.checked {
                    let attestation = Attestation {
                        key,
                        digest,
                        signature,
                    };
                    self.out.push(Effect::Send {
                        to: from,
                        message: Message::Attestation(attestation),
                    });
                    return;
                }
            }
            None => {
                let (shown, checked) = (BTreeSet::new(), Checked::Not);
                round.offered.insert(
                    key.attempt,
                    Offered {
                        from,
                        proposal,
                        digest,
                        shown,
                        checked,
                    },
                );
            }
        }
        self.consider(key.attempt);
    }

    /// Sets a proposal's list against what this seat holds, and goes on from there.
    fn consider(&mut self, attempt: Attempt) {
        let Some(round) = &self.own.round else { return };
        let Some(offered) = round.offered.get(&attempt) else {
            return;
        };
        if !matches!(
            offered.checked,
            Checked::Not | Checked::Refused(Objection::LeftOut)
        ) {
            return;
        }
        let (from, key, digest) = (offered.from, offered.proposal.key(), offered.digest);
        if self.has(Fault::TrustTheProposer) {
            let seed = offered.proposal.seed;
            if let Ok(effects) = self.guard.admit(key, digest, seed, &self.config.faults) {
                self.out.extend(effects);
                self.mark(attempt, Checked::Signing);
            }
            return;
        }
        let laid = self.laid(round.epoch, round.observed_from);
        match compare(&offered.proposal.holdings, &laid, &offered.shown) {
            Compared::Same(envelopes) => {
                self.mark(attempt, Checked::Running);
                self.evaluate(Purpose::Check(digest), Some(envelopes));
            }
            Compared::Lacking(wanted) => {
                for (kid, ranges) in wanted {
                    self.ask(from, key.epoch, kid, ranges);
                }
            }
            Compared::LeftOut(mut envelopes) => {
                self.mark(attempt, Checked::Refused(Objection::LeftOut));
                envelopes.truncate(MOST_HANDED);
                self.out.push(Effect::HandOver { to: from, envelopes });
                self.refuse(from, key, digest, Objection::LeftOut);
            }
        }
    }

    fn mark(&mut self, attempt: Attempt, checked: Checked) {
        if let Some(offered) = self
            .own
            .round
            .as_mut()
            .and_then(|round| round.offered.get_mut(&attempt))
        {
            offered.checked = checked;
        }
    }

    fn refuse(&mut self, to: SeatId, key: AttemptId, digest: B256, reason: Objection) {
        self.out.push(Effect::Send {
            to,
            message: Message::Refusal { key, digest, reason },
        });
        self.out.push(Effect::Note(Notice::Refused {
            key,
            by: self.config.seat,
            reason,
        }));
    }

    /// A proposer handed over envelopes: its proposals can be considered again.
    pub(super) fn shown(&mut self, from: SeatId, envelopes: &[Verified]) {
        let Some(round) = &mut self.own.round else { return };
        let mut waiting = Vec::new();
        for (attempt, offered) in round
            .offered
            .iter_mut()
            .filter(|(_, offered)| offered.from == from)
        {
            if offered.checked == Checked::Not {
                let before = offered.shown.len();
                offered
                    .shown
                    .extend(envelopes.iter().map(|envelope| envelope.held().leaf));
                // Only what is new is worth another look: each look may ask for several devices, so looking at the same
                // again and again would multiply requests without end.
                if offered.shown.len() > before {
                    waiting.push(*attempt);
                }
            }
        }
        for attempt in waiting {
            self.consider(attempt);
        }
    }

    /// This seat's own run of a proposal is done: sign exactly the same report or refuse.
    fn check(&mut self, digest: B256, root: B256, estimate: &Estimate) {
        let Some(round) = &self.own.round else { return };
        let Some((attempt, offered)) = round.offered.iter().find(|(_, offered)| offered.digest == digest)
        else {
            return;
        };
        let (attempt, from, key, seed) = (
            *attempt,
            offered.from,
            offered.proposal.key(),
            offered.proposal.seed,
        );
        let same = self
            .report(key, seed, root, estimate)
            .is_some_and(|report| report.digest(&self.view.domain) == digest);
        let objection = if !same {
            Objection::Differs
        } else if !self.admit(key, digest, seed, estimate) {
            Objection::Guarded
        } else {
            return self.mark(attempt, Checked::Signing);
        };
        self.mark(attempt, Checked::Refused(objection));
        self.refuse(from, key, digest, objection);
    }

    /// The key has signed.
    pub(super) fn signed(&mut self, attestation: Attestation) {
        let me = self.config.seat;
        let Some(round) = &mut self.own.round else { return };
        if round
            .mine
            .as_ref()
            .is_some_and(|mine| mine.digest == attestation.digest)
        {
            return self.attestation(me, &attestation);
        }
        let Some(offered) = round.offered.get_mut(&attestation.key.attempt) else {
            return;
        };
        if offered.digest == attestation.digest {
            offered.checked = Checked::Signed(attestation.signature);
            let to = offered.from;
            self.out.push(Effect::Send {
                to,
                message: Message::Attestation(attestation),
            });
        }
    }

    /// A seat attests to this seat's proposal.
    pub(super) fn attestation(&mut self, from: SeatId, attestation: &Attestation) {
        let Some(round) = &mut self.own.round else { return };
        let committee = &self.view.committee;
        let Some(mine) = round
            .mine
            .as_mut()
            .filter(|mine| mine.digest == attestation.digest)
        else {
            return;
        };
        if mine.tally.has(from) {
            return;
        }
        if !mine.tally.add(
            from,
            &mine.digest,
            attestation.signature,
            committee,
            self.config.crypto.as_ref(),
        ) {
            return self.out.push(ignored(from, "bad_attestation"));
        }
        if round.seal.is_some() {
            return;
        }
        if let Some(seal) = mine.tally.seal(&mine.proposal.report, mine.digest, committee) {
            let (key, digest) = (mine.proposal.key(), mine.digest);
            round.seal = Some((key.attempt, seal.clone()));
            self.out.push(Effect::Note(Notice::Sealed { key, digest }));
            self.out.push(Effect::Submit(Box::new(seal)));
        }
    }

    /// After the window, in the `j`-th turn, seat `(epoch + k + j) mod n` settles (docs/agreement.md, step 7).
    pub(super) fn bring_to_settlement(&mut self) {
        let seats = self.view.committee.arithmetic();
        let (firm, now) = (self.view.firm(), self.view.head.time);
        for report in &self.stream.accepted {
            let open = report.state == ReportState::Accepted && report.verdict == Verdict::Ok;
            if !open || report.block > firm || now < report.window_ends {
                continue;
            }
            let turn = (now - report.window_ends) / self.view.committee.turn.max(1);
            if seats.turn(report.epoch, u64::from(report.attempt.0) + turn) == self.config.seat {
                self.out.push(Effect::Settle {
                    stream: self.id,
                    epoch: report.epoch,
                });
            }
        }
    }
}

/// Whether an attempt is of this seat's turn or one beside it: seats' heads may lie a turn apart.
const fn near(attempt: Attempt, now: Attempt) -> bool {
    attempt.0.abs_diff(now.0) <= 1
}

impl Round {
    /// Whether a seat has attested to this seat's proposal.
    fn heard_of(&self, seat: SeatId) -> bool {
        self.mine.as_ref().is_some_and(|mine| mine.tally.has(seat))
    }
}
