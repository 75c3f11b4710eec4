//! The RPCs: each watched by itself, one of them believed.
//!
//! *In*: one or two URLs. *Out*: a head and the provider that showed it. *Refuses*: another chain's id. *Never*: a need
//! for an RPC to be there at start; a request without a deadline.
//!
//! An RPC may err, hang, stand still or lie about its head. So an RPC that stands still while the other goes on is
//! passed over; and where both go on but lie far apart, the lower head is believed: it only delays, while a head that
//! nobody else sees would let this seat speak out of turn.

use std::sync::Arc;
use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::B256;
use alloy::providers::{Provider as _, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::transports::http::{Client, Http, reqwest};
use alloy::transports::{RpcError, TransportErrorKind};
use metrics::{counter, gauge};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{Chain, RpcUrl};
use crate::metrics as m;

/// A request that takes longer has failed.
pub const DEADLINE: Duration = Duration::from_secs(4);

/// An RPC without a new head for this long stands still, if another goes on.
const STILL: Duration = Duration::from_secs(30);

/// Heads further apart than this are not two views of one moment.
const APART: u64 = 5;

/// A block as an RPC names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Height.
    pub number: u64,
    /// Unix seconds.
    pub time: u64,
    /// Its hash.
    pub hash: B256,
}

/// What an RPC said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its newest block.
    pub head: Option<Head>,
    /// When its head last moved.
    pub moved: Instant,
    /// The last request failed.
    pub failing: bool,
    /// It serves another chain.
    pub foreign: bool,
}

/// One RPC.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its address; shows no secrets.
    pub url: RpcUrl,
    provider: RootProvider,
    seen: watch::Receiver<Seen>,
}

impl Source {
    /// For requests.
    #[must_use]
    pub const fn provider(&self) -> &RootProvider {
        &self.provider
    }

    /// What it said last.
    #[must_use]
    pub fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    /// A block's hash as this RPC knows it; `None` where it has none of that height.
    ///
    /// # Errors
    /// The request failed.
    pub async fn hash(&self, number: u64) -> Result<Option<B256>, RpcError<TransportErrorKind>> {
        let block = self
            .provider
            .get_block_by_number(BlockNumberOrTag::Number(number))
            .await?;
        Ok(block.map(|block| block.header.hash))
    }
}

/// All RPCs of a seat.
#[derive(Debug, Clone)]
pub struct Rpcs {
    sources: Arc<[Source]>,
}

/// Makes a provider with a deadline on every request.
///
/// # Errors
/// The URL is none, or the client cannot be made.
pub fn provider(url: &RpcUrl) -> Result<RootProvider, String> {
    let parsed: reqwest::Url = url.reveal().parse().map_err(|_| format!("{url} is no URL"))?;
    let client = Client::builder()
        .timeout(DEADLINE)
        .connect_timeout(DEADLINE)
        .pool_max_idle_per_host(4)
        .build()
        .map_err(|_| "the HTTP client cannot be made".to_owned())?;
    Ok(RootProvider::new(RpcClient::new(
        Http::with_client(client, parsed),
        false,
    )))
}

/// An RPC that serves another chain than the configured one, and that chain's id, where every RPC does so. One that does
/// not answer within [`DEADLINE`] may serve the configured chain later, so then there is none.
///
/// # Errors
/// A URL is none.
pub async fn another_chain(config: &Chain) -> Result<Option<(RpcUrl, u64)>, String> {
    let mut asked = JoinSet::new();
    for url in config.rpcs().cloned() {
        let provider = provider(&url)?;
        asked.spawn(async move { (url, provider.get_chain_id().await) });
    }
    let mut another = None;
    while let Some(answered) = asked.join_next().await {
        match answered {
            Ok((url, Ok(served))) if served != config.chain_id => another = Some((url, served)),
            _ => return Ok(None),
        }
    }
    Ok(another)
}

impl Rpcs {
    /// Begins to watch the RPCs; returns at once, whatever state they are in.
    ///
    /// # Errors
    /// A URL is none.
    pub fn watch(config: &Chain, stop: &CancellationToken) -> Result<Self, String> {
        let mut sources = Vec::new();
        for url in config.rpcs() {
            let provider = provider(url)?;
            let first = Seen {
                head: None,
                moved: Instant::now(),
                failing: true,
                foreign: false,
            };
            let (tell, seen) = watch::channel(first);
            tokio::spawn(stop.clone().run_until_cancelled_owned(look(
                url.clone(),
                provider.clone(),
                config.chain_id,
                config.poll,
                tell,
            )));
            sources.push(Source {
                url: url.clone(),
                provider,
                seen,
            });
        }
        Ok(Self {
            sources: sources.into(),
        })
    }

    /// Every RPC.
    #[must_use]
    pub fn all(&self) -> &[Source] {
        &self.sources
    }

    /// The RPC that is believed now, with its head.
    #[must_use]
    pub fn believed(&self) -> Option<(&Source, Head)> {
        let seen: Vec<Seen> = self.sources.iter().map(Source::seen).collect();
        let chosen = choose(&seen, Instant::now())?;
        Some((&self.sources[chosen], seen[chosen].head?))
    }

    /// RPCs to try a request on, the believed one first.
    #[must_use]
    pub fn in_order(&self) -> Vec<&Source> {
        let believed = self.believed().map(|(source, _)| source);
        let rest = self
            .sources
            .iter()
            .filter(|s| believed.is_none_or(|b| !std::ptr::eq(*s, b)));
        believed
            .into_iter()
            .chain(rest.filter(|s| !s.seen().foreign))
            .collect()
    }

