//! `hearth-oracle init`: a folder with keys, a configuration and the seat's public card.
//!
//! *Out*: `hearth-oracle.toml`, `keys/`, `seat.json`. Safe to repeat: what is there is kept, what is missing is made.
//! *Refuses*: other arguments than those the folder was prepared with. *Never*: a secret on the command line or on the screen.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use hearth_forms::card::{Card, DeviceCard, SeatCard, VERSION};

use crate::config::{CHAIN_IDS, Config, ConfigError, LAST_SEAT, Listen, RpcUrl};
use crate::key::{self, KeyError, Password, Secret};
use crate::sense::drivers;

mod rotate;
mod text;

use rotate::following;
pub use rotate::{Rotated, rotate};

/// What to prepare.
#[derive(Debug, Clone, clap::Args)]
pub struct InitArgs {
    /// Folder to prepare; made where it is missing.
    pub folder: PathBuf,
    /// Number of the seat in the committee, from 0.
    #[arg(long, value_parser = clap::value_parser!(u8).range(..=i64::from(LAST_SEAT)))]
    pub seat: u8,
    /// Name of the seat, for people.
    #[arg(long)]
    pub name: Option<String>,
    /// Base URL at which devices and peers reach this seat, for example http://203.0.113.7:8480.
    #[arg(long, default_value = "http://127.0.0.1:8480")]
    pub endpoint: String,
    /// Address of the chain's RPC.
    #[arg(long, default_value = "http://127.0.0.1:8545")]
    pub rpc: RpcUrl,
    /// A second RPC, asked when the first fails.
    #[arg(long)]
    pub second_rpc: Option<RpcUrl>,
    /// Id of the chain.
    #[arg(long, default_value_t = 31337, value_parser = clap::value_parser!(u64).range(CHAIN_IDS))]
    pub chain_id: u64,
    /// The charter's address, if it is known already; `hearth plan` foretells it.
    #[arg(long)]
    pub charter: Option<Address>,
    /// Address of the cold key that registers this seat, if it is kept elsewhere; without it one is made.
    #[arg(long)]
    pub identity: Option<Address>,
    /// Where devices connect by MQTT.
    #[arg(long, default_value_t = Listen::default().mqtt)]
    pub mqtt: SocketAddr,
    /// Where devices and peers connect by HTTP.
    #[arg(long, default_value_t = Listen::default().http)]
    pub http: SocketAddr,
    /// Where metrics, health and status are served.
    #[arg(long, default_value_t = Listen::default().operator)]
    pub operator: SocketAddr,
}

/// What was prepared.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The configuration file.
    pub config: PathBuf,
    /// The card's file.
    pub card_file: PathBuf,
    /// The card.
    pub card: SeatCard,
    /// The account that pays for transactions: it needs some of the chain's coin.
    pub gas: Address,
}

/// Why a folder cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A key cannot be made or opened.
    #[error("a key could not be made or opened")]
    Key(#[source] KeyError),
    /// A key file holds no key of its kind.
    #[error("{path} holds no key for signing; move it away and run init again")]
    NoKey {
        /// Which.
        path: PathBuf,
    },
    /// The configuration cannot be used.
    #[error("the configuration cannot be used")]
    Config(#[source] ConfigError),
    /// The folder is prepared already, otherwise.
    #[error(
        "{folder} is prepared with other arguments, and nothing was changed: {}; give the same, correct the file \
         itself, or take another folder",
        differing.join("; ")
    )]
    Differs {
        /// Which folder.
        folder: PathBuf,
        /// Every argument that differs.
        differing: Vec<String>,
    },
    /// The seat's card is not there, or is none.
    #[error("{path} is no seat's card of version 1; `init` wrote one there: put it back")]
    Card {
        /// Where it should lie.
        path: PathBuf,
    },
    /// No sensor is of this kind.
    #[error(
        "the device's kind is {given:?}, wanted one of {}; nothing was made",
        drivers::names()
    )]
    Kind {
        /// What was given.
        given: String,
    },
    /// A file cannot be written.
    #[error("{path} could not be written")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Prepares a seat's folder, or finds it prepared with the same arguments.
