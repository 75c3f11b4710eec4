//! A founder's one signature: the proposal, and what they bind themselves to, in words (R2.1).
//!
//! *In*: a [`Plan`], a consent, a key. *Out*: a [`Signature`], kept as a file, so that founders sign on their own machines.
//! *Refuses*: a file that does not belong to this plan, or whose key is not the founder's.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, aliases::U40};
use alloy::signers::{Signer, SignerSync, local::PrivateKeySigner};
use alloy::sol;
use alloy::sol_types::{Eip712Domain, SolStruct, eip712_domain};
use hearth_bindings::Charter;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::amount::Amount;
use crate::kit::{ConsentTerms, Kit};
use crate::plan::Plan;

sol! {
    /// What a founder's wallet shows (R1.8).
    #[derive(Debug, PartialEq, Eq)]
    struct FoundCharter {
        string deed;
        bytes32 proposal;
        string mostPerPeriod;
        string mandates;
        uint8 band;
        bytes32 badge;
    }
}

/// The deed's fixed sentence; the charter checks its hash.
pub const DEED: &str = "I found this charter as proposed and grant the mandates below.";

/// A mandate runs at most this long (R1.5), seconds.
pub const LONGEST_MANDATE: u64 = 365 * 86_400;

/// One founder's signature, as its file holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signature {
    /// Always 1.
    pub v: u8,
    /// Always `FoundCharter`.
    pub deed: String,
    /// The founder's name, for people.
    pub name: String,
    /// The founder's number, from 1.
    pub member: u16,
    /// The key that signed.
    pub key: Address,
    /// The chain's id.
    pub chain_id: u64,
    /// The charter's address, foreseen.
    pub charter: Address,
    /// Hash of the proposal.
    pub proposal: B256,
    /// What the founder consents to.
    pub consent: Consent,
    /// 65 bytes for a plain key; whatever EIP-1271 asks of a contract account.
    pub signature: Bytes,
}

/// What one signature carries beside the proposal, units of H.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consent {
    /// Own bound across all subcontracts, per period.
    pub most_per_period: u64,
    /// One mandate for each subcontract consented to.
    pub mandates: Vec<Mandate>,
    /// Declared band 0..7 (R8).
    pub band: u8,
    /// Hash of the badge that says who takes; zero for none.
    pub badge: B256,
}

/// The caps of one mandate, units of H.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mandate {
    /// The subcontract's number.
    pub subcontract: u16,
    /// One line of one report.
    pub per_event: u64,
    /// One fixed period of 30 days.
    pub per_period: u64,
    /// Shares of what nobody took, per period.
    pub shared_per_period: u64,
    /// Unix seconds.
    pub expiry: u64,
}

/// Why a signature could not be made or taken.
#[derive(Debug, Error)]
pub enum SignError {
    /// The key is no founder's.
    #[error("the key {key} is no founder's of {charter}; is it the right keystore?")]
    NoFounder {
        /// The key given.
        key: Address,
        /// The charter's name.
        charter: String,
    },
    /// The key could not sign.
    #[error("the key {key} could not sign")]
    Key {
        /// The key given.
        key: Address,
        /// What the signer said.
        #[source]
        source: alloy::signers::Error,
    },
    /// The file could not be read or written.
    #[error("{path} could not be read or written")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is no signature.
    #[error("{path} is no signature: {says}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What the parser found.
        says: String,
    },
    /// The signature belongs to another plan or founder.
    #[error("the signature of {name} is for another {what}: given {given}, wanted {wanted}; sign again")]
    Other {
        /// Whose.
        name: String,
        /// What differs.
        what: &'static str,
        /// In the file.
        given: String,
        /// In the plan.
        wanted: String,
    },
}

impl Consent {
    /// The consent a kit asks of a founder, with mandates until `expiry` (unix seconds).
    #[must_use]
    pub fn from_terms(terms: &ConsentTerms, expiry: u64) -> Self {
        let mandates = (1u16..).zip(&terms.mandates).filter_map(|(subcontract, caps)| {
            caps.map(|caps| Mandate {
                subcontract,
                per_event: caps.per_event.0,
                per_period: caps.per_period.0,
                shared_per_period: caps.shared_per_period.0,
                expiry,
            })
        });
        Self {
            most_per_period: terms.most_per_period.0,
            mandates: mandates.collect(),
            band: terms.band,
            badge: terms.badge,
        }
    }

    /// The most it lets anybody take in one period (R1.6), units of H.
    #[must_use]
    pub fn most(&self) -> u64 {
        let caps = self
            .mandates
            .iter()
            .map(|caps| caps.per_period.saturating_add(caps.shared_per_period));
        caps.fold(0u64, u64::saturating_add).min(self.most_per_period)
    }

    /// As the charter takes it.
    #[must_use]
    pub fn call(&self) -> Charter::FounderConsent {
        Charter::FounderConsent {
            globalPerPeriod: self.most_per_period,
            mandates: self.mandates.iter().map(Mandate::caps).collect(),
            band: self.band,
            badge: self.badge,
        }
    }

    /// As the founder's wallet shows it.
    #[must_use]
    pub fn words(&self, proposal: B256) -> FoundCharter {
        let lines: Vec<String> = self.mandates.iter().map(Mandate::words).collect();
        FoundCharter {
            deed: DEED.into(),
            proposal,
            mostPerPeriod: Amount(self.most_per_period).to_string(),
            mandates: lines.join("\n"),
            band: self.band,
            badge: self.badge,
        }
    }
}

