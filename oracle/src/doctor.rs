//! `hearth-oracle doctor`: asks everything the seat depends on, and says how to mend what is wrong.
//!
//! *In*: the configuration. *Out*: findings by group, in under ten seconds. *Never*: a write outside a file of its own
//! in the state folder; a transaction; a message in the seat's name.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::Address;
use alloy::providers::{Provider as _, RootProvider};
use alloy::transports::http::reqwest;
use hearth_bindings::{Charter, Committee, Docket, Module};
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::chain::rpc;
use crate::check::{self, Keys};
use crate::clock::Clock;
use crate::config::{Config, RpcUrl};
use crate::run::Addresses;

/// Longest one question may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// The groups are asked side by side, but the charter only once an RPC has answered: two questions.
const _: () = assert!(2 * PATIENCE.as_secs() < 10);

/// Wei a report and its settlement may cost, generously: a million gas at 10 gwei.
const ONE_EPOCH_WEI: u128 = 10_000_000_000_000_000;

/// Seconds by which clocks may differ before envelopes are misjudged (R7.2 allows 120).
const CLOCK_TOLERATED: u64 = 30;

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
        Err(problems) => {
            let restore = "restore the file from your copy, or rotate to a new key with `key rotate`";
            findings.extend(problems.to_string().lines().map(|line| {
                let (says, mend) = line.split_once("; mend it with ").unwrap_or((line, restore));
                bad("keys", says, mend)
            }));
            None
        }
    };
    let disk = {
        let state = config.state.clone();
        tokio::task::spawn_blocking(move || disk(&state))
    };
    let (rpcs, local, clocks, disk) = tokio::join!(rpcs(config, clock), broker(config), clocks(config), disk);
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
            let asked = timeout(PATIENCE, charter(config, &provider, keys.as_ref(), clock)).await;
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

async fn rpcs(config: &Config, clock: &dyn Clock) -> (Vec<Finding>, Option<RootProvider>) {
    let ask = async |url: &RpcUrl| {
        let answered = timeout(PATIENCE, one_rpc(config, url, clock)).await;
        answered.unwrap_or_else(|_| {
            let says = format!("{url} does not answer in time");
            (vec![bad("rpc", says, "take another RPC")], None)
        })
    };
    let second = async {
        match &config.chain.second_rpc {
            Some(url) => ask(url).await,
            None => {
                let says = "there is no second RPC to check the first against";
                let mend = "name one as chain.second_rpc; on a chain of your own one is enough";
                (vec![poor("rpc", says, mend)], None)
            }
        }
    };
    let ((mut findings, first), (more, other)) = tokio::join!(ask(&config.chain.rpc), second);
    findings.extend(more);
    (findings, first.or(other))
}

async fn one_rpc(config: &Config, url: &RpcUrl, clock: &dyn Clock) -> (Vec<Finding>, Option<RootProvider>) {
    let provider = match rpc::provider(url) {
        Ok(provider) => provider,
        Err(reason) => return (vec![bad("rpc", reason, "correct it in the configuration")], None),
    };
    let begun = Instant::now();
    match provider.get_chain_id().await {
        Err(_) => {
            let mend = "is the address right, and the node running? try it with a browser or curl";
            return (vec![bad("rpc", format!("{url} does not answer"), mend)], None);
        }
        Ok(given) if given != config.chain.chain_id => {
            let says = format!("{url} serves chain {given}, wanted {}", config.chain.chain_id);
            return (
                vec![bad("rpc", says, "correct chain.rpc or chain.chain_id")],
                None,
            );
        }
        Ok(_) => {}
    }
    let milliseconds = begun.elapsed().as_millis();
    let mut findings = vec![good(
        "rpc",
        format!(
            "{url} serves chain {} in {milliseconds} ms",
            config.chain.chain_id
        ),
    )];
    match provider.get_block_by_number(BlockNumberOrTag::Latest).await {
        Ok(Some(block)) => {
            let age = clock.unix_seconds().abs_diff(block.header.timestamp);
            let says = format!(
                "{url}: newest block {} is {age} s from this clock",
                block.header.number
            );
            findings.push(if age > 180 {
                poor("rpc", says, "a public chain's node that lags is no help; on a chain of your own its clock may be moved")
            } else {
                good("rpc", says)
            });
            if block.header.base_fee_per_gas.is_none() {
                findings.push(bad(
                    "rpc",
                    format!("{url} has no EIP-1559 fees"),
                    "take a chain that has them",
                ));
            }
        }
        _ => findings.push(bad(
            "rpc",
            format!("{url} shows no newest block"),
            "take another RPC",
        )),
    }
    (findings, Some(provider))
}

