//! A seat without a chain, for tests: real doors, witness and journal, and a sight of the chain made by hand.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use alloy::primitives::{Address, B256};
use hearth_oracle_core::chain::{Block, ChainView, Committee, Device, Domain, SeatKeys, StreamView, Terms};
use hearth_oracle_core::crypto::{Crypto as _, RealKeys};
use hearth_oracle_core::effect::{Record, Remembered};
use hearth_oracle_core::faults::Faults;
use hearth_oracle_core::seat;
use hearth_oracle_core::types::{
    Calendar, Counter, Epoch, EpochKind, Kid, Network, SeatId, StreamId, SubcontractId,
};
use hearth_oracle_core::verify::{self, Directory, Held};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::chain::{Places, Sight};
use crate::clock::Clock;
use crate::config::Limits;
use crate::ingest::bounded::{Bounded, Caller};
use crate::ingest::{Doors, http, mqtt};
use crate::journal::sqlite::Sqlite;
use crate::journal::{Journal, JournalError, Shelf};
use crate::key::Secret;
use crate::peers::{Acquaintance, Posts, Sending};
use crate::reread::Requests;
use crate::sign::ReportKey;
use crate::witness::{self, Input, Outlets, Witness};

/// Now, in every rig: in the middle of a week.
pub(crate) const NOW: u64 = 1_800_000_000;

/// The device's secret.
pub(crate) const DEVICE: [u8; 32] = [7; 32];

/// The other seat's transport secret.
pub(crate) const PEER: [u8; 32] = [22; 32];

/// A clock that stands where it is put.
#[derive(Debug)]
pub(crate) struct StillClock(pub(crate) AtomicU64);

impl Clock for StillClock {
    fn unix_seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Holds commits back until they are let through, and can refuse them as a full disk does.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    shut: Mutex<bool>,
    moved: Condvar,
    full: std::sync::atomic::AtomicBool,
}

impl Gate {
    pub(crate) fn shut(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.moved.notify_all();
    }

    pub(crate) fn fill(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }
}

struct Gated {
    inner: Sqlite,
    gate: Arc<Gate>,
}

impl Journal for Gated {
    fn commit(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let mut shut = self.gate.shut.lock().unwrap();
        while *shut {
            shut = self.gate.moved.wait(shut).unwrap();
        }
        drop(shut);
        if self.gate.full.load(Ordering::Relaxed) {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            let source = rusqlite::Error::SqliteFailure(code, None);
            return Err(JournalError::Engine {
                path: "journal.db".into(),
                doing: "written",
                source,
            });
        }
        self.inner.commit(records)
    }

    fn recall(&mut self) -> Result<Vec<Remembered>, JournalError> {
        self.inner.recall()
    }

    fn forget(&mut self, stream: StreamId, epoch: Epoch, begin: u64, purge: u64) -> Result<(), JournalError> {
        self.inner.forget(stream, epoch, begin, purge)
    }

    fn shelf(&self) -> Result<Box<dyn Shelf>, JournalError> {
        self.inner.shelf()
    }
}

/// The network every rig belongs to.
pub(crate) fn network() -> Network {
    Network([9; 8])
}

/// The device's name.
pub(crate) fn kid() -> Kid {
    Kid::of(&RealKeys.public(&DEVICE))
}

/// An envelope of the device with one reading.
pub(crate) fn envelope(seq: u32, time: u64) -> String {
    envelope_by(&DEVICE, network(), seq, time)
}

/// An envelope of any device for any network.
pub(crate) fn envelope_by(secret: &[u8; 32], net: Network, seq: u32, time: u64) -> String {
    let kid = Kid::of(&RealKeys.public(secret));
    let pack = format!(r#"[{{"bn":"urn:hearth:{kid}:","n":"beat","t":{time},"vb":true}}]"#);
    verify::envelope(
        secret,
        net,
        Counter::new(1, seq),
        time,
        pack.as_bytes(),
        &RealKeys,
    )
}

fn sight() -> Sight {
    let device = Device {
        key: RealKeys.public(&DEVICE),
        kind: "radar".into(),
        interval: 60,
        calibrated_until: 0,
        from: 0,
        until: u64::MAX,
    };
    let terms = Terms {
        subcontract: SubcontractId(1),
        epochs: EpochKind::Week,
        estimator: "value".into(),
        parameters: Vec::new(),
        model: B256::ZERO,
        devices: vec![device],
        badges: Vec::new(),
    };
    let calendar = Calendar {
        tz: 0,
        ignition: NOW - 86_400,
    };
    let first_epoch = calendar.epoch_at(EpochKind::Week, NOW);
    let seat = |transport: &[u8; 32]| SeatKeys {
        report: Address::repeat_byte(1),
        transport: RealKeys.public(transport),
    };
    let view = ChainView {
        domain: Domain {
            chain_id: 31_337,
            docket: Address::repeat_byte(2),
        },
        network: network(),
        head: Block {
            number: 100,
            time: NOW,
        },
        calendar,
        committee: Arc::new(Committee {
            version: 1,
            seats: vec![seat(&[21; 32]), seat(&PEER), seat(&[23; 32]), seat(&[24; 32])],
            grace: 30,
            turn: 15,
            depth: 2,
        }),
        streams: BTreeMap::from([(
            StreamId(1),
            StreamView {
                terms: Arc::new(terms),
                first_epoch,
                accepted: Vec::new(),
            },
        )]),
    };
    let places = Places {
        charter: Address::ZERO,
        committee: Address::ZERO,
        docket: Address::ZERO,
        roster: Address::ZERO,
    };
    let directory = Arc::new(Directory::of(&view));
    Sight {
        view,
        directory,
        endpoints: vec![String::new(); 4],
        landed: BTreeMap::new(),
        places,
    }
}

/// A seat at work without a chain.
pub(crate) struct Rig {
    pub(crate) mqtt: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) doors: Arc<Doors>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) journal: std::path::PathBuf,
    stop: CancellationToken,
    witness: Option<std::thread::JoinHandle<Result<(), JournalError>>>,
    _folder: Arc<tempfile::TempDir>,
    show: watch::Sender<Option<Arc<Sight>>>,
}

