//! The devices: what they sense and send, and the answers they are given.

use std::sync::Arc;

use hearth_oracle_core::answer::{Outcome, Release};
use hearth_oracle_core::effect::Event;
use hearth_oracle_core::faults::Fault;
use hearth_oracle_core::types::{Counter, EpochKind, Kid, MemberId, SeatId, Seats};
use hearth_oracle_core::verify::{Verified, verify};
use rand::Rng as _;

use super::plan::badge;
use super::{BLOCK, CALENDAR, FIRST, GRACE, NETWORK, What, World};
use crate::device::{Pile, Senses};

impl World {
    pub(super) fn sense(&mut self, index: usize, pieces: u32, tap: bool, reuse: bool, stumble: bool) {
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
    pub(super) fn send(&mut self, index: usize) {
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

    pub(super) fn receive(&mut self, seat: SeatId, envelope: Verified) {
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

    pub(super) fn verified(&mut self, raw: &Arc<str>) -> Option<Verified> {
        if self.plan.real {
            return verify(raw.as_bytes(), &self.directory, self.crypto.as_ref()).ok();
        }
        self.known.get(raw).cloned()
    }

    pub(super) fn carry_answer(&mut self, seat: SeatId, kid: Kid, counter: Counter, outcome: Outcome) {
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

    pub(super) fn answer(&mut self, index: usize, seat: SeatId, counter: Counter, outcome: Outcome) {
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

    /// The law looks at an honest *late*.
    pub(super) fn late_answer(&mut self, id: SeatId, kid: Kid, counter: Counter) {
        let Some(device) = self.devices.iter().find(|device| device.kid == kid) else {
            return;
        };
        let Some(pending) = device.pending.get(&counter) else {
            return;
        };
        let held = *pending.envelope.held();
        let epoch = CALENDAR.span_at(EpochKind::Day, held.time);
        let closes = CALENDAR.end(EpochKind::Day, epoch) + GRACE / 2 * BLOCK;
        // What lies before the first epoch's span is in none.
        let before = held.time <= CALENDAR.begin(EpochKind::Day, FIRST);
        let excused = before || device.reused.is_some_and(|first| counter >= first);
        self.law.says_late(id, &held, self.now, closes, excused);
    }
}
