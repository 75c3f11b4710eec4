//! The wires between seats: what is lost, doubled, delayed, or arrives.

use hearth_oracle_core::effect::Event;
use hearth_oracle_core::message::{self, Attestation, Heard, Message};
use hearth_oracle_core::types::SeatId;
use rand::Rng as _;

use super::{BLOCK, NETWORK, What, World};
use crate::liar::Bad;

impl World {
    /// When a message arrives, if at all, and how often. No link loses two in a row.
    pub(super) fn fate(&mut self, from: u8, to: u8) -> Vec<u64> {
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

    pub(super) fn post(&mut self, from: SeatId, to: SeatId, message: Message) {
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

    pub(super) fn hear(&mut self, to: SeatId, from: SeatId, message: Message) {
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
            let route = message::Route {
                net: NETWORK,
                from,
                to,
                time: self.now,
            };
            let secret = self.nodes[usize::from(from.0)].transport;
            let text = message::close(route, &message, &secret, self.crypto.as_ref());
            let committee = &self.chain.rules.committee;
            message::open(text.as_bytes(), NETWORK, to, committee, self.crypto.as_ref())
                .expect("what a seat closes its peer opens")
        } else {
            Heard::simulated(from, message)
        };
        self.step(to, Event::Heard(heard));
    }
}
