//! A charter drafted from a kit and the cards of its people, as text they can read and change.
//!
//! *In*: a kit's name, a folder of cards, who lives where and who provides. *Out*: TOML that [`crate::kit::Kit`] reads.
//! *Refuses*: an unknown kit, a name no card bears, a folder without cards. *Never*: writes a figure of its own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::card::{self, Card, CardError};
use crate::kit::{KITS, Kit};

/// What a draft is made of.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The charter's name, lower case with hyphens.
    pub name: String,
    /// The kit, by its name in [`KITS`].
    pub kit: String,
    /// True for the witness's patience on a public network.
    pub public: bool,
    /// Members' cards, by path; member ids follow this order.
    pub members: Vec<(PathBuf, Card)>,
    /// Seats' cards, by path; seats count in this order.
    pub seats: Vec<(PathBuf, Card)>,
    /// Devices' cards, by path.
    pub devices: Vec<(PathBuf, Card)>,
    /// Household numbers by member; whoever is not named lives alone.
    pub households: BTreeMap<String, u16>,
    /// Declared bands by member; 0 for whoever is not named, whom the floors then raise (R8).
    pub bands: BTreeMap<String, u8>,
    /// Who provides, and keeps the stream's devices.
    pub provider: String,
    /// The model's file, beside the charter.
    pub model: Option<PathBuf>,
}

/// Why nothing could be drafted.
#[derive(Debug, Error)]
pub enum DraftError {
    /// There is no such kit.
    #[error("there is no kit {given:?}, wanted one of {}", KITS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "))]
    Kit {
        /// What was asked for.
        given: String,
    },
    /// The folder of cards could not be read.
    #[error("the cards under {path} could not be read")]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A card could not be read.
    #[error("a card could not be read")]
    Card(#[from] CardError),
    /// A name that no member's card bears.
    #[error("no member's card bears the name {given:?}, wanted one of {}", known.join(", "))]
    Name {
        /// What was given.
        given: String,
        /// The names there are.
        known: Vec<String>,
    },
}

/// What the charter says beside the band of whoever named none.
const NO_BAND: &str = "; none was named, so the lowest, for 30 days from founding";

impl Draft {
    /// Members who named no band: they get the lowest, and can declare another 30 days after founding at the earliest
    /// (R8).
    #[must_use]
    pub fn without_band(&self) -> Vec<&str> {
        let names = self.members.iter().map(|(_, card)| card.name());
        names.filter(|name| !self.bands.contains_key(*name)).collect()
    }

