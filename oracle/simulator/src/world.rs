//! The clock, the network and the disks of one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloy_primitives::{Address, B256, keccak256};
use hearth_oracle_core::answer::Outcome;
use hearth_oracle_core::chain::{self, Committee, Domain, ReportState, SeatKeys};
use hearth_oracle_core::crypto::{Crypto, KeyedHash, RealKeys};
use hearth_oracle_core::effect::Event;
use hearth_oracle_core::faults::{Fault, Faults};
use hearth_oracle_core::message::Message;
use hearth_oracle_core::quorum::Sealed;
use hearth_oracle_core::seat::Config;
use hearth_oracle_core::types::{Calendar, Counter, Epoch, EpochKind, Kid, Network, SeatId};
use hearth_oracle_core::verify::{Directory, Verified};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::chain::{Chain, Rules, Tx};
use crate::device::{Device, Kind};
use crate::law::{Breaches, Law};
use crate::node::{Disk, Node};

// A macro is seen only below its definition, so it stands before the rooms.
macro_rules! tell {
    ($world:expr, $($words:tt)*) => {
        if $world.trace.is_some() {
            let line = format!("{:>7} {}", $world.clock(), format_args!($($words)*));
            $world.trace.get_or_insert_default().push(line);
        }
    };
}

mod blocks;
mod edge;
mod plan;
mod seats;
mod wires;

use plan::{Plan, terms};

/// Seconds between blocks: an epoch is 24 of them.
const BLOCK: u64 = 3_600;
/// Blocks of grace; intake closes after half of them.
const GRACE: u64 = 8;
/// Blocks of a turn.
const TURN: u64 = 3;
/// Blocks of the challenge window.
const WINDOW: u64 = 6;
const CALENDAR: Calendar = Calendar { tz: 0, ignition: 0 };
const FIRST: Epoch = Epoch(20_000);
const NETWORK: Network = Network([7; 8]);

/// What became of one seed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    pub(crate) crashes: u64,
    pub(crate) reorgs: u64,
    pub(crate) settled: u64,
    pub(crate) breaches: Breaches,
}

/// What comes next.
#[derive(Debug, Clone)]
enum What {
    Block,
    Reorganise {
        depth: usize,
    },
    Look {
        seat: SeatId,
        life: u32,
    },
    Start {
        seat: SeatId,
    },
    Stop {
        seat: SeatId,
    },
    Sense {
        device: usize,
        pieces: u32,
        tap: bool,
        reuse: bool,
        stumble: bool,
    },
    Envelope {
        seat: SeatId,
        envelope: Verified,
    },
    Answer {
        device: usize,
        seat: SeatId,
        counter: Counter,
        outcome: Outcome,
    },
    Message {
        to: SeatId,
        from: SeatId,
        message: Box<Message>,
    },
    HandedOver {
        to: SeatId,
        from: SeatId,
        raw: Vec<Arc<str>>,
    },
    Own {
        seat: SeatId,
        life: u32,
        event: Box<Event>,
    },
    Tx(Tx),
}

struct World {
    plan: Plan,
    rng: ChaCha8Rng,
    crypto: Arc<dyn Crypto>,
    faults: Faults,
    now: u64,
    queue: BTreeMap<(u64, u64), What>,
    serial: u64,
    chain: Chain,
    directory: Directory,
    nodes: Vec<Node>,
    devices: Vec<Device>,
    /// Envelopes by their text, since many seats verify the same.
    known: BTreeMap<Arc<str>, Verified>,
    /// Whether the last message on a link was lost: no link loses two in a row.
    lossy: BTreeSet<(u8, u8)>,
    /// Every seal that was ever sent.
    hoard: Vec<Sealed>,
    /// Reports that twin histories have undone for good.
    undone: BTreeSet<B256>,
    law: Law,
    life: Life,
    trace: Option<Vec<String>>,
}

/// Plays one seed.
pub(crate) fn live(seed: u64, faults: Faults, tell: bool) -> (Life, Vec<String>) {
    let mut world = World::new(seed, faults, tell);
    world.run();
    world.law.breaches.clone_into(&mut world.life.breaches);
    (world.life, world.trace.unwrap_or_default())
}

fn secret(of: &str, index: u8) -> [u8; 32] {
    keccak256([of.as_bytes(), &[index]].concat()).0
}

