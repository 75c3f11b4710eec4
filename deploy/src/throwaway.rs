//! A throwaway chain: the pinned anvil, ended with the value that owns it.

use std::path::{Path, PathBuf};
use std::process::Command;

use alloy::node_bindings::{Anvil, AnvilInstance, NodeError};
use thiserror::Error;

/// The version every release is tested with.
pub const VERSION: &str = "1.7.1";

/// Names anvil's binary, where it is neither among the npm packages nor on the PATH.
pub const VARIABLE: &str = "HEARTH_ANVIL";

/// Why there is no throwaway chain.
#[derive(Debug, Error)]
pub enum ThrowawayError {
    /// No anvil of the pinned version was found.
    #[error(
        "no anvil {VERSION} was found; run npm ci in the repository, put it on the PATH, or name its binary in {VARIABLE}"
    )]
    Missing,
    /// It did not start.
    #[error("{path} did not start")]
    Start {
        /// The binary.
        path: PathBuf,
        /// What it said.
        #[source]
        source: NodeError,
    },
}

/// Starts anvil on a free port, with its clock at `begin` (unix seconds) and blocks mined at once.
///
/// # Errors
/// Where no anvil of the pinned version is found, or it does not start.
pub fn start(begin: u64) -> Result<AnvilInstance, ThrowawayError> {
    let path = find().ok_or(ThrowawayError::Missing)?;
    Anvil::at(&path)
        .port(0u16)
        .chain_id(31_337)
        .args(["--timestamp", &begin.to_string(), "--accounts", "1"])
        .try_spawn()
        .map_err(|source| ThrowawayError::Start { path, source })
}

/// The pinned anvil: as named, from the npm packages of a folder above, or from the PATH.
#[must_use]
pub fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(PathBuf::from(named));
    }
    let here = std::env::current_dir().ok()?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packaged = package();
    let mut above = here
        .ancestors()
        .chain(source.ancestors())
        .map(|folder| folder.join(&packaged));
    above
        .find(|path| path.is_file())
        .or_else(|| is_pinned("anvil").then(|| PathBuf::from("anvil")))
}

fn package() -> PathBuf {
    let system = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let machine = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    PathBuf::from(format!(
        "node_modules/@foundry-rs/anvil-{system}-{machine}/bin/anvil"
    ))
}

fn is_pinned(binary: &str) -> bool {
    let output = Command::new(binary).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION))
}
