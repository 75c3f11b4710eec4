//! The edge's configuration: a TOML file, read whole and checked before anything is opened.
//!
//! *In*: text. *Out*: [`EdgeConfig`]. *Refuses*: unknown keys, and everything that does not fit, all at once. *Never*: a
//! secret by value; keys are named by file.

use super::drivers::{Settings, kind, names};
use hearth_forms::card::{Card, DeviceCard, VERSION};
use hearth_oracle_core::types::{Network, Seats};
use reqwest::Url;
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Which clock the edge goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClockChoice {
    /// The machine's.
    Wall,
    /// The chain's, at this node.
    Chain(Url),
}

/// One seat, as a device must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatAddress {
    /// Its transport key, which signs its answers.
    pub transport_key: [u8; 32],
    /// Its broker, if envelopes go there.
    pub mqtt: Option<Url>,
    /// Its HTTP door, if envelopes go there.
    pub http: Option<Url>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Its kind.
    pub kind: String,
    /// Its key file.
    pub key: PathBuf,
    /// Seconds between heartbeats, as registered.
    pub interval_seconds: u32,
    /// The file, pipe or serial line its sensor speaks on; none when its week is replayed.
    pub source: Option<PathBuf>,
    /// What its driver wants to know.
    pub settings: Settings,
}

/// The whole configuration. Paths are absolute or seen from the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeConfig {
    /// The polity.
    pub network: Network,
    /// Folder of the devices' outboxes.
    pub outbox: PathBuf,
    /// File of the password of the devices' keystores, if they lie in such.
    pub password_file: Option<PathBuf>,
    /// Which clock.
    pub clock: ClockChoice,
    /// Envelopes do not reach across multiples of this.
    pub pack_seconds: u32,
    /// When a replayed week begins, unix seconds.
    pub replay_begin: Option<u64>,
    /// The seats, in order of their numbers.
    pub seats: Vec<SeatAddress>,
    /// The devices.
    pub devices: Vec<DeviceConfig>,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {path}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML, or a key that is not known, with its line.
    #[error("{path} is not an edge configuration", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said, with line and column.
        #[source]
        source: toml::de::Error,
    },
    /// Values that do not fit.
    #[error("{path} cannot be used: {}", problems.join("; "), path = path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// All of them.
        problems: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    network: String,
    outbox: PathBuf,
    password_file: Option<PathBuf>,
    #[serde(default = "wall")]
    clock: String,
    rpc_url: Option<String>,
    #[serde(default = "quarter")]
    pack_seconds: u32,
    replay: Option<ReplayText>,
    seat: Vec<SeatText>,
    device: Vec<DeviceText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayText {
    begin: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeatText {
    transport_key: String,
    mqtt: Option<String>,
    http: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceText {
    kind: String,
    key: PathBuf,
    interval_seconds: u32,
    source: Option<PathBuf>,
    model: Option<PathBuf>,
    cut_off_bps: Option<u16>,
    quiet_grams: Option<u32>,
    quiet_seconds: Option<u32>,
}

fn wall() -> String {
    "wall".into()
}

fn quarter() -> u32 {
    900
}

impl EdgeConfig {
    /// Reads a configuration. Relative paths in it are seen from its own folder.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.into(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads a configuration from text; `path` is where it stands.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let text: Text = toml::from_str(text).map_err(|source| ConfigError::Malformed {
            path: path.into(),
            source,
        })?;
        let mut problems = Vec::new();
        let config = text.checked(path.parent().unwrap_or(Path::new(".")), &mut problems);
        match config.filter(|_| problems.is_empty()) {
            Some(config) => Ok(config),
            None => Err(ConfigError::Unfit {
                path: path.into(),
                problems,
            }),
        }
    }

    /// The outbox file of a device.
    pub fn outbox_of(&self, device: &DeviceConfig) -> PathBuf {
        self.outbox.join(format!("{}.sqlite", device.kind))
    }

    /// How many seats there are.
    pub fn seats(&self) -> Seats {
        Seats(u8::try_from(self.seats.len()).unwrap_or(u8::MAX))
    }
}

