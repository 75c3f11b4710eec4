//! A plausible week of a village, made from labelled frames.
//!
//! *In*: a [`Village`], frames by count, a seed. *Out*: a [`Week`]: what each sensor sees and when, and what truly happened.
//! *Never*: chance from outside; the same input gives the same week.
//!
//! The recordings hold frames and labels only. So who comes when, how much they carry, what the load cell shows and when
//! the badge reader clicks are made here, with the noise that [`Noise`] states. The frames themselves are real wherever
//! recordings are given; [`synthetic`] makes labelled ones where there are none, and a script says which it used.

use super::{
    features::sine,
    frames::{CHANNELS, FRAME, Frame, Label, Recording, SAMPLES, Sample, UNITS},
    model::STATE_FRAMES,
};
use alloy::primitives::B256;
use rand::{
    Rng, SeedableRng,
    seq::{IndexedRandom, SliceRandom},
};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

/// Seconds of a week.
pub const WEEK: i64 = 7 * DAY;
const DAY: i64 = 86_400;
/// Nobody comes before this second of the local day, or after [`NIGHT`].
const MORNING: i64 = 6 * 3_600;
const NIGHT: i64 = 21 * 3_600;
/// Visits start at least this many seconds apart, so that no tap but the meant one lies within 60 s of a step (R7.8).
const APART: i64 = 600;
/// A restock comes this long after the visit that made it needed.
const RESTOCK_AFTER: i64 = 300;
/// Frames the radar gives of each state, one a second: five make a state, the rest are there for when it is unsure.
const FRAMES_PER_STATE: usize = 8;
/// The script's file in its folder, and the frames'.
pub const SCRIPT_FILE: &str = "script.json";
/// The frames a script plays, in the order it plays them.
pub const FRAMES_FILE: &str = "frames.csv";

/// Somebody with a badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Villager {
    /// Member id.
    pub member: u16,
    /// Hash of their badge, as enrolled.
    pub badge: B256,
}

/// What is made up about sensors and wood, stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// A mass reading lies within this many grams of the truth.
    pub scale_grams: u32,
    /// Slow drift of the load cell with the day's warmth, at most this many grams either way.
    pub drift_grams: u32,
    /// A piece's mass lies within this share of the reference piece, in bps.
    pub piece_spread_bps: u16,
    /// A tap comes at most this many seconds before its step (and at least 5).
    pub tap_seconds: u32,
}

impl Default for Noise {
    fn default() -> Self {
        Self {
            scale_grams: 15,
            drift_grams: 60,
            piece_spread_bps: 1_000,
            tap_seconds: 25,
        }
    }
}

/// What a week is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Village {
    /// Who takes wood.
    pub members: Vec<Villager>,
    /// Who stocks it. Takes a little too.
    pub provider: Villager,
    /// The most pieces the store holds; counts above it are not used. The recordings know 52.
    pub capacity: u16,
    /// Mass of the reference piece, in grams.
    pub reference_grams: u32,
    /// Visits of each member in the week. About one in ten brings wood back.
    pub visits: u16,
    /// Visits of someone who does not tap.
    pub untapped: u16,
    /// Visits where two members tap within the same minute and nobody can say who took the wood.
    pub ambiguous: u16,
    /// Seconds between two mass readings when nothing happens: the load cell's registered interval.
    pub interval: u32,
    /// Made-up noise.
    pub noise: Noise,
    /// Draws everything.
    pub seed: u64,
}

/// Where frames come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A radar recorded them.
    Recorded,
    /// [`synthetic`] made them.
    Synthetic,
}

/// Frames by count, to draw from.
#[derive(Clone, Debug)]
pub struct Frames {
    source: Source,
    by_count: BTreeMap<u16, Vec<Frame>>,
}

impl Frames {
    /// Sorts recordings by count. Counts with fewer than [`STATE_FRAMES`] frames cannot show a state and are left out.
    pub fn of(source: Source, recordings: &[Recording]) -> Self {
        let mut by_count: BTreeMap<u16, Vec<Frame>> = BTreeMap::new();
        for sample in recordings.iter().flat_map(|recording| &recording.samples) {
            if let Label::Count(count) = sample.label {
                by_count.entry(count).or_default().push(sample.frame.clone());
            }
        }
        by_count.retain(|_, frames| frames.len() >= STATE_FRAMES);
        Self { source, by_count }
    }
}

/// One thing a sensor sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// Seconds after the week's begin.
    pub at: i64,
    /// What is seen, and so by which sensor.
    pub seen: Seen,
}

