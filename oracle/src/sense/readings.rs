//! What a device says, as the SenML pack (RFC 8428) it signs.
//!
//! *In*: readings as the seats decode them. *Out*: the text of one pack. *Never*: a float; numbers are written from
//! integers, digit by digit, so that [`hearth_oracle_core::senml::decode`] finds the same integers again.

use hearth_oracle_core::{
    senml::{MOST_RECORDS, Reading, Value},
    types::Kid,
};
use std::fmt::Write as _;

/// Most readings that may go into one pack (R7.2).
pub const MOST_READINGS: usize = MOST_RECORDS;

/// Writes one pack of at most [`MOST_READINGS`] readings, in the order given. Times are absolute unix seconds.
pub fn pack(kid: Kid, readings: &[Reading]) -> String {
    let mut text = String::from("[");
    for (index, Reading { time, value }) in readings.iter().enumerate() {
        if index == 0 {
            let _ = write!(text, r#"{{"bn":"urn:hearth:{kid}:","#);
        } else {
            text.push_str(",{");
        }
        let _ = match value {
            Value::Pieces(count) => write!(text, r#""n":"wood/pieces","u":"count","v":{count}"#),
            Value::Confidence(bps) => {
                write!(
                    text,
                    r#""n":"wood/confidence","u":"/","v":{}.{:04}"#,
                    bps / 10_000,
                    bps % 10_000
                )
            }
            Value::Model(hash) => write!(text, r#""n":"wood/model","vs":"{}""#, hex::encode(hash)),
            Value::Mass(milligrams) => {
                let sign = if *milligrams < 0 { "-" } else { "" };
                let (whole, part) = (
                    milligrams.unsigned_abs() / 1_000,
                    milligrams.unsigned_abs() % 1_000,
                );
                write!(text, r#""n":"wood/mass","u":"g","v":{sign}{whole}.{part:03}"#)
            }
            Value::Tap(badge) => write!(text, r#""n":"tap","vs":"{}""#, hex::encode(badge)),
            Value::Door(open) => write!(text, r#""n":"door","vb":{open}"#),
            Value::Beat => write!(text, r#""n":"beat","vb":true"#),
            // A name the seats do not know either; nothing the edge makes.
            Value::Unknown => write!(text, r#""n":"unknown","vb":true"#),
        };
        let _ = write!(text, r#","t":{time}}}"#);
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;
    use hearth_oracle_core::senml::decode;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<u32>().prop_map(Value::Pieces),
            (0u16..=10_000).prop_map(Value::Confidence),
            any::<[u8; 8]>().prop_map(Value::Model),
            (-(1i64 << 49)..1 << 49).prop_map(Value::Mass),
            any::<[u8; 32]>().prop_map(|badge| Value::Tap(B256::from(badge))),
            any::<bool>().prop_map(Value::Door),
            Just(Value::Beat),
        ]
    }

    proptest! {
        #[test]
        fn test_r7_2_seats_decode_what_the_edge_packs(
            readings in proptest::collection::vec(
                (1u64 << 28..1 << 40, value()).prop_map(|(time, value)| Reading { time, value }),
                1..=MOST_READINGS,
            ),
            kid in any::<[u8; 8]>(),
        ) {
            let text = pack(Kid(kid), &readings);
            prop_assert_eq!(decode(text.as_bytes(), Kid(kid)), Ok(readings));
        }
    }

    #[test]
    fn a_full_pack_fits_an_envelope() {
        let tap = Reading {
            time: (1 << 40) - 1,
            value: Value::Tap(B256::repeat_byte(255)),
        };
        let text = pack(Kid([255; 8]), &[tap; MOST_READINGS]);
        // Base64 makes four bytes of three; header and signature take less than 400.
        assert!(
            text.len() * 4 / 3 + 400 < hearth_oracle_core::verify::LARGEST_ENVELOPE,
            "{}",
            text.len()
        );
    }
}