impl Text {
    fn checked(self, folder: &Path, problems: &mut Vec<String>) -> Option<EdgeConfig> {
        let network = self.network.parse::<Network>();
        if network.is_err() {
            problems.push(format!(
                "network is \"{}\", wanted 16 lower-case hex digits",
                self.network
            ));
        }
        let clock = match (self.clock.as_str(), &self.rpc_url) {
            ("wall", None) => Some(ClockChoice::Wall),
            ("chain", Some(rpc)) => url("rpc_url", rpc, &["http", "https"], problems).map(ClockChoice::Chain),
            ("chain", None) => {
                problems.push("clock is \"chain\", so rpc_url is wanted".into());
                None
            }
            ("wall", Some(_)) => {
                problems.push("rpc_url is given but clock is \"wall\": leave one out".into());
                None
            }
            (other, _) => {
                problems.push(format!("clock is \"{other}\", wanted \"wall\" or \"chain\""));
                None
            }
        };
        if self.pack_seconds == 0 {
            problems.push("pack_seconds is 0, wanted at least 1".into());
        }
        if !(4..=31).contains(&self.seat.len()) {
            problems.push(format!("there are {} seats, wanted 4 to 31", self.seat.len()));
        }
        let mut seats = Vec::new();
        for (number, seat) in self.seat.into_iter().enumerate() {
            let mut transport_key = [0; 32];
            if hex::decode_to_slice(seat.transport_key.trim_start_matches("0x"), &mut transport_key).is_err()
            {
                problems.push(format!("the transport_key of seat {number} is not 64 hex digits"));
            }
            let mut address = |name: &str, given: Option<String>, schemes: &[&str]| {
                given.and_then(|given| url(&format!("{name} of seat {number}"), &given, schemes, problems))
            };
            let mqtt = address("mqtt", seat.mqtt, &["mqtt", "mqtts"]);
            let http = address("http", seat.http, &["http", "https"]);
            if mqtt.is_none() && http.is_none() {
                problems.push(format!("seat {number} has no address, wanted mqtt, http or both"));
            }
            seats.push(SeatAddress {
                transport_key,
                mqtt,
                http,
            });
        }
        if self.device.is_empty() {
            problems.push("there is no device".into());
        }
        let mut devices: Vec<DeviceConfig> = Vec::new();
        for device in self.device {
            if kind(&device.kind).is_none() {
                problems.push(format!(
                    "a device is a \"{}\", wanted one of {}",
                    device.kind,
                    names()
                ));
            }
            if devices.iter().any(|other| other.kind == device.kind) {
                problems.push(format!(
                    "there are two devices of kind {}: run a second edge for the other",
                    device.kind
                ));
            }
            if device.interval_seconds == 0 {
                problems.push(format!(
                    "the interval_seconds of the {} is 0, wanted at least 1",
                    device.kind
                ));
            }
            let key = folder.join(device.key);
            let card = card_beside(&key).unwrap_or_else(|problem| {
                problems.push(problem);
                None
            });
            if let Some(card) = card {
                if card.kind != device.kind {
                    problems.push(format!(
                        "the key of the {} is that of {}, a {kind} by its card; wanted kind \"{kind}\", or another key",
                        device.kind,
                        card.name,
                        kind = card.kind
                    ));
                }
                if card.interval_seconds != device.interval_seconds {
                    problems.push(format!(
                        "the interval_seconds of the {} is {}, wanted {} as its card has it",
                        device.kind, device.interval_seconds, card.interval_seconds
                    ));
                }
            }
            devices.push(DeviceConfig {
                key,
                interval_seconds: device.interval_seconds,
                source: device.source.map(|source| folder.join(source)),
                settings: Settings {
                    model: device.model.map(|model| folder.join(model)),
                    cut_off_bps: device.cut_off_bps,
                    quiet_grams: device.quiet_grams,
                    quiet_seconds: device.quiet_seconds,
                },
                kind: device.kind,
            });
        }
        Some(EdgeConfig {
            network: network.ok()?,
            outbox: folder.join(self.outbox),
            password_file: self.password_file.map(|file| folder.join(file)),
            clock: clock?,
            pack_seconds: self.pack_seconds,
            replay_begin: self.replay.map(|replay| replay.begin),
            seats,
            devices,
        })
    }
}

/// The card that `key device` wrote beside a device's key: what the founders enrolled. None where it lies elsewhere.
///
/// # Errors
/// What lies there is no card of this version.
fn card_beside(key: &Path) -> Result<Option<DeviceCard>, String> {
    let named = key.file_name().and_then(|name| name.to_str());
    let Some(name) = named.and_then(|name| name.strip_suffix(".key.json")) else {
        return Ok(None);
    };
    let path = key.with_file_name(format!("{name}.card.json"));
    let read = match std::fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.ok(),
    };
    let card = read.and_then(|text| serde_json::from_slice(&text).ok());
    match card {
        Some(Card::Device(card)) if card.v == VERSION => Ok(Some(card)),
        _ => Err(format!(
            "{} is no device's card of version 1: put back the one that the founders enrolled, or move it away",
            path.display()
        )),
    }
}

