//! Stage 4: a SenML pack (RFC 8428, JSON) becomes readings, its decimals exactly integers.
//!
//! *In*: the payload of a verified envelope. *Out*: [`Reading`]s with absolute times. *Refuses*: more than
//! [`MOST_RECORDS`] records before it allocates for them, relative times, numbers that are not exact, labels that must
//! be understood and are not. *Never*: a floating-point number, or a guess.

use std::borrow::Cow;
use std::fmt;

use alloy_primitives::B256;
use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::types::Kid;

/// Records in one pack, at most (R7.2).
pub const MOST_RECORDS: usize = 60;

/// Times below this are relative to now (RFC 8428, 4.5.3), which means nothing once a pack is stored.
const LEAST_TIME: i64 = 1 << 28;

/// Why a pack is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SenmlError {
    /// Not a JSON array of records, or a bound was passed.
    #[error("the pack is not a SenML array of at most {MOST_RECORDS} records: {reason}")]
    Malformed {
        /// The parser's words.
        reason: String,
    },
    /// No record.
    #[error("the pack holds no record; send at least a `beat`")]
    Empty,
    /// A name of another device.
    #[error("record {record} is named `{given}`, wanted a plain name or one under urn:hearth:{wanted}:")]
    ForeignName {
        /// Which record, from 0.
        record: usize,
        /// The name found.
        given: String,
        /// The device that signed.
        wanted: Kid,
    },
    /// A time that is relative, negative, finer than a millisecond, or beyond 40 bits.
    #[error("record {record} has no absolute time in unix seconds")]
    Time {
        /// Which record, from 0.
        record: usize,
    },
    /// A value that is missing or does not fit its name and unit.
    #[error("record {record} (`{name}`) holds no {wanted}")]
    Value {
        /// Which record, from 0.
        record: usize,
        /// Its name.
        name: String,
        /// What was wanted.
        wanted: &'static str,
    },
}

/// One entry of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The device's signed absolute time, unix seconds.
    pub time: u64,
    /// What it says.
    pub value: Value,
}

/// What a reading says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// `wood/pieces`: pieces in the pile.
    Pieces(u32),
    /// `wood/confidence`: of the pieces at the same time, in bps.
    Confidence(u16),
    /// `wood/model`: the first 8 bytes of the hash of the model that judged.
    Model([u8; 8]),
    /// `wood/mass`: milligrams on the load cell.
    Mass(i64),
    /// `tap`: hash of the badge held to the reader.
    Tap(B256),
    /// `door`: open or not.
    Door(bool),
    /// `beat`: the device lives.
    Beat,
    /// A name this version does not know; it shows that the device lives.
    Unknown,
}

/// Decodes a pack signed by device `kid`.
///
/// # Errors
/// See [`SenmlError`].
pub fn decode(payload: &[u8], kid: Kid) -> Result<Vec<Reading>, SenmlError> {
    let pack: Pack<'_> = serde_json::from_slice(payload).map_err(|e| SenmlError::Malformed {
        reason: e.to_string(),
    })?;
    if pack.0.is_empty() {
        return Err(SenmlError::Empty);
    }
    let own = format!("urn:hearth:{kid}:");
    let mut base = Base::default();
    let mut readings = Vec::with_capacity(pack.0.len());
    for (index, record) in pack.0.iter().enumerate() {
        base.take(record, index)?;
        let name = format!("{}{}", base.name, record.name.as_deref().unwrap_or(""));
        let name = name.strip_prefix(&own).unwrap_or(&name);
        if name.starts_with("urn:") {
            return Err(SenmlError::ForeignName {
                record: index,
                given: name.chars().take(80).collect(),
                wanted: kid,
            });
        }
        let time = base.time_of(record).ok_or(SenmlError::Time { record: index })?;
        // A record may carry base fields only (RFC 8428, 4.1); such a record is no reading.
        if record.name.is_none() && record.is_valueless() && base.name.ends_with(':') {
            continue;
        }
        let unit = record.unit.as_deref().or(base.unit.as_deref());
        let value = value_of(record, &base, name, unit).map_err(|wanted| SenmlError::Value {
            record: index,
            name: name.chars().take(80).collect(),
            wanted,
        })?;
        readings.push(Reading { time, value });
    }
    if readings.is_empty() {
        return Err(SenmlError::Empty);
    }
    Ok(readings)
}

