//! Stage 9: one seat sends, the others watch.
//!
//! *In*: [`Errand`]s, as often as the core likes. *Out*: transactions, each simulated first, kept in the own nonce
//! ledger before it is sent, watched to finality depth, and made dearer on the same nonce while no block takes it.
//! *Refuses*: an errand already done, by anyone: the simulation says so, and that is no failure. *Never*: a memory of
//! what was settled; a transaction signed twice for two RPCs.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy::consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718 as _;
use alloy::network::{TransactionBuilder as _, TxSignerSync as _};
use alloy::primitives::{Address, Bytes, TxKind, U256};
use alloy::providers::{Provider as _, RootProvider};
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall as _;
use alloy::transports::{RpcError, TransportErrorKind};
use hearth_bindings::Docket;
use hearth_oracle_core::quorum::Sealed;
use hearth_oracle_core::types::{Epoch, StreamId};
use metrics::{counter, gauge};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use crate::chain::rpc::Rpcs;
use crate::chain::{Sight, Sights};
use crate::metrics as m;

mod nonces;
mod refusal;

pub use nonces::{NonceError, Nonces, Pending};

/// Errands waiting, at most; further ones are asked for again.
pub(crate) const WAITING: usize = 64;

/// Transactions on their way at one time, at most.
const IN_FLIGHT: usize = 16;

/// Blocks after which a transaction nobody takes is made dearer.
const PATIENCE_BLOCKS: u64 = 3;

/// Blocks after which the account's coin is counted again.
const COUNT_BLOCKS: u64 = 32;

/// The most gas one transaction may ask for where a chain bounds it (EIP-7825).
const MOST_GAS: u64 = 1 << 24;

/// Gas that uses up a nonce.
const CANCEL_GAS: u64 = 21_000;

/// What the core wants done on chain.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    /// Carry a sealed report.
    Submit(Box<Sealed>),
    /// Settle an accepted report whose window has ended.
    Settle { stream: StreamId, epoch: Epoch },
}

impl Errand {
    fn name(&self) -> String {
        match self {
            Self::Submit(sealed) => {
                let report = sealed.report();
                format!(
                    "submit {}/{}/{} {}",
                    report.stream,
                    report.epoch,
                    report.attempt,
                    sealed.digest()
                )
            }
            Self::Settle { stream, epoch } => format!("settle {stream}/{epoch}"),
        }
    }

    /// The call of the docket; `None` where the sight does not know the report.
    fn call(&self, sight: &Sight) -> Option<Bytes> {
        Some(match self {
            Self::Submit(sealed) => Docket::submitCall {
                header: sealed.header(),
                envelopes: sealed.report().envelopes,
                payload: sealed.report().payload.clone(),
                seal: sealed.seal(),
            }
            .abi_encode()
            .into(),
            Self::Settle { stream, epoch } => {
                let landed = sight.landed.get(&(*stream, *epoch))?;
                Docket::settleCall {
                    header: landed.header,
                    parent: landed.parent,
                    envelopes: landed.envelopes,
                    payload: landed.payload.clone(),
                }
                .abi_encode()
                .into()
            }
        })
    }
}

/// What every line of the log tells of an errand, so that a report's life can be followed to its end.
#[derive(Debug, Default, PartialEq, Eq)]
struct About {
    subcontract: Option<u16>,
    stream: u16,
    epoch: u32,
    digest: Option<String>,
}

impl About {
    /// By the errand's name, as the nonce ledger keeps it; zeros where it names no report.
    fn of(errand: &str, sight: &Sight) -> Self {
        let named = || {
            let mut words = errand.split(' ').skip(1);
            let mut numbers = words.next()?.split('/');
            let stream = StreamId(numbers.next()?.parse().ok()?);
            let epoch = Epoch(numbers.next()?.parse().ok()?);
            let landed = || sight.landed.get(&(stream, epoch));
            Some(Self {
                subcontract: sight
                    .view
                    .streams
                    .get(&stream)
                    .map(|known| known.terms.subcontract.0),
                stream: stream.0,
                epoch: epoch.0,
                digest: words
                    .next()
                    .map(str::to_owned)
                    .or_else(|| landed().map(|landed| landed.accepted.digest.to_string())),
            })
        };
        named().unwrap_or_default()
    }
}

