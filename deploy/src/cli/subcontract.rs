//! What people say about subcontracts after ignition: open, object, take back, enact, repeal, poke, close (R5, R8).

use std::path::Path;

use alloy::primitives::{B256, keccak256};
use alloy::providers::DynProvider;
use alloy::sol_types::SolCall;
use eyre::{Result, bail};
use hearth::act::Deed;
use hearth::calendar;
use hearth::chain::{self, asked};
use hearth::found::Deployment;
use hearth::kit::Opening;
use hearth::open::{self, Opened};
use hearth::template::{self, TemplateError};
use hearth::view;
use hearth_bindings::{Charter, Firewood};
use serde_json::json;

use super::Words;
use super::member::{Carrying, Person, done};
use super::talk::{self, BadInput, NotYet};

/// Opens a subcontract from its file and enrols its stream, as far as that is not done.
pub(crate) async fn open(words: &Words, file: &Path, carrying: &Carrying) -> Result<()> {
    let person = Person::member(words).await?;
    let (chain, place) = (&person.chain, &person.place);
    let highest = Charter::new(place.charter, chain).limit(0).call().await;
    let opening = Opening::read(file, Some(highest.map_err(asked("reading a limit"))?))?;
    if opening.charter != place.name {
        bail!(BadInput(format!(
            "{} is for the charter {}, but this one is {}; use the deployment of the other by --deployments",
            file.display(),
            opening.charter,
            place.name
        )));
    }
    let found = opening.find(chain, place, person.member).await?;
    let opened = match found {
        Some(opened) => {
            talk::say(&format!("opened already, as subcontract {}", opened.subcontract));
            opened
        }
        None => {
            opening.check(chain, place).await?;
            let deed = opening.deed(chain, place).await?;
            let (name, sent) = person.act(&deed, carrying).await?;
            if sent.is_none() {
                talk::say("once it is carried, run this again: its stream is enrolled by you, too");
                return done(words, name, None);
            }
            let found = opening.find(chain, place, person.member).await?;
            found.ok_or_else(|| NotYet("opened, but this node does not show it yet".into()))?
        }
    };
    if let Some(deed) = opening.enrolment(chain, place, &opened).await? {
        let (name, sent) = person.act(&deed, carrying).await?;
        if sent.is_none() {
            return done(words, name, None);
        }
    }
    let mut named = place.clone();
    opening.name_in(&mut named, &opened);
    if named != *place {
        named.write(&words.deployments)?;
    }
    let opened = Opened {
        enrolled: true,
        ..opened
    };
    if words.json {
        return talk::json(&super::view::with_version(&opened)?);
    }
    let id = opened.subcontract;
    if opened.state != "open" {
        talk::say(&format!(
            "subcontract {id}, {}, is {}",
            opening.subcontract.name, opened.state
        ));
        return Ok(());
    }
    talk::say(&format!(
        "subcontract {id}, {}, is open: sign it yourself by `hearth mandate sign {id}`, then others who want it can; with {} of you anybody may say `hearth enact {id}` from {} to {}",
        opening.subcontract.name,
        opened.fewest_signers,
        shown(chain, place, opened.from).await?,
        shown(chain, place, opened.until).await?
    ));
    Ok(())
}

async fn shown(chain: &DynProvider, place: &Deployment, time: u64) -> Result<String> {
    Ok(calendar::shown(time, view::tz(chain, place).await?))
}

/// Hash of the terms that a subcontract's signers consent to.
pub(super) async fn terms_hash(chain: &DynProvider, place: &Deployment, subcontract: u16) -> Result<B256> {
    let charter = Charter::new(place.charter, chain);
    let hash = charter.termsHashOf(subcontract).call().await;
    let hash = hash.map_err(asked("reading the terms"))?;
    if hash.is_zero() {
        bail!(TemplateError::NoSubcontract { given: subcontract });
    }
    Ok(hash)
}

/// Refuses the number of what nobody opened.
async fn must_exist(chain: &DynProvider, place: &Deployment, subcontract: u16) -> Result<()> {
    terms_hash(chain, place, subcontract).await.map(drop)
}

/// Objects to an open subcontract.
pub(crate) async fn object(words: &Words, subcontract: u16, reason: &str, carrying: &Carrying) -> Result<()> {
    if reason.trim().is_empty() {
        bail!(BadInput("given no reason, wanted why it harms you".into()));
    }
    let person = Person::member(words).await?;
    let deed = Deed::ObjectToSubcontract {
        subcontract,
        terms_hash: terms_hash(&person.chain, &person.place, subcontract).await?,
        reason: keccak256(reason),
    };
    talk::say("only the hash of your words goes on chain: tell them to the others");
    person.does(words, &deed, carrying).await
}

