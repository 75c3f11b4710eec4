//! What is learned from, and what is held out of it: folds, held-out scores, unsettled frames, the model's file.

use super::{
    TrainError,
    calibrate::{Trial, calibration_error_bps, table},
    discriminant::{Discriminant, Scatter},
    fraction,
};
use crate::sense::{
    features::FeatureSet,
    frames::{Frame, Label, Recording},
    model::{FORMAT, ModelFile, Origin, STATE_FRAMES, WEIGHT_LIMIT},
};
use nalgebra::DMatrix;
use rand::{Rng, SeedableRng, seq::index::sample};
use rand_chacha::ChaCha8Rng;

/// Parts a single session is cut into, and at most as many groups of sessions.
const FOLDS: usize = 4;
/// Windows of five held-out frames drawn for each count and fold.
const WINDOWS: usize = 24;

/// One frame to learn from.
pub(super) struct Row<'a> {
    frame: &'a Frame,
    /// Index of its count.
    class: usize,
    recording: usize,
    /// Frames of the same count in a row around it, and its place among them.
    pub(super) run: usize,
    pub(super) since_start: usize,
    fold: usize,
}

/// All that is learned from.
pub(super) struct Lesson<'a> {
    pub(super) counts: Vec<u16>,
    pub(super) rows: Vec<Row<'a>>,
    pub(super) folds: usize,
}

impl<'a> Lesson<'a> {
    pub(super) fn of(recordings: &'a [Recording]) -> Result<Self, TrainError> {
        let mut counted = Vec::new();
        for (recording, Recording { samples, .. }) in recordings.iter().enumerate() {
            for run in samples.chunk_by(|one, next| one.label == next.label) {
                for (since_start, sample) in run.iter().enumerate() {
                    if let Label::Count(count) = sample.label {
                        counted.push((count, recording, run.len(), since_start, &sample.frame));
                    }
                }
            }
        }
        let mut counts: Vec<u16> = counted.iter().map(|(count, ..)| *count).collect();
        counts.sort_unstable();
        counts.dedup();
        if counts.len() < 2 {
            return Err(TrainError::Counts { given: counts.len() });
        }
        for count in &counts {
            let given = counted.iter().filter(|(other, ..)| other == count).count();
            if given < 2 {
                return Err(TrainError::Rare { count: *count, given });
            }
        }
        let rows = counted
            .into_iter()
            .map(|(count, recording, run, since_start, frame)| {
                let class = counts.partition_point(|known| *known < count);
                Row {
                    frame,
                    class,
                    recording,
                    run,
                    since_start,
                    fold: 0,
                }
            });
        let mut lesson = Self {
            rows: rows.collect(),
            counts,
            folds: 0,
        };
        lesson.fold(recordings.len());
        Ok(lesson)
    }

    /// Assigns folds: by session if every count occurs in at least two of them, else by contiguous blocks of each count.
    pub(super) fn fold(&mut self, recordings: usize) {
        let sessions_of = |class| {
            let mut sessions: Vec<usize> = self
                .rows
                .iter()
                .filter(|row| row.class == class)
                .map(|row| row.recording % FOLDS)
                .collect();
            sessions.sort_unstable();
            sessions.dedup();
            sessions.len()
        };
        if (0..self.counts.len()).all(|class| sessions_of(class) > 1) {
            self.folds = recordings.min(FOLDS);
            for row in &mut self.rows {
                row.fold = row.recording % FOLDS;
            }
            return;
        }
        self.folds = FOLDS;
        for class in 0..self.counts.len() {
            let of_class: Vec<usize> = (0..self.rows.len())
                .filter(|row| self.rows[*row].class == class)
                .collect();
            for (place, row) in of_class.iter().enumerate() {
                self.rows[*row].fold = place * FOLDS / of_class.len();
            }
        }
    }

    pub(super) fn classes(&self) -> Vec<usize> {
        self.rows.iter().map(|row| row.class).collect()
    }

    /// One column per frame.
    pub(super) fn features(&self, set: FeatureSet) -> DMatrix<f64> {
        let mut columns = Vec::with_capacity(self.rows.len() * set.width());
        for row in &self.rows {
            columns.extend(set.of(row.frame).into_iter().map(f64::from));
        }
        DMatrix::from_vec(set.width(), self.rows.len(), columns)
    }

