//! A founded village: a local chain, four seats, an edge, and the people's keys, all in one folder.
//!
//! *In*: the binaries, a chain. *Out*: [`Village`], founded through the same commands people type. *Never*: a shortcut
//! that a testnet would not have, except the coin that pays for gas.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use alloy::network::EthereumWallet;
use alloy::primitives::{Address, U256};
use alloy::providers::DynProvider;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use eyre::{Result, WrapErr, bail, eyre};
use hearth::amount::Amount;
use hearth::artifacts::Artifacts;
use hearth::card::{Card, MemberCard};
use hearth::chain::{call, connect, land};
use hearth::found::{Deployment, found, ignite};
use hearth::keys;
use hearth::kit::Kit;
use hearth::plan::Plan;
use hearth::sign::{Consent, Signature};
use hearth_bindings::{Committee, Ledger, PracticeToken};
use tokio::task::JoinSet;

use crate::binaries::{Binaries, ask};
use crate::chain::{CHAIN_ID, LocalChain};
use crate::child::Running;
use crate::edge::Edge;
use crate::people::{self, PEOPLE, Person, SEATS};

/// The pile's devices, by kind; one file each in `edge/`.
pub const DEVICES: [&str; 3] = ["radar", "scale", "badge"];
/// The radar's model, in `edge/`.
pub const MODEL: &str = "wood-pile.model.json";
/// Seconds between two heartbeats of a device, as registered.
pub const BEAT_SECONDS: u32 = 1_800;
/// Readings of one envelope lie within this many seconds.
const PACK_SECONDS: u32 = 3_600;
/// Whole coins of the local chain given to whoever pays for gas.
const GAS: u64 = 100;

/// What a demonstration's keystores open with; they guard nothing.
const PASSWORD: &str = "a demonstration guards nothing";
/// Purses of seats, in the ledger's account ids.
const SEAT_PURSE: u32 = 1 << 24;
/// Most the practice token mints at once, units of H.
const MINT: u64 = 1_000_000_000;

/// A plan and everybody's word on it.
pub struct Agreed {
    kit: Kit,
    plan: Plan,
    signatures: Vec<Signature>,
    people: Vec<PrivateKeySigner>,
}

impl Agreed {
    /// The kit that was agreed on.
    pub fn kit(&self) -> &Kit {
        &self.kit
    }
}

/// Where one seat listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// MQTT for devices.
    pub mqtt: u16,
    /// HTTP for devices and peers.
    pub http: u16,
    /// Health, status and metrics for its operator.
    pub operator: u16,
}

/// The folder of a village, and what is known of it before and after founding.
#[derive(Clone, Debug)]
pub struct Village {
    /// Everything lies in here.
    pub folder: PathBuf,
    /// The programs.
    pub binaries: Binaries,
    /// By seat.
    pub ports: Vec<Ports>,
}

impl Village {
    /// Makes the folder, the people's keys and the seats' keys and cards.
    pub async fn prepare(folder: &Path, binaries: &Binaries, rpc: &str) -> Result<Self> {
        for name in ["people", "seats", "edge", "logs", "signatures", "deployments"] {
            std::fs::create_dir_all(folder.join(name)).wrap_err("failed to make the village's folder")?;
        }
        write_secret(&folder.join("password"), &format!("{PASSWORD}\n"))?;
        let village = Self {
            folder: folder.to_path_buf(),
            binaries: binaries.clone(),
            ports: ports(SEATS.len())?,
        };

        let mut making = JoinSet::new();
        for person in PEOPLE {
            let people = village.folder.join("people");
            making.spawn_blocking(move || make_person(&people, &person));
        }
        for (seat, name) in SEATS.iter().enumerate() {
            let ports = village.ports[seat];
            let mut command = village.binaries.oracle(&village.folder);
            command
                .arg("init")
                .arg(format!("seats/{seat}"))
                .args(["--seat", &seat.to_string(), "--name", name, "--rpc", rpc])
                .args(["--chain-id", &CHAIN_ID.to_string()])
                .args(["--endpoint", &format!("http://127.0.0.1:{}", ports.http)])
                .args(["--mqtt", &format!("127.0.0.1:{}", ports.mqtt)])
                .args(["--http", &format!("127.0.0.1:{}", ports.http)])
                .args(["--operator", &format!("127.0.0.1:{}", ports.operator)]);
            making.spawn(async move { ask(&mut command).await.map(drop) });
        }
        join(making).await?;
        Ok(village)
    }

