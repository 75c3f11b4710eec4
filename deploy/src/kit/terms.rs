//! The parts of a kit, one function each.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use alloy::primitives::{Address, B256, Bytes, keccak256};
use hearth_forms::{Placed, Source, Table};
use hearth_oracle_core::estimators::{self, Unusable};
use hearth_oracle_core::meter;

use super::{
    CommitteeTerms, ConsentTerms, EpochKind, FounderTerms, MandateTerms, SeatTerms, StreamTerms,
    SubcontractTerms,
};
use crate::amount::Amount;
use crate::card::{self, Card, DeviceCard, MemberCard, SeatCard};
use crate::handed;
use crate::limits::{HIGHEST_MULTIPLE, LIMITS};
use crate::name::Name;

/// Bytes of a model file, at most: one of 128 counts has less than a tenth.
const LARGEST_MODEL: u64 = 64 << 20;

pub(super) fn committee(top: &mut Table<'_>) -> Option<CommitteeTerms> {
    let mut table = top.must_table("committee")?;
    let grace = table.must_number("grace_seconds", 2..=86_400);
    let turn = table.must_number("turn_seconds", 1..=86_400);
    let finality = table.must_number("finality_blocks", 1..=10_000);
    let bond = table.must::<Amount>("bond", "an amount such as \"10 H\"");
    table.close();
    Some(CommitteeTerms {
        grace_seconds: narrow(grace?.value),
        turn_seconds: narrow(turn?.value),
        finality_blocks: u16::try_from(finality?.value).unwrap_or(u16::MAX),
        bond: bond?.value,
    })
}

/// Bounds are checked where a number is read, so nothing is lost here.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(super) fn limits(top: &mut Table<'_>) -> Option<[u64; 10]> {
    let mut table = top.must_table("limits")?;
    let read = LIMITS.map(|limit| table.must_number(limit.name, limit.range));
    table.close();
    let values: Option<Vec<u64>> = read
        .into_iter()
        .map(|placed| placed.map(|placed| placed.value))
        .collect();
    values?.try_into().ok()
}

/// The names that tables of one kind bear, for others to refer to.
pub(super) struct Names {
    kind: &'static str,
    names: Vec<Option<Placed<String>>>,
    /// False where a table or its name is missing or could not be read: then a name not found may be that one's.
    whole: bool,
    /// Names not found, each told once.
    told: BTreeSet<String>,
}

