//! Whether each RPC answers, for the right chain, with a head that is new.

use alloy::eips::BlockNumberOrTag;
use alloy::providers::{Provider as _, RootProvider};
use tokio::time::{Instant, timeout};

use super::{Finding, PATIENCE, bad, good, poor};
use crate::chain::rpc;
use crate::clock::Clock;
use crate::config::{Config, RpcUrl};

/// Findings on every RPC, and one that answers.
pub(super) async fn rpcs(config: &Config, clock: &dyn Clock) -> (Vec<Finding>, Option<RootProvider>) {
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
