//! A subcontract that a member opens after ignition (R5 track A), as a file: the tables of a charter, for one
//! subcontract and the stream that settles it.
//!
//! *In*: TOML, and the cards it names. *Out*: a typed [`Opening`]. *Refuses*: everything wrong at once, each with line and
//! column. Members are named by their numbers, since whoever reads the file may know no other name for them.

use std::path::Path;

use alloy::primitives::B256;
use hearth_forms::{Source, Table};

use super::terms::{self, Links, Names};
use super::{KitError, Problem, StreamTerms, SubcontractTerms, problems, text};
use crate::name::Name;

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

    /// True where the text names, if misspelt, the charter it is for, as only an opening does.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let (_, top) = Source::parse(text);
        top.has("charter") || top.misspelt("charter")
    }
}

fn whole(mut top: Table<'_>, folder: &Path, highest: Option<u64>) -> Option<Opening> {
    let charter = top.must::<Name>("charter", "the name of the charter it is for");
    let mut models = terms::models(&mut top, folder);
    let subcontract_table = one(&mut top, "subcontracts");
    let stream_table = one(&mut top, "streams");
    let device_tables = top.tables("devices");
    let devices_listed = device_tables.is_some() && !top.misspelt("devices");
    let source = top.source();
    let (provider, subcontract) = subcontract_table
        .map(|mut table| (member(&mut table, "provider"), terms::subcontract(table, highest)))
        .unzip();
    let (custodian, stream) = stream_table
        .map(|mut table| (member(&mut table, "custodian"), terms::stream(table)))
        .unzip();
    let name = stream.as_ref().map(|stream| stream.name.clone());
    let mut names = Names::of("stream", name.into_iter().collect(), stream.is_some());
    let mut fed_by = Links::new(devices_listed);
    let mut devices = Vec::new();
    for (index, table) in device_tables.into_iter().flatten().enumerate() {
        let (named, card) = terms::device(table, folder);
        fed_by.add(index, named.and_then(|named| names.find(&source, &named)));
        devices.extend(card);
    }
    terms::distinct_devices(&top, &devices);
    if let Some(stream) = &stream {
        let fed = subcontract
            .as_ref()
            .and_then(|subcontract| subcontract.name.as_ref());
        if let (Some(feeds), Some(fed)) = (&stream.feeds, fed)
            && feeds.value != fed.value
        {
            let says = format!("subcontract: given {:?}, wanted {:?}", feeds.value, fed.value);
            top.problem(feeds.span.clone(), says);
        }
        if let Some(name) = stream.name.as_ref().filter(|_| fed_by.lack(0)) {
            let says = format!(
                "{}: no device feeds it, wanted [[devices]] with stream = {0:?}",
                name.value
            );
            top.problem(name.span.clone(), says);
        }
    }
    let stream = stream.and_then(|stream| stream.terms);
    let model = stream.as_ref().and_then(|stream| models.remove(&stream.name));
    if stream.is_some() {
        terms::no_more_models(&source, models, &mut names);
    }
    top.close();

    Some(Opening {
        charter: charter?.value.0,
        subcontract: SubcontractTerms {
            provider: provider??,
            ..subcontract?.terms?
        },
        stream: StreamTerms {
            custodian: custodian??,
            model_hash: model.map_or(B256::ZERO, |model| model.value),
            devices: devices.into_iter().map(|card| card.value).collect(),
            ..stream?
        },
    })
}

/// The only table of a list of tables.
fn one<'a>(top: &mut Table<'a>, key: &str) -> Option<Table<'a>> {
    let mut tables = top.tables(key)?;
    match tables.len() {
        0 => top.missing(key, &format!("one [[{key}]]")),
        1 => {}
        given => top.problem(tables[1].span(), format!("{key}: given {given}, wanted 1")),
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
        let text = text.replacen("card = \"cards/radar-2.card.json\"", &device, 1);
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
    fn one_mistake_is_one_problem_named_with_line_and_column() {
        let check = |from: &str, to: &str, place: &str, says: &str| {
            let text = sound();
            let line = text.lines().position(|line| line.contains(from)).unwrap() + 1;
            let place = place.replace("LINE", &line.to_string());
            let found =
                Opening::parse(&text.replacen(from, to, 1), Path::new(""), Some(200_000)).unwrap_err();
            let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert!(
                shown.len() == 1 && shown[0].starts_with(&place) && shown[0].contains(says),
                "{from} -> {to}: wanted {place} {says} alone, got {shown:#?}"
            );
        };
        check("charter = ", "chart = ", "1:1: ", "perhaps charter");
        check("provider = 2", "provider = 0", "LINE:12: ", "from 1 to 65535");
        check(
            "provider = 2",
            "provder = 2",
            "LINE:1: ",
            "unknown key subcontracts[0].provder, wanted perhaps provider",
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
        check(
            "name = \"willow-pile\"",
            "name = \"Pile\"",
            "LINE:8: ",
            "lower-case letters",
        );
        check("p0 = \"0.5 H\"", "p0 = 0.5", "LINE:6: ", "p0: given");
        check("[[devices]]", "[[device]]", "LINE:3: ", "perhaps devices");
        // The device is written last.
        let text = sound();
        let unread = text[..text.find("key = ").unwrap()].to_owned() + "card = \"radar.json\"";
        let found = Opening::parse(&unread, Path::new(""), Some(200_000)).unwrap_err();
        assert!(
            found.len() == 1 && found[0].says.contains("could not be read"),
            "{found:#?}"
        );
        assert!(Opening::is_meant(&sound().replacen("charter = ", "chart = ", 1)));
        let low = Opening::parse(&sound(), Path::new(""), Some(100_000)).unwrap_err();
        assert!(
            low[0]
                .says
                .contains("wanted at most limits.highest_multiple_bps, 100000"),
            "{low:#?}"
        );
    }
}
