//! A kit: all that founders agree on, as one file they can read.
//!
//! *In*: TOML, and the cards it names. *Out*: a typed [`Kit`]. *Refuses*: everything wrong at once, each with line and
//! column; unknown keys are wrong. *Never*: fills a gap with a guess.
//!
//! A kit without people is a template (`kits/firewood.toml`); `hearth new` adds the people and makes it a charter.

mod opening;
mod terms;
mod whole;

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, keccak256};
use thiserror::Error;

use crate::amount::Amount;
use crate::card::{DeviceCard, SeatCard};
pub use hearth_forms::Problem;
use hearth_forms::Source;
pub use hearth_oracle_core::types::EpochKind;
pub use opening::Opening;

/// The kits this release carries, by name.
pub const KITS: &[(&str, &str)] = &[("firewood", include_str!("../../../kits/firewood.toml"))];

/// All that founders sign, and what each of them is asked to consent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kit {
    /// The charter's name, lower case with hyphens.
    pub name: String,
    /// The kit it was made from; see [`KITS`].
    pub kit: String,
    /// The charter's words; their hash is signed.
    pub articles: String,
    /// Offset of local time from UTC, seconds (R0).
    pub tz: i32,
    /// Protected amount of every purse (R1.2).
    pub floor: Amount,
    /// The settlement token; without one, founding deploys a practice token.
    pub token: Option<Address>,
    /// How long the witness waits, and a seat's bond.
    pub committee: CommitteeTerms,
    /// Entrenched limits, by the contracts' `Limit` (R3).
    pub limits: [u64; 10],
    /// The first set of subcontracts; ids from 1, in this order.
    pub subcontracts: Vec<SubcontractTerms>,
    /// The first streams; ids from 1, in this order.
    pub streams: Vec<StreamTerms>,
    /// Founders; member ids from 1, in this order (R2.1).
    pub founders: Vec<FounderTerms>,
    /// Seats, from 0, in this order.
    pub seats: Vec<SeatTerms>,
    /// Alternates, in order of succession.
    pub alternates: Vec<SeatTerms>,
    /// The charter this one descends from (R2.5).
    pub parent: Option<Address>,
    /// Hash of the source archive (R2.5).
    pub source_hash: B256,
}

/// Committee parameters (architecture, "Agreement between seats").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitteeTerms {
    /// From an epoch's end to the first turn, seconds.
    pub grace_seconds: u32,
    /// One attempt, seconds.
    pub turn_seconds: u32,
    /// Depth at which the chain is believed.
    pub finality_blocks: u16,
    /// Refundable bond of a seat (R22).
    pub bond: Amount,
}

/// One subcontract of the first set: so far there is one template, firewood (R8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubcontractTerms {
    /// A name for people.
    pub name: String,
    /// Position of its stream in [`Kit::streams`].
    pub stream: usize,
    /// Position of its provider in [`Kit::founders`].
    pub provider: usize,
    /// Price of a reference piece.
    pub p0: Amount,
    /// Mass of the reference piece, grams.
    pub ref_grams: u32,
    /// Multiples by band, bps of the base price (R8).
    pub mu_bps: [u32; 8],
    /// Inclusive lower bounds of the bands, monthly means (R8).
    pub bands: [Amount; 8],
    /// Share of turnover kept against what nobody tapped for, bps (R7.8).
    pub shrinkage_bps: u16,
}

/// One stream of the first set (R7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamTerms {
    /// A name for people.
    pub name: String,
    /// Position of the subcontract it feeds in [`Kit::subcontracts`].
    pub subcontract: usize,
    /// Length of its epochs.
    pub epoch: EpochKind,
    /// In which a line may be contested, seconds (R7.10).
    pub window_seconds: u32,
    /// Where it senses; at most 32 bytes of ASCII.
    pub zone: String,
    /// Position of its custodian in [`Kit::founders`].
    pub custodian: usize,
    /// 0 things, 1 home, 2 act (R20).
    pub data_class: u8,
    /// Name in the witness's register; at most 32 bytes of ASCII.
    pub estimator: String,
    /// The estimator's parameters, as it defines them.
    pub parameters: Bytes,
    /// keccak256 of the model file; zero where the estimator uses none.
    pub model_hash: B256,
    /// Its devices.
    pub devices: Vec<DeviceCard>,
}

/// One founder, and what their consent will say unless they sign another (R2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FounderTerms {
    /// A name for people.
    pub name: String,
    /// Current key.
    pub key: Address,
    /// Household number.
    pub household: u16,
    /// Proposed consent.
    pub consent: ConsentTerms,
}