    /// Scores of every frame by a discriminant that never saw its fold, for each shrinkage: `[shrinkage][frame · class]`.
    pub(super) fn hold_out(
        &self,
        set: FeatureSet,
        features: &DMatrix<f64>,
        shrinkages: &[u16],
        tried: &mut dyn FnMut(usize),
    ) -> Vec<Vec<f64>> {
        let classes = self.classes();
        let width = self.counts.len();
        let mut scores = vec![vec![f64::NEG_INFINITY; self.rows.len() * width]; shrinkages.len()];
        let one_fold = |fold: usize| {
            let (apart, kept): (Vec<usize>, Vec<usize>) =
                (0..self.rows.len()).partition(|row| self.rows[*row].fold == fold);
            if apart.is_empty() || kept.is_empty() {
                return (apart, vec![]);
            }
            let scatter = Scatter::of(features, set.kinds(), &kept, &classes, &self.counts);
            let unseen = features.select_columns(&apart);
            let of_each = shrinkages.iter().map(|shrinkage| {
                let Discriminant { weights, biases } = scatter.shrunk(fraction(*shrinkage));
                let mut scores = weights.transpose() * &unseen;
                for mut column in scores.column_iter_mut() {
                    column += &biases;
                }
                scores
            });
            let of_each: Vec<DMatrix<f64>> = of_each.collect();
            (apart, of_each)
        };
        // Two folds at a time: a machine that runs a seat has two cores, and each fold takes some tens of megabytes.
        for pair in (0..self.folds).collect::<Vec<_>>().chunks(2) {
            let finished: Vec<_> = std::thread::scope(|scope| {
                let running: Vec<_> = pair.iter().map(|fold| scope.spawn(|| one_fold(*fold))).collect();
                running
                    .into_iter()
                    .map(|fold| fold.join().expect("a fold does not panic"))
                    .collect()
            });
            for (apart, of_each) in finished {
                for (scores, of_fold) in scores.iter_mut().zip(&of_each) {
                    for (row, column) in apart.iter().zip(of_fold.column_iter()) {
                        scores[row * width..][..width].copy_from_slice(column.as_slice());
                    }
                }
                tried(of_each.len());
            }
        }
        scores
    }

    /// How far a count of right frames may lie off by chance.
    pub(super) fn standard_error(&self, right: usize) -> f64 {
        let (right, all) = (right as f64, self.rows.len() as f64);
        (right * (all - right) / all).sqrt()
    }

    fn read(&self, scores: &[f64], row: usize) -> usize {
        let width = self.counts.len();
        lead(&scores[row * width..][..width]).0
    }

    pub(super) fn right(&self, scores: &[f64]) -> usize {
        (0..self.rows.len())
            .filter(|row| self.read(scores, *row) == self.rows[*row].class)
            .count()
    }

