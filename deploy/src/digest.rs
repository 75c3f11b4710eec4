//! A settled epoch at the pile, mostly a week, read for people: who took what, and what it came to.
//!
//! *In*: a [`Deployment`], a chain. *Out*: plain figures; amounts in units of H. Everything comes from views and events.

use std::collections::BTreeMap;

use alloy::providers::DynProvider;
use hearth_bindings::{Charter, Firewood, Kind, Ledger};
use hearth_oracle_core::types::{Calendar, Epoch, EpochKind};
use serde::Serialize;
use thiserror::Error;

use crate::calendar;
use crate::chain::{self, ChainError, asked};
use crate::docket;
use crate::found::Deployment;
use crate::template::{self, TemplateError};
use crate::view::tz;

/// Why there is no digest.
#[derive(Debug, Error)]
pub enum DigestError {
    /// The subcontract is none of those read here.
    #[error("there is no digest")]
    Template(#[from] TemplateError),
    /// Nothing to tell yet.
    #[error("{} has settled yet", match given { Some(epoch) => format!("{word} {epoch} is not one that"), None => format!("no {word}") })]
    NotSettled {
        /// Day, week or period.
        word: &'static str,
        /// The epoch asked for, where one was.
        given: Option<u32>,
    },
    /// The chain could not be asked.
    #[error("the digest could not be read")]
    Chain(#[from] ChainError),
}

/// A settled epoch of firewood.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// How long its epochs are.
    pub epoch_kind: EpochKind,
    /// Which of them this is.
    pub epoch: u32,
    /// Its beginning, unix seconds.
    pub begin: u64,
    /// The member who brings the wood.
    pub provider: u16,
    /// What each member took and paid.
    pub lines: Vec<Line>,
    /// Paid to the provider of what was paid.
    pub to_provider: u64,
    /// Into the warmth reserve.
    pub to_warmth: u64,
    /// Kept against what nobody tapped for.
    pub to_shrinkage: u64,
    /// For the period before, where one had ended.
    pub true_up: u64,
    /// Worth of what nobody tapped for.
    pub unattributed: u64,
    /// Of it, from the shrinkage reserve.
    pub from_reserve: u64,
    /// Of it, paid by the signers but the provider, asked in equal parts.
    pub shared: u64,
    /// Of it, paid by nobody: what exceeds what the others signed or have.
    pub borne_by_provider: u64,
}

/// One member's epoch.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Member.
    pub member: u16,
    /// Name.
    pub name: String,
    /// Band applied.
    pub band: u8,
    /// Grams that counted.
    pub grams: u32,
    /// Before caps.
    pub charge: u64,
    /// Paid of it.
    pub paid: u64,
    /// Owed of it.
    pub arrears: u64,
    /// Nobody's debt.
    pub extinguished: u64,
    /// Paid of a share of what nobody tapped for.
    pub shared: u64,
    /// Of what nobody tapped for, borne unpaid: the provider's alone.
    pub borne: u64,
}

/// Reads a settled epoch of a firewood subcontract: the given one, or the last.
///
/// # Errors
/// See [`DigestError`].
pub async fn digest(
    chain: &DynProvider,
    place: &Deployment,
    subcontract: u16,
    epoch: Option<u32>,
) -> Result<Digest, DigestError> {
    let wood = template::known(chain, place, subcontract).await?;
    let terms = Firewood::new(wood, chain).terms().call().await;
    let terms = terms.map_err(asked("reading the terms"))?;
    let epoch_kind = calendar::epoch_kind(docket::stream(chain, place, terms.stream).await?.epochKind);
    let all = chain::events::<Firewood::WoodSettled>(chain, wood, place.from_block).await?;
    let settled = all
        .iter()
        .rev()
        .find(|log| epoch.is_none_or(|epoch| log.inner.epoch.to::<u32>() == epoch));
    let settled = settled.ok_or(DigestError::NotSettled {
        word: calendar::word(epoch_kind),
        given: epoch,
    })?;
    let epoch = settled.inner.epoch;
    let money = &settled.inner.money;
    let mut lines: BTreeMap<u16, Line> = BTreeMap::new();
    let line_of = |lines: &mut BTreeMap<u16, Line>, member: u16, change: &dyn Fn(&mut Line)| {
        let line = lines.entry(member).or_insert_with(|| Line {
            member,
            name: place.member_name(member),
            ..Line::default()
        });
        change(line);
    };
    for log in chain::events::<Firewood::LineSettled>(chain, wood, place.from_block).await? {
        let settled = &log.inner;
        if settled.epoch == epoch {
            line_of(&mut lines, settled.member, &|line| {
                line.band = settled.band;
                line.grams = settled.grams;
                line.charge = settled.charge;
            });
        }
    }
    for log in chain::events::<Ledger::Collected>(chain, place.ledger, place.from_block).await? {
        let collected = &log.inner;
        if collected.subcontract != subcontract || collected.epoch != epoch {
            continue;
        }
        let outcome = &collected.outcome;
        let kind = Kind::of(collected.kind);
        line_of(&mut lines, collected.payer, &|line| match kind {
            Some(Kind::Charge) => {
                line.paid = outcome.paid;
                line.arrears = outcome.arrears;
                line.extinguished = outcome.extinguished;
            }
            Some(Kind::Shared) => line.shared = outcome.paid,
            None => {}
        });
    }
    let provider = terms.provider;
    if money.borneByProvider > 0 {
        line_of(&mut lines, provider, &|line| line.borne = money.borneByProvider);
    }
    let epoch = epoch.to::<u32>();
    let calendar = Calendar {
        tz: tz(chain, place).await?,
        ignition: Charter::new(place.charter, chain)
            .t0()
            .call()
            .await
            .map_err(asked("reading the ignition"))?
            .to(),
    };
    Ok(Digest {
        epoch_kind,
        epoch,
        begin: calendar.begin(epoch_kind, Epoch(epoch)),
        provider,
        lines: lines.into_values().collect(),
        to_provider: money.toProvider,
        to_warmth: money.toWarmth,
        to_shrinkage: money.toShrinkage,
        true_up: money.trueUp,
        unattributed: money.unattributed,
        from_reserve: money.fromReserve,
        shared: money.shared,
        borne_by_provider: money.borneByProvider,
    })
}

impl Digest {
    /// One member's epoch; all nothing but the name where it has nothing of them.
    #[must_use]
    pub fn of(&self, member: u16, place: &Deployment) -> Line {
        let line = self.lines.iter().find(|line| line.member == member);
        line.cloned().unwrap_or_else(|| Line {
            member,
            name: place.member_name(member),
            ..Line::default()
        })
    }
}