impl Rig {
    /// Starts on a fresh folder.
    pub(crate) async fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// Starts on what another left behind.
    pub(crate) async fn start_in(folder: Arc<tempfile::TempDir>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let path = folder.path().join("journal.db");
        let gate = Arc::new(Gate::default());
        let journal = Gated {
            inner: Sqlite::open(&path, "rig").unwrap(),
            gate: gate.clone(),
        };
        let limits = Limits {
            device_per_second: 100_000,
            peer_per_second: 5,
            refused_per_second: 30,
            connections: 1_000,
        };
        let sight = Arc::new(sight());
        let (show, sights) = watch::channel(Some(sight.clone()));
        let (inlet, intake) = witness::channel();
        let clock: Arc<dyn Clock> = Arc::new(StillClock(NOW.into()));
        let stop = CancellationToken::new();
        let acquaintance = Arc::new(Acquaintance::default());
        let key = Secret::new([21; 32]);
        let sending = Sending {
            seat: SeatId(0),
            key: key.clone(),
            sights: sights.clone(),
            clock: clock.clone(),
            acquaintance: acquaintance.clone(),
        };
        let posts = Posts::open(sending, &stop).unwrap();
        let doors = Arc::new(Doors::new(SeatId(0), sights, inlet.clone(), clock, key, &limits));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let broker = mqtt::Broker::bind(any, limits.connections, doors.clone())
            .await
            .unwrap();
        let mqtt = broker.address().unwrap();
        let (answers, answers_out) = mpsc::channel(mqtt::ANSWERS);
        let (errands, _) = mpsc::channel(1);
        tokio::spawn(broker.run(answers_out, stop.clone()));
        let listener = TcpListener::bind(any).await.unwrap();
        let http = listener.local_addr().unwrap();
        let desk = Arc::new(http::Desk::new(doors.clone(), acquaintance, None, &limits));
        let app = http::routes(desk).into_make_service_with_connect_info::<Caller>();
        let listener = Bounded::new(listener, 1_000);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let report = ReportKey::new(Secret::new([31; 32])).unwrap();
        let witness = Witness {
            seat: SeatId(0),
            config: seat::Config {
                seat: SeatId(0),
                report: report.address(),
                crypto: Arc::new(RealKeys),
                faults: Faults::default(),
            },
            key: report,
            journal: Box::new(journal),
            outlets: Outlets {
                answers,
                posts,
                requests: Arc::new(Requests::default()),
                errands,
            },
            keep_seconds: 86_400,
            last: HashMap::new(),
        };
        let runtime = tokio::runtime::Handle::current();
        let stopped = stop.clone();
        let witness = std::thread::spawn(move || runtime.block_on(witness.run(intake, stopped)));
        inlet.tell(Input::Sight(sight)).await.unwrap();
        Self {
            mqtt,
            http,
            doors,
            gate,
            journal: path,
            stop,
            witness: Some(witness),
            _folder: folder,
            show,
        }
    }

    /// The chain is out of sight, or in sight again.
    pub(crate) fn blind(&self, blind: bool) {
        self.show.send_replace((!blind).then(|| Arc::new(sight())));
    }

    /// What is on disk, as another process would find it.
    pub(crate) fn on_disk(&self) -> Vec<Remembered> {
        Sqlite::open(&self.journal, "rig").unwrap().recall().unwrap()
    }

    /// How often each envelope is on disk.
    pub(crate) fn kept(&self) -> HashMap<Counter, usize> {
        let mut kept = HashMap::new();
        for each in self.on_disk() {
            if let Remembered::Kept {
                held: Held { counter, .. },
                ..
            } = each
            {
                *kept.entry(counter).or_default() += 1;
            }
        }
        kept
    }

    /// Posts to a path; status and body.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> (u16, String) {
        let client = alloy::transports::http::reqwest::Client::new();
        let response = client
            .post(format!("http://{}{path}", self.http))
            .body(body.into())
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Stops and waits until what was let in is on disk.
    pub(crate) async fn stop(mut self) {
        self.gate.shut(false);
        self.stop.cancel();
        if let Some(witness) = self.witness.take() {
            tokio::task::spawn_blocking(move || witness.join().unwrap().unwrap())
                .await
                .unwrap();
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.gate.shut(false);
        self.stop.cancel();
    }
}
