//! A plausible week of a village, made from labelled frames.
//!
//! *In*: a [`Village`], frames by count, a seed. *Out*: a [`Week`]: what each sensor sees and when, and what truly happened.
//! *Never*: chance from outside; the same input gives the same week.
//!
//! The recordings hold frames and labels only. So who comes when, how much they carry, what the load cell shows and when
//! the badge reader clicks are made here, with the noise that [`Noise`] states. The frames themselves are real wherever
//! recordings are given; [`synthetic`] makes labelled ones where there are none, and a script says which it used.

mod synthetic;
mod village;

pub use synthetic::synthetic;
pub use village::{Frames, Village};

use super::{
    frames::{Label, Recording, SAMPLES, Sample, UNITS},
    model::STATE_FRAMES,
};
use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

/// Seconds of a week.
pub const WEEK: i64 = 7 * DAY;
const DAY: i64 = 86_400;
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

/// Where frames come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A radar recorded them.
    Recorded,
    /// [`synthetic`] made them.
    Synthetic,
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
    #[error("{given} visits do not fit into a week: at most {most}")]
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

/// Frames as a file that [`crate::sense::frames::parse`] reads back bit by bit.
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

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
