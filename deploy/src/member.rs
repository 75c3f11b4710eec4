//! What a member, or a seat, does with money: reading accounts and paying in.
//!
//! *In*: a [`Deployment`], a chain. *Out*: amounts, receipts. *Refuses*: in the contracts' words.
//! On a practice token, which anybody may mint, what is missing is minted first.

use alloy::primitives::{Address, U256};
use alloy::providers::DynProvider;
use alloy::sol_types::SolCall;
use hearth_bindings::{Charter, Ledger, PracticeToken};

use crate::amount::Amount;
use crate::chain::{self, ChainError, asked};
use crate::found::Deployment;

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
