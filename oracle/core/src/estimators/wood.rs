//! `wood`: who took how much firewood (R8), from a radar, a load cell and a badge reader.
//!
//! - The radar (kind `radar`) sends states: pieces with a confidence and the model's hash. A state below `tau`, or of
//!   another model, is no state (R7.6). The difference of two states is a step in pieces.
//! - The load cell (kind `scale`) sends mass. A difference above the noise band is a step in grams; slower drift is
//!   discarded (R7.9).
//! - The reader (kind `badge`) sends taps.
//!
//! Steps of one direction within [`JOIN`] seconds of the first are one *movement*: what the radar and the load cell saw
//! of the same hands. A tap at most [`JOIN`] seconds from one of its steps may claim it; taps of two people make it
//! ambiguous, and then nobody's (R7.8). A movement down with a *who* is a removal, up with a member's tap a return, up
//! with the provider's tap or none is stock added; down without a *who* is unattributed, never guessed.
//!
//! Parameters: [`Parameters`], 14 bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::chain::Terms;
use crate::estimators::{
    Case, Deed, Estimate, Estimator, Finding, Heard, Item, LEAST_COVERAGE, Line, Lines, Unusable, closing,
    coverage, heard,
};
use crate::faults::Fault;
use crate::senml::Value;
use crate::types::{MemberId, Verdict};

/// Seconds between a tap and a step it may claim, at most (R7.8).
pub const JOIN: u64 = 60;

/// Seconds before the epoch's end in which the cut is sought (R7.3).
pub const CUT_WITHIN: u64 = 600;

/// The stream's parameters on chain: 14 bytes, big-endian, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Confidence in bps from which a state is one (R7.6): kits 8,000.
    pub tau: u16,
    /// Grams; a smaller change of mass is no step.
    pub noise: u32,
    /// Grams of drift over an epoch that conservation allows whatever the stock (R7.9).
    pub drift: u32,
    /// By how much, in bps of the larger, two devices of one kind may differ in what went away before the verdict is
    /// CONTESTED (R7.5).
    pub spread: u16,
    /// The member who provides the wood.
    pub provider: MemberId,
}

impl Parameters {
    /// As the docket stores them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(14);
        bytes.extend_from_slice(&self.tau.to_be_bytes());
        bytes.extend_from_slice(&self.noise.to_be_bytes());
        bytes.extend_from_slice(&self.drift.to_be_bytes());
        bytes.extend_from_slice(&self.spread.to_be_bytes());
        bytes.extend_from_slice(&self.provider.0.to_be_bytes());
        bytes
    }

    /// Reads them back.
    ///
    /// # Errors
    /// Not 14 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unusable> {
        let &[t0, t1, n0, n1, n2, n3, d0, d1, d2, d3, s0, s1, p0, p1] = bytes else {
            return Err(Unusable::Parameters {
                estimator: "wood",
                given: bytes.len(),
                wanted: 14,
            });
        };
        Ok(Self {
            tau: u16::from_be_bytes([t0, t1]),
            noise: u32::from_be_bytes([n0, n1, n2, n3]),
            drift: u32::from_be_bytes([d0, d1, d2, d3]),
            spread: u16::from_be_bytes([s0, s1]),
            provider: MemberId(u16::from_be_bytes([p0, p1])),
        })
    }
}

/// The estimator.
#[derive(Debug)]
pub struct Wood;