    /// The same village in another folder, as it was when its seats had not run yet.
    pub fn copied_to(&self, folder: &Path) -> Result<Self> {
        for name in ["people", "seats", "edge", "deployments"] {
            copy(&self.folder.join(name), &folder.join(name))?;
        }
        copy(&self.folder.join("password"), &folder.join("password"))?;
        std::fs::create_dir_all(folder.join("logs")).wrap_err("failed to make the folder of logs")?;
        Ok(Self {
            folder: folder.to_path_buf(),
            ..self.clone()
        })
    }

    /// Has a seat reach the chain at another address.
    pub fn point_seat_at(&self, seat: usize, rpc: &str) -> Result<()> {
        let path = self.seat_folder(seat).join("hearth-oracle.toml");
        let text = std::fs::read_to_string(&path).wrap_err("failed to read a seat's configuration")?;
        let lines: Vec<String> = text
            .lines()
            .map(|line| {
                if line.starts_with("rpc = ") {
                    format!("rpc = \"{rpc}\"")
                } else {
                    line.to_owned()
                }
            })
            .collect();
        std::fs::write(&path, lines.join("\n") + "\n").wrap_err("failed to write a seat's configuration")
    }

    /// Writes lines into a table of a seat's configuration.
    pub fn set(&self, seat: usize, table: &str, lines: &str) -> Result<()> {
        let path = self.seat_folder(seat).join("hearth-oracle.toml");
        let text = std::fs::read_to_string(&path).wrap_err("failed to read a seat's configuration")?;
        let text = text.replacen(&format!("[{table}]\n"), &format!("[{table}]\n{lines}\n"), 1);
        std::fs::write(&path, text).wrap_err("failed to write a seat's configuration")
    }

    /// Makes the devices' keys and cards, and trains the radar's model on these lessons.
    pub async fn make_devices(&self, lessons: &[PathBuf], calibrated_until: u64) -> Result<()> {
        let folder = self.folder.join("edge");
        for kind in DEVICES {
            let mut make = self.binaries.oracle(&folder);
            make.args([
                "key",
                "device",
                kind,
                "--kind",
                kind,
                "--interval",
                &BEAT_SECONDS.to_string(),
            ])
            .args(["--calibrated-until", &calibrated_until.to_string()]);
            ask(&mut make).await?;
        }
        let mut train = self.binaries.oracle(&folder);
        train
            .arg("train")
            .arg("--frames")
            .args(lessons)
            .args(["--model", MODEL]);
        ask(&mut train).await.map(drop)
    }

    /// Starts the edge, which replays the week in `week` from `begin` (unix seconds) on the clock of the chain at `rpc`.
    pub fn start_edge(&self, place: &Deployment, rpc: &str, week: &Path, begin: u64) -> Result<Edge> {
        let folder = self.folder.join("edge");
        let mut text = format!(
            "network = \"{}\"\noutbox = \"outbox\"\npassword_file = \"password\"\nclock = \"chain\"\nrpc_url = \"{rpc}\"\npack_seconds = {PACK_SECONDS}\n\n[replay]\nbegin = {begin}\n",
            place.network
        );
        for (seat, ports) in self.ports.iter().enumerate() {
            let card = match Card::read(&self.seat_folder(seat).join("seat.json"))
                .wrap_err("failed to read a seat's card")?
            {
                Card::Seat(card) => card,
                other => bail!("{} is not a seat's card", other.name()),
            };
            text += &format!(
                "\n[[seat]]\ntransport_key = \"{}\"\nmqtt = \"mqtt://127.0.0.1:{}\"\n",
                card.transport_key, ports.mqtt
            );
        }
        for kind in DEVICES {
            text += &format!(
                "\n[[device]]\nkind = \"{kind}\"\nkey = \"{kind}.key.json\"\ninterval_seconds = {BEAT_SECONDS}\n"
            );
            if kind == "radar" {
                text += &format!("model = \"{MODEL}\"\n");
            }
        }
        let config = folder.join("edge.toml");
        std::fs::write(&config, text).wrap_err("failed to write the edge's configuration")?;
        std::fs::create_dir_all(folder.join("outbox")).wrap_err("failed to make the devices' outboxes")?;
        let mut command = self.binaries.oracle(&folder);
        command
            .arg("sense")
            .arg("--config")
            .arg(&config)
            .arg("--replay")
            .arg(week);
        let running = Running::start("the edge", &mut command, &self.folder.join("logs/edge.log"))?;
        let outboxes = DEVICES
            .iter()
            .map(|kind| folder.join(format!("outbox/{kind}.sqlite")))
            .collect();
        Ok(Edge::new(running, outboxes))
    }

