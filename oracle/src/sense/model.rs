//! The meter: how many things a frame shows, in integers.
//!
//! *In*: features of frames. *Out*: scores per count, a count, a calibrated confidence in bps. *Refuses*: a model file that is
//! damaged or whose sums could overflow. *Never*: a float, so every build reads the same bits from one frame and one model.
//!
//! A model is a shrunk linear discriminant, trained in [`super::train`] and stored as integers with a stated scale. One
//! frame costs one matrix product. Scores of several frames of one state add up. The model's identity on chain is the
//! keccak-256 of its file's bytes (R7.1, R22).

use super::{features::FeatureSet, frames::Frame};
use alloy::primitives::{B256, keccak256};
pub use hearth_oracle_core::meter::{FORMAT, Origin};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Frames of one state that are judged together, at least.
pub const STATE_FRAMES: usize = 5;
/// Weights lie below 2^27 and features below 2^24; with fewer than 2^11 features every product sum stays below 2^62.
pub(super) const WEIGHT_LIMIT: i32 = 1 << 27;
const BIAS_LIMIT: i64 = 1 << 61;
/// Bits dropped from a product sum, so that 128 frames can be added up in 64 bits.
const DROPPED_BITS: u32 = 8;
const FRAMES_LIMIT: usize = 128;
/// All of it: 10,000 bps.
const CERTAIN: u16 = 10_000;

/// A step of a confidence table: from this margin on, this confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Least margin between the best and the second-best count, in score units.
    pub margin: i64,
    /// Share of held-out readings at this margin that were right, in bps.
    pub bps: u16,
}

/// The model file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// [`FORMAT`].
    pub format: String,
    /// What it looks at.
    pub features: FeatureSet,
    /// The counts it knows, ascending.
    pub counts: Vec<u16>,
    /// A score is a log-likelihood in nats times 2 to this power (before the 8 bits a sum drops).
    pub scale_bits: i16,
    /// One row of weights per count.
    pub weights: Vec<Vec<i32>>,
    /// One bias per count.
    pub biases: Vec<i64>,
    /// Confidence of one frame by its margin.
    pub frame_confidence: Vec<Step>,
    /// Confidence of a state by the margin of its mean frame times [`STATE_FRAMES`].
    pub state_confidence: Vec<Step>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Why a model was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file could not be read.
    #[error("cannot read the model {path}: make one with hearth-oracle train", path = path.display())]
    Unreadable {
        /// The path asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot write the model {path}", path = path.display())]
    Unwritable {
        /// The path asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a model.
    #[error("not a model file: make it again with hearth-oracle train")]
    Malformed {
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A model of another format.
    #[error("model format \"{given}\", wanted \"{FORMAT}\": make it again with hearth-oracle train")]
    Format {
        /// The format given.
        given: String,
    },
    /// The parts of a model do not fit each other.
    #[error("a damaged model: {what}, got {given}, wanted {wanted}")]
    Damaged {
        /// Which part.
        what: &'static str,
        /// What it is.
        given: i128,
        /// What it must be, or may at most be.
        wanted: i128,
    },
}

/// A model ready to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    file: ModelFile,
    hash: B256,
}

/// What a state was read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Items counted.
    pub count: u16,
    /// How sure, in bps, as held-out frames of the same place had it.
    pub confidence_bps: u16,
}

impl Judgement {
    /// Whether this may be acted upon at a cut-off in bps (R7.6: act only if `p >= tau`).
    pub fn clears(self, cut_off_bps: u16) -> bool {
        self.confidence_bps >= cut_off_bps
    }
}

