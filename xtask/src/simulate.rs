//! `cargo xtask simulate`: seeded lives of a committee, played by an optimised `hearth-simulate`.

use std::process::ExitCode;

use eyre::{Result, WrapErr};

use crate::tools;

/// What shows that each planted fault of the protocol is found.
pub(crate) const PLANTED: [&str; 8] = [
    "test",
    "--release",
    "--package",
    "hearth-simulator",
    "--features",
    "planted-faults",
    "--test",
    "faults",
];

/// Cargo's arguments that build and run the simulator with these of its own.
pub(crate) fn command<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "run",
        "--release",
        "--package",
        "hearth-simulator",
        "--bin",
        "hearth-simulate",
        "--",
    ];
    arguments.extend(rest);
    arguments
}

/// Builds and plays.
pub(crate) fn run(rest: &[String]) -> Result<ExitCode> {
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let status = tools::cargo()
        .args(command(&rest))
        .status()
        .wrap_err("failed to start cargo")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