///
/// # Errors
/// It is prepared with other arguments, or a key or file cannot be made.
pub fn init(args: &InitArgs) -> Result<Prepared, InitError> {
    let folder = &args.folder;
    let (config, card_file) = (folder.join("hearth-oracle.toml"), folder.join("seat.json"));
    let before = card_file.exists().then(|| read_card(&card_file)).transpose()?;
    let written = config.exists().then(|| read_tables(&config)).transpose()?;
    let mut differing = before.as_ref().map_or_else(Vec::new, |card| on_card(args, card));
    differing.extend(written.iter().flat_map(|tables| in_configuration(args, tables)));
    if !differing.is_empty() {
        return Err(InitError::Differs {
            folder: folder.clone(),
            differing,
        });
    }

    let password = Password::read_or_make(&folder.join("keys/password")).map_err(InitError::Key)?;
    let keys = folder.join("keys");
    let configured = written
        .as_ref()
        .and_then(|tables| tables.get("seat")?.get("report_key")?.as_str());
    let report = configured.map_or_else(|| keys.join("report.json"), |name| folder.join(name));
    // The card does not go back behind a rotation that is under way.
    let next = following(&report);
    let report = if next.exists() { next } else { report };
    // Once it is on the card, the identity key may lie elsewhere.
    let identity = match (args.identity, &before) {
        (Some(identity), _) => identity,
        (None, Some(card)) => card.identity,
        (None, None) => address(&keys.join("identity.json"), &password)?,
    };
    let name = args.name.clone().or(before.map(|card| card.name));
    let card = SeatCard {
        v: VERSION,
        name: name.unwrap_or_else(|| format!("seat-{}", args.seat)),
        identity,
        report_key: address(&report, &password)?,
        transport_key: there_or_made(&keys.join("transport.json"), &password)?.public(),
        endpoint: args.endpoint.clone(),
    };
    let gas = address(&keys.join("gas.json"), &password)?;

    if !config.exists() {
        // An RPC's address may hold a token.
        key::write_private(&config, text::configuration(args).as_bytes()).map_err(|failed| match failed {
            KeyError::Write { path, source } => InitError::Write { path, source },
            other => InitError::Key(other),
        })?;
    }
    write_card(&card_file, &Card::Seat(card.clone()))?;
    Ok(Prepared {
        config,
        card_file,
        card,
        gas,
    })
}

/// The key in a keystore, which is made where it is missing.
fn there_or_made(path: &Path, password: &Password) -> Result<Secret, InitError> {
    let secret = if path.exists() {
        key::open(path, password)
    } else {
        key::make(path, password)
    };
    secret.map_err(InitError::Key)
}

/// As [`there_or_made`], and its address.
fn address(path: &Path, password: &Password) -> Result<Address, InitError> {
    let secret = there_or_made(path, password)?;
    secret
        .address()
        .ok_or_else(|| InitError::NoKey { path: path.into() })
}

/// Where what is given differs from what is there. What is not given is kept.
fn differs(argument: &str, given: Option<&str>, place: &str, there: &str) -> Option<String> {
    let given = given.filter(|given| *given != there)?;
    Some(format!("{argument} is {given}, {place} is {there}"))
}

/// As [`differs`] of an RPC, which may carry a password or token: the whole is compared, its host alone shown.
fn rpc_differs(argument: &str, given: Option<&RpcUrl>, place: &str, there: Option<&str>) -> Option<String> {
    let given = given.filter(|given| there != Some(given.reveal()))?.to_string();
    let there = there.map_or_else(
        || "nothing".into(),
        |text| {
            text.parse()
                .map_or_else(|_| "no address of an RPC".into(), |url: RpcUrl| url.to_string())
        },
    );
    if given == there {
        return Some(format!(
            "{argument} and {place} are both at {there}, but path, token or password differ"
        ));
    }
    differs(argument, Some(&given), place, &there)
}

