//! The templates this release knows, and how a subcontract on the chain is told to be of one of them (R19).
//!
//! *In*: a subcontract's number. *Out*: where it stands. *Refuses*: a number nobody opened, and code that is no template
//! of this release: what such code answers, or does when it is called, nobody here can say.

use alloy::primitives::{Address, B256, keccak256};
use alloy::providers::DynProvider;
use hearth_bindings::{Charter, Firewood};
use thiserror::Error;

use crate::chain::{self, ChainError, asked};
use crate::found::Deployment;

/// Why a subcontract is not dealt with.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// Nobody opened it.
    #[error("there is no subcontract {given}; `hearth status` lists those there are")]
    NoSubcontract {
        /// The number given.
        given: u16,
    },
    /// It was opened, and the node does not show by what code.
    #[error(
        "subcontract {subcontract} was opened, but this node has no log of it, which says what code it runs; ask a node that keeps all logs, by --rpc-url, and sign nothing of it otherwise"
    )]
    NoLog {
        /// Which.
        subcontract: u16,
    },
    /// Its code is of another release, or of nobody's.
    #[error(
        "subcontract {subcontract} runs the code {found}, which is no template of this release, wanted {wanted}: what it does with a call nobody here can say; use the release it was opened with, and sign nothing of it otherwise"
    )]
    Unknown {
        /// Which.
        subcontract: u16,
        /// Hash of its creation code.
        found: B256,
        /// Hash of firewood's, so far the only template.
        wanted: B256,
    },
    /// The chain could not be asked.
    #[error("the subcontract could not be looked at")]
    Chain(#[from] ChainError),
}

/// Where a subcontract stands, if it is firewood as this release knows it.
///
/// # Errors
/// See [`TemplateError`].
pub async fn known(
    chain: &DynProvider,
    place: &Deployment,
    subcontract: u16,
) -> Result<Address, TemplateError> {
    let charter = Charter::new(place.charter, chain);
    let at = charter.subcontractAt(subcontract).call().await;
    let at = at.map_err(asked("looking for the subcontract"))?;
    if at.is_zero() {
        return Err(TemplateError::NoSubcontract { given: subcontract });
    }
    let all = chain::events::<Charter::Opened>(chain, place.charter, place.from_block).await?;
    let opened = (all.into_iter())
        .map(|log| log.inner.data)
        .find(|one| one.subcontract == subcontract && one.place == at)
        .ok_or(TemplateError::NoLog { subcontract })?;
    let wanted = keccak256(&Firewood::BYTECODE);
    if opened.template != wanted {
        return Err(TemplateError::Unknown {
            subcontract,
            found: opened.template,
            wanted,
        });
    }
    Ok(at)
}