/// What a sensor sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Seen {
    /// The radar: frames of the folder's [`FRAMES_FILE`], first and one past the last, one a second.
    Frames(usize, usize),
    /// The load cell: grams.
    Grams(u32),
    /// The badge reader: a badge's hash.
    Tap(B256),
}

/// Pieces and grams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wood {
    /// Pieces.
    pub pieces: u32,
    /// Grams.
    pub grams: u32,
}

impl Wood {
    fn add(&mut self, other: Self) {
        self.pieces += other.pieces;
        self.grams += other.grams;
    }
}

/// What truly happened. Grams are true masses; a load cell sees them with [`Noise`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// Taken less brought back, by member id.
    pub members: BTreeMap<u16, Wood>,
    /// Taken where nobody, or more than one, tapped.
    pub unattributed: Wood,
    /// Stocked by the provider.
    pub added: Wood,
    /// There at the begin.
    pub opening: Wood,
    /// There at the end.
    pub closing: Wood,
    /// Steps of the pile.
    pub steps: u32,
}

/// The week's script, as its file holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Where the frames come from.
    pub source: Source,
    /// The seed it was made with.
    pub seed: u64,
    /// The noise it was made with.
    pub noise: Noise,
    /// What happens, in order of time.
    pub happenings: Vec<Happening>,
    /// What it adds up to.
    pub truth: Truth,
}

/// A script and the frames it plays.
#[derive(Clone, Debug)]
pub struct Week {
    /// The script.
    pub script: Script,
    /// Its frames with their true labels, in the order played.
    pub frames: Vec<Sample>,
}

/// Why no week was made, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The frames do not cover a pile.
    #[error(
        "frames of {given} counts up to {capacity}: wanted every count from 0 to at least 12, with {STATE_FRAMES} frames each"
    )]
    Frames {
        /// Consecutive counts from 0 there are.
        given: usize,
        /// The store's capacity.
        capacity: u16,
    },
    /// More visits than fit into a week's days.
    #[error("{given} visits do not fit into a week {APART} s apart: at most {most}")]
    Crowded {
        /// Visits asked for.
        given: usize,
        /// Visits that fit.
        most: usize,
    },
    /// A file could not be written or read.
    #[error("cannot open {path}", path = path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The script's file is none.
    #[error("{path} is not a script", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
}

impl Script {
    /// Reads the script of a folder.
    pub fn read(folder: &Path) -> Result<Self, ScriptError> {
        let path = folder.join(SCRIPT_FILE);
        let text = std::fs::read(&path).map_err(|source| ScriptError::Disk {
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|source| ScriptError::Malformed { path, source })
    }
}

impl Week {
    /// A week of the radar alone, for recordings without a script: each state of five frames of one count in turn, half an
    /// hour apart, as far as the week goes.
    pub fn of_recordings(recordings: &[Recording]) -> Self {
        const STEP: i64 = 1_800;
        let mut frames: Vec<Sample> = Vec::new();
        let mut happenings = Vec::new();
        for recording in recordings {
            let mut open: BTreeMap<&Label, Vec<&Sample>> = BTreeMap::new();
            for sample in &recording.samples {
                let state = open.entry(&sample.label).or_default();
                state.push(sample);
                let at = happenings.len() as i64 * STEP;
                if state.len() == STATE_FRAMES && at < WEEK {
                    let from = frames.len();
                    frames.extend(state.drain(..).cloned());
                    happenings.push(Happening {
                        at,
                        seen: Seen::Frames(from, frames.len()),
                    });
                }
            }
        }
        let noise = Noise {
            scale_grams: 0,
            drift_grams: 0,
            piece_spread_bps: 0,
            tap_seconds: 0,
        };
        let script = Script {
            source: Source::Recorded,
            seed: 0,
            noise,
            happenings,
            truth: Truth::default(),
        };
        Self { script, frames }
    }