fn value_of(
    record: &Record<'_>,
    base: &Base<'_>,
    name: &str,
    unit: Option<&str>,
) -> Result<Value, &'static str> {
    let number = |scale| base.number(record, scale);
    match name {
        "wood/pieces" => (unit == Some("count"))
            .then(|| number(0).and_then(|v| u32::try_from(v).ok()).map(Value::Pieces))
            .flatten()
            .ok_or("whole number of pieces with unit `count`"),
        "wood/confidence" => (unit == Some("/"))
            .then(|| {
                number(4)
                    .filter(|v| (0..=10_000).contains(v))
                    .and_then(|v| u16::try_from(v).ok())
            })
            .flatten()
            .map(Value::Confidence)
            .ok_or("share from 0 to 1 with up to 4 decimals and unit `/`"),
        "wood/model" => record
            .text
            .as_deref()
            .and_then(|text| text.parse::<Kid>().ok())
            .map(|hash| Value::Model(hash.0))
            .ok_or("16 lower-case hex digits of the model's hash"),
        "wood/mass" => (unit == Some("g"))
            .then(|| number(3))
            .flatten()
            .filter(|milligrams| milligrams.unsigned_abs() < 1 << 50)
            .map(Value::Mass)
            .ok_or("mass with up to 3 decimals and unit `g`"),
        "tap" => record
            .text
            .as_deref()
            .filter(|text| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
            .and_then(|text| text.parse::<B256>().ok())
            .map(Value::Tap)
            .ok_or("badge hash of 64 lower-case hex digits"),
        "door" => record.truth.map(Value::Door).ok_or("truth value"),
        "beat" => (record.truth == Some(true))
            .then_some(Value::Beat)
            .ok_or("`true`"),
        _ => Ok(Value::Unknown),
    }
}

/// A decimal's exact integer after multiplying by `10^scale`; `None` where that is no integer of 63 bits.
#[must_use]
pub fn exact(text: &str, scale: u32) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 64)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let mut shift = exponent + i32::try_from(scale).ok()? - i32::try_from(fraction.len()).ok()?;
    while value != 0 && shift > 0 {
        value = value.checked_mul(10)?;
        shift -= 1;
    }
    while value != 0 && shift < 0 {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
        shift += 1;
    }
    let value = i64::try_from(value).ok()?;
    Some(if negative { -value } else { value })
}

#[derive(Default)]
struct Base<'a> {
    name: String,
    unit: Option<Cow<'a, str>>,
    /// Milliseconds.
    time: i64,
    value: Option<&'a RawValue>,
}

impl<'a> Base<'a> {
    fn take(&mut self, record: &Record<'a>, index: usize) -> Result<(), SenmlError> {
        if let Some(name) = &record.base_name {
            self.name = name.clone().into_owned();
        }
        if let Some(unit) = &record.base_unit {
            self.unit = Some(unit.clone());
        }
        if let Some(time) = record.base_time {
            self.time = exact(time.get(), 3).ok_or(SenmlError::Time { record: index })?;
        }
        if record.base_value.is_some() {
            self.value = record.base_value;
        }
        Ok(())
    }

    fn time_of(&self, record: &Record<'_>) -> Option<u64> {
        let own = record.time.map_or(Some(0), |time| exact(time.get(), 3))?;
        let seconds = self.time.checked_add(own)? / 1000;
        // Times of a report are 40 bits on chain.
        (LEAST_TIME..1 << 40)
            .contains(&seconds)
            .then_some(seconds.unsigned_abs())
    }

    fn number(&self, record: &Record<'_>, scale: u32) -> Option<i64> {
        let own = record.number.map(|v| exact(v.get(), scale));
        let base = self.value.map(|v| exact(v.get(), scale));
        match (base, own) {
            (None, own) => own?,
            (base, None) => base?,
            (Some(base), Some(own)) => base?.checked_add(own?),
        }
    }
}

