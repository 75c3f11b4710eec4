//! A small polity on anvil: a charter, four seats in this process, three devices. It stops when dropped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::network::Ethereum;
use alloy::node_bindings::{Anvil, AnvilInstance};
use alloy::primitives::{Address, B256, Bytes, FixedBytes, U256, keccak256};
use alloy::providers::ext::AnvilApi as _;
use alloy::providers::{Provider as _, ProviderBuilder, RootProvider};
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolStruct as _, SolValue as _, eip712_domain, sol};
use clap::Parser as _;
use hearth_bindings::{
    Charter, Committee, Docket, Firewood, Ledger, Mandates, Module, PracticeToken, Roster,
};
use hearth_oracle::clock::{Clock, WallClock};
use hearth_oracle::config::Config;
use hearth_oracle::init::{self, InitArgs};
use hearth_oracle::run::{self, Addresses, Running};
use hearth_oracle_core::crypto::{Crypto as _, RealKeys};
use hearth_oracle_core::estimators::wood::Parameters;
use hearth_oracle_core::itemised;
use hearth_oracle_core::types::{Counter, Epoch, Kid, MemberId, Network, StreamId};
use hearth_oracle_core::verify;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::faulty_rpc::{FaultyRpc, Mood};

/// The day all tests live through, 2024-06-01 UTC: no machine's clock stands before it, so nothing comes early (R7.2).
pub(crate) const DAY: u64 = 1_717_200_000;

/// Ten minutes before that day begins.
const IGNITION: u64 = DAY - 600;

/// The moment of that day at which wood is taken.
const NOON: u64 = DAY + 43_200 + 17;

/// When that day ends.
pub(crate) const END: u64 = DAY + 86_400;

/// Seconds of a turn, as blocks come each second: what four seats need to agree on a slow machine.
const TURN: u32 = 12;

/// Longest that anything is waited for: far longer than it takes on any machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// The docket's word for a settled report.
const SETTLED: u8 = 3;

/// The file in a seat's state folder that tells where it listens.
const ADDRESSES: &str = "addresses.json";

/// Seconds between heartbeats.
const BEAT: u64 = 3_600;

sol! {
    #![sol(alloy_sol_types = alloy::sol_types)]

    struct FoundCharter {
        string deed;
        bytes32 proposal;
        string mostPerPeriod;
        string mandates;
        uint8 band;
        bytes32 badge;
    }
}

#[derive(clap::Parser)]
struct Init {
    #[command(flatten)]
    args: InitArgs,
}

/// One seat: its folder, and its daemon while it runs.
pub(crate) struct Seat {
    pub(crate) config: Config,
    door: SocketAddr,
    running: Option<(
        CancellationToken,
        tokio::task::JoinHandle<Result<(), run::RunError>>,
    )>,
}

/// The whole polity.
pub(crate) struct Polity {
    pub(crate) chain: RootProvider,
    pub(crate) docket: Docket::DocketInstance<RootProvider>,
    pub(crate) network: Network,
    pub(crate) seats: Vec<Seat>,
    pub(crate) anvil: AnvilInstance,
    pub(crate) proxies: Vec<FaultyRpc>,
    pub(crate) committee: Address,
    devices: [[u8; 32]; 3],
    _folder: tempfile::TempDir,
}

fn anvil_path() -> PathBuf {
    if let Some(named) = std::env::var_os("HEARTH_ANVIL") {
        return named.into();
    }
    let system = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let machine = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let packaged = format!("node_modules/@foundry-rs/anvil-{system}-{machine}/bin/anvil");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = root
        .ancestors()
        .map(|folder| folder.join(&packaged))
        .find(|path| path.exists());
    path.expect("anvil: run `npm ci` in the repository, or name it by HEARTH_ANVIL")
}

/// A chain of id 31337 on this machine; it stops when dropped.
pub(crate) fn anvil() -> AnvilInstance {
    Anvil::at(anvil_path())
        .host("127.0.0.1")
        .port(0_u16)
        .timeout(u64::try_from(LIMIT.as_millis()).unwrap())
        .block_time(1)
        .args(["--timestamp", &(IGNITION - 60).to_string()])
        .try_spawn()
        .unwrap()
}

/// Where a seat is found: an address that is held from before it stands on chain until the test ends. A port that is
/// chosen and let go may be somebody else's before the seat binds it.
async fn door(state: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut caller, _) = listener.accept().await.unwrap();
            // A seat that does not run answers nobody.
            let Some(seat) = addresses(&state) else { continue };
            tokio::spawn(async move {
                let mut seat = TcpStream::connect(seat.http).await?;
                tokio::io::copy_bidirectional(&mut caller, &mut seat).await
            });
        }
    });
    address
}