    /// Gives gas to everybody who sends: people, operators, seats.
    pub async fn fuel(&self, chain: &LocalChain) -> Result<()> {
        for person in PEOPLE {
            let keystore = self.folder.join(format!("people/{}.json", person.name));
            chain.fund(address_of(&keystore, PASSWORD)?, GAS).await?;
        }
        for seat in 0..SEATS.len() {
            for key in ["identity", "gas"] {
                chain.fund(self.account(seat, key)?, GAS).await?;
            }
        }
        Ok(())
    }

    /// Writes the charter of these people and devices.
    pub fn write_charter(&self) -> Result<()> {
        let kit = std::fs::read_to_string(crate::chain::root().join("kits/firewood.toml"))
            .wrap_err("failed to read the kit")?;
        std::fs::write(
            self.folder.join("charter.toml"),
            people::charter(&kit, &DEVICES, MODEL),
        )
        .wrap_err("failed to write the charter")
    }

    /// Plans the founding and has every founder sign it, each with the key of their keystore.
    pub fn sign(&self, expiry: u64) -> Result<Agreed> {
        let path = self.folder.join("charter.toml");
        let kit = Kit::read(&path).wrap_err("failed to read the charter")?;
        let plan = Plan::new(&kit, &Artifacts::embedded(), CHAIN_ID);
        let people = self.keys(
            PEOPLE
                .iter()
                .map(|person| self.folder.join(format!("people/{}.json", person.name))),
            PASSWORD,
        )?;
        let signatures = kit
            .founders
            .iter()
            .zip(&people)
            .map(|(founder, key)| {
                Signature::make(&kit, &plan, Consent::from_terms(&founder.consent, expiry), key)
            })
            .collect::<Result<Vec<_>, _>>()
            .wrap_err("a founder failed to sign")?;
        Ok(Agreed {
            kit,
            plan,
            signatures,
            people,
        })
    }

    /// Carries the plan out, as `hearth found` does.
    pub async fn found(&self, rpc: &str, agreed: &Agreed, mut told: impl FnMut(&str)) -> Result<Deployment> {
        let (chain, sender) = self.at(rpc, &agreed.people).await?;
        let place = found(
            &chain,
            sender,
            &agreed.kit,
            &agreed.plan,
            &agreed.signatures,
            |progress| {
                told(&format!(
                    "{} of {}: {}",
                    progress.step, progress.of, progress.label
                ));
            },
        )
        .await
        .wrap_err("failed to found")?;
        place
            .write(&self.folder.join("deployments"))
            .wrap_err("failed to write the deployment")?;
        Ok(place)
    }