impl World {
    fn new(seed: u64, faults: Faults, tell: bool) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let plan = Plan::draw(seed, &mut rng);
        let crypto: Arc<dyn Crypto> = if plan.real {
            Arc::new(RealKeys)
        } else {
            Arc::new(KeyedHash)
        };
        let begin = CALENDAR.begin(EpochKind::Day, FIRST);

        let devices: Vec<Device> = Kind::ALL
            .iter()
            .map(|kind| Device::new(*kind, secret(kind.name(), 0), crypto.as_ref()))
            .collect();
        let terms = terms(&plan, &devices, crypto.as_ref());
        let seats = (0..plan.seats).map(|id| SeatKeys {
            report: crypto.address(&secret("report", id)).expect("a hash is a key"),
            transport: crypto.public(&secret("transport", id)),
        });
        let committee = Committee {
            version: 1,
            seats: seats.collect(),
            grace: GRACE * BLOCK,
            turn: TURN * BLOCK,
            depth: if plan.twins { 2 } else { rng.random_range(2..=3) },
        };
        let rules = Rules {
            domain: Domain {
                chain_id: 31_337,
                docket: Address::repeat_byte(0xd0),
            },
            network: NETWORK,
            calendar: CALENDAR,
            committee: Arc::new(committee),
            terms: Arc::new(terms),
            first_epoch: FIRST,
            window: WINDOW * BLOCK,
            asks_parent: !faults.has(Fault::NoParent),
        };
        let chain = Chain::new(rules, begin);
        let directory = Directory::of(&chain.view(0));
        let nodes = (0..plan.seats)
            .map(|id| Node {
                config: Config {
                    seat: SeatId(id),
                    report: chain.rules.committee.seats[usize::from(id)].report,
                    crypto: crypto.clone(),
                    faults,
                },
                transport: secret("transport", id),
                report: secret("report", id),
                seat: None,
                life: 0,
                disk: Disk::default(),
                lag: 0,
                bad: plan
                    .bad
                    .filter(|(seat, _)| *seat == SeatId(id))
                    .map(|(_, bad)| bad),
            })
            .collect();
        let mut world = Self {
            plan,
            rng,
            crypto,
            faults,
            now: begin,
            queue: BTreeMap::new(),
            serial: 0,
            chain,
            directory,
            nodes,
            devices,
            known: BTreeMap::new(),
            lossy: BTreeSet::new(),
            hoard: Vec::new(),
            undone: BTreeSet::new(),
            law: Law::default(),
            life: Life::default(),
            trace: tell.then(Vec::new),
        };
        tell!(world, "{:?}", world.plan);
        world.lay_out();
        world
    }

    /// Puts what is known beforehand into the queue.
    fn lay_out(&mut self) {
        let begin = self.now;
        self.at(BLOCK, What::Block);
        for id in 0..self.plan.seats {
            let joins = self
                .plan
                .late
                .filter(|(seat, _)| seat.0 == id)
                .map_or(begin, |(_, at)| at);
            self.at(joins - begin, What::Start { seat: SeatId(id) });
        }
        if let Some((down, from, to)) = self.plan.outage.clone() {
            for seat in down {
                self.at(from - begin, What::Stop { seat });
                self.at(to - begin, What::Start { seat });
            }
        }
        let mut pieces = 50;
        let sense = |device, pieces, tap| What::Sense {
            device,
            pieces,
            tap,
            reuse: false,
            stumble: false,
        };
        for day in 0..u64::from(self.plan.epochs) {
            let start = day * 86_400;
            // Beats keep coverage up: a silence of half a day is one.
            for part in 0..6 {
                for device in 0..3 {
                    // Now and then in the very second in which one epoch ends and the next begins.
                    let at = if part == 0 && self.rng.random_bool(0.2) {
                        start
                    } else {
                        start + part * 14_400 + self.rng.random_range(600..7_200)
                    };
                    let mut what = sense(device, pieces, false);
                    if let What::Sense { reuse, stumble, .. } = &mut what {
                        *reuse = self.plan.reuses && day > 0 && self.rng.random_bool(0.05);
                        *stumble = self.rng.random_bool(0.1);
                    }
                    self.at(at, what);
                }
            }
            // Wood is taken a few times, now and then within the last ten minutes.
            for _ in 0..3 {
                let at = if self.rng.random_bool(0.3) {
                    start + 86_400 - self.rng.random_range(10..700)
                } else {
                    start + self.rng.random_range(0..86_000)
                };
                pieces -= self.rng.random_range(1..=4);
                if self.rng.random_bool(0.8) {
                    self.at(at, sense(2, pieces, true));
                }
                self.at(at + 5, sense(0, pieces, false));
                self.at(at + 8, sense(1, pieces, false));
            }
        }
    }

    /// Seconds since the first epoch began.
    fn clock(&self) -> u64 {
        self.now - CALENDAR.begin(EpochKind::Day, FIRST)
    }

    fn at(&mut self, later: u64, what: What) {
        self.serial += 1;
        self.queue.insert((self.now + later, self.serial), what);
    }

    fn quiet(&self) -> bool {
        self.now >= self.plan.quiet
    }

    /// The last blocks of an exchange, in which seats that are up can reach each other: what step 2 of docs/agreement.md rests on.
    fn calm(&self) -> bool {
        let into = (self.now - CALENDAR.begin(EpochKind::Day, FIRST)) % 86_400;
        ((GRACE - 3) * BLOCK..GRACE * BLOCK).contains(&into)
    }

    /// The hours after intake has closed for the day before, also for a seat whose view lags.
    fn after_intake(&self) -> bool {
        let into = (self.now - CALENDAR.begin(EpochKind::Day, FIRST)) % 86_400;
        ((GRACE / 2 + 2) * BLOCK..(GRACE + 4) * BLOCK).contains(&into)
    }

    fn run(&mut self) {
        let limit = self.plan.quiet
            + (u64::from(self.plan.epochs) * 2 * u64::from(self.plan.seats) * TURN + WINDOW + 40) * BLOCK;
        while let Some(((time, _), what)) = self.queue.pop_first() {
            self.now = time;
            if self.law.breaches.any() || self.now > limit || self.done() && matches!(what, What::Block) {
                break;
            }
            self.play(what);
        }
        let reused = self.reused();
        let accepted = self.chain.accepted().to_vec();
        let over = |report: &chain::Accepted| report.state != ReportState::Accepted;
        self.life.settled = accepted.iter().filter(|report| over(report)).count() as u64;
        self.law.sum_up(&accepted, &reused);
        if !self.law.breaches.any() && !self.done() {
            let waiting: Vec<_> = self.devices.iter().flat_map(Device::waits).collect();
            let words = format!(
                "after the faults {} epochs are over, waiting: {waiting:?}",
                self.life.settled
            );
            self.law.stuck(words);
        }
        if let Some(words) = self.law.breaches.first.clone() {
            tell!(self, "BREACH {words}");
        }
    }

    /// Whether all epochs are over at depth, and the devices have let go of everything.
    fn done(&self) -> bool {
        let over = |report: &&chain::Accepted| report.state != ReportState::Accepted;
        self.quiet()
            && self.chain.accepted().iter().filter(over).count() >= self.plan.epochs as usize
            && self.devices.iter().all(|device| device.waits().next().is_none())
    }

    fn reused(&self) -> BTreeMap<Kid, Counter> {
        self.devices
            .iter()
            .filter_map(|device| device.reused.map(|first| (device.kid, first)))
            .collect()
    }

    fn play(&mut self, what: What) {
        match what {
            What::Block => self.block(),
            What::Reorganise { depth } => self.reorganise(depth),
            What::Look { seat, life } => {
                if self.nodes[usize::from(seat.0)].life == life {
                    let entropy = B256::from(self.rng.random::<[u8; 32]>());
                    self.step(seat, Event::Head { entropy });
                    self.mischief(seat);
                }
            }
            What::Start { seat } => self.start(seat),
            What::Stop { seat } => {
                tell!(self, "seat {seat} goes down for long");
                self.nodes[usize::from(seat.0)].crash();
            }
            What::Sense {
                device,
                pieces,
                tap,
                reuse,
                stumble,
            } => self.sense(device, pieces, tap, reuse, stumble),
            What::Envelope { seat, envelope } => self.receive(seat, envelope),
            What::Answer {
                device,
                seat,
                counter,
                outcome,
            } => self.answer(device, seat, counter, outcome),
            What::Message { to, from, message } => self.hear(to, from, *message),
            What::HandedOver { to, from, raw } => {
                let envelopes: Vec<Verified> = raw.iter().filter_map(|raw| self.verified(raw)).collect();
                self.step(to, Event::HandedOver { from, envelopes });
            }
            What::Own { seat, life, event } => {
                if self.nodes[usize::from(seat.0)].life == life {
                    self.step(seat, *event);
                }
            }
            What::Tx(Tx::Submit(sealed)) if self.undone.contains(&sealed.digest()) => {}
            What::Tx(tx) => self.chain.pool.push(tx),
        }
    }
}
