//! A subcontract that a member opens after ignition (R5 track A), as a file: the tables of a charter, for one
//! subcontract and the stream that settles it.
//!
//! *In*: TOML, and the cards it names. *Out*: a typed [`Opening`]. *Refuses*: everything wrong at once, each with line and
//! column. Members are named by their numbers, since whoever reads the file may know no other name for them.

use std::path::Path;

use alloy::primitives::B256;
use hearth_forms::{Placed, Source, Table};

use super::terms::{self, Name};
use super::{KitError, Problem, StreamTerms, SubcontractTerms, problems, text};

/// What a member opens for others to sign. Members stand in it by position, as founders in a
/// [`Kit`](super::Kit): a member's number less one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The name of the charter it is for.
    pub charter: String,
    /// Its terms; the stream's number is the docket's to give.
    pub subcontract: SubcontractTerms,
    /// The stream that settles it.
    pub stream: StreamTerms,
}

const TOP: &[&str] = &["charter", "subcontracts", "streams", "models", "devices"];

impl Opening {
    /// Reads it from a file; cards and models are looked for beside it. `highest` is the charter's limit on a multiple, bps
    /// (R3), where it is known.
    ///
    /// # Errors
    /// See [`KitError`].
    pub fn read(path: &Path, highest: Option<u64>) -> Result<Self, KitError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text(path)?, folder, highest).map_err(|found| problems(path, found))
    }

    /// Reads it from its text; cards and models are looked for under `folder`.
    ///
    /// # Errors
    /// All problems, in the order of their places.
    pub fn parse(text: &str, folder: &Path, highest: Option<u64>) -> Result<Self, Vec<Problem>> {
        let (source, top) = Source::parse(text);
        let opening = whole(top, folder, highest);
        let problems = source.problems();
        match opening {
            Some(opening) if problems.is_empty() => Ok(opening),
            _ => Err(problems),
        }
    }

    /// True where the text names the charter it is for, as only an opening does.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        Source::parse(text).1.has("charter")
    }
}

fn whole(mut top: Table<'_>, folder: &Path, highest: Option<u64>) -> Option<Opening> {
    let charter = top.must::<Name>("charter", "the name of the charter it is for");
    let mut models = terms::models(&mut top, folder);
    let subcontract = one(&mut top, "subcontracts").map(|mut table| {
        let provider = member(&mut table, "provider");
        (provider, terms::subcontract(table, highest))
    });
    let stream = one(&mut top, "streams").map(|mut table| {
        let custodian = member(&mut table, "custodian");
        (custodian, terms::stream(table))
    });
    let streams: Vec<_> = stream
        .into_iter()
        .filter_map(|(who, read)| Some((who, read?)))
        .collect();
    let (custodians, streams): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
    let devices: Vec<_> = top
        .tables("devices")
        .into_iter()
        .filter_map(|table| terms::device(table, folder, &streams))
        .map(|(_, card)| card)
        .collect();
    terms::distinct_devices(&top, &devices);
    let subcontract = subcontract.and_then(|(who, read)| Some((who, read?)));
    let stream = streams.into_iter().next();
    if let (Some(stream), Some((_, subcontract))) = (&stream, &subcontract) {
        if stream.feeds.value != subcontract.name.value {
            let says = format!(
                "subcontract: given {:?}, wanted {:?}",
                stream.feeds.value, subcontract.name.value
            );
            top.problem(stream.feeds.span.clone(), says);
        }
        if devices.is_empty() {
            let says = format!(
                "{}: no device feeds it, wanted [[devices]] with stream = {0:?}",
                stream.terms.name
            );
            top.problem(stream.name.clone(), says);
        }
    }
    let model = stream
        .as_ref()
        .and_then(|stream| models.remove(&stream.terms.name));
    terms::no_more_models(&top, models);
    top.close(TOP);

    let (provider, subcontract) = subcontract?;
    Some(Opening {
        charter: charter?.value.0,
        subcontract: subcontract.terms(0, provider?),
        stream: StreamTerms {
            custodian: custodians.into_iter().next()??,
            model_hash: model.map_or(B256::ZERO, |model| model.value),
            devices: devices.into_iter().map(|card: Placed<_>| card.value).collect(),
            ..stream?.terms
        },
    })
}

