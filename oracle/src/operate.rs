//! The operator's commands as people see them: results on standard output, refusals on standard error.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use eyre::{Result, WrapErr as _};
use hearth_oracle::check;
use hearth_oracle::clock::WallClock;
use hearth_oracle::config::{Config, Log};
use hearth_oracle::doctor::{self, Grade};
use hearth_oracle::init::{self, InitArgs};
use hearth_oracle::key::{self, Password};
use hearth_oracle::run;
use hearth_oracle::sense::drivers;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Where the configuration lies.
#[derive(Debug, clap::Args)]
pub(crate) struct At {
    /// The configuration file.
    #[arg(long, short, default_value = "hearth-oracle.toml")]
    pub(crate) config: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Makes and shows keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a device's key and card: <name>.key.json and <name>.card.json.
    Device(DeviceArgs),
    /// Make a new report key and put it on the card; the identity key then takes it to the committee.
    Rotate {
        /// The configuration file.
        #[arg(long, short, default_value = "hearth-oracle.toml")]
        config: PathBuf,
    },
    /// Show the public side of a keystore: address, and Ed25519 key.
    Show {
        /// The keystore.
        file: PathBuf,
        /// Holds the password in its first line; mode 0600.
        #[arg(long, default_value = "keys/password")]
        password_file: PathBuf,
    },
}

/// What a device is.
#[derive(Debug, clap::Args)]
pub(crate) struct DeviceArgs {
    /// Name of the device, for people; the files begin with it.
    pub(crate) name: String,
    #[arg(long, help = format!("What it senses: one of {}", drivers::names()))]
    pub(crate) kind: String,
    /// Seconds between its heartbeats.
    #[arg(long, default_value_t = 60)]
    pub(crate) interval: u32,
    /// Unix second after which its readings do not count; 0 where it needs no calibration.
    #[arg(long, default_value_t = 0)]
    pub(crate) calibrated_until: u64,
    /// Folder for both files.
    #[arg(long, default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Holds the password in its first line; made where it is missing.
    #[arg(long, default_value = "password")]
    pub(crate) password_file: PathBuf,
}

