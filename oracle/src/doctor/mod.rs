//! `hearth-oracle doctor`: asks everything the seat depends on, and says how to mend what is wrong.
//!
//! *In*: the configuration. *Out*: findings by group, in under ten seconds. *Never*: a write outside a file of its own
//! in the state folder; a transaction; a message in the seat's name.

use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;

use crate::check::{self, KeyProblem, KeyProblems};
use crate::clock::Clock;
use crate::config::Config;
use crate::key::KeyError;

mod charter;
mod daemon;
mod disk;
mod rpcs;

pub use daemon::addresses;

/// Longest one question may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// The groups are asked side by side, but the charter only once an RPC has answered: two questions.
const _: () = assert!(2 * PATIENCE.as_secs() < 10);

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As it should be.
    Good,
    /// Works, but not for long or not well.
    Poor,
    /// The seat cannot do its work.
    Bad,
}

/// One thing looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// keys, rpc, chain, seat, broker, clock, disk or peers.
    pub group: &'static str,
    /// How it stands.
    pub grade: Grade,
    /// What was found.
    pub says: String,
    /// How to mend it; empty where nothing is wrong.
    pub mend: String,
}

fn good(group: &'static str, says: impl Into<String>) -> Finding {
    Finding {
        group,
        grade: Grade::Good,
        says: says.into(),
        mend: String::new(),
    }
}

fn poor(group: &'static str, says: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        group,
        grade: Grade::Poor,
        says: says.into(),
        mend: mend.into(),
    }
}

fn bad(group: &'static str, says: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        group,
        grade: Grade::Bad,
        says: says.into(),
        mend: mend.into(),
    }
}

fn key(problem: &KeyProblem) -> Finding {
    match problem {
        KeyProblem::Unopened(KeyError::Mode { path, mode }) => bad(
            "keys",
            format!("{} has mode {mode:o}, wanted 600", path.display()),
            format!("`chmod 600 {}`", path.display()),
        ),
        other => {
            let restore = "restore the file from your copy, or rotate to a new key with `key rotate`";
            bad("keys", other.to_string(), restore)
        }
    }
}

/// Looks at everything.
pub async fn examine(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut findings = Vec::new();
    let keys = match check::keys(config) {
        Ok(keys) => {
            findings.push(good(
                "keys",
                "every key opens, and nobody else can read the files",
            ));
            Some(keys)
        }
        Err(KeyProblems(problems)) => {
            findings.extend(problems.iter().map(key));
            None
        }
    };
    let disk = {
        let state = config.state.clone();
        tokio::task::spawn_blocking(move || disk::disk(&state))
    };
    let (rpcs, local, clocks, disk) = tokio::join!(
        rpcs::rpcs(config, clock),
        daemon::doors(config),
        daemon::clocks(config),
        disk
    );
    let (answers, provider) = rpcs;
    findings.extend(answers);
    match provider {
        None => {
            let mend = "mend the RPC first";
            findings.push(bad(
                "chain",
                "the charter cannot be looked at without an RPC",
                mend,
            ));
        }
        Some(provider) => {
            let asked = timeout(
                PATIENCE,
                charter::charter(config, &provider, keys.as_ref(), clock),
            )
            .await;
            findings.extend(asked.unwrap_or_else(|_| {
                vec![bad(
                    "chain",
                    "the RPC is too slow",
                    "take an RPC nearer to you, or add a second one",
                )]
            }));
        }
    }
    findings.extend(local);
    findings.extend(clocks);
    findings.extend(disk.unwrap_or_else(|_| {
        vec![bad(
            "disk",
            "the disk could not be tried",
            "look at the system's log",
        )]
    }));
    findings
}