/// The only table of a list of tables.
fn one<'a>(top: &mut Table<'a>, key: &str) -> Option<Table<'a>> {
    let mut tables = top.tables(key);
    if tables.len() != 1 {
        let span = tables.get(1).map_or(top.span(), Table::span);
        top.problem(span, format!("{key}: given {}, wanted 1", tables.len()));
    }
    (!tables.is_empty()).then(|| tables.swap_remove(0))
}

/// A member's number, as a position.
fn member(table: &mut Table<'_>, key: &str) -> Option<usize> {
    let number = table.must_number(key, 1..=u64::from(u16::MAX))?;
    usize::try_from(number.value - 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> String {
        let page = include_str!("../../../docs/founding.md");
        let (_, rest) = page.split_once("```toml\n").unwrap();
        let (text, _) = rest.split_once("```").unwrap();
        // The page names cards; here a device stands in the file itself.
        let key = B256::repeat_byte(0x21);
        let device = format!(
            "key = \"{key}\"\nkind = \"radar\"\ninterval_seconds = 60\ncalibrated_until = 1900000000"
        );
        let text = text.replacen("card = \"cards/radar-2.json\"", &device, 1);
        let text: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with("willow-pile = "))
            .collect();
        text.join("\n")
    }

    #[test]
    fn the_example_of_the_founding_page_reads_as_written() {
        let opening = Opening::parse(&sound(), Path::new(""), Some(200_000)).unwrap();

        assert_eq!(opening.charter, "birch-lane");
        assert_eq!((opening.subcontract.provider, opening.stream.custodian), (1, 1));
        assert_eq!(opening.subcontract.name, "willow-wood");
        assert_eq!(
            (opening.stream.devices.len(), opening.stream.window_seconds),
            (1, 86_400)
        );
    }

    #[test]
    fn each_problem_is_named_with_line_and_column() {
        let check = |from: &str, to: &str, place: &str, says: &str| {
            let text = sound();
            let line = text.lines().position(|line| line.contains(from)).unwrap() + 1;
            let place = place.replace("LINE", &line.to_string());
            let found =
                Opening::parse(&text.replacen(from, to, 1), Path::new(""), Some(200_000)).unwrap_err();
            let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert!(
                shown
                    .iter()
                    .any(|problem| problem.starts_with(&place) && problem.contains(says)),
                "{from} -> {to}: wanted {place} {says}, got {shown:#?}"
            );
        };
        check("charter = ", "chart = ", "1:1: ", "charter is missing");
        check("provider = 2", "provider = 0", "LINE:12: ", "from 1 to 65535");
        check(
            "provider = 2",
            "provder = 2",
            "LINE:1: ",
            "unknown key subcontracts[0].provder",
        );
        check("custodian = 2", "custodian = \"bo\"", "LINE:13: ", "given a text");
        check(
            "subcontract = \"willow-wood\"",
            "subcontract = \"firewood\"",
            "LINE:15: ",
            "wanted \"willow-wood\"",
        );
        check(
            "stream = \"willow-pile\"",
            "stream = \"pile\"",
            "LINE:10: ",
            "no stream is named",
        );
        check("160_000]", "200_001]", "LINE:60: ", "from 0 to 200000");
        check(
            "[[streams]]",
            "[[subcontracts]]\n[[streams]]",
            "LINE:1: ",
            "subcontracts: given 2, wanted 1",
        );
        let low = Opening::parse(&sound(), Path::new(""), Some(100_000)).unwrap_err();
        assert!(
            low[0]
                .says
                .contains("wanted at most limits.highest_multiple_bps, 100000"),
            "{low:#?}"
        );
    }
}
