//! The chain: the docket's rules for accepting and settling reports, lagging views, and reorganisations.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::B256;
use hearth_oracle_core::chain::{
    Accepted, Block, ChainView, Committee, Domain, ReportState, StreamView, Terms,
};
use hearth_oracle_core::crypto::Crypto;
use hearth_oracle_core::quorum::Sealed;
use hearth_oracle_core::report::as_parent;
use hearth_oracle_core::types::{Calendar, Epoch, Network, StreamId, Verdict};

/// The one stream there is.
pub(crate) const STREAM: StreamId = StreamId(1);

/// Something a seat sends to the chain.
#[derive(Debug, Clone)]
pub(crate) enum Tx {
    Submit(Box<Sealed>),
    Settle(Epoch),
}

/// What never changes.
pub(crate) struct Rules {
    pub(crate) domain: Domain,
    pub(crate) network: Network,
    pub(crate) calendar: Calendar,
    pub(crate) committee: Arc<Committee>,
    pub(crate) terms: Arc<Terms>,
    pub(crate) first_epoch: Epoch,
    /// Seconds in which a line may be contested.
    pub(crate) window: u64,
    /// Off only where the planted fault says so.
    pub(crate) asks_parent: bool,
}

/// A block with all that is true at it.
pub(crate) struct Mined {
    pub(crate) view: Arc<ChainView>,
    txs: Vec<Tx>,
}

pub(crate) struct Chain {
    pub(crate) rules: Rules,
    pub(crate) blocks: Vec<Mined>,
    pub(crate) pool: Vec<Tx>,
}

/// What a block changed.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) accepted: Vec<Sealed>,
    pub(crate) settled: Vec<Epoch>,
}

impl Chain {
    pub(crate) fn new(rules: Rules, time: u64) -> Self {
        let stream = StreamView {
            terms: rules.terms.clone(),
            first_epoch: rules.first_epoch,
            accepted: Vec::new(),
        };
        let view = ChainView {
            domain: rules.domain,
            network: rules.network,
            head: Block { number: 0, time },
            calendar: rules.calendar,
            committee: rules.committee.clone(),
            streams: BTreeMap::from([(STREAM, stream)]),
        };
        Self {
            rules,
            blocks: vec![Mined {
                view: Arc::new(view),
                txs: Vec::new(),
            }],
            pool: Vec::new(),
        }
    }

    pub(crate) fn view(&self, lag: usize) -> Arc<ChainView> {
        self.blocks[self.blocks.len().saturating_sub(1 + lag)]
            .view
            .clone()
    }

    pub(crate) fn accepted(&self) -> &[Accepted] {
        &self.blocks[self.blocks.len() - 1].view.streams[&STREAM].accepted
    }

    /// Mines what lies in the pool.
    pub(crate) fn mine(&mut self, time: u64, crypto: &dyn Crypto) -> Changed {
        let txs = std::mem::take(&mut self.pool);
        let mut view = (*self.view(0)).clone();
        view.head = Block {
            number: view.head.number + 1,
            time,
        };
        let mut changed = Changed::default();
        let mut carried = Vec::new();
        for tx in txs {
            let done = match &tx {
                Tx::Submit(sealed) => {
                    let accepted = self.accept(&mut view, sealed, crypto);
                    if accepted {
                        changed.accepted.push((**sealed).clone());
                    }
                    accepted
                }
                Tx::Settle(epoch) => {
                    let settled = settle(&mut view, *epoch);
                    if settled {
                        changed.settled.push(*epoch);
                    }
                    settled
                }
            };
            if done {
                carried.push(tx);
            }
        }
        self.blocks.push(Mined {
            view: Arc::new(view),
            txs: carried,
        });
        changed
    }

    /// Undoes the newest blocks; what they carried goes back to the pool as `keep` says.
    pub(crate) fn reorganise(&mut self, depth: usize, mut keep: impl FnMut() -> bool) {
        for _ in 0..depth.min(self.blocks.len() - 1) {
            if let Some(mined) = self.blocks.pop() {
                self.pool.extend(mined.txs.into_iter().filter(|_| keep()));
            }
        }
    }

    /// The docket's rules (R7.3, R7.4): closed epoch, in order, once, the current version, the parent, exactly `q`
    /// rising genuine signatures.
    fn accept(&self, view: &mut ChainView, sealed: &Sealed, crypto: &dyn Crypto) -> bool {
        let report = sealed.report();
        let rules = &self.rules;
        let Some(stream) = view.streams.get_mut(&report.stream) else {
            return false;
        };
        let last = stream.accepted.last();
        let parent = last.map_or(B256::ZERO, |last| as_parent(last.digest));
        let next = last.map_or(rules.first_epoch, |last| last.epoch.next());
        let end = rules.calendar.end(rules.terms.epochs, report.epoch);
        let fits = report.epoch == next
            && view.head.time >= end
            && report.version == rules.committee.version
            && report.subcontract == rules.terms.subcontract
            && (report.parent == parent || !rules.asks_parent);
        if !fits || !genuine(sealed, rules, crypto) {
            return false;
        }
        stream.accepted.push(Accepted {
            epoch: report.epoch,
            attempt: report.attempt,
            digest: sealed.digest(),
            observed_from: report.observed_from,
            observed_to: report.observed_to,
            verdict: report.verdict,
            envelopes: report.envelopes,
            block: view.head.number,
            window_ends: view.head.time + rules.window,
            state: if report.verdict == Verdict::Ok {
                ReportState::Accepted
            } else {
                ReportState::Spent
            },
        });
        true
    }
}

fn genuine(sealed: &Sealed, rules: &Rules, crypto: &dyn Crypto) -> bool {
    let digest = sealed.report().digest(&rules.domain);
    let signers: Vec<_> = sealed.signers().collect();
    let seal = sealed.seal();
    signers.len() == rules.committee.arithmetic().quorum()
        && seal.len() == 64 * signers.len()
        && signers.windows(2).all(|pair| pair[0] < pair[1])
        && signers.iter().zip(seal.chunks(64)).all(|(seat, signature)| {
            let key = rules.committee.seats[usize::from(seat.0)].report;
            <&[u8; 64]>::try_from(signature).is_ok_and(|s| crypto.recover(&digest, s) == Some(key))
        })
}

fn settle(view: &mut ChainView, epoch: Epoch) -> bool {
    let now = view.head.time;
    let Some(stream) = view.streams.get_mut(&STREAM) else {
        return false;
    };
    let Some(report) = stream.accepted.iter_mut().find(|report| report.epoch == epoch) else {
        return false;
    };
    if report.state != ReportState::Accepted || now < report.window_ends {
        return false;
    }
    report.state = ReportState::Settled;
    true
}
