//! The witness's command line.

mod commands;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Hears sensors, agrees with its peers, reports to the chain.
#[derive(Debug, Parser)]
#[command(name = "hearth-oracle", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a meter from recordings.
    Train(hearth_oracle::sense::train::TrainArgs),
    /// Try a meter on recordings it has not seen.
    Evaluate(hearth_oracle::sense::evaluate::EvaluateArgs),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Train(args) => commands::train(&args),
        Command::Evaluate(args) => commands::evaluate(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            eprintln!("hearth-oracle: {}", commands::chain(&report));
            ExitCode::FAILURE
        }
    }
}