async fn charter(
    config: &Config,
    provider: &RootProvider,
    keys: Option<&Keys>,
    clock: &dyn Clock,
) -> Vec<Finding> {
    let address = config.chain.charter;
    let failed = |says: String| {
        bad(
            "chain",
            says,
            "is chain.charter the address in deployments/<chain-id>.json?",
        )
    };
    match provider.get_code_at(address).await {
        Ok(code) if code.is_empty() => return vec![failed(format!("there is no contract at {address}"))],
        Err(_) => return vec![failed("the charter's code cannot be read".into())],
        Ok(_) => {}
    }
    let charter = Charter::new(address, provider);
    let mut findings = Vec::new();
    if begins_late(provider, address, config.chain.from_block).await {
        findings.push(bad(
            "chain",
            format!(
                "chain.from_block is {}, and the charter was there before: seats and streams of that time are not seen",
                config.chain.from_block
            ),
            "write the fromBlock of deployments/<chain-id>.json, or leave it out, and start the daemon again",
        ));
    }
    let Ok(ignition) = charter.t0().call().await else {
        return vec![failed(format!("{address} is no charter"))];
    };
    let ignition = ignition.to::<u64>();
    if ignition == 0 {
        findings.push(poor(
            "chain",
            format!("the charter {address} is not ignited yet"),
            "founders run `hearth ignite`",
        ));
    } else {
        findings.push(good(
            "chain",
            format!("the charter {address} is ignited since {ignition}"),
        ));
    }
    let (Ok(committee), Ok(docket)) = (
        charter.module(Module::Committee.into()).call().await,
        charter.module(Module::Docket.into()).call().await,
    ) else {
        findings.push(failed(
            "the charter does not name its committee and docket".into(),
        ));
        return findings;
    };
    findings.extend(seat(config, provider, committee, keys).await);
    findings.extend(gas(provider, docket, keys).await);
    findings.extend(peers(config, provider, committee, clock).await);
    findings
}

/// Whether the charter was there before the block from which the seat reads. A node that has forgotten the state of that
/// block does not say, and then nothing is told.
async fn begins_late(provider: &RootProvider, charter: Address, from_block: u64) -> bool {
    let Some(before) = from_block.checked_sub(1) else {
        return false;
    };
    match provider.get_block_number().await {
        Ok(head) if head < before => true,
        _ => {
            let code = provider.get_code_at(charter).number(before).await;
            code.is_ok_and(|code| !code.is_empty())
        }
    }
}

async fn seat(
    config: &Config,
    provider: &RootProvider,
    committee: Address,
    keys: Option<&Keys>,
) -> Vec<Finding> {
    let number = config.seat.0;
    let Ok(known) = Committee::new(committee, provider).seat(number).call().await else {
        let mend = "correct seat.number; the founders' order of seats counts from 0";
        return vec![bad("seat", format!("the committee has no seat {number}"), mend)];
    };
    let Some(keys) = keys else { return Vec::new() };
    if known.reportKey.is_zero() {
        let mend = format!(
            "register report key {} and this transport key with the seat's identity key",
            keys.report.address()
        );
        return vec![bad("seat", format!("seat {number} is vacant"), mend)];
    }
    let mut findings = Vec::new();
    if known.reportKey == keys.report.address() && known.transportKey == keys.transport.public() {
        findings.push(good(
            "seat",
            format!("seat {number} is registered with these keys"),
        ));
    } else {
        let mend = "rotate to these keys with the identity key, or restore the old key files";
        findings.push(bad(
            "seat",
            format!("the committee knows other keys for seat {number}"),
            mend,
        ));
    }
    findings.push(if known.bonded {
        good("seat", "its bond is held")
    } else {
        poor(
            "seat",
            "its bond is not held",
            "deposit the bond into the seat's purse and register",
        )
    });
    findings
}

