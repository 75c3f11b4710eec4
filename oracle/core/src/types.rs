//! Names and units shared by all stages.
//!
//! Everything here is a newtype or a small value: ids cannot be mixed up, times are unix seconds of the chain, and
//! the calendar is R0's.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numbered!(
    /// A subcontract's number in the charter's register, from 1 (R5).
    SubcontractId(u16)
);
numbered!(
    /// A stream's number in the docket, from 1 (R7.1). A stream feeds exactly one subcontract.
    StreamId(u16)
);
numbered!(
    /// The day, week or period a report speaks of (R0); 24 bits on chain.
    Epoch(u32)
);
numbered!(
    /// The number of a turn within one epoch's agreement, from 0.
    Attempt(u16)
);
numbered!(
    /// A seat's number in the committee, from 0 to n-1 (R7.4).
    SeatId(u8)
);
numbered!(
    /// A member's number in the roster, from 1 (R4).
    MemberId(u16)
);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 8]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedName;

            /// Exactly 16 lower-case hex digits: one spelling, so that equal names are equal bytes.
            fn from_str(text: &str) -> Result<Self, MalformedName> {
                let mut bytes = [0; 8];
                let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                if !lower || hex::decode_to_slice(text, &mut bytes).is_err() {
                    return Err(MalformedName { given: text.chars().take(32).collect() });
                }
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

named!(
    /// A device's name: the first 8 bytes of its Ed25519 public key.
    Kid
);
named!(
    /// A polity's name in topics and signatures: the first 8 bytes of `keccak256(abi.encode(chain id, charter))`.
    Network
);

/// A name that is not 16 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a name: write exactly 16 lower-case hex digits")]
pub struct MalformedName {
    given: String,
}

impl Kid {
    /// The name of the device that holds this public key.
    #[must_use]
    pub fn of(key: &[u8; 32]) -> Self {
        let mut name = [0; 8];
        name.copy_from_slice(&key[..8]);
        Self(name)
    }
}

impl Network {
    /// The name of the polity founded as `charter` on chain `chain_id`.
    #[must_use]
    pub fn of(chain_id: u64, charter: Address) -> Self {
        let hash = keccak256((alloy_primitives::U256::from(chain_id), charter).abi_encode());
        let mut name = [0; 8];
        name.copy_from_slice(&hash[..8]);
        Self(name)
    }
}

/// What an envelope is known by: `keccak256(keccak256(raw bytes))`, its leaf in the envelope root.
pub type Leaf = B256;

/// A device's counter: boot in the high half, sequence in the low (R7.2). It only rises at the device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counter(pub u64);

impl Counter {
    /// The counter of sequence `seq` in boot `boot`.
    #[must_use]
    pub const fn new(boot: u32, seq: u32) -> Self {
        Self(((boot as u64) << 32) | seq as u64)
    }

    /// How often the device had started.
    #[must_use]
    pub const fn boot(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The sequence within that boot.
    #[must_use]
    pub const fn seq(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.boot(), self.seq())
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.boot(), self.seq())
    }
}

/// How long an epoch of a stream is (R0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpochKind {
    /// A local day.
    Day,
    /// A local week, from Monday.
    Week,
    /// 30 days from ignition.
    Period,
}

/// Days, weeks and periods as R0 counts them, and as `contracts/types/Calendar.sol` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Signed offset of local time from UTC, seconds, within a day; no daylight saving.
    pub tz: i32,
    /// `t0`, the unix second of ignition.
    pub ignition: u64,
}

const DAY: u64 = 86_400;
const PERIOD: u64 = 30 * DAY;

impl Calendar {
    /// The local day of unix second `t`.
    #[must_use]
    pub const fn day(&self, t: u64) -> u64 {
        t.saturating_add_signed(self.tz as i64) / DAY
    }

    /// The epoch of the given kind in which `t` lies.
    #[must_use]
    pub fn epoch_at(&self, kind: EpochKind, t: u64) -> Epoch {
        let number = match kind {
            EpochKind::Day => self.day(t),
            EpochKind::Week => (self.day(t) + 3) / 7,
            EpochKind::Period => t.saturating_sub(self.ignition) / PERIOD,
        };
        // Chain times fit 40 bits; a later one names the last epoch there is.
        Epoch(u32::try_from(number).unwrap_or(u32::MAX >> 8).min(u32::MAX >> 8))
    }

    /// The epoch whose span holds an envelope of time `t`. A span lies after the cut before, so at its longest after its
    /// epoch's begin, up to and with its end (R7.2, R7.3): the second in which two epochs meet is the earlier one's.
    #[must_use]
    pub fn span_at(&self, kind: EpochKind, t: u64) -> Epoch {
        self.epoch_at(kind, t.saturating_sub(1))
    }

