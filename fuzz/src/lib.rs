//! What must hold of every parser, whatever bytes it is given: it comes back, it does not panic, and what it reads is
//! within its bounds and is written back alike.
//!
//! Each function here is a target of libFuzzer (`src/bin`) with a corpus (`corpus/<name>`), and says whether the bytes
//! were read. The test suite plays every corpus, and changed bytes of it, through the same functions.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use alloy_primitives::{Address, B256};
use hearth::card::Card;
use hearth::kit::Kit;
use hearth::rehearse;
use hearth::sign::Signature;
use hearth_oracle::config::Config;
use hearth_oracle::sense::config::EdgeConfig;
use hearth_oracle::sense::frames;
use hearth_oracle::sense::model::{Model, STATE_FRAMES};
use hearth_oracle_core::answer;
use hearth_oracle_core::chain::{Block, ChainView, Committee, Device, Domain, SeatKeys, StreamView, Terms};
use hearth_oracle_core::crypto::{Compact, Crypto, KeyedHash};
use hearth_oracle_core::effect::Record;
use hearth_oracle_core::message::{self, Message};
use hearth_oracle_core::meter;
use hearth_oracle_core::senml;
use hearth_oracle_core::types::{Calendar, EpochKind, Kid, Network, SeatId, StreamId, SubcontractId};
use hearth_oracle_core::verify::{Directory, LARGEST_ENVELOPE, Refused, Verified, verify};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A parser's name, and what must hold of it.
pub type Parser = (&'static str, fn(&[u8]) -> bool);

/// Every parser of bytes that come from elsewhere.
pub const PARSERS: &[Parser] = &[
    ("answer", answer),
    ("card", card),
    ("config", config),
    ("consent", consent),
    ("edge", edge),
    ("envelope", envelope),
    ("frames", frames),
    ("kit", kit),
    ("message", message),
    ("model", model),
    ("record", record),
    ("scenario", scenario),
    ("senml", senml),
];

/// The secret of the one device that is enrolled.
pub const DEVICE: [u8; 32] = [7; 32];

/// The time at which corpora play.
pub const NOW: u64 = 1_800_000_000;

/// Takes every signature for a good one, so that a fuzzer gets behind it.
#[derive(Debug)]
pub struct Credulous;

impl Crypto for Credulous {
    fn public(&self, secret: &[u8; 32]) -> [u8; 32] {
        KeyedHash.public(secret)
    }

    fn sign(&self, secret: &[u8; 32], message: &[u8]) -> [u8; 64] {
        KeyedHash.sign(secret, message)
    }

    fn verify(&self, _: &[u8; 32], _: &[u8], _: &[u8; 64]) -> bool {
        true
    }

    fn address(&self, secret: &[u8; 32]) -> Option<Address> {
        KeyedHash.address(secret)
    }

    fn attest(&self, secret: &[u8; 32], digest: &B256) -> Option<Compact> {
        KeyedHash.attest(secret, digest)
    }

    fn recover(&self, digest: &B256, signature: &Compact) -> Option<Address> {
        KeyedHash.recover(digest, signature)
    }
}

/// Four seats and one device.
static VIEW: LazyLock<ChainView> = LazyLock::new(|| {
    let device = Device {
        key: Credulous.public(&DEVICE),
        kind: "radar".into(),
        interval: 60,
        calibrated_until: 0,
        from: 0,
        until: u64::MAX,
    };
    let terms = Terms {
        subcontract: SubcontractId(1),
        epochs: EpochKind::Week,
        estimator: "value".into(),
        parameters: Vec::new(),
        model: B256::ZERO,
        devices: vec![device],
        badges: Vec::new(),
    };
    let calendar = Calendar {
        tz: 0,
        ignition: NOW - 86_400,
    };
    let seat = SeatKeys {
        report: Address::repeat_byte(1),
        transport: [1; 32],
    };
    let stream = StreamView {
        first_epoch: calendar.epoch_at(EpochKind::Week, NOW),
        terms: Arc::new(terms),
        accepted: Vec::new(),
    };
    ChainView {
        domain: Domain {
            chain_id: 31_337,
            docket: Address::repeat_byte(2),
        },
        network: Network::default(),
        head: Block {
            number: 100,
            time: NOW,
        },
        calendar,
        committee: Arc::new(Committee {
            version: 1,
            seats: vec![seat; 4],
            grace: 30,
            turn: 15,
            depth: 2,
        }),
        streams: [(StreamId(1), stream)].into(),
    }
});

static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| Directory::of(&VIEW));

