//! A signed act: written to a file, and read back before anybody sends it from their own key (R1.8).
//!
//! *In*: a [`Signed`], as somebody handed it on. *Out*: the [`Act`] that its call is, said from the call's own bytes.
//! *Refuses*: a call that is no member's deed at this charter's contracts or at a subcontract whose code is known, a permit
//! for anything but its deposit, what was not signed by whose act it is, what was carried or voided before, what the chain
//! would refuse.
//! *Never*: shows a word of the file, which anybody could have written.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use alloy::network::TransactionBuilder;
use alloy::primitives::{Address, B256, Bytes, Signature, U256};
use alloy::providers::{DynProvider, Provider};
use alloy::sol;
use alloy::sol_types::{SolCall, SolInterface};
use hearth_bindings::{Charter, Docket, Firewood, Ledger, Mandates, PracticeToken, Roster};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::act::{Act, Deed, Hand};
use crate::amount::Amount;
use crate::chain::{self, ChainError, asked, unreachable};
use crate::found::Deployment;
use crate::handed;
use crate::sign::Mandate;
use crate::template::{self, TemplateError};

/// The version of signed acts.
pub const VERSION: u8 = 1;
/// The step before a deposit that nobody approved.
pub const SHOWING: &str = "showing the token the permit";
/// Gas foreseen for the deposit after it, which cannot be estimated before the permit is shown. It takes less than half in
/// the end, but the ledger calls the token only where its whole bound, 200 000, can be passed on (R1.9).
const DEPOSIT_GAS: u64 = 300_000;

sol! {
    /// What a key that is a contract is asked of a signature (ERC-1271).
    function isValidSignature(bytes32 hash, bytes signature) returns (bytes4);
}

/// A signed act as its file holds it: anybody may send the call. What it does is read from the call alone (see
/// [`Signed::read`]), so that no word beside it can say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signed {
    /// [`VERSION`].
    pub v: u8,
    /// The chain it is for.
    pub chain_id: u64,
    /// The contract it goes to.
    pub to: Address,
    /// The whole call, signature included.
    pub data: Bytes,
    /// Whose signature it is.
    pub key: Address,
    /// A call that shows the token a permit, so that a deposit needs no allowance from before (R1.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permit: Option<Bytes>,
}

