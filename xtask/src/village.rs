//! Builds the real binaries and hands over to `hearth-village`, which runs them.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use eyre::{Result, WrapErr, bail};

use crate::tools::{Tools, cargo};

/// How the binaries are built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// As the tests build them.
    Dev,
    /// As operators install them.
    Release,
}

/// Prepares the machine, builds, and runs one command of `hearth-village`.
pub(crate) fn run(command: &str, rest: &[String], build: Build) -> Result<ExitCode> {
    let tools = Tools::prepare()?;
    println!("\u{2192} building the binaries");
    let begun = Instant::now();
    // The whole workspace at once: built one by one, shared dependencies would be compiled for each choice of features.
    let mut cargo = cargo();
    cargo
        .args(["build", "--workspace", "--bins"])
        .current_dir(&tools.root);
    if build == Build::Release {
        cargo.arg("--release");
    }
    if !cargo.status().wrap_err("failed to start cargo")?.success() {
        bail!("the binaries could not be built; cargo's errors are above");
    }
    println!("\u{2713} binaries built, {:.1} s", begun.elapsed().as_secs_f32());
    let status = village(&tools, build)
        .arg(command)
        .args(rest)
        .stdin(Stdio::null())
        .status()
        .wrap_err("failed to start hearth-village")?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// `hearth-village`, told where the tools and the recordings are.
pub(crate) fn village(tools: &Tools, build: Build) -> Command {
    let profile = if build == Build::Release {
        "release"
    } else {
        "debug"
    };
    let mut command = Command::new(tools.target.join(profile).join("hearth-village"));
    command
        .current_dir(&tools.root)
        .env("HEARTH_ANVIL", &tools.anvil)
        .env("HEARTH_FORGE", &tools.forge);
    if let Some(recordings) = tools.recordings() {
        command.env("HEARTH_DATA", recordings);
    }
    command
}
