//! What the docket holds, read for whoever needs it: the accepted reports, and the terms of streams.
//!
//! *In*: a [`Deployment`], a chain. *Out*: the docket's own words. Everything comes from views and events.

use std::collections::BTreeMap;

use alloy::primitives::B256;
use alloy::providers::DynProvider;
use hearth_bindings::Docket;
use hearth_oracle_core::chain::Domain;
use hearth_oracle_core::report::{Report, as_parent};
use hearth_oracle_core::types::{StreamId, SubcontractId};

use crate::chain::{self, ChainError, asked};
use crate::found::Deployment;

/// Every accepted report with its parent, and the unix second at which it was accepted, oldest first.
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn reports(chain: &DynProvider, place: &Deployment) -> Result<Vec<(Report, u64)>, ChainError> {
    let docket = Docket::new(place.docket, chain);
    let domain = Domain {
        chain_id: place.chain_id,
        docket: place.docket,
    };
    let mut parents: BTreeMap<(SubcontractId, StreamId), B256> = BTreeMap::new();
    let mut found = Vec::new();
    for log in chain::events::<Docket::Accepted>(chain, place.docket, place.from_block).await? {
        let accepted = &log.inner;
        let unreadable = |source| ChainError::Report {
            docket: place.docket,
            source,
        };
        let mut report = Report::read(accepted.header, accepted.envelopes, accepted.payload.clone())
            .map_err(unreadable)?;
        let pair = (report.subcontract, report.stream);
        report.parent = parents.get(&pair).copied().unwrap_or_default();
        parents.insert(pair, as_parent(report.digest(&domain)));
        let epoch = alloy::primitives::aliases::U24::saturating_from(report.epoch.0);
        let read = docket
            .accepted(report.subcontract.0, report.stream.0, epoch)
            .call()
            .await
            .map_err(asked("reading a report"))?;
        found.push((report, read._1.to::<u64>()));
    }
    Ok(found)
}

/// A stream's terms.
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn stream(
    chain: &DynProvider,
    place: &Deployment,
    stream: u16,
) -> Result<Docket::StreamTerms, ChainError> {
    let read = Docket::new(place.docket, chain).streamOf(stream).call().await;
    Ok(read.map_err(asked("reading a stream"))?.terms)
}
