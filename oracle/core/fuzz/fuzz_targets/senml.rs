//! A SenML pack: bounded, exact, never a panic.
#![no_main]

use hearth_oracle_core::senml::{MOST_RECORDS, decode};
use hearth_oracle_core::types::Kid;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(readings) = decode(bytes, Kid([0xab; 8])) {
        assert!((1..=MOST_RECORDS).contains(&readings.len()));
    }
});