/// The arguments that differ from the card.
fn on_card(args: &InitArgs, card: &SeatCard) -> Vec<String> {
    let identity = args.identity.map(|identity| identity.to_string());
    let there = card.identity.to_string();
    [
        differs("--name", args.name.as_deref(), "name on the card", &card.name),
        differs("--identity", identity.as_deref(), "identity on the card", &there),
        differs(
            "--endpoint",
            Some(&args.endpoint),
            "endpoint on the card",
            &card.endpoint,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The configuration as it is written, which may wait for its charter still.
fn read_tables(path: &Path) -> Result<toml::Table, InitError> {
    let text = std::fs::read_to_string(path).ok();
    match text.and_then(|text| text.parse().ok()) {
        Some(tables) => Ok(tables),
        // It says why.
        None => Config::read(path)
            .map(|_| toml::Table::new())
            .map_err(InitError::Config),
    }
}

/// The arguments that differ from the configuration.
fn in_configuration(args: &InitArgs, tables: &toml::Table) -> Vec<String> {
    let there_or = |table: &str, key: &str, absent: &dyn ToString| match tables
        .get(table)
        .and_then(|table| table.get(key))
    {
        Some(toml::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => absent.to_string(),
    };
    let there = |table: &str, key: &str| there_or(table, key, &"nothing");
    let default = Listen::default();
    let listen = |key: &str, default: SocketAddr| there_or("listen", key, &default);
    // An address is the same in capitals and small letters.
    let charter = there("chain", "charter");
    let charter = charter
        .parse()
        .map_or(charter, |address: Address| address.to_string());
    let some = |given: &dyn ToString| Some(given.to_string());
    let given = [
        ("--seat", some(&args.seat), "seat.number", there("seat", "number")),
        (
            "--chain-id",
            some(&args.chain_id),
            "chain.chain_id",
            there("chain", "chain_id"),
        ),
        (
            "--charter",
            args.charter.map(|it| it.to_string()),
            "chain.charter",
            charter,
        ),
        (
            "--mqtt",
            some(&args.mqtt),
            "listen.mqtt",
            listen("mqtt", default.mqtt),
        ),
        (
            "--http",
            some(&args.http),
            "listen.http",
            listen("http", default.http),
        ),
        (
            "--operator",
            some(&args.operator),
            "listen.operator",
            listen("operator", default.operator),
        ),
    ];
    let differing = given.iter().filter_map(|(argument, given, key, there)| {
        differs(
            argument,
            given.as_deref(),
            &format!("{key} in the configuration"),
            there,
        )
    });
    let rpcs = [
        ("--rpc", Some(&args.rpc), "rpc"),
        ("--second-rpc", args.second_rpc.as_ref(), "second_rpc"),
    ];
    let rpcs = rpcs.into_iter().filter_map(|(argument, given, key)| {
        let there = tables.get("chain").and_then(|chain| chain.get(key)?.as_str());
        rpc_differs(
            argument,
            given,
            &format!("chain.{key} in the configuration"),
            there,
        )
    });
    differing.chain(rpcs).collect()
}

fn read_card(path: &Path) -> Result<SeatCard, InitError> {
    let text = std::fs::read(path).ok();
    match text.and_then(|text| serde_json::from_slice(&text).ok()) {
        Some(Card::Seat(card)) if card.v == VERSION => Ok(card),
        _ => Err(InitError::Card { path: path.into() }),
    }
}

fn write_card(path: &Path, card: &Card) -> Result<(), InitError> {
    let text = serde_json::to_string_pretty(card).unwrap_or_default();
    write(path, &format!("{text}\n"))
}

fn write(path: &Path, content: &str) -> Result<(), InitError> {
    std::fs::write(path, content).map_err(|source| InitError::Write {
        path: path.into(),
        source,
    })
}

/// Makes a device's key and card beside each other: `<name>.key.json` and `<name>.card.json` in `folder`. The password
/// file is made where it is missing.
///
/// # Errors
/// There is no such kind, or a key or file cannot be made.
pub fn device(
    folder: &Path,
    name: &str,
    kind: &str,
    interval_seconds: u32,
    calibrated_until: u64,
    password_file: &Path,
) -> Result<DeviceCard, InitError> {
    if drivers::kind(kind).is_none() {
        return Err(InitError::Kind { given: kind.into() });
    }
    let password = Password::read_or_make(password_file).map_err(InitError::Key)?;
    let key_file = folder.join(format!("{name}.key.json"));
    let card = DeviceCard {
        v: VERSION,
        name: name.into(),
        kind: kind.into(),
        key: there_or_made(&key_file, &password)?.public(),
        interval_seconds,
        calibrated_until,
    };
    write_card(
        &folder.join(format!("{name}.card.json")),
        &Card::Device(card.clone()),
    )?;
    Ok(card)
}

/// What is missing in a fresh configuration, if it is only the charter: the usual state before founding.
#[must_use]
pub fn awaits_charter(path: &Path) -> bool {
    match Config::read(path) {
        Err(crate::config::ConfigError::Problems { problems, .. }) => problems
            .iter()
            .all(|problem| problem.missing.as_deref() == Some("chain.charter")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Only {
        #[command(flatten)]
        args: InitArgs,
    }

    /// What prepares seat 1 in a folder.
    pub(super) fn seat_in(folder: &Path) -> InitArgs {
        Only::parse_from(["init", folder.to_str().unwrap(), "--seat", "1"]).args
    }

    #[test]
    fn what_init_writes_can_be_read_and_init_can_be_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("seat");
        let charter = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
        let given = ["init", at.to_str().unwrap(), "--seat", "1", "--charter", charter];
        let args = Only::parse_from(given).args;
        let first = init(&args).unwrap();
        assert_eq!(init(&args).unwrap().card, first.card);
        let config = Config::read(&first.config).unwrap();
        assert_eq!(config.seat.0, 1);
        assert_eq!(config.chain.charter.to_string(), charter);
        let card: Card = serde_json::from_slice(&std::fs::read(first.card_file).unwrap()).unwrap();
        assert_eq!(card, Card::Seat(first.card));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_reads_a_configuration_that_may_hold_a_token() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let args = seat_in(folder.path());
        let config = init(&args).unwrap().config;
        let mode = std::fs::metadata(config).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn an_address_is_read_back_as_it_was_given() {
        for odd in [
            "http://a:1/tok\"en",
            "http://a:1/tok\\en",
            "http://a:1/t'o\"k\\#{en}",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut args = seat_in(folder.path());
            args.charter = Some(Address::repeat_byte(0xc1));
            (args.rpc, args.second_rpc) = (odd.parse().unwrap(), odd.parse().ok());
            let chain = Config::read(&init(&args).unwrap().config).unwrap().chain;
            assert_eq!(chain.rpc.reveal(), odd);
            assert_eq!(chain.second_rpc, Some(args.rpc.clone()));
            init(&args).unwrap();
        }
    }

    #[test]
    fn other_arguments_than_before_are_named_and_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("seat");
        let given = ["init", at.to_str().unwrap(), "--seat", "1", "--name", "Anna"];
        let mut first = Only::parse_from(given).args;
        first.rpc = "http://a:1/token".parse().unwrap();
        first.identity = Some(Address::repeat_byte(0xa1));
        let prepared = init(&first).unwrap();
        let written =
            || [&prepared.config, &prepared.card_file].map(|file| std::fs::read_to_string(file).unwrap());
        let before = written();

        let check = |change: &dyn Fn(&mut InitArgs), wanted: &str| {
            let mut other = first.clone();
            change(&mut other);
            let refused = init(&other).unwrap_err().to_string();
            let only = format!("and nothing was changed: {wanted}; give the same");
            assert!(refused.contains(&only), "{refused}");
            assert_eq!(written(), before);
        };
        let charter = Address::repeat_byte(0xc1);
        check(
            &|a| a.seat = 2,
            "--seat is 2, seat.number in the configuration is 1",
        );
        check(
            &|a| a.name = Some("Bea".into()),
            "--name is Bea, name on the card is Anna",
        );
        check(
            &|a| a.endpoint = "http://b:1".into(),
            "--endpoint is http://b:1, endpoint on the card is http://127.0.0.1:8480",
        );
        check(
            &|a| a.rpc = "http://b:1/token".parse().unwrap(),
            "--rpc is http://b:1, chain.rpc in the configuration is http://a:1",
        );
        check(
            &|a| a.rpc = "http://me:se,cret@b:1/v3/k".parse().unwrap(),
            "--rpc is http://b:1, chain.rpc in the configuration is http://a:1",
        );
        check(
            &|a| a.rpc = "http://me:se,cret@a:1/token".parse().unwrap(),
            "--rpc and chain.rpc in the configuration are both at http://a:1, but path, token or password differ",
        );
        check(
            &|a| a.second_rpc = "http://b:1".parse().ok(),
            "--second-rpc is http://b:1, chain.second_rpc in the configuration is nothing",
        );
        check(
            &|a| a.chain_id = 7,
            "--chain-id is 7, chain.chain_id in the configuration is 31337",
        );
        check(
            &|a| a.charter = Some(charter),
            &format!("--charter is {charter}, chain.charter in the configuration is nothing"),
        );
        check(
            &|a| a.identity = Some(charter),
            &format!(
                "--identity is {charter}, identity on the card is {}",
                prepared.card.identity
            ),
        );
        let socket = SocketAddr::from(([127, 0, 0, 1], 1));
        let default = "in the configuration is 0.0.0.0";
        check(
            &|a| (a.mqtt, a.http) = (socket, socket),
            &format!(
                "--mqtt is {socket}, listen.mqtt {default}:1883; --http is {socket}, listen.http {default}:8480"
            ),
        );
        check(
            &|a| a.operator = socket,
            &format!("--operator is {socket}, listen.operator in the configuration is 127.0.0.1:9480"),
        );

        let mut less = first.clone();
        (less.name, less.identity) = (None, None);
        assert_eq!(
            init(&less).unwrap().card,
            prepared.card,
            "what is not given is kept"
        );
        assert_eq!(written(), before);
        assert!(!at.join("keys/identity.json").exists(), "it lies elsewhere");

        std::fs::write(&prepared.config, "[chain").unwrap();
        assert!(matches!(init(&first).unwrap_err(), InitError::Config(_)));
        for card in ["{}".into(), before[1].replace("\"v\": 1", "\"v\": 2")] {
            std::fs::write(&prepared.card_file, card).unwrap();
            assert!(matches!(init(&first).unwrap_err(), InitError::Card { .. }));
        }
    }

    #[test]
    fn what_the_configuration_leaves_out_is_its_default() {
        let folder = tempfile::tempdir().unwrap();
        let args = seat_in(folder.path());
        let prepared = init(&args).unwrap();
        let text = std::fs::read_to_string(&prepared.config).unwrap();
        let listen = text.find("[listen]").unwrap()..text.find("[state]").unwrap();
        std::fs::write(&prepared.config, text.replace(&text[listen], "")).unwrap();

        assert_eq!(init(&args).unwrap().card, prepared.card);

        let mut other = args;
        other.http = "127.0.0.1:1".parse().unwrap();
        let refused = init(&other).unwrap_err().to_string();
        let wanted = "--http is 127.0.0.1:1, listen.http in the configuration is 0.0.0.0:8480;";
        assert!(refused.contains(wanted), "{refused}");
    }

    #[test]
    fn only_a_kind_that_some_driver_hears_gets_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        let make = |kind| device(folder.path(), "pile", kind, 60, 0, &password);
        let refused = make("sonar").unwrap_err().to_string();
        assert!(
            refused.contains("\"sonar\", wanted one of badge, radar, scale"),
            "{refused}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        for kind in drivers::KINDS {
            assert_eq!(make(kind.name()).unwrap().kind, kind.name());
        }
    }

    #[test]
    fn before_founding_only_the_charter_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let args = seat_in(folder.path());
        assert!(awaits_charter(&init(&args).unwrap().config));
    }
}
