//! A founded village: a local chain, four seats, an edge, and the people's keys, all in one folder.
//!
//! *In*: the binaries, a chain. *Out*: [`Village`], founded through the same commands people type. *Never*: a shortcut
//! that a testnet would not have, except the coin that pays for gas.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use eyre::{Result, WrapErr, bail, eyre};
use hearth::card::{self, Card, MemberCard};
use hearth::found::Deployment;
use hearth::kit::Kit;
use hearth_keystore::Password;
use tokio::task::JoinSet;

use crate::binaries::{Binaries, ask, ask_json, told_by};
use crate::chain::{CHAIN_ID, LocalChain};
use crate::child::Running;
use crate::edge::Edge;
use crate::people::{self, PEOPLE, Person, SEATS};
use crate::ports::free_ports;

/// The pile's devices, by kind; one file each in `edge/`.
pub const DEVICES: [&str; 3] = ["radar", "scale", "badge"];
/// The radar's model, in `edge/`.
pub const MODEL: &str = "wood-pile.model.json";
/// Seconds between two heartbeats of a device, as registered.
pub const BEAT_SECONDS: u32 = 1_800;
/// Readings of one envelope lie within this many seconds.
const PACK_SECONDS: u32 = 3_600;
/// The charter's file.
const CHARTER: &str = "charter.toml";
/// Whole coins of the local chain given to whoever pays for gas.
const GAS: u64 = 100;

/// What a demonstration's keystores open with; they guard nothing.
const PASSWORD: &str = "a demonstration guards nothing";

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
            let card = match card::read(&self.seat_folder(seat).join("seat.json"))
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
            chain.fund(address_of(&keystore)?, GAS).await?;
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
        std::fs::write(self.folder.join(CHARTER), people::charter(&kit, &DEVICES, MODEL))
            .wrap_err("failed to write the charter")
    }

    /// The charter as it is written.
    pub fn kit(&self) -> Result<Kit> {
        Kit::read(&self.folder.join(CHARTER)).wrap_err("failed to read the charter")
    }

    /// Every founder signs, each with the key of their keystore; their mandates end at `expiry` (unix seconds).
    pub async fn sign(&self, rpc: &str, expiry: u64) -> Result<()> {
        ask(self.hearth(rpc).args(["check", CHARTER])).await?;
        let mut signing = JoinSet::new();
        for person in PEOPLE {
            let mut sign = self.as_person(&person, rpc);
            sign.args(["sign", CHARTER, "--yes", "--until", &expiry.to_string()]);
            signing.spawn(async move { ask(&mut sign).await.map(drop) });
        }
        join(signing).await
    }

    /// Carries out the plan: its hash is what the founders compared.
    pub async fn found(&self, rpc: &str, told: impl FnMut(&str)) -> Result<Deployment> {
        let plan = ask_json(self.hearth(rpc).args(["plan", CHARTER])).await?;
        let hash = plan["hash"]
            .as_str()
            .ok_or_else(|| eyre!("the plan has no hash"))?;
        let mut found = self.as_person(&PEOPLE[0], rpc);
        told_by(found.args(["found", CHARTER, "--yes", hash]), told).await?;
        self.deployment()
    }

    /// Seats register with their bonds, and everybody deposits.
    pub async fn gather(&self, rpc: &str) -> Result<()> {
        let mut gathering = JoinSet::new();
        for seat in 0..SEATS.len() {
            let folder = format!("seats/{seat}");
            let mut register = self.hearth(rpc);
            register
                .args(["--keystore", &format!("{folder}/keys/identity.json")])
                .args(["--password-file", &format!("{folder}/keys/password")])
                .args(["seat", &format!("{folder}/seat.json"), "--yes"]);
            gathering.spawn(async move { ask(&mut register).await.map(drop) });
        }
        for person in PEOPLE {
            let mut deposit = self.as_person(&person, rpc);
            deposit.args(["deposit", person.deposit, "--yes"]);
            gathering.spawn(async move { ask(&mut deposit).await.map(drop) });
        }
        join(gathering).await
    }

    /// Ignites the charter, and tells the seats which it is.
    pub async fn ignite(&self, rpc: &str) -> Result<Deployment> {
        ask(self.as_person(&PEOPLE[0], rpc).args(["ignite", CHARTER])).await?;
        let place = self.deployment()?;
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

    /// The account of one of a seat's keys: `identity`, `report` or `gas`.
    pub fn account(&self, seat: usize, key: &str) -> Result<Address> {
        address_of(&self.seat_folder(seat).join(format!("keys/{key}.json")))
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

    /// Has the clerk say something to the person at this terminal.
    pub async fn show(&self, rpc: &str, words: &[&str]) -> Result<()> {
        let mut command = tokio::process::Command::new(&self.binaries.hearth);
        command
            .current_dir(&self.folder)
            .args(["--rpc-url", rpc])
            .args(words);
        let status = command.status().await.wrap_err("failed to start hearth")?;
        if !status.success() {
            bail!("`hearth {}` ended with {status}", words.join(" "));
        }
        Ok(())
    }

    /// What the clerk tells one person, as they read it.
    pub async fn told(&self, person: &Person, rpc: &str, words: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::new(&self.binaries.hearth);
        command
            .current_dir(&self.folder)
            .args(["--rpc-url", rpc, "--password-file", "password", "--keystore"])
            .arg(format!("people/{}.json", person.name))
            .args(words);
        ask(&mut command).await
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
    let keystore = folder.join(format!("{}.json", person.name));
    let key = hearth_keystore::make(&keystore, &Password::new(PASSWORD)).wrap_err("failed to make a key")?;
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

/// The address of the key in a keystore.
fn address_of(keystore: &Path) -> Result<Address> {
    hearth_keystore::address(keystore).wrap_err("failed to read a keystore")
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

fn ports(seats: usize) -> Result<Vec<Ports>> {
    Ok(free_ports(seats * 3)?
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