fn url(name: &str, given: &str, schemes: &[&str], problems: &mut Vec<String>) -> Option<Url> {
    let parsed = given
        .parse::<Url>()
        .ok()
        .filter(|url| schemes.contains(&url.scheme()) && url.has_host());
    if parsed.is_none() {
        problems.push(format!(
            "{name} is \"{given}\", wanted an address that begins with {}://",
            schemes.join(":// or ")
        ));
    }
    parsed
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const SEAT: &str = "[[seat]]\ntransport_key = \"0101010101010101010101010101010101010101010101010101010101010101\"\nhttp = \"http://127.0.0.1:1\"\n";

    fn sound() -> String {
        format!(
            "network = \"00112233aabbccdd\"\noutbox = \"out\"\nclock = \"chain\"\nrpc_url = \"http://127.0.0.1:8545\"\n\
             {}[[device]]\nkind = \"badge\"\nkey = \"badge.key\"\ninterval_seconds = 60\n",
            SEAT.repeat(4)
        )
    }

    fn problems(text: &str) -> Vec<String> {
        match EdgeConfig::parse(Path::new("edge.toml"), text) {
            Err(ConfigError::Unfit { problems, .. }) => problems,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sound_file_is_read_from_its_own_folder() {
        let config = EdgeConfig::parse(Path::new("/etc/hearth/edge.toml"), &sound()).expect("sound");
        assert_eq!(config.devices[0].key, Path::new("/etc/hearth/badge.key"));
        assert_eq!(
            config.outbox_of(&config.devices[0]),
            Path::new("/etc/hearth/out/badge.sqlite")
        );
        assert_eq!(config.seats(), Seats(4));
    }

    #[test]
    fn unknown_keys_are_named_with_their_line() {
        let text = sound().replace("outbox", "outbux");
        let Err(ConfigError::Malformed { source, .. }) = EdgeConfig::parse(Path::new("edge.toml"), &text)
        else {
            panic!("must be refused");
        };
        assert!(
            source.to_string().contains("outbux") && source.to_string().contains("line 2"),
            "{source}"
        );
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = sound()
            .replace("00112233aabbccdd", "0x11")
            .replace("http://127.0.0.1:8545", "ftp://x")
            .replacen(SEAT, "", 1)
            .replace("\"badge\"", "\"camera\"")
            .replace("= 60", "= 0");
        let told = problems(&text);
        assert_eq!(told.len(), 5, "{told:#?}");
    }

    #[test]
    fn a_device_is_what_its_card_says() {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        crate::init::device(folder.path(), "pile", "badge", 60, 0, &password).unwrap();
        let path = folder.path().join("edge.toml");
        let text = sound().replace("badge.key", "pile.key.json");
        assert!(EdgeConfig::parse(&path, &text).is_ok());
        let Err(ConfigError::Unfit { problems, .. }) = EdgeConfig::parse(
            &path,
            &text.replace("\"badge\"", "\"scale\"").replace("= 60", "= 30"),
        ) else {
            panic!("must be refused");
        };
        assert_eq!(
            problems,
            [
                "the key of the scale is that of pile, a badge by its card; wanted kind \"badge\", or another key",
                "the interval_seconds of the scale is 30, wanted 60 as its card has it",
            ]
        );

        let card = folder.path().join("pile.card.json");
        let sound = std::fs::read_to_string(&card).unwrap();
        for broken in [
            sound.replace("\"v\": 1", "\"v\": 2"),
            sound.replace("\"device\"", "\"seat\""),
            sound[..sound.len() / 2].into(),
        ] {
            std::fs::write(&card, &broken).unwrap();
            let Err(ConfigError::Unfit { problems, .. }) = EdgeConfig::parse(&path, &text) else {
                panic!("must be refused: {broken}");
            };
            assert!(
                problems.len() == 1
                    && problems[0].contains("pile.card.json is no device's card of version 1"),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn two_devices_of_one_kind_and_a_seat_without_address_are_refused() {
        let twice = format!(
            "{}[[device]]\nkind = \"badge\"\nkey = \"b\"\ninterval_seconds = 60\n",
            sound()
        );
        assert_eq!(problems(&twice).len(), 1);
        assert_eq!(
            problems(&sound().replacen("http = \"http://127.0.0.1:1\"\n", "", 1)).len(),
            1
        );
        assert_eq!(
            problems(&sound().replace("rpc_url = \"http://127.0.0.1:8545\"\n", "")).len(),
            1
        );
    }
}