/// `hearth-oracle init`.
pub(crate) fn init(args: &InitArgs) -> Result<ExitCode> {
    let prepared = init::init(args)?;
    say!("configuration  {}", prepared.config.display());
    say!(
        "card           {}  (give it to the founders; it holds no secret)",
        prepared.card_file.display()
    );
    say!("identity       {}", prepared.card.identity);
    say!("report key     {}", prepared.card.report_key);
    say!("transport key  {}", prepared.card.transport_key);
    say!("gas account    {}  (send it coin for transactions)", prepared.gas);
    if init::awaits_charter(&prepared.config) {
        say!("next: write the charter's address into the configuration once it is founded, then `check`");
    } else {
        say!("next: hearth-oracle check --config {}", prepared.config.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// `hearth-oracle check`.
pub(crate) fn check(at: &At) -> Result<ExitCode> {
    match check::check(&at.config) {
        Ok(checked) if at.json => say!("{}", serde_json::to_string(&checked)?),
        Ok(checked) => {
            say!("seat           {} of network {}", checked.seat, checked.network);
            say!("report key     {}", checked.report_key);
            say!("transport key  {}", checked.transport_key);
            say!("gas account    {}", checked.gas);
            say!("the configuration is whole and every key opens");
        }
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::from(64));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `hearth-oracle key`.
pub(crate) fn key(command: &KeyCommand) -> Result<ExitCode> {
    match command {
        KeyCommand::Device(args) => {
            let card = init::device(
                &args.folder,
                &args.name,
                &args.kind,
                args.interval,
                args.calibrated_until,
                &args.password_file,
            )?;
            say!("device {} ({}) has key {}", card.name, card.kind, card.key);
        }
        KeyCommand::Rotate { config } => {
            let rotated = init::rotate(config)?;
            let (card, file) = (rotated.card_file.display(), rotated.key.display());
            say!("new report key  {}  in {file}", rotated.card.report_key);
            if rotated.again {
                say!(
                    "it was made before, and the configuration does not name it yet; move it away to make another"
                );
            }
            say!("next:");
            say!("  1. hearth seat {card} --keystore <the identity key>  takes it to the committee");
            // Paths in the configuration are seen from its own folder.
            let folder = config.parent().unwrap_or(Path::new(""));
            let named = rotated.key.strip_prefix(folder).unwrap_or(&rotated.key);
            say!("  2. set seat.report_key in {} to {named:?}", config.display());
            say!("  3. stop the daemon and start it again; `doctor` says whether committee and seat agree");
        }
        KeyCommand::Show { file, password_file } => {
            let secret =
                key::open(file, &Password::read(password_file)?).wrap_err("the key cannot be shown")?;
            if let Some(address) = secret.address() {
                say!("address  {address}");
            }
            say!("ed25519  {}", secret.public());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Bad configuration, as `sysexits.h` has it.
const BAD_CONFIGURATION: u8 = 64;

/// `hearth-oracle run`: 0 after a drained stop, 64 for a bad configuration, 1 for anything else.
pub(crate) fn run(path: &Path) -> Result<ExitCode> {
    let config = match configured(path) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    log(&config.log);
    info!(target: "hearth::run", version = env!("CARGO_PKG_VERSION"), config = %path.display(), "hearth-oracle");
    // Two threads: a seat is made for two cores, and each more costs memory in every allocator arena.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .wrap_err("the runtime cannot be made")?;
    let outcome = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let signalled = shutdown.clone();
        tokio::spawn(async move {
            signal().await;
            info!(target: "hearth::run", "told to stop; draining");
            signalled.cancel();
        });
        run::run(config, shutdown).await
    });
    match outcome {
        // Another start would meet the same.
        Err(wrong @ (run::RunError::AnotherChain { .. } | run::RunError::Keys(_))) => {
            eprintln!("hearth-oracle: {:#}", eyre::Report::new(wrong));
            Ok(ExitCode::from(BAD_CONFIGURATION))
        }
        other => Ok(other.map(|()| ExitCode::SUCCESS)?),
    }
}

/// Reads the configuration, or says every problem and gives the exit code.
fn configured(path: &Path) -> std::result::Result<Config, ExitCode> {
    Config::read(path).map_err(|problems| {
        eprintln!("{problems}");
        ExitCode::from(BAD_CONFIGURATION)
    })
}

fn light_runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .wrap_err("the runtime cannot be made")
}

/// `hearth-oracle doctor`: 0 where all is well, 1 where something is poor, 2 where the seat cannot work.
pub(crate) fn doctor(at: &At) -> Result<ExitCode> {
    let config = match configured(&at.config) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let findings = light_runtime()?.block_on(doctor::examine(&config, &WallClock));
    let worst = findings
        .iter()
        .map(|finding| finding.grade)
        .max()
        .unwrap_or(Grade::Good);
    if at.json {
        say!("{}", serde_json::to_string(&findings)?);
    } else {
        for finding in &findings {
            let mark = match finding.grade {
                Grade::Good => "ok  ",
                Grade::Poor => "poor",
                Grade::Bad => "BAD ",
            };
            say!("{mark}  {:<7} {}", finding.group, finding.says);
            if !finding.mend.is_empty() {
                say!("              mend: {}", finding.mend);
            }
        }
    }
    Ok(match worst {
        Grade::Good => ExitCode::SUCCESS,
        Grade::Poor => ExitCode::from(1),
        Grade::Bad => ExitCode::from(2),
    })
}

/// `hearth-oracle status`: asks the running daemon.
pub(crate) fn status(at: &At) -> Result<ExitCode> {
    let config = match configured(&at.config) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let Some(addresses) = doctor::addresses(&config) else {
        eyre::bail!(
            "no daemon has run on {} yet; start it with `hearth-oracle run`",
            config.state.display()
        );
    };
    let url = format!("http://{}/v1/status", addresses.operator);
    let status: serde_json::Value = light_runtime()?
        .block_on(async { reqwest::get(&url).await?.json().await })
        .wrap_err_with(|| format!("no daemon answers at {url}; is it running? `doctor` tells more"))?;
    if at.json {
        say!("{status}");
        return Ok(ExitCode::SUCCESS);
    }
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "none".into(),
        other => other.to_string(),
    };
    say!(
        "seat       {} of network {}",
        text(&status["seat"]),
        text(&status["network"])
    );
    say!(
        "ready      {}",
        if status["ready"] == true { "yes" } else { "no" }
    );
    for check in status["checks"].as_array().into_iter().flatten() {
        say!("  {:<8} {}", text(&check["name"]), text(&check["says"]));
    }
    say!(
        "head       block {} at {}",
        text(&status["head"]["number"]),
        text(&status["head"]["time"])
    );
    for stream in status["streams"].as_array().into_iter().flatten() {
        say!(
            "stream {}   {}: epoch {} is due, ends {}",
            text(&stream["stream"]),
            text(&stream["estimator"]),
            text(&stream["due"]),
            text(&stream["dueEnds"])
        );
        for report in stream["accepted"].as_array().into_iter().flatten() {
            say!(
                "  epoch {} attempt {}: {} {}, block {}, {}",
                text(&report["epoch"]),
                text(&report["attempt"]),
                text(&report["verdict"]),
                text(&report["state"]),
                text(&report["block"]),
                text(&report["digest"])
            );
        }
    }
    for peer in status["peers"].as_array().into_iter().flatten() {
        say!(
            "peer {}     reached {}, last heard {}",
            text(&peer["seat"]),
            text(&peer["reached"]),
            text(&peer["heard"])
        );
    }
    for refusal in status["refusals"].as_array().into_iter().flatten() {
        say!(
            "refused    {} at {}: {}",
            text(&refusal["refused"]),
            text(&refusal["door"]),
            text(&refusal["reason"])
        );
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}

fn log(wanted: &Log) {
    // The broker and the HTTP stack speak of every connection; what matters of it is counted by the stages.
    let filter = format!(
        "mqtt5=warn,mqtt5_protocol=warn,hyper=warn,reqwest=warn,alloy=warn,{}",
        wanted.filter
    );
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr);
    if wanted.json {
        subscriber.json().flatten_event(true).init();
    } else {
        subscriber
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .init();
    }
}