    /// Sorts the cards of a folder (`.json` files, by file name) into members, seats and devices. `beside` is the folder
    /// the charter will be written to: paths in it are seen from there.
    ///
    /// # Errors
    /// Where the folder or a card in it cannot be read.
    pub fn gather(&mut self, cards: &Path, beside: &Path) -> Result<(), DraftError> {
        let failed = |source| DraftError::Folder {
            path: cards.to_owned(),
            source,
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(cards).map_err(failed)? {
            paths.push(entry.map_err(failed)?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort();
        for path in paths {
            let card = card::read(&path)?;
            let list = match &card {
                Card::Member(_) => &mut self.members,
                Card::Seat(_) => &mut self.seats,
                Card::Device(_) => &mut self.devices,
            };
            list.push((path.strip_prefix(beside).unwrap_or(&path).to_owned(), card));
        }
        Ok(())
    }

    /// The charter's text.
    ///
    /// # Errors
    /// Where the kit is unknown, or a name is no member's.
    pub fn text(&self) -> Result<String, DraftError> {
        let known: Vec<String> = self
            .members
            .iter()
            .map(|(_, card)| card.name().to_owned())
            .collect();
        let named = self
            .households
            .keys()
            .chain(self.bands.keys())
            .chain([&self.provider]);
        for given in named {
            if !known.contains(given) {
                return Err(DraftError::Name {
                    given: given.clone(),
                    known,
                });
            }
        }
        let kit = KITS.iter().find(|(name, _)| *name == self.kit);
        let (_, figures) = kit.ok_or_else(|| DraftError::Kit {
            given: self.kit.clone(),
        })?;
        // A kit this release carries always reads; its tests say so.
        let Ok(bare) = Kit::parse(figures, Path::new("")) else {
            return Err(DraftError::Kit {
                given: self.kit.clone(),
            });
        };
        let subcontracts: Vec<&str> = bare
            .subcontracts
            .iter()
            .map(|terms| terms.name.as_str())
            .collect();
        let streams: Vec<&str> = bare.streams.iter().map(|terms| terms.name.as_str()).collect();

        let mut text = format!(
            "# The charter {0}, drafted by `hearth new {0}`.\nname = {0:?}\n\n",
            self.name
        );
        text += &self.patience(figures);
        text += "\n# The people. Member ids follow this order, from 1.\n";
        let mut alone = self.households.values().copied().max().unwrap_or(0);
        for (path, card) in &self.members {
            let household = self.households.get(card.name()).copied().unwrap_or_else(|| {
                alone += 1;
                alone
            });
            let (band, why) = match self.bands.get(card.name()) {
                Some(band) => (*band, ""),
                None => (0, NO_BAND),
            };
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "\n[[founders]] # {}\ncard = {path:?}\nhousehold = {household}\nband = {band} # monthly means, from 0 to 7{why}",
                card.name()
            );
            if card.name() == self.provider {
                let _ = writeln!(text, "provides = {subcontracts:?}\nkeeps = {streams:?}");
            }
        }
        text += "\n# The witness. Seats count from 0.\n";
        for (path, card) in &self.seats {
            let _ = writeln!(text, "\n[[seats]] # {}\ncard = {path:?}", card.name());
        }
        for (path, card) in &self.devices {
            let stream = streams.first().copied().unwrap_or_default();
            let _ = writeln!(
                text,
                "\n[[devices]] # {}\nstream = {stream:?}\ncard = {path:?}",
                card.name()
            );
        }
        if let Some(model) = &self.model {
            text += "\n[models]\n";
            for stream in &streams {
                let _ = writeln!(text, "{stream} = {model:?}");
            }
        }
        Ok(text)
    }

    /// The kit's figures, with the witness's patience for a public network where that is wanted.
    fn patience(&self, figures: &str) -> String {
        if !self.public {
            return figures.to_owned();
        }
        let public = [
            ("grace_seconds", 120),
            ("turn_seconds", 60),
            ("finality_blocks", 12),
        ];
        let lines = figures.lines().map(|line| {
            let key = line.split('=').next().unwrap_or_default().trim();
            let found = public.iter().find(|(name, _)| *name == key);
            found.map_or_else(|| line.to_owned(), |(name, value)| format!("{name} = {value}"))
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256};

    use super::*;
    use crate::card::{DeviceCard, MemberCard, SeatCard};

    const MODEL: &str = include_str!("../../fuzz/corpus/model/three.json");

    fn write(folder: &Path, file: &str, card: &Card) {
        std::fs::write(folder.join(file), serde_json::to_string(card).unwrap()).unwrap();
    }

    /// A folder with the cards of a small village.
    fn village() -> (tempfile::TempDir, Draft) {
        let home = tempfile::tempdir().unwrap();
        let cards = home.path().join("cards");
        std::fs::create_dir(&cards).unwrap();
        for (at, name) in (1..).zip(["ada", "bo", "cleo"]) {
            let key = Address::repeat_byte(at);
            let card = MemberCard {
                v: 1,
                name: name.into(),
                key,
                badge: None,
            };
            write(&cards, &format!("{name}.json"), &Card::Member(card));
        }
        for seat in 0..4u8 {
            let card = SeatCard {
                v: 1,
                name: format!("seat-{seat}"),
                identity: Address::repeat_byte(0x10 + seat),
                report_key: Address::repeat_byte(0x20 + seat),
                transport_key: B256::repeat_byte(0x30 + seat),
                endpoint: "http://127.0.0.1:7000".into(),
            };
            write(&cards, &format!("seat-{seat}.json"), &Card::Seat(card));
        }
        let radar = DeviceCard {
            v: 1,
            name: "radar".into(),
            kind: "radar".into(),
            key: B256::repeat_byte(0x40),
            interval_seconds: 60,
            calibrated_until: 0,
        };
        write(&cards, "radar.json", &Card::Device(radar));
        std::fs::write(home.path().join("wood.model"), MODEL).unwrap();
        let mut draft = Draft {
            name: "birch-lane".into(),
            kit: "firewood".into(),
            provider: "bo".into(),
            model: Some("wood.model".into()),
            households: BTreeMap::from([("ada".into(), 1), ("bo".into(), 1)]),
            bands: BTreeMap::from([("cleo".into(), 7)]),
            ..Draft::default()
        };
        draft.gather(&cards, home.path()).unwrap();
        (home, draft)
    }

    #[test]
    fn what_is_drafted_reads_as_a_charter() {
        let (home, mut draft) = village();
        draft.public = true;
        let path = home.path().join("birch-lane.toml");
        let text = draft.text().unwrap();
        std::fs::write(&path, &text).unwrap();
        assert_eq!(draft.without_band(), ["ada", "bo"]);
        assert_eq!(text.matches(NO_BAND).count(), 2, "{text}");
        let kit = Kit::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((kit.name.as_str(), kit.kit.as_str()), ("birch-lane", "firewood"));
        let households: Vec<u16> = kit.founders.iter().map(|founder| founder.household).collect();
        assert_eq!(households, [1, 1, 2]);
        assert_eq!((kit.subcontracts[0].provider, kit.streams[0].custodian), (1, 1));
        assert_eq!(
            (
                kit.founders[2].consent.band,
                kit.seats.len(),
                kit.streams[0].devices.len()
            ),
            (7, 4, 1)
        );
        assert_eq!(
            (
                kit.committee.grace_seconds,
                kit.committee.turn_seconds,
                kit.committee.finality_blocks
            ),
            (120, 60, 12)
        );
        assert_eq!(kit.streams[0].model_hash, alloy::primitives::keccak256(MODEL));
    }

    #[test]
    fn who_is_not_there_is_refused() {
        let (_home, mut draft) = village();
        draft.provider = "dev".into();
        assert!(
            draft
                .text()
                .unwrap_err()
                .to_string()
                .contains("wanted one of ada, bo, cleo")
        );
        draft.provider = "ada".into();
        draft.kit = "water".into();
        assert!(
            draft
                .text()
                .unwrap_err()
                .to_string()
                .contains("wanted one of firewood")
        );
    }
}
