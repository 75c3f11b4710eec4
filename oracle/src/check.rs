//! `hearth-oracle check`: everything that can be known without a network.
//!
//! *In*: the configuration file. *Out*: what this seat is, or every problem at once, keys included.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use alloy::signers::local::PrivateKeySigner;
use hearth_oracle_core::types::Network;

use crate::config::{self, Config, ConfigError};
use crate::key::{self, KeyError, Password, Secret};
use crate::sign::ReportKey;

/// The seat's opened keys.
#[derive(Debug)]
pub struct Keys {
    /// Signs report digests.
    pub report: ReportKey,
    /// Signs answers and messages to peers.
    pub transport: Secret,
    /// Pays for transactions.
    pub gas: PrivateKeySigner,
}

/// What a seat is, by its files.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// Its number.
    pub seat: u8,
    /// The polity's name.
    pub network: String,
    /// Its report key's address.
    pub report_key: Address,
    /// Its transport key.
    pub transport_key: B256,
    /// The account that pays for transactions.
    pub gas: Address,
}

/// Why a check fails.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(ConfigError),
    /// Keys cannot be used.
    #[error(transparent)]
    Keys(KeyProblems),
}

/// Every key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct KeyProblems(pub Vec<KeyProblem>);

/// Why one key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyProblem {
    /// It, or the password, cannot be opened.
    #[error("{}", whole(.0))]
    Unopened(KeyError),
    /// Not every 32 bytes are a key.
    #[error("{path} holds 32 bytes that are no secp256k1 key; make another with `hearth-oracle key`")]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// The report key pays for transactions, too.
    #[error("{report} and {gas} hold one key; the report key signs digests only, so take another for gas")]
    Shared {
        /// The report key's file.
        report: PathBuf,
        /// The file of the gas account's key.
        gas: PathBuf,
    },
}

fn lines(problems: &[KeyProblem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Opens the seat's keys, telling every problem at once.
///
/// # Errors
/// Every key that cannot be used.
pub fn keys(config: &Config) -> Result<Keys, KeyProblems> {
    let password = Password::read(&config.keys.password)
        .map_err(|error| KeyProblems(vec![KeyProblem::Unopened(error)]))?;
    let mut problems = Vec::new();
    let mut open = |path: &Path| {
        key::open(path, &password)
            .map_err(|error| problems.push(KeyProblem::Unopened(error)))
            .ok()
    };
    let (report, transport, gas) = (
        open(&config.keys.report),
        open(&config.keys.transport),
        open(&config.keys.gas),
    );
    let no_key = |path: &Path| KeyProblem::NoKey { path: path.into() };
    let report = report.and_then(|secret| {
        let key = ReportKey::new(secret);
        if key.is_none() {
            problems.push(no_key(&config.keys.report));
        }
        key
    });
    let gas = gas.and_then(|secret| {
        PrivateKeySigner::from_slice(secret.reveal())
            .map_err(|_| problems.push(no_key(&config.keys.gas)))
            .ok()
    });
    match (report, transport, gas) {
        (Some(report), Some(transport), Some(gas)) if gas.address() != report.address() => Ok(Keys {
            report,
            transport,
            gas,
        }),
        (Some(_), Some(_), Some(_)) => Err(KeyProblems(vec![KeyProblem::Shared {
            report: config.keys.report.clone(),
            gas: config.keys.gas.clone(),
        }])),
        _ => Err(KeyProblems(problems)),
    }
}

/// An error with what caused it, in one line. Addresses in it are cut to their host, since an RPC's may hold a token.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    without_paths(&text)
}

/// A text whose web addresses keep scheme and host only.
fn without_paths(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        // A token may hold any sign but a space; what closes the sentence is not the address's.
        let whole = after.split(char::is_whitespace).next().unwrap_or_default();
        let address = whole.trim_end_matches([')', '"', '\'', ',', ';', ':', '.']);
        out.push_str(config::host(address));
        rest = &after[address.len()..];
    }
    out.push_str(rest);
    out
}

/// Checks configuration and keys.
///
/// # Errors
/// Every problem found.
pub fn check(path: &Path) -> Result<Checked, CheckError> {
    let config = Config::read(path).map_err(CheckError::Config)?;
    let keys = keys(&config).map_err(CheckError::Keys)?;
    Ok(Checked {
        seat: config.seat.0,
        network: Network::of(config.chain.chain_id, config.chain.charter).to_string(),
        report_key: keys.report.address(),
        transport_key: keys.transport.public(),
        gas: keys.gas.address(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_without_what_may_be_secret() {
        let check = |text: &str, wanted: &str| assert_eq!(without_paths(text), wanted);
        check(
            "error for url (https://a:b@rpc.example:1/v3/token?k=1): refused",
            "error for url (https://rpc.example:1): refused",
        );
        check("asked http://a/x,token)'\"y.", "asked http://a.");
        check("two http://a/x and http://b?y", "two http://a and http://b");
        check("asked http://a\\tok", "asked http://a");
        check("none", "none");
    }
}
