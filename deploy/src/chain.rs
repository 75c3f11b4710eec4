//! The one door to a chain: connect, ask, land a transaction and read why one was refused.
//!
//! *In*: an RPC address, keys. *Out*: receipts. *Refuses*: nothing by itself, but says what each refusal of a contract
//! means. *Never*: treats a local chain otherwise than a public one.

use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::network::{EthereumWallet, TransactionBuilder};
use alloy::primitives::{Address, Bytes, U256};
use alloy::providers::{DynProvider, PendingTransactionError, Provider, ProviderBuilder};
use alloy::rpc::types::simulate::{SimBlock, SimulatePayload};
use alloy::rpc::types::{Filter, Log, TransactionReceipt, TransactionRequest};
use alloy::sol_types::{SolError, SolEvent};
use alloy::transports::{RpcError, TransportErrorKind};
use hearth_oracle_core::report::UnknownVerdict;
use thiserror::Error;

use crate::amount::Amount;
use crate::plain;
use crate::refusal;

/// How long a transaction may take to be mined before the caller is told to try again.
const PATIENCE: Duration = Duration::from_secs(300);

/// Blocks asked for at a time, since public nodes refuse long spans.
const SPAN: u64 = 5_000;

/// What went wrong at the chain.
#[derive(Debug, Error)]
pub enum ChainError {
    /// The RPC address is malformed.
    #[error("{given:?} is no RPC address, wanted one such as http://127.0.0.1:8545")]
    Address {
        /// What was given.
        given: String,
    },
    /// The node did not answer.
    #[error("the chain could not be reached; is the node up, and --rpc-url right?")]
    Unreachable(#[source] Box<RpcError<TransportErrorKind>>),
    /// The node answered, and refused.
    #[error("{act} was refused: {reason}")]
    Refused {
        /// What was tried.
        act: String,
        /// What the contract's error means, or the node's words.
        reason: String,
        /// The contract's error as it came; empty where the node itself refused.
        data: Bytes,
    },
    /// The key that pays in holds less of the charter's token.
    #[error("the key {key} holds {} of the token {token}, wanted {}; {mend}", holds.brief(), wanted.brief())]
    Short {
        /// Whose money it is.
        key: Address,
        /// The charter's token.
        token: Address,
        /// What is there.
        holds: Amount,
        /// What was to be paid in.
        wanted: Amount,
        /// How to mend it.
        mend: &'static str,
    },
    /// The account that sends cannot pay for the gas.
    #[error(
        "nothing was sent: {account} holds {holds} of the chain's coin, wanted {wanted}, the most that its gas can cost; send it some, or let another carry what a member signs by --sign-only"
    )]
    Unfunded {
        /// Who sends.
        account: Address,
        /// What is there, in whole coins.
        holds: String,
        /// The most the gas can cost, in whole coins.
        wanted: String,
    },
    /// It takes more gas than whoever pays was told.
    #[error(
        "{act} was not sent: it takes {wanted} gas now, and you were told {told} at most; run the same command again, to be told anew"
    )]
    Dearer {
        /// What was tried.
        act: String,
        /// The limit told.
        told: u64,
        /// What it is estimated to take now.
        wanted: u64,
    },
    /// An accepted report is of a later release.
    #[error("a report accepted by {docket} cannot be read")]
    Report {
        /// The docket.
        docket: Address,
        /// Why not.
        #[source]
        source: UnknownVerdict,
    },
    /// Sent, but not seen in a block in time.
    #[error("{act} was sent as {tx} but is in no block yet; run the same command again later")]
    Pending {
        /// What was tried.
        act: String,
        /// Hash of the transaction.
        tx: alloy::primitives::TxHash,
    },
}

impl ChainError {
    /// True where a contract refused by this error; contracts share some of them.
    #[must_use]
    pub fn is<E: SolError>(&self) -> bool {
        matches!(self, Self::Refused { data, .. } if data.starts_with(&E::SELECTOR))
    }
}

