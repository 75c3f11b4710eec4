//! The whole of the money, read from the chain: conserved means that no unit came or went unseen (I2).

use alloy::primitives::{Address, U256};
use alloy::providers::DynProvider;
use alloy::rpc::types::Filter;
use alloy::sol;
use alloy::sol_types::SolEvent;
use eyre::{Result, WrapErr};
use hearth::found::Deployment;
use hearth_bindings::{Charter, Ledger, Roster};

sol! {
    #[sol(rpc)]
    interface Token {
        function balanceOf(address account) external view returns (uint256);
    }
}

/// Account ids as `contracts/types/Ids.sol` lays them out: kind in the top byte.
const SEAT: u32 = 1 << 24;
const POT: u32 = 2 << 24;
/// The charter's own pots: commons and care.
const OWN_POTS: u8 = 2;

/// All accounts against all deposits, units of H.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// Members' purses, free and held.
    pub purses: u128,
    /// Seats' purses, free and held.
    pub seats: u128,
    /// Pots.
    pub pots: u128,
    /// Everything ever deposited.
    pub deposited: u128,
    /// Everything ever withdrawn.
    pub withdrawn: u128,
    /// What the ledger says the sum is.
    pub total: u128,
    /// What the token says the ledger owns.
    pub tokens: u128,
}

impl Accounts {
    /// Reads every account and every movement over the ledger's edge.
    pub async fn read(chain: &DynProvider, place: &Deployment) -> Result<Self> {
        let ledger = Ledger::new(place.ledger, chain);
        let charter = Charter::new(place.charter, chain);
        let mut accounts = Self {
            purses: 0,
            seats: 0,
            pots: 0,
            deposited: 0,
            withdrawn: 0,
            total: 0,
            tokens: 0,
        };
        let members = Roster::new(place.roster, chain)
            .lastMember()
            .call()
            .await
            .wrap_err("failed to count members")?;
        for member in 1..=u32::from(members) {
            let purse = ledger
                .purse(member)
                .call()
                .await
                .wrap_err("failed to read a purse")?;
            accounts.purses += u128::from(purse.free) + u128::from(purse.held);
        }
        for seat in 0..u32::try_from(place.seats.len()).wrap_err("failed to count seats")? {
            let purse = ledger
                .purse(SEAT | seat)
                .call()
                .await
                .wrap_err("failed to read a seat's purse")?;
            accounts.seats += u128::from(purse.free) + u128::from(purse.held);
        }
        let subcontracts = charter
            .subcontractCount()
            .call()
            .await
            .wrap_err("failed to count subcontracts")?;
        for subcontract in 0..=subcontracts {
            let pots = match subcontract {
                0 => OWN_POTS,
                id => charter.potsOf(id).call().await.wrap_err("failed to count pots")?,
            };
            for slot in 0..u32::from(pots) {
                let pot = POT | (u32::from(subcontract) << 8) | slot;
                accounts.pots += u128::from(
                    ledger
                        .potBalance(pot)
                        .call()
                        .await
                        .wrap_err("failed to read a pot")?,
                );
            }
        }
        for deposit in events::<Ledger::Deposited>(chain, place.ledger, place.from_block).await? {
            accounts.deposited += u128::from(deposit.amount);
        }
        for withdrawal in events::<Ledger::Withdrew>(chain, place.ledger, place.from_block).await? {
            accounts.withdrawn += u128::from(withdrawal.amount);
        }
        accounts.total = narrow(
            ledger
                .total()
                .call()
                .await
                .wrap_err("failed to read the ledger's sum")?,
        );
        let tokens = Token::new(place.token, chain)
            .balanceOf(place.ledger)
            .call()
            .await;
        accounts.tokens = narrow(tokens.wrap_err("failed to read the ledger's tokens")?);
        Ok(accounts)
    }

    /// The sum of all accounts.
    pub fn sum(&self) -> u128 {
        self.purses + self.seats + self.pots
    }

    /// True when every unit deposited and not withdrawn is in some account, and is there as a token.
    pub fn conserved(&self) -> bool {
        let wanted = self.deposited.checked_sub(self.withdrawn);
        wanted == Some(self.sum()) && self.total == self.sum() && self.tokens == self.sum()
    }
}

/// Every event of one kind that a contract gave, oldest first.
pub async fn events<E: SolEvent>(chain: &DynProvider, place: Address, from: u64) -> Result<Vec<E>> {
    use alloy::providers::Provider as _;
    let filter = Filter::new()
        .address(place)
        .event_signature(E::SIGNATURE_HASH)
        .from_block(from);
    let logs = chain
        .get_logs(&filter)
        .await
        .wrap_err_with(|| format!("failed to read {}", E::SIGNATURE))?;
    logs.iter()
        .map(|log| E::decode_log(&log.inner).map(|found| found.data))
        .collect::<std::result::Result<_, _>>()
        .wrap_err_with(|| format!("failed to decode {}", E::SIGNATURE))
}

/// Sums of H stay far below 128 bits; a larger one is shown as the largest, and is then not conserved.
fn narrow(amount: U256) -> u128 {
    amount.try_into().unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAIR: Accounts = Accounts {
        purses: 70,
        seats: 20,
        pots: 5,
        deposited: 100,
        withdrawn: 5,
        total: 95,
        tokens: 95,
    };

    #[test]
    fn i2_a_unit_too_many_or_too_few_anywhere_is_seen() {
        assert!(FAIR.conserved());
        assert!(!Accounts { purses: 71, ..FAIR }.conserved());
        assert!(!Accounts { pots: 4, ..FAIR }.conserved());
        assert!(!Accounts { tokens: 94, ..FAIR }.conserved());
        assert!(!Accounts { total: 96, ..FAIR }.conserved());
        assert!(
            !Accounts {
                withdrawn: 101,
                ..FAIR
            }
            .conserved()
        );
    }
}
