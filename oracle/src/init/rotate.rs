//! `hearth-oracle key rotate`: the next report key.

use std::path::{Path, PathBuf};

use hearth_forms::card::{Card, SeatCard};

use super::{InitError, address, read_card, write_card};
use crate::config::Config;
use crate::key::Password;

/// What a rotation has made, or taken up again.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The new report key's file.
    pub key: PathBuf,
    /// Whether it was there already.
    pub again: bool,
    /// The card's file; it shows the new key.
    pub card_file: PathBuf,
    /// The card.
    pub card: SeatCard,
}

/// Makes a new report key beside the old one, and writes it into the seat's card. The daemon keeps signing with the old
/// one until the configuration names the new one; the committee takes the new one from the seat's identity key (R22).
/// Until the configuration names it a rotation is under way, and is taken up again instead of begun once more.
///
/// # Errors
/// The configuration or the card cannot be read, or a file cannot be made.
pub fn rotate(config: &Path) -> Result<Rotated, InitError> {
    let read = Config::read(config).map_err(InitError::Config)?;
    let card_file = config.with_file_name("seat.json");
    let mut card = read_card(&card_file)?;
    let password = Password::read(&read.keys.password).map_err(InitError::Key)?;
    let key = following(&read.keys.report);
    let again = key.exists();
    card.report_key = address(&key, &password)?;
    write_card(&card_file, &Card::Seat(card.clone()))?;
    Ok(Rotated {
        key,
        again,
        card_file,
        card,
    })
}

/// Where the report key after this one lies: `report-2.json` follows `report.json`.
pub(super) fn following(report: &Path) -> PathBuf {
    let name = report
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let number = name
        .strip_prefix("report-")
        .and_then(|number| number.parse().ok());
    report.with_file_name(format!(
        "report-{}.json",
        number.unwrap_or(1_u32).saturating_add(1)
    ))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Address;

    use super::*;
    use crate::init::init;
    use crate::init::tests::seat_in;

    #[test]
    fn r22_a_rotation_that_is_under_way_is_taken_up_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = seat_in(folder.path());
        args.charter = Some(Address::repeat_byte(0xc1));
        let prepared = init(&args).unwrap();
        let keys = || std::fs::read_dir(folder.path().join("keys")).unwrap().count();
        let before = keys();

        let first = rotate(&prepared.config).unwrap();
        assert!(
            !first.again && first.key.ends_with("keys/report-2.json"),
            "{first:?}"
        );
        assert_ne!(first.card.report_key, prepared.card.report_key);
        let second = rotate(&prepared.config).unwrap();
        assert!(second.again && second.key == first.key, "{second:?}");
        assert_eq!(second.card, first.card);
        assert_eq!(
            init(&args).unwrap().card,
            first.card,
            "the card keeps the new key"
        );
        assert_eq!(keys(), before + 1);

        let text = std::fs::read_to_string(&prepared.config).unwrap();
        let text = text.replace(
            "# report_key = \"keys/report.json\"",
            "report_key = \"keys/report-2.json\"",
        );
        std::fs::write(&prepared.config, text).unwrap();
        assert_eq!(init(&args).unwrap().card, first.card);
        let third = rotate(&prepared.config).unwrap();
        assert!(
            !third.again && third.key.ends_with("keys/report-3.json"),
            "{third:?}"
        );
        assert_ne!(third.card.report_key, first.card.report_key);
    }
}