impl Names {
    /// `listed` is false where some tables of this kind could not be found.
    pub(super) fn of(kind: &'static str, names: Vec<Option<Placed<String>>>, listed: bool) -> Self {
        let whole = listed && !names.is_empty() && names.iter().all(Option::is_some);
        Self {
            kind,
            names,
            whole,
            told: BTreeSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The position of the table with this name; where there is none, that is a problem at the first place that names it.
    pub(super) fn find(&mut self, source: &Source<'_>, named: &Placed<String>) -> Option<usize> {
        let at = self
            .names
            .iter()
            .position(|name| name.as_ref().is_some_and(|name| name.value == named.value));
        if at.is_none() && self.whole && self.told.insert(named.value.clone()) {
            let kind = self.kind;
            let known: Vec<String> = (self.names.iter().flatten())
                .map(|name| format!("{:?}", name.value))
                .collect();
            source.problem(
                named.span.clone(),
                format!(
                    "no {kind} is named {:?}, wanted {}",
                    named.value,
                    known.join(" or ")
                ),
            );
        }
        at
    }
}

/// Who refers to what, by position.
pub(super) struct Links {
    to: BTreeMap<usize, usize>,
    /// False where somebody's reference could not be read or found: it may be the one that seems to lack.
    whole: bool,
}

impl Links {
    /// `listed` is false where some tables that refer could not be found.
    pub(super) fn new(listed: bool) -> Self {
        Self {
            to: BTreeMap::new(),
            whole: listed,
        }
    }

    /// Notes what table `from` refers to; gives the other that does already, where one does.
    pub(super) fn add(&mut self, from: usize, to: Option<usize>) -> Option<usize> {
        self.whole &= to.is_some();
        let other = *self.to.entry(to?).or_insert(from);
        (other != from).then_some(other)
    }

    /// Who refers to this.
    pub(super) fn from(&self, to: usize) -> Option<usize> {
        self.to.get(&to).copied()
    }

    /// True where certainly nobody refers to this.
    pub(super) fn lack(&self, to: usize) -> bool {
        self.whole && !self.to.contains_key(&to)
    }
}

/// A subcontract as read, with the places later checks point at.
pub(super) struct SubcontractRead {
    pub(super) name: Option<Placed<String>>,
    /// Stream and provider are for later.
    pub(super) terms: Option<SubcontractTerms>,
}

/// `highest` is the charter's limit on a multiple, bps (R3), where it is known.
pub(super) fn subcontract(mut table: Table<'_>, highest: Option<u64>) -> SubcontractRead {
    let name = table.must::<Name>("name", "a name");
    let template = table.must::<String>("template", "a template, so far \"firewood\"");
    if let Some(template) = template.filter(|template| template.value != "firewood") {
        table.problem(
            template.span,
            format!("template: given {:?}, wanted \"firewood\"", template.value),
        );
    }
    let p0 = table.must::<Amount>("p0", "the price of a reference piece, such as \"0.8 H\"");
    if let Some(p0) = p0.as_ref().filter(|p0| p0.value.0 == 0) {
        table.problem(
            p0.span.clone(),
            "p0: given 0 H, wanted a price above nothing".into(),
        );
    }
    let ref_grams = table.must_number("ref_grams", 1..=1_000_000);
    let mu = table.numbers("mu_bps", 8, 0..=HIGHEST_MULTIPLE);
    if let Some(mu) = &mu {
        if mu.value.windows(2).any(|pair| pair[0] > pair[1]) {
            table.problem(
                mu.span.clone(),
                "mu_bps: given a multiple below the one before it, wanted none falling".into(),
            );
        }
        if let Some(highest) = highest.filter(|highest| mu.value[7] > *highest) {
            let says = format!(
                "mu_bps: given {}, wanted at most limits.highest_multiple_bps, {highest}",
                mu.value[7]
            );
            table.problem(mu.span.clone(), says);
        }
    }
    let bands = table.texts::<Amount>("bands", 8, "amounts, the inclusive lower bounds of monthly means");
    if let Some(bands) = &bands
        && (bands.value[0].0 != 0 || bands.value.windows(2).any(|pair| pair[0] >= pair[1]))
    {
        table.problem(
            bands.span.clone(),
            "bands: wanted the first 0 H and each above the one before it".into(),
        );
    }
    let shrinkage = table.must_number("shrinkage_bps", 0..=10_000);
    table.close();
    let name = name.map(plain);
    let terms = || {
        let mu: Vec<u32> = mu?.value.into_iter().map(narrow).collect();
        Some(SubcontractTerms {
            name: name.as_ref()?.value.clone(),
            stream: 0,
            provider: 0,
            p0: p0?.value,
            ref_grams: narrow(ref_grams?.value),
            mu_bps: mu.try_into().ok()?,
            bands: bands?.value.try_into().ok()?,
            shrinkage_bps: u16::try_from(shrinkage?.value).ok()?,
        })
    };
    SubcontractRead { terms: terms(), name }
}

fn plain(name: Placed<Name>) -> Placed<String> {
    Placed {
        value: name.value.0,
        span: name.span,
    }
}

/// A stream as read, with the places later checks point at.
pub(super) struct StreamRead {
    pub(super) name: Option<Placed<String>>,
    pub(super) feeds: Option<Placed<String>>,
    /// Subcontract, custodian, model and devices are for later.
    pub(super) terms: Option<StreamTerms>,
}

pub(super) fn stream(mut table: Table<'_>) -> StreamRead {
    let name = table.must::<Name>("name", "a name");
    let feeds = table.must::<Name>("subcontract", "the name of a subcontract");
    let epoch = table.must::<EpochLength>("epoch", "\"day\", \"week\" or \"period\"");
    let window = table.must_number("window_hours", 1..=168);
    let zone = table.must::<Word<32>>("zone", "at most 32 ASCII characters");
    let class = table.must::<DataClass>("data_class", "\"things\", \"home\" or \"act\"");
    let estimator = table.must::<Word<32>>("estimator", "the name of an estimator");
    let given = table.has("parameters") || table.misspelt("parameters");
    let parameters = table.text::<Bytes>("parameters", "the estimator's parameters as hex");
    if let Some(estimator) = estimator.as_ref().filter(|_| given == parameters.is_some()) {
        // Without parameters the estimator itself is the place to look at.
        let (given, place) = parameters.as_ref().map_or((&[][..], &estimator.span), |given| {
            (given.value.as_ref(), &given.span)
        });
        match estimators::check(&estimator.value.0, given) {
            Ok(()) => {}
            Err(unusable @ Unusable::Parameters { .. }) => {
                table.problem(place.clone(), format!("parameters: {unusable}"));
            }
            Err(unusable @ Unusable::Estimator { .. }) => {
                table.problem(estimator.span.clone(), format!("estimator: {unusable}"));
            }
        }
    }
    table.close();
    let name = name.map(plain);
    let terms = || {
        Some(StreamTerms {
            name: name.as_ref()?.value.clone(),
            subcontract: 0,
            epoch: epoch?.value.0,
            window_seconds: narrow(window?.value * 3_600),
            zone: zone?.value.0,
            custodian: 0,
            data_class: class?.value.0,
            estimator: estimator?.value.0,
            parameters: parameters.map(|placed| placed.value).unwrap_or_default(),
            model_hash: B256::ZERO,
            devices: Vec::new(),
        })
    };
    StreamRead {
        terms: terms(),
        name,
        feeds: feeds.map(plain),
    }
}

/// Model hashes by stream name: a path to the model's file, or its hash. A file is read for what it says of itself, so that
/// nobody signs one by which no week could be settled (R7.6); of a hash nothing can be said.
pub(super) fn models(top: &mut Table<'_>, folder: &Path) -> BTreeMap<String, Placed<B256>> {
    let Some(mut table) = top.table("models") else {
        return BTreeMap::new();
    };
    let mut models = BTreeMap::new();
    for (name, at) in table.entries() {
        let hash = match at.value.parse::<B256>() {
            Ok(hash) => Some(hash),
            Err(_) => match handed::bytes(&folder.join(&at.value), LARGEST_MODEL) {
                Ok(bytes) => match meter::settling(&bytes) {
                    Ok(_) => Some(keccak256(bytes)),
                    Err(unsettling) => {
                        let says = format!("models.{}: {:?}: {unsettling}", name.value, at.value);
                        top.problem(at.span.clone(), says);
                        None
                    }
                },
                Err(error) => {
                    let says = format!(
                        "models.{}: the model {:?} could not be read: {error}",
                        name.value, at.value
                    );
                    top.problem(at.span.clone(), says);
                    None
                }
            },
        };
        models.extend(hash.map(|hash| {
            (
                name.value,
                Placed {
                    value: hash,
                    span: name.span,
                },
            )
        }));
    }
    models
}

fn mandate(table: &mut Table<'_>) -> Option<MandateTerms> {
    let per_event = table.must::<Amount>("per_event", "an amount such as \"20 H\"");
    let per_period = table.must::<Amount>("per_period", "an amount such as \"40 H\"");
    let shared = table.must::<Amount>("shared_per_period", "an amount such as \"1 H\"");
    let (per_event, per_period, shared) = (per_event?, per_period?, shared?);
    if per_event.value > per_period.value {
        let (given, most) = (per_event.value.brief(), per_period.value.brief());
        table.problem(
            per_event.span,
            format!("per_event: given {given}, wanted at most per_period, {most}"),
        );
    }
    Some(MandateTerms {
        per_event: per_event.value,
        per_period: per_period.value,
        shared_per_period: shared.value,
    })
}

/// What a founder is asked to sign who says nothing else, for so many subcontracts.
pub(super) fn consent(top: &mut Table<'_>, subcontracts: usize) -> Option<ConsentTerms> {
    let mut table = top.table("consent")?;
    let most = table.must::<Amount>("most_per_period", "an amount such as \"60 H\"");
    let mandate = mandate(&mut table);
    table.close();
    Some(ConsentTerms {
        most_per_period: most?.value,
        mandates: vec![Some(mandate?); subcontracts],
        band: 0,
        badge: B256::ZERO,
    })
}

/// What founders' tables are read by, and who provides and keeps what.
pub(super) struct Founders<'f> {
    pub(super) folder: &'f Path,
    /// What they sign who say nothing else.
    pub(super) consent: Option<ConsentTerms>,
    /// True where there is none: then each founder says it.
    pub(super) alone: bool,
    /// Subcontracts, by their providers.
    pub(super) provides: Links,
    /// Streams, by their custodians.
    pub(super) keeps: Links,
}

/// A founder as read, with the places later checks point at.
pub(super) struct FounderRead {
    pub(super) name: Option<Placed<String>>,
    pub(super) key: Option<Placed<Address>>,
    pub(super) terms: Option<FounderTerms>,
}

impl Founders<'_> {
    pub(super) fn read(
        &mut self,
        mut table: Table<'_>,
        index: usize,
        subcontracts: &mut Names,
        streams: &mut Names,
    ) -> FounderRead {
        let whole = table.span();
        let has_card = table.has("card");
        let card = card(&mut table, self.folder).and_then(|card| match card.value {
            Card::Member(member) => Some(Placed {
                value: member,
                span: card.span,
            }),
            other => wrong_card(&table, card.span, &other, "member"),
        });
        let (card_span, card): (_, Option<MemberCard>) =
            card.map_or((whole, None), |card| (card.span, Some(card.value)));
        // What is given wrongly is told where it is read, and not as missing.
        for (key, wanted) in [
            ("name", "a name, here or on a card"),
            ("key", "20 bytes of hex, here or on a card"),
        ] {
            if !table.has(key) && !has_card {
                table.missing(key, wanted);
            }
        }
        if !table.has("most_per_period") && self.alone {
            table.missing("most_per_period", "an amount, here or under [consent]");
        }
        let name = table.text::<Name>("name", "a name").map(plain).or_else(|| {
            card.as_ref().map(|card| Placed {
                value: card.name.clone(),
                span: card_span.clone(),
            })
        });
        let key = table.text::<Address>("key", "20 bytes of hex").or_else(|| {
            card.as_ref().map(|card| Placed {
                value: card.key,
                span: card_span,
            })
        });
        if let Some(zero) = key.as_ref().filter(|key| key.value.is_zero()) {
            table.problem(
                zero.span.clone(),
                "key: given the zero address, wanted a key somebody holds".into(),
            );
        }
        let household = table.must_number("household", 1..=u64::from(u16::MAX));
        let band = table.must_number("band", 0..=7);
        let badge = table
            .text::<B256>("badge", "32 bytes of hex")
            .map(|badge| badge.value);
        let consent = self.consent.as_ref();
        let most = table
            .text::<Amount>("most_per_period", "an amount such as \"60 H\"")
            .map(|most| most.value)
            .or_else(|| consent.map(|consent| consent.most_per_period));
        let source = table.source();
        let mut mandates = consent.map_or_else(
            || vec![None; subcontracts.len()],
            |consent| consent.mandates.clone(),
        );
        for (links, names, key) in [
            (&mut self.provides, &mut *subcontracts, "provides"),
            (&mut self.keeps, streams, "keeps"),
        ] {
            let listed = table.names(key);
            if listed.is_none() || table.misspelt(key) {
                links.add(index, None);
            }
            for named in listed.into_iter().flatten() {
                let at = names.find(&source, &named);
                if links.add(index, at).is_some() {
                    let says = format!(
                        "the {} {:?} is another founder's already",
                        names.kind, named.value
                    );
                    table.problem(named.span, says);
                }
            }
        }
        for mut inner in table.tables("mandates").unwrap_or_default() {
            let named = inner.must::<Name>("subcontract", "the name of a subcontract");
            let caps = mandate(&mut inner);
            if let Some(at) = named.and_then(|named| subcontracts.find(&source, &plain(named))) {
                mandates[at] = caps;
            }
            inner.close();
        }
        table.close();
        let terms = || {
            Some(FounderTerms {
                name: name.as_ref()?.value.clone(),
                key: key.as_ref()?.value,
                household: u16::try_from(household?.value).ok()?,
                consent: ConsentTerms {
                    most_per_period: most?,
                    mandates,
                    band: u8::try_from(band?.value).ok()?,
                    badge: badge.or(card.and_then(|card| card.badge)).unwrap_or_default(),
                },
            })
        };
        FounderRead {
            terms: terms(),
            name,
            key,
        }
    }
}