impl Model {
    /// Reads a model file.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path).map_err(|source| ModelError::Unreadable {
            path: path.into(),
            source,
        })?;
        Self::parse(&bytes)
    }

    /// Reads a model from the bytes of its file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        let file: ModelFile =
            serde_json::from_slice(bytes).map_err(|source| ModelError::Malformed { source })?;
        check(&file)?;
        Ok(Self {
            file,
            hash: keccak256(bytes),
        })
    }

    /// Takes a file as training made it.
    pub fn new(file: ModelFile) -> Result<Self, ModelError> {
        check(&file)?;
        let hash = keccak256(text(&file));
        Ok(Self { file, hash })
    }

    /// Writes the model's file, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let unwritable = |source| ModelError::Unwritable {
            path: path.into(),
            source,
        };
        let beside = path.with_extension("writing");
        std::fs::write(&beside, text(&self.file)).map_err(unwritable)?;
        std::fs::rename(&beside, path).map_err(unwritable)
    }

    /// keccak-256 of the model's file: its name on chain.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// The first 16 hex digits of the hash, as `wood/model` carries them.
    pub fn short_hash(&self) -> String {
        alloy::primitives::hex::encode(&self.hash[..8])
    }

    /// What the file holds.
    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// The counts known, ascending; scores come in this order.
    pub fn counts(&self) -> &[u16] {
        &self.file.counts
    }

    /// Score of every count for one frame: features and one matrix product. Higher is likelier.
    pub fn scores(&self, frame: &Frame) -> Vec<i64> {
        let features = self.file.features.of(frame);
        let rows = self.file.weights.iter().zip(&self.file.biases);
        rows.map(|(weights, bias)| {
            let products = weights.iter().zip(&features);
            let sum: i64 = products
                .map(|(weight, feature)| i64::from(*weight) * i64::from(*feature))
                .sum();
            (sum + bias) >> DROPPED_BITS
        })
        .collect()
    }

    /// Reads one frame alone.
    pub fn judge_frame(&self, scores: &[i64]) -> Judgement {
        let (best, margin) = best(scores);
        Judgement {
            count: self.file.counts[best],
            confidence_bps: look_up(&self.file.frame_confidence, margin),
        }
    }

    /// Reads a state from the scores of its frames. With fewer than [`STATE_FRAMES`] frames there is no state. Of more
    /// than 128 the last 128 count.
    pub fn judge_state(&self, frames: &[Vec<i64>]) -> Option<Judgement> {
        if frames.len() < STATE_FRAMES {
            return None;
        }
        let frames = &frames[frames.len().saturating_sub(FRAMES_LIMIT)..];
        let mut sums = vec![0i64; self.file.counts.len()];
        for scores in frames {
            for (sum, score) in sums.iter_mut().zip(scores) {
                *sum += score;
            }
        }
        let (best, margin) = best(&sums);
        // The table was made for five frames; a longer window is judged by its mean, which is the cautious side.
        let scaled = i128::from(margin) * STATE_FRAMES as i128 / frames.len() as i128;
        let margin = i64::try_from(scaled).unwrap_or(i64::MAX);
        Some(Judgement {
            count: self.file.counts[best],
            confidence_bps: look_up(&self.file.state_confidence, margin),
        })
    }
}

/// Index of the best score (of equals the lowest count) and its lead over the second best.
fn best(scores: &[i64]) -> (usize, i64) {
    let mut best = 0;
    for (index, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = index;
        }
    }
    let second = scores
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != best)
        .map(|(_, score)| *score)
        .max();
    (
        best,
        second.map_or(i64::MAX, |second| scores[best].saturating_sub(second)),
    )
}

/// What a confidence table says of a margin, in bps.
pub(super) fn look_up(table: &[Step], margin: i64) -> u16 {
    let above = table.partition_point(|step| step.margin <= margin);
    if above == 0 { 0 } else { table[above - 1].bps }
}

fn text(file: &ModelFile) -> Vec<u8> {
    let mut text = serde_json::to_vec(file).expect("integers and strings always serialise");
    text.push(b'\n');
    text
}

