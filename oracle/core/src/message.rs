//! What seats say to each other and answer to devices, and how it is signed.
//!
//! *In*: bytes of a peer. *Out*: [`Heard`], which only [`open`] can make. *Refuses*: what is larger than
//! [`LARGEST_MESSAGE`], for another seat, or not signed by the seat it names.

use alloy_primitives::{B256, FixedBytes};
use serde::{Deserialize, Serialize};

use crate::chain::Committee;
use crate::crypto::Crypto;
use crate::estimators::Opening;
use crate::jws::{self, JwsError};
use crate::report::Report;
use crate::types::{Attempt, Counter, Epoch, Kid, Network, SeatId, StreamId};

/// Bytes of a whole peer message, at most.
pub const LARGEST_MESSAGE: usize = 1 << 20;

/// Bytes of envelopes one message hands over, at most; base64 and JSON around them stay under [`LARGEST_MESSAGE`].
pub const LARGEST_HANDOVER: usize = 640 << 10;

/// What one seat says to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// What the sender holds of one epoch.
    Inventory {
        /// The stream.
        stream: StreamId,
        /// The epoch in which the envelopes' times lie.
        epoch: Epoch,
        /// By device.
        holdings: Vec<Holding>,
    },
    /// Asks for envelopes of one device.
    Fetch {
        /// The stream.
        stream: StreamId,
        /// The epoch in which the envelopes' times lie; those of the epoch before are handed over too.
        epoch: Epoch,
        /// The device.
        kid: Kid,
        /// Which counters, both ends included.
        ranges: Vec<(Counter, Counter)>,
    },
    /// Raw envelopes; each proves itself by its device's signature.
    Envelopes {
        /// As the devices sent them.
        raw: Vec<String>,
    },
    /// A proposed report.
    Proposal(Box<Proposal>),
    /// A signature over a proposal.
    Attestation(Attestation),
    /// Why a proposal is not signed.
    Refusal {
        /// The report refused.
        key: AttemptId,
        /// Its digest.
        digest: B256,
        /// Why.
        reason: Objection,
    },
    /// Asks for the state in which an accepted report left the stream.
    AskClosing {
        /// The stream.
        stream: StreamId,
        /// The accepted report's digest.
        digest: B256,
    },
    /// The state in which an accepted report left the stream; believed when `f+1` seats say the same.
    Closing {
        /// The stream.
        stream: StreamId,
        /// The accepted report's digest.
        digest: B256,
        /// The state.
        opening: Opening,
    },
}

/// What names a report before it is accepted; the guard signs one digest for each (docs/agreement.md, step 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The stream; it names the subcontract too.
    pub stream: StreamId,
    /// The epoch.
    pub epoch: Epoch,
    /// The turn.
    pub attempt: Attempt,
}

/// What a seat holds of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The device.
    pub kid: Kid,
    /// Unbroken runs of counters.
    pub runs: Vec<Run>,
}

/// An unbroken run of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The first.
    pub from: Counter,
    /// The last.
    pub to: Counter,
    /// Sum modulo 2^128 of the first halves of the leaves: differs where contents differ. It only speeds the exchange;
    /// what is signed rests on the envelope root.
    #[serde(with = "sum_text")]
    pub sum: u128,
}

mod sum_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(sum: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{sum:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map_err(de::Error::custom)
    }
}

/// A report put before the other seats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The report.
    pub report: Report,
    /// What the members' salts are derived from (R20).
    pub seed: B256,
    /// Every envelope between the parent's cut and the epoch's end that the proposer holds: those after the cut decided
    /// where it lies.
    pub holdings: Vec<Holding>,
}

impl Proposal {
    /// Names the report.
    #[must_use]
    pub const fn key(&self) -> AttemptId {
        AttemptId {
            stream: self.report.stream,
            epoch: self.report.epoch,
            attempt: self.report.attempt,
        }
    }
}

/// One seat's signature over a report's digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The report.
    pub key: AttemptId,
    /// Its digest.
    pub digest: B256,
    /// EIP-2098 compact signature.
    pub signature: FixedBytes<64>,
}

/// Why a seat does not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objection {
    /// An envelope it holds for that span is left out.
    LeftOut,
    /// Its own run of the estimator gives another report.
    Differs,
    /// Its guard refuses: it has signed another digest for this key, or the epoch is over.
    Guarded,
}

impl Objection {
    /// A stable name, for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeftOut => "left_out",
            Self::Differs => "differs",
            Self::Guarded => "guarded",
        }
    }
}

/// A message whose sender was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    from: SeatId,
    time: u64,
    message: Message,
}

impl Heard {
    /// Who said it.
    #[must_use]
    pub const fn from(&self) -> SeatId {
        self.from
    }