fn card(table: &mut Table<'_>, folder: &Path) -> Option<Placed<Card>> {
    let path = table.text::<String>("card", "the path of a card")?;
    match card::read(&folder.join(&path.value)) {
        Ok(card) => Some(Placed {
            value: card,
            span: path.span,
        }),
        Err(error) => {
            table.problem(path.span, format!("card: {error}"));
            None
        }
    }
}

fn wrong_card<T>(table: &Table<'_>, span: Range<usize>, given: &Card, wanted: &str) -> Option<T> {
    table.problem(
        span,
        format!(
            "card: given the card of a {}, wanted that of a {wanted}",
            given.kind()
        ),
    );
    None
}

/// Seats or alternates, each from a card or from its identity alone.
pub(super) fn seats(tables: Vec<Table<'_>>, folder: &Path) -> Vec<Placed<SeatTerms>> {
    tables
        .into_iter()
        .filter_map(|table| seat(table, folder))
        .collect()
}

fn seat(mut table: Table<'_>, folder: &Path) -> Option<Placed<SeatTerms>> {
    if !table.has("identity") && !table.has("card") {
        table.missing("identity", "20 bytes of hex, here or on a card");
    }
    let card: Option<Placed<SeatCard>> = card(&mut table, folder).and_then(|card| match card.value {
        Card::Seat(seat) => Some(Placed {
            value: seat,
            span: card.span,
        }),
        other => wrong_card(&table, card.span, &other, "seat"),
    });
    let name = table.text::<Name>("name", "a name").map(|name| name.value.0);
    let identity = table.text::<Address>("identity", "20 bytes of hex");
    let span = identity
        .as_ref()
        .map(|placed| placed.span.clone())
        .or(card.as_ref().map(|card| card.span.clone()));
    if let (Some(identity), Some(card)) = (&identity, &card)
        && identity.value != card.value.identity
    {
        let says = format!(
            "identity: given {}, but the card says {}",
            identity.value, card.value.identity
        );
        table.problem(identity.span.clone(), says);
    }
    let identity = identity
        .map(|placed| placed.value)
        .or(card.as_ref().map(|card| card.value.identity));
    table.close();
    let card = card.map(|card| card.value);
    Some(Placed {
        value: SeatTerms {
            name: name
                .or(card.as_ref().map(|card| card.name.clone()))
                .unwrap_or_default(),
            identity: identity?,
            card,
        },
        span: span?,
    })
}

