//! Public cards: what a seat, a device or a person hands to the founders, without any secret.
//!
//! JSON, made by `hearth-oracle` for seats and devices, by `hearth` or a text editor for people.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// The version every card names.
pub const VERSION: u8 = 1;

/// A card of any kind; the field `card` names which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "card", rename_all = "lowercase", deny_unknown_fields)]
pub enum Card {
    /// An oracle seat.
    Seat(SeatCard),
    /// A device of a stream.
    Device(DeviceCard),
    /// A person.
    Member(MemberCard),
}

/// What a seat shows: its identity, and what it will register (architecture, "Agreement between seats").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeatCard {
    /// Always [`VERSION`].
    pub v: u8,
    /// A name for people; not on chain.
    pub name: String,
    /// Cold key that registers and rotates the rest.
    pub identity: Address,
    /// Guarded key that signs report digests only.
    pub report_key: Address,
    /// Ed25519 key of answers, inventories and proposals.
    pub transport_key: B256,
    /// Base URL for peers and devices.
    pub endpoint: String,
}

/// What a device shows (R7.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceCard {
    /// Always [`VERSION`].
    pub v: u8,
    /// A name for people; not on chain.
    pub name: String,
    /// ASCII, at most 16 bytes: `radar`, `scale`, `badge`.
    pub kind: String,
    /// Ed25519 public key.
    pub key: B256,
    /// Seconds between heartbeats.
    pub interval_seconds: u32,
    /// Unix seconds after which its readings do not count.
    pub calibrated_until: u64,
}

/// What a person shows (R4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemberCard {
    /// Always [`VERSION`].
    pub v: u8,
    /// A name for people; not on chain.
    pub name: String,
    /// Current key.
    pub key: Address,
    /// Hash of the badge that says who takes (R7.8), if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<B256>,
}

impl Card {
    /// The name on the card.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Seat(card) => &card.name,
            Self::Device(card) => &card.name,
            Self::Member(card) => &card.name,
        }
    }

    /// What kind of card it is, as its field `card` says.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Seat(_) => "seat",
            Self::Device(_) => "device",
            Self::Member(_) => "member",
        }
    }

    /// The version it names.
    #[must_use]
    pub fn version(&self) -> u8 {
        match self {
            Self::Seat(card) => card.v,
            Self::Device(card) => card.v,
            Self::Member(card) => card.v,
        }
    }
}