    /// Seats register with their bonds, and everybody deposits.
    pub async fn gather(&self, rpc: &str, agreed: &Agreed, place: &Deployment) -> Result<()> {
        let mut gathering = JoinSet::new();
        let bond = agreed.kit.committee.bond.0;
        for (number, terms) in (0_u8..).zip(&agreed.kit.seats) {
            let card = terms
                .card
                .clone()
                .ok_or_else(|| eyre!("seat {number} has no card"))?;
            let folder = self.seat_folder(usize::from(number));
            let password = std::fs::read_to_string(folder.join("keys/password"))
                .wrap_err("failed to read a seat's password")?;
            let key = self
                .keys([folder.join("keys/identity.json")], password.trim_end())?
                .remove(0);
            let (chain, identity) = self.at(rpc, &[key]).await?;
            let place = place.clone();
            gathering.spawn(async move {
                pay(&chain, identity, &place, SEAT_PURSE | u32::from(number), bond).await?;
                let register = Committee::registerCall {
                    id: number,
                    reportKey: card.report_key,
                    transportKey: card.transport_key,
                    endpoint: card.endpoint,
                };
                send(&chain, "register a seat", identity, place.committee, &register).await
            });
        }
        for ((member, person), key) in (1_u32..).zip(PEOPLE).zip(&agreed.people) {
            let (chain, sender) = self.at(rpc, std::slice::from_ref(key)).await?;
            let place = place.clone();
            let amount: Amount = person.deposit.parse().wrap_err("failed to read a deposit")?;
            gathering.spawn(async move { pay(&chain, sender, &place, member, amount.0).await });
        }
        join(gathering).await
    }

    /// Sets the charter alight, and tells the seats which it is.
    pub async fn ignite(&self, rpc: &str, agreed: &Agreed) -> Result<Deployment> {
        let (chain, sender) = self.at(rpc, &agreed.people).await?;
        let place = ignite(&chain, sender, &agreed.kit, &agreed.plan)
            .await
            .wrap_err("failed to ignite")?;
        place
            .write(&self.folder.join("deployments"))
            .wrap_err("failed to write the deployment")?;
        for seat in 0..SEATS.len() {
            let path = self.seat_folder(seat).join("hearth-oracle.toml");
            let text = std::fs::read_to_string(&path).wrap_err("failed to read a seat's configuration")?;
            let named = text.replacen(
                "# charter = \"0x\u{2026}\"",
                &format!("charter = \"{}\"", place.charter),
                1,
            );
            std::fs::write(&path, named).wrap_err("failed to write a seat's configuration")?;
        }
        Ok(place)
    }

    /// A client that signs with these keys, and the account of the first.
    async fn at(&self, rpc: &str, keys: &[PrivateKeySigner]) -> Result<(DynProvider, Address)> {
        let mut wallet = EthereumWallet::default();
        for key in keys {
            wallet.register_signer(key.clone());
        }
        let first = keys.first().ok_or_else(|| eyre!("nobody signs"))?.address();
        Ok((
            connect(rpc, Some(wallet))
                .await
                .wrap_err("failed to reach the chain")?,
            first,
        ))
    }

    fn keys(
        &self,
        files: impl IntoIterator<Item = PathBuf>,
        password: &str,
    ) -> Result<Vec<PrivateKeySigner>> {
        files
            .into_iter()
            .map(|file| keys::open(&file, password).wrap_err("failed to open a keystore"))
            .collect()
    }

    /// The account of one of a seat's keys: `identity`, `report` or `gas`.
    pub fn account(&self, seat: usize, key: &str) -> Result<Address> {
        let folder = self.seat_folder(seat).join("keys");
        let password =
            std::fs::read_to_string(folder.join("password")).wrap_err("failed to read a seat's password")?;
        address_of(&folder.join(format!("{key}.json")), password.trim_end())
    }

    /// What stands on the chain.
    pub fn deployment(&self) -> Result<Deployment> {
        Deployment::read(&self.folder.join(format!("deployments/{CHAIN_ID}.json")))
            .wrap_err("failed to read the deployment")
    }

    /// The folder of a seat.
    pub fn seat_folder(&self, seat: usize) -> PathBuf {
        self.folder.join(format!("seats/{seat}"))
    }

    /// The clerk in this folder.
    pub fn hearth(&self, rpc: &str) -> tokio::process::Command {
        self.binaries.hearth(&self.folder, rpc)
    }