/// What one signature carries beside the proposal (R2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentTerms {
    /// Own bound across all subcontracts, per period.
    pub most_per_period: Amount,
    /// By subcontract; `None` signs no mandate there.
    pub mandates: Vec<Option<MandateTerms>>,
    /// Declared band 0..7 (R8).
    pub band: u8,
    /// Hash of the badge that says who takes; zero for none.
    pub badge: B256,
}

/// The caps of one mandate (R1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MandateTerms {
    /// One line of one report.
    pub per_event: Amount,
    /// One fixed period of 30 days.
    pub per_period: Amount,
    /// Shares of what nobody took, per period.
    pub shared_per_period: Amount,
}

/// One seat or alternate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatTerms {
    /// A name for people.
    pub name: String,
    /// Cold key that registers and rotates the rest.
    pub identity: Address,
    /// The whole card, where the charter names one.
    pub card: Option<SeatCard>,
}

/// Why a kit could not be read.
#[derive(Debug, Error)]
pub enum KitError {
    /// The file could not be read.
    #[error("{path} could not be read")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Everything that is wrong in it.
    #[error("{}", listed(path, problems))]
    Problems {
        /// Which file.
        path: PathBuf,
        /// In the order of their places.
        problems: Vec<Problem>,
    },
}

fn listed(path: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}:{problem}", path.display()))
        .collect();
    lines.join("\n")
}

/// The text of a file.
///
/// # Errors
/// Where it cannot be read.
pub fn text(path: &Path) -> Result<String, KitError> {
    crate::handed::text(path).map_err(|source| KitError::Read {
        path: path.to_owned(),
        source,
    })
}

fn problems(path: &Path, problems: Vec<Problem>) -> KitError {
    KitError::Problems {
        path: path.to_owned(),
        problems,
    }
}