impl Estimator for Wood {
    fn name(&self) -> &'static str {
        "wood"
    }

    fn check(&self, parameters: &[u8]) -> Result<(), Unusable> {
        Parameters::decode(parameters).map(|_| ())
    }

    fn estimate(&self, case: &Case<'_>) -> Result<Estimate, Unusable> {
        let parameters = Parameters::decode(&case.terms.parameters)?;
        let count_reused = case.faults.has(Fault::CountReused);
        let cut = case.cut.unwrap_or_else(|| {
            let mut heard = heard(case, case.end(), count_reused);
            find_cut(case, &Seen::of(case, &parameters, &mut heard))
        });
        let mut heard = heard(case, cut, count_reused);
        let seen = Seen::of(case, &parameters, &mut heard);
        let coverage = coverage(case, cut, &heard);
        let movements = attribute(&seen, cut);

        let verdict = if coverage < LEAST_COVERAGE || !seen.complete {
            Verdict::Stale
        } else if !conserved(&seen, &movements, &parameters) || spread_too_far(&seen, &parameters) {
            Verdict::Contested
        } else {
            Verdict::Ok
        };
        let finding = match verdict {
            Verdict::Ok => Finding::Lines(lines(&movements, parameters.provider)),
            Verdict::Stale | Verdict::Contested => Finding::Nothing,
        };
        let closing = closing(case, heard);
        Ok(Estimate {
            observed_to: cut,
            verdict,
            confidence: seen.confidence,
            coverage,
            finding,
            closing,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Radar,
    Scale,
}

/// A change of level.
#[derive(Debug, Clone, Copy)]
struct Step {
    time: u64,
    /// Time of the envelope that brought it.
    brought: u64,
    sense: Sense,
    /// Pieces, or milligrams.
    change: i64,
}

#[derive(Debug, Clone, Copy)]
struct Tap {
    time: u64,
    brought: u64,
    /// Whose badge; `None` where nobody enrolled it.
    who: Option<MemberId>,
}

/// What the devices saw, up to some instant.
#[derive(Debug, Default)]
struct Seen {
    /// Of the first device of each kind, which speaks for the stream.
    steps: Vec<Step>,
    /// What each device of a kind saw go away, for comparing redundant ones.
    gone: Vec<(Sense, i64)>,
    taps: Vec<Tap>,
    /// The least confidence of the states used, bps.
    confidence: u16,
    /// Mass before the first step and after the last, milligrams.
    mass: Option<(i64, i64)>,
    /// Radar and load cell both have a level.
    complete: bool,
}

impl Seen {
    /// Reads the devices, and leaves in each its last level.
    fn of(case: &Case<'_>, parameters: &Parameters, heard: &mut [Heard<'_>]) -> Self {
        let mut seen = Self {
            confidence: 10_000,
            ..Self::default()
        };
        let (mut radar, mut scale) = (None, None);
        for device in heard.iter_mut() {
            match device.device.kind.as_str() {
                "radar" => {
                    let steps = states(case.terms, parameters, device, &mut seen.confidence);
                    seen.take(Sense::Radar, steps, radar.is_none());
                    radar = radar.or(device.level);
                }
                "scale" => {
                    let start = first_level(device);
                    let steps = masses(parameters, device);
                    seen.take(Sense::Scale, steps, scale.is_none());
                    if scale.is_none() {
                        seen.mass = start.zip(device.level);
                    }
                    scale = scale.or(device.level);
                }
                "badge" => {
                    for (reading, (_, brought)) in device.readings.iter().zip(&device.packs) {
                        if let Value::Tap(hash) = reading.value {
                            let who = case.terms.bearer(hash, case.begin_of(reading.time));
                            seen.taps.push(Tap {
                                time: reading.time,
                                brought: *brought,
                                who,
                            });
                        }
                    }
                }
                // A device that only shows the door or the weather counts for coverage alone.
                _ => {}
            }
        }
        seen.complete = radar.is_some() && scale.is_some();
        seen.steps
            .sort_by_key(|step| (step.time, step.sense == Sense::Scale));
        seen.taps.sort_by_key(|tap| (tap.time, tap.who));
        seen
    }

    fn take(&mut self, sense: Sense, steps: Vec<Step>, speaks: bool) {
        let gone = steps
            .iter()
            .map(|step| -step.change)
            .filter(|gone| *gone > 0)
            .sum();
        self.gone.push((sense, gone));
        if speaks {
            self.steps.extend(steps);
        }
    }
}

fn first_level(device: &Heard<'_>) -> Option<i64> {
    device.level.or_else(|| {
        device.readings.iter().find_map(|reading| match reading.value {
            Value::Mass(milligrams) => Some(milligrams),
            _ => None,
        })
    })
}

/// A radar's states become steps in pieces.
fn states(terms: &Terms, parameters: &Parameters, device: &mut Heard<'_>, least: &mut u16) -> Vec<Step> {
    let mut steps = Vec::new();
    let entries: Vec<_> = device.readings.iter().zip(&device.packs).collect();
    // The model's hash is said once in a pack and holds for all of it.
    let models: BTreeMap<usize, [u8; 8]> = entries
        .iter()
        .filter_map(|(reading, (pack, _))| match reading.value {
            Value::Model(hash) => Some((*pack, hash)),
            _ => None,
        })
        .collect();
    for moment in entries.chunk_by(|(a, (pack, _)), (b, (other, _))| (a.time, pack) == (b.time, other)) {
        let (mut pieces, mut confidence) = (None, None);
        for (reading, _) in moment {
            match reading.value {
                Value::Pieces(count) => pieces = Some(i64::from(count)),
                Value::Confidence(bps) => confidence = Some(bps),
                _ => {}
            }
        }
        let (Some(pieces), Some(confidence)) = (pieces, confidence) else {
            continue;
        };
        let (reading, (pack, brought)) = moment[0];
        let judged = terms.model.is_zero() || models.get(pack).is_some_and(|hash| *hash == terms.model[..8]);
        if confidence < parameters.tau || !judged {
            continue;
        }
        *least = (*least).min(confidence);
        if let Some(change) = device
            .level
            .map(|level| pieces - level)
            .filter(|change| *change != 0)
        {
            steps.push(Step {
                time: reading.time,
                brought: *brought,
                sense: Sense::Radar,
                change,
            });
        }
        device.level = Some(pieces);
    }
    steps
}

/// A load cell's readings become steps in milligrams; what is within the noise band only moves the level.
fn masses(parameters: &Parameters, device: &mut Heard<'_>) -> Vec<Step> {
    let noise = i64::from(parameters.noise) * 1_000;
    let mut steps = Vec::new();
    for (reading, (_, brought)) in device.readings.iter().zip(&device.packs) {
        let Value::Mass(milligrams) = reading.value else {
            continue;
        };
        if let Some(change) = device
            .level
            .map(|level| milligrams - level)
            .filter(|change| change.abs() > noise)
        {
            steps.push(Step {
                time: reading.time,
                brought: *brought,
                sense: Sense::Scale,
                change,
            });
        }
        device.level = Some(milligrams);
    }
    steps
}

/// The cut (R7.3): the latest instant within [`CUT_WITHIN`] seconds before the epoch's end at which no step or tap is
/// undecided, or the end. One is undecided for [`JOIN`] seconds, in which a partner may come, and as long as the
/// envelope that brings it lies beyond.
fn find_cut(case: &Case<'_>, seen: &Seen) -> u64 {
    let end = case.end();
    let steps = seen.steps.iter().map(|step| (step.time, step.brought));
    let taps = seen.taps.iter().map(|tap| (tap.time, tap.brought));
    let mut undecided: Vec<(u64, u64)> = steps
        .chain(taps)
        .map(|(time, brought)| (time, brought.max(time + JOIN)))
        .collect();
    undecided.sort_unstable();
    let mut cut = end;
    // Backwards by beginnings: what began after the cut found cannot cover it, what began before it still may.
    for (from, before) in undecided.into_iter().rev() {
        if from <= cut && cut < before {
            cut = from - 1;
        }
    }
    let earliest = end.saturating_sub(CUT_WITHIN).max(case.observed_from);
    if cut < earliest { end } else { cut }
}

/// What hands did at one time.
#[derive(Debug)]
struct Movement {
    first: u64,
    down: bool,
    times: Vec<u64>,
    pieces: i64,
    milligrams: i64,
    who: Option<MemberId>,
}

/// Joins steps to movements, and movements to taps (R7.8).
fn attribute(seen: &Seen, cut: u64) -> Vec<Movement> {
    let mut movements: Vec<Movement> = Vec::new();
    for step in &seen.steps {
        let down = step.change < 0;
        let open = movements.iter().rposition(|movement| movement.down == down);
        let open = open.filter(|at| step.time <= movements[*at].first + JOIN);
        let at = open.unwrap_or_else(|| {
            movements.push(Movement {
                first: step.time,
                down,
                times: Vec::new(),
                pieces: 0,
                milligrams: 0,
                who: None,
            });
            movements.len() - 1
        });
        let movement = &mut movements[at];
        movement.times.push(step.time);
        match step.sense {
            Sense::Radar => movement.pieces += step.change.abs(),
            Sense::Scale => movement.milligrams += step.change.abs(),
        }
    }
    let mut used = vec![false; seen.taps.len()];
    for movement in &mut movements {
        let near = |tap: &Tap| movement.times.iter().any(|time| time.abs_diff(tap.time) <= JOIN);
        let claims: Vec<usize> = (0..seen.taps.len())
            .filter(|index| !used[*index] && near(&seen.taps[*index]))
            .collect();
        let claimants: BTreeSet<Option<MemberId>> =
            claims.iter().map(|index| seen.taps[*index].who).collect();
        // At a cut that is the epoch's end for want of a better one, what is undecided is nobody's.
        let decided = |time: u64| time + JOIN <= cut;
        let settled = movement.times.iter().all(|time| decided(*time))
            && claims.iter().all(|index| decided(seen.taps[*index].time));
        match claimants.first() {
            Some(Some(member)) if claimants.len() == 1 && settled => {
                movement.who = Some(*member);
                used[claims[0]] = true;
            }
            // Whoever of several it was has used their tap, so none of them can claim another movement with it.
            _ => claims.iter().for_each(|index| used[*index] = true),
        }
    }
    movements
}

/// `|stockEnd - stockStart - added + removed| <= max(5% of (stockStart + added), drift allowance)` on the load cell
/// (R7.9). The radar's states conserve by construction: each difference of two is a step.
fn conserved(seen: &Seen, movements: &[Movement], parameters: &Parameters) -> bool {
    let Some((start, end)) = seen.mass else {
        return true;
    };
    let sum = |down: bool| -> i64 {
        movements
            .iter()
            .filter(|movement| movement.down == down)
            .map(|movement| movement.milligrams)
            .sum()
    };
    let (removed, added) = (sum(true), sum(false));
    let off = (end - start - added + removed).abs();
    off <= ((start + added).max(0) / 20).max(i64::from(parameters.drift) * 1_000)
}

/// Whether two devices of one kind differ too far in what went away (R7.5).
fn spread_too_far(seen: &Seen, parameters: &Parameters) -> bool {
    [Sense::Radar, Sense::Scale].into_iter().any(|sense| {
        let gone = || {
            seen.gone
                .iter()
                .filter(move |(of, _)| *of == sense)
                .map(|(_, gone)| *gone)
        };
        let (Some(least), Some(most)) = (gone().min(), gone().max()) else {
            return false;
        };
        i128::from(most - least) * 10_000 > i128::from(most) * i128::from(parameters.spread)
    })
}

/// One line per member, net and not below zero (R8), with what nobody tapped for.
fn lines(movements: &[Movement], provider: MemberId) -> Lines {
    let grams = |milligrams: i64| u32::try_from(milligrams.max(0) / 1_000).unwrap_or(u32::MAX);
    let pieces = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX);
    let mut net: BTreeMap<MemberId, (i64, i64)> = BTreeMap::new();
    let mut nobody = (0, 0);
    let mut itemised: BTreeMap<MemberId, Vec<Item>> = BTreeMap::new();
    for movement in movements {
        let (deed, sign) = match (movement.down, movement.who) {
            (true, None) => {
                nobody.0 += movement.pieces;
                nobody.1 += movement.milligrams;
                continue;
            }
            (false, None) => continue,
            (false, Some(who)) if who == provider => continue,
            (true, Some(_)) => (Deed::Taken, 1),
            (false, Some(_)) => (Deed::Returned, -1),
        };
        if let Some(who) = movement.who {
            let line = net.entry(who).or_default();
            line.0 += sign * movement.pieces;
            line.1 += sign * movement.milligrams;
            itemised.entry(who).or_default().push(Item {
                time: movement.first,
                deed,
                pieces: pieces(movement.pieces),
                grams: grams(movement.milligrams),
            });
        }
    }
    let line = |(count, milligrams)| Line {
        pieces: pieces(count),
        grams: grams(milligrams),
    };
    Lines {
        members: net
            .into_iter()
            .map(|(member, net)| (member, line(net)))
            .filter(|(_, line)| *line != Line::default())
            .collect(),
        unattributed: line(nobody),
        itemised,
    }
}

#[cfg(test)]
#[path = "wood_tests.rs"]
mod tests;