    /// The unix second at which the epoch begins.
    #[must_use]
    pub const fn begin(&self, kind: EpochKind, epoch: Epoch) -> u64 {
        let number = epoch.0 as u64;
        match kind {
            EpochKind::Day => (number * DAY).saturating_add_signed(-(self.tz as i64)),
            EpochKind::Week => {
                ((number * 7).saturating_sub(3) * DAY).saturating_add_signed(-(self.tz as i64))
            }
            EpochKind::Period => self.ignition + number * PERIOD,
        }
    }

    /// The unix second at which the epoch ends: the beginning of the next.
    #[must_use]
    pub const fn end(&self, kind: EpochKind, epoch: Epoch) -> u64 {
        self.begin(kind, epoch.next())
    }
}

/// The arithmetic of `n` seats (R7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seats(pub u8);

impl Seats {
    /// Seats that may be bad without harm: `floor((n-1)/3)`.
    #[must_use]
    pub const fn faulty(self) -> usize {
        (self.0.saturating_sub(1) / 3) as usize
    }

    /// Signatures that seal a report: `floor(2n/3) + 1`.
    #[must_use]
    pub const fn quorum(self) -> usize {
        2 * self.0 as usize / 3 + 1
    }

    /// The seat whose turn `turn` of `epoch` is: `(epoch + turn) mod n`.
    #[must_use]
    pub const fn turn(self, epoch: Epoch, turn: u64) -> SeatId {
        SeatId(((epoch.0 as u64 + turn) % self.0 as u64) as u8)
    }
}

/// What a report says of its own worth (R7.5); only `Ok` moves anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The payload holds.
    Ok,
    /// Too little was heard.
    Stale,
    /// The sensors contradict each other, or the stock does not add up.
    Contested,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r7_4_quorums_of_the_named_sizes() {
        for (n, f, q) in [(4, 1, 3), (5, 1, 4), (7, 2, 5), (13, 4, 9), (31, 10, 21)] {
            assert_eq!((Seats(n).faulty(), Seats(n).quorum()), (f, q), "n = {n}");
        }
    }

    #[test]
    fn r0_weeks_start_on_monday_local_time() {
        let calendar = Calendar {
            tz: 3600,
            ignition: 0,
        };
        // Sunday 2026-01-04 23:00:00 UTC is Monday 00:00 local.
        let monday = 1_767_567_600;
        let week = calendar.epoch_at(EpochKind::Week, monday);
        assert_eq!(calendar.epoch_at(EpochKind::Week, monday - 1).next(), week);
        assert_eq!(calendar.begin(EpochKind::Week, week), monday);
        assert_eq!(calendar.end(EpochKind::Week, week), monday + 7 * DAY);
    }

    #[test]
    fn r7_3_the_second_in_which_two_epochs_meet_is_in_the_earlier_ones_span() {
        let calendar = Calendar {
            tz: -7_200,
            ignition: 1_700_000_000,
        };
        for kind in [EpochKind::Day, EpochKind::Week, EpochKind::Period] {
            let epoch = calendar.epoch_at(kind, 1_767_567_600);
            let (begin, end) = (calendar.begin(kind, epoch), calendar.end(kind, epoch));
            assert_eq!(calendar.span_at(kind, begin).next(), epoch, "{kind:?}");
            assert_eq!(calendar.span_at(kind, begin + 1), epoch, "{kind:?}");
            assert_eq!(calendar.span_at(kind, end), epoch, "{kind:?}");
        }
    }

    #[test]
    fn a_networks_name_is_bound_to_chain_and_charter() {
        let charter = Address::repeat_byte(0x11);
        let mut encoded = [0; 64];
        encoded[30..32].copy_from_slice(&31_337_u16.to_be_bytes());
        encoded[44..].copy_from_slice(charter.as_slice());

        let name = Network::of(31_337, charter);

        assert_eq!(name.to_string(), hex::encode(&keccak256(encoded)[..8]));
        assert_ne!(name, Network::of(1, charter));
        assert_ne!(name, Network::of(31_337, Address::repeat_byte(0x12)));
    }

    #[test]
    fn names_have_one_spelling() {
        assert!("00112233aabbccdd".parse::<Kid>().is_ok());
        for wrong in [
            "00112233AABBCCDD",
            "00112233aabbccd",
            "00112233aabbccdd0",
            "0x112233aabbccdd",
            "",
        ] {
            assert!(wrong.parse::<Kid>().is_err(), "{wrong}");
        }
    }
}
