//! A whole charter put together from its tables, and what must fit between them.

use std::collections::BTreeSet;
use std::path::Path;

use alloy::primitives::{Address, B256};

use super::terms::{self, Founders, Links, Names, Offset};
use super::{Amount, Kit, StreamTerms, SubcontractTerms};
use crate::name::Name;
use hearth_forms::{Placed, Table};

pub(super) fn whole(mut top: Table<'_>, folder: &Path) -> Option<Kit> {
    let has_name = top.has("name");
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
        table.close();
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
    let has_consent = top.has("consent");
    let subcontract_count = subcontract_tables.as_ref().map_or(0, Vec::len);
    let consent = terms::consent(&mut top, subcontract_count);
    // What cannot be found, because it is no list of tables or misspelt, is told once and not missed elsewhere.
    let listed = |tables: &Option<Vec<Table<'_>>>, key| tables.is_some() && !top.misspelt(key);
    let subcontracts_listed = listed(&subcontract_tables, "subcontracts");
    let streams_listed = listed(&stream_tables, "streams");
    let founders_listed = listed(&founder_tables, "founders");
    let seats_listed = listed(&seat_tables, "seats");
    let devices_listed = listed(&device_tables, "devices");
    let given = |tables: &Option<Vec<Table<'_>>>| tables.as_ref().is_none_or(|tables| !tables.is_empty());
    let bare = !given(&founder_tables) && !given(&seat_tables) && !given(&device_tables);
    let source = top.source();

    let subcontracts: Vec<_> = subcontract_tables
        .into_iter()
        .flatten()
        .map(|table| terms::subcontract(table, limits.map(|limits| limits[0])))
        .collect();
    let streams: Vec<_> = stream_tables
        .into_iter()
        .flatten()
        .map(|table| terms::stream(table))
        .collect();
    let names = subcontracts.iter().map(|one| one.name.clone()).collect();
    let mut subcontract_names = Names::of("subcontract", names, subcontracts_listed);
    let names = streams.iter().map(|one| one.name.clone()).collect();
    let mut stream_names = Names::of("stream", names, streams_listed);
    let mut feeds = Links::new(streams_listed);
    let mut fed = Vec::new();
    for (index, stream) in streams.iter().enumerate() {
        let named = stream.feeds.as_ref();
        let at = named.and_then(|named| subcontract_names.find(&source, named));
        feeds.add(index, at);
        fed.push(at.unwrap_or(0));
    }
    let mut reader = Founders {
        folder,
        consent,
        alone: !has_consent && !top.misspelt("consent"),
        provides: Links::new(founders_listed),
        keeps: Links::new(founders_listed),
    };
    let founders: Vec<_> = founder_tables
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, table)| reader.read(table, index, &mut subcontract_names, &mut stream_names))
        .collect();
    let seat_count = seat_tables.as_ref().map_or(0, Vec::len);
    let seats = terms::seats(seat_tables.unwrap_or_default(), folder);
    let alternates = terms::seats(alternate_tables.unwrap_or_default(), folder);
    let mut devices = Vec::new();
    let mut fed_by = Links::new(devices_listed);
    for (index, table) in device_tables.into_iter().flatten().enumerate() {
        let (stream, card) = terms::device(table, folder);
        let at = stream.and_then(|named| stream_names.find(&source, &named));
        fed_by.add(index, at);
        devices.extend(card.map(|card| (at, card)));
    }

    if name.is_none() && !has_name && !bare {
        top.missing("name", "the charter's name");
    }
    if !bare {
        if founders_listed {
            terms::count(&top, "founders", founders.len(), 3..=25);
        }
        if seats_listed {
            terms::count(&top, "seats", seat_count, 4..=31);
        }
        let keys = founders.iter().filter_map(|founder| founder.key.clone());
        terms::once(&top, "key", keys);
        // Who is given twice is so by key and name; that is one problem.
        let mut keys = BTreeSet::new();
        let first = founders
            .iter()
            .filter(|founder| founder.key.as_ref().is_none_or(|key| keys.insert(key.value)));
        terms::once(&top, "name", first.filter_map(|founder| founder.name.clone()));
        let identities = seats.iter().chain(&alternates).map(|seat| Placed {
            value: seat.value.identity,
            span: seat.span.clone(),
        });
        terms::once(&top, "identity", identities);
        terms::distinct_devices(&top, devices.iter().map(|(_, card)| card));
    }
    if subcontracts.is_empty() && subcontracts_listed {
        top.missing("subcontracts", "at least one [[subcontracts]]");
    }

    let mut subcontract_terms = Vec::new();
    for (index, subcontract) in subcontracts.into_iter().enumerate() {
        if let Some(name) = subcontract.name {
            let lacks = |says: String| top.problem(name.span.clone(), format!("{}: {says}", name.value));
            if feeds.lack(index) {
                lacks(format!(
                    "no stream feeds it, wanted one [[streams]] with subcontract = {:?}",
                    name.value
                ));
            }
            if !bare && reader.provides.lack(index) {
                lacks(format!(
                    "nobody provides it, wanted one founder with provides = [{:?}]",
                    name.value
                ));
            }
        }
        subcontract_terms.extend(subcontract.terms.map(|terms| SubcontractTerms {
            stream: feeds.from(index).unwrap_or(0),
            provider: reader.provides.from(index).unwrap_or(0),
            ..terms
        }));
    }
    let mut stream_terms = Vec::new();
    for (index, stream) in streams.into_iter().enumerate() {
        let model = stream.name.as_ref().and_then(|name| models.remove(&name.value));
        if let Some(name) = stream.name.filter(|_| !bare) {
            let lacks = |says: String| top.problem(name.span.clone(), format!("{}: {says}", name.value));
            if reader.keeps.lack(index) {
                lacks(format!(
                    "nobody keeps it, wanted one founder with keeps = [{:?}]",
                    name.value
                ));
            }
            if fed_by.lack(index) {
                lacks(format!(
                    "no device feeds it, wanted [[devices]] with stream = {:?}",
                    name.value
                ));
            }
        }
        let its = devices.iter().filter(|(to, _)| *to == Some(index));
        stream_terms.extend(stream.terms.map(|terms| StreamTerms {
            subcontract: fed[index],
            custodian: reader.keeps.from(index).unwrap_or(0),
            model_hash: model.map_or(B256::ZERO, |model| model.value),
            devices: its.map(|(_, card)| card.value.clone()).collect(),
            ..terms
        }));
    }
    terms::no_more_models(&source, models, &mut stream_names);
    top.close();

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
        founders: founders
            .into_iter()
            .map(|founder| founder.terms)
            .collect::<Option<_>>()?,
        seats: seats.into_iter().map(|seat| seat.value).collect(),
        alternates: alternates.into_iter().map(|seat| seat.value).collect(),
        parent,
        source_hash,
    })
}
