//! Founding, the one path used by tests, demo and testnets alike (R2).
//!
//! *In*: a [`Plan`], the founders' signatures, a chain with somebody's gas purse. *Out*: a [`Deployment`].
//! *Refuses*: signatures for another plan. Each step is looked up, then simulated, then sent; what is done is skipped, so it
//! can be stopped anywhere and run again. *Never*: holds a key of its own.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use alloy::providers::{DynProvider, Provider};
use alloy::sol_types::SolCall;
use hearth_bindings::{Charter, Docket};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chain::{self, ChainError, asked, unreachable};
use crate::kit::Kit;
use crate::plan::{Done, Plan, Step};
use crate::sign::{SignError, Signature};

/// How far a founding is; told before each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// This step, from 1.
    pub step: usize,
    /// Steps in all.
    pub of: usize,
    /// What it does, in words.
    pub label: String,
    /// What became of it.
    pub state: State,
}

/// What becomes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The chain shows it done already.
    Skipped,
    /// It is being sent.
    Sending,
    /// It is in a block; the gas it took.
    Landed(u64),
}

/// What stands on the chain, as `deployments/<chain-id>.json` holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Always 1.
    pub v: u8,
    /// The charter's name.
    pub name: String,
    /// The chain's id.
    pub chain_id: u64,
    /// The network name in topics and signatures.
    pub network: String,
    /// The settlement token.
    pub token: Address,
    /// True where founding deployed it, and anybody may mint it.
    pub practice_token: bool,
    /// The charter.
    pub charter: Address,
    /// The roster.
    pub roster: Address,
    /// The ledger.
    pub ledger: Address,
    /// The committee.
    pub committee: Address,
    /// The docket.
    pub docket: Address,
    /// The mandates.
    pub mandates: Address,
    /// The first set of subcontracts, ids from 1; then what was opened later, as this machine knows it.
    pub subcontracts: Vec<Named>,
    /// Streams, ids from 1.
    pub streams: Vec<String>,
    /// Founders, member ids from 1.
    pub members: Vec<Named>,
    /// Seats, from 0.
    pub seats: Vec<Named>,
    /// No event of this charter is older than this block.
    pub from_block: u64,
    /// Founders whose signature the charter holds, by number.
    pub signed: Vec<u16>,
    /// Ignition, unix seconds; 0 before it.
    pub t0: u64,
}

/// A name for people beside an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The address.
    pub address: Address,
}

