//! A peer's message, once its signature holds: what is read is written back alike.
#![no_main]

use hearth_oracle_core::message::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = serde_json::from_slice::<Message>(bytes) {
        let written = serde_json::to_vec(&message).expect("a message is JSON");
        assert_eq!(serde_json::from_slice::<Message>(&written).expect("and is read back"), message);
    }
});
