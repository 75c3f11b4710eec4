//! Reads the public cards that seats, devices and people hand to the founders.
//!
//! *In*: JSON files, made by `hearth-oracle` for seats and devices, by `hearth` or a text editor for people.
//! *Out*: typed cards. *Refuses*: another version, another kind of card than asked for, unknown keys, malformed keys.

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use hearth_forms::card::{Card, DeviceCard, MemberCard, SeatCard, VERSION};

use crate::handed::text;
use crate::name::Name;

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

/// Reads a card of any kind.
///
/// # Errors
/// See [`CardError`].
pub fn read(path: &Path) -> Result<Card, CardError> {
    let text = text(path).map_err(|source| CardError::Read {
        path: path.to_owned(),
        source,
    })?;
    let card: Card = serde_json::from_str(&text).map_err(|error| CardError::Form {
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

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256};

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
        assert_eq!(read(&path).unwrap(), card);
    }

    #[test]
    fn what_is_no_card_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let check = |text: &str, wanted: &str| {
            std::fs::write(&path, text).unwrap();
            let says = read(&path).unwrap_err().to_string();
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
