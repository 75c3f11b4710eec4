//! `hearth-oracle run`: builds the stages, starts them, and ends them in order.
//!
//! *In*: a [`Config`]. *Out*: a seat at work, in this process. *Refuses*: to start beside another daemon on the same
//! state folder. *Never*: a stage that dies in silence: its name ends the process.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::primitives::Address;
use alloy::transports::http::reqwest;
use hearth_oracle_core::answer::Outcome;
use hearth_oracle_core::crypto::RealKeys;
use hearth_oracle_core::faults::Faults;
use hearth_oracle_core::seat;
use hearth_oracle_core::types::{Counter, Kid, Network, SeatId};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::chain::rpc::{self, Rpcs};
use crate::chain::{Follower, Sight};
use crate::check::{self, KeyProblems};
use crate::clock::{Clock, WallClock};
use crate::config::{Config, RpcUrl};
use crate::ingest::bounded::{Bounded, Caller};
use crate::ingest::list::Lists;
use crate::ingest::{Doors, http, mqtt};
use crate::journal::sqlite::Sqlite;
use crate::journal::{Journal as _, JournalError, Shelf};
use crate::peers::{Acquaintance, Posts, Sending};
use crate::reread::Requests;
use crate::sign::ReportKey;
use crate::status::{self, Board, PublicKeys};
use crate::submit::{self, Errand, NonceError, Nonces, Submitter};
use crate::witness::{self, Inlet, Intake, Outlets, Witness};

/// Longest the doors may take to close, and then the rest to finish.
const DRAIN: Duration = Duration::from_secs(5);

/// How often the samples of histograms are folded into their buckets.
const FOLD: Duration = Duration::from_secs(5);

/// How long the cause of a stage's end is waited for.
const CAUSE: Duration = Duration::from_millis(500);

/// Connections to the operator's page at one time.
const OPERATORS: usize = 32;

/// Where a seat's addresses stand, in its state folder; written once the seat listens.
pub(crate) const ADDRESSES: &str = "addresses.json";

/// The nonce ledger, in the state folder.
const LEDGER: &str = "nonces.db";

/// Where a seat listens; written to [`ADDRESSES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// The broker for devices.
    pub mqtt: SocketAddr,
    /// HTTP for devices and peers.
    pub http: SocketAddr,
    /// Metrics, health and status.
    pub operator: SocketAddr,
}

