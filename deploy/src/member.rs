//! What a member, or a seat, does with money: reading accounts and paying in.
//!
//! *In*: a [`Deployment`], a chain. *Out*: amounts, receipts. *Refuses*: in the contracts' words.
//! On a practice token, which anybody may mint, what is missing is minted first.

use alloy::primitives::{Address, Bytes, U256, keccak256};
use alloy::providers::DynProvider;
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy::sol;
use alloy::sol_types::{SolCall, SolStruct};
use hearth_bindings::{Charter, Ledger, PracticeToken};

use crate::amount::Amount;
use crate::chain::{self, ChainError, asked};
use crate::found::Deployment;

sol! {
    /// What a token takes instead of an approval sent by its owner (ERC-2612).
    struct Permit { address owner; address spender; uint256 value; uint256 nonce; uint256 deadline; }
}

/// An account of the ledger, by its number (R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// A member's purse.
    Member(u16),
    /// An operator's bond purse.
    Seat(u8),
    /// A pot of a subcontract.
    Pot(u16, u8),
}

impl Account {
    /// As `contracts/types/Ids.sol` packs it.
    #[must_use]
    pub fn id(self) -> u32 {
        match self {
            Self::Member(member) => u32::from(member),
            Self::Seat(seat) => 1 << 24 | u32::from(seat),
            Self::Pot(subcontract, slot) => 2 << 24 | u32::from(subcontract) << 8 | u32::from(slot),
        }
    }
}

/// What is free in an account, units of H.
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn free(chain: &DynProvider, place: &Deployment, account: Account) -> Result<u64, ChainError> {
    let ledger = Ledger::new(place.ledger, chain);
    Ok(ledger
        .purse(account.id())
        .call()
        .await
        .map_err(asked("reading the purse"))?
        .free)
}

/// The bond of a seat (R22), units of H.
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn bond(chain: &DynProvider, place: &Deployment) -> Result<u64, ChainError> {
    let charter = Charter::new(place.charter, chain);
    Ok(charter
        .committeeParameters()
        .call()
        .await
        .map_err(asked("reading the bond"))?
        .bond)
}

/// Refuses a deposit of more than the key that pays it holds, before anything is signed or sent.
///
/// # Errors
/// Where it holds less, or the chain cannot be asked.
pub async fn must_hold(
    chain: &DynProvider,
    place: &Deployment,
    key: Address,
    wanted: Amount,
) -> Result<(), ChainError> {
    let token = PracticeToken::new(place.token, chain);
    let holds = token.balanceOf(key).call().await;
    let holds = holds.map_err(asked("reading the balance"))?;
    if holds >= U256::from(wanted.0) {
        return Ok(());
    }
    Err(ChainError::Short {
        key,
        token: place.token,
        holds: Amount(holds.saturating_to()),
        wanted,
        mend: if place.practice_token {
            "a deposit sent from that key mints what is missing of practice money"
        } else {
            "put the rest there first"
        },
    })
}

/// Pays into an account from the sender's own key, approving and, on a practice token, minting as needed.
///
/// # Errors
/// Where a step is refused.
pub async fn deposit(
    chain: &DynProvider,
    place: &Deployment,
    from: Address,
    account: Account,
    amount: Amount,
) -> Result<(), ChainError> {
    let token = PracticeToken::new(place.token, chain);
    let wanted = U256::from(amount.0);
    if place.practice_token {
        let mut held = token
            .balanceOf(from)
            .call()
            .await
            .map_err(asked("reading the balance"))?;
        let most = token
            .MOST_PER_MINT()
            .call()
            .await
            .map_err(asked("reading the mint's bound"))?;
        while held < wanted {
            let part = (wanted - held).min(U256::from(most));
            let call = PracticeToken::mintCall {
                to: from,
                amount: part,
            };
            chain::land(
                chain,
                "minting practice money",
                chain::call(from, place.token, call.abi_encode().into()),
            )
            .await?;
            held += part;
        }
    }
    must_hold(chain, place, from, amount).await?;
    let allowed = token
        .allowance(from, place.ledger)
        .call()
        .await
        .map_err(asked("reading the allowance"))?;
    if allowed < wanted {
        let call = PracticeToken::approveCall {
            spender: place.ledger,
            value: wanted,
        };
        chain::land(
            chain,
            "approving the deposit",
            chain::call(from, place.token, call.abi_encode().into()),
        )
        .await?;
    }
    let call = Ledger::depositCall {
        account: account.id(),
        amount: amount.0,
    };
    chain::land(
        chain,
        "the deposit",
        chain::call(from, place.ledger, call.abi_encode().into()),
    )
    .await?;
    Ok(())
}

/// The call that shows the token this key's permit for one deposit, where its allowance is too little (ERC-2612).
///
/// # Errors
/// Where the chain cannot be asked, the token takes no permits, or the key cannot sign.
pub async fn permit(
    chain: &DynProvider,
    place: &Deployment,
    key: &PrivateKeySigner,
    amount: Amount,
    deadline: u64,
) -> Result<Option<Bytes>, ChainError> {
    let (owner, spender) = (key.address(), place.ledger);
    let token = PracticeToken::new(place.token, chain);
    let allowed = token.allowance(owner, spender).call().await;
    if allowed.map_err(asked("reading the allowance"))? >= U256::from(amount.0) {
        return Ok(None);
    }
    let takes_none = "asking the token for a permit, without which you approve the ledger yourself";
    let permit = Permit {
        owner,
        spender,
        value: U256::from(amount.0),
        nonce: token.nonces(owner).call().await.map_err(asked(takes_none))?,
        deadline: U256::from(deadline),
    };
    // The separator as the token says it, since tokens name and number their domains as they like.
    let separator = token.DOMAIN_SEPARATOR().call().await.map_err(asked(takes_none))?;
    let digest = keccak256([&[0x19, 0x01], &separator[..], &permit.eip712_hash_struct()[..]].concat());
    let signature = key.sign_hash_sync(&digest).map_err(|error| ChainError::Refused {
        act: "signing the permit".into(),
        reason: error.to_string(),
        data: Bytes::new(),
    })?;
    let call = PracticeToken::permitCall {
        owner,
        spender,
        value: permit.value,
        deadline: permit.deadline,
        v: 27 + u8::from(signature.v()),
        r: signature.r().into(),
        s: signature.s().into(),
    };
    Ok(Some(call.abi_encode().into()))
}