async fn gas(provider: &RootProvider, docket: Address, keys: Option<&Keys>) -> Vec<Finding> {
    let Some(account) = keys.map(|keys| keys.gas.address()) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    match provider.get_balance(account).await {
        Err(_) => findings.push(poor("seat", "the gas account cannot be read", "try another RPC")),
        Ok(wei) => {
            let epochs = u128::try_from(wei).unwrap_or(u128::MAX) / ONE_EPOCH_WEI;
            let says = format!("the gas account {account} has coin for about {epochs} reports");
            findings.push(match epochs {
                0 => bad("seat", says, format!("send coin to {account}")),
                1..10 => poor("seat", says, format!("send coin to {account} soon")),
                _ => good("seat", says),
            });
        }
    }
    match Docket::new(docket, provider).streamCount().call().await {
        Ok(0) => findings.push(poor(
            "chain",
            "the docket has no streams",
            "founders enrol them before ignition",
        )),
        Ok(count) => findings.push(good("chain", format!("the docket has {count} streams"))),
        Err(_) => findings.push(bad(
            "chain",
            "the docket cannot be read",
            "is this release the charter's?",
        )),
    }
    findings
}

async fn peers(
    config: &Config,
    provider: &RootProvider,
    committee: Address,
    clock: &dyn Clock,
) -> Vec<Finding> {
    let contract = Committee::new(committee, provider);
    let Ok(count) = contract.seatCount().call().await else {
        return Vec::new();
    };
    let heard = status(config).await.unwrap_or_default();
    let mut asked = tokio::task::JoinSet::new();
    for number in (0..count).filter(|number| *number != config.seat.0) {
        let Ok(known) = contract.seat(number).call().await else {
            continue;
        };
        if !known.reportKey.is_zero() {
            asked.spawn(async move { (number, known.endpoint.clone(), reach(&known.endpoint).await) });
        }
    }
    let mut findings = Vec::new();
    let now = clock.unix_seconds();
    while let Some(Ok((number, endpoint, reached))) = asked.join_next().await {
        findings.push(if reached {
            good("peers", format!("seat {number} is reached at {endpoint}"))
        } else {
            let mend = "is that seat running, and its port open? its operator sees the same with `doctor`";
            poor(
                "peers",
                format!("seat {number} is not reached at {endpoint}"),
                mend,
            )
        });
        if let Some(at) = heard.get(&number) {
            let says = format!("seat {number} was last heard {} s ago", now.saturating_sub(*at));
            findings.push(if now.saturating_sub(*at) > 600 {
                poor(
                    "peers",
                    says,
                    "can it reach this seat? the endpoint on chain must lead here",
                )
            } else {
                good("peers", says)
            });
        }
    }
    findings.sort_by(|a, b| a.says.cmp(&b.says));
    findings
}

/// When each peer was last heard, as the running daemon tells.
async fn status(config: &Config) -> Option<HashMap<u8, u64>> {
    let address = addresses(config)?.operator;
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .build()
        .ok()?;
    let status: serde_json::Value = client
        .get(format!("http://{address}/v1/status"))
        .send()
        .await
        .ok()?
        .json()
        .await
        .ok()?;
    let heard = status.get("peers")?.as_array()?.iter().filter_map(|peer| {
        let seat = u8::try_from(peer.get("seat")?.as_u64()?).ok()?;
        Some((seat, peer.get("heard")?.as_u64()?))
    });
    Some(heard.collect())
}

