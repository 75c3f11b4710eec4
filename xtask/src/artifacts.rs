//! The committed artifacts, from which cargo builds the bindings without forge; `script/slim-artifacts` knows their form.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use eyre::{Result, WrapErr, bail};

use crate::tools::Tools;

/// Compiles the contracts and writes their artifacts, or with `check` compares them with the committed ones.
pub(crate) fn run(check: bool) -> Result<ExitCode> {
    let tools = Tools::prepare()?;
    let mut forge = Command::new(&tools.forge);
    forge.arg("build").current_dir(&tools.root).stdin(Stdio::null());
    if !forge.status().wrap_err("failed to start forge")?.success() {
        bail!("forge could not build the contracts; its errors are above");
    }
    if !slim(&tools.root, check)
        .status()
        .wrap_err("failed to start node")?
        .success()
    {
        bail!("bindings/artifacts is stale: run `cargo xtask artifacts` and commit what it writes");
    }
    Ok(ExitCode::SUCCESS)
}

/// The script, to be run once forge has built.
pub(crate) fn slim(root: &Path, check: bool) -> Command {
    let mut node = Command::new("node");
    node.arg("script/slim-artifacts")
        .current_dir(root)
        .stdin(Stdio::null());
    if check {
        node.arg("--check");
    }
    node
}