impl Mandate {
    /// As the contracts take it.
    #[must_use]
    pub fn caps(&self) -> Charter::MandateCaps {
        Charter::MandateCaps {
            subcontract: self.subcontract,
            perEvent: self.per_event,
            perPeriod: self.per_period,
            sharedPerPeriod: self.shared_per_period,
            expiry: U40::saturating_from(self.expiry),
        }
    }

    /// On one line, as `contracts/libraries/Words.sol` writes it.
    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "subcontract {}: at most {} per event, {} per period, {} shared per period, until {}",
            self.subcontract,
            Amount(self.per_event),
            Amount(self.per_period),
            Amount(self.shared_per_period),
            self.expiry
        )
    }
}

/// The EIP-712 domain of a contract of this project.
#[must_use]
pub fn domain(chain_id: u64, contract: Address) -> Eip712Domain {
    eip712_domain! { name: "Hearth", version: "1", chain_id: chain_id, verifying_contract: contract, }
}

impl Signature {
    /// Signs as the founder who holds `key`.
    ///
    /// # Errors
    /// Where the key is no founder's, or cannot sign.
    pub fn make(kit: &Kit, plan: &Plan, consent: Consent, key: &PrivateKeySigner) -> Result<Self, SignError> {
        let address = key.address();
        let position = kit.founders.iter().position(|founder| founder.key == address);
        let position = position.ok_or_else(|| SignError::NoFounder {
            key: address,
            charter: kit.name.clone(),
        })?;
        let domain = domain(plan.foreseen.chain_id, plan.foreseen.charter);
        let hash = consent.words(plan.proposal_hash).eip712_signing_hash(&domain);
        let signed = key.sign_hash_sync(&hash).map_err(|source| SignError::Key {
            key: Signer::address(key),
            source,
        })?;
        Ok(Self {
            v: 1,
            deed: "FoundCharter".into(),
            name: kit.founders[position].name.clone(),
            member: u16::try_from(position + 1).unwrap_or(u16::MAX),
            key: address,
            chain_id: plan.foreseen.chain_id,
            charter: plan.foreseen.charter,
            proposal: plan.proposal_hash,
            consent,
            signature: signed.as_bytes().to_vec().into(),
        })
    }

    /// Checks that it belongs to this plan and this founder; contract accounts are checked by the charter itself.
    ///
    /// # Errors
    /// Where it is for another chain, charter, proposal or founder.
    pub fn check(&self, kit: &Kit, plan: &Plan) -> Result<(), SignError> {
        let other = |what, given: String, wanted: String| SignError::Other {
            name: self.name.clone(),
            what,
            given,
            wanted,
        };
        let foreseen = &plan.foreseen;
        if self.chain_id != foreseen.chain_id {
            return Err(other(
                "chain",
                self.chain_id.to_string(),
                foreseen.chain_id.to_string(),
            ));
        }
        if self.charter != foreseen.charter {
            return Err(other(
                "charter",
                self.charter.to_string(),
                foreseen.charter.to_string(),
            ));
        }
        if self.proposal != plan.proposal_hash {
            return Err(other(
                "proposal",
                self.proposal.to_string(),
                plan.proposal_hash.to_string(),
            ));
        }
        let founder = usize::from(self.member)
            .checked_sub(1)
            .and_then(|position| kit.founders.get(position));
        match founder {
            Some(founder) if founder.key == self.key => Ok(()),
            Some(founder) => Err(other("key", self.key.to_string(), founder.key.to_string())),
            None => Err(other(
                "founder",
                self.member.to_string(),
                format!("1 to {}", kit.founders.len()),
            )),
        }
    }

    /// Reads a signature's file.
    ///
    /// # Errors
    /// Where it cannot be read or is no signature.
    pub fn read(path: &Path) -> Result<Self, SignError> {
        let text = std::fs::read_to_string(path).map_err(|source| SignError::File {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|error| SignError::Form {
            path: path.to_owned(),
            says: error.to_string(),
        })
    }

    /// Every signature in a folder, in the order of founders; none where the folder is missing.
    ///
    /// # Errors
    /// Where a file in it cannot be read or is no signature.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, SignError> {
        let mut all = Vec::new();
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Ok(all);
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "json") {
                all.push(Self::read(&path)?);
            }
        }
        all.sort_by_key(|signature| signature.member);
        Ok(all)
    }

    /// Writes it as `<folder>/<name>.json`.
    ///
    /// # Errors
    /// Where the folder or file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, SignError> {
        let path = folder.join(format!("{}.json", self.name));
        let failed = |source| SignError::File {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let text = serde_json::to_string_pretty(self).map_err(|error| SignError::Form {
            path: path.clone(),
            says: error.to_string(),
        })?;
        std::fs::write(&path, text + "\n").map_err(failed)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r2_1_a_consent_reads_in_words() {
        let consent = Consent {
            most_per_period: 28_000_000,
            mandates: vec![Mandate {
                subcontract: 1,
                per_event: 17_000_000,
                per_period: 47_000_000,
                shared_per_period: 1_000_000,
                expiry: 1_795_000_000,
            }],
            band: 7,
            badge: B256::ZERO,
        };
        let words = consent.words(B256::repeat_byte(1));
        assert_eq!(words.mostPerPeriod, "28.000000 H");
        assert_eq!(
            words.mandates,
            "subcontract 1: at most 17.000000 H per event, 47.000000 H per period, 1.000000 H shared per period, until 1795000000"
        );
        assert_eq!(consent.most(), 28_000_000);
        assert_eq!(
            FoundCharter::eip712_encode_type(),
            "FoundCharter(string deed,bytes32 proposal,string mostPerPeriod,string mandates,uint8 band,bytes32 badge)"
        );
    }
}