    /// Writes script and frames into a folder, which is made if it is not there.
    pub fn write(&self, folder: &Path) -> Result<(), ScriptError> {
        let disk = |path: &Path| {
            let path = path.to_path_buf();
            move |source| ScriptError::Disk { path, source }
        };
        std::fs::create_dir_all(folder).map_err(disk(folder))?;
        let path = folder.join(FRAMES_FILE);
        std::fs::write(&path, text_of(&self.frames)).map_err(disk(&path))?;
        let path = folder.join(SCRIPT_FILE);
        let text = serde_json::to_vec_pretty(&self.script).expect("numbers and texts always serialise");
        std::fs::write(&path, text).map_err(disk(&path))
    }
}

/// Frames as a file that [`super::frames::parse`] reads back bit by bit.
pub fn text_of(samples: &[Sample]) -> String {
    let mut text = String::new();
    for channel in 'a'..='h' {
        for sample in 1..=SAMPLES {
            let _ = write!(text, "{channel}{sample},");
        }
    }
    text.push_str("class\n");
    for Sample { frame, label } in samples {
        for sample in frame.samples() {
            let sign = if *sample < 0 { "-" } else { "" };
            let (whole, part) = (sample.abs() / UNITS, sample.abs() % UNITS);
            let _ = write!(text, "{sign}{whole}.{part:03},");
        }
        let _ = writeln!(text, "{label}");
    }
    text
}

/// Who comes.
#[derive(Clone, Copy)]
enum Visit {
    Member(Villager),
    Nobody,
    Two(Villager, Villager),
}

impl Village {
    /// Makes the week.
    pub fn week(&self, frames: &Frames) -> Result<Week, ScriptError> {
        let known = (0..=self.capacity)
            .take_while(|count| frames.by_count.contains_key(count))
            .count();
        if known < 13 {
            return Err(ScriptError::Frames {
                given: known,
                capacity: self.capacity,
            });
        }
        let most = u16::try_from(known - 1).unwrap_or(self.capacity);
        let mut draw = ChaCha8Rng::seed_from_u64(self.seed);

        let mut visits = self.visits(&mut draw);
        visits.shuffle(&mut draw);
        let times = times(visits.len(), &mut draw)?;

        let mut store = Store::new(self, frames, most);
        store.open(&mut draw);
        for (at, visit) in times.into_iter().zip(visits) {
            store.visit(at, visit, &mut draw);
            if store.pieces.len() < usize::from(most) / 4 {
                store.restock(at + RESTOCK_AFTER, &mut draw);
            }
        }
        Ok(store.close(&mut draw))
    }

    fn visits(&self, draw: &mut ChaCha8Rng) -> Vec<Visit> {
        let mut visits = vec![Visit::Member(self.provider)];
        for member in &self.members {
            visits.extend((0..self.visits).map(|_| Visit::Member(*member)));
        }
        visits.extend((0..self.untapped).map(|_| Visit::Nobody));
        for _ in 0..if self.members.len() > 1 { self.ambiguous } else { 0 } {
            let two: Vec<_> = self.members.choose_multiple(draw, 2).copied().collect();
            visits.push(Visit::Two(two[0], two[1]));
        }
        visits
    }
}

/// Times of visits, in order, at least [`APART`] from each other, by day only.
fn times(count: usize, draw: &mut ChaCha8Rng) -> Result<Vec<i64>, ScriptError> {
    let slots: Vec<i64> = (0..7)
        .flat_map(|day| {
            (MORNING..NIGHT)
                .step_by(2 * APART as usize)
                .map(move |at| day * DAY + at)
        })
        .collect();
    if count > slots.len() {
        return Err(ScriptError::Crowded {
            given: count,
            most: slots.len(),
        });
    }
    let mut times: Vec<i64> = slots.choose_multiple(draw, count).copied().collect();
    for time in &mut times {
        *time += draw.random_range(0..APART);
    }
    times.sort_unstable();
    Ok(times)
}

/// The pile while the week is made.
struct Store<'a> {
    village: &'a Village,
    frames: &'a Frames,
    most: u16,
    /// Mass of every piece there, in grams; the last lies on top.
    pieces: Vec<u32>,
    /// What each member has taken and not brought back.
    carried: BTreeMap<u16, Vec<u32>>,
    /// Next frame to play of each count.
    next: BTreeMap<u16, usize>,
    week: Week,
}

impl<'a> Store<'a> {
    fn new(village: &'a Village, frames: &'a Frames, most: u16) -> Self {
        let Village { noise, seed, .. } = *village;
        let script = Script {
            source: frames.source,
            seed,
            noise,
            happenings: vec![],
            truth: Truth::default(),
        };
        let week = Week {
            script,
            frames: vec![],
        };
        Self {
            village,
            frames,
            most,
            pieces: vec![],
            carried: BTreeMap::new(),
            next: BTreeMap::new(),
            week,
        }
    }

    fn open(&mut self, draw: &mut ChaCha8Rng) {
        let opening = usize::from(self.most) - draw.random_range(0..=usize::from(self.most) / 10);
        self.week.script.truth.opening = self.put(opening, draw);
        self.show(0, draw);
    }

