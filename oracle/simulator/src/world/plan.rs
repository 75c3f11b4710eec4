//! What a seed has in store, and the stream it plays on.

use std::collections::BTreeSet;

use alloy_primitives::{B256, keccak256};
use hearth_oracle_core::chain::{self, Badge, Terms};
use hearth_oracle_core::crypto::Crypto;
use hearth_oracle_core::estimators::wood;
use hearth_oracle_core::types::{Epoch, EpochKind, MemberId, SeatId, Seats, SubcontractId};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

use super::{BLOCK, CALENDAR, FIRST, GRACE, TURN, secret};
use crate::device::{Device, Kind};
use crate::liar::Bad;

/// What this seed has in store.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) seats: u8,
    pub(super) epochs: u32,
    pub(super) real: bool,
    pub(super) wood: bool,
    pub(super) bad: Option<(SeatId, Bad)>,
    /// A seat that joins late, and when.
    pub(super) late: Option<(SeatId, u64)>,
    /// Seats without which there is no quorum, and when they are down.
    pub(super) outage: Option<(BTreeSet<SeatId>, u64, u64)>,
    /// One in so many steps that write crashes.
    pub(super) crashes: f64,
    pub(super) loss: f64,
    pub(super) reorgs: f64,
    pub(super) reuses: bool,
    /// Whether somebody carries old seals again and again.
    pub(super) hoards: bool,
    /// Where devices reach only these `f+1` seats while intake is open: what one honest seat keeps must spread.
    pub(super) reach: Option<Vec<BTreeSet<SeatId>>>,
    /// Whether two epochs fall due at once and the first, once believed, is undone and never carried again: what was
    /// signed over it must not land on what takes its place.
    pub(super) twins: bool,
    /// After this everything works.
    pub(super) quiet: u64,
}

impl Plan {
    pub(super) fn draw(seed: u64, rng: &mut ChaCha8Rng) -> Self {
        let seats = if rng.random_bool(0.7) { 4 } else { 7 };
        let epochs = rng.random_range(2..=3);
        let begin = CALENDAR.begin(EpochKind::Day, FIRST);
        let seat = |rng: &mut ChaCha8Rng| SeatId(rng.random_range(0..seats));
        let (mut bad, mut late, mut outage) = (None, None, None);
        match rng.random_range(0..10_u8) {
            0..=4 => bad = Some((seat(rng), Bad::ALL[rng.random_range(0..4)])),
            5 => late = Some((seat(rng), begin + rng.random_range(BLOCK..40 * BLOCK))),
            6..=8 => {
                let from = begin + rng.random_range(10 * BLOCK..30 * BLOCK);
                // Half of them last until two epochs are due at once.
                let to = if rng.random_bool(0.5) {
                    begin + rng.random_range(57 * BLOCK..75 * BLOCK)
                } else {
                    from + rng.random_range(10 * BLOCK..40 * BLOCK)
                };
                let mut down = BTreeSet::new();
                let size = Seats(seats);
                while down.len() < usize::from(seats) - size.quorum() + 1 {
                    down.insert(seat(rng));
                }
                outage = Some((down, from, to));
            }
            _ => {}
        }
        // With seven seats two may fail: a liar and one that joins late.
        if seats == 7 && bad.is_some_and(|(liar, _)| liar != SeatId(0)) && rng.random_bool(0.3) {
            late = Some((SeatId(0), begin + rng.random_range(BLOCK..40 * BLOCK)));
        }
        let twins = bad.is_none() && outage.is_some() && late.is_none() && rng.random_bool(0.3);
        let returns = outage.as_mut().filter(|_| twins).map_or(begin, |(_, _, to)| {
            *to = begin + rng.random_range(57 * BLOCK..66 * BLOCK);
            *to
        });
        let reach = rng.random_bool(0.4).then(|| {
            let reach = Kind::ALL.map(|_| {
                let mut reach = BTreeSet::new();
                reach.extend(bad.filter(|_| rng.random_bool(0.7)).map(|(liar, _)| liar));
                while reach.len() <= Seats(seats).faulty() {
                    reach.insert(seat(rng));
                }
                reach
            });
            reach.to_vec()
        });
        let last = CALENDAR.end(EpochKind::Day, Epoch(FIRST.0 + epochs - 1));
        Self {
            seats,
            epochs,
            real: seed.is_multiple_of(64),
            wood: rng.random_bool(0.4),
            bad,
            late,
            outage,
            crashes: if rng.random_bool(0.8) { 0.02 } else { 0.0 },
            loss: if rng.random_bool(0.8) {
                rng.random_range(0.0..0.15)
            } else {
                0.0
            },
            reorgs: if rng.random_bool(0.7) { 0.3 } else { 0.0 },
            reuses: rng.random_bool(0.12),
            hoards: twins || rng.random_bool(0.5),
            reach,
            twins,
            quiet: (last + (GRACE + rng.random_range(0..5 * TURN)) * BLOCK).max(returns + 24 * BLOCK),
        }
    }
}

pub(super) fn badge(member: MemberId) -> B256 {
    keccak256(member.0.to_be_bytes())
}

/// The stream as the docket states it.
pub(super) fn terms(plan: &Plan, devices: &[Device], crypto: &dyn Crypto) -> Terms {
    let parameters = wood::Parameters {
        tau: 8_000,
        noise: 200,
        drift: 5_000,
        spread: 2_500,
        provider: MemberId(1),
    };
    let device = |device: &Device| chain::Device {
        key: crypto.public(&secret(device.kind.name(), 0)),
        kind: device.kind.name().into(),
        interval: 21_600,
        calibrated_until: 0,
        from: 0,
        until: u64::MAX,
    };
    Terms {
        subcontract: SubcontractId(1),
        epochs: EpochKind::Day,
        estimator: if plan.wood { "wood" } else { "value" }.into(),
        parameters: if plan.wood { parameters.encode() } else { vec![1] },
        model: B256::ZERO,
        devices: devices.iter().map(device).collect(),
        badges: (1..=3)
            .map(MemberId)
            .map(|member| Badge {
                hash: badge(member),
                member,
                from: 0,
            })
            .collect(),
    }
}