/// A device, and the name of its stream.
pub(super) fn device(
    mut table: Table<'_>,
    folder: &Path,
) -> (Option<Placed<String>>, Option<Placed<DeviceCard>>) {
    let stream = table.must::<Name>("stream", "the name of a stream").map(plain);
    if table.has("card") {
        let card = card(&mut table, folder).and_then(|card| match card.value {
            Card::Device(device) => Some(Placed {
                value: device,
                span: card.span,
            }),
            other => wrong_card(&table, card.span, &other, "device"),
        });
        if let Some(card) = &card
            && card.value.kind.parse::<Word<16>>().is_err()
        {
            let says = format!(
                "kind: given {:?}, wanted 1 to 16 ASCII characters",
                card.value.kind
            );
            table.problem(card.span.clone(), says);
        }
        table.close();
        return (stream, card);
    }
    let span = table.span();
    let key = table.must::<B256>("key", "an Ed25519 public key, 32 bytes of hex, or a card");
    let kind = table.must::<Word<16>>("kind", "at most 16 ASCII characters, such as \"radar\"");
    let interval = table.must_number("interval_seconds", 1..=86_400);
    let until = table.must_number("calibrated_until", 0..=u64::from(u32::MAX));
    table.close();
    let device = || {
        Some(DeviceCard {
            v: crate::card::VERSION,
            name: String::new(),
            kind: kind?.value.0,
            key: key?.value,
            interval_seconds: narrow(interval?.value),
            calibrated_until: until?.value,
        })
    };
    (stream, device().map(|value| Placed { value, span }))
}