    fn visit(&mut self, at: i64, visit: Visit, draw: &mut ChaCha8Rng) {
        match visit {
            Visit::Member(villager) => {
                self.tap(at, villager);
                let step = at + self.delay(draw);
                let carried = self.carried.get(&villager.member).map_or(0, Vec::len);
                let room = usize::from(self.most) - self.pieces.len();
                if carried >= 2 && room >= 2 && villager != self.village.provider && draw.random_ratio(1, 10)
                {
                    self.bring_back(villager, draw.random_range(1..=2));
                } else {
                    let wood = self.take(draw);
                    self.week
                        .script
                        .truth
                        .members
                        .entry(villager.member)
                        .or_default()
                        .add(wood.0);
                    self.carried.entry(villager.member).or_default().extend(wood.1);
                }
                self.show(step, draw);
            }
            Visit::Nobody => {
                let wood = self.take(draw).0;
                self.week.script.truth.unattributed.add(wood);
                self.show(at, draw);
            }
            Visit::Two(one, other) => {
                self.tap(at, one);
                self.tap(at + 4, other);
                let wood = self.take(draw).0;
                self.week.script.truth.unattributed.add(wood);
                let step = at + 4 + self.delay(draw);
                self.show(step, draw);
            }
        }
    }

    fn restock(&mut self, at: i64, draw: &mut ChaCha8Rng) {
        self.tap(at, self.village.provider);
        let room = usize::from(self.most) - self.pieces.len();
        let added = self.put(room - draw.random_range(0..=room / 4), draw);
        self.week.script.truth.added.add(added);
        let step = at + self.delay(draw);
        self.show(step, draw);
    }

    fn close(mut self, draw: &mut ChaCha8Rng) -> Week {
        // The load cell speaks also when nothing happens, so that its drift never looks like a step.
        let steps: Vec<(i64, u32)> = self.masses();
        let interval = i64::from(self.village.interval.max(60));
        for at in (1..=WEEK / interval).map(|turn| turn * interval) {
            let near = steps.iter().any(|(step, _)| (step - at).abs() < 120);
            let before = steps.iter().rev().find(|(step, _)| *step <= at);
            if let Some((_, grams)) = before.filter(|_| !near) {
                let seen = Seen::Grams(self.weighed(at, *grams, draw));
                self.week.script.happenings.push(Happening { at, seen });
            }
        }
        // Only now do the steps' own readings get their noise: the loop above needed the truth.
        for happening in &mut self.week.script.happenings {
            if let (Seen::Grams(grams), Some((_, truth))) = (
                &mut happening.seen,
                steps.iter().find(|(at, _)| *at == happening.at),
            ) {
                *grams = weighed(&self.village.noise, happening.at, *truth, draw);
            }
        }
        self.week.script.happenings.sort_by_key(|happening| happening.at);
        self.week.script.truth.closing = wood(&self.pieces);
        self.week
    }

    fn masses(&self) -> Vec<(i64, u32)> {
        let masses = self
            .week
            .script
            .happenings
            .iter()
            .filter_map(|happening| match happening.seen {
                Seen::Grams(grams) => Some((happening.at, grams)),
                _ => None,
            });
        masses.collect()
    }

    fn weighed(&self, at: i64, grams: u32, draw: &mut ChaCha8Rng) -> u32 {
        weighed(&self.village.noise, at, grams, draw)
    }

    fn delay(&self, draw: &mut ChaCha8Rng) -> i64 {
        i64::from(draw.random_range(5..=self.village.noise.tap_seconds.clamp(5, 45)))
    }

    fn tap(&mut self, at: i64, villager: Villager) {
        self.week.script.happenings.push(Happening {
            at,
            seen: Seen::Tap(villager.badge),
        });
    }

    /// Puts new pieces on the pile.
    fn put(&mut self, count: usize, draw: &mut ChaCha8Rng) -> Wood {
        let reference = i64::from(self.village.reference_grams);
        let spread = reference * i64::from(self.village.noise.piece_spread_bps) / 10_000;
        let new: Vec<u32> = (0..count)
            .map(|_| {
                u32::try_from(reference + draw.random_range(-spread..=spread))
                    .unwrap_or(1)
                    .max(1)
            })
            .collect();
        self.pieces.extend(&new);
        wood(&new)
    }

