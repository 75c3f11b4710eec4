//! The operator's configuration: parsed, typed and validated before any socket opens.
//!
//! *In*: one TOML file. *Out*: [`Config`], or every [`Problem`] in it at once. *Refuses*: unknown keys, secrets by
//! value. *Never*: anything that must be equal between seats; that is read from the chain.

use std::fmt;
use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use alloy::primitives::Address;
use hearth_forms::{Placed, Source, Table};
use hearth_oracle_core::types::SeatId;

pub use hearth_forms::Problem;

/// Everything local to one seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How the chain is reached.
    pub chain: Chain,
    /// Which seat of the committee this is.
    pub seat: SeatId,
    /// Where its keys lie.
    pub keys: Keys,
    /// Where it listens.
    pub listen: Listen,
    /// The folder of journal, nonce ledger and addresses.
    pub state: PathBuf,
    /// Days for which envelopes are kept after they are spent, so that members can ask for their lists (R20).
    pub keep_days: u32,
    /// What one device or peer may ask of it.
    pub limits: Limits,
    /// What it logs.
    pub log: Log,
}

/// How the chain is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The first RPC, `http://` or `https://`.
    pub rpc: RpcUrl,
    /// Asked when the first errs, hangs or stands still.
    pub second_rpc: Option<RpcUrl>,
    /// The chain's id; an RPC of another chain is refused.
    pub chain_id: u64,
    /// The charter's address.
    pub charter: Address,
    /// The block to read from: the charter's own, or any before it.
    pub from_block: u64,
    /// How often a new head is looked for.
    pub poll: Duration,
}

impl Chain {
    /// Every RPC, the first one first.
    pub fn rpcs(&self) -> impl Iterator<Item = &RpcUrl> {
        std::iter::once(&self.rpc).chain(&self.second_rpc)
    }
}

/// Files of the seat's keys, each a web3 keystore, all under one password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Signs report digests, and nothing else.
    pub report: PathBuf,
    /// Ed25519: signs answers and messages to peers.
    pub transport: PathBuf,
    /// Pays for transactions.
    pub gas: PathBuf,
    /// Holds the password; mode 0600.
    pub password: PathBuf,
}

/// Where the daemon listens; port 0 takes any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The broker for devices.
    pub mqtt: SocketAddr,
    /// HTTP for devices and peers; the endpoint registered on chain leads here.
    pub http: SocketAddr,
    /// Metrics, health and status, for the operator alone.
    pub operator: SocketAddr,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            mqtt: SocketAddr::from(([0, 0, 0, 0], 1883)),
            http: SocketAddr::from(([0, 0, 0, 0], 8480)),
            operator: SocketAddr::from(([127, 0, 0, 1], 9480)),
        }
    }
}

/// What one device or peer may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Envelopes a second from one device; beyond it the device waits.
    pub device_per_second: u32,
    /// Messages a second from one peer; beyond it they are refused.
    pub peer_per_second: u32,
    /// Refused envelopes a second from one connection or address; beyond it the door closes to it for a while.
    pub refused_per_second: u32,
    /// Device connections at one time.
    pub connections: u32,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A `tracing` filter, for example `info` or `hearth::submit=debug,info`.
    pub filter: String,
    /// One JSON object a line instead of text.
    pub json: bool,
}

/// An RPC's address. It may carry an access token after its host, so nothing after the host is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct RpcUrl(String);

impl RpcUrl {
    /// The whole address, for the client alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The host and port of an address, given without its scheme: all of it that is never secret. What stands before an `@`
/// is a name and password, and clients read a backslash as a slash.
pub(crate) fn host(after_scheme: &str) -> &str {
    let end = after_scheme.find(['/', '?', '#', '\\']);
    let authority = &after_scheme[..end.unwrap_or(after_scheme.len())];
    authority.rsplit('@').next().unwrap_or(authority)
}

/// Not an address of an RPC.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("wanted an address that begins with http:// or https://, without spaces")]
pub struct NotAnUrl;

impl FromStr for RpcUrl {
    type Err = NotAnUrl;

    fn from_str(text: &str) -> Result<Self, NotAnUrl> {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"))
            .ok_or(NotAnUrl)?;
        let plain = text.bytes().all(|b| b.is_ascii_graphic());
        if host(rest).is_empty() || !plain {
            Err(NotAnUrl)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Display for RpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_at(self.0.find("://").map_or(0, |at| at + 3));
        write!(f, "{scheme}{}", host(rest))
    }
}

impl fmt::Debug for RpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcUrl({self})")
    }
}

