//! Inventories every minute, at every block while an epoch's exchange runs, and what is fetched upon them
//! (docs/agreement.md, step 2).

use crate::effect::Effect;
use crate::message::{Holding, Message};
use crate::types::{Counter, Epoch, Kid, SeatId};

use super::At;

/// Seconds between inventories of an epoch whose exchange is not running.
const EVERY: u64 = 60;

/// Epochs told after a restart, at most.
const MOST_EPOCHS: u32 = 8;

/// Epochs before the due one whose closings are kept: the next report opens with one, and peers may ask.
const CLOSINGS_KEPT: u32 = 4;

/// Envelopes handed over for one request, at most; who lacks more asks again.
pub(super) const MOST_HANDED: usize = 4_096;

impl At<'_> {
    /// Tells peers what this seat holds.
    pub(super) fn take_stock(&mut self) {
        let current = self.epoch_at(self.clock);
        let oldest = self.due().0.max(current.0.saturating_sub(MOST_EPOCHS));
        let restarted = self.own.last_inventory.is_none();
        let minute = self
            .own
            .last_inventory
            .is_none_or(|last| self.clock >= last + EVERY);
        for epoch in (oldest..=current.0).map(Epoch) {
            let exchanging = self.end(epoch) <= self.clock && self.clock < self.exchange_ends(epoch);
            if !(restarted || exchanging || minute && epoch == current) {
                continue;
            }
            let holdings = self.own.store.inventory(self.id, epoch);
            if !holdings.is_empty() {
                self.send_all(&Message::Inventory {
                    stream: self.id,
                    epoch,
                    holdings,
                });
            }
        }
        if minute {
            self.own.last_inventory = Some(self.clock);
        }
    }

    /// A peer told what it holds: fetch what is lacking here while the exchange runs. After that only proposals are
    /// fetched for.
    pub(super) fn inventory(&mut self, from: SeatId, epoch: Epoch, holdings: &[Holding]) {
        let open = epoch >= self.due() && epoch <= self.epoch_at(self.clock).next();
        if !open || self.clock >= self.exchange_ends(epoch) {
            return;
        }
        for holding in holdings {
            let ranges = self.own.store.lacking(epoch, holding);
            if !ranges.is_empty() {
                self.ask(from, epoch, holding.kid, ranges);
            }
        }
    }

    pub(super) fn ask(&mut self, to: SeatId, epoch: Epoch, kid: Kid, ranges: Vec<(Counter, Counter)>) {
        let message = Message::Fetch {
            stream: self.id,
            epoch,
            kid,
            ranges,
        };
        self.out.push(Effect::Send { to, message });
    }

    /// A peer asks for envelopes.
    pub(super) fn fetch(&mut self, from: SeatId, epoch: Epoch, kid: Kid, ranges: &[(Counter, Counter)]) {
        let epochs = [epoch, Epoch(epoch.0.saturating_sub(1))];
        let envelopes = self.own.store.within(self.id, epochs, kid, ranges, MOST_HANDED);
        if !envelopes.is_empty() {
            self.out.push(Effect::HandOver { to: from, envelopes });
        }
    }

    /// Lets go of epochs that no report can read any more.
    pub(super) fn forget(&mut self) {
        let due = self.due();
        // One epoch more than the parent's span needs, so that a reorganisation a little deeper than what is believed
        // finds everything still here.
        self.guard.forget(self.id, Epoch(due.0.saturating_sub(1)));
        let before = self.oldest_needed();
        if before > self.own.forgotten {
            self.own.forgotten = before;
            self.own.store.forget(before);
            self.own
                .closings
                .retain(|_, closing| closing.epoch.0 + CLOSINGS_KEPT >= due.0);
            self.out.push(Effect::Forget {
                stream: self.id,
                before,
            });
        }
    }
}