/// Why a transaction is not sent now.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    /// The contract refuses it: usually someone else was first.
    #[error("the docket refuses: {reason}")]
    Refused { reason: String },
    #[error("no RPC could be asked")]
    NoRpc,
    #[error("the RPC does not answer")]
    Rpc(#[source] RpcError<TransportErrorKind>),
    #[error("the nonce ledger refuses")]
    Ledger(#[source] NonceError),
    #[error("the key does not sign")]
    Sign,
}

/// Sends and watches.
pub(crate) struct Submitter {
    rpcs: Rpcs,
    sights: Sights,
    nonces: Nonces,
    signer: PrivateKeySigner,
    chain_id: u64,
    pending: BTreeMap<u64, Pending>,
    since: BTreeMap<u64, Instant>,
    /// The lowest nonce whose end at finality depth is not known yet.
    finalized: u64,
    /// The block at which the account's coin was last counted.
    counted: Option<u64>,
}

impl Submitter {
    /// Takes up what was on its way before.
    pub(crate) fn new(
        rpcs: Rpcs,
        sights: Sights,
        nonces: Nonces,
        signer: PrivateKeySigner,
        chain_id: u64,
    ) -> Result<Self, NonceError> {
        let pending: BTreeMap<u64, Pending> = nonces
            .pending()?
            .into_iter()
            .map(|each| (each.nonce, each))
            .collect();
        let since = pending.keys().map(|nonce| (*nonce, Instant::now())).collect();
        Ok(Self {
            rpcs,
            sights,
            nonces,
            signer,
            chain_id,
            pending,
            since,
            finalized: 0,
            counted: None,
        })
    }

    /// Runs errands until nobody can give any more.
    pub(crate) async fn run(mut self, mut errands: mpsc::Receiver<Errand>) {
        loop {
            tokio::select! {
                errand = errands.recv() => match errand {
                    Some(errand) => self.take(&errand).await,
                    None => return,
                },
                changed = self.sights.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let sight = self.sights.borrow_and_update().clone();
                    if let Some(sight) = sight {
                        self.watch(&sight).await;
                    }
                }
            }
        }
    }

    async fn take(&mut self, errand: &Errand) {
        let name = errand.name();
        if self
            .pending
            .values()
            .any(|each| each.errand == name && !each.cancelled)
        {
            return;
        }
        if self.pending.len() >= IN_FLIGHT {
            m::dropped("submit");
            return;
        }
        let Some(sight) = self.sights.borrow().clone() else {
            return;
        };
        let Some(input) = errand.call(&sight) else { return };
        let About {
            subcontract,
            stream,
            epoch,
            digest,
        } = About::of(&name, &sight);
        match self.send(&sight, name.clone(), input).await {
            Ok((nonce, gas_limit)) => info!(
                target: "hearth::submit", subcontract, stream, epoch, digest, errand = name, nonce, gas_limit, "sent"
            ),
            Err(NotSent::Refused { reason }) => {
                counter!(m::TX, "state" => "refused").increment(1);
                info!(
                    target: "hearth::submit", subcontract, stream, epoch, digest, errand = name, reason,
                    "not sent: simulated, it would be refused"
                );
            }
            Err(failed) => warn!(
                target: "hearth::submit", subcontract, stream, epoch, digest, errand = name,
                reason = crate::check::whole(&failed), "not sent; it is tried again"
            ),
        }
    }

    fn provider(&self) -> Result<RootProvider, NotSent> {
        self.rpcs
            .in_order()
            .first()
            .map(|source| source.provider().clone())
            .ok_or(NotSent::NoRpc)
    }

    /// The nonce it is sent under, and the gas it may use.
    async fn send(&mut self, sight: &Sight, errand: String, input: Bytes) -> Result<(u64, u64), NotSent> {
        let provider = self.provider()?;
        let docket = sight.places.docket;
        let needed = self.simulate(&provider, docket, &input).await?;
        let fees = provider.estimate_eip1559_fees().await.map_err(NotSent::Rpc)?;
        let on_chain = provider
            .get_transaction_count(self.signer.address())
            .await
            .map_err(NotSent::Rpc)?;
        let own = self.nonces.next().map_err(NotSent::Ledger)?;
        let nonce = self.next_nonce(on_chain, own);
        let gas = gas_limit(needed);
        let pending = Pending {
            nonce,
            errand,
            to: docket,
            input,
            gas,
            max_fee: fees.max_fee_per_gas,
            tip: fees.max_priority_fee_per_gas,
            priced_at: sight.view.head.number,
            cancelled: false,
            sent: Vec::new(),
        };
        counter!(m::TX, "state" => "sent").increment(1);
        gauge!(m::NONCE_NEXT).set((nonce + 1) as f64);
        self.since.insert(nonce, Instant::now());
        self.publish(pending).await?;
        Ok((nonce, gas))
    }

    /// A nonce is given out once. Where the chain is ahead, someone else pays from this account: that is told, and the
    /// chain's word taken. Where an own nonce was never mined and is no longer on its way, there is a gap: it is filled
    /// first, since nothing after it could be mined.
    fn next_nonce(&self, on_chain: u64, own: u64) -> u64 {
        let ahead = on_chain > own;
        gauge!(m::NONCE_MISMATCH).set(f64::from(u8::from(ahead && own > 0)));
        if ahead && own > 0 {
            warn!(target: "hearth::submit", on_chain, own, "another sender uses this account; give this seat its own");
        }
        if let Some(gap) = (on_chain..own).find(|nonce| !self.pending.contains_key(nonce)) {
            return gap;
        }
        on_chain.max(own)
    }

    /// The least gas with which the call does not revert. A settlement reverts below the whole bound its subcontract may
    /// use (R1.9), so for it too the estimate is enough.
    async fn simulate(&self, provider: &RootProvider, to: Address, input: &Bytes) -> Result<u64, NotSent> {
        let request = TransactionRequest::default()
            .with_from(self.signer.address())
            .with_to(to)
            .with_input(input.clone());
        let refused = |error: RpcError<TransportErrorKind>| match error.as_error_resp() {
            Some(payload) if payload.code == 3 || payload.message.contains("revert") => {
                let named = payload.as_decoded_interface_error::<Docket::DocketErrors>();
                let reason =
                    named.map_or_else(|| payload.message.to_string(), |named| refusal::in_words(&named));
                NotSent::Refused { reason }
            }
            _ => NotSent::Rpc(error),
        };
        provider.call(request.clone()).await.map_err(refused)?;
        provider.estimate_gas(request).await.map_err(refused)
    }

    /// Signs once, keeps, then sends to every RPC: whoever takes it first.
    async fn publish(&mut self, mut pending: Pending) -> Result<(), NotSent> {
        let mut tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce: pending.nonce,
            gas_limit: pending.gas,
            max_fee_per_gas: pending.max_fee,
            max_priority_fee_per_gas: pending.tip,
            to: TxKind::Call(pending.to),
            value: U256::ZERO,
            access_list: Default::default(),
            input: pending.input.clone(),
        };
        if pending.cancelled {
            tx.to = TxKind::Call(self.signer.address());
            tx.input = Bytes::new();
        }
        let signature = self
            .signer
            .sign_transaction_sync(&mut tx)
            .map_err(|_| NotSent::Sign)?;
        let envelope = TxEnvelope::from(tx.into_signed(signature));
        let raw = Bytes::from(envelope.encoded_2718());
        pending.sent.push((*envelope.tx_hash(), raw.clone()));
        self.nonces.keep(&pending).map_err(NotSent::Ledger)?;
        let nonce = pending.nonce;
        self.pending.insert(nonce, pending);
        self.spread(nonce, &raw).await;
        Ok(())
    }

    /// Sends what is signed to every RPC; what none takes now is sent again with the next blocks.
    async fn spread(&self, nonce: u64, raw: &Bytes) {
        for source in self.rpcs.in_order() {
            if let Err(refused) = source.provider().send_raw_transaction(raw).await {
                debug!(target: "hearth::submit", rpc = %source.url, nonce, reason = crate::check::whole(&refused), "not taken now");
            }
        }
    }

    /// Looks at everything on its way, once for each new head.
    async fn watch(&mut self, sight: &Arc<Sight>) {
        let oldest = self
            .since
            .values()
            .min()
            .map_or(0.0, |since| since.elapsed().as_secs_f64());
        gauge!(m::TX_OLDEST).set(oldest);
        let Ok(provider) = self.provider() else { return };
        let head = sight.view.head.number;
        if self.counted.is_none_or(|at| head >= at + COUNT_BLOCKS)
            && let Ok(balance) = provider.get_balance(self.signer.address()).await
        {
            gauge!(m::BALANCE).set(f64::from(balance));
            self.counted = Some(head);
        }
        if self.pending.is_empty() {
            return;
        }
        let Ok(on_chain) = provider.get_transaction_count(self.signer.address()).await else {
            return;
        };
        for nonce in self.pending.keys().copied().collect::<Vec<_>>() {
            if let Err(failed) = self.watch_one(&provider, sight, nonce, on_chain).await {
                debug!(target: "hearth::submit", nonce, reason = crate::check::whole(&failed), "looked at again later");
            }
        }
        let first = self.pending.keys().next().copied().unwrap_or(on_chain);
        self.finalized = self.finalized.max(first);
        gauge!(m::NONCE_FINALIZED).set(self.finalized as f64);
    }

    async fn watch_one(
        &mut self,
        provider: &RootProvider,
        sight: &Sight,
        nonce: u64,
        on_chain: u64,
    ) -> Result<(), NotSent> {
        let Some(pending) = self.pending.get(&nonce).cloned() else {
            return Ok(());
        };
        let head = sight.view.head.number;
        for (hash, _) in &pending.sent {
            let receipt = provider
                .get_transaction_receipt(*hash)
                .await
                .map_err(NotSent::Rpc)?;
            let Some(receipt) = receipt else { continue };
            let block = receipt.block_number.unwrap_or(head);
            if block + sight.view.committee.depth <= head {
                self.finish(sight, &pending, &receipt)?;
            }
            return Ok(());
        }
        let waited = head.saturating_sub(pending.priced_at);
        if on_chain > nonce {
            // Taken, but by none of ours that this RPC knows: it lags, or the key is used elsewhere.
            if waited > sight.view.committee.depth + PATIENCE_BLOCKS {
                let About {
                    subcontract,
                    stream,
                    epoch,
                    digest,
                } = About::of(&pending.errand, sight);
                error!(target: "hearth::submit", subcontract, stream, epoch, digest, nonce, errand = pending.errand, "the nonce was used by another transaction");
                self.nonces.finish(nonce, "overtaken").map_err(NotSent::Ledger)?;
                self.pending.remove(&nonce);
                self.since.remove(&nonce);
            }
            return Ok(());
        }
        if waited < PATIENCE_BLOCKS {
            return Ok(());
        }
        self.reprice(provider, sight, pending).await
    }

    fn finish(
        &mut self,
        sight: &Sight,
        pending: &Pending,
        receipt: &TransactionReceipt,
    ) -> Result<(), NotSent> {
        let outcome = match (pending.cancelled, receipt.status()) {
            (true, _) => "cancelled",
            (false, true) => "mined",
            (false, false) => "reverted",
        };
        counter!(m::TX, "state" => outcome).increment(1);
        let About {
            subcontract,
            stream,
            epoch,
            digest,
        } = About::of(&pending.errand, sight);
        info!(
            target: "hearth::submit", subcontract, stream, epoch, digest, nonce = pending.nonce,
            errand = pending.errand, outcome, block = receipt.block_number, gas = receipt.gas_used, "final"
        );
        self.nonces
            .finish(pending.nonce, outcome)
            .map_err(NotSent::Ledger)?;
        self.pending.remove(&pending.nonce);
        self.since.remove(&pending.nonce);
        Ok(())
    }

    /// No block took it: it is made dearer, or taken back if its errand is done, or only sent again.
    async fn reprice(
        &mut self,
        provider: &RootProvider,
        sight: &Sight,
        mut pending: Pending,
    ) -> Result<(), NotSent> {
        let About {
            subcontract,
            stream,
            epoch,
            digest,
        } = About::of(&pending.errand, sight);
        if !pending.cancelled
            && let Err(NotSent::Refused { reason }) =
                self.simulate(provider, pending.to, &pending.input).await
        {
            info!(
                target: "hearth::submit", subcontract, stream, epoch, digest, nonce = pending.nonce,
                errand = pending.errand, reason, "taken back"
            );
            pending.cancelled = true;
            pending.gas = CANCEL_GAS;
        }
        let fees = provider.estimate_eip1559_fees().await.map_err(NotSent::Rpc)?;
        pending.priced_at = sight.view.head.number;
        match dearer(
            (pending.max_fee, pending.tip),
            (fees.max_fee_per_gas, fees.max_priority_fee_per_gas),
        ) {
            Some((max_fee, tip)) => {
                (pending.max_fee, pending.tip) = (max_fee, tip);
                counter!(m::TX, "state" => "bumped").increment(1);
                info!(
                    target: "hearth::submit", subcontract, stream, epoch, digest, nonce = pending.nonce,
                    errand = pending.errand, max_fee, tip, "made dearer"
                );
                self.publish(pending).await
            }
            None => {
                let raw = pending
                    .sent
                    .last()
                    .map(|(_, raw)| raw.clone())
                    .unwrap_or_default();
                let nonce = pending.nonce;
                self.nonces.keep(&pending).map_err(NotSent::Ledger)?;
                self.pending.insert(nonce, pending);
                self.spread(nonce, &raw).await;
                Ok(())
            }
        }
    }
}

