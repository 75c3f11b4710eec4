//! A journal's record: what is read is written back alike.
#![no_main]

use hearth_oracle_core::effect::Record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = serde_json::from_slice::<Record>(bytes) {
        let written = serde_json::to_vec(&record).expect("a record is JSON");
        assert_eq!(serde_json::from_slice::<Record>(&written).expect("and is read back"), record);
    }
});