    /// How many frames at the start of each run show something else than their label.
    ///
    /// A recorder that is switched to the next label before the pile has changed leaves such frames; learned from, they
    /// teach two counts to look alike. A place in the run counts as unsettled if at least three quarters of its frames
    /// are misread while the rest of the runs reads well; at most a quarter of a run is left out.
    pub(super) fn settling(&self, scores: &[f64]) -> usize {
        let longest = self.rows.iter().map(|row| row.run).max().unwrap_or(0);
        let misread_at = |places: &dyn Fn(usize) -> bool| {
            let there = (0..self.rows.len()).filter(|row| places(self.rows[*row].since_start));
            let (mut all, mut misread) = (0usize, 0usize);
            for row in there {
                all += 1;
                misread += usize::from(self.read(scores, row) != self.rows[row].class);
            }
            (misread, all)
        };
        let unsettled = |place: usize| {
            let (misread, all) = misread_at(&|other| other == place);
            misread * 4 >= all * 3
        };
        let settling = (0..longest / 4).take_while(|place| unsettled(*place)).count();
        let (misread, all) = misread_at(&|place| place >= settling);
        if misread * 4 <= all { settling } else { 0 }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, and each is a different fact about the model"
    )]
    pub(super) fn written(
        &self,
        recordings: &[Recording],
        seed: u64,
        features: FeatureSet,
        shrinkage_bps: u16,
        settling: usize,
        discriminant: &Discriminant,
        held_out: &[f64],
    ) -> ModelFile {
        // As fine as the limit on weights allows.
        let largest = discriminant.weights.amax().max(f64::MIN_POSITIVE);
        let scale_bits = (f64::from(WEIGHT_LIMIT - 1) / largest).log2().floor().min(40.0) as i16;
        let scale = f64::from(scale_bits).exp2();
        let to_units = |nats: f64| (nats * scale / 256.0) as i64;

        let margins = |row: usize| {
            let width = self.counts.len();
            lead(&held_out[row * width..][..width])
        };
        let frames: Vec<Trial> = (0..self.rows.len())
            .map(|row| {
                let (read, margin) = margins(row);
                Trial {
                    margin: to_units(margin),
                    right: read == self.rows[row].class,
                    fold: self.rows[row].fold,
                }
            })
            .collect();
        let states = self.states(seed, held_out, &to_units);
        let independent = self.rows.len() as f64 / STATE_FRAMES as f64;
        let within_one = (0..self.rows.len()).filter(|row| {
            let (read, known) = (self.counts[margins(*row).0], self.counts[self.rows[*row].class]);
            read.abs_diff(known) <= 1
        });
        let as_u32 = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        ModelFile {
            format: FORMAT.into(),
            features,
            counts: self.counts.clone(),
            scale_bits,
            weights: discriminant
                .weights
                .column_iter()
                .map(|column| {
                    column
                        .iter()
                        .map(|weight| (weight * scale).round() as i32)
                        .collect()
                })
                .collect(),
            biases: discriminant
                .biases
                .iter()
                .map(|bias| (bias * scale).round() as i64)
                .collect(),
            origin: Origin {
                frames: as_u32(self.rows.len()),
                files: recordings
                    .iter()
                    .map(|recording| recording.name.clone())
                    .collect(),
                seed,
                shrinkage_bps,
                settling_frames: u8::try_from(settling).unwrap_or(u8::MAX),
                held_out: [
                    as_u32(self.rows.len()),
                    as_u32(frames.iter().filter(|trial| trial.right).count()),
                    as_u32(within_one.count()),
                ],
                calibration_error_bps: calibration_error_bps(&states, independent),
            },
            frame_confidence: table(&frames, self.rows.len() as f64),
            state_confidence: table(&states, independent),
        }
    }

    /// Windows of five held-out frames of one count, drawn by seed: from one fold where it has enough, else from all.
    fn states(&self, seed: u64, held_out: &[f64], to_units: &dyn Fn(f64) -> i64) -> Vec<Trial> {
        let width = self.counts.len();
        let mut draw = ChaCha8Rng::seed_from_u64(seed);
        let mut trials = Vec::new();
        for class in 0..width {
            let all: Vec<usize> = (0..self.rows.len())
                .filter(|row| self.rows[*row].class == class)
                .collect();
            for fold in 0..self.folds {
                let of_fold: Vec<usize> = all
                    .iter()
                    .copied()
                    .filter(|row| self.rows[*row].fold == fold)
                    .collect();
                let from = if of_fold.len() >= STATE_FRAMES {
                    &of_fold
                } else {
                    &all
                };
                for _ in 0..WINDOWS {
                    let mut sums = vec![0.0; width];
                    // With fewer than five frames of a count some are drawn again: better than no state at all.
                    let drawn: Vec<usize> = if from.len() >= STATE_FRAMES {
                        sample(&mut draw, from.len(), STATE_FRAMES).into_vec()
                    } else {
                        (0..STATE_FRAMES)
                            .map(|_| draw.random_range(0..from.len()))
                            .collect()
                    };
                    for place in drawn {
                        for (sum, score) in sums.iter_mut().zip(&held_out[from[place] * width..][..width]) {
                            *sum += score;
                        }
                    }
                    let (read, margin) = lead(&sums);
                    trials.push(Trial {
                        margin: to_units(margin),
                        right: read == class,
                        fold,
                    });
                }
            }
        }
        trials
    }
}

/// Index of the highest score and its lead over the next.
fn lead(scores: &[f64]) -> (usize, f64) {
    let (mut best, mut margin) = (0, f64::INFINITY);
    for (index, score) in scores.iter().enumerate().skip(1) {
        if *score > scores[best] {
            margin = score - scores[best];
            best = index;
        } else {
            margin = margin.min(scores[best] - score);
        }
    }
    (best, margin)
}