/// Ids a chain may have: TOML's whole numbers have a sign.
pub(crate) const CHAIN_IDS: RangeInclusive<u64> = 1..=u64::MAX >> 1;

/// The highest number of a seat: a committee has 31 at most (R7.4).
pub(crate) const LAST_SEAT: u8 = 30;

/// Bytes of a configuration, at most.
const LARGEST: u64 = 1 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("the configuration {path} could not be read; `hearth-oracle init` writes one")]
    Read {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is read, and wrong.
    #[error("{}", listed(path, problems))]
    Problems {
        /// Which file.
        path: PathBuf,
        /// All of them, in the order of their places.
        problems: Vec<Problem>,
    },
}

fn listed(path: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}:{problem}", path.display()))
        .collect();
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    format!("{}\n{count} in the configuration", lines.join("\n"))
}

impl Config {
    /// Reads a file. Relative paths in it are seen from its own folder.
    ///
    /// # Errors
    /// The file cannot be read, or has problems.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
        read.map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        let problems = |problems| ConfigError::Problems {
            path: path.into(),
            problems,
        };
        if bytes.len() as u64 > LARGEST {
            let says = "the file is larger than 1 MiB, which no configuration is; is the path right?".into();
            return Err(problems(vec![Problem {
                line: 1,
                column: 1,
                says,
                missing: None,
            }]));
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes[..error.valid_up_to()]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
                + 1;
            problems(vec![Problem {
                line,
                column: 1,
                says: "the file is not UTF-8 text".into(),
                missing: None,
            }])
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(text, folder).map_err(problems)
    }

    /// Reads a text. Relative paths in it are seen from `folder`.
    ///
    /// # Errors
    /// Every problem, in the order of their places.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let (source, top) = Source::parse(text);
        let config = read_config(top, folder);
        let problems = source.problems();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }
}

fn read_config(mut top: Table<'_>, folder: &Path) -> Option<Config> {
    let mut table = top.section("chain");
    let url = "an address that begins with http:// or https://";
    let chain = (
        value(table.must("rpc", url)),
        value(table.text("second_rpc", url)),
        value(table.must_number("chain_id", CHAIN_IDS)),
        value(table.must("charter", "the charter's address, 0x and 40 hex digits")),
        value(table.number("from_block", 0..=u64::MAX >> 1)).unwrap_or(0),
        value(table.number("poll_milliseconds", 100..=60_000)).unwrap_or(500),
    );
    table.close();

    let mut table = top.section("seat");
    let seat = value(table.must_number("number", 0..=LAST_SEAT.into()));
    let mut key = |name: &str, default: &str| path(&mut table, name, default, folder);
    let keys = Keys {
        report: key("report_key", "keys/report.json"),
        transport: key("transport_key", "keys/transport.json"),
        gas: key("gas_key", "keys/gas.json"),
        password: key("password_file", "keys/password"),
    };
    table.close();

    let mut table = top.section("listen");
    let address = "an address with a port, like 127.0.0.1:8480; port 0 takes any free one";
    let section = table.span();
    let mut listen = |name: &str, default: SocketAddr| {
        table.text(name, address).unwrap_or_else(|| Placed {
            value: default,
            span: section.clone(),
        })
    };
    let default = Listen::default();
    let doors = [
        ("mqtt", listen("mqtt", default.mqtt)),
        ("http", listen("http", default.http)),
        ("operator", listen("operator", default.operator)),
    ];
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let ((name, one), (other_name, other)) = (&doors[one], &doors[other]);
        if one_place(one.value, other.value) {
            // A default stands where the section begins: what was given is pointed at.
            let later = if one.span.start > other.span.start {
                one
            } else {
                other
            };
            table.problem(
                later.span.clone(),
                format!(
                    "listen.{other_name}: given {}, wanted another port than listen.{name} has, {}",
                    other.value, one.value
                ),
            );
        }
    }
    let [mqtt, http, operator] = doors.map(|(_, door)| door.value);
    let listen = Listen { mqtt, http, operator };
    table.close();

    let mut table = top.section("state");
    let state = path(&mut table, "folder", "state", folder);
    let keep_days = value(table.number("keep_days", 30..=3_650)).unwrap_or(120);
    table.close();

    let mut table = top.section("limits");
    let mut limit = |name: &str, most: u64, default: u32| {
        // The bounds keep it within 32 bits.
        value(table.number(name, 1..=most)).map_or(default, |given| u32::try_from(given).unwrap_or(default))
    };
    let limits = Limits {
        device_per_second: limit("device_per_second", 100_000, 500),
        peer_per_second: limit("peer_per_second", 100_000, 200),
        refused_per_second: limit("refused_per_second", 100_000, 50),
        connections: limit("connections", 100_000, 4_096),
    };
    table.close();

    let mut table = top.section("log");
    let filter = value(table.text("filter", "a filter like `info` or `hearth::submit=debug,info`"));
    let format = value(table.text("format", "`text` or `json`")).unwrap_or(Format::Text);
    table.close();
    let filter: Filter = filter.unwrap_or_else(|| Filter("info".into()));

    top.close();

    let (rpc, second_rpc, chain_id, charter, from_block, poll) = chain;
    Some(Config {
        chain: Chain {
            rpc: rpc?,
            second_rpc,
            chain_id: chain_id?,
            charter: charter?,
            from_block,
            poll: Duration::from_millis(poll),
        },
        seat: SeatId(u8::try_from(seat?).ok()?),
        keys,
        listen,
        state,
        keep_days: u32::try_from(keep_days).ok()?,
        limits,
        log: Log {
            filter: filter.0,
            json: matches!(format, Format::Json),
        },
    })
}

