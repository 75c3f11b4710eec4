//! What this seat sees of the chain: a fold over events, made anew at each head.
//!
//! *In*: RPCs and the charter's address. *Out*: a [`Sight`] for each new head. *Refuses*: RPCs that contradict each
//! other, a reorganisation below finality depth: then the last sight stands and a person is called. *Never*: a memory
//! of what was settled; it is read from the events that stand now.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy::primitives::{Address, B256, U256};
use alloy::providers::{Provider as _, RootProvider};
use alloy::rpc::types::{Filter, Log};
use alloy::transports::{RpcError, TransportErrorKind};
use hearth_bindings::{Charter, Committee, Docket, Module};
use hearth_oracle_core::chain::{self as core_chain, Block, ChainView, Domain, ReportState, StreamView};
use hearth_oracle_core::report::UnknownVerdict;
use hearth_oracle_core::types::{Calendar, Epoch, Network, StreamId, Verdict};
use hearth_oracle_core::verify::Directory;
use metrics::{counter, gauge, histogram};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::config::Chain as ChainConfig;
use crate::metrics as m;
use crate::witness::{Inlet, Input};

mod fold;
pub mod rpc;

use fold::Known;
pub use fold::Landed;
use rpc::{Head, Rpcs, Source};

/// Blocks asked for at once, at most. An RPC that refuses so many is asked for fewer.
const SPAN: u64 = 5_000;

/// The chain as this seat sees it now.
#[derive(Debug)]
pub struct Sight {
    /// What the core decides by.
    pub view: ChainView,
    /// Every device, for the doors.
    pub directory: Arc<Directory>,
    /// Base URLs of the seats, in order; empty where vacant.
    pub endpoints: Vec<String>,
    /// Accepted reports that may still be settled, and the last ones.
    pub landed: BTreeMap<(StreamId, Epoch), Arc<Landed>>,
    /// Where the contracts live.
    pub places: Places,
}

/// Addresses of the contracts a seat speaks with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// The charter.
    pub charter: Address,
    /// Its committee.
    pub committee: Address,
    /// Its docket.
    pub docket: Address,
    /// Its roster.
    pub roster: Address,
}

/// What everyone may look at: the newest sight, `None` before the first.
pub type Sights = watch::Receiver<Option<Arc<Sight>>>;

/// Why there is no newer sight.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// A request failed.
    #[error("the chain does not answer {what}")]
    Request {
        /// What was asked.
        what: &'static str,
        /// Why not.
        #[source]
        source: Box<RpcError<TransportErrorKind>>,
    },
    /// A contract's view failed.
    #[error("{what} cannot be read; is there a {contract} of this release at {address}?")]
    View {
        /// What was asked.
        what: &'static str,
        /// Of whom: charter, committee or docket.
        contract: &'static str,
        /// Where it lives.
        address: Address,
        /// Why not.
        #[source]
        source: Box<alloy::contract::Error>,
    },
    /// No contract there.
    #[error(
        "there is no charter at {charter}: either it is not founded yet, or the address is of another chain"
    )]
    NoCharter {
        /// Where it was looked for.
        charter: Address,
    },
    /// An accepted report is of a later release.
    #[error("an accepted report cannot be read")]
    Report(#[source] UnknownVerdict),
    /// Not ignited yet.
    #[error("the charter is not ignited yet; this seat waits")]
    NotIgnited,
    /// Two RPCs tell different stories.
    #[error("two RPCs name different blocks at height {number}; neither is believed until they agree")]
    Contradicted {
        /// The height.
        number: u64,
    },
    /// Finality did not hold.
    #[error(
        "the chain was reorganised below block {number}, which lies under the committee's finality depth; \
         this seat stands still: compare the RPCs, then start it again"
    )]
    Deep {
        /// A block believed before.
        number: u64,
    },
}

impl ChainError {
    /// A stable name, for readiness.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::View { .. } => "view",
            Self::NoCharter { .. } => "no_charter",
            Self::Report(_) => "report",
            Self::NotIgnited => "not_ignited",
            Self::Contradicted { .. } => "contradicted",
            Self::Deep { .. } => "deep_reorganisation",
        }
    }
}

/// What does not change once the charter is ignited.
#[derive(Debug, Clone, Copy)]
struct Ground {
    places: Places,
    calendar: Calendar,
    grace: u64,
    turn: u64,
    depth: u64,
    seats: u8,
}

