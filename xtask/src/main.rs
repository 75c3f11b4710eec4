//! The project's own commands. This crate is small, so that it is built in seconds and can say what is missing
//! before anything large is compiled; what needs the chain and the daemons lives in `xtask/village`.

mod artifacts;
mod rules;
mod simulate;
mod stages;
mod suite;
mod tools;
mod trees;
mod village;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Hearth's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test, after setting up whatever they need
    Test,
    /// Found a village on a local chain and settle a week of its firewood
    Demo {
        /// What is passed on: --keep, --json FILE, --port PORT
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Play seeded worlds against the witness's core: --seeds N --from S --json FILE
    Simulate {
        /// What is passed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Kill, lie and sleep among real processes: --runs N --from S --json FILE
    Faults {
        /// What is passed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Measure on this machine: [gas|ingest|latency|memory|sense] --json FILE
    Bench {
        /// What is passed on
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Write the compiled contracts, slimmed, into bindings/artifacts
    Artifacts {
        /// Change nothing; fail when the committed ones are stale
        #[arg(long)]
        check: bool,
    },
    /// Bring the lines code and tests of docs/rules.md up to date
    Rules,
    /// Hold the branch trees of the Solidity tests against the tests
    Trees,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Test => suite::run(),
        Command::Demo { rest } => village::run("demo", &rest, village::Build::Dev),
        Command::Simulate { rest } => simulate::run(&rest),
        Command::Faults { rest } => village::run("faults", &rest, village::Build::Dev),
        Command::Bench { rest } => village::run("bench", &rest, village::Build::Release),
        Command::Rules => rules::write().map(|()| ExitCode::SUCCESS),
        Command::Trees => trees::check().map(|()| ExitCode::SUCCESS),
        Command::Artifacts { check } => artifacts::run(check),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\n\u{2717} {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because {cause}");
            }
            ExitCode::FAILURE
        }
    }
}
