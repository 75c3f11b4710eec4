//! What the running daemon shows: whether it listens, and what it heard of its peers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use alloy::transports::http::reqwest;
use tokio::time::timeout;

use super::{Finding, bad, good, poor};
use crate::config::Config;
use crate::run::Addresses;

/// Seconds by which clocks may differ before envelopes are misjudged (R7.2 allows 120).
const CLOCK_TOLERATED: u64 = 30;

/// Where the daemon on this state folder listens, or last did.
#[must_use]
pub fn addresses(config: &Config) -> Option<Addresses> {
    serde_json::from_slice(&std::fs::read(config.state.join(crate::run::ADDRESSES)).ok()?).ok()
}

/// As [`addresses`], where a daemon works on the folder now.
fn running(config: &Config) -> Option<Addresses> {
    addresses(config).filter(|_| held(&config.state))
}

/// Findings on the doors of the daemon.
pub(super) async fn doors(config: &Config) -> Vec<Finding> {
    let Some(addresses) = running(config) else {
        let mend = "start it with `hearth-oracle run`";
        return vec![poor("broker", "no daemon works on this state folder now", mend)];
    };
    let mut findings = Vec::new();
    for (what, address) in [
        ("the broker", addresses.mqtt),
        ("HTTP", addresses.http),
        ("the operator's page", addresses.operator),
    ] {
        let connected = timeout(
            Duration::from_secs(2),
            tokio::net::TcpStream::connect(local(address)),
        )
        .await;
        findings.push(match connected {
            Ok(Ok(_)) => good("broker", format!("{what} listens on {address}")),
            _ => bad(
                "broker",
                format!("{what} does not answer on {address}"),
                "stop the daemon and start it again",
            ),
        });
    }
    findings
}

/// An unspecified address is reached on the loopback.
fn local(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

/// Whether a daemon works on the folder.
fn held(state: &Path) -> bool {
    let Ok(lock) = std::fs::OpenOptions::new().write(true).open(state.join("lock")) else {
        return false;
    };
    matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock))
}

/// What the daemon tells of itself.
async fn status(operator: SocketAddr) -> Option<serde_json::Value> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .build()
        .ok()?;
    let url = format!("http://{operator}/v1/status");
    client.get(url).send().await.ok()?.json().await.ok()
}

/// When each peer was last heard, as the running daemon tells.
pub(super) async fn heard(config: &Config) -> Option<HashMap<u8, u64>> {
    let status = status(running(config)?.operator).await?;
    let heard = status.get("peers")?.as_array()?.iter().filter_map(|peer| {
        let seat = u8::try_from(peer.get("seat")?.as_u64()?).ok()?;
        Some((seat, peer.get("heard")?.as_u64()?))
    });
    Some(heard.collect())
}

/// The clock against the chain's peers, as the running daemon heard them.
pub(super) async fn clocks(config: &Config) -> Vec<Finding> {
    let Some(addresses) = running(config) else {
        return vec![poor(
            "clock",
            "peers' clocks are known only while the daemon runs",
            "start it",
        )];
    };
    let Some(status) = status(addresses.operator).await else {
        return vec![poor(
            "clock",
            "the daemon does not tell its status",
            "look at its log",
        )];
    };
    let mut offsets: Vec<i64> = status["peers"]
        .as_array()
        .map(|peers| {
            peers
                .iter()
                .filter_map(|peer| peer["clockOffset"].as_i64())
                .collect()
        })
        .unwrap_or_default();
    offsets.sort_unstable();
    match offsets.get(offsets.len() / 2) {
        None => vec![good("clock", "no peer was heard yet to compare with")],
        Some(middle) if middle.unsigned_abs() > CLOCK_TOLERATED => vec![bad(
            "clock",
            format!("peers' clocks are {middle} s from this one"),
            "set the clock, for example with systemd-timesyncd or chrony",
        )],
        Some(middle) => vec![good(
            "clock",
            format!("peers' clocks are {middle} s from this one"),
        )],
    }
}
