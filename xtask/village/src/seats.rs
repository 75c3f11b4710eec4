//! The seats as running programs: started, watched, killed, started again.

use std::time::Duration;

use eyre::{Result, WrapErr, bail};
use tokio::time::Instant;

use crate::child::Running;
use crate::village::Village;

/// From start to ready, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(50);

/// One seat's program, or its absence.
pub struct SeatProgram {
    seat: usize,
    running: Option<Running>,
    starts: u32,
}

impl SeatProgram {
    /// A seat that does not run yet.
    pub fn at_rest(seat: usize) -> Self {
        Self {
            seat,
            running: None,
            starts: 0,
        }
    }

    /// Starts it.
    pub fn start(&mut self, village: &Village) -> Result<()> {
        let mut command = village.binaries.oracle(&village.folder);
        command
            .args(["run", "--config"])
            .arg(village.seat_folder(self.seat).join("hearth-oracle.toml"));
        let log = village.folder.join(format!("logs/seat-{}.log", self.seat));
        self.running = Some(Running::start(format!("seat {}", self.seat), &mut command, &log)?);
        self.starts += 1;
        Ok(())
    }

    /// Waits until it says that it is ready; returns how long that took.
    pub async fn until_ready(&mut self, village: &Village, client: &reqwest::Client) -> Result<Duration> {
        let begun = Instant::now();
        let url = format!("http://127.0.0.1:{}/readyz", village.ports[self.seat].operator);
        let mut last = "no answer".to_owned();
        loop {
            self.still_running()?;
            match client.get(&url).timeout(Duration::from_secs(2)).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(begun.elapsed()),
                Ok(answer) => last = answer.text().await.unwrap_or_default(),
                Err(_) => {}
            }
            if begun.elapsed() > PATIENCE {
                bail!("seat {} was not ready within {PATIENCE:?}: {last}", self.seat);
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Ends it as a power cut would; true when it ran.
    pub async fn kill(&mut self) -> Result<bool> {
        match self.running.take() {
            Some(running) => running.kill().await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Puts it to sleep (SIGSTOP): it neither answers nor ends.
    pub async fn sleep(&mut self) -> Result<()> {
        self.signal("-STOP").await
    }

    /// Wakes it (SIGCONT).
    pub async fn wake(&mut self) -> Result<()> {
        self.signal("-CONT").await
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        let Some(id) = self.id() else { return Ok(()) };
        let sent = tokio::process::Command::new("kill")
            .args([signal, &id.to_string()])
            .status()
            .await;
        if !sent.wrap_err("failed to start kill")?.success() {
            bail!("seat {} could not be sent {signal}", self.seat);
        }
        Ok(())
    }

    /// Asks it to stop.
    pub async fn stop(&mut self) -> Result<()> {
        match self.running.take() {
            Some(running) => running.stop(PATIENCE).await,
            None => Ok(()),
        }
    }

    /// Fails where it ended by itself.
    pub fn still_running(&mut self) -> Result<()> {
        self.running.as_mut().map_or(Ok(()), Running::still_running)
    }

    /// The id of its program.
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().and_then(Running::id)
    }

    /// True while it is meant to run.
    pub fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// How often it was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }
}

/// Starts every seat of the village and waits until all are ready.
pub async fn start_all(village: &Village, client: &reqwest::Client) -> Result<Vec<SeatProgram>> {
    let mut seats: Vec<_> = (0..village.ports.len()).map(SeatProgram::at_rest).collect();
    for seat in &mut seats {
        seat.start(village)?;
    }
    for seat in &mut seats {
        seat.until_ready(village, client)
            .await
            .wrap_err("a seat did not come up")?;
    }
    Ok(seats)
}
