//! The edge as a running program: three devices that replay a week, and the proof that seats kept what they said.

use std::path::PathBuf;
use std::time::Duration;

use eyre::{Result, WrapErr, bail};
use hearth_oracle::sense::outbox::{Outbox, Standing};
use tokio::time::Instant;

use crate::child::Running;

/// The longest a busy machine may take to hand over six hours of readings.
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_millis(100);

/// A running `hearth-oracle sense`, and where its devices keep what they signed.
pub struct Edge {
    running: Running,
    outboxes: Vec<PathBuf>,
}

impl Edge {
    /// Owns a program and knows its outboxes.
    pub fn new(running: Running, outboxes: Vec<PathBuf>) -> Self {
        Self { running, outboxes }
    }

    /// Waits until every device has said everything up to `until` (unix seconds of the chain) and may let go of all of
    /// it: enough seats have kept it, or enough have called it late (R7.2).
    pub async fn until_kept(&mut self, until: u64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.running.still_running()?;
            // An outbox that is just being made cannot be read yet; one that never can is told at the deadline.
            let standings = self.standings();
            let kept = |standing: &Standing| standing.until >= until && standing.waiting == 0;
            if standings
                .as_ref()
                .is_ok_and(|standings| standings.iter().all(kept))
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "the devices' envelopes up to {until} were not all kept within {PATIENCE:?}: {standings:?}"
                );
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Envelopes that still wait, over all devices.
    pub fn waiting(&self) -> Result<u64> {
        Ok(self.standings()?.iter().map(|standing| standing.waiting).sum())
    }

    /// Asks it to stop.
    pub async fn stop(self) -> Result<()> {
        self.running.stop(PATIENCE).await
    }

    fn standings(&self) -> Result<Vec<Standing>> {
        self.outboxes
            .iter()
            .map(|outbox| Outbox::standing_of(outbox).wrap_err("failed to read a device's outbox"))
            .collect()
    }
}
