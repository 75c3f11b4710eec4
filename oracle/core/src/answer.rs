//! What a seat answers a device: *kept* (on my disk), *late* (final), *early* (try again) (R7.2).
//!
//! One signed answer per device and group commit, listing the ranges actually held. Beside it, when a device may let
//! an envelope go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::crypto::Crypto;
use crate::jws;
use crate::types::{Counter, Kid, Network, SeatId, Seats};

/// What a seat answers for one envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// On this seat's disk.
    Kept,
    /// Too late for every subcontract that reads the stream; final.
    Late,
    /// Ahead of both clocks, or this seat is full; try again.
    Early,
}

impl Outcome {
    /// A stable name, for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Late => "late",
            Self::Early => "early",
        }
    }
}

/// The payload of an answer: inclusive ranges `(boot, from, to)` of sequences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The device answered.
    pub kid: Kid,
    /// On this seat's disk.
    pub kept: Vec<(u32, u32, u32)>,
    /// Final no.
    pub late: Vec<(u32, u32, u32)>,
    /// Try again.
    pub early: Vec<(u32, u32, u32)>,
}

impl Answer {
    /// Collects outcomes for one device.
    #[must_use]
    pub fn of(kid: Kid, outcomes: &[(Counter, Outcome)]) -> Self {
        let ranges = |wanted| {
            let mut counters: Vec<Counter> = outcomes
                .iter()
                .filter(|(_, outcome)| *outcome == wanted)
                .map(|(counter, _)| *counter)
                .collect();
            counters.sort_unstable();
            let mut ranges: Vec<(u32, u32, u32)> = Vec::new();
            for counter in counters {
                match ranges.last_mut() {
                    Some((boot, _, to))
                        if *boot == counter.boot() && counter.seq() <= to.saturating_add(1) =>
                    {
                        *to = counter.seq();
                    }
                    _ => ranges.push((counter.boot(), counter.seq(), counter.seq())),
                }
            }
            ranges
        };
        Self {
            kid,
            kept: ranges(Outcome::Kept),
            late: ranges(Outcome::Late),
            early: ranges(Outcome::Early),
        }
    }

    /// What this answer says of a counter, if anything.
    #[must_use]
    pub fn says(&self, counter: Counter) -> Option<Outcome> {
        let within = |ranges: &[(u32, u32, u32)]| {
            ranges
                .iter()
                .any(|(boot, from, to)| *boot == counter.boot() && (*from..=*to).contains(&counter.seq()))
        };
        [
            (&self.kept, Outcome::Kept),
            (&self.late, Outcome::Late),
            (&self.early, Outcome::Early),
        ]
        .into_iter()
        .find_map(|(ranges, outcome)| within(ranges).then_some(outcome))
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerHeader {
    typ: String,
    alg: String,
    net: Network,
    seat: SeatId,
}

/// Signs an answer with the seat's transport key.
///
/// # Panics
/// Never: an answer is made of strings and numbers, which JSON can hold.
#[must_use]
pub fn sign(net: Network, seat: SeatId, answer: &Answer, secret: &[u8; 32], crypto: &dyn Crypto) -> String {
    let header = AnswerHeader {
        typ: "hearth+answer".into(),
        alg: "Ed25519".into(),
        net,
        seat,
    };
    let header = serde_json::to_vec(&header).expect("a header of strings and numbers is JSON");
    let payload = serde_json::to_vec(answer).expect("an answer of strings and numbers is JSON");
    jws::seal(&header, &payload, secret, crypto)
}

/// Reads an answer at the device; `transport` are the seats' public transport keys in order. `None` for anything that
/// is no answer of a known seat of this polity: the device simply keeps the envelope.
#[must_use]
pub fn open(
    raw: &[u8],
    net: Network,
    transport: &[[u8; 32]],
    crypto: &dyn Crypto,
) -> Option<(SeatId, Answer)> {
    let parts = jws::split(raw).ok()?;
    let header: AnswerHeader = serde_json::from_slice(&parts.header).ok()?;
    if header.typ != "hearth+answer" || header.alg != "Ed25519" || header.net != net {
        return None;
    }
    let key = transport.get(usize::from(header.seat.0))?;
    if !crypto.verify(key, parts.signed, &parts.signature) {
        return None;
    }
    Some((header.seat, serde_json::from_slice(&parts.payload).ok()?))
}

/// Whether a device may let an envelope go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Keep it and send it again.
    Hold,
    /// `f+1` seats have it: it will count.
    Kept,
    /// `n-f` final *late* answers make `f+1` *kept* ones impossible.
    Late,
}

/// Decides from each seat's answer (R7.2). A seat that said *late* may be handed the envelope by a peer before the
/// exchange ends, and then says *kept*; so while neither number is reached a device asks again, and *kept* replaces
/// *late*. A *kept* is never replaced.
#[must_use]
pub fn release(answers: &BTreeMap<SeatId, Outcome>, seats: Seats) -> Release {
    let count = |wanted| answers.values().filter(|outcome| **outcome == wanted).count();
    if count(Outcome::Kept) > seats.faulty() {
        Release::Kept
    } else if count(Outcome::Late) >= usize::from(seats.0) - seats.faulty() {
        Release::Late
    } else {
        Release::Hold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::RealKeys;

    #[test]
    fn r7_2_answers_list_inclusive_ranges() {
        let at = |boot, seq| Counter::new(boot, seq);
        let answer = Answer::of(
            Kid([1; 8]),
            &[
                (at(1, 2), Outcome::Kept),
                (at(1, 1), Outcome::Kept),
                (at(1, 2), Outcome::Kept),
                (at(2, 3), Outcome::Kept),
                (at(1, 4), Outcome::Late),
                (at(1, u32::MAX), Outcome::Early),
            ],
        );
        assert_eq!(answer.kept, [(1, 1, 2), (2, 3, 3)]);
        assert_eq!(answer.late, [(1, 4, 4)]);
        assert_eq!(answer.says(at(1, 2)), Some(Outcome::Kept));
        assert_eq!(answer.says(at(1, 4)), Some(Outcome::Late));
        assert_eq!(answer.says(at(1, 3)), None);

        let keys = [RealKeys.public(&[9; 32])];
        let text = sign(Network([5; 8]), SeatId(0), &answer, &[9; 32], &RealKeys);
        assert_eq!(
            open(text.as_bytes(), Network([5; 8]), &keys, &RealKeys),
            Some((SeatId(0), answer))
        );
        assert_eq!(open(text.as_bytes(), Network([6; 8]), &keys, &RealKeys), None);
        assert_eq!(
            open(text.as_bytes(), Network([5; 8]), &[[0; 32]], &RealKeys),
            None
        );
    }

    #[test]
    fn r7_2_a_device_lets_go_at_f_plus_one_kept_or_n_minus_f_late() {
        let mut answers = BTreeMap::from([(SeatId(0), Outcome::Kept), (SeatId(1), Outcome::Late)]);
        assert_eq!(release(&answers, Seats(4)), Release::Hold);
        answers.insert(SeatId(2), Outcome::Late);
        assert_eq!(release(&answers, Seats(4)), Release::Hold);
        answers.insert(SeatId(3), Outcome::Late);
        assert_eq!(release(&answers, Seats(4)), Release::Late);
        answers.insert(SeatId(3), Outcome::Kept);
        assert_eq!(release(&answers, Seats(4)), Release::Kept);
    }
}