/// Takes back what the member opened.
pub(crate) async fn withdraw_proposal(words: &Words, subcontract: u16, carrying: &Carrying) -> Result<()> {
    let person = Person::member(words).await?;
    let terms_hash = terms_hash(&person.chain, &person.place, subcontract).await?;
    let deed = Deed::WithdrawProposal {
        subcontract,
        terms_hash,
    };
    person.does(words, &deed, carrying).await
}

/// Agrees to end a subcontract.
pub(crate) async fn repeal(words: &Words, subcontract: u16, carrying: &Carrying) -> Result<()> {
    let person = Person::member(words).await?;
    let terms_hash = terms_hash(&person.chain, &person.place, subcontract).await?;
    person
        .does(
            words,
            &Deed::Repeal {
                subcontract,
                terms_hash,
            },
            carrying,
        )
        .await?;
    let state = open::state(&person.chain, &person.place, subcontract).await?;
    talk::say(&format!("subcontract {subcontract} is {state}"));
    Ok(())
}

/// Enacts an open subcontract; anyone may.
pub(crate) async fn enact(words: &Words, subcontract: u16) -> Result<()> {
    let person = Person::new(words).await?;
    let (chain, place) = (&person.chain, &person.place);
    must_exist(chain, place, subcontract).await?;
    let state = open::state(chain, place, subcontract).await?;
    if ["enacted", "active", "suspended"].contains(&state) {
        talk::say(&format!("subcontract {subcontract} is {state} already"));
        return done(words, "enact", None);
    }
    // What can still come about is told as such; what cannot, the charter refuses in its own words.
    if let Some(opened) = open::opened(chain, place, subcontract)
        .await?
        .filter(|_| state == "open")
    {
        let mut waits = Vec::new();
        if chain::time(chain).await? < opened.from {
            waits.push(format!(
                "it can be enacted from {}",
                shown(chain, place, opened.from).await?
            ));
        }
        if opened.signers < opened.fewest_signers {
            waits.push(format!(
                "{} signed its mandate, wanted {}",
                opened.signers, opened.fewest_signers
            ));
        }
        if !opened.enrolled {
            waits.push("its stream is not enrolled; whoever opened it says `hearth open` again".into());
        }
        if !waits.is_empty() {
            bail!(NotYet(format!(
                "subcontract {subcontract} waits: {}",
                waits.join("; ")
            )));
        }
    }
    let call = Charter::enactCall { id: subcontract };
    let receipt = person
        .sends("enacting the subcontract", place.charter, call.abi_encode())
        .await?;
    talk::say(&format!(
        "subcontract {subcontract} is enacted; it binds its signers from their next epoch on"
    ));
    done(words, "enact", Some(receipt.transaction_hash))
}

/// Lets a subcontract suspend, resume, lapse or end, as its signers and its time now have it; anyone may.
pub(crate) async fn poke(words: &Words, subcontract: u16) -> Result<()> {
    let person = Person::new(words).await?;
    let (chain, place) = (&person.chain, &person.place);
    must_exist(chain, place, subcontract).await?;
    let call = Charter::pokeCall { id: subcontract };
    let receipt = person
        .sends(
            "looking at the subcontract again",
            place.charter,
            call.abi_encode(),
        )
        .await?;
    let state = open::state(chain, place, subcontract).await?;
    talk::say(&format!("subcontract {subcontract} is {state}"));
    if words.json {
        talk::json(
            &json!({"v": 1, "deed": "poke", "transaction": receipt.transaction_hash, "state": state}),
        )?;
    }
    Ok(())
}

/// Gives out what the pots of firewood that is over still hold; anyone may (R8).
pub(crate) async fn close(words: &Words, subcontract: u16) -> Result<()> {
    let person = Person::new(words).await?;
    let (chain, place) = (&person.chain, &person.place);
    let wood = template::known(chain, place, subcontract).await?;
    loop {
        let call = Firewood::closeCall {};
        let receipt = person
            .sends("closing the subcontract", wood, call.abi_encode())
            .await?;
        let closed = receipt.decoded_log::<Firewood::WoodClosed>();
        // One call pays 50 signers.
        if closed.is_none_or(|closed| closed.money.left == 0) {
            talk::say(&format!(
                "subcontract {subcontract} is closed: its pots are empty"
            ));
            return done(words, "close", Some(receipt.transaction_hash));
        }
    }
}
