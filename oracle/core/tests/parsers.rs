//! Every parser of the core against its fuzz corpus, against bytes, and against its corpus with a few bytes changed.
//! `fuzz/` holds the same as targets for `cargo fuzz`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use hearth_oracle_core::crypto::KeyedHash;
use hearth_oracle_core::effect::Record;
use hearth_oracle_core::message::Message;
use hearth_oracle_core::senml;
use hearth_oracle_core::types::Kid;
use hearth_oracle_core::verify::{Directory, Refused, verify};
use proptest::prelude::*;

fn corpus(of: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(of);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Reads with every parser; what is accepted is written back alike.
fn read(bytes: &[u8]) {
    if let Err(refused) = verify(bytes, &Directory::default(), &KeyedHash) {
        assert!(Refused::NAMES.contains(&refused.name()));
    }
    if let Ok(readings) = senml::decode(bytes, Kid([0xab; 8])) {
        assert!((1..=senml::MOST_RECORDS).contains(&readings.len()));
    }
    if let Ok(message) = serde_json::from_slice::<Message>(bytes) {
        let written = serde_json::to_vec(&message).unwrap();
        assert_eq!(serde_json::from_slice::<Message>(&written).unwrap(), message);
    }
    if let Ok(record) = serde_json::from_slice::<Record>(bytes) {
        let written = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<Record>(&written).unwrap(), record);
    }
}

#[test]
fn d8_the_corpus_is_what_it_says() {
    for message in corpus("message") {
        let text = String::from_utf8_lossy(&message).into_owned();
        serde_json::from_slice::<Message>(&message).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    for record in corpus("record") {
        let text = String::from_utf8_lossy(&record).into_owned();
        serde_json::from_slice::<Record>(&record).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    let decoded = corpus("senml")
        .iter()
        .filter(|pack| senml::decode(pack, Kid([0xab; 8])).is_ok())
        .count();
    assert_eq!(decoded, corpus("senml").len() - 1, "all but the refused one");
    for envelope in corpus("envelope") {
        assert!(verify(&envelope, &Directory::default(), &KeyedHash).is_err());
    }
}

proptest! {
    #[test]
    fn d8_no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes);
    }

    #[test]
    fn d8_nor_does_a_changed_corpus(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()
    ) {
        let all: Vec<Vec<u8>> = ["envelope", "senml", "message", "record"].iter().flat_map(|of| corpus(of)).collect();
        let mut bytes = which.get(&all).clone();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        read(&bytes);
    }
}
