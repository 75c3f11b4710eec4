//! HTTP for devices and peers.
//!
//! *In*: `POST /v1/up` (an envelope, or several with a line break between), `POST /v1/peer` (one signed message),
//! `GET /v1/list` (see [`super::list`]). *Out*: for devices the signed answer, after the commit; for peers nothing. *Refuses*: with a status and
//! `{"refused", "reason"}`. *Never*: a body larger than its bound.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use governor::{DefaultKeyedRateLimiter, RateLimiter};
use hearth_oracle_core::answer::Outcome;
use hearth_oracle_core::crypto::RealKeys;
use hearth_oracle_core::effect::Event;
use hearth_oracle_core::message::{self, LARGEST_MESSAGE, Message, PeerRefused};
use hearth_oracle_core::types::{Counter, Kid, SeatId};
use hearth_oracle_core::verify::{self, Refused};
use metrics::counter;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::bounded::Caller;
use super::list::{self, Lists};
use super::{Doors, Turned, per_second};
use crate::config::Limits;
use crate::metrics as m;
use crate::peers::Acquaintance;
use crate::witness::Input;

const DOOR: &str = "http";

/// Bytes of one body of envelopes, at most.
const LARGEST_BODY: usize = 1 << 20;

/// Envelopes in one body, at most.
const MOST_ENVELOPES: usize = 1_000;

/// Messages of peers held at one time: each may be a mebibyte.
const JUDGED_AT_ONCE: usize = 24;

/// Of these from one address, so that one who sends slowly cannot keep all others out.
const BODIES_OF_ONE: usize = 6;

/// Seconds by which a peer's message may lie from our clock; further off it is a replay.
const MESSAGE_GOOD_FOR: u64 = 300;

/// Longest a device's body may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Longest a peer's body may take: it holds one of few places meanwhile.
const PEER_DEADLINE: Duration = Duration::from_secs(5);

/// What the routes share.
pub(crate) struct Desk {
    pub(crate) doors: Arc<Doors>,
    pub(crate) acquaintance: Arc<Acquaintance>,
    pub(crate) lists: Option<Lists>,
    peers: DefaultKeyedRateLimiter<SeatId>,
    judging: Semaphore,
    reading: Mutex<HashMap<IpAddr, usize>>,
}

impl Desk {
    pub(crate) fn new(
        doors: Arc<Doors>,
        acquaintance: Arc<Acquaintance>,
        lists: Option<Lists>,
        limits: &Limits,
    ) -> Self {
        Self {
            doors,
            acquaintance,
            lists,
            peers: RateLimiter::keyed(per_second(limits.peer_per_second)),
            judging: Semaphore::new(JUDGED_AT_ONCE),
            reading: Mutex::default(),
        }
    }

    /// A place to send a message from this address; `None` while it has too many on their way.
    fn place(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let count = reading.entry(from).or_default();
        if *count >= BODIES_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Place {
            desk: self.clone(),
            from,
        })
    }
}

/// One body on its way from an address.
struct Place {
    desk: Arc<Desk>,
    from: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut reading = self.desk.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = reading.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                reading.remove(&self.from);
            }
        }
    }
}

#[derive(Serialize)]
struct Told<'a> {
    refused: &'a str,
    reason: String,
}

pub(crate) fn told(status: StatusCode, refused: &str, reason: String) -> Response {
    (status, axum::Json(Told { refused, reason })).into_response()
}

/// The routes for devices and peers.
pub(crate) fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/v1/up", post(up).layer(DefaultBodyLimit::max(LARGEST_BODY)))
        .route(
            "/v1/peer",
            post(peer).layer(DefaultBodyLimit::max(LARGEST_MESSAGE)),
        )
        .route("/v1/list", get(list::list))
        .fallback(async || {
            told(
                StatusCode::NOT_FOUND,
                "unknown_path",
                "there is nothing at this path".into(),
            )
        })
        .with_state(desk)
}

/// A refusal before anything was read: its status, its name, for counting too, and what is told.
type Unread = (StatusCode, &'static str, &'static str);

