//! Public cards: what a seat, a device or a person hands to the founders, without any secret.
//!
//! *In*: JSON files, made by `hearth-oracle` for seats and devices, by `hearth` or a text editor for people.
//! *Out*: typed cards. *Refuses*: another version, another kind of card than asked for, unknown keys, malformed keys.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::handed::text;
use crate::name::Name;

/// The version every card names.
pub const VERSION: u8 = 1;

/// A card of any kind; the field `card` names which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "card", rename_all = "lowercase", deny_unknown_fields)]
pub enum Card {
    /// An oracle seat.
    Seat(SeatCard),
    /// A device of a stream.
    Device(DeviceCard),
    /// A person.
    Member(MemberCard),
}

/// What a seat shows: its identity, and what it will register (architecture, "Agreement between seats").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeatCard {
    /// Always [`VERSION`].
    pub v: u8,
    /// A name for people; not on chain.
    pub name: String,
    /// Cold key that registers and rotates the rest.
    pub identity: Address,
    /// Guarded key that signs report digests only.
    pub report_key: Address,
    /// Ed25519 key of answers, inventories and proposals.
    pub transport_key: B256,
    /// Base URL for peers and devices.
    pub endpoint: String,
}

/// What a device shows (R7.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceCard {
    /// Always [`VERSION`].
    pub v: u8,
    /// A name for people; not on chain.
    pub name: String,
    /// ASCII, at most 16 bytes: `radar`, `scale`, `badge`.
    pub kind: String,
    /// Ed25519 public key.
    pub key: B256,
    /// Seconds between heartbeats.
    pub interval_seconds: u32,
    /// Unix seconds after which its readings do not count.
    pub calibrated_until: u64,
}

/// What a person shows (R4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberCard {
    /// Always [`VERSION`].
    pub v: u8,
    /// A name for people; not on chain.
    pub name: String,
    /// Current key.
    pub key: Address,
    /// Hash of the badge that says who takes (R7.8), if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<B256>,
}

/// Why a card could not be read.
#[derive(Debug, Error)]
pub enum CardError {
    /// The file could not be read.
    #[error("the card {path} could not be read; is the path right, seen from the charter's folder?")]
    Read {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is no card.
    #[error("{path} is no card: {says}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What the parser found.
        says: String,
    },
    /// The card is of another version.
    #[error("{path} is a card of version {given}, wanted {VERSION}; make it again with this release")]
    Version {
        /// Which file.
        path: PathBuf,
        /// The version it names.
        given: u8,
    },
}

impl Card {
    /// Reads a card of any kind.
    ///
    /// # Errors
    /// See [`CardError`].
    pub fn read(path: &Path) -> Result<Self, CardError> {
        let text = text(path).map_err(|source| CardError::Read {
            path: path.to_owned(),
            source,
        })?;
        let card: Self = serde_json::from_str(&text).map_err(|error| CardError::Form {
            path: path.to_owned(),
            says: error.to_string(),
        })?;
        if card.version() != VERSION {
            return Err(CardError::Version {
                path: path.to_owned(),
                given: card.version(),
            });
        }
        // It is written into charters, and shown where people decide.
        card.name().parse::<Name>().map_err(|says| CardError::Form {
            path: path.to_owned(),
            says: format!("name: {says}"),
        })?;
        Ok(card)
    }

    /// The name on the card.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Seat(card) => &card.name,
            Self::Device(card) => &card.name,
            Self::Member(card) => &card.name,
        }
    }

    /// What kind of card it is, as its field `card` says.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Seat(_) => "seat",
            Self::Device(_) => "device",
            Self::Member(_) => "member",
        }
    }

    fn version(&self) -> u8 {
        match self {
            Self::Seat(card) => card.v,
            Self::Device(card) => card.v,
            Self::Member(card) => card.v,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seat-0.json");
        let card = Card::Seat(SeatCard {
            v: 1,
            name: "seat-0".into(),
            identity: Address::repeat_byte(1),
            report_key: Address::repeat_byte(2),
            transport_key: B256::repeat_byte(3),
            endpoint: "http://127.0.0.1:7000".into(),
        });
        std::fs::write(&path, serde_json::to_string(&card).unwrap()).unwrap();
        assert_eq!(Card::read(&path).unwrap(), card);
    }

    #[test]
    fn what_is_no_card_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let check = |text: &str, wanted: &str| {
            std::fs::write(&path, text).unwrap();
            let says = Card::read(&path).unwrap_err().to_string();
            assert!(says.contains(wanted), "{says}");
        };
        let key = "0x0101010101010101010101010101010101010101";
        check(
            &format!(r#"{{"card":"member","v":2,"name":"ada","key":"{key}"}}"#),
            "version 2",
        );
        check(
            &format!(r#"{{"card":"member","v":1,"name":"ada","key":"{key}","secret":"x"}}"#),
            "secret",
        );
        check(r#"{"card":"chair","v":1}"#, "chair");
        check("[]", "no card");
        for name in ["", "Ada", "ada\\n[[founders]]", "ada\\u001b[2J"] {
            check(
                &format!(r#"{{"card":"member","v":1,"name":"{name}","key":"{key}"}}"#),
                "name: given",
            );
        }
    }
}