/// Why a seat does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Keys cannot be opened.
    #[error("the seat's keys cannot be used")]
    Keys(#[source] KeyProblems),
    /// The state folder cannot be used.
    #[error("the state folder {path} cannot be used; is it yours, and writable?")]
    State {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Every RPC answers, and none serves the configured chain.
    #[error(
        "{rpc} serves chain {served}, and no RPC in the configuration serves chain {wanted}: correct chain.chain_id or \
         chain.rpc; nothing was made in the state folder"
    )]
    AnotherChain {
        /// Who answers.
        rpc: RpcUrl,
        /// The id of the chain it serves.
        served: u64,
        /// The id in the configuration.
        wanted: u64,
    },
    /// Another daemon works on it.
    #[error("another daemon works on {path}; one seat runs once, or it could sign twice")]
    Locked {
        /// Which.
        path: PathBuf,
    },
    /// The journal cannot be used.
    #[error("the journal cannot be used")]
    Journal(#[source] JournalError),
    /// The nonce ledger cannot be used.
    #[error("the nonce ledger cannot be used")]
    Nonces(#[source] NonceError),
    /// An address cannot be taken.
    #[error("{what} cannot listen on {address}; is another program there?")]
    Listen {
        /// For what.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A client cannot be made.
    #[error("{0}")]
    Client(String),
    /// A stage ended while it should not.
    #[error("stage `{name}` has ended: {reason}")]
    Stage {
        /// Which.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

/// A seat at work.
pub struct Running {
    /// Where it listens.
    pub addresses: Addresses,
    stages: Stages,
    requests: Arc<Requests>,
    lock: std::fs::File,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Starts a seat and serves until `shutdown` is cancelled.
///
/// # Errors
/// It does not start, or a stage ends.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    start(config, Arc::new(WallClock)).await?.until(shutdown).await
}

fn locked(config: &Config) -> Result<std::fs::File, RunError> {
    let wrong = |source| RunError::State {
        path: config.state.clone(),
        source,
    };
    std::fs::create_dir_all(&config.state).map_err(wrong)?;
    let lock = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(config.state.join("lock"))
        .map_err(wrong)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(RunError::Locked {
            path: config.state.clone(),
        }),
        Err(std::fs::TryLockError::Error(source)) => Err(wrong(source)),
    }
}

/// The seat's journal. A folder on which a seat has run has one: without it the guard would have forgotten everything.
fn journal(config: &Config, owner: &str) -> Result<Sqlite, JournalError> {
    let path = config.state.join("journal.db");
    // Both are made after the journal.
    if [ADDRESSES, LEDGER]
        .iter()
        .any(|made| config.state.join(made).exists())
    {
        return Sqlite::reopen(&path, owner);
    }
    Sqlite::open(&path, owner)
}

async fn listener(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), RunError> {
    let wrong = |source| RunError::Listen {
        what,
        address,
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(wrong)?;
    let bound = listener.local_addr().map_err(wrong)?;
    Ok((listener, bound))
}

/// Starts a seat. It serves from now on; the chain need not be there yet, but not every RPC serves another one.
///
/// # Errors
/// It does not start.
pub async fn start(config: Config, clock: Arc<dyn Clock>) -> Result<Running, RunError> {
    // A process may hold several seats; the first one sets the provider for all.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let metrics = crate::metrics::install();
    let keys = check::keys(&config).map_err(RunError::Keys)?;
    let wanted = config.chain.chain_id;
    let another = rpc::another_chain(&config.chain).await;
    if let Some((rpc, served)) = another.map_err(RunError::Client)? {
        return Err(RunError::AnotherChain { rpc, served, wanted });
    }
    let network = Network::of(wanted, config.chain.charter);
    let state = open_state(&config, network, keys.gas.address())?;

    // What ties the stages together.
    let mut stages = Stages::default();
    let rpcs = Rpcs::watch(&config.chain, &stages.rest).map_err(RunError::Client)?;
    let (show, sights) = watch::channel(None);
    let (tell_trouble, trouble) = watch::channel(None);
    let (inlet, intake) = witness::channel();
    let (answers, answers_out) = mpsc::channel(mqtt::ANSWERS);
    let (errands, errands_out) = mpsc::channel(submit::WAITING);
    let requests = Arc::new(Requests::default());
    let acquaintance = Arc::new(Acquaintance::default());
    let sending = Sending {
        seat: config.seat,
        key: keys.transport.clone(),
        sights: sights.clone(),
        clock: clock.clone(),
        acquaintance: acquaintance.clone(),
    };
    let posts = Posts::open(sending, &stages.rest)
        .map_err(|error: reqwest::Error| RunError::Client(error.to_string()))?;
    let doors = Arc::new(Doors::new(
        config.seat,
        sights.clone(),
        inlet.clone(),
        clock,
        keys.transport.clone(),
        &config.limits,
    ));

    let bound = bind(&config, &doors).await?;
    publish(&config, &bound.addresses)?;
    info!(
        target: "hearth::run", seat = config.seat.0, %network, mqtt = %bound.addresses.mqtt,
        http = %bound.addresses.http, operator = %bound.addresses.operator, report_key = %keys.report.address(),
        gas = %keys.gas.address(), rpc = %config.chain.rpc, state = %config.state.display(), "listening"
    );

    let public = PublicKeys {
        report: keys.report.address(),
        transport: keys.transport.public().0,
    };
    let lists = Lists {
        shelf: Mutex::new(state.journal.shelf().map_err(RunError::Journal)?),
        rpcs: rpcs.clone(),
    };
    let desk = http::Desk::new(doors.clone(), acquaintance.clone(), Some(lists), &config.limits);
    let shelf = state.journal.shelf().map_err(RunError::Journal)?;
    let outlets = Outlets {
        answers,
        posts: posts.clone(),
        requests: requests.clone(),
        errands,
    };
    let witness = witness(&config, keys.report, state.journal, outlets);
    let submitter = Submitter::new(
        rpcs.clone(),
        sights,
        state.nonces,
        keys.gas,
        config.chain.chain_id,
    )
    .map_err(RunError::Nonces)?;
    let follower = Follower::new(config.chain.clone(), rpcs.clone());
    let board = Board {
        doors,
        rpcs,
        trouble,
        acquaintance,
        keys: public,
        metrics,
    };

    // In the order of the walk: in by the doors, judged and signed, sent; the chain, and the operator's page, beside it.
    stages.spawn_broker(bound.broker, answers_out);
    stages.spawn_http(bound.http, desk, config.limits.connections);
    stages.spawn_witness(witness, intake)?;
    stages.spawn_reread(requests.clone(), shelf, inlet.clone(), posts, config.seat)?;
    stages.spawn_submit(submitter, errands_out);
    stages.spawn_chain(follower, show, tell_trouble, inlet);
    stages.spawn_metrics(metrics);
    stages.spawn_operator(bound.operator, board);
    Ok(Running {
        addresses: bound.addresses,
        stages,
        requests,
        lock: state.lock,
    })
}

/// The state folder, opened for this seat alone.
struct State {
    lock: std::fs::File,
    journal: Sqlite,
    nonces: Nonces,
}

fn open_state(config: &Config, network: Network, gas: Address) -> Result<State, RunError> {
    let lock = locked(config)?;
    // Not the report key: the journal outlives its rotation, and the guard's record with it.
    let owner = format!("{network}/{}", config.seat);
    let journal = journal(config, &owner).map_err(RunError::Journal)?;
    let account = format!("{}/{gas}", config.chain.chain_id);
    let nonces = Nonces::open(&config.state.join(LEDGER), &account).map_err(RunError::Nonces)?;
    Ok(State {
        lock,
        journal,
        nonces,
    })
}

/// Every socket of the seat.
struct Bound {
    broker: mqtt::Broker,
    http: TcpListener,
    operator: TcpListener,
    addresses: Addresses,
}

/// Binds every socket before anything runs, so that a taken port is told at once.
async fn bind(config: &Config, doors: &Arc<Doors>) -> Result<Bound, RunError> {
    let listen = &config.listen;
    let broker = mqtt::Broker::bind(listen.mqtt, config.limits.connections, doors.clone())
        .await
        .map_err(|error| RunError::Listen {
            what: "the broker",
            address: listen.mqtt,
            source: std::io::Error::other(error.to_string()),
        })?;
    let (http, http_address) = listener("HTTP", listen.http).await?;
    let (operator, operator_address) = listener("the operator's page", listen.operator).await?;
    let addresses = Addresses {
        mqtt: broker.address().unwrap_or(listen.mqtt),
        http: http_address,
        operator: operator_address,
    };
    Ok(Bound {
        broker,
        http,
        operator,
        addresses,
    })
}

fn witness(config: &Config, key: ReportKey, journal: Sqlite, outlets: Outlets) -> Witness {
    Witness {
        seat: config.seat,
        config: seat::Config {
            seat: config.seat,
            report: key.address(),
            crypto: Arc::new(RealKeys),
            faults: Faults::default(),
        },
        key,
        journal: Box::new(journal),
        outlets,
        keep_seconds: u64::from(config.keep_days) * 86_400,
        last: HashMap::new(),
    }
}

fn publish(config: &Config, addresses: &Addresses) -> Result<(), RunError> {
    let wrong = |source| RunError::State {
        path: config.state.clone(),
        source,
    };
    let text = serde_json::to_vec_pretty(addresses).map_err(|error| wrong(error.into()))?;
    // Written whole: a reader never sees half of it.
    let (path, fresh) = (
        config.state.join(ADDRESSES),
        config.state.join("addresses.json.new"),
    );
    std::fs::write(&fresh, text)
        .and_then(|()| std::fs::rename(&fresh, &path))
        .map_err(wrong)
}

/// The stages at work, and what stops them: the doors first, then the rest.
#[derive(Default)]
struct Stages {
    set: JoinSet<(&'static str, Result<(), String>)>,
    doors: CancellationToken,
    rest: CancellationToken,
}

impl Stages {
    /// Devices' answers go out where their envelopes came in.
    fn spawn_broker(&mut self, broker: mqtt::Broker, answers: mpsc::Receiver<Vec<(Kid, Counter, Outcome)>>) {
        let stop = self.doors.clone();
        self.set.spawn(async move {
            let ended = broker.run(answers, stop).await;
            ("broker", ended.map_err(|error| error.to_string()))
        });
    }

    fn spawn_http(&mut self, listener: TcpListener, desk: http::Desk, connections: u32) {
        let app = http::routes(Arc::new(desk)).into_make_service_with_connect_info::<Caller>();
        let listener = Bounded::new(listener, connections as usize);
        let stop = self.doors.clone();
        self.set.spawn(async move {
            let served = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned());
            ("http", served.await.map_err(|error| error.to_string()))
        });
    }

    fn spawn_witness(&mut self, witness: Witness, intake: Intake) -> Result<(), RunError> {
        let runtime = tokio::runtime::Handle::current();
        let stop = self.rest.clone();
        self.thread("witness", move || {
            runtime
                .block_on(witness.run(intake, stop))
                .map_err(|error| check::whole(&error))
        })
    }

    fn spawn_reread(
        &mut self,
        requests: Arc<Requests>,
        mut shelf: Box<dyn Shelf>,
        inlet: Inlet,
        posts: Posts,
        seat: SeatId,
    ) -> Result<(), RunError> {
        self.thread("reread", move || {
            requests
                .serve(&mut *shelf, &inlet, &posts, seat)
                .map_err(|error| check::whole(&error))
        })
    }

    fn spawn_submit(&mut self, submitter: Submitter, errands: mpsc::Receiver<Errand>) {
        self.task("submit", submitter.run(errands));
    }

    fn spawn_chain(
        &mut self,
        follower: Follower,
        show: watch::Sender<Option<Arc<Sight>>>,
        trouble: watch::Sender<Option<&'static str>>,
        inlet: Inlet,
    ) {
        self.task("chain", follower.run(show, trouble, inlet));
    }

    /// Histograms hold every sample until they are folded, whether anybody reads them or not.
    fn spawn_metrics(&mut self, metrics: &'static PrometheusHandle) {
        self.task("metrics", async {
            let mut tick = tokio::time::interval(FOLD);
            loop {
                tick.tick().await;
                metrics.run_upkeep();
            }
        });
    }

    fn spawn_operator(&mut self, listener: TcpListener, board: Board) {
        let stop = self.rest.clone();
        self.set.spawn(async move {
            let app = status::routes(Arc::new(board));
            let served = axum::serve(Bounded::new(listener, OPERATORS), app)
                .with_graceful_shutdown(stop.cancelled_owned());
            ("operator", served.await.map_err(|error| error.to_string()))
        });
    }

    /// Runs a stage that may be dropped at any await, until the rest is stopped.
    fn task(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.rest.clone();
        self.set.spawn(async move {
            stop.run_until_cancelled(work).await;
            (name, Ok(()))
        });
    }

    /// Runs a stage on a thread of its own; a panic ends it like an error.
    fn thread(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> Result<(), RunError> {
        let (tell, told) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.into())
            .stack_size(2 << 20)
            .spawn(move || tell.send(work()))
            .map_err(|error| RunError::Stage {
                name,
                reason: error.to_string(),
            })?;
        self.set
            .spawn(async move { (name, told.await.unwrap_or_else(|_| Err("it panicked".into()))) });
        Ok(())
    }
}

impl Running {
    /// Serves until `shutdown` is cancelled, then drains: doors first, then what they let in.
    ///
    /// # Errors
    /// A stage ended before.
    pub async fn until(mut self, shutdown: CancellationToken) -> Result<(), RunError> {
        let mut dead = tokio::select! {
            () = shutdown.cancelled() => None,
            ended = self.stages.set.join_next() => ended,
        };
        // A stage that only lost its neighbour says nothing of the cause; the neighbour is about to.
        while let Some(Ok((_, Ok(())))) = &dead
            && let Ok(Some(next)) = tokio::time::timeout(CAUSE, self.stages.set.join_next()).await
        {
            dead = Some(next);
        }
        self.stages.doors.cancel();
        let outcome = match dead {
            None => Ok(()),
            Some(Ok((name, result))) => {
                let reason = result.err().unwrap_or_else(|| "without being told to".into());
                error!(target: "hearth::run", stage = name, reason, "a stage has ended; so does the seat");
                Err(RunError::Stage { name, reason })
            }
            Some(Err(panic)) => Err(RunError::Stage {
                name: "task",
                reason: panic.to_string(),
            }),
        };
        let mut open = 2;
        let _ = tokio::time::timeout(DRAIN, async {
            while open > 0 {
                match self.stages.set.join_next().await {
                    Some(Ok(("broker" | "http", _))) => open -= 1,
                    Some(Ok((stage, Err(reason)))) => {
                        error!(target: "hearth::run", stage, reason, "a stage has ended with it");
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        })
        .await;
        self.stages.rest.cancel();
        self.requests.close();
        let drained = tokio::time::timeout(DRAIN, async {
            while self.stages.set.join_next().await.is_some() {}
        })
        .await;
        if drained.is_err() {
            warn!(target: "hearth::run", "not everything ended in time; what was acknowledged is on disk");
        }
        drop(self.lock);
        info!(target: "hearth::run", "drained");
        outcome
    }
}
