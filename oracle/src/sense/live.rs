//! A sensor's source, heard line by line as it speaks.

use super::{
    clock::EdgeClock,
    edge::{SenseError, Station, TICK},
};
use hearth_oracle_core::senml::{Reading, Value};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    sync::mpsc,
    time::sleep,
};

/// Before a source that broke is opened again.
const REOPEN: Duration = Duration::from_secs(2);
/// The longest line a sensor may give; a frame takes about 6,000 bytes.
const LINE: u64 = 1 << 15;
/// Lines heard and not yet understood, of one device.
const HEARD: usize = 64;

/// Listens to a source for ever, and beats when the device's interval has passed.
pub(super) async fn listen(
    mut station: Station,
    source: PathBuf,
    clock: Arc<EdgeClock>,
) -> Result<(), SenseError> {
    let (heard, mut lines) = mpsc::channel(HEARD);
    let kid = station.device.kid();
    let reader = tokio::spawn(async move {
        loop {
            if let Err(error) = read_lines(&source, &heard).await {
                tracing::warn!(target: "hearth::sense", device = %kid, reason = %error, "the sensor's source broke");
            }
            if heard.is_closed() {
                return;
            }
            sleep(REOPEN).await;
        }
    });
    let _ends_with_this = AbortOnDrop(reader);
    let mut beat_due = 0;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            () = sleep(TICK) => None,
        };
        let now = clock.tell().await;
        let mut readings = Vec::new();
        if let Some(line) = line {
            station.hear(&line, now, &mut readings);
        }
        if now >= beat_due {
            readings.push(Reading {
                time: now,
                value: Value::Beat,
            });
            beat_due = now + station.interval;
        }
        if !readings.is_empty() {
            station.say(readings, now)?;
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads lines until nobody listens or the source breaks. The end of a file or pipe is no break: more may be written to it.
/// A line longer than [`LINE`] is.
async fn read_lines(source: &Path, heard: &mpsc::Sender<String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(tokio::fs::File::open(source).await?);
    let mut line = Vec::new();
    loop {
        let left = LINE - line.len() as u64;
        (&mut reader).take(left).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            if line.len() as u64 == LINE {
                return Err(std::io::Error::other("a line longer than 32,768 bytes"));
            }
            if heard.is_closed() {
                return Ok(());
            }
            sleep(TICK).await;
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut line)).map_err(std::io::Error::other)?;
        if !text.trim().is_empty() && heard.send(text).await.is_err() {
            return Ok(());
        }
    }
}
