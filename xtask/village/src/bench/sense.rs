//! One radar frame at the edge: features and scores in fixed point, on one core.

use std::path::Path;
use std::time::Instant;

use eyre::{Result, WrapErr};
use hearth_oracle::sense::frames::{Frame, read_counts};
use hearth_oracle::sense::train::train_on;

use super::measure::Measure;
use crate::pile::{Busy, Pile};

/// Frames scored in all.
const FRAMES: usize = 4_000;
const BUSY: Busy = Busy {
    visits: 1,
    untapped: 0,
    ambiguous: 0,
    interval: 3_600,
};

/// Trains a model and scores frames it has not seen.
pub fn measure(folder: &Path, recordings: Option<&Path>) -> Result<Vec<Measure>> {
    let pile = Pile::lay(folder, recordings, BUSY, 1)?;
    let lessons = read_counts(&pile.lessons, |_| ()).wrap_err("failed to read the lessons")?;
    let model = train_on(&lessons, 1, &mut |_| ()).wrap_err("failed to train")?;
    let frames: Vec<&Frame> = lessons
        .iter()
        .flat_map(|lesson| &lesson.samples)
        .map(|sample| &sample.frame)
        .cycle()
        .take(FRAMES)
        .collect();
    let begun = Instant::now();
    let mut kept = 0_usize;
    for frame in &frames {
        let scores = model.scores(frame);
        // Judging reads every score, so that no work can be left out.
        kept += usize::from(model.judge_frame(&scores).clears(0));
    }
    let micros = begun.elapsed().as_secs_f64() * 1e6 / frames.len() as f64;
    eyre::ensure!(
        kept == frames.len(),
        "only {kept} of {} frames were judged",
        frames.len()
    );
    Ok(vec![Measure::at_most("sense.frame_us", micros, "us", 200.0)])
}