/// Why a founding stopped.
#[derive(Debug, Error)]
pub enum FoundError {
    /// A step failed; the same command goes on from there.
    #[error("step {step} of {of}, {label}")]
    Step {
        /// Which step.
        step: usize,
        /// Steps in all.
        of: usize,
        /// What it does.
        label: String,
        /// Why it failed.
        #[source]
        source: ChainError,
    },
    /// The chain could not be asked.
    #[error("the chain could not be asked")]
    Chain(#[from] ChainError),
    /// A signature does not fit.
    #[error("a signature does not fit this plan")]
    Signature(#[from] SignError),
    /// The chain is another than the one planned for.
    #[error("the chain's id is {given}, wanted {wanted}; is --rpc-url right?")]
    OtherChain {
        /// The node's.
        given: u64,
        /// The plan's.
        wanted: u64,
    },
    /// The deterministic deployment proxy is missing.
    #[error(
        "there is no deployment proxy at {at} on this chain; deploy it once with its well-known transaction"
    )]
    NoProxy {
        /// Where it should be.
        at: Address,
    },
    /// The deployment's file could not be written or read.
    #[error("{path} could not be written or read")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Founds, or goes on founding: every step of the plan, then every signature given. `sender` pays the gas.
///
/// # Errors
/// See [`FoundError`]; whatever had landed is skipped the next time.
pub async fn found(
    chain: &DynProvider,
    sender: Address,
    kit: &Kit,
    plan: &Plan,
    signatures: &[Signature],
    mut progress: impl FnMut(Progress),
) -> Result<Deployment, FoundError> {
    for signature in signatures {
        signature.check(kit, plan)?;
    }
    let given = chain.get_chain_id().await.map_err(unreachable)?;
    if given != plan.foreseen.chain_id {
        return Err(FoundError::OtherChain {
            given,
            wanted: plan.foreseen.chain_id,
        });
    }
    if !has_code(chain, crate::plan::PROXY).await? {
        return Err(FoundError::NoProxy {
            at: crate::plan::PROXY,
        });
    }

    let of = plan.steps.len() + signatures.len();
    let signing = signatures.iter().map(|signature| sign_step(plan, signature));
    let planned = plan.steps.iter().map(|step| (step.clone(), None));
    for (number, (step, founder)) in planned.chain(signing).enumerate() {
        let mut tell = |state| {
            progress(Progress {
                step: number + 1,
                of,
                label: step.label.clone(),
                state,
            })
        };
        let failed = |source| FoundError::Step {
            step: number + 1,
            of,
            label: step.label.clone(),
            source,
        };
        if is_done(chain, plan, &step, founder).await.map_err(failed)? {
            tell(State::Skipped);
            continue;
        }
        tell(State::Sending);
        let tx = chain::call(sender, step.to, step.data.clone());
        let receipt = chain::land(chain, &step.label, tx).await.map_err(failed)?;
        tell(State::Landed(receipt.gas_used));
    }
    Ok(survey(chain, kit, plan).await?)
}

/// Ignites the charter (R2.2), unless it is ignited already. Anyone may.
///
/// # Errors
/// Where the charter refuses, in its own words: signatures or seats missing.
pub async fn ignite(
    chain: &DynProvider,
    sender: Address,
    kit: &Kit,
    plan: &Plan,
) -> Result<Deployment, ChainError> {
    let charter = Charter::new(plan.foreseen.charter, chain);
    if charter
        .t0()
        .call()
        .await
        .map_err(asked("reading the ignition"))?
        .is_zero()
    {
        let data = Charter::igniteCall {}.abi_encode().into();
        chain::land(chain, "ignite", chain::call(sender, plan.foreseen.charter, data)).await?;
    }
    survey(chain, kit, plan).await
}

/// The transaction that carries one founder's signature.
#[must_use]
pub fn sign_step(plan: &Plan, signature: &Signature) -> (Step, Option<u16>) {
    let call = Charter::signCall {
        founder: signature.member,
        consent: signature.consent.call(),
        signature: signature.signature.clone(),
    };
    let step = Step {
        label: format!("carry the signature of {}", signature.name),
        to: plan.foreseen.charter,
        data: call.abi_encode().into(),
        done: Done::Code(Address::ZERO),
    };
    (step, Some(signature.member))
}

async fn is_done(
    chain: &DynProvider,
    plan: &Plan,
    step: &Step,
    founder: Option<u16>,
) -> Result<bool, ChainError> {
    if let Some(founder) = founder {
        let charter = Charter::new(plan.foreseen.charter, chain);
        return charter
            .founderSigned(founder)
            .call()
            .await
            .map_err(asked("reading a signature"));
    }
    match step.done {
        Done::Code(at) => has_code(chain, at).await,
        Done::Streams(count) => {
            let docket = Docket::new(plan.foreseen.docket, chain);
            Ok(docket
                .streamCount()
                .call()
                .await
                .map_err(asked("counting streams"))?
                >= count)
        }
    }
}

/// True where a contract stands at this address.
///
/// # Errors
/// Where the chain cannot be reached.
pub async fn has_code(chain: &DynProvider, at: Address) -> Result<bool, ChainError> {
    Ok(!chain.get_code_at(at).await.map_err(unreachable)?.is_empty())
}

/// Which steps of the plan the chain shows done, in order; then which of the signatures it holds.
///
/// # Errors
/// Where the chain cannot be reached.
pub async fn done(
    chain: &DynProvider,
    plan: &Plan,
    signatures: &[Signature],
) -> Result<Vec<bool>, ChainError> {
    let proposed = has_code(chain, plan.foreseen.charter).await?;
    let mut all = Vec::with_capacity(plan.steps.len() + signatures.len());
    for step in &plan.steps {
        // The docket can only be asked once it is there.
        let asked = match step.done {
            Done::Streams(_) => has_code(chain, plan.foreseen.docket).await?,
            Done::Code(_) => true,
        };
        all.push(asked && is_done(chain, plan, step, None).await?);
    }
    for signature in signatures {
        let (step, founder) = sign_step(plan, signature);
        all.push(proposed && is_done(chain, plan, &step, founder).await?);
    }
    Ok(all)
}

async fn survey(chain: &DynProvider, kit: &Kit, plan: &Plan) -> Result<Deployment, ChainError> {
    let foreseen = &plan.foreseen;
    let charter = Charter::new(foreseen.charter, chain);
    let mut signed = Vec::new();
    for member in 1..=u16::try_from(kit.founders.len()).unwrap_or(u16::MAX) {
        if charter
            .founderSigned(member)
            .call()
            .await
            .map_err(asked("reading a signature"))?
        {
            signed.push(member);
        }
    }
    let t0 = charter.t0().call().await.map_err(asked("reading the ignition"))?;
    let from_block = birth(chain, foreseen.charter).await?;
    let named = |names: Vec<(&str, Address)>| {
        names
            .into_iter()
            .map(|(name, address)| Named {
                name: name.to_owned(),
                address,
            })
            .collect()
    };
    Ok(Deployment {
        v: 1,
        name: kit.name.clone(),
        chain_id: foreseen.chain_id,
        network: foreseen.network.clone(),
        token: foreseen.token,
        practice_token: kit.token.is_none(),
        charter: foreseen.charter,
        roster: foreseen.roster,
        ledger: foreseen.ledger,
        committee: foreseen.committee,
        docket: foreseen.docket,
        mandates: foreseen.mandates,
        subcontracts: named(
            kit.subcontracts
                .iter()
                .map(|terms| terms.name.as_str())
                .zip(foreseen.subcontracts.iter().copied())
                .collect(),
        ),
        streams: kit.streams.iter().map(|stream| stream.name.clone()).collect(),
        members: named(
            kit.founders
                .iter()
                .map(|founder| (founder.name.as_str(), founder.key))
                .collect(),
        ),
        seats: named(
            kit.seats
                .iter()
                .map(|seat| (seat.name.as_str(), seat.identity))
                .collect(),
        ),
        from_block,
        signed,
        t0: t0.to::<u64>(),
    })
}

/// The first block at or after the charter's proposal: found by halving over headers, which every node keeps.
async fn birth(chain: &DynProvider, charter: Address) -> Result<u64, ChainError> {
    let proposed = Charter::new(charter, chain)
        .proposedAt()
        .call()
        .await
        .map_err(asked("reading the proposal"))?;
    let (mut before, mut by) = (0, chain.get_block_number().await.map_err(unreachable)?);
    while before < by {
        let middle = before + (by - before) / 2;
        let block = chain
            .get_block_by_number(middle.into())
            .await
            .map_err(unreachable)?;
        if block.is_some_and(|block| block.header.timestamp >= proposed.to::<u64>()) {
            by = middle;
        } else {
            before = middle + 1;
        }
    }
    Ok(by)
}

impl Deployment {
    /// Where a folder keeps what was founded on a chain.
    #[must_use]
    pub fn path(folder: &Path, chain_id: u64) -> PathBuf {
        folder.join(format!("{chain_id}.json"))
    }

    /// Writes it as `<folder>/<chain-id>.json`. Names noted there of what was opened after ignition are kept.
    ///
    /// # Errors
    /// Where the folder or file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, FoundError> {
        let path = Self::path(folder, self.chain_id);
        let failed = |source| FoundError::File {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut whole = self.clone();
        if let Ok(before) = Self::read(&path)
            && before.charter == self.charter
        {
            let (subcontracts, streams) = (whole.subcontracts.len(), whole.streams.len());
            whole
                .subcontracts
                .extend(before.subcontracts.into_iter().skip(subcontracts));
            whole.streams.extend(before.streams.into_iter().skip(streams));
        }
        let text = serde_json::to_string_pretty(&whole).map_err(|error| failed(error.into()))?;
        std::fs::write(&path, text + "\n").map_err(failed)?;
        Ok(path)
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// Where the file cannot be read or is no deployment.
    pub fn read(path: &Path) -> Result<Self, FoundError> {
        let failed = |source| FoundError::File {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        serde_json::from_str(&text).map_err(|error| failed(error.into()))
    }
}
