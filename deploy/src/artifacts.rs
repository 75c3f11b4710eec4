//! The compiled contracts this release carries, so that founding needs no compiler.

use alloy::primitives::{B256, Bytes, keccak256};
use hearth_bindings::{Charter, Committee, Docket, Firewood, Ledger, Mandates, PracticeToken, Roster};

/// Creation code of everything a founding installs.
#[derive(Clone, Debug)]
pub struct Artifacts {
    /// The charter, without its constructor's argument.
    pub charter: Bytes,
    /// The charter's modules in the order in which it installs them: see [`MODULES`].
    pub modules: [Bytes; 5],
    /// The firewood template, without its constructor's arguments.
    pub firewood: Bytes,
    /// The practice token.
    pub practice_token: Bytes,
}

/// The modules' names, in the order in which the charter installs them.
pub const MODULES: [&str; 5] = ["roster", "ledger", "committee", "docket", "mandates"];

impl Artifacts {
    /// What is embedded in this binary.
    #[must_use]
    pub fn embedded() -> Self {
        Self {
            charter: Charter::BYTECODE.clone(),
            modules: [
                Roster::BYTECODE.clone(),
                Ledger::BYTECODE.clone(),
                Committee::BYTECODE.clone(),
                Docket::BYTECODE.clone(),
                Mandates::BYTECODE.clone(),
            ],
            firewood: Firewood::BYTECODE.clone(),
            practice_token: PracticeToken::BYTECODE.clone(),
        }
    }

    /// Creation-code hashes of the modules, as founders sign them.
    #[must_use]
    pub fn module_hashes(&self) -> Vec<B256> {
        self.modules.iter().map(keccak256).collect()
    }
}
