//! The seats: started, stepped, crashed, their effects carried out.

use std::sync::Arc;

use hearth_oracle_core::answer::Outcome;
use hearth_oracle_core::effect::{Effect, Event};
use hearth_oracle_core::message::{Attestation, Message};
use hearth_oracle_core::seat::step;
use hearth_oracle_core::types::SeatId;
use hearth_oracle_core::verify::Held;
use rand::Rng as _;

use super::{BLOCK, What, World};
use crate::chain::{STREAM, Tx};
use crate::liar::{Bad, OTHER_SEED};

impl World {
    pub(super) fn start(&mut self, seat: SeatId) {
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

    pub(super) fn step(&mut self, id: SeatId, event: Event) {
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
    pub(super) fn crash_at(&mut self, effects: &[Effect]) -> Option<usize> {
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

    pub(super) fn carry_out(&mut self, id: SeatId, effect: Effect) {
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

    /// An equivocator slips what it holds to a single seat, whenever it likes.
    pub(super) fn mischief(&mut self, seat: SeatId) {
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
}
