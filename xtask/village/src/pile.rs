//! The wood pile of the demonstration: what its radar is trained on, and the week it will see.
//!
//! Frames are the card recordings where they are on this machine (trained on sessions 1 to 3, session 4 played) and
//! labelled synthetic ones elsewhere. Who comes when, scale readings and taps are made from the frames' labels with
//! stated noise: the recordings hold frames and labels only.

use std::path::{Path, PathBuf};

use eyre::{Result, WrapErr};
use hearth_oracle::sense::frames::{Recording, read_file};
use hearth_oracle::sense::script::{Frames, Noise, Script, Source, Village, Villager, synthetic, text_of};

use crate::people::{PEOPLE, PROVIDER};

/// Most pieces the store holds: as many as there are cards in a deck.
const CAPACITY: u16 = 52;
/// Mass of the kit's reference piece, grams.
const REFERENCE_GRAMS: u32 = 1_000;
/// Sessions trained on; the one after them is played.
const TRAINED_ON: usize = 3;
/// Frames of each count in a synthetic session.
const SWEEPS: usize = 10;

/// What is laid out for the edge.
#[derive(Clone, Debug)]
pub struct Pile {
    /// Files the model is trained on.
    pub lessons: Vec<PathBuf>,
    /// Folder with the week's script and frames.
    pub week: PathBuf,
    /// The script, with what truly happens in it.
    pub script: Script,
}

/// How busy a week is.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    /// Visits of each member.
    pub visits: u16,
    /// Visits of somebody who does not tap.
    pub untapped: u16,
    /// Visits where two tap at once.
    pub ambiguous: u16,
    /// Seconds between two quiet readings of the load cell.
    pub interval: u32,
}

impl Pile {
    /// Lays out lessons and a week under `folder`; the same seed gives the same week.
    pub fn lay(folder: &Path, recordings: Option<&Path>, busy: Busy, seed: u64) -> Result<Self> {
        let (lessons, source, played) = match recordings {
            Some(recordings) => {
                let session = |number: usize| recordings.join(format!("radar/cards-session{number}.csv"));
                let played =
                    read_file(&session(TRAINED_ON + 1)).wrap_err("failed to read the recording to play")?;
                ((1..=TRAINED_ON).map(session).collect(), Source::Recorded, played)
            }
            None => {
                let (lessons, played) = made(&folder.join("lessons"))?;
                (lessons, Source::Synthetic, played)
            }
        };
        let week = folder.join("week");
        let made = village(busy, seed)
            .week(&Frames::of(source, std::slice::from_ref(&played)))
            .wrap_err("failed to make the week")?;
        std::fs::create_dir_all(&week).wrap_err("failed to make the week's folder")?;
        made.write(&week).wrap_err("failed to write the week")?;
        Ok(Self {
            lessons,
            week,
            script: made.script,
        })
    }

    /// Lays out another week under `folder`, of synthetic frames as `other` was.
    pub fn replay(folder: &Path, other: &Self, busy: Busy, seed: u64) -> Result<Self> {
        let played = synthetic(CAPACITY, TRAINED_ON + 1, SWEEPS, 1)
            .split_off(TRAINED_ON)
            .remove(0);
        let week = folder.join("week");
        let made = village(busy, seed)
            .week(&Frames::of(Source::Synthetic, std::slice::from_ref(&played)))
            .wrap_err("failed to make the week")?;
        std::fs::create_dir_all(&week).wrap_err("failed to make the week's folder")?;
        made.write(&week).wrap_err("failed to write the week")?;
        Ok(Self {
            lessons: other.lessons.clone(),
            week,
            script: made.script,
        })
    }

    /// `recorded` or `synthetic`.
    pub fn frames(&self) -> &'static str {
        match self.script.source {
            Source::Recorded => "recorded",
            Source::Synthetic => "synthetic",
        }
    }
}

/// Synthetic sessions: all but the last written as lessons, the last given to be played.
fn made(folder: &Path) -> Result<(Vec<PathBuf>, Recording)> {
    let mut sessions = synthetic(CAPACITY, TRAINED_ON + 1, SWEEPS, 1);
    let played = sessions.split_off(TRAINED_ON).remove(0);
    std::fs::create_dir_all(folder).wrap_err("failed to make the folder of lessons")?;
    let mut lessons = Vec::new();
    for session in sessions {
        let path = folder.join(format!("{}.csv", session.name));
        std::fs::write(&path, text_of(&session.samples)).wrap_err("failed to write a lesson")?;
        lessons.push(path);
    }
    Ok((lessons, played))
}

fn village(busy: Busy, seed: u64) -> Village {
    let mut villagers: Vec<Villager> = PEOPLE
        .iter()
        .zip(1_u16..)
        .map(|(person, member)| Villager {
            member,
            badge: person.badge(),
        })
        .collect();
    let provider = villagers.remove(PROVIDER);
    Village {
        members: villagers,
        provider,
        capacity: CAPACITY,
        reference_grams: REFERENCE_GRAMS,
        visits: busy.visits,
        untapped: busy.untapped,
        ambiguous: busy.ambiguous,
        interval: busy.interval,
        noise: Noise::default(),
        seed,
    }
}

#[cfg(test)]
mod tests {
    use hearth_oracle::sense::train::train_on;

    use super::*;

    #[test]
    fn r7_6_a_model_of_synthetic_lessons_may_settle() {
        let sessions = synthetic(CAPACITY, TRAINED_ON + 1, SWEEPS, 1);
        let model = train_on(&sessions[..TRAINED_ON], 1, &mut |_| ()).unwrap();
        model.file().origin.settles().unwrap();
    }
}
