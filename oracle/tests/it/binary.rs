//! The real binary, run as an operator runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::polity::LIMIT;

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth-oracle"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// One command that ends by itself.
pub(crate) fn oracle(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// All it has said.
pub(crate) fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Prepares a seat of any charter in `folder`, on free ports; gives its configuration.
pub(crate) fn seat(folder: &Path, rpc: &str) -> PathBuf {
    let at = folder.join("seat");
    let charter = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
    let any = "127.0.0.1:0";
    let made = oracle(
        &[
            &["init", at.to_str().unwrap(), "--seat", "0"][..],
            &["--charter", charter, "--rpc", rpc],
            &["--mqtt", any, "--http", any, "--operator", any],
        ]
        .concat(),
    );
    assert!(made.status.success(), "{}", text(&made));
    at.join("hearth-oracle.toml")
}

/// Runs a daemon that should end by itself: exit code, and what it says.
pub(crate) async fn run(config: &Path) -> (Option<i32>, String) {
    let ended = tokio::process::Command::from(command(&["run", "--config", config.to_str().unwrap()]))
        .kill_on_drop(true)
        .output();
    let ended = tokio::time::timeout(LIMIT, ended).await;
    let output = ended.expect("it goes on running").unwrap();
    (output.status.code(), text(&output))
}

/// Starts a daemon, which ends when the child is dropped; what it logs goes to `log`.
pub(crate) fn start(config: &Path, log: Stdio) -> tokio::process::Child {
    tokio::process::Command::from(command(&["run", "--config", config.to_str().unwrap()]))
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