/// Why a signed act is not written, or not carried.
#[derive(Debug, Error)]
pub enum CarryError {
    /// The file could not be read.
    #[error("{path} could not be read")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A signed act is to be written where something is.
    #[error(
        "{path} is there already and is not written over, since what was signed can be voided from its own file alone; name another file, or move that one away"
    )]
    There {
        /// Which file.
        path: PathBuf,
    },
    /// It could not be written.
    #[error("{path} could not be written; is the folder there, and yours?")]
    Unwritten {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It was written by another release.
    #[error(
        "{path} is a signed act of version {given}, wanted {VERSION}; carry it with the release that wrote it, or ask who signed it to sign it again with this one"
    )]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        given: u64,
    },
    /// It is no signed act.
    #[error(
        "{path} is no signed act from line {line}, column {column} on; ask who signed it for the file as `--sign-only` wrote it"
    )]
    Form {
        /// Which file.
        path: PathBuf,
        /// Where it is none. The parser's words are not told: they quote the file.
        line: usize,
        /// The letter of that line.
        column: usize,
    },
    /// The call is no deed.
    #[error(
        "the file calls {to} with {selector}, which is no deed that a member of {charter} signs; sent from your key it could take what is yours, so it is not carried"
    )]
    NoDeed {
        /// The contract called.
        to: Address,
        /// The first bytes of the call.
        selector: Bytes,
        /// The charter's name.
        charter: String,
    },
    /// What goes before a deposit is not the token's permit for it.
    #[error(
        "the file's permit is no permit by {owner} for this deposit; sent from your key it could take what is yours, so it is not carried"
    )]
    Permit {
        /// Whose deposit it is, as the file says.
        owner: Address,
    },
    /// Whose act it would be did not sign it.
    #[error(
        "the signature is not one by {signer} of this act at this charter; ask who signed it to sign it again, and do nothing else with the file"
    )]
    Signature {
        /// The key of whose act it would be, as the chain has it.
        signer: Address,
    },
    /// Its nonce is spent.
    #[error(
        "{name} was carried already, or voided by who signed it; nothing is left to do, unless they sign it again"
    )]
    Spent {
        /// The deed's name.
        name: &'static str,
    },
    /// It goes to code that nobody here knows.
    #[error("the act is not carried")]
    Template(#[from] TemplateError),
    /// The chain could not be asked.
    #[error("the act could not be held against the chain")]
    Chain(#[from] ChainError),
}

/// What a call says, as its bytes hold it: the deed, whose, and the signature.
type Call = (Deed, Hand, Bytes);

/// Reads the calls that carry a deed to one contract: a line says who does it and what the deed is.
macro_rules! deeds {
    ($data:expr, $contract:ident::$calls:ident: $($call:ident($read:ident) by $member:expr => $deed:expr;)+) => {
        match $contract::$calls::abi_decode($data) {
            $(Ok($contract::$calls::$call($read)) => Some(told!($read, $member, $deed)),)+
            _ => None,
        }
    };
}

/// Every call that carries a deed ends in nonce, deadline and signature.
macro_rules! told {
    ($read:ident, $member:expr, $deed:expr) => {{
        let hand = Hand {
            member: $member,
            nonce: $read.nonce,
            deadline: $read.deadline,
        };
        ($deed, hand, $read.signature)
    }};
}

/// What a call is, from its bytes and the chain.
pub struct Read {
    /// What is done.
    pub deed: Deed,
    /// The same made ready again, with the sentence that its signer was told.
    pub act: Act,
    /// Who signed it: the member 0 for a candidate.
    pub hand: Hand,
}

impl Signed {
    /// Writes a new file.
    ///
    /// # Errors
    /// Where something is there already, or it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), CarryError> {
        let failed = |source: std::io::Error| match source.kind() {
            ErrorKind::AlreadyExists => CarryError::There {
                path: path.to_owned(),
            },
            _ => CarryError::Unwritten {
                path: path.to_owned(),
                source,
            },
        };
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        let mut file = File::create_new(path).map_err(failed)?;
        writeln!(file, "{text}").map_err(failed)
    }

    /// Reads the file, its version before anything else: what a later one adds is no fault of the file.
    ///
    /// # Errors
    /// Where it cannot be read, is of another version, or is no signed act.
    pub fn from_file(path: &Path) -> Result<Self, CarryError> {
        let text = handed::text(path).map_err(|source| CarryError::File {
            path: path.to_owned(),
            source,
        })?;
        let form = |error: serde_json::Error| CarryError::Form {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        };
        let value: Value = serde_json::from_str(&text).map_err(form)?;
        match value.get("v").and_then(Value::as_u64) {
            Some(given) if given != u64::from(VERSION) => Err(CarryError::Version {
                path: path.to_owned(),
                given,
            }),
            // Read anew, since only a text has lines to name.
            _ => serde_json::from_str(&text).map_err(form),
        }
    }

    /// Reads the call. What it gives was signed by who it says.
    ///
    /// # Errors
    /// See [`CarryError`].
    pub async fn read(&self, chain: &DynProvider, place: &Deployment) -> Result<Read, CarryError> {
        let read = self
            .call(chain, place)
            .await?
            .and_then(|(deed, hand, signature)| {
                let act = Act::new(&deed, hand, place);
                // Made again, the call is the same to the last byte: it carries that deed and nothing beside it.
                let same = act.to == self.to && act.carried(signature.clone()) == self.data;
                same.then_some((Read { deed, act, hand }, signature))
            });
        let (read, signature) = read.ok_or_else(|| CarryError::NoDeed {
            to: self.to,
            selector: Bytes::copy_from_slice(self.data.get(..4).unwrap_or(&self.data)),
            charter: place.name.clone(),
        })?;
        if let Some(permit) = &self.permit
            && !self.permits(permit, &read.deed, place)
        {
            return Err(CarryError::Permit { owner: self.key });
        }
        // Before anything is told or asked of whose act it is said to be.
        self.must_be_signed(chain, place, &read, &signature).await?;
        // Every contract that takes signatures has the same words for it.
        let takes = Ledger::new(read.act.to, chain);
        let spent = takes.isSpent(self.key, read.hand.nonce).call().await;
        if spent.map_err(asked("asking whether it was carried"))? {
            return Err(CarryError::Spent { name: read.act.name });
        }
        Ok(read)
    }

    /// Refuses what was not signed by the key of whose act it is.
    async fn must_be_signed(
        &self,
        chain: &DynProvider,
        place: &Deployment,
        read: &Read,
        signature: &Bytes,
    ) -> Result<(), CarryError> {
        let roster = Roster::new(place.roster, chain);
        let signer = match read.deed {
            Deed::Join { nomination, .. } => {
                let nominated = roster.nominationOf(nomination).call().await;
                nominated.map(|read| read.candidate)
            }
            _ => roster.keyOf(read.hand.member).call().await,
        };
        let signer = signer.map_err(asked("asking whose act it is"))?;
        if signer == self.key && signs(chain, signer, read.act.digest, signature).await? {
            return Ok(());
        }
        Err(CarryError::Signature { signer })
    }

    /// True where these bytes are the signer's permit to the ledger, for this deposit and no more.
    fn permits(&self, permit: &Bytes, deed: &Deed, place: &Deployment) -> bool {
        let (Deed::Deposit { amount }, Ok(read)) = (deed, PracticeToken::permitCall::abi_decode(permit))
        else {
            return false;
        };
        read.owner == self.key
            && read.spender == place.ledger
            && read.value == U256::from(amount.0)
            && read.abi_encode() == permit[..]
    }

    /// What the act takes in gas as `carrier` would send it; its permit before it, where that must be shown.
    /// Where this fails, no word of the act is to be told as its signer's.
    ///
    /// # Errors
    /// Where the chain refuses it or cannot be asked.
    pub async fn gas(
        &self,
        chain: &DynProvider,
        place: &Deployment,
        act: &Act,
        carrier: Address,
    ) -> Result<Vec<u64>, ChainError> {
        let tx = chain::call(carrier, act.to, self.data.clone());
        let refused = match chain::estimated(chain, act.name, &tx).await {
            Ok(gas) => return Ok(vec![gas]),
            Err(refused) => refused,
        };
        // The ledger asks the token once it has taken the signature.
        let Some(permit) = self
            .permit
            .clone()
            .filter(|_| refused.is::<Ledger::TokenRefused>())
        else {
            return Err(refused);
        };
        let shown = chain::call(carrier, place.token, permit);
        let deposit = tx.with_gas_limit(chain::gas_limit(DEPOSIT_GAS));
        // Where the node cannot simulate, what is wrong with the deposit comes out once the permit is shown.
        chain::simulated(chain, &[(SHOWING, shown.clone()), (act.name, deposit)]).await?;
        Ok(vec![chain::estimated(chain, SHOWING, &shown).await?, DEPOSIT_GAS])
    }

    /// Refuses an act that was read but whose signature the chain will not take any more; what else it refuses may come to
    /// be taken while its deadline runs, so its signer may want to void it.
    ///
    /// # Errors
    /// Where the signature is good no longer, or the chain cannot be asked.
    pub async fn still_good(&self, chain: &DynProvider, act: &Act) -> Result<(), ChainError> {
        let tx = chain::call(self.key, act.to, self.data.clone());
        match chain::estimated(chain, act.name, &tx).await {
            Err(refused)
                if !matches!(refused, ChainError::Refused { .. })
                    || refused.is::<Ledger::SignatureInvalid>()
                    || refused.is::<Ledger::DeadlinePassed>() =>
            {
                Err(refused)
            }
            _ => Ok(()),
        }
    }

    /// What was signed but the call does not hold, such as the hash of a subcontract's terms, is taken from the chain.
    async fn call(&self, chain: &DynProvider, place: &Deployment) -> Result<Option<Call>, CarryError> {
        let roster = Roster::new(place.roster, chain);
        let charter = Charter::new(place.charter, chain);
        let nominated = async |nomination| {
            let read = roster.nominationOf(nomination).call().await;
            read.map_err(asked("reading the nomination"))
        };
        let articles = async || {
            let read = charter.articlesHash().call().await;
            read.map_err(asked("reading the articles"))
        };
        let terms_of = async |subcontract| {
            let read = charter.termsHashOf(subcontract).call().await;
            read.map_err(asked("reading the terms"))
        };
        let sponsor_of = async |subcontract| {
            let read = charter.sponsorOf(subcontract).call().await;
            read.map_err(asked("asking who opened the subcontract"))
        };
        let (to, data) = (self.to, &self.data);
        Ok(if to == place.mandates {
            deeds! { data, Mandates::MandatesCalls:
                signMandateBySig(c) by c.member => Deed::SignMandate { mandate: caps(&c.caps), terms_hash: c.termsHash };
                revokeMandateBySig(c) by c.member => Deed::RevokeMandate { subcontract: c.subcontract };
                limitGlobalBySig(c) by c.member => Deed::LimitGlobal { most: Amount(c.perPeriod) };
            }
        } else if to == place.ledger {
            deeds! { data, Ledger::LedgerCalls:
                depositBySig(c) by c.member => Deed::Deposit { amount: Amount(c.amount) };
                withdrawBySig(c) by c.member => Deed::Withdraw { amount: Amount(c.amount) };
            }
        } else if to == place.roster {
            deeds! { data, Roster::RosterCalls:
                nominateBySig(c) by c.sponsor => Deed::Nominate { candidate: c.candidate, household: c.household };
                vouchBySig(c) by c.member =>
                    Deed::Vouch { nomination: c.nomination, candidate: nominated(c.nomination).await?.candidate };
                objectToAdmissionBySig(c) by c.member =>
                    Deed::Object { nomination: c.nomination, candidate: nominated(c.nomination).await?.candidate };
                joinBySig(c) by 0 => Deed::Join {
                    nomination: c.nomination,
                    household: nominated(c.nomination).await?.household,
                    articles: articles().await?,
                };
                leaveBySig(c) by c.member => Deed::Leave;
            }
        } else if to == place.charter {
            deeds! { data, Charter::CharterCalls:
                openBySig(c) by c.sponsor => Deed::Open { code: c.creationCode, terms: c.terms };
                objectBySig(c) by c.member =>
                    Deed::ObjectToSubcontract { subcontract: c.id, terms_hash: terms_of(c.id).await?, reason: c.reasonHash };
                withdrawProposalBySig(c) by c.sponsor =>
                    Deed::WithdrawProposal { subcontract: c.id, terms_hash: terms_of(c.id).await? };
                repealBySig(c) by c.member => Deed::Repeal { subcontract: c.id, terms_hash: terms_of(c.id).await? };
                tightenBySig(c) by c.member => Deed::Tighten { limit: c.item, value: c.value };
            }
        } else if to == place.docket {
            deeds! { data, Docket::DocketCalls:
                enrolBySig(c) by sponsor_of(c.terms.subcontract).await? => Deed::EnrolStream { terms: Box::new(c.terms) };
                enrolBadgeBySig(c) by c.member => Deed::EnrolBadge { badge: c.badge };
                replaceDeviceBySig(c) by c.custodian =>
                    Deed::ReplaceDevice { stream: c.stream, index: c.index, device: c.device };
                contestBySig(c) by c.member => Deed::Contest {
                    subcontract: c.subcontract, stream: c.stream, epoch: c.epoch.to(), report: c.report,
                };
            }
        } else if let Ok(c) = Firewood::declareBandBySigCall::abi_decode(data) {
            band(&c, to, chain, place)
                .await?
                .map(|deed| told!(c, c.member, deed))
        } else {
            None
        })
    }
}

