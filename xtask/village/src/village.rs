//! A founded village: a local chain, four seats, an edge, and the people's keys, all in one folder.
//!
//! *In*: the binaries, a chain. *Out*: [`Village`], founded through the same commands people type. *Never*: a shortcut
//! that a testnet would not have, except the coin that pays for gas.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use eyre::{Result, WrapErr, eyre};
use hearth::found::Deployment;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::binaries::{Binaries, ask};
use crate::chain::{CHAIN_ID, LocalChain};
use crate::people::{self, PEOPLE, Person, SEATS};

/// Whole coins of the local chain given to whoever pays for gas.
const GAS: u64 = 100;

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
        write_secret(&folder.join("password"), "a demonstration's password guards nothing\n")?;
        let village = Self { folder: folder.to_path_buf(), binaries: binaries.clone(), ports: ports(SEATS.len())? };

        let mut making = JoinSet::new();
        for person in PEOPLE {
            let mut command = village.hearth(rpc);
            command
                .args(["--password-file", "password", "key"])
                .arg(format!("people/{}.json", person.name))
                .args(["--name", person.name]);
            let card = village.folder.join(format!("people/{}.card.json", person.name));
            making.spawn(async move {
                let text = ask(&mut command).await?;
                std::fs::write(card, text).wrap_err("failed to write a person's card")
            });
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

    /// Gives gas to everybody who sends: people, operators, seats.
    pub async fn fuel(&self, chain: &LocalChain) -> Result<()> {
        let mut accounts: Vec<PathBuf> =
            PEOPLE.iter().map(|person| self.folder.join(format!("people/{}.json", person.name))).collect();
        for seat in 0..SEATS.len() {
            accounts.extend(["identity", "gas"].map(|key| self.seat_folder(seat).join(format!("keys/{key}.json"))));
        }
        for account in accounts {
            chain.fund(address_of(&account)?, GAS).await?;
        }
        Ok(())
    }

    /// Writes the charter of these people and devices.
    pub fn write_charter(&self, devices: &[&str], model: &str) -> Result<()> {
        let kit = std::fs::read_to_string(crate::chain::root().join("kits/firewood.toml"))
            .wrap_err("failed to read the kit")?;
        std::fs::write(self.folder.join("charter.toml"), people::charter(&kit, devices, model))
            .wrap_err("failed to write the charter")
    }

    /// Plans, and has every founder sign.
    pub async fn sign(&self, rpc: &str) -> Result<Value> {
        let plan = crate::binaries::ask_json(self.hearth(rpc).args(["plan", "charter.toml"])).await?;
        let mut signing = JoinSet::new();
        for person in PEOPLE {
            let mut command = self.as_person(&person, rpc);
            command.args(["sign", "charter.toml", "--yes"]);
            signing.spawn(async move { ask(&mut command).await.map(drop) });
        }
        join(signing).await?;
        Ok(plan)
    }

    /// Carries the plan out; `plan` is its hash.
    pub async fn found(&self, rpc: &str, plan: &str) -> Result<Deployment> {
        ask(self.as_person(&PEOPLE[0], rpc).args(["found", "charter.toml", "--yes", plan])).await?;
        self.deployment()
    }

    /// Seats register with their bonds, and everybody deposits.
    pub async fn gather(&self, rpc: &str) -> Result<()> {
        let mut gathering = JoinSet::new();
        for seat in 0..SEATS.len() {
            let mut command = self.hearth(rpc);
            command
                .arg("--keystore")
                .arg(self.seat_folder(seat).join("keys/identity.json"))
                .arg("--password-file")
                .arg(self.seat_folder(seat).join("keys/password"))
                .arg("seat")
                .arg(self.seat_folder(seat).join("seat.json"))
                .arg("--yes");
            gathering.spawn(async move { ask(&mut command).await.map(drop) });
        }
        for person in PEOPLE {
            let mut command = self.as_person(&person, rpc);
            command.args(["deposit", person.deposit, "--yes"]);
            gathering.spawn(async move { ask(&mut command).await.map(drop) });
        }
        join(gathering).await
    }

    /// Sets the charter alight, and tells the seats which it is.
    pub async fn ignite(&self, rpc: &str) -> Result<Deployment> {
        ask(self.as_person(&PEOPLE[0], rpc).args(["ignite", "charter.toml"])).await?;
        let deployment = self.deployment()?;
        for seat in 0..SEATS.len() {
            let path = self.seat_folder(seat).join("hearth-oracle.toml");
            let text = std::fs::read_to_string(&path).wrap_err("failed to read a seat's configuration")?;
            let named = text.replacen("# charter = \"0x\u{2026}\"", &format!("charter = \"{}\"", deployment.charter), 1);
            std::fs::write(&path, named).wrap_err("failed to write a seat's configuration")?;
        }
        Ok(deployment)
    }

    /// What stands on the chain.
    pub fn deployment(&self) -> Result<Deployment> {
        Deployment::read(&self.folder.join(format!("deployments/{CHAIN_ID}.json"))).wrap_err("failed to read the deployment")
    }

    /// The folder of a seat.
    pub fn seat_folder(&self, seat: usize) -> PathBuf {
        self.folder.join(format!("seats/{seat}"))
    }

    /// The clerk in this folder.
    pub fn hearth(&self, rpc: &str) -> tokio::process::Command {
        self.binaries.hearth(&self.folder, rpc)
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

/// The address a keystore file shows.
pub fn address_of(keystore: &Path) -> Result<Address> {
    let text = std::fs::read_to_string(keystore).wrap_err_with(|| format!("failed to read {}", keystore.display()))?;
    let json: Value = serde_json::from_str(&text).wrap_err_with(|| format!("failed to parse {}", keystore.display()))?;
    json["address"]
        .as_str()
        .and_then(|text| text.trim_start_matches("0x").parse().ok())
        .ok_or_else(|| eyre!("{} shows no address", keystore.display()))
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
    Ok(ports.chunks(3).map(|three| Ports { mqtt: three[0], http: three[1], operator: three[2] }).collect())
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
    file.write_all(text.as_bytes()).wrap_err_with(|| format!("failed to write {}", path.display()))
}