    /// The sender's own time, unix seconds, for refusing old replays.
    #[must_use]
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// What was said.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// Sender and message.
    #[must_use]
    pub fn into_parts(self) -> (SeatId, Message) {
        (self.from, self.message)
    }

    /// A message that needs no signature because no wire lies between; only for a simulated world.
    #[must_use]
    pub const fn simulated(from: SeatId, message: Message) -> Self {
        Self {
            from,
            time: 0,
            message,
        }
    }
}

/// Why a peer's bytes are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerRefused {
    /// Larger than [`LARGEST_MESSAGE`].
    #[error("the message has {given} bytes, wanted at most {LARGEST_MESSAGE}")]
    Oversized {
        /// Its size.
        given: usize,
    },
    /// Not a compact JWS.
    #[error("the message is no compact JWS")]
    Malformed(#[source] JwsError),
    /// The header is not the one wanted.
    #[error("the message's header is not the one wanted: {reason}")]
    Header {
        /// What is wrong.
        reason: String,
    },
    /// For another polity, or another seat.
    #[error("the message is for seat {to} of network {net}")]
    Misdelivered {
        /// The seat it names.
        to: SeatId,
        /// The network it names.
        net: Network,
    },
    /// No such seat.
    #[error("seat {given} is not in the committee")]
    UnknownSeat {
        /// The seat named.
        given: SeatId,
    },
    /// Not signed by the seat's transport key.
    #[error("the signature is not that of seat {given}")]
    BadSignature {
        /// The seat named.
        given: SeatId,
    },
    /// The payload, which the seat did sign, is no message of this release.
    #[error("what seat {from} signed is no message of this release: {reason}")]
    Payload {
        /// The seat.
        from: SeatId,
        /// The parser's words.
        reason: String,
    },
}

impl PeerRefused {
    /// A stable name, for metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Oversized { .. } => "oversized",
            Self::Malformed(_) => "malformed",
            Self::Header { .. } => "bad_header",
            Self::Misdelivered { .. } => "misdelivered",
            Self::UnknownSeat { .. } => "unknown_seat",
            Self::BadSignature { .. } => "bad_signature",
            Self::Payload { .. } => "bad_payload",
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerHeader {
    typ: String,
    alg: String,
    net: Network,
    from: SeatId,
    to: SeatId,
    t: u64,
}

/// Who speaks to whom, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The polity.
    pub net: Network,
    /// The sender.
    pub from: SeatId,
    /// The receiver.
    pub to: SeatId,
    /// The sender's time, unix seconds.
    pub time: u64,
}

/// Signs a message with the sender's transport key.
///
/// # Panics
/// Never: every message is made of strings and numbers, which JSON can hold.
#[must_use]
pub fn close(route: Route, message: &Message, secret: &[u8; 32], crypto: &dyn Crypto) -> String {
    let header = PeerHeader {
        typ: "hearth+peer".into(),
        alg: "Ed25519".into(),
        net: route.net,
        from: route.from,
        to: route.to,
        t: route.time,
    };
    let header = serde_json::to_vec(&header).expect("a header of strings and numbers is JSON");
    let payload = serde_json::to_vec(message).expect("a message of strings and numbers is JSON");
    jws::seal(&header, &payload, secret, crypto)
}

/// Checks and reads a peer's bytes. Pure; call it from any thread.
///
/// # Errors
/// A named [`PeerRefused`].
pub fn open(
    raw: &[u8],
    net: Network,
    to: SeatId,
    committee: &Committee,
    crypto: &dyn Crypto,
) -> Result<Heard, PeerRefused> {
    if raw.len() > LARGEST_MESSAGE {
        return Err(PeerRefused::Oversized { given: raw.len() });
    }
    let parts = jws::split(raw).map_err(PeerRefused::Malformed)?;
    let header: PeerHeader = serde_json::from_slice(&parts.header).map_err(|e| PeerRefused::Header {
        reason: e.to_string(),
    })?;
    if header.typ != "hearth+peer" || header.alg != "Ed25519" {
        return Err(PeerRefused::Header {
            reason: "`typ` or `alg` is not `hearth+peer`, `Ed25519`".into(),
        });
    }
    if header.net != net || header.to != to {
        return Err(PeerRefused::Misdelivered {
            to: header.to,
            net: header.net,
        });
    }
    let keys = committee
        .seats
        .get(usize::from(header.from.0))
        .ok_or(PeerRefused::UnknownSeat { given: header.from })?;
    if !crypto.verify(&keys.transport, parts.signed, &parts.signature) {
        return Err(PeerRefused::BadSignature { given: header.from });
    }
    let message = serde_json::from_slice(&parts.payload).map_err(|e| PeerRefused::Payload {
        from: header.from,
        reason: e.to_string(),
    })?;
    Ok(Heard {
        from: header.from,
        time: header.t,
        message,
    })
}
