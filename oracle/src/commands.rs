//! The edge's commands as people see them: progress on standard error, results on standard output.

use comfy_table::{Cell, CellAlignment, Table, presets};
use eyre::{Report, Result};
use hearth_oracle::sense::{
    edge::{self, SenseArgs, SenseError},
    evaluate::{self, CUT_OFF_BPS, EvaluateArgs, Evaluation},
    train::{self, Progress, TrainArgs},
};
use indicatif::ProgressBar;
use std::process::ExitCode;

/// A failure and what caused it, in one line.
pub(crate) fn chain(report: &Report) -> String {
    report
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// `hearth-oracle sense`: runs until the process is asked to end. A configuration that cannot be used ends it with 64.
pub(crate) fn sense(args: &SenseArgs) -> Result<ExitCode> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG")
        .unwrap_or_else(|_| "warn,hearth=info".parse().expect("a filter written here"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(async {
        let stop = tokio_util::sync::CancellationToken::new();
        let asked = stop.clone();
        let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = end.recv() => {}
            }
            asked.cancel();
        });
        Ok::<_, Report>(edge::sense(args, stop).await)
    })?;
    // A sensor that says nothing keeps a read waiting, which must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(SenseError::Config(problem)) => {
            eprintln!("hearth-oracle: {}", chain(&problem.into()));
            Ok(ExitCode::from(64))
        }
        Err(other) => Err(other.into()),
    }
}

/// `hearth-oracle train`.
pub(crate) fn train(args: &TrainArgs) -> Result<()> {
    let bar = ProgressBar::new(0);
    let model = train::train(args, &mut |progress| match progress {
        Progress::PassedOver(file) => {
            bar.suspend(|| eprintln!("left out {file}: it labels persons, not counts"))
        }
        Progress::Read { frames, counts } => {
            bar.suspend(|| eprintln!("read {frames} frames of {counts} counts"))
        }
        Progress::Settling { frames } => bar.suspend(|| {
            eprintln!("left out the first {frames} frames of each run: they still show the state before")
        }),
        Progress::Tried { done, of } => {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        }
        Progress::Chose {
            features,
            shrinkage_bps,
        } => bar.suspend(|| {
            let held_out = "on frames held out";
            eprintln!("chose {features:?} with shrinkage {shrinkage_bps} bps as the best {held_out}");
        }),
    })?;
    bar.finish_and_clear();
    let [tried, exact, within_one] = model.file().origin.held_out;
    say!("model      {}", args.model.display());
    say!("hash       {}", model.hash());
    say!("held out   {exact} of {tried} frames read exactly, {within_one} within one item");
    say!(
        "calibrated to within {} bps",
        model.file().origin.calibration_error_bps
    );
    if let Err(unsettling) = model.file().origin.settles() {
        eprintln!("warning: no week can be settled by it (R7.6), and hearth check refuses it: {unsettling}");
    }
    Ok(())
}

/// `hearth-oracle evaluate`.
pub(crate) fn evaluate(args: &EvaluateArgs) -> Result<()> {
    let found = evaluate::evaluate(args, |file| {
        eprintln!("left out {file}: it labels persons, not counts")
    })?;
    if args.json {
        say!("{}", serde_json::to_string(&found)?);
    } else {
        say!("{}", table(&found));
        say!(
            "A state is five frames of one label. Below {}.{:02}% confidence nobody is charged.",
            CUT_OFF_BPS / 100,
            CUT_OFF_BPS % 100
        );
    }
    Ok(())
}

fn table(found: &Evaluation) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header([
        "",
        "tried",
        "exact",
        "within one",
        "abstained",
    ]);
    let rows = [
        ("frames", found.frames, found.exact, found.within_one, None),
        (
            "states",
            found.states,
            found.state_exact,
            found.state_within_one,
            Some(found.abstained),
        ),
    ];
    for (name, tried, exact, within_one, abstained) in rows {
        let of = |count: usize| Cell::new(share(count, tried)).set_alignment(CellAlignment::Right);
        let abstained = abstained.map_or(Cell::new(""), of);
        table.add_row([
            Cell::new(name),
            Cell::new(tried),
            of(exact),
            of(within_one),
            abstained,
        ]);
    }
    table
}

fn share(count: usize, tried: usize) -> String {
    match tried {
        0 => "none".into(),
        _ => format!("{count} ({:.1}%)", count as f64 * 100.0 / tried as f64),
    }
}