/// Connects to a node; `wallet` signs what is sent from its keys.
///
/// # Errors
/// Where the address is malformed or the node cannot be reached.
pub async fn connect(url: &str, wallet: Option<EthereumWallet>) -> Result<DynProvider, ChainError> {
    cryptography();
    // Nonces are asked of the node each time: a cached count does not recover from a failed send.
    let builder = ProviderBuilder::new()
        .disable_recommended_fillers()
        .with_gas_estimation()
        .with_simple_nonce_management()
        .fetch_chain_id()
        .wallet(wallet.unwrap_or_default());
    let parsed = url
        .parse::<reqwest::Url>()
        .map_err(|_| ChainError::Address { given: url.into() })?;
    if !matches!(parsed.scheme(), "http" | "https" | "ws" | "wss") {
        return Err(ChainError::Address { given: url.into() });
    }
    let provider = builder.connect(url).await.map_err(unreachable)?.erased();
    provider.get_chain_id().await.map_err(unreachable)?;
    Ok(provider)
}

/// Clients need a provider of cryptography; it fails only where one is installed already, which serves as well.
pub(crate) fn cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Names an error of a question that cannot revert.
pub fn unreachable(error: RpcError<TransportErrorKind>) -> ChainError {
    match error.as_error_resp() {
        Some(said) => ChainError::Refused {
            act: "a question".into(),
            reason: plain::line(&said.message),
            data: Bytes::new(),
        },
        None => ChainError::Unreachable(Box::new(error)),
    }
}

/// Names an error of a view.
pub fn asked(act: &str) -> impl Fn(alloy::contract::Error) -> ChainError + '_ {
    move |error| match error {
        alloy::contract::Error::TransportError(error) => refused(act, error),
        other => ChainError::Refused {
            act: act.into(),
            reason: plain::line(&other.to_string()),
            data: Bytes::new(),
        },
    }
}

fn refused(act: &str, error: RpcError<TransportErrorKind>) -> ChainError {
    match error.as_error_resp() {
        Some(said) => {
            let data = said.as_revert_data().unwrap_or_default();
            ChainError::Refused {
                act: act.into(),
                reason: refusal::sentence(&data).unwrap_or_else(|| plain::line(&said.message)),
                data,
            }
        }
        None => ChainError::Unreachable(Box::new(error)),
    }
}

/// What a call would cost in gas; refused in the contract's words where it would revert.
///
/// # Errors
/// Where the chain cannot be reached or the call would revert.
pub async fn estimated(chain: &DynProvider, act: &str, tx: &TransactionRequest) -> Result<u64, ChainError> {
    chain
        .estimate_gas(tx.clone())
        .await
        .map_err(|error| refused(act, error))
}

/// What these calls would take in gas, each named, sent one after the other upon what the ones before it leave; none where
/// the node cannot simulate so. Nothing is sent.
///
/// # Errors
/// Where the chain cannot be reached, or a call would be refused.
pub async fn simulated(
    chain: &DynProvider,
    calls: &[(&str, TransactionRequest)],
) -> Result<Option<Vec<u64>>, ChainError> {
    if calls.is_empty() {
        return Ok(Some(Vec::new()));
    }
    // A block each, since a founding may be more than one block holds.
    let blocks = calls
        .iter()
        .map(|(_, call)| SimBlock::default().call(call.clone()));
    let payload = SimulatePayload {
        block_state_calls: blocks.collect(),
        trace_transfers: false,
        validation: false,
        return_full_transactions: false,
    };
    let played = match chain.simulate(&payload).await {
        Ok(played) => played,
        Err(error) if error.is_error_resp() => return Ok(None),
        Err(error) => return Err(unreachable(error)),
    };
    let played: Vec<_> = played.into_iter().flat_map(|block| block.calls).collect();
    if played.len() != calls.len() {
        return Ok(None);
    }
    for ((act, _), call) in calls.iter().zip(&played) {
        if !call.status {
            let said = call
                .error
                .as_ref()
                .map_or_else(String::new, |error| plain::line(&error.message));
            return Err(ChainError::Refused {
                act: (*act).to_owned(),
                reason: refusal::sentence(&call.return_data).unwrap_or(said),
                data: call.return_data.clone(),
            });
        }
    }
    Ok(Some(played.iter().map(|call| call.gas_used).collect()))
}