/// Reads a body within its bound and in its time, or says why not.
async fn body(request: Request<Body>, deadline: Duration) -> Result<Bytes, Unread> {
    match tokio::time::timeout(deadline, Bytes::from_request(request, &())).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(refused)) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => Err((
            StatusCode::PAYLOAD_TOO_LARGE,
            "oversized",
            "the body is larger than 1 MiB; send less",
        )),
        Ok(Err(_)) => Err((
            StatusCode::BAD_REQUEST,
            "truncated",
            "the body ended before its length; send it again",
        )),
        Err(_) => Err((
            StatusCode::REQUEST_TIMEOUT,
            "slow",
            "the body took too long; send less",
        )),
    }
}

fn status(turned: &Turned) -> StatusCode {
    match turned {
        Turned::Envelope(Refused::Oversized { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
        Turned::Envelope(Refused::BadSignature { .. } | Refused::UnknownDevice { .. }) => {
            StatusCode::UNAUTHORIZED
        }
        Turned::Noisy | Turned::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
        Turned::NotYet | Turned::Unable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

async fn up(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(Caller(from)): ConnectInfo<Caller>,
    request: Request<Body>,
) -> Response {
    let bytes = match body(request, DEADLINE).await {
        Ok(bytes) => bytes,
        Err((status, name, reason)) => {
            counter!(m::READINGS, "adapter" => DOOR, "result" => name).increment(1);
            return told(status, name, reason.into());
        }
    };
    let doors = &desk.doors;
    let who = from.ip().to_string();
    let mut waiting = Vec::new();
    let mut first_refusal = None;
    let lines = bytes
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for (index, line) in lines.filter(|line| !line.is_empty()).enumerate() {
        if index == MOST_ENVELOPES {
            let turned = Turned::TooMany { most: MOST_ENVELOPES };
            doors.refuse(DOOR, &who, &turned);
            first_refusal.get_or_insert(turned);
            break;
        }
        if index % 16 == 15 {
            // A signature takes long enough that others must get their turn.
            tokio::task::yield_now().await;
        }
        match doors.offer(line, None).await {
            Ok(offered) => waiting.push(offered),
            Err(turned) => {
                let noisy = doors.refuse(DOOR, &who, &turned);
                first_refusal.get_or_insert(turned);
                if noisy {
                    first_refusal = Some(Turned::Noisy);
                    break;
                }
            }
        }
    }
    let mut outcomes: BTreeMap<Kid, Vec<(Counter, Outcome)>> = BTreeMap::new();
    for offered in waiting {
        let (kid, counter) = (offered.kid, offered.counter);
        match tokio::time::timeout(DEADLINE, doors.answered(DOOR, offered)).await {
            Ok(Ok(outcome)) => outcomes.entry(kid).or_default().push((counter, outcome)),
            _ => {
                first_refusal.get_or_insert(Turned::Unable);
            }
        }
    }
    let Some(net) = doors.sight().map(|sight| sight.view.network) else {
        return refusal(&Turned::NotYet);
    };
    if outcomes.is_empty() {
        return refusal(&first_refusal.unwrap_or(Turned::Empty));
    }
    let signed: Vec<String> = outcomes
        .iter()
        .map(|(kid, outcomes)| doors.sign(net, *kid, outcomes))
        .collect();
    let mut response = ([(header::CONTENT_TYPE, "application/jose")], signed.join("\n")).into_response();
    if let Some(turned) = first_refusal {
        response
            .headers_mut()
            .insert("hearth-refused", HeaderValue::from_static(turned.name()));
    }
    response
}

fn refusal(turned: &Turned) -> Response {
    told(status(turned), turned.name(), crate::check::whole(turned))
}

/// Why a peer's message is turned away.
#[derive(Debug, thiserror::Error)]
enum PeerTurned {
    #[error("the message is refused")]
    Message(#[source] PeerRefused),
    #[error("the message is {given} seconds away from this seat's clock; set both clocks")]
    Stale { given: u64 },
    #[error("seat {from} says more than it may")]
    TooFast { from: SeatId },
    #[error("this seat cannot listen now; try again")]
    Unable,
}

impl PeerTurned {
    const fn name(&self) -> &'static str {
        match self {
            Self::Message(refused) => refused.name(),
            Self::Stale { .. } => "stale",
            Self::TooFast { .. } => "too_fast",
            Self::Unable => "unable",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Message(PeerRefused::Oversized { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Message(PeerRefused::UnknownSeat { .. } | PeerRefused::BadSignature { .. }) => {
                StatusCode::UNAUTHORIZED
            }
            Self::Message(_) | Self::Stale { .. } => StatusCode::BAD_REQUEST,
            Self::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

async fn peer(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(Caller(from)): ConnectInfo<Caller>,
    request: Request<Body>,
) -> Response {
    let (result, response) = answer(&desk, from.ip(), request).await;
    counter!(m::PEER_MESSAGES, "direction" => "in", "result" => result).increment(1);
    response
}

/// What a peer is answered, and the name under which it is counted.
async fn answer(desk: &Arc<Desk>, from: IpAddr, request: Request<Body>) -> (&'static str, Response) {
    // The place is taken before the body is read, so that waiting bodies cannot fill the memory.
    let place = desk.place(from);
    let general = tokio::time::timeout(Duration::from_secs(2), desk.judging.acquire()).await;
    let (Some(_place), Ok(Ok(_general))) = (place, general) else {
        let reason = "too many messages are on their way; try again";
        return (
            "busy",
            told(StatusCode::SERVICE_UNAVAILABLE, "busy", reason.into()),
        );
    };
    let bytes = match body(request, PEER_DEADLINE).await {
        Ok(bytes) => bytes,
        Err((status, name, reason)) => return (name, told(status, name, reason.into())),
    };
    match hear(desk, bytes).await {
        Ok(()) => ("heard", StatusCode::ACCEPTED.into_response()),
        Err(turned) => {
            if let PeerTurned::Message(PeerRefused::Payload { from, .. }) = &turned {
                desk.acquaintance.unread(*from);
            }
            let reason = crate::check::whole(&turned);
            tracing::debug!(target: "hearth::peers", refused = turned.name(), reason, "refused");
            (turned.name(), told(turned.status(), turned.name(), reason))
        }
    }
}

async fn hear(desk: &Arc<Desk>, bytes: Bytes) -> Result<(), PeerTurned> {
    let doors = &desk.doors;
    let sight = doors.sight().ok_or(PeerTurned::Unable)?;
    let now = doors.clock.unix_seconds();
    let seat = doors.seat;
    // A mebibyte of signed text takes milliseconds: not on a thread that serves everybody.
    let judged = tokio::task::spawn_blocking(move || {
        let (net, committee) = (sight.view.network, &sight.view.committee);
        let heard = message::open(&bytes, net, seat, committee, &RealKeys).map_err(PeerTurned::Message)?;
        let given = heard.time().abs_diff(now);
        if given > MESSAGE_GOOD_FOR {
            return Err(PeerTurned::Stale { given });
        }
        let (from, time) = (heard.from(), heard.time());
        let mut refusals = Vec::new();
        let event = if matches!(heard.message(), Message::Envelopes { .. }) {
            let (from, message) = heard.into_parts();
            let Message::Envelopes { raw } = message else {
                return Err(PeerTurned::Unable);
            };
            let mut envelopes = Vec::with_capacity(raw.len());
            for text in raw {
                match verify::verify(text.as_bytes(), &sight.directory, &RealKeys) {
                    Ok(envelope) => envelopes.push(envelope),
                    // One bad envelope says something of the peer, nothing of the others.
                    Err(refused) => refusals.push(refused.name()),
                }
            }
            Event::HandedOver { from, envelopes }
        } else {
            Event::Heard(heard)
        };
        Ok((from, time, event, refusals))
    });
    let (from, theirs, event, refusals) = judged.await.map_err(|_| PeerTurned::Unable)??;
    for name in refusals {
        counter!(m::READINGS, "adapter" => "peer", "result" => name).increment(1);
    }
    if let Event::HandedOver { envelopes, .. } = &event {
        counter!(m::READINGS, "adapter" => "peer", "result" => "verified").increment(envelopes.len() as u64);
    }
    if desk.peers.check_key(&from).is_err() {
        return Err(PeerTurned::TooFast { from });
    }
    desk.acquaintance.heard(from, now, theirs);
    let told = doors.inlet.tell(Input::Event(Box::new(event)));
    match tokio::time::timeout(Duration::from_secs(2), told).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(PeerTurned::Unable),
    }
}