/// JSON that is read is written back alike.
fn json<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> bool {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else {
        return false;
    };
    let written = serde_json::to_vec(&read).expect("what was read is JSON");
    assert_eq!(
        serde_json::from_slice::<T>(&written).expect("and is read back"),
        read
    );
    true
}

/// A device's envelope (R7.2): refused by a name, or what is held of it says what its header says.
pub fn envelope(bytes: &[u8]) -> bool {
    match verify(bytes, &DIRECTORY, &Credulous) {
        Ok(verified) => {
            assert!(bytes.len() <= LARGEST_ENVELOPE);
            let again = Verified::reopen(verified.raw().clone(), verified.held());
            assert_eq!(again, Some(verified));
            true
        }
        Err(refused) => {
            assert!(Refused::NAMES.contains(&refused.name()));
            false
        }
    }
}

/// A SenML pack: bounded and exact.
pub fn senml(bytes: &[u8]) -> bool {
    let Ok(readings) = senml::decode(bytes, Kid([0xab; 8])) else {
        return false;
    };
    assert!((1..=senml::MOST_RECORDS).contains(&readings.len()));
    true
}

/// A peer's message, signed or as it stands in its payload; reports and attestations come in it.
pub fn message(bytes: &[u8]) -> bool {
    let signed = message::open(bytes, Network::default(), SeatId(0), &VIEW.committee, &Credulous);
    json::<Message>(bytes) || signed.is_ok()
}

/// A seat's answer to a device, as HTTP and MQTT bring it.
pub fn answer(bytes: &[u8]) -> bool {
    let seats = [[1; 32]; 4];
    let Some((seat, answer)) = answer::open(bytes, Network::default(), &seats, &Credulous) else {
        return false;
    };
    let written = answer::sign(Network::default(), seat, &answer, &DEVICE, &Credulous);
    assert_eq!(
        answer::open(written.as_bytes(), Network::default(), &seats, &Credulous),
        Some((seat, answer))
    );
    true
}

/// A record of the journal.
pub fn record(bytes: &[u8]) -> bool {
    json::<Record>(bytes)
}

/// A seat's configuration: read, or every problem with a place within the text.
pub fn config(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    match Config::parse(text, Path::new("/seat")) {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.is_empty());
            let lines = text.lines().count().max(1) + 1;
            assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)));
            false
        }
    }
}

/// An edge's configuration.
pub fn edge(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| EdgeConfig::parse(Path::new("/edge/edge.toml"), text).is_ok())
}

/// A kit or a charter: read, or every problem with a place within the text. Cards it names are not there.
pub fn kit(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    match Kit::parse(text, Path::new("/nowhere")) {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.is_empty());
            let lines = text.lines().count().max(1) + 1;
            assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)));
            false
        }
    }
}

/// A card of a seat, a device or a person.
pub fn card(bytes: &[u8]) -> bool {
    json::<Card>(bytes)
}

/// A founder's signature, as a file.
pub fn consent(bytes: &[u8]) -> bool {
    json::<Signature>(bytes)
}

/// A scenario to rehearse.
pub fn scenario(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| rehearse::read(text).is_ok())
}

/// A meter's model: one that is read can judge, and the clerk reads of it what the edge does.
pub fn model(bytes: &[u8]) -> bool {
    let Ok(model) = Model::parse(bytes) else {
        return false;
    };
    assert_eq!(
        meter::settling(bytes).is_ok(),
        model.file().origin.settles().is_ok()
    );
    for sample in [0, frames::SAMPLE_MAX, -frames::SAMPLE_MAX, i32::MIN] {
        let Some(frame) = frames::Frame::new([sample; frames::FRAME]) else {
            continue;
        };
        let scores = model.scores(&frame);
        let judged = model.judge_frame(&scores);
        assert!(model.counts().contains(&judged.count));
        model.judge_state(&vec![scores; STATE_FRAMES]);
    }
    true
}

/// A radar's recording, and one frame as the sensor gives it.
pub fn frames(bytes: &[u8]) -> bool {
    let frame = std::str::from_utf8(bytes).is_ok_and(|text| frames::parse_frame(text).is_some());
    frames::parse("fuzz", bytes).is_ok() || frame
}