/// What a transaction may use: a quarter above the estimate, for what changes until it is mined, but no more than a
/// chain lets one transaction ask for, unless the estimate itself is more.
fn gas_limit(estimate: u64) -> u64 {
    (estimate + estimate / 4).min(MOST_GAS).max(estimate)
}

/// The next price on the same nonce, `(max fee, tip)`: an eighth above the old one, since less is refused as
/// underpriced, and never below the new estimate; but never above three times the new estimate (then `None`: what was
/// sent stays the best offer).
fn dearer(old: (u128, u128), estimate: (u128, u128)) -> Option<(u128, u128)> {
    let raised = |old: u128, estimate: u128| (old + old / 8 + 1).max(estimate);
    let (max_fee, tip) = (raised(old.0, estimate.0), raised(old.1, estimate.1));
    (max_fee <= estimate.0.saturating_mul(3)).then_some((max_fee, tip.min(max_fee)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r1_9_the_dearest_settlement_still_fits_into_one_transaction() {
        assert_eq!(gas_limit(800_000), 1_000_000);
        // 150 members: the subcontract's 16,000,000 and a 63rd, the docket's own part and calldata.
        assert_eq!(gas_limit(16_400_000), 16_777_216);
        assert_eq!(
            gas_limit(17_000_000),
            17_000_000,
            "the chain says whether it takes it"
        );
    }

    #[test]
    fn prices_rise_enough_and_not_too_far() {
        let check = |old, estimate, wanted| assert_eq!(dearer(old, estimate), wanted, "{old:?} {estimate:?}");
        check((100, 10), (100, 10), Some((113, 12)));
        check((100, 10), (800, 20), Some((800, 20)));
        check((300, 10), (100, 10), None);
        check((265, 10), (100, 10), Some((299, 12)));
        check((8, 8), (9, 1), Some((10, 10)));
    }
}
