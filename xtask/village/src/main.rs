//! The commands that need the whole village; `cargo xtask` builds this and hands over.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hearth_village::{bench, demo, faults};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Found a village on a local chain and settle a week of its firewood
    Demo(demo::DemoArgs),
    /// Kill, lie and sleep among real processes
    Faults(faults::FaultsArgs),
    /// Measure on this machine
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    if let Err(error) = color_eyre::install() {
        eprintln!("{error}");
    }
    // The other provider is never built in, so this cannot lose a race with it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match Cli::parse().command {
        Command::Demo(args) => block_on(demo::run(&args)),
        Command::Faults(args) => block_on(faults::run(&args)),
        Command::Bench(args) => block_on(bench::run(&args)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n\u{2717} {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Until the work is done or the person has had enough; then everything that was started ends with its owner.
fn block_on(work: impl Future<Output = eyre::Result<()>>) -> eyre::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = work => done,
            _ = tokio::signal::ctrl_c() => Err(eyre::eyre!("stopped; everything that was started is ended")),
        }
    })
}
