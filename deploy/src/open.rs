//! Opening a subcontract after ignition (R5 track A): the sponsor opens it, then enrols the stream it settles on.
//!
//! *In*: an [`Opening`], a [`Deployment`], a chain. *Out*: where it stands, and the two calls that bring it there.
//! What the chain shows done is found again by its sponsor and terms, so an opening can be stopped anywhere and run again.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::providers::DynProvider;
use alloy::sol_types::SolValue;
use hearth_bindings::{Charter, Docket, Firewood, Mandates, Roster};
use serde::Serialize;
use thiserror::Error;

use crate::act::Deed;
use crate::artifacts::Artifacts;
use crate::chain::{self, ChainError, asked};
use crate::found::{Deployment, Named};
use crate::kit::{Opening, StreamTerms, SubcontractTerms};
use crate::plan::{FirewoodTerms, firewood_terms, stream_terms};

/// A subcontract is open for this long before it can be enacted, seconds (R5 track A).
pub const OPEN_AT_LEAST: u64 = 72 * 3_600;
/// After this long it lapses, seconds.
pub const OPEN_AT_MOST: u64 = 30 * 86_400;

/// A subcontract's states in words, by the contracts' `SubcontractState` (R5.6).
const STATES: [&str; 6] = ["none", "open", "enacted", "active", "suspended", SUNSET];
/// The state of what is over: taken back, lapsed or ended.
pub const SUNSET: &str = "sunset";

/// A subcontract's state, as the contracts number it.
pub(crate) fn state_in_words(state: u8) -> &'static str {
    STATES.get(usize::from(state)).copied().unwrap_or("unknown")
}

/// A subcontract that somebody opened after ignition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    /// Its number.
    pub subcontract: u16,
    /// Where it stands in its life (R5.6).
    pub state: &'static str,
    /// The member who opened it.
    pub sponsor: u16,
    /// Its contract.
    pub address: Address,
    /// What a mandate for it consents to (R5.5).
    pub terms_hash: B256,
    /// The stream its terms name.
    pub stream: u16,
    /// True where that stream is enrolled and feeds it.
    pub enrolled: bool,
    /// Members with a mandate for it.
    pub signers: u16,
    /// Fewest of them for it to be enacted.
    pub fewest_signers: u16,
    /// Objections raised, those of members who signed or left since among them.
    pub objections: usize,
    /// Unix second from which it can be enacted.
    pub from: u64,
    /// Unix second after which it lapses.
    pub until: u64,
}

/// Why an opening cannot go on.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The chain could not be asked, or refused.
    #[error("the opening stopped")]
    Chain(#[from] ChainError),
    /// The file names a member whom the charter has not.
    #[error("{what}: given {given}, wanted the number of a present member; `hearth status` lists them")]
    NoMember {
        /// Which key of the file.
        what: &'static str,
        /// What it gives.
        given: usize,
    },
    /// A device whose key cannot be told from one that the docket knows.
    #[error(
        "devices[{at}]: given the key {key}, which belongs to stream {stream} for ever, wanted one that no stream has had; \
         `hearth-oracle key device` makes one"
    )]
    DeviceTaken {
        /// Which of the file's devices, from 0.
        at: usize,
        /// Its key.
        key: B256,
        /// Whose it is.
        stream: u16,
    },
    /// Another stream got the number first.
    #[error(
        "subcontract {subcontract} names stream {stream}, which another was enrolled as meanwhile: take it back by `hearth withdraw-proposal {subcontract}`, then open it again"
    )]
    StreamTaken {
        /// What was opened.
        subcontract: u16,
        /// The number its terms name.
        stream: u16,
    },
}

impl Opening {
    /// Refuses what the charter's contracts would refuse only once something was sent.
    ///
    /// # Errors
    /// Where the file names a member or a device that cannot be, or the chain cannot be asked.
    pub async fn check(&self, chain: &DynProvider, place: &Deployment) -> Result<(), OpenError> {
        let roster = Roster::new(place.roster, chain);
        for (what, position) in [
            ("subcontracts[0].provider", self.subcontract.provider),
            ("streams[0].custodian", self.stream.custodian),
        ] {
            let given = position + 1;
            let member = u16::try_from(given).unwrap_or_default();
            let present = roster.isMember(member).call().await;
            if !present.map_err(asked("looking a member up in the roster"))? {
                return Err(OpenError::NoMember { what, given });
            }
        }
        let taken = devices(chain, place).await?;
        for (at, device) in self.stream.devices.iter().enumerate() {
            if let Some(stream) = taken.get(&device.key[..8]) {
                return Err(OpenError::DeviceTaken {
                    at,
                    key: device.key,
                    stream: *stream,
                });
            }
        }
        Ok(())
    }

    /// What the sponsor does first. The terms name the stream, so they hold for the docket's next number only.
    ///
    /// # Errors
    /// Where the chain cannot be asked.
    pub async fn deed(&self, chain: &DynProvider, place: &Deployment) -> Result<Deed, ChainError> {
        let streams = streams(chain, place).await?;
        Ok(Deed::Open {
            code: Artifacts::embedded().firewood,
            terms: self.terms(streams + 1),
        })
    }

    fn terms(&self, stream: u16) -> Bytes {
        firewood_terms(&SubcontractTerms {
            stream: position(stream),
            ..self.subcontract.clone()
        })
    }

