//! What is checked at every step.
//!
//! 1. An envelope a device was told to let go as *kept* counts in exactly one report, or its device reused a counter.
//! 2. Nothing counts, or settles, twice; a report lands only on the history over which it was signed.
//! 3. An honest seat signs only what its own kind has computed, over envelopes devices made.
//! 4. An honest seat signs one digest for one key.
//! 5. An honest seat says *late* only when it is.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, Bytes};
use hearth_oracle_core::chain::Accepted;
use hearth_oracle_core::effect::Evaluated;
use hearth_oracle_core::estimators::Estimate;
use hearth_oracle_core::guard::Permit;
use hearth_oracle_core::message::{AttemptId, Proposal};
use hearth_oracle_core::report::Report;
use hearth_oracle_core::types::{Counter, Kid, Leaf, SeatId};
use hearth_oracle_core::verify::Held;

/// Laws broken, and the words of the first breach.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaches {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) forged: u64,
    pub(crate) stuck: u64,
    pub(crate) first: Option<String>,
}

impl Breaches {
    pub(crate) fn any(&self) -> bool {
        self.first.is_some()
    }

    fn word(&mut self, words: String) {
        self.first.get_or_insert(words);
    }
}

#[derive(Default)]
pub(crate) struct Law {
    pub(crate) breaches: Breaches,
    made: BTreeSet<Leaf>,
    kept: BTreeMap<Leaf, Held>,
    signed: BTreeMap<(SeatId, AttemptId), B256>,
    /// Every proposal by its digest, with the seeds that came with it.
    proposals: BTreeMap<B256, (Report, BTreeSet<B256>)>,
    /// The parents over which honest seats signed a digest.
    parents: BTreeMap<B256, BTreeSet<Option<B256>>>,
    /// What honest seats computed, by root.
    computed: BTreeMap<B256, Vec<(u64, Estimate)>>,
    roots: BTreeMap<B256, BTreeSet<Leaf>>,
    /// Both contents of a reused counter.
    twins: BTreeMap<(Kid, Counter), [Leaf; 2]>,
}

impl Law {
    pub(crate) fn made(&mut self, leaf: Leaf) {
        self.made.insert(leaf);
    }

    pub(crate) fn reused(&mut self, first: &Held, second: &Held) {
        self.made.insert(second.leaf);
        self.twins
            .insert((first.kid, first.counter), [first.leaf, second.leaf]);
    }

    pub(crate) fn proposed(&mut self, digest: B256, proposal: &Proposal) {
        let known = self
            .proposals
            .entry(digest)
            .or_insert_with(|| (proposal.report.clone(), BTreeSet::new()));
        known.1.insert(proposal.seed);
    }

    /// The payload of what honest seats computed over a root, under other salts: what an equivocator can propose.
    pub(crate) fn payload(&self, root: B256, seed: B256) -> Option<Bytes> {
        self.computed
            .get(&root)?
            .first()
            .map(|(_, estimate)| estimate.payload(seed))
    }

    /// Any seat has computed something; only what honest seats compute may be signed.
    pub(crate) fn computed(&mut self, evaluated: &Evaluated, honest: bool) {
        let Ok(estimate) = evaluated.estimate() else {
            return;
        };
        let envelopes = evaluated.task().envelopes();
        if let Some(foreign) = envelopes.iter().find(|held| !self.made.contains(&held.leaf)) {
            self.breaches.forged += 1;
            self.breaches.word(format!(
                "an estimate rests on {} {}, which no device made",
                foreign.kid, foreign.counter
            ));
        }
        let leaves = envelopes
            .iter()
            .filter(|held| held.time <= estimate.observed_to)
            .map(|held| held.leaf);
        self.roots
            .entry(evaluated.root())
            .or_insert_with(|| leaves.collect());
        if honest {
            let known = self.computed.entry(evaluated.root()).or_default();
            let result = (evaluated.task().observed_from(), estimate.clone());
            if !known.contains(&result) {
                known.push(result);
            }
        }
    }

    /// An honest seat's key is used.
    pub(crate) fn signs(&mut self, seat: SeatId, permit: &Permit, parent: Option<B256>) {
        let (key, digest) = (permit.key(), permit.digest());
        self.parents.entry(digest).or_default().insert(parent);
        if *self.signed.entry((seat, key)).or_insert(digest) != digest {
            self.breaches.forged += 1;
            self.breaches.word(format!(
                "seat {seat} signs two digests for epoch {} attempt {}",
                key.epoch, key.attempt
            ));
        }
        let honest = self.proposals.get(&digest).is_some_and(|(report, seeds)| {
            self.computed
                .get(&report.envelopes)
                .into_iter()
                .flatten()
                .any(|(from, estimate)| {
                    *from == report.observed_from
                        && estimate.observed_to == report.observed_to
                        && estimate.verdict == report.verdict
                        && estimate.coverage == report.coverage
                        && estimate.confidence == report.confidence
                        && seeds.iter().any(|seed| estimate.payload(*seed) == report.payload)
                })
        });
        if !honest {
            self.breaches.forged += 1;
            self.breaches.word(format!(
                "seat {seat} signs what no honest seat computed, epoch {}",
                key.epoch
            ));
        }
    }