/// Whether two listeners would meet: `0.0.0.0` takes every address of IPv4, `[::]` every one of both families.
fn one_place(one: SocketAddr, other: SocketAddr) -> bool {
    let takes =
        |all: IpAddr, one: IpAddr| all == one || all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    let (one_ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    let meet = takes(one_ip, other_ip) || takes(other_ip, one_ip);
    one.port() != 0 && one.port() == other.port() && meet
}

/// What was given, where no check looks across values and needs its place.
fn value<T>(placed: Option<Placed<T>>) -> Option<T> {
    placed.map(|placed| placed.value)
}

fn path(table: &mut Table<'_>, key: &str, default: &str, folder: &Path) -> PathBuf {
    let given: Option<PathBuf> = value(table.text(key, "a path"));
    folder.join(given.unwrap_or_else(|| default.into()))
}

enum Format {
    Text,
    Json,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("no format"),
        }
    }
}

struct Filter(String);

impl FromStr for Filter {
    type Err = tracing_subscriber::filter::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        tracing_subscriber::EnvFilter::try_new(text).map(|_| Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = r#"
[chain]
rpc = "http://127.0.0.1:8545"
chain_id = 31337
charter = "0x5FbDB2315678afecb367f032d93F642f64180aa3"

[seat]
number = 2
"#;

    #[test]
    fn the_least_configuration_has_defaults_for_the_rest() {
        let config = Config::parse(LEAST, Path::new("/seat")).unwrap();
        assert_eq!(config.seat, SeatId(2));
        assert_eq!(config.keys.report, Path::new("/seat/keys/report.json"));
        assert_eq!(config.state, Path::new("/seat/state"));
        assert_eq!(config.listen.operator, "127.0.0.1:9480".parse().unwrap());
        assert_eq!(config.log.filter, "info");
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_places() {
        let text = r#"[chain]
rpc = "ws://somewhere"
chain_id = "one"
polling = 3

[seat]
number = 31

[listen]
mqtt = "1883"

[log]
filter = "=="
format = "xml"

[sensors]
"#;
        let told: Vec<String> = Config::parse(text, Path::new("."))
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "1:1: chain.charter is missing, wanted the charter's address, 0x and 40 hex digits",
                "2:7: chain.rpc: wanted an address that begins with http:// or https://, without spaces",
                "3:12: chain.chain_id: given a text, wanted a whole number from 1 to 9223372036854775807",
                "4:1: unknown key chain.polling, wanted one of rpc, second_rpc, chain_id, charter, from_block, \
                 poll_milliseconds",
                "7:10: seat.number: given 31, wanted a whole number from 0 to 30",
                "10:8: listen.mqtt: given \"1883\", wanted an address with a port, like 127.0.0.1:8480; port 0 takes \
                 any free one",
                "13:10: log.filter: given \"==\", wanted a filter like `info` or `hearth::submit=debug,info`",
                "14:10: log.format: given \"xml\", wanted `text` or `json`",
                "16:2: unknown key sensors, wanted one of chain, seat, listen, state, limits, log",
            ]
        );
    }