/// Simulates, sends, and waits until it is in a block.
///
/// # Errors
/// Where it would revert, did revert, or was not mined in time.
pub async fn land(
    chain: &DynProvider,
    act: &str,
    tx: TransactionRequest,
) -> Result<TransactionReceipt, ChainError> {
    let gas = estimated(chain, act, &tx).await?;
    land_with_gas(chain, act, tx, gas_limit(gas)).await
}

/// Estimates anew, and lands within the gas limit and at the fee that whoever pays was told.
///
/// # Errors
/// Where it would take more, would revert, did revert, or was not mined in time; but for the last two nothing is sent.
pub async fn land_within(
    chain: &DynProvider,
    act: &str,
    tx: TransactionRequest,
    told: u64,
    fee: Fee,
) -> Result<TransactionReceipt, ChainError> {
    let wanted = estimated(chain, act, &tx).await?;
    if wanted > told {
        return Err(ChainError::Dearer {
            act: act.into(),
            told,
            wanted,
        });
    }
    sent(chain, act, tx, told, fee).await
}

/// What is sent with a call foreseen to cost this much. An estimate is for the state it was made on; a fifth more covers
/// what may change until the block.
#[must_use]
pub const fn gas_limit(foreseen: u64) -> u64 {
    foreseen + foreseen / 5
}

/// Sends with this much gas, without simulating it first, and waits until it is in a block.
///
/// # Errors
/// Where it reverted, or was not mined in time.
pub async fn land_with_gas(
    chain: &DynProvider,
    act: &str,
    tx: TransactionRequest,
    gas: u64,
) -> Result<TransactionReceipt, ChainError> {
    let fee = Fee::now(chain).await?;
    sent(chain, act, tx, gas, fee).await
}

/// What is offered for each unit of gas, in wei. What is told of it is what is signed, since a node may say one price
/// when it is asked for it and another when a transaction is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fee {
    /// Never more than `most`; `tip` of it, which is no more than that, to whoever makes the block (EIP-1559).
    Capped {
        /// The most that a unit can cost.
        most: u128,
        /// What of it is not the chain's own.
        tip: u128,
    },
    /// This, on a chain that has no other price.
    Flat(u128),
}

impl Fee {
    /// What would be taken now, with room for the price to double.
    ///
    /// # Errors
    /// Where the chain cannot be asked.
    pub async fn now(chain: &DynProvider) -> Result<Self, ChainError> {
        match chain.estimate_eip1559_fees().await {
            Ok(fees) => Ok(Self::Capped {
                most: fees.max_fee_per_gas,
                tip: fees.max_priority_fee_per_gas.min(fees.max_fee_per_gas),
            }),
            Err(RpcError::UnsupportedFeature(_)) => {
                Ok(Self::Flat(chain.get_gas_price().await.map_err(unreachable)?))
            }
            Err(error) => Err(unreachable(error)),
        }
    }

    /// The most that this much gas costs, in whole coins of the chain, for people.
    #[must_use]
    pub fn cost(self, gas: u64) -> String {
        coins(self.wei(gas))
    }

    fn wei(self, gas: u64) -> u128 {
        let (Self::Capped { most, .. } | Self::Flat(most)) = self;
        u128::from(gas).saturating_mul(most)
    }