    /// An honest seat said *late* at chain time `clock`, and intake closes at `closes`.
    pub(crate) fn says_late(&mut self, seat: SeatId, held: &Held, clock: u64, closes: u64, excused: bool) {
        if clock < closes && !excused {
            self.breaches.lost += 1;
            self.breaches.word(format!(
                "seat {seat} says late to {} {} while intake is open",
                held.kid, held.counter
            ));
        }
    }

    /// A device lets an envelope go as kept.
    pub(crate) fn kept(&mut self, held: &Held, accepted: &[Accepted], reused: &BTreeMap<Kid, Counter>) {
        self.kept.insert(held.leaf, *held);
        for report in accepted {
            self.must_contain(report, held, reused);
        }
    }

    /// The chain accepted a report; `before` are those accepted before it on this chain.
    pub(crate) fn accepted(
        &mut self,
        report: &Accepted,
        before: &[Accepted],
        reused: &BTreeMap<Kid, Counter>,
    ) {
        let Some(leaves) = self.roots.get(&report.envelopes).cloned() else {
            if !report.envelopes.is_zero() {
                self.breaches.forged += 1;
                self.breaches.word(format!(
                    "epoch {} is accepted over a root nobody computed",
                    report.epoch
                ));
            }
            return;
        };
        let parent = before.last().map(|last| last.digest);
        if !self
            .parents
            .get(&report.digest)
            .is_some_and(|parents| parents.contains(&parent))
        {
            self.breaches.doubled += 1;
            self.breaches.word(format!(
                "epoch {} lands on a history its signers did not see",
                report.epoch
            ));
        }
        for earlier in before {
            let twice = self
                .roots
                .get(&earlier.envelopes)
                .map_or(0, |other| other.intersection(&leaves).count());
            if twice > 0 {
                self.breaches.doubled += twice as u64;
                self.breaches.word(format!(
                    "epochs {} and {} count {twice} alike",
                    earlier.epoch, report.epoch
                ));
            }
        }
        for held in self.kept.values().copied().collect::<Vec<_>>() {
            self.must_contain(report, &held, reused);
        }
        for ((kid, counter), twins) in &self.twins {
            let both = twins.iter().all(|leaf| leaves.contains(leaf));
            let unheard = |estimate: &Estimate| {
                estimate
                    .closing
                    .devices
                    .get(kid)
                    .is_some_and(|state| state.unheard)
            };
            let computed = self.computed.get(&report.envelopes);
            if both
                && computed.is_some_and(|computed| computed.iter().any(|(_, estimate)| !unheard(estimate)))
            {
                self.breaches.doubled += 1;
                self.breaches.word(format!(
                    "both contents of {kid} {counter} count in epoch {}",
                    report.epoch
                ));
            }
        }
    }

    fn must_contain(&mut self, report: &Accepted, held: &Held, reused: &BTreeMap<Kid, Counter>) {
        let within = report.observed_from < held.time && held.time <= report.observed_to;
        let excused = reused.get(&held.kid).is_some_and(|first| held.counter >= *first);
        let contained = self
            .roots
            .get(&report.envelopes)
            .is_some_and(|leaves| leaves.contains(&held.leaf));
        if within && !contained && !excused {
            self.breaches.lost += 1;
            self.breaches.word(format!(
                "{} {} at {} was kept, and epoch {} (attempt {}) leaves it out",
                held.kid, held.counter, held.time, report.epoch, report.attempt
            ));
        }
    }

    /// At the end: between the first epoch's start and the last cut each kept envelope lies in exactly one report.
    pub(crate) fn sum_up(&mut self, accepted: &[Accepted], reused: &BTreeMap<Kid, Counter>) {
        let Some(last) = accepted.last() else { return };
        for held in self.kept.values() {
            if held.time > last.observed_to
                || reused.get(&held.kid).is_some_and(|first| held.counter >= *first)
            {
                continue;
            }
            let count = accepted
                .iter()
                .filter(|report| {
                    self.roots
                        .get(&report.envelopes)
                        .is_some_and(|leaves| leaves.contains(&held.leaf))
                })
                .count();
            if count == 0 {
                self.breaches.lost += 1;
                self.breaches.word(format!(
                    "{} {} at {} counts nowhere",
                    held.kid, held.counter, held.time
                ));
            } else if count > 1 {
                self.breaches.doubled += 1;
                self.breaches
                    .word(format!("{} {} counts {count} times", held.kid, held.counter));
            }
        }
    }

    pub(crate) fn stuck(&mut self, words: String) {
        self.breaches.stuck += 1;
        self.breaches.word(words);
    }
}