fn view(
    what: &'static str,
    contract: &'static str,
    address: Address,
) -> impl FnOnce(alloy::contract::Error) -> ChainError {
    move |source| ChainError::View {
        what,
        contract,
        address,
        source: Box::new(source),
    }
}

fn request(what: &'static str) -> impl FnOnce(RpcError<TransportErrorKind>) -> ChainError {
    move |source| ChainError::Request {
        what,
        source: Box::new(source),
    }
}

async fn ground(provider: &RootProvider, address: Address) -> Result<Ground, ChainError> {
    if provider
        .get_code_at(address)
        .await
        .map_err(request("for the charter's code"))?
        .is_empty()
    {
        return Err(ChainError::NoCharter { charter: address });
    }
    let charter = Charter::new(address, provider);
    let asked = |what| view(what, "charter", address);
    let [roster, committee, docket] =
        [Module::Roster, Module::Committee, Module::Docket].map(|module| charter.module(module.into()));
    let roster = roster.call().await.map_err(asked("the roster's address"))?;
    let committee = committee.call().await.map_err(asked("the committee's address"))?;
    let docket = docket.call().await.map_err(asked("the docket's address"))?;
    let ignition = charter
        .t0()
        .call()
        .await
        .map_err(asked("the time of ignition"))?
        .to::<u64>();
    if ignition == 0 {
        return Err(ChainError::NotIgnited);
    }
    let tz = charter.tz().call().await.map_err(asked("the local time"))?;
    let waits = charter
        .committeeParameters()
        .call()
        .await
        .map_err(asked("the committee's parameters"))?;
    let seats = Committee::new(committee, provider)
        .seatCount()
        .call()
        .await
        .map_err(view("the number of seats", "committee", committee))?;
    Ok(Ground {
        places: Places {
            charter: address,
            committee,
            docket,
            roster,
        },
        calendar: Calendar { tz, ignition },
        grace: waits.graceSeconds.into(),
        turn: waits.turnSeconds.into(),
        depth: waits.finalityBlocks.into(),
        seats,
    })
}

/// Follows the chain.
pub(crate) struct Follower {
    config: ChainConfig,
    rpcs: Rpcs,
    ground: Option<Ground>,
    firm: Option<Firm>,
    shown: Option<Head>,
    /// Blocks asked for at once.
    span: u64,
    directory: Arc<Directory>,
    terms: Vec<(StreamId, Arc<core_chain::Terms>)>,
}

/// What lies under finality depth.
struct Firm {
    known: Known,
    /// The last block taken in, and its hash; none before the first.
    at: Option<(u64, B256)>,
    next: u64,
}

impl Follower {
    pub(crate) fn new(config: ChainConfig, rpcs: Rpcs) -> Self {
        Self {
            config,
            rpcs,
            ground: None,
            firm: None,
            shown: None,
            span: SPAN,
            directory: Arc::default(),
            terms: Vec::new(),
        }
    }

    /// Follows until the witness ends: each new head is shown to the doors first, then told to the witness.
    pub(crate) async fn run(
        mut self,
        show: watch::Sender<Option<Arc<Sight>>>,
        trouble: watch::Sender<Option<&'static str>>,
        inlet: Inlet,
    ) {
        let mut tick = tokio::time::interval(self.config.poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            match self.look().await {
                Ok(None) => {
                    if self.shown.is_some() && self.rpcs.believed().is_some() {
                        trouble.send_if_modified(|t| t.take().is_some());
                    }
                }
                Ok(Some(sight)) => {
                    trouble.send_if_modified(|t| t.take().is_some());
                    let sight = Arc::new(sight);
                    gauge(&sight, show.borrow().as_deref());
                    show.send_replace(Some(sight.clone()));
                    if inlet.tell(Input::Sight(sight)).await.is_err() {
                        return;
                    }
                }
                Err(found) => {
                    let name = found.name();
                    let news = trouble.send_if_modified(|t| t.replace(name) != Some(name));
                    let reason = crate::check::whole(&found);
                    match &found {
                        ChainError::Deep { .. } | ChainError::Contradicted { .. } | ChainError::Report(_)
                            if news =>
                        {
                            error!(target: "hearth::chain", reason, "no newer sight of the chain");
                        }
                        ChainError::NotIgnited if news => info!(target: "hearth::chain", reason, "waiting"),
                        _ if news => warn!(target: "hearth::chain", reason, "no newer sight of the chain"),
                        _ => {}
                    }
                }
            }
        }
    }

