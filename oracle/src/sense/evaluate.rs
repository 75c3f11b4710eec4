//! Tries a meter on recordings (`hearth-oracle evaluate`).
//!
//! *In*: a model and labelled frames. *Out*: counts of what was read rightly. *Never*: a share; whoever reads divides.
//!
//! A state is five frames of one label, next to each other among the frames of that label in their file. Where a recording
//! holds one label in a row that is five frames in a row; where it sweeps through all labels again and again, as the card
//! recordings do, it is five sweeps. What is left over at the end of a label makes no state.

use super::{
    frames::{FramesError, Label, Recording, read_counts},
    model::{Model, ModelError, STATE_FRAMES},
};
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};

/// The kit's cut-off for firewood: a wrong charge costs four times a missed one (R7.6).
pub const CUT_OFF_BPS: u16 = 8_000;

/// Arguments of `hearth-oracle evaluate`.
#[derive(Clone, Debug, clap::Args)]
pub struct EvaluateArgs {
    /// The model to try.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Files of labelled frames the model has not seen, or folders of them.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub frames: Vec<PathBuf>,
    /// Print the counts as one line of JSON.
    #[arg(long)]
    pub json: bool,
}

/// What was read rightly. All are counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    /// Frames tried.
    pub frames: usize,
    /// Frames read exactly.
    pub exact: usize,
    /// Frames read within one item, exact ones among them.
    pub within_one: usize,
    /// States tried.
    pub states: usize,
    /// States read exactly, sure or not.
    pub state_exact: usize,
    /// States read within one item, exact ones among them.
    pub state_within_one: usize,
    /// States whose confidence lies below [`CUT_OFF_BPS`], on which nobody would be charged.
    pub abstained: usize,
}

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// No model.
    #[error("cannot evaluate")]
    Model(#[source] ModelError),
    /// No frames.
    #[error("cannot evaluate")]
    Frames(#[source] FramesError),
}

/// Runs `hearth-oracle evaluate`.
pub fn evaluate(args: &EvaluateArgs, passed_over: impl FnMut(&str)) -> Result<Evaluation, EvaluateError> {
    let model = Model::load(&args.model).map_err(EvaluateError::Model)?;
    let recordings = read_counts(&args.frames, passed_over).map_err(EvaluateError::Frames)?;
    Ok(evaluate_on(&model, &recordings))
}

/// Tries a model on recordings already read. Frames that label persons are left out.
pub fn evaluate_on(model: &Model, recordings: &[Recording]) -> Evaluation {
    let mut found = Evaluation::default();
    for recording in recordings {
        let mut open: BTreeMap<u16, Vec<Vec<i64>>> = BTreeMap::new();
        for sample in &recording.samples {
            let Label::Count(count) = sample.label else {
                continue;
            };
            let scores = model.scores(&sample.frame);
            let read = model.judge_frame(&scores).count;
            found.frames += 1;
            found.exact += usize::from(read == count);
            found.within_one += usize::from(read.abs_diff(count) <= 1);

            let window = open.entry(count).or_default();
            window.push(scores);
            if window.len() < STATE_FRAMES {
                continue;
            }
            if let Some(state) = model.judge_state(window) {
                found.states += 1;
                found.state_exact += usize::from(state.count == count);
                found.state_within_one += usize::from(state.count.abs_diff(count) <= 1);
                found.abstained += usize::from(!state.clears(CUT_OFF_BPS));
            }
            window.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sense::{
        frames::{FRAME, Frame, Sample},
        model::tests::first_sample_model,
    };

    fn recording(counts: impl IntoIterator<Item = (u16, i32)>) -> Recording {
        let samples = counts.into_iter().map(|(count, first)| {
            let mut samples = [0; FRAME];
            samples[0] = first;
            Sample {
                frame: Frame::new(samples).expect("in range"),
                label: Label::Count(count),
            }
        });
        Recording {
            name: "f".into(),
            samples: samples.collect(),
        }
    }

    #[test]
    fn sweeps_make_states_as_runs_do() {
        let run = recording([(0, 0); 5].into_iter().chain([(2, 9_000); 6]));
        let sweep = recording([(0, 0), (2, 9_000)].into_iter().cycle().take(11));
        for given in [run, sweep] {
            let found = evaluate_on(&first_sample_model(), std::slice::from_ref(&given));
            let frames = 11;
            assert_eq!(
                found,
                Evaluation {
                    frames,
                    exact: frames,
                    within_one: frames,
                    states: 2,
                    state_exact: 2,
                    state_within_one: 2,
                    abstained: 1
                }
            );
        }
    }

    #[test]
    fn a_label_the_model_does_not_know_is_read_wrongly() {
        let found = evaluate_on(&first_sample_model(), &[recording([(9, 9_000); 5])]);
        assert_eq!(
            (
                found.frames,
                found.exact,
                found.within_one,
                found.states,
                found.state_exact
            ),
            (5, 0, 0, 1, 0)
        );
    }

    #[test]
    fn the_json_has_exactly_these_keys() {
        let json = serde_json::to_string(&Evaluation::default()).expect("serialises");
        assert_eq!(
            json,
            r#"{"frames":0,"exact":0,"within_one":0,"states":0,"state_exact":0,"state_within_one":0,"abstained":0}"#
        );
    }
}
