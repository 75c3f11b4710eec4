//! `hearth-simulate`: plays seeds and says what they came to.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use eyre::WrapErr;
#[cfg(feature = "planted-faults")]
use hearth_oracle_core::faults::Fault;
use hearth_oracle_core::faults::Faults;
use hearth_simulator::{Tally, replay, simulate_with};

/// Plays seeded lives of a committee against the witness's core.
#[derive(Parser)]
#[command(name = "cargo xtask simulate", version)]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Where to write the tally
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Tell this one seed line by line instead
    #[arg(long, value_name = "SEED")]
    tell: Option<u64>,
    /// Plant this fault, by its name in docs/faults.md
    #[cfg(feature = "planted-faults")]
    #[arg(long, value_name = "FAULT")]
    plant: Option<String>,
}

impl Arguments {
    #[cfg(feature = "planted-faults")]
    fn faults(&self) -> eyre::Result<Faults> {
        let Some(name) = &self.plant else {
            return Ok(Faults::default());
        };
        let fault = Fault::ALL.into_iter().find(|fault| format!("{fault:?}") == *name);
        Ok(Faults::plant(fault.ok_or_else(|| {
            eyre::eyre!("no fault is named `{name}`; wanted one of {:?}", Fault::ALL)
        })?))
    }

    #[cfg(not(feature = "planted-faults"))]
    fn faults(&self) -> eyre::Result<Faults> {
        Ok(Faults::default())
    }
}

fn main() -> eyre::Result<ExitCode> {
    let arguments = Arguments::parse();
    let faults = arguments.faults()?;
    if let Some(seed) = arguments.tell {
        replay(seed, faults).iter().for_each(|line| println!("{line}"));
        return Ok(ExitCode::SUCCESS);
    }
    let seeds = arguments.from..arguments.from.saturating_add(arguments.seeds);
    let every = (arguments.seeds / 10).max(1);
    let tally = simulate_with(seeds, faults, |so_far: &Tally| {
        if so_far.seeds.is_multiple_of(every) {
            eprintln!(
                "{} of {} seeds, {} epochs settled",
                so_far.seeds, arguments.seeds, so_far.settled
            );
        }
    });
    for failure in &tally.failures {
        eprintln!(
            "seed {}: {} (--tell {})",
            failure.seed, failure.words, failure.seed
        );
    }
    let text = serde_json::to_string(&tally).wrap_err("failed to write the tally as JSON")?;
    println!("{text}");
    if let Some(file) = arguments.json {
        std::fs::write(&file, text + "\n").wrap_err_with(|| format!("failed to write {}", file.display()))?;
    }
    Ok(if tally.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