    #[test]
    fn listeners_that_would_meet_are_told() {
        let told = |listen: &str| {
            let text = format!("[listen]\n{listen}\n{LEAST}");
            let problems = Config::parse(&text, Path::new(".")).err().unwrap_or_default();
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let meets = |listen: &str, wanted: &str| assert_eq!(told(listen), [wanted]);
        let apart = |listen: &str| assert_eq!(told(listen), [""; 0]);
        meets(
            "mqtt = \"127.0.0.1:7000\"\nhttp = \"127.0.0.1:7000\"",
            "3:8: listen.http: given 127.0.0.1:7000, wanted another port than listen.mqtt has, 127.0.0.1:7000",
        );
        meets(
            "mqtt = \"127.0.0.1:8480\"",
            "2:8: listen.http: given 0.0.0.0:8480, wanted another port than listen.mqtt has, 127.0.0.1:8480",
        );
        meets(
            "operator = \"[::]:1883\"",
            "2:12: listen.operator: given [::]:1883, wanted another port than listen.mqtt has, 0.0.0.0:1883",
        );
        apart("mqtt = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"");
        apart("mqtt = \"127.0.0.1:7000\"\nhttp = \"127.0.0.2:7000\"");
        apart("mqtt = \"127.0.0.1:7000\"\nhttp = \"[::1]:7000\"");
        apart("http = \"0.0.0.0:8480\"\noperator = \"[::1]:8480\"");
        meets(
            "http = \"[::]:8480\"\noperator = \"127.0.0.1:8480\"",
            "3:12: listen.operator: given 127.0.0.1:8480, wanted another port than listen.http has, [::]:8480",
        );
        meets(
            "http = \"0.0.0.0:8480\"\noperator = \"[::ffff:127.0.0.1]:8480\"",
            "3:12: listen.operator: given [::ffff:127.0.0.1]:8480, wanted another port than listen.http has, \
             0.0.0.0:8480",
        );
    }

    #[test]
    fn broken_and_truncated_texts_are_problems_not_panics() {
        for text in [
            "[chain",
            "[chain]\nrpc = \"http",
            "\u{feff}[x]",
            "a = 1\na = 2",
            "[chain]\nrpc = '''",
        ] {
            assert!(
                !Config::parse(text, Path::new(".")).unwrap_err().is_empty(),
                "{text:?}"
            );
        }
        let whole = LEAST.as_bytes();
        for end in 0..whole.len() {
            let _ = Config::parse(std::str::from_utf8(&whole[..end]).unwrap(), Path::new("."));
        }
    }

    #[test]
    fn each_bad_file_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hearth-oracle.toml");
        let check = |content: &[u8], wanted: &str| {
            std::fs::write(&path, content).unwrap();
            let told = Config::read(&path).unwrap_err().to_string();
            assert!(told.contains(wanted), "{told}");
        };
        check(b"[chain]\nrpc = \"\xff\"\n", ":2:1: the file is not UTF-8 text");
        check(&vec![b'#'; (1 << 20) + 1], ":1:1: the file is larger than 1 MiB");
        check(&LEAST.as_bytes()[..60], ":5:5: key with no value");
        // What another release knew or will know.
        check(
            format!("{LEAST}\n[aggregation]\n").as_bytes(),
            "unknown key aggregation",
        );
        check(
            format!("{LEAST}\n[seat]\nnumber = 3\n").as_bytes(),
            "duplicate key",
        );
        let (chain, seat) = LEAST.split_at(LEAST.find("[seat]").unwrap());
        std::fs::write(&path, format!("{seat}\n{chain}")).unwrap();
        assert_eq!(Config::read(&path).unwrap().seat, SeatId(2), "in any order");
    }

    #[test]
    fn an_rpc_url_is_shown_without_what_may_be_secret() {
        let url: RpcUrl = "https://name:word@rpc.example/v3/token?key=k".parse().unwrap();
        assert_eq!(url.to_string(), "https://rpc.example");
        assert_eq!(format!("{url:?}"), "RpcUrl(https://rpc.example)");
        for token in ["/token", "?token", "#token", "\\token"] {
            let url: RpcUrl = format!("http://a:1{token}").parse().unwrap();
            assert_eq!(url.to_string(), "http://a:1", "{token}");
        }
        for wrong in ["", "http://", "ws://a", "https:///x", "http://a@/x", "http://a b"] {
            assert!(wrong.parse::<RpcUrl>().is_err(), "{wrong}");
        }
    }
}
