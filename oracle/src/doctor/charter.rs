//! What the chain says: of the charter, of this seat, and of its peers.

use std::time::Duration;

use alloy::primitives::Address;
use alloy::providers::{Provider as _, RootProvider};
use alloy::transports::http::reqwest;
use hearth_bindings::{Charter, Committee, Docket, Module};

use super::{Finding, bad, daemon, good, poor};
use crate::check::Keys;
use crate::clock::Clock;
use crate::config::Config;

/// Wei a report and its settlement among ten members may cost: a million gas (docs/benchmarks.md) at 10 gwei.
const ONE_EPOCH_WEI: u128 = 10_000_000_000_000_000;

/// Fewer reports than this are soon spent; `host/alerts.yml` warns at the same coin.
const FEW_REPORTS: u128 = 5;

/// Findings on the charter, the seat and its gas, and the other seats.
pub(super) async fn charter(
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
    findings.extend(gas(provider, keys).await);
    findings.push(streams(provider, docket).await);
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

async fn gas(provider: &RootProvider, keys: Option<&Keys>) -> Option<Finding> {
    let account = keys?.gas.address();
    let Ok(wei) = provider.get_balance(account).await else {
        return Some(poor("seat", "the gas account cannot be read", "try another RPC"));
    };
    let epochs = u128::try_from(wei).unwrap_or(u128::MAX) / ONE_EPOCH_WEI;
    let says = format!("the gas account {account} has coin for about {epochs} reports");
    Some(match epochs {
        0 => bad("seat", says, format!("send coin to {account}")),
        1..FEW_REPORTS => poor("seat", says, format!("send coin to {account} soon")),
        _ => good("seat", says),
    })
}

async fn streams(provider: &RootProvider, docket: Address) -> Finding {
    match Docket::new(docket, provider).streamCount().call().await {
        Ok(0) => poor(
            "chain",
            "the docket has no streams",
            "founders enrol them before ignition",
        ),
        Ok(count) => good("chain", format!("the docket has {count} streams")),
        Err(_) => bad(
            "chain",
            "the docket cannot be read",
            "is this release the charter's?",
        ),
    }
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
    let heard = daemon::heard(config).await.unwrap_or_default();
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

async fn reach(endpoint: &str) -> bool {
    let Ok(client) = reqwest::Client::builder().timeout(Duration::from_secs(2)).build() else {
        return false;
    };
    // An empty message is refused by its name, which only a seat does.
    let url = format!("{}/v1/peer", endpoint.trim_end_matches('/'));
    matches!(client.post(url).body("").send().await, Ok(response) if matches!(response.status().as_u16(), 400 | 503))
}
