//! Stage 2: an envelope is judged by device key, counter and clock.
//!
//! *In*: bytes from any door. *Out*: [`Verified`], which only this file can make. *Refuses*: by a named [`Refused`],
//! each with a stable name for counting. *Never*: state; it may run on any thread.
//!
//! The clock here is the device's own: the header's time must be that of the latest reading. Whether an envelope is
//! too early or too late for an epoch is decided in `gather`, since it is answered rather than refused.

use std::collections::HashMap;
use std::sync::Arc;

use alloy_primitives::keccak256;
use serde::{Deserialize, Serialize};

use crate::chain::ChainView;
use crate::crypto::Crypto;
use crate::jws::{self, JwsError};
use crate::senml::{self, SenmlError};
use crate::types::{Calendar, Counter, EpochKind, Kid, Leaf, Network, StreamId};

/// Bytes of a whole envelope, at most (R7.2).
pub const LARGEST_ENVELOPE: usize = 16_384;

/// Why an envelope is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Larger than [`LARGEST_ENVELOPE`].
    #[error("the envelope has {given} bytes, wanted at most {LARGEST_ENVELOPE}; send smaller packs")]
    Oversized {
        /// Its size.
        given: usize,
    },
    /// Not a compact JWS.
    #[error("the envelope is no compact JWS")]
    Malformed(#[source] JwsError),
    /// The header is not exactly the one R7.2 asks for.
    #[error("the envelope's header is not the one wanted: {reason}")]
    Header {
        /// What is wrong.
        reason: String,
    },
    /// Signed for another polity.
    #[error("the envelope is for network {given}, this one is {wanted}")]
    ForeignNetwork {
        /// The one it names.
        given: Network,
        /// This one.
        wanted: Network,
    },
    /// No device of this name holds for the epoch of its time.
    #[error("device {given} is enrolled in no stream for the time it gives; the custodian enrols it")]
    UnknownDevice {
        /// Its name.
        given: Kid,
    },
    /// The signature is not the device's.
    #[error("the signature is not that of device {given}")]
    BadSignature {
        /// The device named.
        given: Kid,
    },
    /// The pack is refused.
    #[error("the pack of device {given} is refused")]
    Pack {
        /// The device.
        given: Kid,
        /// Why.
        #[source]
        source: SenmlError,
    },
    /// The header's time is not that of the latest reading.
    #[error("the header says {given}, the latest reading {wanted}")]
    TimeMismatch {
        /// The header's time.
        given: u64,
        /// The latest reading's.
        wanted: u64,
    },
}

impl Refused {
    /// A stable name, for metrics and answers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Oversized { .. } => "oversized",
            Self::Malformed(_) => "malformed",
            Self::Header { .. } => "bad_header",
            Self::ForeignNetwork { .. } => "foreign_network",
            Self::UnknownDevice { .. } => "unknown_device",
            Self::BadSignature { .. } => "bad_signature",
            Self::Pack { .. } => "bad_pack",
            Self::TimeMismatch { .. } => "time_mismatch",
        }
    }

    /// Every name there is.
    pub const NAMES: [&'static str; 8] = [
        "oversized",
        "malformed",
        "bad_header",
        "foreign_network",
        "unknown_device",
        "bad_signature",
        "bad_pack",
        "time_mismatch",
    ];
}

/// An envelope whose signature, header and pack were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    raw: Arc<str>,
    held: Held,
}

/// What a seat remembers of an envelope it holds; the raw text stays in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The stream its device belongs to.
    pub stream: StreamId,
    /// The device.
    pub kid: Kid,
    /// Its counter.
    pub counter: Counter,
    /// Time of its latest reading, unix seconds.
    pub time: u64,
    /// What it is known by.
    pub leaf: Leaf,
}

impl Verified {
    /// The envelope as the device sent it.
    #[must_use]
    pub const fn raw(&self) -> &Arc<str> {
        &self.raw
    }

    /// What to remember of it.
    #[must_use]
    pub const fn held(&self) -> &Held {
        &self.held
    }

    /// Takes an envelope back out of the journal: it is the one verified before if its leaf is the one remembered, and
    /// its header says what is remembered of it. `None` means that the journal's bytes have changed.
    #[must_use]
    pub fn reopen(raw: Arc<str>, held: &Held) -> Option<Self> {
        let header: Header = serde_json::from_slice(&jws::header(&raw)?).ok()?;
        let said = Held {
            kid: header.kid,
            counter: Counter::new(header.boot, header.seq),
            time: header.t,
            leaf: leaf_of(raw.as_bytes()),
            ..*held
        };
        (said == *held).then_some(Self { raw, held: said })
    }
}

/// An envelope's leaf in the envelope root.
#[must_use]
pub fn leaf_of(raw: &[u8]) -> Leaf {
    keccak256(keccak256(raw))
}

/// An envelope's protected header (R7.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `hearth+jws`.
    pub typ: String,
    /// `Ed25519`.
    pub alg: String,
    /// The device.
    pub kid: Kid,
    /// The polity.
    pub net: Network,
    /// How often the device had started.
    pub boot: u32,
    /// The sequence within that boot.
    pub seq: u32,
    /// Time of the latest reading, unix seconds.
    pub t: u64,
    /// What must be understood: `["net","boot","seq","t"]`.
    pub crit: Vec<String>,
}

const CRITICAL: [&str; 4] = ["net", "boot", "seq", "t"];