    fn on(self, tx: TransactionRequest) -> TransactionRequest {
        match self {
            Self::Capped { most, tip } => tx.with_max_fee_per_gas(most).with_max_priority_fee_per_gas(tip),
            Self::Flat(price) => tx.with_gas_price(price),
        }
    }
}

async fn sent(
    chain: &DynProvider,
    act: &str,
    tx: TransactionRequest,
    gas: u64,
    fee: Fee,
) -> Result<TransactionReceipt, ChainError> {
    let account = tx.from;
    let pending = match chain.send_transaction(fee.on(tx).with_gas_limit(gas)).await {
        Ok(pending) => pending,
        Err(error) => {
            // Each node words it otherwise, so the account is asked, not the words.
            if let (Some(account), true) = (account, error.is_error_resp()) {
                funded(chain, account, fee.wei(gas)).await?;
            }
            return Err(refused(act, error));
        }
    };
    let hash = *pending.tx_hash();
    let receipt = pending
        .with_timeout(Some(PATIENCE))
        .get_receipt()
        .await
        .map_err(|error| match error {
            PendingTransactionError::TransportError(error) => refused(act, error),
            _ => ChainError::Pending {
                act: act.into(),
                tx: hash,
            },
        })?;
    if receipt.status() {
        Ok(receipt)
    } else {
        Err(ChainError::Refused {
            act: act.into(),
            reason: format!("it reverted in {hash}"),
            data: Bytes::new(),
        })
    }
}

/// Refuses where an account holds less than this much wei.
async fn funded(chain: &DynProvider, account: Address, wanted: u128) -> Result<(), ChainError> {
    let holds: u128 = chain
        .get_balance(account)
        .await
        .map_err(unreachable)?
        .saturating_to();
    if holds >= wanted {
        return Ok(());
    }
    Err(ChainError::Unfunded {
        account,
        holds: coins(holds),
        wanted: coins(wanted),
    })
}

/// Wei in whole coins of the chain, for people.
#[must_use]
pub fn coins(wei: u128) -> String {
    let text = alloy::primitives::utils::format_ether(wei);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A call to a contract as a transaction.
#[must_use]
pub fn call(from: Address, to: Address, data: Bytes) -> TransactionRequest {
    TransactionRequest::default()
        .with_from(from)
        .with_to(to)
        .with_input(data)
        .with_value(U256::ZERO)
}

/// Every event of one kind that a contract gave since a block, oldest first.
///
/// # Errors
/// Where the chain cannot be reached.
pub async fn events<E: SolEvent>(
    chain: &DynProvider,
    at: Address,
    since: u64,
) -> Result<Vec<Log<E>>, ChainError> {
    let newest = chain.get_block_number().await.map_err(unreachable)?;
    let mut found = Vec::new();
    let mut from = since;
    while from <= newest {
        let to = newest.min(from + SPAN - 1);
        let filter = Filter::new()
            .address(at)
            .event_signature(E::SIGNATURE_HASH)
            .from_block(from)
            .to_block(to);
        let logs = chain.get_logs(&filter).await.map_err(unreachable)?;
        found.extend(logs.iter().filter_map(|log| log.log_decode::<E>().ok()));
        from = to + 1;
    }
    Ok(found)
}

/// The chain's own time: the latest block's, unix seconds.
///
/// # Errors
/// Where the chain cannot be reached.
pub async fn time(chain: &DynProvider) -> Result<u64, ChainError> {
    time_of(chain, BlockNumberOrTag::Latest).await
}

/// A block's time, unix seconds.
///
/// # Errors
/// Where the chain cannot be reached, or has no such block.
pub async fn time_of(chain: &DynProvider, block: BlockNumberOrTag) -> Result<u64, ChainError> {
    let read = chain.get_block_by_number(block).await.map_err(unreachable)?;
    let read = read.ok_or_else(|| ChainError::Refused {
        act: format!("the block {block}"),
        reason: "the node has none".into(),
        data: Bytes::new(),
    })?;
    Ok(read.header.timestamp)
}