#[derive(Default)]
struct Record<'a> {
    base_name: Option<Cow<'a, str>>,
    base_time: Option<&'a RawValue>,
    base_unit: Option<Cow<'a, str>>,
    base_value: Option<&'a RawValue>,
    name: Option<Cow<'a, str>>,
    unit: Option<Cow<'a, str>>,
    number: Option<&'a RawValue>,
    text: Option<Cow<'a, str>>,
    truth: Option<bool>,
    time: Option<&'a RawValue>,
}

impl Record<'_> {
    const fn is_valueless(&self) -> bool {
        self.number.is_none() && self.text.is_none() && self.truth.is_none()
    }
}

/// A string that borrows where it holds no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn once<'de, A: MapAccess<'de>, T, D: Deserialize<'de>>(
    map: &mut A,
    slot: &mut Option<T>,
    label: &'static str,
    make: impl FnOnce(D) -> T,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(de::Error::duplicate_field(label));
    }
    *slot = Some(make(map.next_value()?));
    Ok(())
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Record<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a SenML record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record<'de>, A::Error> {
                let mut record = Record::default();
                while let Some(Text(label)) = map.next_key::<Text<'de>>()? {
                    match label.as_ref() {
                        "bn" => once(&mut map, &mut record.base_name, "bn", |t: Text<'de>| t.0)?,
                        "bt" => once(&mut map, &mut record.base_time, "bt", |v: &'de RawValue| v)?,
                        "bu" => once(&mut map, &mut record.base_unit, "bu", |t: Text<'de>| t.0)?,
                        "bv" => once(&mut map, &mut record.base_value, "bv", |v: &'de RawValue| v)?,
                        "n" => once(&mut map, &mut record.name, "n", |t: Text<'de>| t.0)?,
                        "u" => once(&mut map, &mut record.unit, "u", |t: Text<'de>| t.0)?,
                        "v" => once(&mut map, &mut record.number, "v", |v: &'de RawValue| v)?,
                        "vs" => once(&mut map, &mut record.text, "vs", |t: Text<'de>| t.0)?,
                        "vb" => once(&mut map, &mut record.truth, "vb", |b: bool| b)?,
                        "t" => once(&mut map, &mut record.time, "t", |v: &'de RawValue| v)?,
                        "bver" => {
                            if map.next_value::<u8>()? > 10 {
                                return Err(de::Error::custom("a SenML version above 10"));
                            }
                        }
                        // RFC 8428, 4.4: a label ending in `_` must be understood.
                        label if label.ends_with('_') => {
                            return Err(de::Error::custom("a label that must be understood and is not"));
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(record)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

struct Pack<'a>(Vec<Record<'a>>);

impl<'de> Deserialize<'de> for Pack<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Records;
        impl<'de> Visitor<'de> for Records {
            type Value = Pack<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of SenML records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pack<'de>, A::Error> {
                let mut records = Vec::new();
                while let Some(record) = seq.next_element()? {
                    if records.len() == MOST_RECORDS {
                        return Err(de::Error::custom("too many records"));
                    }
                    records.push(record);
                }
                Ok(Pack(records))
            }
        }
        deserializer.deserialize_seq(Records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KID: Kid = Kid([0xab; 8]);

    fn check(pack: &str, wanted: Result<&[(u64, Value)], &str>) {
        let got = decode(pack.as_bytes(), KID);
        match (got, wanted) {
            (Ok(got), Ok(wanted)) => {
                assert_eq!(
                    got.iter().map(|r| (r.time, r.value)).collect::<Vec<_>>(),
                    wanted,
                    "{pack}"
                );
            }
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{pack}: {error}"),
            (got, _) => panic!("{pack}: {got:?}"),
        }
    }

    #[test]
    fn r7_2_packs_become_readings() {
        check(
            r#"[{"bn":"urn:hearth:abababababababab:","bt":1.767e9,"n":"wood/pieces","u":"count","v":52},
                {"n":"wood/confidence","u":"/","v":0.9973},{"n":"wood/model","vs":"0011223344556677"}]"#,
            Ok(&[
                (1_767_000_000, Value::Pieces(52)),
                (1_767_000_000, Value::Confidence(9973)),
                (
                    1_767_000_000,
                    Value::Model([0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]),
                ),
            ]),
        );
        check(
            r#"[{"bt":1767000000,"bu":"g","bv":1000,"n":"wood/mass","v":0.5,"t":60.25},{"n":"beat","vb":true}]"#,
            Ok(&[
                (1_767_000_060, Value::Mass(1_000_500)),
                (1_767_000_000, Value::Beat),
            ]),
        );
        check(
            r#"[{"n":"weather","v":1,"t":1767000000}]"#,
            Ok(&[(1_767_000_000, Value::Unknown)]),
        );
    }

    #[test]
    fn r7_2_what_is_refused() {
        check("[]", Err("no record"));
        check("{}", Err("not a SenML array"));
        check(r#"[{"n":"beat","vb":true,"t":5}]"#, Err("no absolute time"));
        check(r#"[{"n":"beat","vb":true}]"#, Err("no absolute time"));
        check(r#"[{"n":"beat","vb":true,"t":1e300}]"#, Err("no absolute time"));
        check(
            r#"[{"n":"beat","vb":true,"t":1767000000,"must_":1}]"#,
            Err("must be understood"),
        );
        check(
            r#"[{"n":"beat","n":"beat","vb":true,"t":1767000000}]"#,
            Err("duplicate field"),
        );
        check(r#"[{"n":"beat","vb":false,"t":1767000000}]"#, Err("`true`"));
        check(
            r#"[{"n":"wood/pieces","u":"count","v":1.5,"t":1767000000}]"#,
            Err("whole number"),
        );
        check(
            r#"[{"n":"wood/pieces","u":"count","v":-1,"t":1767000000}]"#,
            Err("whole number"),
        );
        check(
            r#"[{"n":"wood/mass","u":"kg","v":1,"t":1767000000}]"#,
            Err("unit `g`"),
        );
        check(
            r#"[{"n":"wood/confidence","u":"/","v":0.99735,"t":1767000000}]"#,
            Err("4 decimals"),
        );
        check(
            r#"[{"n":"urn:hearth:0000000000000000:beat","vb":true,"t":1767000000}]"#,
            Err("is named"),
        );
        check(
            r#"[{"n":"wood/mass","u":"g","v":NaN,"t":1767000000}]"#,
            Err("not a SenML array"),
        );
    }

    #[test]
    fn more_than_sixty_records_are_refused() {
        let pack = |n| {
            format!(
                "[{}]",
                vec![r#"{"n":"beat","vb":true,"t":1767000000}"#; n].join(",")
            )
        };
        assert_eq!(decode(pack(60).as_bytes(), KID).map(|r| r.len()), Ok(60));
        check(&pack(61), Err("too many records"));
        check(
            &format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)),
            Err("not a SenML array"),
        );
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(exact("0.1", 1), Some(1));
        assert_eq!(exact("-12.50", 1), Some(-125));
        assert_eq!(exact("1e3", 0), Some(1000));
        assert_eq!(exact("1200E-2", 0), Some(12));
        assert_eq!(exact("0.30000000000000004", 4), None);
        assert_eq!(exact("0e64", 0), Some(0));
        assert_eq!(exact("1e65", 0), None);
        for not_a_number in ["", "-", ".5", "1.e", "0x1", "1 ", "--1", "1e", "+1", "٣"] {
            assert_eq!(exact(not_a_number, 0), None, "{not_a_number}");
        }
    }

    proptest! {
        #[test]
        fn decimals_read_back_as_written(value in -1_000_000_000_i64..1_000_000_000, decimals in 0_u32..6) {
            let unit = 10_i64.pow(decimals);
            let sign = if value < 0 { "-" } else { "" };
            let fraction = if decimals == 0 { String::new() } else {
                format!(".{:0width$}", value.abs() % unit, width = decimals as usize)
            };
            prop_assert_eq!(exact(&format!("{sign}{}{fraction}", value.abs() / unit), decimals), Some(value));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = decode(&bytes, KID);
        }

        #[test]
        fn no_json_makes_it_panic(text in r#"\[(\{"(n|v|vs|vb|t|bt|bv|bn|u)":("?[-0-9a-z.:/eE]{0,12}"?)(,"(n|v|vs|vb|t|bt|bv|u)":("?[-0-9a-z.eE]{0,12}"?)){0,4}\},?){0,4}\]"#) {
            let _ = decode(text.as_bytes(), KID);
        }
    }
}