/// Signs a pack as device: the one way envelopes are made.
#[must_use]
pub fn envelope(
    secret: &[u8; 32],
    net: Network,
    counter: Counter,
    time: u64,
    pack: &[u8],
    crypto: &dyn Crypto,
) -> String {
    let kid = Kid::of(&crypto.public(secret));
    let header = format!(
        r#"{{"typ":"hearth+jws","alg":"Ed25519","kid":"{kid}","net":"{net}","boot":{},"seq":{},"t":{time},"crit":["net","boot","seq","t"]}}"#,
        counter.boot(),
        counter.seq(),
    );
    jws::seal(header.as_bytes(), pack, secret, crypto)
}

/// Every device of every stream by name, made from a chain view whenever devices change; cheap to share with workers.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    network: Network,
    calendar: Option<Calendar>,
    devices: HashMap<Kid, Vec<Enrolled>>,
}

#[derive(Debug, Clone, Copy)]
struct Enrolled {
    stream: StreamId,
    epochs: EpochKind,
    key: [u8; 32],
    from: u64,
    until: u64,
}

impl Directory {
    /// The devices the view knows.
    #[must_use]
    pub fn of(view: &ChainView) -> Self {
        let mut devices: HashMap<Kid, Vec<Enrolled>> = HashMap::new();
        for (stream, known) in &view.streams {
            for device in &known.terms.devices {
                devices.entry(device.kid()).or_default().push(Enrolled {
                    stream: *stream,
                    epochs: known.terms.epochs,
                    key: device.key,
                    from: device.from,
                    until: device.until,
                });
            }
        }
        Self {
            network: view.network,
            calendar: Some(view.calendar),
            devices,
        }
    }

    fn find(&self, kid: Kid, time: u64) -> Option<&Enrolled> {
        let calendar = self.calendar?;
        self.devices.get(&kid)?.iter().find(|device| {
            let begin = calendar.begin(device.epochs, calendar.span_at(device.epochs, time));
            device.from <= begin && begin < device.until
        })
    }
}

/// Judges one envelope. Pure; call it from as many threads as there are.
///
/// # Errors
/// A named [`Refused`].
pub fn verify(raw: &[u8], directory: &Directory, crypto: &dyn Crypto) -> Result<Verified, Refused> {
    if raw.len() > LARGEST_ENVELOPE {
        return Err(Refused::Oversized { given: raw.len() });
    }
    let parts = jws::split(raw).map_err(Refused::Malformed)?;
    let header: Header = serde_json::from_slice(&parts.header).map_err(|e| Refused::Header {
        reason: e.to_string(),
    })?;
    for (name, given, wanted) in [
        ("typ", &header.typ, "hearth+jws"),
        ("alg", &header.alg, "Ed25519"),
    ] {
        if given != wanted {
            return Err(Refused::Header {
                reason: format!("`{name}` is not `{wanted}`"),
            });
        }
    }
    if header.crit != CRITICAL {
        return Err(Refused::Header {
            reason: format!("`crit` is not {CRITICAL:?}"),
        });
    }
    if header.net != directory.network {
        return Err(Refused::ForeignNetwork {
            given: header.net,
            wanted: directory.network,
        });
    }
    let kid = header.kid;
    let device = directory
        .find(kid, header.t)
        .ok_or(Refused::UnknownDevice { given: kid })?;
    if !crypto.verify(&device.key, parts.signed, &parts.signature) {
        return Err(Refused::BadSignature { given: kid });
    }
    let readings =
        senml::decode(&parts.payload, kid).map_err(|source| Refused::Pack { given: kid, source })?;
    let latest = readings
        .iter()
        .map(|reading| reading.time)
        .max()
        .unwrap_or_default();
    if latest != header.t {
        return Err(Refused::TimeMismatch {
            given: header.t,
            wanted: latest,
        });
    }
    // `split` has shown the bytes to be ASCII.
    let text = std::str::from_utf8(raw).map_err(|_| Refused::Malformed(JwsError::NotText))?;
    let held = Held {
        stream: device.stream,
        kid,
        counter: Counter::new(header.boot, header.seq),
        time: header.t,
        leaf: leaf_of(raw),
    };
    Ok(Verified {
        raw: text.into(),
        held,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::KeyedHash;

    #[test]
    fn an_envelope_is_reopened_only_as_it_was_verified() {
        let (secret, counter) = ([7; 32], Counter::new(1, 5));
        let raw: Arc<str> = envelope(&secret, Network::default(), counter, 100, b"[]", &KeyedHash).into();
        let held = Held {
            stream: StreamId(1),
            kid: Kid::of(&KeyedHash.public(&secret)),
            counter,
            time: 100,
            leaf: leaf_of(raw.as_bytes()),
        };
        assert!(Verified::reopen(raw.clone(), &held).is_some());
        for changed in [
            Held {
                kid: Kid([0; 8]),
                ..held
            },
            Held {
                counter: Counter::new(1, 6),
                ..held
            },
            Held { time: 101, ..held },
            Held {
                leaf: Leaf::ZERO,
                ..held
            },
        ] {
            assert_eq!(Verified::reopen(raw.clone(), &changed), None, "{changed:?}");
        }
        let other: Arc<str> = envelope(&secret, Network::default(), counter, 100, b"[1]", &KeyedHash).into();
        assert_eq!(Verified::reopen(other, &held), None);
    }
}