    /// The clerk with one person's key, for people: tables instead of JSON.
    pub fn words(&self, person: &Person, rpc: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.binaries.hearth);
        command
            .current_dir(&self.folder)
            .args(["--rpc-url", rpc, "--keystore"])
            .arg(format!("people/{}.json", person.name))
            .args(["--password-file", "password"]);
        command
    }

    /// The clerk with one person's key.
    pub fn as_person(&self, person: &Person, rpc: &str) -> tokio::process::Command {
        let mut command = self.hearth(rpc);
        command
            .arg("--keystore")
            .arg(format!("people/{}.json", person.name))
            .args(["--password-file", "password"]);
        command
    }
}

/// A person's keystore and card.
fn make_person(folder: &Path, person: &Person) -> Result<()> {
    let key = keys::make(&folder.join(format!("{}.json", person.name)), PASSWORD)
        .wrap_err("failed to make a key")?;
    let card = Card::Member(MemberCard {
        v: hearth::card::VERSION,
        name: person.name.to_owned(),
        key: key.address(),
        badge: Some(person.badge()),
    });
    let text = serde_json::to_string_pretty(&card).wrap_err("failed to write a person's card")?;
    std::fs::write(folder.join(format!("{}.card.json", person.name)), text)
        .wrap_err("failed to write a person's card")
}

/// Mints practice money, and deposits it.
async fn pay(
    chain: &DynProvider,
    from: Address,
    place: &Deployment,
    account: u32,
    amount: u64,
) -> Result<()> {
    let mut left = amount;
    while left > 0 {
        let part = left.min(MINT);
        let mint = PracticeToken::mintCall {
            to: from,
            amount: U256::from(part),
        };
        send(chain, "mint practice money", from, place.token, &mint).await?;
        left -= part;
    }
    let approve = PracticeToken::approveCall {
        spender: place.ledger,
        value: U256::from(amount),
    };
    send(
        chain,
        "allow the ledger to take a deposit",
        from,
        place.token,
        &approve,
    )
    .await?;
    send(
        chain,
        "deposit",
        from,
        place.ledger,
        &Ledger::depositCall { account, amount },
    )
    .await
}

async fn send(chain: &DynProvider, act: &str, from: Address, to: Address, what: &impl SolCall) -> Result<()> {
    land(chain, act, call(from, to, what.abi_encode().into()))
        .await
        .map(drop)
        .wrap_err_with(|| format!("failed to {act}"))
}

/// The address of the key in a keystore.
fn address_of(keystore: &Path, password: &str) -> Result<Address> {
    Ok(keys::open(keystore, password)
        .wrap_err("failed to open a keystore")?
        .address())
}

/// Copies a file or a folder with all it holds; modes go along.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("failed to copy {}", from.display());
    if !from.is_dir() {
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).wrap_err_with(failed)?;
        }
        return std::fs::copy(from, to).map(drop).wrap_err_with(failed);
    }
    std::fs::create_dir_all(to).wrap_err_with(failed)?;
    for entry in std::fs::read_dir(from).wrap_err_with(failed)? {
        let entry = entry.wrap_err_with(failed)?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

async fn join(mut running: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = running.join_next().await {
        ended.wrap_err("a command was cut off")??;
    }
    Ok(())
}

/// Free ports, all different: the listeners are held until every port is known.
fn ports(seats: usize) -> Result<Vec<Ports>> {
    let held = (0..seats * 3)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<std::io::Result<Vec<_>>>()
        .wrap_err("failed to find free ports")?;
    let ports = held
        .iter()
        .map(|listener| listener.local_addr().map(|address| address.port()))
        .collect::<std::io::Result<Vec<_>>>()
        .wrap_err("failed to read free ports")?;
    Ok(ports
        .chunks(3)
        .map(|three| Ports {
            mqtt: three[0],
            http: three[1],
            operator: three[2],
        })
        .collect())
}

fn write_secret(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .wrap_err_with(|| format!("failed to write {}", path.display()))?;
    file.write_all(text.as_bytes())
        .wrap_err_with(|| format!("failed to write {}", path.display()))
}