    /// The one this sponsor opened with these terms that has not ended, where there is one.
    ///
    /// # Errors
    /// Where the chain cannot be asked.
    pub async fn find(
        &self,
        chain: &DynProvider,
        place: &Deployment,
        sponsor: u16,
    ) -> Result<Option<Opened>, ChainError> {
        let template = keccak256(&Artifacts::embedded().firewood);
        for opened in all(chain, place).await?.into_iter().rev() {
            let event = &opened.event;
            if event.sponsor != sponsor || event.template != template {
                continue;
            }
            let Ok(terms) = FirewoodTerms::abi_decode(&event.terms) else {
                continue;
            };
            let read = opened.read(chain, place, terms.stream).await?;
            if self.terms(terms.stream) == event.terms && !["none", SUNSET].contains(&read.state) {
                return Ok(Some(read));
            }
        }
        Ok(None)
    }

    /// What the sponsor does next: enrol the stream of what they opened; none where it is.
    ///
    /// # Errors
    /// Where its number is another's, or the chain cannot be asked.
    pub async fn enrolment(
        &self,
        chain: &DynProvider,
        place: &Deployment,
        opened: &Opened,
    ) -> Result<Option<Deed>, OpenError> {
        if opened.enrolled {
            return Ok(None);
        }
        if streams(chain, place).await? >= opened.stream {
            return Err(OpenError::StreamTaken {
                subcontract: opened.subcontract,
                stream: opened.stream,
            });
        }
        let stream = StreamTerms {
            subcontract: position(opened.subcontract),
            ..self.stream.clone()
        };
        Ok(Some(Deed::EnrolStream {
            terms: Box::new(stream_terms(&stream, Some(&self.subcontract))),
        }))
    }

    /// Notes the names of the file in the deployment, for whoever reads it.
    pub fn name_in(&self, place: &mut Deployment, opened: &Opened) {
        if place.name_of(opened.address).is_none() {
            place.subcontracts.push(Named {
                name: self.subcontract.name.clone(),
                address: opened.address,
            });
        }
        if place.streams.len() == position(opened.stream) {
            place.streams.push(self.stream.name.clone());
        }
    }
}

/// Where a subcontract stands in its life, in words (R5.6).
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn state(
    chain: &DynProvider,
    place: &Deployment,
    subcontract: u16,
) -> Result<&'static str, ChainError> {
    let charter = Charter::new(place.charter, chain);
    let state = charter.stateOf(subcontract).call().await;
    let state = state.map_err(asked("reading a subcontract"))?;
    Ok(state_in_words(state))
}

/// How one subcontract that was opened after ignition stands; none where it was not.
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn opened(
    chain: &DynProvider,
    place: &Deployment,
    subcontract: u16,
) -> Result<Option<Opened>, ChainError> {
    let all = all(chain, place).await?;
    let Some(found) = all.iter().find(|one| one.event.subcontract == subcontract) else {
        return Ok(None);
    };
    // So far there is one template; what another one settles on, only that one could say.
    let stream = FirewoodTerms::abi_decode(&found.event.terms).map_or(0, |terms| terms.stream);
    Ok(Some(found.read(chain, place, stream).await?))
}

struct Found {
    event: Charter::Opened,
    block: u64,
}

async fn all(chain: &DynProvider, place: &Deployment) -> Result<Vec<Found>, ChainError> {
    let logs = chain::events::<Charter::Opened>(chain, place.charter, place.from_block).await?;
    let later = logs.into_iter().filter(|log| log.inner.sponsor != 0);
    Ok(later
        .map(|log| Found {
            block: log.block_number.unwrap_or_default(),
            event: log.inner.data,
        })
        .collect())
}

impl Found {
    async fn read(&self, chain: &DynProvider, place: &Deployment, stream: u16) -> Result<Opened, ChainError> {
        let id = self.event.subcontract;
        let signers = Mandates::new(place.mandates, chain).signerCount(id).call().await;
        let fewest = Firewood::new(self.event.place, chain)
            .minimumSigners()
            .call()
            .await;
        let enrolled = stream != 0 && streams(chain, place).await? >= stream && {
            let read = Docket::new(place.docket, chain).streamOf(stream).call().await;
            read.map_err(asked("reading a stream"))?.terms.subcontract == id
        };
        let objections = chain::events::<Charter::Objected>(chain, place.charter, place.from_block).await?;
        let opened = chain::time_of(chain, self.block.into()).await?;
        Ok(Opened {
            subcontract: id,
            state: state(chain, place, id).await?,
            sponsor: self.event.sponsor,
            address: self.event.place,
            terms_hash: self.event.termsHash,
            stream,
            enrolled,
            signers: signers.map_err(asked("counting signers"))?,
            fewest_signers: fewest.map_err(asked("reading a subcontract"))?,
            objections: objections
                .iter()
                .filter(|log| log.inner.subcontract == id)
                .count(),
            from: opened + OPEN_AT_LEAST,
            until: opened + OPEN_AT_MOST,
        })
    }
}

async fn streams(chain: &DynProvider, place: &Deployment) -> Result<u16, ChainError> {
    let docket = Docket::new(place.docket, chain);
    docket
        .streamCount()
        .call()
        .await
        .map_err(asked("counting streams"))
}

/// The stream of every device there ever was, by the first eight bytes of its key, which are its id (R7.2).
async fn devices(chain: &DynProvider, place: &Deployment) -> Result<BTreeMap<Vec<u8>, u16>, ChainError> {
    let mut all = BTreeMap::new();
    let mut add = |key: B256, stream| all.insert(key[..8].to_vec(), stream);
    for log in chain::events::<Docket::StreamEnrolled>(chain, place.docket, place.from_block).await? {
        for device in &log.inner.terms.devices {
            add(device.key, log.inner.stream);
        }
    }
    for log in chain::events::<Docket::DeviceReplaced>(chain, place.docket, place.from_block).await? {
        add(log.inner.device.key, log.inner.stream);
    }
    Ok(all)
}

/// Ids count from 1, positions from 0.
fn position(id: u16) -> usize {
    usize::from(id).saturating_sub(1)
}
