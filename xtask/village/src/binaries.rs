//! The two binaries people install, and how they are asked for something.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use eyre::{Result, WrapErr, bail, eyre};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// No single command of ours takes longer, keystores and a busy machine included.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where `hearth` and `hearth-oracle` are.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The clerk.
    pub hearth: PathBuf,
    /// The witness.
    pub oracle: PathBuf,
}

impl Binaries {
    /// Those that were built beside this program.
    pub fn beside_this() -> Result<Self> {
        let here = std::env::current_exe().wrap_err("failed to find this program's own folder")?;
        let folder = here
            .ancestors()
            .skip(1)
            .take(2) // a test runs in `deps`, one folder below
            .find(|folder| folder.join("hearth").is_file() && folder.join("hearth-oracle").is_file())
            .ok_or_else(|| {
                eyre!(
                    "hearth and hearth-oracle are not beside {}: run `cargo build --workspace`",
                    here.display()
                )
            })?;
        Ok(Self {
            hearth: folder.join("hearth"),
            oracle: folder.join("hearth-oracle"),
        })
    }

    /// The clerk, for one person.
    pub fn hearth(&self, folder: &Path, rpc: &str) -> Command {
        let mut command = Command::new(&self.hearth);
        command.current_dir(folder).args(["--rpc-url", rpc, "--json"]);
        command
    }

    /// The witness.
    pub fn oracle(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.oracle);
        command.current_dir(folder);
        command
    }
}

/// Runs a command to its end and gives what it printed; fails with its own words.
pub async fn ask(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let running = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let running = running
        .spawn()
        .wrap_err_with(|| format!("failed to start `{shown}`"))?;
    let output = timeout(PATIENCE, running.wait_with_output())
        .await
        .map_err(|_| eyre!("`{shown}` did not end within {PATIENCE:?}"))?
        .wrap_err_with(|| format!("failed to wait for `{shown}`"))?;
    if !output.status.success() {
        bail!(
            "`{shown}` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The same for a command that prints one JSON document.
pub async fn ask_json(command: &mut Command) -> Result<Value> {
    let shown = shown(command);
    let text = ask(command).await?;
    serde_json::from_str(&text).wrap_err_with(|| format!("failed to read what `{shown}` printed: {text}"))
}

/// The same for a command that tells on standard error how far it is: each line is passed on as it comes.
pub async fn told_by(command: &mut Command, mut told: impl FnMut(&str)) -> Result<()> {
    let shown = shown(command);
    let running = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut running = running
        .kill_on_drop(true)
        .spawn()
        .wrap_err_with(|| format!("failed to start `{shown}`"))?;
    let talk = running
        .stderr
        .take()
        .ok_or_else(|| eyre!("`{shown}` cannot be heard"))?;
    let mut lines = BufReader::new(talk).lines();
    let mut last = String::new();
    let heard = async {
        while let Some(line) = lines.next_line().await? {
            told(&line);
            last = line;
        }
        running.wait().await
    };
    let status = timeout(PATIENCE, heard)
        .await
        .map_err(|_| eyre!("`{shown}` did not end within {PATIENCE:?}"))?
        .wrap_err_with(|| format!("failed to wait for `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {last}");
    }
    Ok(())
}

/// Program and arguments, as a person would type them.
fn shown(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
