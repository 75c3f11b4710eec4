//! Stage 5: what the readings between two cuts amount to.
//!
//! *In*: the opening state and the envelopes between the parent's cut and the epoch's end. *Out*: an [`Estimate`].
//! *Never*: a clock, a guess, or anything two seats could see differently. One file per estimator, one line in
//! [`REGISTER`].

use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};

use crate::chain::{Device, Terms};
use crate::effect::Task;
use crate::faults::Faults;
use crate::gather::Window;
use crate::itemised;
use crate::senml::{self, Reading};
use crate::types::{Calendar, Counter, Epoch, Kid, MemberId, Verdict};

pub mod value;
pub mod wood;

/// Every estimator by name, in alphabetical order.
pub const REGISTER: &[&dyn Estimator] = &[&value::Value, &wood::Wood];

/// The estimator of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Estimator> {
    REGISTER
        .iter()
        .copied()
        .find(|estimator| estimator.name() == name)
}

/// Whether a stream of this estimator and these parameters can ever be reported on.
///
/// # Errors
/// See [`Unusable`].
pub fn check(name: &str, parameters: &[u8]) -> Result<(), Unusable> {
    by_name(name)?.check(parameters)
}

fn by_name(name: &str) -> Result<&'static dyn Estimator, Unusable> {
    named(name).ok_or_else(|| Unusable::Estimator {
        given: name.to_owned(),
    })
}

/// One way of reading a stream; pure.
pub trait Estimator: Sync {
    /// Its name on chain.
    fn name(&self) -> &'static str;

    /// Whether it can read these parameters.
    ///
    /// # Errors
    /// [`Unusable::Parameters`].
    fn check(&self, parameters: &[u8]) -> Result<(), Unusable>;

    /// What the window amounts to.
    ///
    /// # Errors
    /// Only where the stream's parameters cannot be read; bad readings are abstained from, never an error.
    fn estimate(&self, case: &Case<'_>) -> Result<Estimate, Unusable>;
}

/// A stream no report can be made of, for every seat alike.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The parameters on chain do not fit the estimator.
    #[error("the parameters of estimator `{estimator}` have {given} bytes, wanted {wanted}")]
    Parameters {
        /// The estimator.
        estimator: &'static str,
        /// Bytes found.
        given: usize,
        /// Bytes wanted.
        wanted: usize,
    },
    /// No estimator of this name.
    #[error("no estimator is named `{given}`; wanted one of {}", names())]
    Estimator {
        /// The name on chain.
        given: String,
    },
}

fn names() -> String {
    REGISTER
        .iter()
        .map(|estimator| estimator.name())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Everything an estimate depends on.
#[derive(Debug)]
pub struct Case<'a> {
    /// The stream's terms.
    pub terms: &'a Terms,
    /// Days and weeks.
    pub calendar: Calendar,
    /// The epoch reported on.
    pub epoch: Epoch,
    /// The cut before, or the epoch's start (R7.3); envelopes after it belong to this span.
    pub observed_from: u64,
    /// The state under the parent; empty for the first report.
    pub opening: &'a Opening,
    /// The envelopes after `observed_from` and up to the epoch's end.
    pub window: &'a Window,
    /// The cut of an accepted report; `None` where the estimator is to find it.
    pub cut: Option<u64>,
    /// Planted faults; none in a shipped build.
    pub faults: Faults,
}

impl Case<'_> {
    /// The epoch's end, unix seconds.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.calendar.end(self.terms.epochs, self.epoch)
    }

    /// The beginning of the epoch in whose span `time` lies: what holds there holds for a reading of that time (R7.1).
    #[must_use]
    pub fn begin_of(&self, time: u64) -> u64 {
        let kind = self.terms.epochs;
        self.calendar.begin(kind, self.calendar.span_at(kind, time))
    }
}

/// Coverage in bps below which the verdict is STALE (R7.5).
pub const LEAST_COVERAGE: u16 = 9_000;

/// The state in which a stream stands at a cut: each device's last reading under an accepted root (R7.3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Opening {
    /// By device.
    pub devices: BTreeMap<Kid, DeviceState>,
}

/// What is known of a device at a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceState {
    /// The highest counter under an accepted root; a later span counts only higher ones.
    pub counter: Counter,
    /// It signed two contents under one counter: unheard until re-keyed.
    pub unheard: bool,
    /// When it was last heard, unix seconds.
    pub heard: u64,
    /// Its last level, in the estimator's unit (pieces, milligrams).
    pub level: Option<i64>,
}

