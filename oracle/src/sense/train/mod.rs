//! Makes a meter from recordings (`hearth-oracle train`).
//!
//! *In*: recordings of counted things. *Out*: a [`Model`]. *Refuses*: fewer than two counts, or a count with a single
//! frame. *Never*: judges itself on frames it learned from: features, shrinkage and confidence are all chosen on frames
//! held out by session, or where there is one session only by contiguous blocks, since frames recorded in a row resemble
//! each other.
//!
//! The same files in the same order and the same seed give the same model on the same machine. Another processor may round
//! a training sum otherwise and give another model; what a *model* says of a frame is the same everywhere.

mod calibrate;
mod discriminant;
mod lesson;

use super::{
    features::FeatureSet,
    frames::{FramesError, Recording, read_counts},
    model::{Model, ModelError},
};
use discriminant::Scatter;
use lesson::Lesson;
use std::path::PathBuf;

/// Shrinkages tried, in bps.
const SHRINKAGES: [u16; 8] = [30, 100, 300, 1_000, 3_000, 6_000, 8_500, 9_300];
/// Shrinkage used to look for frames that had not settled.
const FIRST_SHRINKAGE: u16 = 1_000;

/// Arguments of `hearth-oracle train`.
#[derive(Clone, Debug, clap::Args)]
pub struct TrainArgs {
    /// Files of labelled frames, or folders of them: 512 numbers and a count a line.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub frames: Vec<PathBuf>,
    /// Where to write the model.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Draws the windows that calibrate confidence; the same files and seed give the same model.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What training is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A file labels persons and is left out.
    PassedOver(String),
    /// So many frames of so many counts were read.
    Read {
        /// Frames.
        frames: usize,
        /// Different counts.
        counts: usize,
    },
    /// Frames at the start of each run still show the state before and are left out.
    Settling {
        /// Frames of each run.
        frames: usize,
    },
    /// One more of the candidates was tried on one fold.
    Tried {
        /// Done so far.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// The candidate that did best.
    Chose {
        /// Its features.
        features: FeatureSet,
        /// Its shrinkage in bps.
        shrinkage_bps: u16,
    },
}

/// Why no model was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The frames could not be read.
    #[error("cannot train")]
    Frames(#[source] FramesError),
    /// Too few counts to tell apart.
    #[error(
        "cannot train on {given} different counts: wanted at least 2, air among them if the pile can be empty"
    )]
    Counts {
        /// Counts found.
        given: usize,
    },
    /// A count seen too rarely.
    #[error("cannot train: the count {count} has {given} frame: record at least 2, better 20")]
    Rare {
        /// The count.
        count: u16,
        /// Frames of it.
        given: usize,
    },
    /// The model does not fit integers, or could not be written.
    #[error("cannot keep the model")]
    Model(#[source] ModelError),
}

/// Runs `hearth-oracle train`.
pub fn train(args: &TrainArgs, progress: &mut dyn FnMut(Progress)) -> Result<Model, TrainError> {
    let recordings = read_counts(&args.frames, |name| progress(Progress::PassedOver(name.into())));
    let model = train_on(&recordings.map_err(TrainError::Frames)?, args.seed, progress)?;
    model.save(&args.model).map_err(TrainError::Model)?;
    Ok(model)
}

/// Makes a model from recordings already read. Frames that label persons are not learned from (R7.8).
pub fn train_on(
    recordings: &[Recording],
    seed: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Model, TrainError> {
    let mut lesson = Lesson::of(recordings)?;
    progress(Progress::Read {
        frames: lesson.rows.len(),
        counts: lesson.counts.len(),
    });

    let raw = lesson.features(FeatureSet::Raw);
    let settling = lesson.settling(
        &lesson
            .hold_out(FeatureSet::Raw, &raw, &[FIRST_SHRINKAGE], &mut |_| ())
            .remove(0),
    );
    if settling > 0 {
        progress(Progress::Settling { frames: settling });
        lesson
            .rows
            .retain(|row| row.since_start >= settling || row.run <= settling);
        lesson.fold(recordings.len());
    }

    let of = FeatureSet::ALL.len() * SHRINKAGES.len() * lesson.folds;
    let mut done = 0;
    let mut best: Option<(usize, FeatureSet, u16, Vec<f64>)> = None;
    for set in FeatureSet::ALL {
        let features = lesson.features(set);
        let tried = lesson.hold_out(set, &features, &SHRINKAGES, &mut |count| {
            done += count;
            progress(Progress::Tried { done, of });
        });
        let right: Vec<usize> = tried.iter().map(|scores| lesson.right(scores)).collect();
        let most = right.iter().copied().max().unwrap_or(0);
        // Of those that do as well, the most shrunk: it leans least on the day it learned.
        let chosen = right
            .iter()
            .rposition(|exact| *exact == most)
            .expect("the best is one of them");
        let scores = tried
            .into_iter()
            .nth(chosen)
            .expect("one set of scores per shrinkage");
        // A wider set must earn its place: more than two standard errors ahead of the narrower one, or with few frames
        // luck would choose.
        let ahead = best
            .as_ref()
            .is_none_or(|(before, ..)| most as f64 > *before as f64 + 2.0 * lesson.standard_error(*before));
        let (exact, shrinkage) = (most, SHRINKAGES[chosen]);
        if ahead {
            best = Some((exact, set, shrinkage, scores));
        }
    }
    let (_, set, shrinkage, held_out) = best.expect("there is at least one candidate");
    progress(Progress::Chose {
        features: set,
        shrinkage_bps: shrinkage,
    });

    let features = lesson.features(set);
    let everything: Vec<usize> = (0..lesson.rows.len()).collect();
    let scatter = Scatter::of(
        &features,
        set.kinds(),
        &everything,
        &lesson.classes(),
        &lesson.counts,
    );
    let discriminant = scatter.shrunk(fraction(shrinkage));
    let file = lesson.written(
        recordings,
        seed,
        set,
        shrinkage,
        settling,
        &discriminant,
        &held_out,
    );
    Model::new(file).map_err(TrainError::Model)
}

fn fraction(bps: u16) -> f64 {
    f64::from(bps) / 10_000.0
}
