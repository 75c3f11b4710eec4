//! The witness's command line.

/// Prints one line of what was asked for. Who stops reading, as `head` does, has read enough: that is no failure.
macro_rules! say {
    ($($word:tt)*) => {
        crate::print(format_args!($($word)*))
    };
}

mod commands;
mod operate;

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
    /// Prepare a seat: keys, configuration and the card for the founders.
    Init(hearth_oracle::init::InitArgs),
    /// Check configuration and keys without a network; tells every problem at once.
    Check(operate::At),
    /// Run the seat until told to stop.
    Run {
        /// The configuration file.
        #[arg(long, short, default_value = "hearth-oracle.toml")]
        config: std::path::PathBuf,
    },
    /// Show the running seat: what it sees, what is due, who was heard.
    Status(operate::At),
    /// Ask everything the seat depends on, and say how to mend what is wrong.
    Doctor(operate::At),
    /// Make and show keys.
    #[command(subcommand)]
    Key(operate::KeyCommand),
    /// Run the edge: sensors, or a replayed week, to signed envelopes at every seat.
    Sense(hearth_oracle::sense::edge::SenseArgs),
    /// Make a meter from recordings.
    Train(hearth_oracle::sense::train::TrainArgs),
    /// Try a meter on recordings it has not seen.
    Evaluate(hearth_oracle::sense::evaluate::EvaluateArgs),
}

/// What [`say`] does. A result that cannot be written for any other reason is no result: the command ends with 1.
fn print(line: std::fmt::Arguments<'_>) {
    use std::io::{ErrorKind, Write as _};
    match writeln!(std::io::stdout(), "{line}") {
        Err(failed) if failed.kind() != ErrorKind::BrokenPipe => {
            eprintln!("hearth-oracle: standard output cannot be written: {failed}");
            std::process::exit(1);
        }
        _ => {}
    }
}

fn main() -> ExitCode {
    // Every HTTP client in this process uses this one; a second call would be refused, and there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match Cli::parse().command {
        Command::Init(args) => operate::init(&args),
        Command::Check(at) => operate::check(&at),
        Command::Run { config } => operate::run(&config),
        Command::Status(at) => operate::status(&at),
        Command::Doctor(at) => operate::doctor(&at),
        Command::Key(command) => operate::key(&command),
        Command::Sense(args) => commands::sense(&args),
        Command::Train(args) => commands::train(&args).map(|()| ExitCode::SUCCESS),
        Command::Evaluate(args) => commands::evaluate(&args).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|report| {
        eprintln!("hearth-oracle: {}", commands::chain(&report));
        ExitCode::FAILURE
    })
}