    /// Takes a few pieces off the pile: what they weigh, and each of them.
    fn take(&mut self, draw: &mut ChaCha8Rng) -> (Wood, Vec<u32>) {
        let count = draw.random_range(1..=4).min(self.pieces.len());
        let taken = self.pieces.split_off(self.pieces.len() - count);
        (wood(&taken), taken)
    }

    fn bring_back(&mut self, villager: Villager, count: usize) {
        let carried = self.carried.entry(villager.member).or_default();
        let back = carried.split_off(carried.len() - count);
        let line = self.week.script.truth.members.entry(villager.member).or_default();
        let wood = wood(&back);
        line.pieces -= wood.pieces;
        line.grams -= wood.grams;
        self.pieces.extend(back);
    }

    /// Lets radar and load cell see the pile as it is now.
    fn show(&mut self, at: i64, _draw: &mut ChaCha8Rng) {
        if at > 0 {
            self.week.script.truth.steps += 1;
        }
        let count = u16::try_from(self.pieces.len()).unwrap_or(self.most);
        let there = &self.frames.by_count[&count];
        let next = self.next.entry(count).or_default();
        let from = self.week.frames.len();
        for turn in 0..FRAMES_PER_STATE.min(there.len()) {
            let frame = there[(*next + turn) % there.len()].clone();
            self.week.frames.push(Sample {
                frame,
                label: Label::Count(count),
            });
        }
        *next += FRAMES_PER_STATE.min(there.len());
        let happenings = &mut self.week.script.happenings;
        happenings.push(Happening {
            at,
            seen: Seen::Frames(from, self.week.frames.len()),
        });
        happenings.push(Happening {
            at: at + 3,
            seen: Seen::Grams(wood(&self.pieces).grams),
        });
    }
}

/// What the load cell shows of a true mass: noise of its own, and a drift that follows the day.
fn weighed(noise: &Noise, at: i64, grams: u32, draw: &mut ChaCha8Rng) -> u32 {
    let (wide, drift) = (i64::from(noise.scale_grams), i64::from(noise.drift_grams));
    let of_day = usize::try_from(at.rem_euclid(DAY) * SAMPLES as i64 / DAY).unwrap_or(0);
    let drifted = drift * i64::from(sine(of_day)) / (1 << 14);
    let shown = i64::from(grams) + drifted + draw.random_range(-wide..=wide);
    u32::try_from(shown.max(0)).unwrap_or(u32::MAX)
}

fn wood(pieces: &[u32]) -> Wood {
    Wood {
        pieces: u32::try_from(pieces.len()).unwrap_or(u32::MAX),
        grams: pieces.iter().sum(),
    }
}