impl Kit {
    /// Reads a charter or a kit from a file; cards and models are looked for beside it.
    ///
    /// # Errors
    /// See [`KitError`].
    pub fn read(path: &Path) -> Result<Self, KitError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text(path)?, folder).map_err(|found| problems(path, found))
    }

    /// Reads a charter or a kit from its text; cards and models are looked for under `folder`.
    ///
    /// # Errors
    /// All problems, in the order of their places.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let (source, table) = Source::parse(text);
        let kit = whole::whole(table, folder);
        let problems = source.problems();
        match kit {
            Some(kit) if problems.is_empty() => Ok(kit),
            _ if problems.is_empty() => unreachable!("a part that cannot be read leaves a problem"),
            _ => Err(problems),
        }
    }

    /// True for a kit: figures without people, from which `hearth new` makes a charter.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.founders.is_empty() && self.seats.is_empty()
    }

    /// Hash of the kit this was made from; zero where this release does not carry it (R2.5).
    #[must_use]
    pub fn kit_hash(&self) -> B256 {
        KITS.iter()
            .find(|(name, _)| *name == self.kit)
            .map_or(B256::ZERO, |(_, text)| keccak256(text))
    }

    /// The founder of this name, by position.
    #[must_use]
    pub fn founder(&self, name: &str) -> Option<usize> {
        self.founders.iter().position(|founder| founder.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> String {
        let mut text = String::from("name = \"birch-lane\"\n");
        text += KITS[0].1;
        for (index, name) in ["ada", "bo", "cleo"].iter().enumerate() {
            let key = Address::repeat_byte(1 + u8::try_from(index).unwrap());
            text +=
                &format!("[[founders]]\nname = \"{name}\"\nkey = \"{key}\"\nhousehold = 1\nband = {index}\n");
            if index == 0 {
                text += "provides = [\"firewood\"]\nkeeps = [\"wood-pile\"]\n";
            }
        }
        for seat in 0x11..0x15 {
            text += &format!("[[seats]]\nidentity = \"{}\"\n", Address::repeat_byte(seat));
        }
        let key = B256::repeat_byte(0x21);
        text + &format!(
            "[[devices]]\nstream = \"wood-pile\"\nkey = \"{key}\"\nkind = \"radar\"\ninterval_seconds = 60\ncalibrated_until = 1900000000\n"
        )
    }

    fn found(text: &str) -> Vec<Problem> {
        Kit::parse(text, Path::new(""))
            .map(|_| Vec::new())
            .unwrap_or_else(|problems| problems)
    }

    #[test]
    fn every_kit_reads_without_people() {
        for (name, text) in KITS {
            let kit =
                Kit::parse(text, Path::new("")).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
            assert!(kit.is_bare());
            assert_eq!(kit.kit, *name);
            assert_eq!(kit.kit_hash(), keccak256(text));
        }
    }

    #[test]
    fn a_charter_reads_as_written() {
        let kit = Kit::parse(&people(), Path::new("")).unwrap();
        assert_eq!(
            (kit.name.as_str(), kit.tz, kit.floor, kit.seats.len()),
            ("birch-lane", 3_600, Amount(5_000_000), 4)
        );
        let firewood = &kit.subcontracts[0];
        assert_eq!(
            (firewood.provider, firewood.stream, firewood.p0),
            (0, 0, Amount(800_000))
        );
        assert_eq!(
            firewood.mu_bps,
            [0, 2_500, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000]
        );
        assert_eq!(
            (kit.streams[0].devices.len(), kit.streams[0].window_seconds),
            (1, 86_400)
        );
        let consent = &kit.founders[2].consent;
        assert_eq!((consent.band, consent.most_per_period), (2, Amount(60_000_000)));
        assert_eq!(consent.mandates[0].unwrap().shared_per_period, Amount(1_000_000));
    }

    #[test]
    fn one_mistake_is_one_problem_named_with_line_and_column() {
        // What is changed in a sound charter, where the problem must be seen, what it must say.
        let check = |from: &str, to: &str, place: &str, says: &str| {
            let text = people();
            assert!(text.contains(from), "{from}");
            let found = found(&text.replacen(from, to, 1));
            let line = text
                .lines()
                .position(|line| line.contains(from.lines().next().unwrap()))
                .unwrap()
                + 1;
            let place = place.replace("LINE", &line.to_string());
            let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert!(
                shown.len() == 1 && shown[0].starts_with(&place) && shown[0].contains(says),
                "{from} -> {to}: wanted {place} {says} alone, got {shown:#?}"
            );
        };
        check(
            "floor = \"5 H\"",
            "floor = \"-5 H\"",
            "LINE:9: ",
            "given \"-5 H\"",
        );
        check("floor = \"5 H\"", "flor = \"5 H\"", "LINE:1: ", "perhaps floor");
        check(
            "utc_offset = \"+01:00\"",
            "utc_offset = \"CET\"",
            "LINE:14: ",
            "+14:00",
        );
        check(
            "bond = \"10 H\"",
            "bond = 10",
            "LINE:8: ",
            "given a whole number, wanted an amount",
        );
        check(
            "bond = \"10 H\"",
            "bond = \"10 H",
            "LINE:13: ",
            "invalid basic string",
        );
        check(
            "turn_seconds = 15",
            "turn_seconds = 0",
            "LINE:16: ",
            "from 1 to 86400",
        );
        check("fee_bps = 300", "fee_bps = 30_000", "LINE:11: ", "from 0 to 300");
        check(
            "mu_bps = [0, 2_500",
            "mu_bps = [9_000, 2_500",
            "LINE:10: ",
            "wanted none falling",
        );
        check(
            "bands = [\"0 H\", \"5 H\"",
            "bands = [\"5 H\"",
            "LINE:9: ",
            "given 7, wanted 8",
        );
        check(
            "bands = [\"0 H\"",
            "bands = [\"1 H\"",
            "LINE:9: ",
            "the first 0 H",
        );
        check(
            "template = \"firewood\"",
            "template = \"water\"",
            "LINE:12: ",
            "wanted \"firewood\"",
        );
        check("p0 = \"0.8 H\"", "p0 = \"0 H\"", "LINE:6: ", "above nothing");
        check(
            "epoch = \"week\"",
            "epoch = \"month\"",
            "LINE:9: ",
            "\"day\", \"week\"",
        );
        check(
            "subcontract = \"firewood\"",
            "subcontract = \"water\"",
            "LINE:15: ",
            "no subcontract is named",
        );
        check("band = 1", "band = 8", "LINE:8: ", "from 0 to 7");
        check(
            "name = \"bo\"",
            "name = \"ada\"",
            "LINE:8: ",
            "name is given twice",
        );
        check(
            "name = \"bo\"",
            "name = \"Bo!\"",
            "LINE:8: ",
            "lower-case letters",
        );
        check(
            "provides = [\"firewood\"]",
            "provides = [\"water\"]",
            "LINE:13: ",
            "no subcontract is named",
        );
        check(
            "stream = \"wood-pile\"",
            "stream = \"pile\"",
            "LINE:10: ",
            "no stream is named",
        );
        check(
            "kind = \"radar\"",
            "kind = \"a radar with a long name\"",
            "LINE:8: ",
            "1 to 16 ASCII",
        );
        // A table that cannot be read, found or told by its name is not missed by what refers to it.
        check(
            "name = \"firewood\"",
            "name = \"Firewood\"",
            "LINE:8: ",
            "lower-case letters",
        );
        check(
            "name = \"firewood\"\ntemplate",
            "name = \"fire\"\ntemplate",
            "69:15: ",
            "no subcontract is named \"firewood\", wanted \"fire\"",
        );
        check(
            "name = \"wood-pile\"",
            "name = \"pile\"",
            "85:10: ",
            "no stream is named \"wood-pile\", wanted \"pile\"",
        );
        check(
            "keeps = [\"wood-pile\"]",
            "keeps = \"wood-pile\"",
            "LINE:9: ",
            "a list of names",
        );
        check("keeps = [\"wood-pile\"]", "", "68:8: ", "nobody keeps it");
        check("[[streams]]", "[[stream]]", "LINE:3: ", "perhaps streams");
        check(
            "[[subcontracts]]",
            "[subcontracts]",
            "LINE:1: ",
            "[[subcontracts]] tables",
        );
        check("[[devices]]", "[[device]]", "LINE:3: ", "perhaps devices");
        check("[consent]", "[consnt]", "LINE:2: ", "perhaps consent");
        check(
            "per_event = \"20 H\"",
            "per_event = 20",
            "LINE:13: ",
            "wanted an amount",
        );
        check(
            "per_event = \"20 H\"",
            "per_event = \"2000 H\"",
            "LINE:13: ",
            "wanted at most per_period, ",
        );
        check("[committee]", "[comittee]", "LINE:2: ", "perhaps committee");
        check("[limits]", "[[limits]]", "LINE:1: ", "a table");
        check("key = \"0x0101", "key = \"0xzz01", "LINE:7: ", "key: given");
        check(
            "key = \"0x0101",
            "card = \"ada.json\"\n#",
            "LINE:8: ",
            "could not be read",
        );
        check(
            "identity = \"0x11",
            "identity = \"0xzz",
            "LINE:12: ",
            "identity: given",
        );
        check(
            "kit = \"firewood\"",
            "kit = \"firewood",
            "LINE:16: ",
            "invalid basic string",
        );
        check("[[founders]]", "[[founders]", "LINE:12: ", "unclosed array table");
        let text = people();
        let unread = text[..text.rfind("key = ").unwrap()].to_owned() + "card = \"radar.json\"";
        let told = found(&unread);
        assert!(
            told.len() == 1 && told[0].says.contains("could not be read"),
            "{told:#?}"
        );
        let seats = people().replacen(
            "[[seats]]\nidentity = \"0x1111111111111111111111111111111111111111\"\n",
            "",
            1,
        );
        assert!(
            found(&seats)
                .iter()
                .any(|problem| problem.says == "seats: given 3, wanted 4 to 31")
        );
    }

    /// Each line of a sound charter is spoilt in turn, in the ways people do.
    #[test]
    fn no_line_spoilt_is_more_than_one_problem() {
        let text = people();
        for (at, line) in text.lines().enumerate() {
            let mut spoilt = vec![line.to_uppercase(), line.replacen('"', "", 1)];
            if let Some((key, value)) = line.split_once(" = ") {
                spoilt.push(String::new());
                spoilt.extend([format!("{key}s = {value}"), format!("{} = {value}", &key[1..])]);
                spoilt.extend(["3.5", "\"\"", "[]", ""].map(|value| format!("{key} = {value}")));
            } else if line.starts_with('[') {
                spoilt.extend([
                    line.replace(']', "s]"),
                    line.replace("[[", "[").replace("]]", "]"),
                ]);
            }
            for new in spoilt {
                let mut lines: Vec<&str> = text.lines().collect();
                lines[at] = &new;
                let found = found(&lines.join("\n"));
                assert!(found.len() <= 1, "{line} -> {new}: {found:#?}");
            }
        }
    }

    #[test]
    fn all_problems_come_at_once_in_the_order_of_their_places() {
        let text = people()
            .replacen("floor = \"5 H\"", "flor = \"5 H\"", 1)
            .replacen("turn_seconds = 15", "turn_seconds = \"15\"", 1)
            .replacen("band = 2", "band = 22", 1);
        let found = found(&text);
        let lines: Vec<usize> = found.iter().map(|problem| problem.line).collect();
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(lines.is_sorted());
    }
}