/// What the readings between two cuts amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// The cut.
    pub observed_to: u64,
    /// Its worth.
    pub verdict: Verdict,
    /// In bps (R7.6).
    pub confidence: u16,
    /// In bps (R7.5).
    pub coverage: u16,
    /// What is paid out by; empty unless the verdict is OK.
    pub finding: Finding,
    /// The state at the cut.
    pub closing: Opening,
}

/// The meaning of a payload, before salts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Nothing: the verdict is not OK.
    Nothing,
    /// One value of 32 bytes.
    Value(B256),
    /// One line per member.
    Lines(Lines),
}

/// Lines per member and what nobody tapped for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lines {
    /// By member, those with nothing to report omitted.
    pub members: BTreeMap<MemberId, Line>,
    /// Removed without a *who*.
    pub unattributed: Line,
    /// Each member's own single events, which only that member may see (R20).
    pub itemised: BTreeMap<MemberId, Vec<Item>>,
}

/// Net pieces and grams (R8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Line {
    /// Pieces, from the radar.
    pub pieces: u32,
    /// Grams, from the load cell.
    pub grams: u32,
}

/// One event of a member's itemised list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Unix seconds of its first step.
    pub time: u64,
    /// Taken or brought back.
    pub deed: Deed,
    /// Pieces.
    pub pieces: u32,
    /// Grams.
    pub grams: u32,
}

/// What was done with the wood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Taken from the pile.
    Taken,
    /// Brought back to it.
    Returned,
}

/// One device of the stream as an estimator meets it: what counts of it up to the cut.
#[derive(Debug)]
pub(crate) struct Heard<'a> {
    pub(crate) device: &'a Device,
    pub(crate) kid: Kid,
    /// In force for the epoch reported on: silence of it lowers coverage.
    pub(crate) required: bool,
    /// Its readings in order of time, each with the time of the envelope that brought it and a number for its pack.
    pub(crate) readings: Vec<Reading>,
    pub(crate) packs: Vec<(usize, u64)>,
    /// Its last level; the opening's until an estimator says otherwise.
    pub(crate) level: Option<i64>,
    heard: u64,
    counter: Counter,
    unheard: bool,
}

/// Every device that speaks in this span, with what counts of it up to `cut`, in the docket's order.
pub(crate) fn heard<'a>(case: &Case<'a>, cut: u64, count_reused: bool) -> Vec<Heard<'a>> {
    let begin = case.calendar.begin(case.terms.epochs, case.epoch);
    let tail = case.begin_of(case.observed_from + 1);
    let devices = case
        .terms
        .devices
        .iter()
        .filter(|device| device.holds(begin) || device.holds(tail));
    let mut all: Vec<Heard<'a>> = Vec::new();
    for device in devices {
        let kid = device.kid();
        if let Some(known) = all.iter_mut().find(|known| known.kid == kid) {
            known.required |= device.holds(begin);
            continue;
        }
        let before = case.opening.devices.get(&kid).copied().unwrap_or_default();
        let (counting, unheard) = case.window.counting(kid, case.opening, cut, count_reused);
        let mut found: Vec<(Reading, (usize, u64))> = Vec::new();
        for (pack, envelope) in counting.iter().enumerate() {
            // Stage 2 has decoded the same bytes before; what it would refuse is not here.
            let payload = crate::jws::payload(envelope.raw()).unwrap_or_default();
            for reading in senml::decode(&payload, kid).unwrap_or_default() {
                let calibrated = device.calibrated_until == 0 || reading.time <= device.calibrated_until;
                if calibrated && device.holds(case.begin_of(reading.time)) {
                    found.push((reading, (pack, envelope.held().time)));
                }
            }
        }
        found.sort_by_key(|(reading, (pack, _))| (reading.time, *pack));
        let (readings, packs): (Vec<Reading>, Vec<(usize, u64)>) = found.into_iter().unzip();
        all.push(Heard {
            device,
            kid,
            required: device.holds(begin),
            level: before.level,
            heard: readings
                .last()
                .map_or(before.heard, |reading| reading.time.max(before.heard)),
            counter: case
                .window
                .highest(kid, cut)
                .map_or(before.counter, |highest| highest.max(before.counter)),
            unheard,
            readings,
            packs,
        });
    }
    all
}

