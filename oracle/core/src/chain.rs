//! What a seat knows of the chain: a snapshot at one head, made by the shell from events and storage.
//!
//! *Never*: a memory of its own. What is accepted or settled is read from here each time, at the depth the committee
//! signed; after a reorganisation the next snapshot simply says something else.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::types::{
    Attempt, Calendar, Epoch, EpochKind, Kid, MemberId, Network, Seats, StreamId, SubcontractId, Verdict,
};

/// Epochs may be accepted late, within this many seconds of their end (R7, edge cases).
pub const ACCEPTED_WITHIN: u64 = 30 * 86_400;

/// The chain as this seat sees it at its own head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainView {
    /// What the report digest is bound to.
    pub domain: Domain,
    /// The polity's name in topics and signatures.
    pub network: Network,
    /// The newest block this seat knows.
    pub head: Block,
    /// Days, weeks and periods.
    pub calendar: Calendar,
    /// The committee of the current version.
    pub committee: Arc<Committee>,
    /// Every stream of the docket.
    pub streams: BTreeMap<StreamId, StreamView>,
}

/// The EIP-712 domain of the docket: name "Hearth", version "1".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// The chain's id.
    pub chain_id: u64,
    /// The docket's address; it is bound to one charter.
    pub docket: Address,
}

/// A block's number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Block {
    /// Height.
    pub number: u64,
    /// Unix seconds.
    pub time: u64,
}

/// The committee of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committee {
    /// The committee version a report names.
    pub version: u32,
    /// The seats in order; a vacant seat has a zero report key.
    pub seats: Vec<SeatKeys>,
    /// Seconds after an epoch's end before turns begin; intake closes at half of it.
    pub grace: u64,
    /// Seconds of one turn (at least 3 blocks).
    pub turn: u64,
    /// Blocks under the head from which on something is believed.
    pub depth: u64,
}

impl Committee {
    /// The arithmetic of its size.
    #[must_use]
    pub fn arithmetic(&self) -> Seats {
        // The contract refuses more than 31 seats.
        Seats(u8::try_from(self.seats.len()).unwrap_or(u8::MAX))
    }
}

/// The public keys of one seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatKeys {
    /// Address of the guarded key that signs digests; zero while the seat is vacant.
    pub report: Address,
    /// Ed25519 public key for answers, inventories and proposals.
    pub transport: [u8; 32],
}

/// One stream and its reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamView {
    /// What the docket says of it.
    pub terms: Arc<Terms>,
    /// The first epoch it reports on.
    pub first_epoch: Epoch,
    /// Its accepted reports in order of epochs: at least the last one, all that are not yet settled, spent or lapsed,
    /// and whatever is not yet under `Committee::depth`, with the one before them.
    pub accepted: Vec<Accepted>,
}

/// What every seat must see alike of a stream (R7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whose reports it feeds.
    pub subcontract: SubcontractId,
    /// How long its epochs are.
    pub epochs: EpochKind,
    /// The estimator's name in the register (`estimators::REGISTER`).
    pub estimator: String,
    /// The estimator's parameters, as it defines them.
    pub parameters: Vec<u8>,
    /// keccak256 of the model file; zero where there is none.
    pub model: B256,
    /// Devices, with the times between which each holds.
    pub devices: Vec<Device>,
    /// Badges of members, each with the time from which it holds; a member's later badge replaces the earlier.
    pub badges: Vec<Badge>,
}

/// A device of a stream (R7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Ed25519 public key.
    pub key: [u8; 32],
    /// What it senses: "radar", "scale", "badge" …
    pub kind: String,
    /// Seconds between its heartbeats.
    pub interval: u32,
    /// Unix second after which its readings no longer count; 0 where it needs no calibration.
    pub calibrated_until: u64,
    /// In force for epochs that begin at or after this unix second,
    pub from: u64,
    /// … and before this one.
    pub until: u64,
}

impl Device {
    /// Its name.
    #[must_use]
    pub fn kid(&self) -> Kid {
        Kid::of(&self.key)
    }

    /// Whether it holds for an epoch that begins at `begin`.
    #[must_use]
    pub const fn holds(&self, begin: u64) -> bool {
        self.from <= begin && begin < self.until
    }
}

/// A member's badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Badge {
    /// Hash the reader signs.
    pub hash: B256,
    /// Whose it is.
    pub member: MemberId,
    /// Holds for epochs that begin at or after this unix second.
    pub from: u64,
}

impl Terms {
    /// Whose badge this is in an epoch that begins at `begin`: the newest enrolled by each member counts.
    #[must_use]
    pub fn bearer(&self, hash: B256, begin: u64) -> Option<MemberId> {
        let badge = self
            .badges
            .iter()
            .filter(|b| b.hash == hash && b.from <= begin)
            .max_by_key(|b| b.from)?;
        let newest = self
            .badges
            .iter()
            .filter(|b| b.member == badge.member && b.from <= begin);
        (newest.max_by_key(|b| b.from)?.hash == hash).then_some(badge.member)
    }
}

/// A report the chain has accepted, as its event tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The epoch.
    pub epoch: Epoch,
    /// Which attempt landed.
    pub attempt: Attempt,
    /// Its digest: the whole 32 bytes.
    pub digest: B256,
    /// The cut before it, unix seconds.
    pub observed_from: u64,
    /// Its cut, unix seconds.
    pub observed_to: u64,
    /// Its verdict.
    pub verdict: Verdict,
    /// Root of the envelopes used.
    pub envelopes: B256,
    /// The block that accepted it.
    pub block: u64,
    /// Unix second at which its challenge window ends.
    pub window_ends: u64,
    /// Where it stands.
    pub state: ReportState,
}

/// Where an accepted report stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    /// Its window runs, or has ended and nobody has settled it yet.
    Accepted,
    /// Settled.
    Settled,
    /// STALE or CONTESTED: nothing moves.
    Spent,
    /// Nobody settled it in time.
    Lapsed,
}

impl StreamView {
    /// The last accepted report as of block `block`.
    #[must_use]
    pub fn last_at(&self, block: u64) -> Option<&Accepted> {
        self.accepted.iter().rev().find(|report| report.block <= block)
    }

    /// The report of an epoch, if one is accepted.
    #[must_use]
    pub fn report(&self, epoch: Epoch) -> Option<&Accepted> {
        self.accepted.iter().rev().find(|report| report.epoch == epoch)
    }
}

impl ChainView {
    /// The newest block that is believed.
    #[must_use]
    pub fn firm(&self) -> u64 {
        self.head.number.saturating_sub(self.committee.depth)
    }

    /// The epoch of a stream that is due next at block `block`: the one after the last accepted, skipping those whose
    /// time to be accepted has passed (R7, edge cases). It may not have ended yet.
    #[must_use]
    pub fn due(&self, stream: &StreamView, block: u64) -> Epoch {
        let next = stream
            .last_at(block)
            .map_or(stream.first_epoch, |last| last.epoch.next());
        let kind = stream.terms.epochs;
        let oldest = self.head.time.saturating_sub(ACCEPTED_WITHIN);
        if self.calendar.end(kind, next) >= oldest {
            return next;
        }
        // The first epoch that ends at or after `oldest`.
        let at = self.calendar.epoch_at(kind, oldest);
        if self.calendar.begin(kind, at) == oldest && at > next {
            Epoch(at.0 - 1)
        } else {
            at.max(next)
        }
    }
}
