//! What a running seat tells of itself: health, readiness, status, metrics.
//!
//! *In*: what the stages share. *Out*: read-only HTTP, on an address of its own (loopback by default). *Never*: a
//! secret, a reading, or anything an outsider could make long.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use hearth_oracle_core::chain::ReportState;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::sync::watch;

use crate::chain::rpc::Rpcs;
use crate::ingest::{Doors, Refusal};
use crate::peers::{Acquaintance, PeerState};

/// An RPC that shows no new head for this long is no help.
const STILL_SECONDS: u64 = 180;

/// What the routes share.
pub(crate) struct Board {
    pub(crate) doors: Arc<Doors>,
    pub(crate) rpcs: Rpcs,
    pub(crate) trouble: watch::Receiver<Option<&'static str>>,
    pub(crate) acquaintance: Arc<Acquaintance>,
    pub(crate) keys: PublicKeys,
    pub(crate) metrics: &'static PrometheusHandle,
}

/// The seat's keys as the committee should know them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublicKeys {
    pub(crate) report: alloy::primitives::Address,
    pub(crate) transport: [u8; 32],
}

/// One thing that must hold before the seat can do its work.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What it is about.
    pub name: &'static str,
    /// Whether it holds.
    pub ok: bool,
    /// How it stands, in a few words.
    pub says: String,
}

/// A seat as it is now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// This release.
    pub version: &'static str,
    /// Which seat.
    pub seat: u8,
    /// The polity's name; empty before the chain was seen.
    pub network: String,
    /// Whether every check holds.
    pub ready: bool,
    /// What must hold.
    pub checks: Vec<Check>,
    /// The newest block it decides by.
    pub head: Option<Head>,
    /// The committee's version and size.
    pub committee: Option<CommitteeState>,
    /// Its streams.
    pub streams: Vec<StreamState>,
    /// Its RPCs.
    pub rpcs: Vec<RpcState>,
    /// Its peers.
    pub peers: Vec<PeerState>,
    /// The last refusals at its doors, the newest last.
    pub refusals: Vec<Refusal>,
}

/// A block.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Head {
    /// Height.
    pub number: u64,
    /// Unix seconds.
    pub time: u64,
}

/// The committee.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CommitteeState {
    /// Its version.
    pub version: u32,
    /// How many seats it has.
    pub seats: usize,
    /// How many signatures seal a report.
    pub quorum: usize,
}

/// A stream.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamState {
    /// Its number.
    pub stream: u16,
    /// Whose reports it feeds.
    pub subcontract: u16,
    /// Its estimator.
    pub estimator: String,
    /// Its devices now.
    pub devices: Vec<String>,
    /// The epoch that is due next.
    pub due: u32,
    /// Unix second at which that epoch ends.
    pub due_ends: u64,
    /// The last accepted reports.
    pub accepted: Vec<ReportLine>,
}

/// An accepted report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportLine {
    /// The epoch.
    pub epoch: u32,
    /// Which attempt landed.
    pub attempt: u16,
    /// Its digest.
    pub digest: String,
    /// The block that accepted it.
    pub block: u64,
    /// Its verdict.
    pub verdict: hearth_oracle_core::types::Verdict,
    /// Where it stands.
    pub state: ReportState,
    /// Unix second at which its window ends.
    pub window_ends: u64,
}

/// An RPC.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcState {
    /// Its address, without what may be secret.
    pub rpc: String,
    /// Whether it is the one believed.
    pub believed: bool,
    /// Whether its last request failed.
    pub failing: bool,
    /// Its newest block.
    pub block: Option<u64>,
    /// Wall seconds since its head moved.
    pub still_seconds: u64,
}

