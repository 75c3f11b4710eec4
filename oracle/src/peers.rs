//! Stage 8, the wire: what this seat says to its peers.
//!
//! *In*: messages of the core. *Out*: signed HTTP posts; what cannot be delivered in time is dropped, since the core
//! says it again. *Never*: a wait for a slow peer; each has its own short queue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alloy::transports::http::reqwest;
use hearth_oracle_core::crypto::RealKeys;
use hearth_oracle_core::message::{self, Message, Route};
use hearth_oracle_core::types::SeatId;
use metrics::counter;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::chain::Sights;
use crate::clock::Clock;
use crate::key::Secret;
use crate::metrics as m;

/// Messages waiting for one peer, at most.
const WAITING: usize = 64;

/// Longest a post may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Most seats a committee can have.
const SEATS: u8 = 31;

/// The way out to every peer.
#[derive(Debug, Clone)]
pub(crate) struct Posts {
    queues: Arc<[mpsc::Sender<Message>]>,
}

/// How a peer was last reached and heard, for the operator.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerState {
    /// The seat.
    pub seat: u8,
    /// Whether the last post to it arrived.
    pub reached: Option<bool>,
    /// Wall time at which it was last heard, unix seconds.
    pub heard: Option<u64>,
    /// Its clock less ours when last heard, seconds.
    pub clock_offset: Option<i64>,
}

/// What is known of every peer.
#[derive(Debug, Default)]
pub(crate) struct Acquaintance {
    peers: Mutex<BTreeMap<u8, PeerState>>,
}

impl Acquaintance {
    fn with(&self, seat: SeatId, change: impl FnOnce(&mut PeerState)) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        change(peers.entry(seat.0).or_insert_with(|| PeerState {
            seat: seat.0,
            ..PeerState::default()
        }));
    }

    /// A peer is waited for since wall time `now`: one that is never heard is silent since then.
    fn expect(&self, seat: SeatId, now: u64) {
        self.with(seat, |peer| {
            if peer.heard.is_none() {
                metrics::gauge!(m::PEER_LAST_HEARD, "peer" => seat.to_string()).set(now as f64);
            }
        });
    }

    /// A peer was heard at wall time `now`; by its own clock it was `theirs`.
    pub(crate) fn heard(&self, seat: SeatId, now: u64, theirs: u64) {
        self.with(seat, |peer| {
            peer.heard = Some(now);
            peer.clock_offset = Some(theirs.cast_signed() - now.cast_signed());
            metrics::gauge!(m::PEER_LAST_HEARD, "peer" => seat.to_string()).set(now as f64);
        });
        metrics::gauge!(m::PEER_MISMATCH, "peer" => seat.to_string()).set(0.0);
    }

    /// A peer signed what this release cannot read.
    pub(crate) fn unread(&self, seat: SeatId) {
        metrics::gauge!(m::PEER_MISMATCH, "peer" => seat.to_string()).set(1.0);
    }

    /// Everybody, in order.
    pub(crate) fn all(&self) -> Vec<PeerState> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.values().cloned().collect()
    }
}

/// What every sender needs.
pub(crate) struct Sending {
    pub(crate) seat: SeatId,
    pub(crate) key: Secret,
    pub(crate) sights: Sights,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) acquaintance: Arc<Acquaintance>,
}

impl Posts {
    /// Opens a queue for every seat there can be.
    pub(crate) fn open(sending: Sending, stop: &CancellationToken) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(DEADLINE)
            .connect_timeout(DEADLINE)
            .pool_max_idle_per_host(2)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let sending = Arc::new(sending);
        tokio::spawn(stop.clone().run_until_cancelled_owned(expect(sending.clone())));
        let queues = (0..SEATS)
            .map(|peer| {
                let (queue, waiting) = mpsc::channel(WAITING);
                let work = deliver(SeatId(peer), waiting, client.clone(), sending.clone());
                tokio::spawn(stop.clone().run_until_cancelled_owned(work));
                queue
            })
            .collect();
        Ok(Self { queues })
    }

    /// Queues a message; where the queue is full it is dropped, since the core says it again.
    pub(crate) fn send(&self, to: SeatId, message: Message) {
        let sent = self
            .queues
            .get(usize::from(to.0))
            .is_some_and(|queue| queue.try_send(message).is_ok());
        if !sent {
            m::dropped("peers");
        }
    }
}

/// Begins to wait for each peer once the chain names where it is.
async fn expect(sending: Arc<Sending>) {
    let mut sights = sending.sights.clone();
    let mut expected = BTreeSet::from([sending.seat.0]);
    loop {
        let sight = sights.borrow_and_update().clone();
        for (peer, endpoint) in (0..SEATS).zip(sight.iter().flat_map(|sight| &sight.endpoints)) {
            if !endpoint.is_empty() && expected.insert(peer) {
                sending
                    .acquaintance
                    .expect(SeatId(peer), sending.clock.unix_seconds());
            }
        }
        if sights.changed().await.is_err() {
            return;
        }
    }
}

async fn deliver(
    peer: SeatId,
    mut waiting: mpsc::Receiver<Message>,
    client: reqwest::Client,
    sending: Arc<Sending>,
) {
    let mut reached = None;
    while let Some(message) = waiting.recv().await {
        let Some((net, endpoint)) = sending.sights.borrow().as_ref().and_then(|sight| {
            let endpoint = sight.endpoints.get(usize::from(peer.0))?;
            (!endpoint.is_empty()).then(|| (sight.view.network, endpoint.clone()))
        }) else {
            continue;
        };
        let route = Route {
            net,
            from: sending.seat,
            to: peer,
            time: sending.clock.unix_seconds(),
        };
        let body = message::close(route, &message, sending.key.reveal(), &RealKeys);
        let url = format!("{}/v1/peer", endpoint.trim_end_matches('/'));
        let outcome = client
            .post(url)
            .header("content-type", "application/jose")
            .body(body)
            .send()
            .await;
        let arrived = outcome
            .as_ref()
            .is_ok_and(|response| response.status().is_success());
        let result = if arrived { "sent" } else { "unreached" };
        counter!(m::PEER_MESSAGES, "direction" => "out", "result" => result).increment(1);
        if let Ok(response) = &outcome
            && !arrived
        {
            debug!(target: "hearth::peers", peer = peer.0, status = response.status().as_u16(), "refused by the peer");
        }
        if reached != Some(arrived) {
            if arrived {
                info!(target: "hearth::peers", peer = peer.0, "reached");
            } else {
                warn!(target: "hearth::peers", peer = peer.0, "not reached; it is tried again with each message");
            }
            sending
                .acquaintance
                .with(peer, |state| state.reached = Some(arrived));
            reached = Some(arrived);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_no_peer_of_its_own() {
        let acquaintance = Acquaintance::default();
        // Seat 1 waits for all others.
        for peer in [3, 0, 2] {
            acquaintance.expect(SeatId(peer), 1_000);
        }
        acquaintance.heard(SeatId(2), 1_060, 1_059);
        let told: Vec<(u8, Option<i64>)> = acquaintance
            .all()
            .iter()
            .map(|peer| (peer.seat, peer.clock_offset))
            .collect();
        assert_eq!(told, [(0, None), (2, Some(-1)), (3, None)]);
    }
}
