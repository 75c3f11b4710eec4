//! What anybody does with an act that somebody signed: carry it, or, whose it is, void it (R1.8).

use std::path::Path;

use alloy::sol_types::SolCall;
use eyre::{Result, bail};
use hearth::act::Deed;
use hearth::carry::{Read, SHOWING, Signed};
use hearth::chain::{self, ChainError, Fee};
use hearth::member;
use hearth_bindings::Ledger;

use super::Words;
use super::member::{Person, done};
use super::talk::{self, BadInput};

/// An act of another chain would go to whatever stands at its address here.
fn must_be_on(person: &Person, chain_id: u64) -> Result<()> {
    if chain_id != person.place.chain_id {
        bail!(BadInput(format!(
            "the act is for chain {chain_id}, not {}",
            person.place.chain_id
        )));
    }
    Ok(())
}

/// Voids an act that one signed and nobody has carried (R1.8).
pub(crate) async fn cancel(words: &Words, file: &Path, yes: bool) -> Result<()> {
    let signed = Signed::from_file(file)?;
    let person = Person::new(words).await?;
    must_be_on(&person, signed.chain_id)?;
    if signed.key != person.key.address() {
        bail!(BadInput(format!(
            "{} was signed by {}, and only that key can void it, not {}",
            file.display(),
            signed.key,
            person.key.address()
        )));
    }
    let Read { act, hand, .. } = signed.read(&person.chain, &person.place).await?;
    signed.still_good(&person.chain, &act).await?;
    talk::say(&format!(
        "You void what you signed; nobody can carry it any more: {}",
        act.sentence
    ));
    talk::go_ahead("Go ahead?", yes)?;
    // Every contract that takes signatures has the same word for it.
    let call = Ledger::cancelCall { nonce: hand.nonce };
    let receipt = person.sends("voiding it", act.to, call.abi_encode()).await?;
    talk::say("done");
    done(words, "cancel", Some(receipt.transaction_hash))
}

/// Carries an act that somebody signed.
pub(crate) async fn carry(words: &Words, file: &Path, yes: bool) -> Result<()> {
    let signed = Signed::from_file(file)?;
    let person = Person::new(words).await?;
    must_be_on(&person, signed.chain_id)?;
    let Read { deed, act, hand } = signed.read(&person.chain, &person.place).await?;
    if let Deed::Deposit { amount } = deed {
        member::must_hold(&person.chain, &person.place, signed.key, amount).await?;
    }
    let from = person.key.address();
    let gas = signed.gas(&person.chain, &person.place, &act, from).await?;
    let limits: Vec<u64> = gas.into_iter().map(chain::gas_limit).collect();
    let most = limits.iter().sum();
    let whom = match hand.member {
        0 => "who signed this".into(),
        member => person.place.member_name(member),
    };
    talk::say(&format!("what {whom} was told: {}", act.sentence));
    let fee = Fee::now(&person.chain).await?;
    talk::say(&format!(
        "you carry it, and pay its gas and nothing else: {most} at most, {} of the chain's coin at most",
        fee.cost(most)
    ));
    talk::go_ahead("Go ahead?", yes)?;
    // Each within the gas and at the fee that were told, however long the answer took.
    if let (Some(permit), [showing, _]) = (&signed.permit, limits.as_slice()) {
        let shown = chain::call(from, person.place.token, permit.clone());
        match chain::land_within(&person.chain, SHOWING, shown, *showing, fee).await {
            // A refusal is no error: somebody may have shown it already. The deposit says what is wrong, if anything is.
            Ok(_) | Err(ChainError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let tx = chain::call(from, act.to, signed.data);
    let told = limits.last().copied().unwrap_or_default();
    let receipt = chain::land_within(&person.chain, act.name, tx, told, fee).await?;
    talk::say("done");
    done(words, act.name, Some(receipt.transaction_hash))
}
