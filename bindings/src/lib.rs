//! Typed bindings to the contracts, carrying their creation code.
//!
//! Each contract is its own module with its calls, events, errors and structs. They come from
//! `artifacts/<Name>.json`, which `script/slim-artifacts` writes from forge's output; nothing here is written by
//! hand, so cargo builds without forge and the binaries carry what they deploy. Ids and enums are plain integers
//! here, in the widths of `contracts/types/Ids.sol`. A struct used by two contracts is a type in each module, with a
//! conversion below.

#![allow(
    missing_docs,
    clippy::too_many_arguments,
    non_snake_case,
    reason = "generated: the interfaces in contracts/interfaces carry the documentation"
)]

mod generated {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        Charter,
        "artifacts/Charter.json"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        Roster,
        "artifacts/Roster.json"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        Ledger,
        "artifacts/Ledger.json"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        Mandates,
        "artifacts/Mandates.json"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        Committee,
        "artifacts/Committee.json"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        Docket,
        "artifacts/Docket.json"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        Firewood,
        "artifacts/Firewood.json"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        PracticeToken,
        "artifacts/PracticeToken.json"
    );
    alloy::sol!(
        #[sol(rpc, all_derives)]
        ISubcontract,
        "artifacts/ISubcontract.json"
    );
}

pub use generated::{
    Charter, Committee, Docket, Firewood, ISubcontract, Ledger, Mandates, PracticeToken, Roster,
};

/// What [`Charter`]'s `module` is asked for; the order of `contracts/interfaces/ICharter.sol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Module {
    /// Members.
    Roster,
    /// Money.
    Ledger,
    /// Seats.
    Committee,
    /// Streams and reports.
    Docket,
    /// What members signed.
    Mandates,
}

impl From<Module> for u8 {
    fn from(module: Module) -> Self {
        module as Self
    }
}

/// For what a subcontract collects from a purse: those of [`Ledger`]'s kinds that firewood has, by their place in
/// `contracts/interfaces/ILedger.sol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// What a member's own line of a report costs.
    Charge = 6,
    /// A member's part of what nobody took.
    Shared = 7,
}

impl Kind {
    /// The kind of this number, where it is one of these.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        [Self::Charge, Self::Shared]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// A contract's error as its name and its fields, for people who search for it. `sol!` shows it as `Name(Name { … })`: the
/// variant repeats the name of the struct within.
#[must_use]
pub fn named(error: &impl std::fmt::Debug) -> (String, String) {
    let whole = format!("{error:?}");
    let (name, within) = whole.split_once('(').unwrap_or((&whole, &whole));
    let fields = within.strip_suffix(')').unwrap_or(within);
    (name.to_owned(), fields.to_owned())
}

/// A mandate's caps as the charter takes them are the same words where they are kept.
impl From<Charter::MandateCaps> for Mandates::MandateCaps {
    fn from(caps: Charter::MandateCaps) -> Self {
        Self {
            subcontract: caps.subcontract,
            perEvent: caps.perEvent,
            perPeriod: caps.perPeriod,
            sharedPerPeriod: caps.sharedPerPeriod,
            expiry: caps.expiry,
        }
    }
}
