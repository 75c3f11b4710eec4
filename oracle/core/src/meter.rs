//! What a meter's model says of itself: read by the edge that runs it, and by the clerk before anybody signs its hash.
//!
//! *In*: the bytes of a model file. *Out*: its [`Origin`]. *Refuses*: a file that is no model, one of another format, one
//! that must not settle. *Never*: looks at the weights; the edge checks those.

use serde::{Deserialize, Serialize};

/// What the first field of a model file says.
pub const FORMAT: &str = "hearth-meter-1";

/// Calibration error in bps above which a model must not settle (R7.6).
pub const MOST_CALIBRATION_ERROR: u16 = 300;

/// What training saw and chose; kept with the model for whoever audits it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Frames learned from.
    pub frames: u32,
    /// Files learned from, by name, in order.
    pub files: Vec<String>,
    /// The seed that broke ties and split folds.
    pub seed: u64,
    /// Shrinkage of the within-count scatter towards a multiple of the identity, in bps.
    pub shrinkage_bps: u16,
    /// Frames at the start of each run left out, because they still showed the state before.
    pub settling_frames: u8,
    /// Frames held out in turn, and how many of them were read exactly and within one item.
    pub held_out: [u32; 3],
    /// Mean difference between stated confidence and share read rightly over held-out states, in bps (R7.6).
    pub calibration_error_bps: u16,
}

impl Origin {
    /// Whether weeks may be settled by the model (R7.6).
    ///
    /// # Errors
    /// [`Unsettling::Calibration`].
    pub fn settles(&self) -> Result<(), Unsettling> {
        match self.calibration_error_bps {
            0..=MOST_CALIBRATION_ERROR => Ok(()),
            given => Err(Unsettling::Calibration { given }),
        }
    }
}

/// Why no week may be settled by a model.
#[derive(Debug, thiserror::Error)]
pub enum Unsettling {
    /// The file is no model.
    #[error("given a file that is no model ({source}), wanted one that hearth-oracle train made")]
    Malformed {
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A model of another format.
    #[error("given format {given:?}, wanted {FORMAT:?}: make it again with hearth-oracle train")]
    Format {
        /// The format given.
        given: String,
    },
    /// Its stated confidence cannot be relied on (R7.6).
    #[error(
        "given a model that states a calibration error of {given} bps, wanted at most {MOST_CALIBRATION_ERROR}: \
         train it on more sessions"
    )]
    Calibration {
        /// What it states, bps.
        given: u16,
    },
}

/// Reads from a model file what it says of itself, and whether weeks may be settled by it (R7.6).
///
/// # Errors
/// See [`Unsettling`].
pub fn settling(file: &[u8]) -> Result<Origin, Unsettling> {
    /// The two fields that speak of the model; the others are the edge's to check.
    #[derive(Deserialize)]
    struct Stated {
        format: String,
        origin: Origin,
    }
    let stated: Stated = serde_json::from_slice(file).map_err(|source| Unsettling::Malformed { source })?;
    if stated.format != FORMAT {
        return Err(Unsettling::Format {
            given: stated.format.chars().take(32).collect(),
        });
    }
    stated.origin.settles()?;
    Ok(stated.origin)
}
