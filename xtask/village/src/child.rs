//! A program we started and must end: it dies with the value that owns it, and its words go to a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use eyre::{Result, WrapErr, bail};
use tokio::process::{Child, Command};

/// Lines of a program's log shown when it ends before its time.
const SHOWN: usize = 25;

/// One running program.
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a program; what it prints is appended to `log`.
    pub fn start(name: impl Into<String>, command: &mut Command, log: &Path) -> Result<Self> {
        let name = name.into();
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .wrap_err_with(|| format!("failed to write {}", log.display()))?;
        let err = out.try_clone().wrap_err("failed to share the log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .kill_on_drop(true)
            .spawn()
            .wrap_err_with(|| format!("failed to start {name}"))?;
        Ok(Self {
            name,
            child,
            log: log.to_path_buf(),
        })
    }

    /// Fails, with the end of its log, when the program has ended by itself.
    pub fn still_running(&mut self) -> Result<()> {
        if let Some(status) = self
            .child
            .try_wait()
            .wrap_err_with(|| format!("failed to ask after {}", self.name))?
        {
            bail!(
                "{} ended with {status}; the end of {}:\n{}",
                self.name,
                self.log.display(),
                self.tail()
            );
        }
        Ok(())
    }

    /// Ends it as a power cut would (SIGKILL), and waits until it is gone.
    pub async fn kill(mut self) -> Result<()> {
        self.child
            .kill()
            .await
            .wrap_err_with(|| format!("failed to kill {}", self.name))
    }

    /// Asks it to stop (SIGTERM), and fails where it is still there after `patience`.
    pub async fn stop(mut self, patience: Duration) -> Result<()> {
        if let Some(id) = self.id() {
            let asked = Command::new("kill")
                .args(["-TERM", &id.to_string()])
                .status()
                .await;
            asked.wrap_err_with(|| format!("failed to ask {} to stop", self.name))?;
        }
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => status
                .map(drop)
                .wrap_err_with(|| format!("failed to wait for {}", self.name)),
            Err(_) => bail!("{} was asked to stop and did not within {patience:?}", self.name),
        }
    }

    /// Lets it live on after this program; returns its id, so that the reader can end it.
    pub fn keep(self) -> Option<u32> {
        let id = self.id();
        std::mem::forget(self.child);
        id
    }

    /// Its id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its name, as errors give it.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }
}