/// Bounds on how many there are (R0, R2.1, R7.4).
pub(super) fn count(top: &Table<'_>, key: &str, given: usize, wanted: RangeInclusive<usize>) {
    if !wanted.contains(&given) {
        let says = format!(
            "{key}: given {given}, wanted {} to {}",
            wanted.start(),
            wanted.end()
        );
        top.problem(top.span(), says);
    }
}

/// Each only once.
pub(super) fn once<T: Ord>(top: &Table<'_>, what: &str, all: impl Iterator<Item = Placed<T>>) {
    let mut seen = BTreeSet::new();
    for one in all {
        if !seen.insert(one.value) {
            top.problem(one.span, format!("this {what} is given twice, wanted each once"));
        }
    }
}

/// The device id is the first eight bytes of its key, so those must differ (wire formats, "Device id").
pub(super) fn distinct_devices<'c>(
    top: &Table<'_>,
    devices: impl IntoIterator<Item = &'c Placed<DeviceCard>>,
) {
    let ids = devices.into_iter().map(|card| Placed {
        value: B256::left_padding_from(&card.value.key[..8]),
        span: card.span.clone(),
    });
    once(top, "device", ids);
}

/// Models are named by streams, so what no stream took is a problem.
pub(super) fn no_more_models(source: &Source<'_>, left: BTreeMap<String, Placed<B256>>, streams: &mut Names) {
    for (value, model) in left {
        streams.find(
            source,
            &Placed {
                value,
                span: model.span,
            },
        );
    }
}

