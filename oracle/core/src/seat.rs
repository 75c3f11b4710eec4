//! One seat: its state, and [`step`], the one function that changes it.
//!
//! *In*: an [`Event`] and the [`ChainView`]. *Out*: ordered [`Effect`]s. *Refuses*: by notices, never by stopping.
//! *Never*: a clock (time is the chain's), a disk, a socket, a key, or a memory of what the chain has settled.
//!
//! - [`intake`] answers devices and takes what peers hand over (steps 1 and 2 of docs/agreement.md).
//! - [`exchange`] sends inventories and fetches what is lacking (step 2).
//! - [`closing`] knows the state in which the parent report left the stream (step 6, R7.3).
//! - [`turns`] proposes, checks, signs, seals and brings to settlement (steps 3 to 5, and 7).

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::{Address, B256};

use crate::chain::{ChainView, StreamView};
use crate::crypto::Crypto;
use crate::effect::{Effect, Event, Notice, Purpose, Remembered};
use crate::estimators::Opening;
use crate::faults::{Fault, Faults};
use crate::gather::Store;
use crate::guard::Guard;
use crate::message::Message;
use crate::types::{Epoch, SeatId, StreamId};
use crate::verify::Held;

mod closing;
mod exchange;
mod intake;
mod turns;

/// What a seat is told once, at start.
#[derive(Clone)]
pub struct Config {
    /// Its place in the committee.
    pub seat: SeatId,
    /// The address of its report key, to see whether the committee still knows it.
    pub report: Address,
    /// How signatures are checked.
    pub crypto: Arc<dyn Crypto>,
    /// Planted faults; none in a shipped build.
    pub faults: Faults,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}

/// A seat's whole state.
#[derive(Debug)]
pub struct Seat {
    config: Config,
    guard: Guard,
    streams: BTreeMap<StreamId, Agreement>,
    /// The latest chain time seen: intake that has closed stays closed, also when a reorganisation turns time back.
    clock: u64,
}

/// A seat's part in the agreement on one stream.
#[derive(Debug, Default)]
struct Agreement {
    store: Store,
    closings: BTreeMap<B256, Closing>,
    /// What peers say of the closing this seat asks for.
    told: BTreeMap<SeatId, Opening>,
    /// The accepted report whose closing this seat cannot compute itself.
    asking: Option<B256>,
    running: Vec<Purpose>,
    round: Option<turns::Round>,
    last_inventory: Option<u64>,
    forgotten: Epoch,
    /// Only for the planted fault `SettleRemembered`.
    remembered: Option<Epoch>,
}

/// The state in which a report leaves its stream, once it is accepted.
#[derive(Debug, Clone)]
struct Closing {
    epoch: Epoch,
    opening: Opening,
}

impl Seat {
    /// A seat as it is after any restart: nothing but what its records say, in the order in which they were made.
    #[must_use]
    pub fn recover(config: Config, view: &ChainView, records: impl IntoIterator<Item = Remembered>) -> Self {
        let mut seat = Self {
            config,
            guard: Guard::default(),
            streams: BTreeMap::new(),
            clock: view.head.time,
        };
        let faults = seat.config.faults;
        for record in records {
            match record {
                Remembered::Kept { .. } if faults.has(Fault::ForgetKept) => {}
                Remembered::Kept { held, lent } => {
                    let Some(stream) = view.streams.get(&held.stream) else {
                        continue;
                    };
                    let epoch = view.calendar.span_at(stream.terms.epochs, held.time);
                    seat.streams
                        .entry(held.stream)
                        .or_default()
                        .store
                        .take(epoch, &held, lent);
                }
                Remembered::Guarded { .. } if faults.has(Fault::ForgetSigned) => {}
                Remembered::Guarded { key, digest, seed } => seat.guard.remember(key, digest, seed),
                Remembered::Closed {
                    stream,
                    epoch,
                    digest,
                    opening,
                } => {
                    let closing = Closing { epoch, opening };
                    seat.streams
                        .entry(stream)
                        .or_default()
                        .closings
                        .insert(digest, closing);
                }
            }
        }
        seat
    }

    /// Its place in the committee.
    #[must_use]
    pub const fn id(&self) -> SeatId {
        self.config.seat
    }

    /// Envelopes it remembers, over all streams.
    #[must_use]
    pub fn holds(&self) -> usize {
        self.streams.values().map(|agreement| agreement.store.len()).sum()
    }
}

