//! A scripted week, played to the drivers as if sensors gave it.

use super::{
    clock::EdgeClock,
    edge::{SenseError, Station, TICK},
    frames::{FRAME, read_counts, read_file},
    script::{FRAMES_FILE, SCRIPT_FILE, Script, Seen, Week, text_of},
};
use hearth_oracle_core::senml::{Reading, Value};
use std::{path::Path, sync::Arc};
use tokio::time::sleep;

/// A script with the lines its sensors give.
pub(super) struct Replay {
    pub(super) script: Script,
    /// One line of 512 numbers per frame.
    pub(super) frames: Vec<String>,
}

impl Replay {
    /// Reads a folder: a script and its frames, or recordings of counts.
    pub(super) fn read(folder: &Path) -> Result<Self, SenseError> {
        if !folder.join(SCRIPT_FILE).exists() {
            let recordings = read_counts(&[folder.into()], |_| ()).map_err(SenseError::Frames)?;
            return Ok(Self::of(Week::of_recordings(&recordings)));
        }
        let script = Script::read(folder).map_err(SenseError::Script)?;
        let path = folder.join(FRAMES_FILE);
        let recording = read_file(&path).map_err(SenseError::Frames)?;
        let given = recording.samples.len();
        let wanted = script.happenings.iter().map(|happening| match happening.seen {
            Seen::Frames(_, to) => to,
            _ => 0,
        });
        if let Some(wanted) = wanted.max().filter(|wanted| *wanted > given) {
            return Err(SenseError::FewFrames { wanted, given });
        }
        Ok(Self::of(Week {
            script,
            frames: recording.samples,
        }))
    }

    /// The label is cut off here: a radar does not know what it sees.
    pub(super) fn of(week: Week) -> Self {
        let text = text_of(&week.frames);
        let unlabelled = |line: &str| {
            line.splitn(FRAME + 1, ',')
                .take(FRAME)
                .collect::<Vec<_>>()
                .join(",")
        };
        Self {
            script: week.script,
            frames: text.lines().skip(1).map(unlabelled).collect(),
        }
    }

    /// Lines that `kind` hears of what becomes due after `from` and up to `to`, each with its instant.
    pub(super) fn lines(&self, kind: &str, begin: u64, from: u64, to: u64) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        for happening in &self.script.happenings {
            let at = begin.saturating_add_signed(happening.at);
            let (of_kind, due) = match happening.seen {
                // A state's frames are played as one, when the last of them is due.
                Seen::Frames(first, last) => ("radar", at + (last.saturating_sub(first)) as u64),
                Seen::Grams(_) => ("scale", at),
                Seen::Tap(_) => ("badge", at),
            };
            if of_kind != kind || due <= from || due > to {
                continue;
            }
            match &happening.seen {
                Seen::Frames(first, last) => {
                    let frames = self.frames.get(*first..*last).unwrap_or_default();
                    lines.extend((at..).zip(frames.iter().cloned()));
                }
                Seen::Grams(grams) => lines.push((at, grams.to_string())),
                Seen::Tap(badge) => lines.push((at, badge.to_string())),
            }
        }
        lines
    }
}

/// Plays a script for ever, as the clock goes.
pub(super) async fn play(
    mut stations: Vec<Station>,
    replay: Arc<Replay>,
    begin: u64,
    clock: Arc<EdgeClock>,
) -> Result<(), SenseError> {
    loop {
        let now = clock.tell().await;
        for station in &mut stations {
            play_until(station, &replay, begin, now)?;
        }
        sleep(TICK).await;
    }
}

/// Says everything that has become due since the device last spoke.
pub(super) fn play_until(
    station: &mut Station,
    replay: &Replay,
    begin: u64,
    now: u64,
) -> Result<(), SenseError> {
    let from = match station.said_until()? {
        0 => begin.min(now).saturating_sub(1),
        until => until,
    };
    if now <= from {
        return Ok(());
    }
    let mut readings = Vec::new();
    for (at, line) in replay.lines(&station.kind, begin, from, now) {
        station.hear(&line, at, &mut readings);
    }
    // Before the week there was no such device.
    let first = from.max(begin.saturating_sub(1)) / station.interval + 1;
    let last = now / station.interval;
    readings.extend((first..=last).map(|turn| Reading {
        time: turn * station.interval,
        value: Value::Beat,
    }));
    station.say(readings, now)
}