impl Board {
    fn checks(&self) -> Vec<Check> {
        let sight = self.doors.sight();
        let trouble = *self.trouble.borrow();
        let rpc = self.rpcs.believed();
        let still = rpc.map_or(u64::MAX, |(source, _)| source.seen().moved.elapsed().as_secs());
        let rpc = match rpc {
            None => Check {
                name: "rpc",
                ok: false,
                says: "no RPC answers".into(),
            },
            Some((source, _)) if still > STILL_SECONDS => Check {
                name: "rpc",
                ok: false,
                says: format!("{} shows no new head for {still} s", source.url),
            },
            Some((source, head)) => Check {
                name: "rpc",
                ok: true,
                says: format!("{} at block {}", source.url, head.number),
            },
        };
        let chain = match (&sight, trouble) {
            (Some(sight), None) => Check {
                name: "chain",
                ok: true,
                says: format!("seen to block {}", sight.view.head.number),
            },
            (_, Some(trouble)) => Check {
                name: "chain",
                ok: false,
                says: trouble.into(),
            },
            (None, None) => Check {
                name: "chain",
                ok: false,
                says: "not seen yet".into(),
            },
        };
        let known = sight.as_ref().and_then(|sight| {
            sight
                .view
                .committee
                .seats
                .get(usize::from(self.doors.seat.0))
                .copied()
        });
        let seat = match known {
            None => Check {
                name: "seat",
                ok: false,
                says: "the committee has no such seat, as far as seen".into(),
            },
            Some(keys) if keys.report == self.keys.report && keys.transport == self.keys.transport => Check {
                name: "seat",
                ok: true,
                says: format!("{} is this one", self.doors.seat),
            },
            Some(keys) if keys.report.is_zero() => Check {
                name: "seat",
                ok: false,
                says: "vacant: register this seat's keys with its identity key".into(),
            },
            Some(_) => Check {
                name: "seat",
                ok: false,
                says: "the committee knows other keys for this seat".into(),
            },
        };
        vec![rpc, chain, seat]
    }

    pub(crate) fn status(&self) -> Status {
        let sight = self.doors.sight();
        let checks = self.checks();
        let believed = self.rpcs.believed().map(|(source, _)| source.url.clone());
        let streams = sight
            .iter()
            .flat_map(|sight| &sight.view.streams)
            .map(|(id, stream)| {
                let view = &sight.as_ref().expect("the streams come from this sight").view;
                let due = view.due(stream, view.head.number);
                let begin = view.calendar.begin(stream.terms.epochs, due);
                StreamState {
                    stream: id.0,
                    subcontract: stream.terms.subcontract.0,
                    estimator: stream.terms.estimator.clone(),
                    devices: stream
                        .terms
                        .devices
                        .iter()
                        .filter(|device| device.holds(begin))
                        .map(|device| format!("{} {}", device.kind, device.kid()))
                        .collect(),
                    due: due.0,
                    due_ends: view.calendar.end(stream.terms.epochs, due),
                    accepted: stream
                        .accepted
                        .iter()
                        .map(|report| ReportLine {
                            epoch: report.epoch.0,
                            attempt: report.attempt.0,
                            digest: report.digest.to_string(),
                            block: report.block,
                            verdict: report.verdict,
                            state: report.state,
                            window_ends: report.window_ends,
                        })
                        .collect(),
                }
            });
        Status {
            version: env!("CARGO_PKG_VERSION"),
            seat: self.doors.seat.0,
            network: sight
                .as_ref()
                .map(|sight| sight.view.network.to_string())
                .unwrap_or_default(),
            ready: checks.iter().all(|check| check.ok),
            checks,
            head: sight.as_ref().map(|s| Head {
                number: s.view.head.number,
                time: s.view.head.time,
            }),
            committee: sight.as_ref().map(|s| CommitteeState {
                version: s.view.committee.version,
                seats: s.view.committee.seats.len(),
                quorum: s.view.committee.arithmetic().quorum(),
            }),
            streams: streams.collect(),
            rpcs: self
                .rpcs
                .all()
                .iter()
                .map(|source| {
                    let seen = source.seen();
                    RpcState {
                        rpc: source.url.to_string(),
                        believed: believed.as_ref() == Some(&source.url),
                        failing: seen.failing || seen.foreign,
                        block: seen.head.map(|head| head.number),
                        still_seconds: seen.moved.elapsed().as_secs(),
                    }
                })
                .collect(),
            peers: self.acquaintance.all(),
            refusals: self.doors.refusals(),
        }
    }
}

/// The operator's routes.
pub(crate) fn routes(board: Arc<Board>) -> Router {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route(
            "/v1/status",
            get(async |State(board): State<Arc<Board>>| Json(board.status())),
        )
        .with_state(board)
}

async fn ready(State(board): State<Arc<Board>>, RawQuery(query): RawQuery) -> Response {
    let checks = board.checks();
    let ok = checks.iter().all(|check| check.ok);
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part.starts_with("verbose")));
    let mut text = String::new();
    for check in checks.iter().filter(|check| verbose || !check.ok) {
        text.push_str(&format!(
            "[{}] {}: {}\n",
            if check.ok { '+' } else { '-' },
            check.name,
            check.says
        ));
    }
    text.push_str(if ok { "ready\n" } else { "not ready\n" });
    (
        if ok {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        text,
    )
        .into_response()
}

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        board.metrics.render(),
    )
        .into_response()
}