/// Where a seat listens, once it does.
fn addresses(state: &Path) -> Option<Addresses> {
    serde_json::from_slice(&std::fs::read(state.join(ADDRESSES)).ok()?).ok()
}

impl Polity {
    /// Founds it, and starts every seat.
    pub(crate) async fn found() -> Self {
        Self::found_with(TURN, None, |_, _| {}).await
    }

    /// The same with turns of an hour: however slow this machine is, the first turn's seat brings the report.
    pub(crate) async fn found_patient() -> Self {
        Self::found_with(3_600, None, |_, _| {}).await
    }

    /// Founds it with a proxy in this mood before anvil for each seat; `change` puts it into the configuration.
    pub(crate) async fn found_through(mood: Mood, change: impl Fn(&str, &mut Config)) -> Self {
        Self::found_with(TURN, Some(mood), change).await
    }

    async fn found_with(turn: u32, mood: Option<Mood>, change: impl Fn(&str, &mut Config)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        if std::env::var_os("HEARTH_LOG").is_some() {
            let filter = std::env::var("HEARTH_LOG").unwrap();
            let _ = tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_test_writer()
                .try_init();
        }
        let anvil = anvil();
        let chain: RootProvider =
            ProviderBuilder::<_, _, Ethereum>::default().connect_http(anvil.endpoint_url());
        chain.anvil_set_auto_mine(true).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let accounts = anvil.addresses().to_vec();
        let signers: Vec<PrivateKeySigner> = anvil
            .keys()
            .iter()
            .map(|key| PrivateKeySigner::from_bytes(&B256::from_slice(&key.to_bytes())).unwrap())
            .collect();
        let (deployer, founders, identities) = (accounts[0], &accounts[1..4], &accounts[4..8]);
        let devices = [[41; 32], [42; 32], [43; 32]];

        let token = PracticeToken::deploy_builder(&chain)
            .from(deployer)
            .deploy()
            .await
            .unwrap();
        let streams = vec![stream(&devices)];
        let codes: [Bytes; 5] = [
            Roster::BYTECODE.clone(),
            Ledger::BYTECODE.clone(),
            Committee::BYTECODE.clone(),
            Docket::BYTECODE.clone(),
            Mandates::BYTECODE.clone(),
        ];
        let proposal = Charter::Proposal {
            articlesHash: keccak256("articles"),
            token,
            tz: 0,
            floor: 0,
            founders: founders
                .iter()
                .zip(1..)
                .map(|(key, household)| Charter::Founder { key: *key, household })
                .collect(),
            seats: identities.to_vec(),
            alternates: vec![],
            limits: vec![
                200_000, 1_000, 0, 2_592_000, 1_209_600, 9_500, 5_000, 1_209_600, 300, 2_000,
            ],
            modules: codes.iter().map(keccak256).collect(),
            subcontracts: vec![Charter::FirstSubcontract {
                template: keccak256(&*Firewood::BYTECODE),
                terms: wood_terms().abi_encode().into(),
            }],
            streamsHash: keccak256(streams.abi_encode()),
            committee: Charter::CommitteeParameters {
                graceSeconds: 6,
                turnSeconds: turn,
                finalityBlocks: 2,
                bond: 0,
            },
            lineage: Charter::Lineage {
                parent: Address::ZERO,
                kitId: B256::ZERO,
                kitHash: B256::ZERO,
                sourceHash: B256::ZERO,
            },
        };
        let address = Charter::deploy_builder(&chain, proposal)
            .from(deployer)
            .deploy()
            .await
            .unwrap();
        let charter = Charter::new(address, &chain);
        for code in codes {
            landed(charter.install(code).from(deployer).send().await).await;
        }
        let docket_address = charter.module(Module::Docket.into()).call().await.unwrap();
        let docket = Docket::new(docket_address, chain.clone());
        landed(docket.enrolFirst(streams).from(deployer).send().await).await;
        landed(
            charter
                .installFirst(1, Firewood::BYTECODE.clone())
                .from(deployer)
                .send()
                .await,
        )
        .await;
        let proposal_hash = charter.proposalHash().call().await.unwrap();
        for (number, signer) in signers[1..4].iter().enumerate() {
            let badge = keccak256(format!("badge {number}"));
            let words = FoundCharter {
                deed: "I found this charter as proposed and grant the mandates below.".into(),
                proposal: proposal_hash,
                mostPerPeriod: "50.000000 H".into(),
                mandates: String::new(),
                band: 3,
                badge,
            };
            let domain = eip712_domain! {
                name: "Hearth",
                version: "1",
                chain_id: 31_337,
                verifying_contract: address,
            };
            let signature = signer
                .sign_hash_sync(&words.eip712_signing_hash(&domain))
                .unwrap();
            let consent = Charter::FounderConsent {
                globalPerPeriod: 50_000_000,
                mandates: vec![],
                band: 3,
                badge,
            };
            let member = u16::try_from(number + 1).unwrap();
            landed(
                charter
                    .sign(member, consent, signature.as_bytes().into())
                    .from(deployer)
                    .send()
                    .await,
            )
            .await;
        }
        let committee = Committee::new(
            charter.module(Module::Committee.into()).call().await.unwrap(),
            &chain,
        );
        let (mut seats, mut proxies) = (Vec::new(), Vec::new());
        for (number, identity) in identities.iter().enumerate() {
            let at = folder.path().join(format!("seat-{number}"));
            let door = door(at.join("state")).await;
            let seat = number.to_string();
            let args = Init::parse_from([
                "init",
                at.to_str().unwrap(),
                "--seat",
                &seat,
                "--rpc",
                &anvil.endpoint(),
                "--charter",
                &address.to_string(),
                "--identity",
                &identity.to_string(),
                "--endpoint",
                &format!("http://{door}"),
                "--mqtt",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--operator",
                "127.0.0.1:0",
            ])
            .args;
            let prepared = init::init(&args).unwrap();
            chain
                .anvil_set_balance(prepared.gas, U256::from(10).pow(U256::from(18)))
                .await
                .unwrap();
            let card = prepared.card;
            let id = u8::try_from(number).unwrap();
            landed(
                committee
                    .register(id, card.report_key, card.transport_key, card.endpoint)
                    .from(*identity)
                    .send()
                    .await,
            )
            .await;
            let mut config = Config::read(&prepared.config).unwrap();
            config.chain.poll = Duration::from_millis(200);
            if let Some(mood) = mood {
                let proxy = FaultyRpc::before(anvil.endpoint(), mood).await;
                change(&proxy.url, &mut config);
                proxies.push(proxy);
            }
            seats.push(Seat {
                config,
                door,
                running: None,
            });
        }
        landed(charter.ignite().from(deployer).send().await).await;
        chain.anvil_set_auto_mine(false).await.unwrap();
        chain.anvil_set_interval_mining(1).await.unwrap();
        let network = Network::of(31_337, address);
        let committee = *committee.address();
        let mut polity = Self {
            chain,
            docket,
            network,
            seats,
            anvil,
            proxies,
            committee,
            devices,
            _folder: folder,
        };
        for number in 0..4 {
            polity.start(number).await;
        }
        polity
    }

