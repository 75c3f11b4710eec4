//! The chain: blocks, what seats carry to it, and its reorganisations.

use alloy_primitives::B256;
use hearth_oracle_core::types::SeatId;
use rand::Rng as _;

use super::{BLOCK, What, World};
use crate::chain::Tx;

impl World {
    pub(super) fn block(&mut self) {
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

    pub(super) fn head_number(&self) -> u64 {
        self.chain.view(0).head.number
    }

    pub(super) fn mine(&mut self, time: u64) {
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

    pub(super) fn reorganise(&mut self, depth: usize) {
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

    pub(super) fn carry(&mut self, tx: Tx) {
        if matches!(&tx, Tx::Submit(sealed) if self.undone.contains(&sealed.digest())) {
            return;
        }
        if self.quiet() || self.rng.random_bool(0.9) {
            let later = self.rng.random_range(1..BLOCK);
            self.at(later, What::Tx(tx));
        }
    }
}