/// Local time's offset from UTC in seconds, written `+01:00` (R0).
pub(super) struct Offset(pub(super) i32);

impl std::str::FromStr for Offset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (sign, rest) = match text.as_bytes().first()? {
                b'+' => (1, &text[1..]),
                b'-' => (-1, &text[1..]),
                _ => return None,
            };
            let (hours, minutes) = rest.split_once(':')?;
            let two = |part: &str| (part.len() == 2).then(|| part.parse::<i32>().ok()).flatten();
            let (hours, minutes) = (two(hours)?, two(minutes)?);
            (hours <= 14 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
        };
        read()
            .map(Self)
            .ok_or_else(|| format!("given {text:?}, wanted local time from \"-14:00\" to \"+14:00\""))
    }
}

/// ASCII of at most `N` bytes.
struct Word<const N: usize>(String);

impl<const N: usize> std::str::FromStr for Word<N> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if (1..=N).contains(&text.len()) && text.is_ascii() {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("given {text:?}, wanted 1 to {N} ASCII characters"))
        }
    }
}

/// What a stream's recordings show (R20).
struct DataClass(u8);

impl std::str::FromStr for DataClass {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "things" => Ok(Self(0)),
            "home" => Ok(Self(1)),
            "act" => Ok(Self(2)),
            _ => Err(format!("given {text:?}, wanted \"things\", \"home\" or \"act\"")),
        }
    }
}

/// How long a stream's epochs are (R0).
struct EpochLength(EpochKind);

impl std::str::FromStr for EpochLength {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self(EpochKind::Day)),
            "week" => Ok(Self(EpochKind::Week)),
            "period" => Ok(Self(EpochKind::Period)),
            _ => Err(format!("given {text:?}, wanted \"day\", \"week\" or \"period\"")),
        }
    }
}