    /// The sight at the believed head; `None` where it is the one already shown, or no RPC shows one.
    async fn look(&mut self) -> Result<Option<Sight>, ChainError> {
        let rpcs = self.rpcs.clone();
        let Some((source, head)) = rpcs.believed() else {
            return Ok(None);
        };
        if self.shown == Some(head) {
            return Ok(None);
        }
        let provider = source.provider();
        let ground = match self.ground {
            Some(ground) => ground,
            None => {
                let found = ground(provider, self.config.charter).await?;
                info!(
                    target: "hearth::chain", charter = %found.places.charter, committee = %found.places.committee,
                    docket = %found.places.docket, seats = found.seats, grace = found.grace, turn = found.turn,
                    depth = found.depth, "charter found"
                );
                *self.ground.insert(found)
            }
        };
        let known = self.known(source, head, &ground).await?;
        let sight = self.sight(provider, head, &ground, known).await?;
        self.shown = Some(head);
        Ok(Some(sight))
    }

    /// Takes in what has become firm, and gives what is known at the head.
    async fn known(&mut self, source: &Source, head: Head, ground: &Ground) -> Result<Known, ChainError> {
        let domain = Domain {
            chain_id: self.config.chain_id,
            docket: ground.places.docket,
        };
        let from = self.config.from_block;
        let firm = self.firm.get_or_insert_with(|| Firm {
            known: Known::new(domain, ground.seats),
            at: None,
            next: from,
        });
        if let Some((number, hash)) = firm.at
            && source.hash(number).await.map_err(request("for a firm block"))? != Some(hash)
        {
            return Err(ChainError::Deep { number });
        }
        let provider = source.provider();
        let firm_to = head.number.saturating_sub(ground.depth);
        let mut tail = Vec::new();
        let mut next = firm.next;
        while next <= head.number {
            let to = head.number.min(next + self.span - 1);
            let filter = Filter::new()
                .address(vec![ground.places.committee, ground.places.docket])
                .from_block(next)
                .to_block(to);
            let logs = match provider.get_logs(&filter).await {
                Ok(logs) => logs,
                // It answers, and not this: many bound the blocks or the events of one answer, each in words of its own.
                Err(refused) if refused.is_error_resp() && to > next => {
                    self.span = (to - next).div_ceil(2);
                    continue;
                }
                Err(failed) => {
                    self.span = SPAN;
                    return Err(request("for the committee's and docket's events")(failed));
                }
            };
            let mut firm_now = Vec::new();
            for log in logs {
                let time = time_of(provider, &log).await?;
                if log.block_number.is_some_and(|number| number <= firm_to) {
                    firm_now.push((log, time));
                } else {
                    tail.push((log, time));
                }
            }
            if next <= firm_to {
                // The hash is asked for after the logs: a reorganisation in between is found at the next look.
                let at = to.min(firm_to);
                let hash = source.hash(at).await.map_err(request("for a firm block"))?;
                let Some(hash) = hash else {
                    return Err(ChainError::Deep { number: at });
                };
                if self.rpcs.contradicted(source, at, hash).await {
                    return Err(ChainError::Contradicted { number: at });
                }
                let mut known = firm.known.clone();
                for (log, time) in firm_now {
                    known.apply(&log, time).map_err(ChainError::Report)?;
                }
                firm.known = known;
                firm.at = Some((at, hash));
                firm.next = at + 1;
            }
            next = to + 1;
        }
        firm.known.age(head.time);
        let mut known = firm.known.clone();
        for (log, time) in tail {
            known.apply(&log, time).map_err(ChainError::Report)?;
        }
        known.age(head.time);
        Ok(known)
    }

