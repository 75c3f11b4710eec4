//! What members say.

use clap::Args;
use eyre::{Result, bail};
use hearth::amount::Amount;
use hearth::chain::asked;
use hearth::member::{self, Account};
use hearth_bindings::Roster;
use serde_json::json;

use super::Words;
use super::talk::{self, BadInput};

/// Money into a purse.
#[derive(Debug, Args)]
pub(crate) struct Deposit {
    /// Such as "12.5 H"
    amount: Amount,
    /// Somebody else's purse: then it is a gift
    #[arg(long, value_name = "MEMBER")]
    to: Option<u16>,
    /// Go ahead without being asked
    #[arg(long)]
    yes: bool,
}

/// Pays in.
pub(crate) async fn deposit(words: &Words, deposit: &Deposit) -> Result<()> {
    let (chain, key) = words.purse().await?;
    let place = words.deployment(&chain).await?;
    let own = Roster::new(place.roster, &chain)
        .memberOf(key.address())
        .call()
        .await;
    let own = own.map_err(asked("looking you up in the roster"))?;
    let member = deposit.to.unwrap_or(own);
    if member == 0 {
        bail!(BadInput(format!(
            "{} is no member's key; say --to whom",
            key.address()
        )));
    }
    talk::say(&format!(
        "You put {} into the purse of member {member}{}.",
        deposit.amount,
        if member == own {
            ", your own"
        } else {
            ", as a gift"
        }
    ));
    if !deposit.yes {
        talk::agreed("Go ahead?", "say --yes")?;
    }
    member::deposit(
        &chain,
        &place,
        key.address(),
        Account::Member(member),
        deposit.amount,
    )
    .await?;
    let free = member::free(&chain, &place, Account::Member(member)).await?;
    talk::say(&format!("member {member} now has {} free", Amount(free)));
    if words.json {
        talk::json(&json!({"v": 1, "member": member, "free": free.to_string()}))?;
    }
    Ok(())
}