/// True where a key signed this. One that is a contract is asked, as the contracts of the charter ask it.
async fn signs(chain: &DynProvider, key: Address, hash: B256, signature: &Bytes) -> Result<bool, ChainError> {
    let by = Signature::from_raw(signature).and_then(|read| read.recover_address_from_prehash(&hash));
    if by.is_ok_and(|by| by == key) {
        return Ok(true);
    }
    let ask = isValidSignatureCall {
        hash,
        signature: signature.clone(),
    };
    let ask = chain::call(Address::ZERO, key, ask.abi_encode().into());
    match chain.call(ask).await {
        // Where there is no contract, nothing is said.
        Ok(said) => Ok(said.len() >= 32 && said.starts_with(&isValidSignatureCall::SELECTOR)),
        Err(error) if error.is_error_resp() => Ok(false),
        Err(error) => Err(unreachable(error)),
    }
}

fn caps(caps: &Mandates::MandateCaps) -> Mandate {
    Mandate {
        subcontract: caps.subcontract,
        per_event: caps.perEvent,
        per_period: caps.perPeriod,
        shared_per_period: caps.sharedPerPeriod,
        expiry: caps.expiry.to(),
    }
}

/// A declaration of means, where a subcontract of this charter stands at that address and has such a band. Its code is
/// asked nothing before it is known.
async fn band(
    call: &Firewood::declareBandBySigCall,
    to: Address,
    chain: &DynProvider,
    place: &Deployment,
) -> Result<Option<Deed>, CarryError> {
    let charter = Charter::new(place.charter, chain);
    let subcontract = charter.subcontractOf(to).call().await;
    let subcontract = subcontract.map_err(asked("looking for the subcontract"))?;
    if subcontract == 0 {
        return Ok(None);
    }
    if template::known(chain, place, subcontract).await? != to {
        return Ok(None);
    }
    let terms = Firewood::new(to, chain).terms().call().await;
    let bounds = terms.map_err(asked("reading the terms"))?.bounds;
    let deed = |means_from: &u64| Deed::DeclareBand {
        subcontract,
        place: to,
        band: call.band,
        means_from: Amount(*means_from),
    };
    Ok(bounds.get(usize::from(call.band)).map(deed))
}