/// The share of minutes between the cuts, in bps, in which every required device was heard (R7.5): a minute is heard
/// if no silence that touches it exceeds twice the device's interval.
pub(crate) fn coverage(case: &Case<'_>, cut: u64, heard: &[Heard<'_>]) -> u16 {
    let from = case.observed_from;
    if cut <= from {
        return 10_000;
    }
    let minutes = (cut - from).div_ceil(60);
    let mut silences: Vec<(u64, u64)> = Vec::new();
    for device in heard.iter().filter(|device| device.required) {
        let longest = 2 * u64::from(device.device.interval);
        // What was heard before the span began may reach into it; who was never heard is silent from its start.
        let mut last = case
            .opening
            .devices
            .get(&device.kid)
            .map_or(from, |state| state.heard.min(from));
        let times = device.readings.iter().map(|reading| reading.time);
        for time in times.chain(std::iter::once(cut)) {
            if time <= last {
                continue;
            }
            if time - last > longest {
                silences.push((last.max(from), time.min(cut)));
            }
            last = time;
        }
    }
    silences.sort_unstable();
    // Minute `m` covers `from + 60m` up to, not including, the next; a silence touches it if it overlaps that.
    let mut unheard: u64 = 0;
    let mut next = 0;
    for (a, b) in silences {
        let first = ((a - from) / 60).max(next);
        let end = (b - from).div_ceil(60).min(minutes);
        if end > first {
            unheard += end - first;
            next = end;
        }
    }
    // A share of at most 10,000 fits 16 bits.
    ((minutes - unheard) * 10_000 / minutes) as u16
}

/// The state at the cut: what each device said last, carried over where it said nothing (R7.3).
pub(crate) fn closing(case: &Case<'_>, heard: Vec<Heard<'_>>) -> Opening {
    let mut closing = Opening::default();
    for (kid, state) in &case.opening.devices {
        // A device the docket no longer names at all is forgotten.
        if case.terms.devices.iter().any(|device| device.kid() == *kid) {
            closing.devices.insert(*kid, *state);
        }
    }
    for device in heard {
        if device.heard == 0
            && device.level.is_none()
            && !device.unheard
            && device.counter == Counter::default()
        {
            continue;
        }
        let Heard {
            kid,
            level,
            heard,
            counter,
            unheard,
            ..
        } = device;
        closing.devices.insert(
            kid,
            DeviceState {
                counter,
                unheard,
                heard,
                level,
            },
        );
    }
    closing
}

impl Estimate {
    /// The payload as the report carries it, with the members' salts derived from `seed` (R7.3, R20).
    #[must_use]
    pub fn payload(&self, seed: B256) -> Bytes {
        match &self.finding {
            Finding::Nothing => Bytes::new(),
            Finding::Value(value) => Bytes::copy_from_slice(value.as_slice()),
            Finding::Lines(lines) => lines.packed(seed),
        }
    }

    /// Each member's own list.
    #[must_use]
    pub fn itemised(&self) -> BTreeMap<MemberId, Vec<Item>> {
        match &self.finding {
            Finding::Lines(lines) => lines.itemised.clone(),
            Finding::Nothing | Finding::Value(_) => BTreeMap::new(),
        }
    }
}

impl Lines {
    /// `itemisedRoot bytes32 | unattributedPieces u32 | unattributedGrams u32 | (member u16 | pieces u16 | grams u32)*`
    fn packed(&self, seed: B256) -> Bytes {
        let mut bytes = Vec::with_capacity(40 + 8 * self.members.len());
        bytes.extend_from_slice(itemised::root(seed, &self.itemised).as_slice());
        bytes.extend_from_slice(&self.unattributed.pieces.to_be_bytes());
        bytes.extend_from_slice(&self.unattributed.grams.to_be_bytes());
        for (member, line) in &self.members {
            bytes.extend_from_slice(&member.0.to_be_bytes());
            bytes.extend_from_slice(&u16::try_from(line.pieces).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(&line.grams.to_be_bytes());
        }
        bytes.into()
    }
}

impl Task {
    /// The envelope root up to the cut, and the estimate. Pure.
    pub(crate) fn judge(&self, window: &Window) -> (B256, Result<Estimate, Unusable>) {
        let case = Case {
            terms: &self.terms,
            calendar: self.calendar,
            epoch: self.epoch,
            observed_from: self.observed_from,
            opening: &self.opening,
            window,
            cut: self.cut,
            faults: self.faults,
        };
        let estimate = by_name(&self.terms.estimator).and_then(|estimator| estimator.estimate(&case));
        let root = estimate.as_ref().map_or(B256::ZERO, |estimate| {
            crate::merkle::root(window.leaves(estimate.observed_to))
        });
        (root, estimate)
    }
}