    async fn sight(
        &mut self,
        provider: &RootProvider,
        head: Head,
        ground: &Ground,
        known: Known,
    ) -> Result<Sight, ChainError> {
        let docket = Docket::new(ground.places.docket, provider);
        let mut streams = BTreeMap::new();
        let mut landed = BTreeMap::new();
        for (id, stream) in &known.streams {
            let first_epoch = match stream.first {
                Some(first) => first,
                None => {
                    let told = docket
                        .streamOf(id.0)
                        .block(head.number.into())
                        .call()
                        .await
                        .map_err(view("a stream's first epoch", "docket", ground.places.docket))?;
                    let first = told.firstEpoch.to::<u32>();
                    if first == 0 {
                        continue;
                    }
                    Epoch(first)
                }
            };
            for report in &stream.landed {
                landed.insert((*id, report.accepted.epoch), report.clone());
            }
            let accepted = stream
                .landed
                .iter()
                .map(|report| report.accepted.clone())
                .collect();
            streams.insert(
                *id,
                StreamView {
                    terms: stream.terms.clone(),
                    first_epoch,
                    accepted,
                },
            );
        }
        let view = ChainView {
            domain: known.domain,
            network: Network::of(self.config.chain_id, ground.places.charter),
            head: Block {
                number: head.number,
                time: head.time,
            },
            calendar: ground.calendar,
            committee: Arc::new(core_chain::Committee {
                version: known.version,
                seats: known.seats,
                grace: ground.grace,
                turn: ground.turn,
                depth: ground.depth,
            }),
            streams,
        };
        let terms: Vec<_> = view
            .streams
            .iter()
            .map(|(id, s)| (*id, s.terms.clone()))
            .collect();
        if terms != self.terms || self.shown.is_none() {
            self.directory = Arc::new(Directory::of(&view));
            self.terms = terms;
        }
        Ok(Sight {
            view,
            directory: self.directory.clone(),
            endpoints: known.endpoints,
            landed,
            places: ground.places,
        })
    }
}

/// A log's block time: most RPCs say it with the log.
async fn time_of(provider: &RootProvider, log: &Log) -> Result<u64, ChainError> {
    if let Some(time) = log.block_timestamp {
        return Ok(time);
    }
    let number = log.block_number.unwrap_or_default();
    let block = provider
        .get_block_by_number(number.into())
        .await
        .map_err(request("for a block's time"))?;
    Ok(block.map_or(0, |block| block.header.timestamp))
}

/// How long epochs took, how old reports are, and what has become of them.
fn gauge(sight: &Sight, before: Option<&Sight>) {
    gauge_reports(&sight.view);
    for ((stream, epoch), landed) in &sight.landed {
        let Some(before) = before else { return };
        if let Some(known) = before.landed.get(&(*stream, *epoch)) {
            let stands = match landed.accepted.state {
                // A settlement was taken back with its block.
                ReportState::Accepted | ReportState::Spent => "accepted",
                ReportState::Settled => "settled",
                ReportState::Lapsed => "lapsed",
            };
            if known.accepted.state != landed.accepted.state {
                info!(
                    target: "hearth::docket", stream = stream.0, epoch = epoch.0, attempt = landed.accepted.attempt.0,
                    digest = %landed.accepted.digest, "{stands}"
                );
            }
            continue;
        }
        let Some(known) = sight.view.streams.get(stream) else {
            continue;
        };
        let end = sight.view.calendar.end(known.terms.epochs, *epoch);
        histogram!(m::EPOCH_SECONDS, "stream" => stream.to_string())
            .record(sight.view.head.time.saturating_sub(end) as f64);
        // The signers stand in the header's low 32 bits, one bit a seat.
        let signers = (landed.header & U256::from(u32::MAX)).count_ones();
        gauge!(m::CONTRIBUTORS, "stream" => stream.to_string()).set(signers as f64);
        let contested = landed.accepted.verdict == Verdict::Contested;
        counter!(m::OUTLIERS, "stream" => stream.to_string()).increment(contested.into());
        info!(
            target: "hearth::docket", stream = stream.0, epoch = epoch.0, attempt = landed.accepted.attempt.0,
            digest = %landed.accepted.digest, block = landed.accepted.block, verdict = ?landed.accepted.verdict,
            "accepted"
        );
    }
}

/// Marks how long ago each stream was reported on, or else began, in the chain's time.
fn gauge_reports(view: &ChainView) {
    for (stream, known) in &view.streams {
        let StreamId(number) = stream;
        let since = match known.accepted.last() {
            Some(last) => last.observed_to,
            None => view.calendar.begin(known.terms.epochs, known.first_epoch),
        };
        let age = view.head.time.saturating_sub(since);
        gauge!(m::REPORT_AGE, "stream" => number.to_string()).set(age as f64);
    }
}
