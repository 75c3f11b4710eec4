//! Who comes to the pile in a week, what they carry, and what the sensors see of it.

use super::{DAY, Happening, Noise, Script, ScriptError, Seen, Source, Truth, Villager, WEEK, Week, Wood};
use crate::sense::{
    features::sine,
    frames::{Frame, Label, Recording, SAMPLES, Sample},
    model::STATE_FRAMES,
};
use rand::{
    Rng, SeedableRng,
    seq::{IndexedRandom, SliceRandom},
};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Nobody comes before this second of the local day, or after [`NIGHT`].
const MORNING: i64 = 6 * 3_600;
const NIGHT: i64 = 21 * 3_600;
/// Visits start at least this many seconds apart, so that no tap but the meant one lies within 60 s of a step (R7.8).
const APART: i64 = 600;
/// A restock comes this long after the visit that made it needed.
const RESTOCK_AFTER: i64 = 300;
/// Frames the radar gives of each state, one a second: five make a state, the rest are there for when it is unsure.
const FRAMES_PER_STATE: usize = 8;
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