fn check(file: &ModelFile) -> Result<(), ModelError> {
    if file.format != FORMAT {
        return Err(ModelError::Format {
            given: file.format.chars().take(32).collect(),
        });
    }
    let fits = |what, given: usize, wanted: usize| match given == wanted {
        true => Ok(()),
        false => Err(ModelError::Damaged {
            what,
            given: given as i128,
            wanted: wanted as i128,
        }),
    };
    let within = |what, given: i128, wanted: i128| match given.abs() < wanted {
        true => Ok(()),
        false => Err(ModelError::Damaged { what, given, wanted }),
    };
    if file.counts.len() < 2 {
        return Err(ModelError::Damaged {
            what: "counts known",
            given: file.counts.len() as i128,
            wanted: 2,
        });
    }
    let ascending = file.counts.windows(2).filter(|pair| pair[0] < pair[1]).count() + 1;
    fits("counts in ascending order", ascending, file.counts.len())?;
    fits("rows of weights", file.weights.len(), file.counts.len())?;
    fits("biases", file.biases.len(), file.counts.len())?;
    for row in &file.weights {
        fits("weights in a row", row.len(), file.features.width())?;
        for weight in row {
            within("size of a weight", i128::from(*weight), i128::from(WEIGHT_LIMIT))?;
        }
    }
    for bias in &file.biases {
        within("size of a bias", i128::from(*bias), i128::from(BIAS_LIMIT))?;
    }
    for table in [&file.frame_confidence, &file.state_confidence] {
        let rising = table
            .windows(2)
            .filter(|pair| pair[0].margin < pair[1].margin && pair[0].bps <= pair[1].bps);
        fits("steps of confidence that rise", rising.count() + 1, table.len())?;
        within(
            "highest confidence",
            table.last().map_or(0, |step| step.bps).into(),
            i128::from(CERTAIN) + 1,
        )?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sense::frames::FRAME;
    use proptest::prelude::*;

    /// A tiny model over two counts that looks at the first sample only.
    pub(crate) fn first_sample_model() -> Model {
        let mut weights = vec![vec![0; FRAME]; 3];
        weights[1][0] = 256;
        weights[2][0] = 512;
        let steps = vec![
            Step {
                margin: 0,
                bps: 4_000,
            },
            Step {
                margin: 5_000,
                bps: 9_900,
            },
        ];
        Model::new(ModelFile {
            format: FORMAT.into(),
            features: FeatureSet::Raw,
            counts: vec![0, 1, 2],
            scale_bits: 0,
            weights,
            biases: vec![0, -256 * 500, -512 * 1_000],
            frame_confidence: steps.clone(),
            state_confidence: steps,
            origin: Origin {
                frames: 0,
                files: vec![],
                seed: 0,
                shrinkage_bps: 0,
                settling_frames: 0,
                held_out: [0; 3],
                calibration_error_bps: 0,
            },
        })
        .expect("well formed")
    }

    fn frame(first: i32) -> Frame {
        let mut samples = [0; FRAME];
        samples[0] = first;
        Frame::new(samples).expect("in range")
    }

    #[test]
    fn a_file_survives_its_own_text() {
        let model = first_sample_model();
        assert_eq!(Model::parse(&text(model.file())).expect("parsed"), model);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("meter.json");
        model.save(&path).expect("saved");
        assert_eq!(Model::load(&path).expect("loaded").hash(), model.hash());
        assert_eq!(model.short_hash().len(), 16);
    }

    #[test]
    fn damaged_models_are_refused() {
        let refused = |damage: fn(&mut ModelFile)| {
            let mut file = first_sample_model().file().clone();
            damage(&mut file);
            Model::new(file).expect_err("must be refused").to_string()
        };
        assert!(refused(|file| file.format = "x".into()).starts_with("model format"));
        assert!(refused(|file| file.weights[0][3] = WEIGHT_LIMIT).contains("size of a weight"));
        assert!(refused(|file| file.biases[0] = -BIAS_LIMIT).contains("size of a bias"));
        assert!(refused(|file| file.weights[1].truncate(5)).contains("weights in a row"));
        assert!(refused(|file| file.counts = vec![0, 2, 1]).contains("ascending"));
        assert!(refused(|file| file.state_confidence[1].bps = 10_001).contains("highest confidence"));
        assert!(refused(|file| file.state_confidence[1].bps = 1).contains("rise"));
        assert!(refused(|file| file.counts = vec![]).contains("counts known"));
        assert!(matches!(Model::parse(b"{}"), Err(ModelError::Malformed { .. })));
    }

    #[test]
    fn a_state_needs_five_frames_and_adds_their_scores() {
        let model = first_sample_model();
        // Alone, the third frame reads 0; with its four companions the state reads 2.
        let scores: Vec<_> = [9_000, 9_000, 100, 9_000, 9_000]
            .map(|first| model.scores(&frame(first)))
            .into();
        assert_eq!(model.judge_frame(&scores[2]).count, 0);
        assert_eq!(model.judge_state(&scores[..4]), None);
        assert_eq!(
            model.judge_state(&scores),
            Some(Judgement {
                count: 2,
                confidence_bps: 9_900
            })
        );
    }

    #[test]
    fn test_r7_6_a_thin_margin_does_not_clear_the_cut_off() {
        let model = first_sample_model();
        let unsure = model.judge_frame(&model.scores(&frame(600)));
        assert_eq!(unsure.confidence_bps, 4_000);
        assert!(!unsure.clears(8_000));
        assert!(
            Judgement {
                count: 1,
                confidence_bps: 8_000
            }
            .clears(8_000)
        );
    }

    proptest! {
        #[test]
        fn sums_never_overflow_at_the_limits(sign in proptest::bool::ANY, bias in -(BIAS_LIMIT - 1)..BIAS_LIMIT) {
            let mut file = first_sample_model().file().clone();
            file.features = FeatureSet::RawAndSpectrum;
            let most = if sign { WEIGHT_LIMIT - 1 } else { 1 - WEIGHT_LIMIT };
            file.weights = vec![vec![most; FeatureSet::RawAndSpectrum.width()]; 3];
            file.biases = vec![bias; 3];
            let model = Model::new(file).expect("within limits");
            let loud = Frame::new([crate::sense::frames::SAMPLE_MAX; FRAME]).expect("in range");
            let scores = model.scores(&loud);
            let frames = vec![scores; 200];
            prop_assert!(model.judge_state(&frames).is_some());
        }

        #[test]
        fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Model::parse(&bytes);
        }
    }
}