/// What a seat does about an event, given what it sees of the chain: ordered effects.
pub fn step(seat: &mut Seat, event: Event, view: &ChainView) -> Vec<Effect> {
    let mut out = Vec::new();
    seat.clock = seat.clock.max(view.head.time);
    match event {
        Event::Head { entropy } => {
            for (id, stream) in &view.streams {
                At::new(seat, *id, stream, view, &mut out).look(entropy);
            }
        }
        Event::Received { envelope, wall } => {
            let id = envelope.held().stream;
            if let Some(stream) = view.streams.get(&id) {
                At::new(seat, id, stream, view, &mut out).received(&envelope, wall);
            }
        }
        Event::HandedOver { from, envelopes } => {
            let mut streams: Vec<StreamId> =
                envelopes.iter().map(|envelope| envelope.held().stream).collect();
            streams.sort_unstable();
            streams.dedup();
            for id in streams {
                if let Some(stream) = view.streams.get(&id) {
                    At::new(seat, id, stream, view, &mut out).handed_over(from, &envelopes);
                }
            }
        }
        Event::Heard(heard) => {
            let (from, message) = heard.into_parts();
            if from == seat.config.seat {
                return out;
            }
            let id = match &message {
                Message::Inventory { stream, .. }
                | Message::Fetch { stream, .. }
                | Message::AskClosing { stream, .. }
                | Message::Closing { stream, .. } => *stream,
                Message::Proposal(proposal) => proposal.report.stream,
                Message::Attestation(attestation) => attestation.key.stream,
                Message::Refusal { key, .. } => key.stream,
                // The shell verifies these and sends `Event::HandedOver`.
                Message::Envelopes { .. } => return out,
            };
            match view.streams.get(&id) {
                Some(stream) => At::new(seat, id, stream, view, &mut out).heard(from, message),
                None => out.push(ignored(from, "unknown_stream")),
            }
        }
        Event::Evaluated(evaluated) => {
            let id = evaluated.task.stream;
            if let Some(stream) = view.streams.get(&id) {
                At::new(seat, id, stream, view, &mut out).evaluated(*evaluated);
            }
        }
        Event::Signed(attestation) => {
            let id = attestation.key.stream;
            if let Some(stream) = view.streams.get(&id) {
                At::new(seat, id, stream, view, &mut out).signed(attestation);
            }
        }
    }
    out
}

fn ignored(from: SeatId, reason: &'static str) -> Effect {
    Effect::Note(Notice::Ignored { from, reason })
}

/// One stream of one seat within one step.
struct At<'a> {
    config: &'a Config,
    guard: &'a mut Guard,
    own: &'a mut Agreement,
    clock: u64,
    id: StreamId,
    stream: &'a StreamView,
    view: &'a ChainView,
    out: &'a mut Vec<Effect>,
}

impl<'a> At<'a> {
    fn new(
        seat: &'a mut Seat,
        id: StreamId,
        stream: &'a StreamView,
        view: &'a ChainView,
        out: &'a mut Vec<Effect>,
    ) -> Self {
        let own = seat.streams.entry(id).or_default();
        Self {
            config: &seat.config,
            guard: &mut seat.guard,
            own,
            clock: seat.clock,
            id,
            stream,
            view,
            out,
        }
    }

    fn look(&mut self, entropy: B256) {
        self.forget();
        self.take_stock();
        self.bring_to_settlement();
        self.know_closing();
        self.turn(entropy);
    }

    fn heard(&mut self, from: SeatId, message: Message) {
        if usize::from(from.0) >= self.view.committee.seats.len() {
            return;
        }
        match message {
            Message::Inventory { epoch, holdings, .. } => self.inventory(from, epoch, &holdings),
            Message::Fetch {
                epoch, kid, ranges, ..
            } => self.fetch(from, epoch, kid, &ranges),
            Message::AskClosing { digest, .. } => self.ask_closing(from, digest),
            Message::Closing { digest, opening, .. } => self.told_closing(from, digest, opening),
            Message::Proposal(proposal) => self.proposal(from, *proposal),
            Message::Attestation(attestation) => self.attestation(from, &attestation),
            Message::Refusal { key, reason, .. } => {
                self.out.push(Effect::Note(Notice::Refused {
                    key,
                    by: from,
                    reason,
                }));
            }
            Message::Envelopes { .. } => {}
        }
    }

    fn peers(&self) -> impl Iterator<Item = SeatId> + use<> {
        let me = self.config.seat;
        (0..self.view.committee.arithmetic().0)
            .map(SeatId)
            .filter(move |seat| *seat != me)
    }

    fn send_all(&mut self, message: &Message) {
        for to in self.peers() {
            self.out.push(Effect::Send {
                to,
                message: message.clone(),
            });
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.config.faults.has(fault)
    }

    /// The epoch due by what is believed of the chain.
    fn due(&self) -> Epoch {
        self.view.due(self.stream, self.view.firm())
    }

    fn epoch_at(&self, time: u64) -> Epoch {
        self.view.calendar.epoch_at(self.stream.terms.epochs, time)
    }

    /// The epoch whose span holds the envelope; none where it lies before the stream's first.
    fn span_of(&self, held: &Held) -> Option<Epoch> {
        let first = self.stream.first_epoch;
        (held.time > self.begin(first))
            .then(|| self.view.calendar.span_at(self.stream.terms.epochs, held.time))
    }

    fn begin(&self, epoch: Epoch) -> u64 {
        self.view.calendar.begin(self.stream.terms.epochs, epoch)
    }

    fn end(&self, epoch: Epoch) -> u64 {
        self.view.calendar.end(self.stream.terms.epochs, epoch)
    }

    /// When intake for an epoch closes: at half of its grace.
    fn intake_closes(&self, epoch: Epoch) -> u64 {
        let grace = if self.has(Fault::CloseIntakeEarly) {
            0
        } else {
            self.view.committee.grace / 2
        };
        self.end(epoch) + grace
    }

    /// When the exchange for an epoch ends and its turns begin.
    fn exchange_ends(&self, epoch: Epoch) -> u64 {
        self.end(epoch) + self.view.committee.grace
    }
}
