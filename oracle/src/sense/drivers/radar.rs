//! The wood pile's radar: frames become a count of pieces, said when the pile has come to rest.
//!
//! A pile stands still, so frames are judged five at a time: their scores add up, most of them must say the same alone, and
//! the sum must be sure enough. What is less than that is not said but awaited; between two states that were said lies one
//! step. The frames themselves stop here.

use super::{Driver, DriverError, Kind, Settings, Unheard};
use crate::sense::{
    evaluate::CUT_OFF_BPS,
    frames::parse_frame,
    model::{Judgement, Model, STATE_FRAMES},
};
use hearth_oracle_core::senml::{Reading, Value};
use std::collections::VecDeque;

/// A radar that gives 512 numbers a line, separated by commas.
#[derive(Debug)]
pub struct Radar;

impl Kind for Radar {
    fn name(&self) -> &'static str {
        "radar"
    }

    fn lines(&self) -> &'static str {
        "512 numbers separated by commas"
    }

    fn open(&self, settings: &Settings) -> Result<Box<dyn Driver>, DriverError> {
        settings.only(self.name(), &["model", "cut_off_bps"])?;
        let kind = self.name();
        let path = settings.model.as_ref().ok_or(DriverError::Missing {
            kind,
            setting: "model",
        })?;
        let model = Model::load(path).map_err(|source| DriverError::Model { kind, source })?;
        Ok(Box::new(PileRadar::new(
            model,
            settings.cut_off_bps.unwrap_or(CUT_OFF_BPS),
        )))
    }
}

/// The driver.
#[derive(Debug)]
pub struct PileRadar {
    model: Model,
    model_name: [u8; 8],
    cut_off_bps: u16,
    /// Scores of the latest frames, and what each says alone.
    window: VecDeque<(Vec<i64>, u16)>,
    /// The state last said.
    said: Option<u16>,
}

impl PileRadar {
    /// A driver that says states from this confidence on.
    pub fn new(model: Model, cut_off_bps: u16) -> Self {
        let mut model_name = [0; 8];
        model_name.copy_from_slice(&model.hash()[..8]);
        Self {
            model,
            model_name,
            cut_off_bps,
            window: VecDeque::new(),
            said: None,
        }
    }

    /// What the window shows, if the pile rests.
    fn resting(&self) -> Option<Judgement> {
        let scores: Vec<Vec<i64>> = self.window.iter().map(|(scores, _)| scores.clone()).collect();
        let state = self
            .model
            .judge_state(&scores)
            .filter(|state| state.clears(self.cut_off_bps))?;
        let agree = self
            .window
            .iter()
            .filter(|(_, alone)| *alone == state.count)
            .count();
        (agree * 2 > self.window.len()).then_some(state)
    }
}

impl Driver for PileRadar {
    fn hear(&mut self, line: &str, at: u64) -> Result<Vec<Reading>, Unheard> {
        let frame = parse_frame(line).ok_or(Unheard {
            kind: Radar.name(),
            wanted: Radar.lines(),
        })?;
        let scores = self.model.scores(&frame);
        let alone = self.model.judge_frame(&scores).count;
        self.window.push_back((scores, alone));
        if self.window.len() > STATE_FRAMES {
            self.window.pop_front();
        }
        let Some(state) = self.resting() else {
            return Ok(vec![]);
        };
        if self.said == Some(state.count) {
            return Ok(vec![]);
        }
        // A window that reaches across a step could show neither side of it, so the new state must stand on frames of
        // its own: every one of them after the first that says so.
        let first = self.window.iter().position(|(_, alone)| *alone == state.count);
        if self.said.is_some() && first != Some(0) {
            return Ok(vec![]);
        }
        self.said = Some(state.count);
        let say = |value| Reading { time: at, value };
        Ok(vec![
            say(Value::Pieces(state.count.into())),
            say(Value::Confidence(state.confidence_bps)),
            say(Value::Model(self.model_name)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sense::{frames::FRAME, model::tests::first_sample_model};

    fn line(first: i32) -> String {
        std::iter::once(first)
            .chain(std::iter::repeat_n(0, FRAME - 1))
            .map(|n| format!("{n}"))
            .collect::<Vec<_>>()
            .join(",")
    }

    fn states(lines: &[i32]) -> Vec<(u64, u32)> {
        let mut radar = PileRadar::new(first_sample_model(), 8_000);
        let mut said = Vec::new();
        for (at, first) in lines.iter().enumerate() {
            let at = at as u64;
            for reading in radar.hear(&line(*first), at).expect("a frame") {
                assert_eq!(reading.time, at);
                if let Value::Pieces(count) = reading.value {
                    said.push((at, count));
                }
            }
        }
        said
    }

    #[test]
    fn a_state_is_said_once_after_five_frames() {
        assert_eq!(states(&[9; 4]), []);
        assert_eq!(states(&[9; 12]), [(4, 2)]);
    }

    #[test]
    fn a_step_is_said_on_frames_of_its_own() {
        // Frames of -9 read none, frames of 9 read two.
        let lines = [[-9; 6], [9; 6]].concat();
        assert_eq!(states(&lines), [(4, 0), (10, 2)]);
    }

    #[test]
    fn test_r7_6_an_unsure_window_is_not_said() {
        // At 1.0 the counts one and two score alike: the margin is nothing.
        assert_eq!(states(&[1; 12]), []);
    }

    #[test]
    fn a_hand_that_passes_by_is_no_state() {
        let lines = [vec![9; 6], vec![-9; 2], vec![9; 8]].concat();
        assert_eq!(states(&lines), [(4, 2)]);
    }

    #[test]
    fn other_lines_are_refused_without_their_numbers() {
        let mut radar = PileRadar::new(first_sample_model(), 8_000);
        for line in ["", "1,2,3", &line(9).replace("0,0,0", "0,x,0")] {
            let refused = radar.hear(line, 0).expect_err("refused").to_string();
            assert_eq!(
                refused,
                "not a line of a radar: wanted 512 numbers separated by commas"
            );
        }
    }
}