    /// Whether another RPC knows another block of this height: then one of the two is wrong and neither is believed.
    pub async fn contradicted(&self, source: &Source, number: u64, hash: B256) -> bool {
        for other in self.sources.iter().filter(|other| !std::ptr::eq(*other, source)) {
            let seen = other.seen();
            if seen.failing || seen.foreign || seen.head.is_none_or(|head| head.number < number) {
                continue;
            }
            if let Ok(Some(theirs)) = other.hash(number).await
                && theirs != hash
            {
                return true;
            }
        }
        false
    }
}

/// Which of them to believe; `None` where nobody shows a head.
fn choose(seen: &[Seen], now: Instant) -> Option<usize> {
    let alive = |s: &Seen| !s.failing && !s.foreign && s.head.is_some();
    let goes_on = |s: &Seen| alive(s) && now.duration_since(s.moved) < STILL;
    let any_goes_on = seen.iter().any(goes_on);
    let candidates: Vec<(usize, u64)> = seen
        .iter()
        .enumerate()
        .filter(|(_, s)| if any_goes_on { goes_on(s) } else { alive(s) })
        .filter_map(|(i, s)| Some((i, s.head?.number)))
        .collect();
    let (lowest, low) = *candidates.iter().min_by_key(|(_, number)| *number)?;
    let (first, number) = *candidates.first()?;
    Some(if number - low > APART { lowest } else { first })
}

/// Watches one RPC for ever.
async fn look(
    url: RpcUrl,
    provider: RootProvider,
    chain_id: u64,
    every: Duration,
    tell: watch::Sender<Seen>,
) {
    let name = url.to_string();
    let (mut known, mut told) = (false, false);
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // Of one that has never answered, too.
        let age = tell.borrow().moved.elapsed().as_secs_f64();
        gauge!(m::HEAD_AGE, "rpc" => name.clone()).set(age);
        if !known {
            match provider.get_chain_id().await {
                Ok(given) if given == chain_id => known = true,
                Ok(given) => {
                    if !tell.borrow().foreign {
                        error!(target: "hearth::chain", rpc = %name, given, wanted = chain_id, "serves another chain");
                    }
                    tell.send_modify(|seen| seen.foreign = true);
                    continue;
                }
                Err(_) => {
                    counter!(m::RPC_REQUESTS, "rpc" => name.clone(), "result" => "failed").increment(1);
                    if !std::mem::replace(&mut told, true) {
                        warn!(target: "hearth::chain", rpc = %name, "does not answer; it is asked again and again");
                    }
                    continue;
                }
            }
        }
        let answer = provider.get_block_by_number(BlockNumberOrTag::Latest).await;
        let result = if matches!(answer, Ok(Some(_))) {
            "ok"
        } else {
            "failed"
        };
        counter!(m::RPC_REQUESTS, "rpc" => name.clone(), "result" => result).increment(1);
        let before = *tell.borrow();
        match answer {
            Ok(Some(block)) => {
                let head = Head {
                    number: block.header.number,
                    time: block.header.timestamp,
                    hash: block.header.hash,
                };
                told = false;
                if before.failing {
                    info!(target: "hearth::chain", rpc = %name, block = head.number, "answers");
                }
                tell.send_modify(|seen| {
                    if seen.head != Some(head) {
                        seen.moved = Instant::now();
                    }
                    *seen = Seen {
                        head: Some(head),
                        failing: false,
                        foreign: false,
                        ..*seen
                    };
                });
                gauge!(m::HEAD_BLOCK, "rpc" => name.clone()).set(head.number as f64);
            }
            _ => {
                if !before.failing {
                    warn!(target: "hearth::chain", rpc = %name, "does not answer; it is asked again and again");
                    told = true;
                }
                // It may come back as another chain's.
                known = false;
                tell.send_modify(|seen| seen.failing = true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_believed() {
        let now = Instant::now() + Duration::from_secs(1_000);
        let seen = |number: Option<u64>, age: u64, failing: bool| Seen {
            head: number.map(|number| Head {
                number,
                time: 0,
                hash: B256::ZERO,
            }),
            moved: now - Duration::from_secs(age),
            failing,
            foreign: false,
        };
        let check = |name: &str, seen: &[Seen], wanted: Option<usize>| {
            assert_eq!(choose(seen, now), wanted, "{name}");
        };
        check("nobody yet", &[seen(None, 0, true)], None);
        check("one", &[seen(Some(9), 1, false)], Some(0));
        check(
            "one that stands still is all there is",
            &[seen(Some(9), 500, false)],
            Some(0),
        );
        check(
            "the first errs",
            &[seen(Some(9), 1, true), seen(Some(9), 1, false)],
            Some(1),
        );
        check(
            "the first stands still",
            &[seen(Some(9), 31, false), seen(Some(10), 1, false)],
            Some(1),
        );
        check(
            "near each other",
            &[seen(Some(14), 1, false), seen(Some(9), 1, false)],
            Some(0),
        );
        check(
            "the first runs ahead",
            &[seen(Some(900), 1, false), seen(Some(9), 1, false)],
            Some(1),
        );
        check(
            "the second runs ahead",
            &[seen(Some(9), 1, false), seen(Some(900), 1, false)],
            Some(0),
        );
        let foreign = Seen {
            foreign: true,
            ..seen(Some(9), 1, false)
        };
        check("another chain", &[foreign, seen(Some(3), 1, false)], Some(1));
        check("only another chain", &[foreign], None);
    }
}
