//! The clock, the network and the disks of one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloy_primitives::{Address, B256, keccak256};
use hearth_oracle_core::answer::{Outcome, Release};
use hearth_oracle_core::chain::{self, Badge, Committee, Domain, ReportState, SeatKeys, Terms};
use hearth_oracle_core::crypto::{Crypto, KeyedHash, RealKeys};
use hearth_oracle_core::effect::{Effect, Event};
use hearth_oracle_core::estimators::wood;
use hearth_oracle_core::faults::{Fault, Faults};
use hearth_oracle_core::message::{self, Attestation, Heard, Message};
use hearth_oracle_core::quorum::Sealed;
use hearth_oracle_core::seat::{Config, step};
use hearth_oracle_core::types::{
    Calendar, Counter, Epoch, EpochKind, Kid, MemberId, Network, SeatId, Seats, SubcontractId,
};
use hearth_oracle_core::verify::{Directory, Held, Verified, verify};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::chain::{Chain, Rules, STREAM, Tx};
use crate::device::{Device, Kind, Pile, Senses};
use crate::law::{Breaches, Law};
use crate::liar::{Bad, OTHER_SEED};
use crate::node::{Disk, Node};

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

/// What this seed has in store.
#[derive(Debug)]
struct Plan {
    seats: u8,
    epochs: u32,
    real: bool,
    wood: bool,
    bad: Option<(SeatId, Bad)>,
    /// A seat that joins late, and when.
    late: Option<(SeatId, u64)>,
    /// Seats without which there is no quorum, and when they are down.
    outage: Option<(BTreeSet<SeatId>, u64, u64)>,
    /// One in so many steps that write crashes.
    crashes: f64,
    loss: f64,
    reorgs: f64,
    reuses: bool,
    /// Whether somebody carries old seals again and again.
    hoards: bool,
    /// Where devices reach only these `f+1` seats while intake is open: what one honest seat keeps must spread.
    reach: Option<Vec<BTreeSet<SeatId>>>,
    /// Whether two epochs fall due at once and the first, once believed, is undone and never carried again: what was
    /// signed over it must not land on what takes its place.
    twins: bool,
    /// After this everything works.
    quiet: u64,
}

