//! Bytes from any door: refused by name or verified, never a panic.
#![no_main]

use hearth_oracle_core::crypto::KeyedHash;
use hearth_oracle_core::verify::{Directory, Refused, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(refused) = verify(bytes, &Directory::default(), &KeyedHash) {
        assert!(Refused::NAMES.contains(&refused.name()));
    }
});
