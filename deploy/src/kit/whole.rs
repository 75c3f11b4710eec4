//! A whole charter put together from its tables, and what must fit between them.

use std::collections::BTreeMap;
use std::path::Path;

use alloy::primitives::{Address, B256};

use super::terms::{self, Duties, Name, Offset};
use super::{Amount, Kit};
use hearth_forms::Table;

const TOP: &[&str] = &[
    "name",
    "kit",
    "articles",
    "utc_offset",
    "floor",
    "parent",
    "source_hash",
    "token",
    "committee",
    "limits",
    "consent",
    "subcontracts",
    "streams",
    "models",
    "founders",
    "seats",
    "alternates",
    "devices",
];

pub(super) fn whole(mut top: Table<'_>, folder: &Path) -> Option<Kit> {
    let name = top.text::<Name>("name", "a name");
    let kit = top.text::<Name>("kit", "the name of a kit");
    let articles = top.must::<String>("articles", "the charter's words");
    if let Some(words) = articles.as_ref().filter(|words| words.value.trim().is_empty()) {
        top.problem(
            words.span.clone(),
            "articles: given no words, wanted the charter's words".into(),
        );
    }
    let tz = top.must::<Offset>("utc_offset", "local time, such as \"+01:00\"");
    let floor = top.must::<Amount>("floor", "an amount such as \"5 H\"");
    let parent = top
        .text::<Address>("parent", "the address of a charter")
        .map(|placed| placed.value);
    let source_hash = top
        .text::<B256>("source_hash", "32 bytes of hex")
        .map_or(B256::ZERO, |placed| placed.value);
    let token = top.table("token").and_then(|mut table| {
        let address = table.text::<Address>("address", "the address of an ERC-20 of 6 decimals");
        table.close(&["address"]);
        address.map(|placed| placed.value)
    });
    let committee = terms::committee(&mut top);
    let limits = terms::limits(&mut top);
    let mut models = terms::models(&mut top, folder);
    let subcontract_tables = top.tables("subcontracts");
    let stream_tables = top.tables("streams");
    let founder_tables = top.tables("founders");
    let seat_tables = top.tables("seats");
    let alternate_tables = top.tables("alternates");
    let device_tables = top.tables("devices");
    let bare = founder_tables.is_empty() && seat_tables.is_empty() && device_tables.is_empty();

    let subcontracts: Vec<_> = subcontract_tables
        .into_iter()
        .filter_map(|table| terms::subcontract(table, limits.map(|limits| limits[0])))
        .collect();
    let streams: Vec<_> = stream_tables.into_iter().filter_map(terms::stream).collect();
    let consent = terms::consent(&mut top, &subcontracts);
    let mut duties = Duties {
        provides: BTreeMap::new(),
        keeps: BTreeMap::new(),
    };
    let founder_count = founder_tables.len();
    let founders: Vec<_> = founder_tables
        .into_iter()
        .enumerate()
        .filter_map(|(index, table)| {
            terms::founder(
                table,
                index,
                folder,
                &subcontracts,
                &streams,
                consent.as_ref(),
                &mut duties,
            )
        })
        .collect();
    let seat_count = seat_tables.len();
    let seats = terms::seats(seat_tables, folder);
    let alternates = terms::seats(alternate_tables, folder);
    let devices: Vec<_> = device_tables
        .into_iter()
        .filter_map(|table| terms::device(table, folder, &streams))
        .collect();

    if name.is_none() && !bare {
        top.missing("name", "the charter's name");
    }
    if !bare {
        terms::count(&top, "founders", founder_count, 3..=25);
        terms::count(&top, "seats", seat_count, 4..=31);
        terms::once(
            &top,
            "key",
            founders
                .iter()
                .map(|founder| (founder.key.value, founder.key.span.clone())),
        );
        terms::once(
            &top,
            "name",
            founders
                .iter()
                .map(|founder| (founder.terms.name.clone(), founder.name.clone())),
        );
        terms::once(
            &top,
            "identity",
            seats
                .iter()
                .chain(&alternates)
                .map(|seat| (seat.value.identity, seat.span.clone())),
        );
        terms::distinct_devices(&top, devices.iter().map(|(_, card)| card));
    }
    if subcontracts.is_empty() {
        top.missing("subcontracts", "at least one [[subcontracts]]");
    }

    let mut subcontract_terms = Vec::new();
    for (index, subcontract) in subcontracts.iter().enumerate() {
        let stream = streams
            .iter()
            .position(|stream| stream.feeds.value == subcontract.name.value);
        if stream.is_none() {
            let says = format!(
                "{}: no stream feeds it, wanted one [[streams]] with subcontract = {0:?}",
                subcontract.name.value
            );
            top.problem(subcontract.name.span.clone(), says);
        }
        let provider = duties.provides.get(&index).copied();
        if provider.is_none() && !bare {
            let says = format!(
                "{}: nobody provides it, wanted one founder with provides = [{0:?}]",
                subcontract.name.value
            );
            top.problem(subcontract.name.span.clone(), says);
        }
        subcontract_terms.push(subcontract.terms(stream.unwrap_or(0), provider.unwrap_or(0)));
    }
    let mut stream_terms = Vec::new();
    for (index, stream) in streams.iter().enumerate() {
        let subcontract = subcontracts
            .iter()
            .position(|sub| sub.name.value == stream.feeds.value);
        if subcontract.is_none() {
            let says = format!("no subcontract is named {:?}", stream.feeds.value);
            top.problem(stream.feeds.span.clone(), says);
        }
        let custodian = duties.keeps.get(&index).copied();
        if custodian.is_none() && !bare {
            let says = format!(
                "{}: nobody keeps it, wanted one founder with keeps = [{0:?}]",
                stream.terms.name
            );
            top.problem(stream.name.clone(), says);
        }
        let mut terms = stream.terms.clone();
        terms.subcontract = subcontract.unwrap_or(0);
        terms.custodian = custodian.unwrap_or(0);
        terms.model_hash = models.remove(&terms.name).map_or(B256::ZERO, |model| model.value);
        terms.devices = devices
            .iter()
            .filter(|(to, _)| *to == index)
            .map(|(_, card)| card.value.clone())
            .collect();
        if terms.devices.is_empty() && !bare {
            let says = format!(
                "{}: no device feeds it, wanted [[devices]] with stream = {0:?}",
                terms.name
            );
            top.problem(stream.name.clone(), says);
        }
        stream_terms.push(terms);
    }
    terms::no_more_models(&top, models);
    top.close(TOP);

    let kit = kit.map_or_else(String::new, |kit| kit.value.0);
    Some(Kit {
        name: name.map_or_else(|| kit.clone(), |name| name.value.0),
        kit,
        articles: articles?.value,
        tz: tz?.value.0,
        floor: floor?.value,
        token,
        committee: committee?,
        limits: limits?,
        subcontracts: subcontract_terms,
        streams: stream_terms,
        founders: founders.into_iter().map(|founder| founder.terms).collect(),
        seats: seats.into_iter().map(|seat| seat.value).collect(),
        alternates: alternates.into_iter().map(|seat| seat.value).collect(),
        parent,
        source_hash,
    })
}
