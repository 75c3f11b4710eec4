//! `cargo xtask test`: everything that guards the project, in lanes.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use eyre::Result;

use crate::artifacts;
use crate::simulate;
use crate::stages::{self, End, Stage};
use crate::tools::{self, Tools};
use crate::trees;
use crate::village;

/// Sets up, runs every stage, and prints a table of them.
pub(crate) fn run() -> Result<ExitCode> {
    let begun = Instant::now();
    let tools = Tools::prepare()?;
    let logs = tools.target.join("xtask");
    match tools.recordings() {
        Some(folder) => println!("recordings: {}", folder.display()),
        None => println!("recordings: none here (set HEARTH_DATA); tests that read them say what they skip"),
    }
    println!("logs: {}\n", logs.display());

    // The law and the works do not wait for each other: cargo reads committed artifacts, and the law's lane checks them.
    let mut records = stages::run(vec![law(&tools), works(&tools)], &logs)?;
    let sound = records.iter().all(|record| record.end != End::Failed);
    records.extend(stages::run(vec![whole(&tools, sound)], &logs)?);

    let passed = stages::report(&records, &logs, begun.elapsed());
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The contracts.
fn law(tools: &Tools) -> Vec<Stage> {
    let forge = |arguments: &[&str]| at_root(tools, &tools.forge, arguments);
    vec![
        Stage::run("forge fmt", forge(&["fmt", "--check"])),
        Stage::run(
            "forge build",
            forge(&["build", "--sizes", "--skip", "test", "--skip", "script"]),
        )
        .needed(),
        Stage::run("artifacts", artifacts::slim(&tools.root, true)),
        Stage::check("trees", trees::check),
        Stage::run("forge lint", forge(&["lint"])),
        Stage::run("forge test", forge(&["test"])),
    ]
}

/// The Rust crates.
fn works(tools: &Tools) -> Vec<Stage> {
    let cargo = |arguments: &[&str]| {
        let mut command = tools::cargo();
        command
            .args(arguments)
            .current_dir(&tools.root)
            .env("HEARTH_ANVIL", &tools.anvil);
        if let Some(recordings) = tools.recordings() {
            command.env("HEARTH_DATA", recordings);
        }
        command
    };
    vec![
        Stage::run("cargo fmt", cargo(&["fmt", "--all", "--check"])),
        Stage::run("cargo build", cargo(&["build", "--workspace", "--all-targets"])).needed(),
        Stage::run(
            "cargo test",
            cargo(&["test", "--workspace", "--no-fail-fast", "--", "--show-output"]),
        ),
        // Optimised, since a thousand lives are many hashes.
        Stage::run("simulate", cargo(&simulate::command(&["--seeds", "1000"]))),
        Stage::run("planted faults", cargo(&simulate::PLANTED)),
        Stage::run(
            "cargo clippy",
            cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        ),
    ]
}

/// What needs both: real processes over a real chain.
fn whole(tools: &Tools, sound: bool) -> Vec<Stage> {
    if !sound {
        return vec![Stage::skip("whole walk", "an earlier stage failed")];
    }
    let village = |arguments: &[&str]| {
        let mut command = village::village(tools, village::Build::Dev);
        command.args(arguments);
        command
    };
    vec![
        Stage::run("demo", village(&["demo"])),
        Stage::run("faults", village(&["faults", "--runs", "2"])),
    ]
}

fn at_root(tools: &Tools, program: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&tools.root);
    command
}