    /// Starts a seat, and waits until it is ready.
    pub(crate) async fn start(&mut self, number: usize) {
        self.start_by(number, Arc::new(WallClock)).await;
    }

    /// The same by another clock.
    pub(crate) async fn start_by(&mut self, number: usize, clock: Arc<dyn Clock>) {
        let seat = &mut self.seats[number];
        let running: Running = run::start(seat.config.clone(), clock).await.unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(running.until(stop.clone()));
        seat.running = Some((stop, task));
        self.until_ready(number).await;
    }

    /// Waits until a seat is ready, whether it runs here or in a process of its own.
    pub(crate) async fn until_ready(&self, number: usize) {
        until("the seat is ready", async || {
            let Some(addresses) = addresses(&self.seats[number].config.state) else {
                return false;
            };
            let answer = reqwest::get(format!("http://{}/readyz", addresses.operator)).await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Stops a seat and waits until it is drained.
    pub(crate) async fn stop(&mut self, number: usize) {
        if let Some((stop, task)) = self.seats[number].running.take() {
            stop.cancel();
            task.await.unwrap().unwrap();
            std::fs::remove_file(self.seats[number].config.state.join(ADDRESSES)).unwrap();
        }
    }

    /// Sends a whole day of heartbeats and readings to every seat that runs; each must keep all of it.
    pub(crate) async fn sense_a_day(&self) {
        for number in 0..self.seats.len() {
            if self.seats[number].running.is_some() {
                self.sense_a_day_to(number).await;
            }
        }
    }

    /// The same to one seat.
    pub(crate) async fn sense_a_day_to(&self, number: usize) {
        let mut body = String::new();
        for (index, secret) in self.devices.iter().enumerate() {
            let kid = Kid::of(&RealKeys.public(secret));
            let mut records = vec![format!(
                r#"{{"bn":"urn:hearth:{kid}:","n":"beat","t":{DAY},"vb":true}}"#
            )];
            let mut last = DAY;
            for time in (DAY + BEAT..DAY + 86_400).step_by(usize::try_from(BEAT).unwrap()) {
                records.push(format!(r#"{{"n":"beat","t":{time},"vb":true}}"#));
                last = time;
            }
            // At noon the first founder takes two pieces.
            match index {
                0 => {
                    for (time, pieces) in [(DAY, 52), (NOON, 50), (last, 50)] {
                        let model = "05".repeat(8);
                        records.push(format!(
                            r#"{{"n":"wood/pieces","u":"count","t":{time},"v":{pieces}}}"#
                        ));
                        records.push(format!(
                            r#"{{"n":"wood/confidence","u":"/","t":{time},"v":0.95}}"#
                        ));
                        records.push(format!(r#"{{"n":"wood/model","t":{time},"vs":"{model}"}}"#));
                    }
                }
                1 => {
                    for (time, grams) in [(DAY, 52_000), (NOON + 2, 50_600), (last, 50_600)] {
                        records.push(format!(r#"{{"n":"wood/mass","u":"g","t":{time},"v":{grams}}}"#));
                    }
                }
                _ => {
                    let badge = hex::encode(keccak256("badge 0"));
                    let time = NOON + 1;
                    records.push(format!(r#"{{"n":"tap","t":{time},"vs":"{badge}"}}"#));
                }
            }
            let pack = format!("[{}]", records.join(","));
            let counter = Counter::new(1, 1);
            body.push_str(&verify::envelope(
                secret,
                self.network,
                counter,
                last,
                pack.as_bytes(),
                &RealKeys,
            ));
            body.push('\n');
        }
        let url = format!("http://{}/v1/up", self.seats[number].door);
        let answer = reqwest::Client::new().post(url).body(body).send().await.unwrap();
        assert!(
            answer.headers().get("hearth-refused").is_none(),
            "{:?}",
            answer.headers()
        );
        let text = answer.text().await.unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    /// Moves the chain's clock on to `time`, unless it is there already.
    pub(crate) async fn warp_to(&self, time: u64) {
        until("the chain's clock is there", async || {
            // Refused where a block came in between that is later.
            let _ = self.chain.anvil_set_next_block_timestamp(time).await;
            self.chain.evm_mine(None).await.unwrap();
            let head = self
                .chain
                .get_block_by_number(BlockNumberOrTag::Latest)
                .await
                .unwrap();
            head.unwrap().header.timestamp >= time
        })
        .await;
    }

    /// A seat's identity takes another report key to the committee.
    pub(crate) async fn rotate(&self, number: usize, report_key: Address) {
        let committee = Committee::new(self.committee, &self.chain);
        let id = u8::try_from(number).unwrap();
        let known = committee.seat(id).call().await.unwrap();
        landed(
            committee
                .rotate(id, report_key, known.transportKey, known.endpoint)
                .from(self.anvil.addresses()[4 + number])
                .send()
                .await,
        )
        .await;
    }

    /// Ends the day, and waits for its report.
    pub(crate) async fn until_accepted(&self) {
        self.warp_to(END).await;
        until("the report is accepted", async || self.state().await != 0).await;
    }

    /// Ends the report's window, and waits for its settlement.
    pub(crate) async fn until_settled(&self) {
        self.warp_to(END + 86_400 + 3_600).await;
        until("the report is settled", async || self.state().await == SETTLED).await;
    }

    /// The seat whose turn `turn` of the day is.
    pub(crate) fn seat_of_turn(&self, turn: usize) -> usize {
        (usize::try_from(DAY / 86_400).unwrap() + turn) % self.seats.len()
    }

    /// What a running seat tells of itself.
    pub(crate) async fn status(&self, number: usize) -> serde_json::Value {
        let address = hearth_oracle::doctor::addresses(&self.seats[number].config)
            .unwrap()
            .operator;
        reqwest::get(format!("http://{address}/v1/status"))
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// What a running seat shows to be watched.
    pub(crate) async fn metrics(&self, number: usize) -> String {
        let address = hearth_oracle::doctor::addresses(&self.seats[number].config)
            .unwrap()
            .operator;
        reqwest::get(format!("http://{address}/metrics"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }

    /// A founder's key.
    pub(crate) fn key(&self, founder: usize) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::from_slice(&self.anvil.keys()[founder].to_bytes())).unwrap()
    }

    /// The day's number.
    pub(crate) fn epoch() -> Epoch {
        Epoch(u32::try_from(DAY / 86_400).unwrap())
    }

    /// Where a seat hears devices, peers and members.
    pub(crate) fn endpoint(&self, number: usize) -> String {
        format!("http://{}", self.seats[number].door)
    }

    /// Asks a seat for a member's list, signed by a founder; status and body.
    pub(crate) async fn list(&self, number: usize, member: u16, signer: usize) -> (u16, serde_json::Value) {
        let (epoch, until) = (Self::epoch(), WallClock.unix_seconds() + 240);
        let text = itemised::request(self.network, StreamId(1), epoch, MemberId(member), until);
        let signature = self.key(signer).sign_message_sync(text.as_bytes()).unwrap();
        let url = format!(
            "http://{}/v1/list?stream=1&epoch={epoch}&member={member}&until={until}&signature={signature}",
            self.seats[number].door
        );
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The day's payload, as the chain accepted it.
    pub(crate) async fn payload(&self) -> Bytes {
        let accepted = self
            .docket
            .Accepted_filter()
            .from_block(0_u64)
            .query()
            .await
            .unwrap();
        accepted[0].0.payload.clone()
    }

    /// The seats whose signatures carried the day's report, one bit each.
    pub(crate) async fn signers(&self) -> u32 {
        let accepted = self
            .docket
            .Accepted_filter()
            .from_block(0_u64)
            .query()
            .await
            .unwrap();
        (accepted[0].0.header & U256::from(u32::MAX)).to()
    }

    /// Where the day's report stands: the docket's own word.
    pub(crate) async fn state(&self) -> u8 {
        let epoch = alloy::primitives::Uint::<24, 1>::from(DAY / 86_400);
        self.docket.stateOf(1, 1, epoch).call().await.unwrap()
    }
}

impl Drop for Polity {
    fn drop(&mut self) {
        for seat in &self.seats {
            if let Some((stop, _)) = &seat.running {
                stop.cancel();
            }
        }
    }
}

async fn landed(sent: Result<alloy::providers::PendingTransactionBuilder<Ethereum>, alloy::contract::Error>) {
    let receipt = sent.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status(), "a step of the founding was reverted");
}

/// Waits until something holds, for [`LIMIT`] at most.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(LIMIT, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    waited
        .await
        .unwrap_or_else(|_| panic!("waited {LIMIT:?} in vain until {what}"));
}

fn ascii<const N: usize>(text: &str) -> FixedBytes<N> {
    let mut bytes = [0; N];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    bytes.into()
}

fn stream(devices: &[[u8; 32]; 3]) -> Docket::StreamTerms {
    let device = |secret: &[u8; 32], kind: &str| Docket::Device {
        key: RealKeys.public(secret).into(),
        alg: 1,
        kind: ascii(kind),
        intervalSeconds: u32::try_from(BEAT).unwrap(),
        calibratedUntil: alloy::primitives::Uint::<40, 1>::MAX,
    };
    Docket::StreamTerms {
        subcontract: 1,
        epochKind: 0,
        windowSeconds: 86_400,
        zone: ascii("pile"),
        custodian: 1,
        dataClass: 0,
        estimator: ascii("wood"),
        parameters: Parameters {
            tau: 8_000,
            noise: 300,
            drift: 2_000,
            spread: 500,
            provider: MemberId(3),
        }
        .encode()
        .into(),
        modelHash: B256::repeat_byte(5),
        devices: vec![
            device(&devices[0], "radar"),
            device(&devices[1], "scale"),
            device(&devices[2], "badge"),
        ],
    }
}

fn wood_terms() -> Firewood::FirewoodTerms {
    Firewood::FirewoodTerms {
        stream: 1,
        provider: 3,
        price: 500_000,
        refGrams: 1_000,
        multiples: [0, 2_500, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000],
        bounds: [
            0,
            5_000_000,
            10_000_000,
            20_000_000,
            40_000_000,
            60_000_000,
            90_000_000,
            120_000_000,
        ],
        shrinkageBps: 200,
    }
}