impl Plan {
    fn draw(seed: u64, rng: &mut ChaCha8Rng) -> Self {
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

macro_rules! tell {
    ($world:expr, $($words:tt)*) => {
        if let Some(trace) = &mut $world.trace {
            trace.push(format!("{:>7} {}", ($world.now - CALENDAR.begin(EpochKind::Day, FIRST)), format_args!($($words)*)));
        }
    };
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
                    let at = start + part * 14_400 + self.rng.random_range(600..7_200);
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

    fn at(&mut self, later: u64, what: What) {
        self.serial += 1;
        self.queue.insert((self.now + later, self.serial), what);
    }

    fn quiet(&self) -> bool {
        self.now >= self.plan.quiet
    }

    /// The last blocks of an exchange, in which seats that are up can reach each other: what agreement 2 rests on.
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

    fn start(&mut self, seat: SeatId) {
        // A seat in an outage is not brought back by the end of a crash.
        let away = self
            .plan
            .outage
            .as_ref()
            .is_some_and(|(down, from, to)| down.contains(&seat) && (*from..*to).contains(&self.now));
        let node = &mut self.nodes[usize::from(seat.0)];
        if node.seat.is_some() || away {
            return;
        }
        let view = self.chain.view(node.lag);
        node.start(&view);
        let life = node.life;
        tell!(self, "seat {seat} starts");
        self.at(1, What::Look { seat, life });
    }

    fn block(&mut self) {
        self.at(BLOCK, What::Block);
        let held_back: Vec<Tx> = {
            let quiet = self.quiet();
            let pool = std::mem::take(&mut self.chain.pool);
            let (now, later) = pool.into_iter().partition(|_| quiet || self.rng.random_bool(0.8));
            self.chain.pool = now;
            later
        };
        self.mine(self.now);
        self.chain.pool.extend(held_back);
        // Reorganisations like best the moments after something was accepted, and just deep enough to undo it.
        let since = self
            .chain
            .accepted()
            .last()
            .map_or(u64::MAX, |r| self.head_number() - r.block);
        let likely = if since <= 3 {
            self.plan.reorgs
        } else {
            self.plan.reorgs / 8.0
        };
        if self.plan.twins {
            // Late in the block, so that the next epoch's seal is made over what is about to go.
            if since == 2 && self.undone.is_empty() && self.chain.rules.committee.depth == 2 {
                let later = self.rng.random_range(BLOCK * 3 / 4..BLOCK - 1);
                self.at(later, What::Reorganise { depth: 3 });
            }
        } else if !self.quiet() && likely > 0.0 && self.rng.random_bool(likely) {
            let enough = usize::try_from(since).unwrap_or(3).saturating_add(1).min(3);
            let depth = if self.rng.random_bool(0.6) {
                enough
            } else {
                self.rng.random_range(1..=3)
            };
            let later = self.rng.random_range(1..BLOCK - 1);
            self.at(later, What::Reorganise { depth });
        }
        // Anyone may carry a seal, also an old one.
        if self.plan.twins {
            let fresh = self
                .hoard
                .iter()
                .filter(|sealed| !self.undone.contains(&sealed.digest()));
            self.chain
                .pool
                .extend(fresh.cloned().map(|sealed| Tx::Submit(Box::new(sealed))));
        } else if self.plan.hoards && !self.hoard.is_empty() && self.rng.random_bool(0.5) {
            let old = self.hoard[self.rng.random_range(0..self.hoard.len())].clone();
            self.chain.pool.push(Tx::Submit(Box::new(old)));
        }
        for id in 0..self.plan.seats {
            let lag = if self.quiet() || self.plan.twins {
                0
            } else {
                self.rng.random_range(0..=2)
            };
            let node = &mut self.nodes[usize::from(id)];
            node.lag = lag;
            let (seat, life) = (SeatId(id), node.life);
            let later = self.rng.random_range(1..300);
            self.at(later, What::Look { seat, life });
        }
        for device in 0..self.devices.len() {
            self.send(device);
        }
    }

    fn head_number(&self) -> u64 {
        self.chain.view(0).head.number
    }

    fn mine(&mut self, time: u64) {
        let before = self.chain.accepted().to_vec();
        let changed = self.chain.mine(time, self.crypto.as_ref());
        let reused = self.reused();
        for (index, sealed) in changed.accepted.iter().enumerate() {
            let accepted = self.chain.accepted().to_vec();
            let report = &accepted[before.len() + index];
            tell!(
                self,
                "accepted epoch {} attempt {} {:?} {}..{} by {:?}",
                report.epoch,
                report.attempt,
                report.verdict,
                report.observed_from,
                report.observed_to,
                sealed.signers().map(|s| s.0).collect::<Vec<_>>()
            );
            self.law
                .accepted(report, &accepted[..before.len() + index], &reused);
        }
        for epoch in changed.settled {
            tell!(self, "settled epoch {epoch}");
        }
    }

    fn reorganise(&mut self, depth: usize) {
        let depth = depth.min(self.chain.blocks.len() - 1);
        self.life.reorgs += 1;
        tell!(self, "reorganisation of depth {depth}");
        let times: Vec<u64> = self.chain.blocks[self.chain.blocks.len() - depth..]
            .iter()
            .map(|b| b.view.head.time)
            .collect();
        let before: Vec<B256> = self.chain.accepted().iter().map(|report| report.digest).collect();
        let rng = &mut self.rng;
        self.chain.reorganise(depth, || rng.random_bool(0.5));
        let mut pool = std::mem::take(&mut self.chain.pool);
        if self.plan.twins {
            self.undone
                .extend(before.iter().skip(self.chain.accepted().len()));
            pool.clear();
        }
        for (index, time) in times.iter().enumerate() {
            // What was undone comes back in other blocks, or not at all.
            if index + 1 == times.len() || self.rng.random_bool(0.3) {
                let cut = self.rng.random_range(0..=pool.len());
                self.chain.pool.extend(pool.drain(..cut));
            }
            self.mine(*time);
        }
        self.chain.pool.extend(pool);
    }

    /* DEVICES */

    fn sense(&mut self, index: usize, pieces: u32, tap: bool, reuse: bool, stumble: bool) {
        let senses = Senses {
            network: NETWORK,
            directory: &self.directory,
            crypto: self.crypto.as_ref(),
        };
        let device = &mut self.devices[index];
        if stumble {
            device.stumble(&mut self.rng);
        }
        let hash = badge(MemberId(2 + u16::from(self.rng.random_bool(0.5))));
        let hash = format!("{hash:x}");
        let made = device.sense(self.now, Pile { pieces }, tap.then_some(hash.as_str()), &senses);
        let twin = reuse.then(|| device.reuse(&senses)).flatten();
        self.law.made(made.held().leaf);
        self.known.insert(made.raw().clone(), made.clone());
        tell!(
            self,
            "{} senses {}",
            self.devices[index].kind.name(),
            made.held().counter
        );
        if let Some(twin) = twin {
            tell!(
                self,
                "{} reuses {}",
                self.devices[index].kind.name(),
                twin.held().counter
            );
            self.law.reused(made.held(), twin.held());
            self.known.insert(twin.raw().clone(), twin);
        }
        self.send(index);
    }

    /// Sends what is pending to whoever has not answered for good, oldest first.
    fn send(&mut self, index: usize) {
        let mut out = Vec::new();
        let device = &self.devices[index];
        for (counter, pending) in &device.pending {
            for id in 0..self.plan.seats {
                let near = self
                    .plan
                    .reach
                    .as_ref()
                    .is_none_or(|reach| reach[index].contains(&SeatId(id)));
                if (near || self.quiet() || self.after_intake())
                    && pending.answers.get(&SeatId(id)) != Some(&Outcome::Kept)
                {
                    let twin = device.twin.get(counter).filter(|_| id % 2 == 1);
                    out.push((SeatId(id), twin.unwrap_or(&pending.envelope).clone()));
                }
            }
        }
        for (seat, envelope) in out {
            for later in self.fate(100 + index as u8, seat.0) {
                self.at(
                    later,
                    What::Envelope {
                        seat,
                        envelope: envelope.clone(),
                    },
                );
            }
        }
    }

    fn receive(&mut self, seat: SeatId, envelope: Verified) {
        let node = &self.nodes[usize::from(seat.0)];
        if node.seat.is_none() {
            return;
        }
        let held = *envelope.held();
        if node.bad.is_some_and(|bad| bad.pretends(&mut self.rng)) {
            return self.carry_answer(seat, held.kid, held.counter, Outcome::Kept);
        }
        let envelope = if self.plan.real {
            match self.verified(&envelope.raw().clone()) {
                Some(verified) => verified,
                None => return,
            }
        } else {
            envelope
        };
        self.step(
            seat,
            Event::Received {
                envelope,
                wall: self.now,
            },
        );
    }

    fn verified(&mut self, raw: &Arc<str>) -> Option<Verified> {
        if self.plan.real {
            return verify(raw.as_bytes(), &self.directory, self.crypto.as_ref()).ok();
        }
        self.known.get(raw).cloned()
    }

    fn carry_answer(&mut self, seat: SeatId, kid: Kid, counter: Counter, outcome: Outcome) {
        let Some(device) = self.devices.iter().position(|device| device.kid == kid) else {
            return;
        };
        for later in self.fate(seat.0, 100 + device as u8) {
            self.at(
                later,
                What::Answer {
                    device,
                    seat,
                    counter,
                    outcome,
                },
            );
        }
    }

    fn answer(&mut self, index: usize, seat: SeatId, counter: Counter, outcome: Outcome) {
        let seats = Seats(self.plan.seats);
        let one = self.faults.has(Fault::OneKeptIsEnough);
        let reused = self.reused();
        let Some((release, envelope)) = self.devices[index].answered(seat, counter, outcome, seats, one)
        else {
            return;
        };
        tell!(
            self,
            "{} lets go of {counter} as {release:?}",
            self.devices[index].kind.name()
        );
        if release == Release::Kept {
            let accepted = self.chain.accepted().to_vec();
            self.law.kept(envelope.held(), &accepted, &reused);
        }
    }

    /* SEATS */

    fn hear(&mut self, to: SeatId, from: SeatId, message: Message) {
        if self.nodes[usize::from(to.0)].bad == Some(Bad::Liar)
            && let Message::Proposal(proposal) = &message
        {
            // A liar signs whatever it is shown.
            let (key, digest) = (proposal.key(), proposal.report.digest(&self.chain.rules.domain));
            let secret = self.nodes[usize::from(to.0)].report;
            if let Some(signature) = self.crypto.attest(&secret, &digest) {
                let attestation = Attestation {
                    key,
                    digest,
                    signature: signature.into(),
                };
                self.post(to, from, Message::Attestation(attestation));
            }
        }
        let heard = if self.plan.real {
            let address = message::Envelope {
                net: NETWORK,
                from,
                to,
                time: self.now,
            };
            let secret = self.nodes[usize::from(from.0)].transport;
            let text = message::close(address, &message, &secret, self.crypto.as_ref());
            let committee = &self.chain.rules.committee;
            message::open(text.as_bytes(), NETWORK, to, committee, self.crypto.as_ref())
                .expect("what a seat closes its peer opens")
        } else {
            Heard::simulated(from, message)
        };
        self.step(to, Event::Heard(heard));
    }

    /// An equivocator slips what it holds to a single seat, whenever it likes.
    fn mischief(&mut self, seat: SeatId) {
        let node = &self.nodes[usize::from(seat.0)];
        if node.bad != Some(Bad::Equivocator) || node.disk.raws.is_empty() || !self.rng.random_bool(0.3) {
            return;
        }
        let pick = self.rng.random_range(0..node.disk.raws.len());
        let raw: Vec<Arc<str>> = node.disk.raws.values().skip(pick).take(2).cloned().collect();
        let to = SeatId(self.rng.random_range(0..self.plan.seats));
        if to != seat {
            self.at(1, What::HandedOver { to, from: seat, raw });
        }
    }

    fn step(&mut self, id: SeatId, event: Event) {
        let node = &mut self.nodes[usize::from(id.0)];
        let Some(seat) = node.seat.as_mut() else { return };
        let view = self.chain.view(node.lag);
        let mut effects = step(seat, event, &view);
        if let Some(bad) = node.bad {
            effects = effects
                .into_iter()
                .filter_map(|effect| bad.bend(effect, &mut self.rng))
                .collect();
        }
        for effect in &mut effects {
            if let Effect::Send {
                message: Message::Proposal(proposal),
                ..
            } = effect
            {
                if proposal.seed == OTHER_SEED
                    && let Some(payload) = self.law.payload(proposal.report.envelopes, OTHER_SEED)
                {
                    proposal.report.payload = payload;
                }
                self.law
                    .proposed(proposal.report.digest(&self.chain.rules.domain), proposal);
            }
        }
        let crash_at = self.crash_at(&effects);
        for (index, effect) in effects.into_iter().enumerate() {
            if crash_at == Some(index) {
                break;
            }
            self.carry_out(id, effect);
        }
        if crash_at.is_some() {
            self.life.crashes += 1;
            tell!(self, "seat {id} crashes");
            self.nodes[usize::from(id.0)].crash();
            let later = self.rng.random_range(10..BLOCK / 2);
            self.at(later, What::Start { seat: id });
        }
    }

    /// Before which effect the seat crashes, if it does: best where something has just been said or written.
    fn crash_at(&mut self, effects: &[Effect]) -> Option<usize> {
        if self.quiet() || self.calm() || self.plan.crashes == 0.0 || effects.is_empty() {
            return None;
        }
        let weighs = |effect: &Effect| match effect {
            Effect::Sign(_) => 5.0,
            Effect::Persist(_) => 1.0,
            _ => 0.05,
        };
        let weight = effects.iter().map(weighs).fold(0.0, f64::max);
        if !self.rng.random_bool(self.plan.crashes * weight) {
            return None;
        }
        let touchy: Vec<usize> = (1..effects.len())
            .filter(|at| {
                matches!(
                    effects[at - 1],
                    Effect::Persist(_) | Effect::Sign(_) | Effect::Answer { .. }
                )
            })
            .collect();
        if touchy.is_empty() || self.rng.random_bool(0.3) {
            return Some(self.rng.random_range(0..=effects.len()));
        }
        Some(touchy[self.rng.random_range(0..touchy.len())])
    }

    /// The law looks at an honest *late*.
    fn late_answer(&mut self, id: SeatId, kid: Kid, counter: Counter) {
        let Some(device) = self.devices.iter().find(|device| device.kid == kid) else {
            return;
        };
        let Some(pending) = device.pending.get(&counter) else {
            return;
        };
        let held = *pending.envelope.held();
        let epoch = CALENDAR.epoch_at(EpochKind::Day, held.time);
        let closes = CALENDAR.end(EpochKind::Day, epoch) + GRACE / 2 * BLOCK;
        let excused = device.reused.is_some_and(|first| counter >= first);
        self.law.says_late(id, &held, self.now, closes, excused);
    }

    /* NETWORK */

    /// When a message arrives, if at all, and how often. No link loses two in a row.
    fn fate(&mut self, from: u8, to: u8) -> Vec<u64> {
        if self.quiet() || self.calm() || self.plan.twins {
            return vec![self.rng.random_range(1..if self.plan.twins { 300 } else { 600 })];
        }
        if self.plan.loss > 0.0 && !self.lossy.remove(&(from, to)) && self.rng.random_bool(self.plan.loss) {
            self.lossy.insert((from, to));
            return Vec::new();
        }
        let copies = if self.rng.random_bool(0.03) { 2 } else { 1 };
        (0..copies)
            .map(|_| {
                let late = self.rng.random_bool(0.1);
                self.rng.random_range(1..if late { 2 * BLOCK } else { 900 })
            })
            .collect()
    }

    fn post(&mut self, from: SeatId, to: SeatId, message: Message) {
        for later in self.fate(from.0, to.0) {
            self.at(
                later,
                What::Message {
                    to,
                    from,
                    message: Box::new(message.clone()),
                },
            );
        }
    }

    fn carry(&mut self, tx: Tx) {
        if matches!(&tx, Tx::Submit(sealed) if self.undone.contains(&sealed.digest())) {
            return;
        }
        if self.quiet() || self.rng.random_bool(0.9) {
            let later = self.rng.random_range(1..BLOCK);
            self.at(later, What::Tx(tx));
        }
    }

    fn carry_out(&mut self, id: SeatId, effect: Effect) {
        let node = &mut self.nodes[usize::from(id.0)];
        let (life, honest) = (node.life, node.bad.is_none());
        match effect {
            Effect::Persist(record) => node.disk.write(record),
            Effect::Answer {
                kid,
                counter,
                outcome,
            } => {
                if outcome == Outcome::Late && honest {
                    self.late_answer(id, kid, counter);
                }
                self.carry_answer(id, kid, counter, outcome);
            }
            Effect::Send { to, message } => self.post(id, to, message),
            Effect::HandOver { to, envelopes } => {
                let raws = &node.disk.raws;
                let raw: Vec<Arc<str>> = envelopes
                    .iter()
                    .filter_map(|held| raws.get(&held.leaf))
                    .cloned()
                    .collect();
                for later in self.fate(id.0, to.0) {
                    self.at(
                        later,
                        What::HandedOver {
                            to,
                            from: id,
                            raw: raw.clone(),
                        },
                    );
                }
            }
            Effect::Evaluate(task) => {
                let raws = &node.disk.raws;
                let evaluated = if self.plan.real {
                    task.run(|held: &Held| raws.get(&held.leaf).cloned())
                } else {
                    task.run_verified(|held| {
                        raws.get(&held.leaf).and_then(|raw| self.known.get(raw)).cloned()
                    })
                };
                let evaluated = evaluated.expect("a seat asks only for what is on its disk");
                tell!(self, "seat {id} estimates epoch {}", evaluated.task().epoch());
                self.law.computed(&evaluated, honest);
                let event = Box::new(Event::Evaluated(Box::new(evaluated)));
                let later = self.rng.random_range(1..600);
                self.at(
                    later,
                    What::Own {
                        seat: id,
                        life,
                        event,
                    },
                );
            }
            Effect::Sign(permit) => {
                if honest {
                    tell!(self, "seat {id} signs {:?} {}", permit.key(), permit.digest());
                    let node = &self.nodes[usize::from(id.0)];
                    let view = self.chain.view(node.lag);
                    let parent = view.streams[&STREAM].last_at(view.firm()).map(|last| last.digest);
                    self.law.signs(id, &permit, parent);
                }
                let node = &self.nodes[usize::from(id.0)];
                let Some(signature) = self.crypto.attest(&node.report, &permit.digest()) else {
                    return;
                };
                let (key, digest) = (permit.key(), permit.digest());
                let event = Event::Signed(Attestation {
                    key,
                    digest,
                    signature: signature.into(),
                });
                let later = self.rng.random_range(1..60);
                self.at(
                    later,
                    What::Own {
                        seat: id,
                        life,
                        event: Box::new(event),
                    },
                );
            }
            Effect::Submit(sealed) => {
                if self.hoard.iter().all(|known| known.digest() != sealed.digest()) {
                    self.hoard.push((*sealed).clone());
                }
                self.carry(Tx::Submit(sealed));
            }
            Effect::Settle { epoch, .. } => self.carry(Tx::Settle(epoch)),
            Effect::Forget { .. } => {}
            Effect::Note(notice) => tell!(self, "seat {id} notes {notice:?}"),
        }
    }
}

fn badge(member: MemberId) -> B256 {
    keccak256(member.0.to_be_bytes())
}

fn terms(plan: &Plan, devices: &[Device], crypto: &dyn Crypto) -> Terms {
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
