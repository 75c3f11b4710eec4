//! Every parser against its corpus, against bytes, and against its corpus with a few bytes changed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use hearth_fuzz::{PARSERS, Parser};
use proptest::prelude::*;

type Seed = (&'static Parser, String, Vec<u8>);

static CORPORA: LazyLock<Vec<Seed>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for parser in PARSERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(parser.0);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            all.push((parser, name, fs::read(&file).unwrap()));
        }
    }
    all
});

#[test]
fn each_corpus_reaches_behind_its_parser() {
    for parser in PARSERS {
        let of: Vec<_> = CORPORA.iter().filter(|(of, ..)| of.0 == parser.0).collect();
        let read = of.iter().filter(|(_, _, bytes)| parser.1(bytes)).count();
        assert!(read > 0, "{}: nothing of its corpus is read", parser.0);
        for (_, name, bytes) in of {
            // What a seed is, stands in its name.
            assert_eq!(
                parser.1(bytes),
                !name.starts_with("refused"),
                "{}/{name}",
                parser.0
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_parser_panic(
        which in any::<prop::sample::Index>(), bytes in proptest::collection::vec(any::<u8>(), 0..600)
    ) {
        which.get(PARSERS).1(&bytes);
    }

    #[test]
    fn nor_does_a_changed_corpus(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()
    ) {
        let (parser, _, seed) = which.get(CORPORA.as_slice());
        let mut bytes = seed.clone();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
        }
        parser.1(&bytes);
    }
}