/// Labelled frames made by arithmetic, for machines without recordings: `sessions` recordings that sweep from the highest
/// count to none, `sweeps` times each. Every count turns the phase of two waves per channel a little further, each session
/// has its own gain, and every sample some noise. They are far easier than real ones and prove nothing about a radar.
pub fn synthetic(most: u16, sessions: usize, sweeps: usize, seed: u64) -> Vec<Recording> {
    let mut draw = ChaCha8Rng::seed_from_u64(seed);
    let mut recordings = Vec::new();
    for session in 0..sessions {
        let gain = draw.random_range(95..=105);
        let mut samples = Vec::new();
        for _ in 0..sweeps {
            for count in (0..=most).rev() {
                let mut numbers = [0; FRAME];
                for (place, number) in numbers.iter_mut().enumerate() {
                    let (channel, sample) = (place / SAMPLES, place % SAMPLES);
                    let near = sine(3 * sample + usize::from(count) * (channel + 1));
                    let far = sine(7 * sample + usize::from(count) * (CHANNELS - channel));
                    let noise = draw.random_range(-4_000..=4_000);
                    *number = (near * 2 + far) * gain / 100 + noise;
                }
                let frame = Frame::new(numbers).expect("three waves of 2^14 stay far below the limit");
                samples.push(Sample {
                    frame,
                    label: Label::Count(count),
                });
            }
        }
        recordings.push(Recording {
            name: format!("synthetic-session{}", session + 1),
            samples,
        });
    }
    recordings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sense::frames::parse;

    fn villager(member: u16) -> Villager {
        Villager {
            member,
            badge: B256::with_last_byte(member as u8),
        }
    }

    fn village(seed: u64) -> Village {
        Village {
            members: (2..8).map(villager).collect(),
            provider: villager(1),
            capacity: 52,
            reference_grams: 1_000,
            visits: 6,
            untapped: 2,
            ambiguous: 1,
            interval: 1_800,
            noise: Noise::default(),
            seed,
        }
    }

    fn frames() -> Frames {
        Frames::of(Source::Synthetic, &synthetic(52, 1, 10, 7))
    }

    #[test]
    fn the_same_seed_gives_the_same_week_and_another_does_not() {
        let frames = frames();
        let week = |seed| village(seed).week(&frames).expect("a week").script;
        assert_eq!(week(3), week(3));
        assert_ne!(week(3), week(4));
    }

    #[test]
    fn wood_is_conserved_and_steps_match_the_truth() {
        let frames = frames();
        for seed in 0..20 {
            let Week { script, frames } = village(seed).week(&frames).expect("a week");
            let Truth {
                members,
                unattributed,
                added,
                opening,
                closing,
                steps,
            } = &script.truth;
            let mut taken = *unattributed;
            members.values().for_each(|wood| taken.add(*wood));
            assert_eq!(
                opening.pieces + added.pieces,
                closing.pieces + taken.pieces,
                "seed {seed}"
            );
            assert_eq!(
                opening.grams + added.grams,
                closing.grams + taken.grams,
                "seed {seed}"
            );
            assert!(added.pieces > 0, "seed {seed}: nobody stocked");

            let shown: Vec<&Label> = script
                .happenings
                .iter()
                .filter_map(|happening| match happening.seen {
                    Seen::Frames(from, to) => {
                        assert!(to - from >= STATE_FRAMES);
                        assert!(
                            frames[from..to]
                                .iter()
                                .all(|sample| sample.label == frames[from].label)
                        );
                        Some(&frames[from].label)
                    }
                    _ => None,
                })
                .collect();
            assert_eq!(shown.len() as u32, steps + 1);
            assert!(
                shown.windows(2).all(|pair| pair[0] != pair[1]),
                "seed {seed}: a step that changes nothing"
            );
            let last = Label::Count(closing.pieces as u16);
            assert_eq!(*shown.last().expect("states"), &last);
        }
    }

    #[test]
    fn happenings_are_in_order_and_taps_lie_within_a_minute_of_one_step() {
        let frames = frames();
        for seed in 0..20 {
            let script = village(seed).week(&frames).expect("a week").script;
            let of = |wanted: fn(&Seen) -> bool| {
                script
                    .happenings
                    .iter()
                    .filter(move |h| wanted(&h.seen))
                    .map(|h| h.at)
                    .collect::<Vec<_>>()
            };
            assert!(script.happenings.windows(2).all(|pair| pair[0].at <= pair[1].at));
            assert!(
                script
                    .happenings
                    .iter()
                    .all(|happening| (0..=WEEK).contains(&happening.at))
            );
            let steps = of(|seen| matches!(seen, Seen::Frames(..)));
            for tap in of(|seen| matches!(seen, Seen::Tap(_))) {
                let near = steps.iter().filter(|step| (*step - tap).abs() <= 120).count();
                assert_eq!(near, 1, "seed {seed}: tap at {tap}");
                assert!(
                    steps.iter().any(|step| (0..=50).contains(&(step - tap))),
                    "seed {seed}: tap at {tap}"
                );
            }
            let grams = of(|seen| matches!(seen, Seen::Grams(_)));
            assert!(
                grams.windows(2).all(|pair| pair[1] - pair[0] <= 2 * 1_800),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn frames_survive_their_own_text() {
        let recordings = synthetic(3, 1, 2, 5);
        let text = text_of(&recordings[0].samples);
        assert_eq!(
            parse("f", text.as_bytes()).expect("parsed").samples,
            recordings[0].samples
        );
    }

    #[test]
    fn a_week_survives_its_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let week = village(1).week(&frames()).expect("a week");
        week.write(folder.path()).expect("written");
        assert_eq!(Script::read(folder.path()).expect("read"), week.script);
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        let few = Frames::of(Source::Synthetic, &synthetic(8, 1, 10, 7));
        assert!(matches!(
            village(1).week(&few),
            Err(ScriptError::Frames { given: 9, .. })
        ));
        let thin = Frames::of(Source::Synthetic, &synthetic(52, 1, 4, 7));
        assert!(matches!(
            village(1).week(&thin),
            Err(ScriptError::Frames { given: 0, .. })
        ));
        let crowded = Village {
            visits: 200,
            ..village(1)
        };
        assert!(matches!(
            crowded.week(&frames()),
            Err(ScriptError::Crowded { .. })
        ));
    }
}