/// Where the daemon on this state folder listens, or last did.
#[must_use]
pub fn addresses(config: &Config) -> Option<Addresses> {
    serde_json::from_slice(&std::fs::read(config.state.join(crate::run::ADDRESSES)).ok()?).ok()
}

async fn reach(endpoint: &str) -> bool {
    let Ok(client) = reqwest::Client::builder().timeout(Duration::from_secs(2)).build() else {
        return false;
    };
    // An empty message is refused by its name, which only a seat does.
    let url = format!("{}/v1/peer", endpoint.trim_end_matches('/'));
    matches!(client.post(url).body("").send().await, Ok(response) if matches!(response.status().as_u16(), 400 | 503))
}

async fn broker(config: &Config) -> Vec<Finding> {
    let running = addresses(config).filter(|_| held(&config.state));
    let Some(addresses) = running else {
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
fn local(mut address: std::net::SocketAddr) -> std::net::SocketAddr {
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

/// Writes and syncs a file of its own a hundred times, and looks the journal through.
fn disk(state: &Path) -> Vec<Finding> {
    use std::io::Write as _;
    let mut findings = Vec::new();
    if !state.exists() && state.parent().is_some_and(Path::is_dir) {
        let mend = "start the daemon with `hearth-oracle run`, which makes it";
        return vec![poor(
            "disk",
            format!("{} is not there yet", state.display()),
            mend,
        )];
    }
    let probe = state.join("doctor.probe");
    let tried = || -> std::io::Result<Vec<Duration>> {
        let mut file = std::fs::File::create(&probe)?;
        let begun = Instant::now();
        let mut took = Vec::new();
        while took.len() < 100 && begun.elapsed() < Duration::from_secs(3) {
            let one = Instant::now();
            file.write_all(&[0; 512])?;
            file.sync_data()?;
            took.push(one.elapsed());
        }
        Ok(took)
    };
    match tried() {
        Ok(mut took) => {
            took.sort_unstable();
            let slow = took[took.len() * 95 / 100].as_millis();
            let says = format!("95 of 100 syncs take at most {slow} ms");
            findings.push(if slow > 50 {
                poor(
                    "disk",
                    says,
                    "devices wait this long for each acknowledgement; a solid-state disk helps",
                )
            } else {
                good("disk", says)
            });
        }
        Err(error) => {
            let mend = "is the folder there, yours, and the disk not full? `run` makes it";
            findings.push(bad(
                "disk",
                format!("{} cannot be written: {error}", state.display()),
                mend,
            ));
        }
    }
    let _ = std::fs::remove_file(&probe);
    let journal = state.join("journal.db");
    if journal.exists() {
        let size = std::fs::metadata(&journal).map_or(0, |found| found.len()) >> 20;
        let mend =
            "stop the daemon, move the state folder away and keep it; peers hand over what is still needed";
        findings.push(match crate::journal::sqlite::inspect(&journal) {
            Ok(None) => good("disk", format!("the journal is whole, {size} MiB")),
            Ok(Some(damage)) => bad("disk", format!("the journal is damaged: {damage}"), mend),
            Err(error) => bad("disk", check::whole(&error), mend),
        });
    }
    findings
}

/// The clock against the chain's peers, as the running daemon heard them.
async fn clocks(config: &Config) -> Vec<Finding> {
    let Some(address) = addresses(config)
        .filter(|_| held(&config.state))
        .map(|a| a.operator)
    else {
        return vec![poor(
            "clock",
            "peers' clocks are known only while the daemon runs",
            "start it",
        )];
    };
    let asked = async {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .build()
            .ok()?;
        client
            .get(format!("http://{address}/v1/status"))
            .send()
            .await
            .ok()?
            .json::<serde_json::Value>()
            .await
            .ok()
    };
    let Some(status) = asked.await else {
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
