//! Sends what the outbox keeps, oldest first, to one seat, until the seat has answered (R7.2).
//!
//! *In*: an [`Outbox`]. *Out*: envelopes at a seat's broker (MQTT, QoS 1) or HTTP door; the seat's signed answers go back
//! into the outbox. *Refuses*: answers that the seat's transport key did not sign. *Never*: more than [`PAGE`] envelopes in
//! memory, or an envelope given up: it is sent again after a reconnect, after *early*, and after a silence.

use super::{
    config::SeatAddress,
    outbox::{Outbox, OutboxError},
};
use hearth_oracle_core::{
    answer,
    crypto::RealKeys,
    types::{Counter, Kid, Network, SeatId, Seats},
};
use mqtt5::{ConnectOptions, MqttClient};
use reqwest::{StatusCode, Url};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};

/// Envelopes on their way to one seat at a time.
pub const PAGE: usize = 64;
/// Envelopes in one HTTP post: at most 256 KiB.
const POST: usize = 16;
/// An envelope without an answer is sent again after this, then after twice as long, and so on
const SILENCE: Duration = Duration::from_secs(10);
/// up to this.
const LONGEST_SILENCE: Duration = Duration::from_secs(320);
/// Between two pages of one walk through unanswered envelopes.
const TURN: Duration = Duration::from_millis(100);
/// After *early*, and between looks at an outbox that has nothing new.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Waits between attempts to reach a seat.
const BACKOFF: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(10),
];
/// Answers waiting to be written; more are dropped, and what they answered is sent again.
const ANSWERS: usize = 64;

/// One device's way to one seat.
#[derive(Clone, Debug)]
pub struct Way {
    /// What is to be sent.
    pub outbox: Arc<Outbox>,
    /// Changes when the outbox has something new.
    pub news: watch::Receiver<u64>,
    /// The device.
    pub kid: Kid,
    /// The polity.
    pub net: Network,
    /// The seat.
    pub seat: SeatId,
    /// How many seats there are.
    pub seats: Seats,
    /// Transport keys of all seats, in order.
    pub keys: Arc<Vec<[u8; 32]>>,
    /// Where the seat is.
    pub address: SeatAddress,
}

/// Why an attempt to reach a seat ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the broker refused or went away")]
    Mqtt(#[source] mqtt5::MqttError),
    #[error("the HTTP door refused or went away")]
    Http(#[source] reqwest::Error),
    #[error("the seat did not answer in time")]
    Slow,
    #[error("the connection was lost")]
    Lost,
    #[error("the outbox failed")]
    Outbox(#[source] OutboxError),
}

impl Way {
    /// Sends for ever. Returns only when the outbox itself fails.
    pub async fn deliver(mut self) -> OutboxError {
        let mut failures = 0;
        loop {
            let since = Instant::now();
            // A broker is preferred: it answers without being asked. HTTP serves where there is none.
            let broken = match (self.address.mqtt.clone(), self.address.http.clone()) {
                (Some(mqtt), None) => self.over_mqtt(&mqtt).await,
                (Some(mqtt), Some(_)) if failures % 2 == 0 => self.over_mqtt(&mqtt).await,
                (_, Some(http)) => self.over_http(&http).await,
                (None, None) => Err(Broken::Lost),
            };
            let broken = match broken {
                Err(Broken::Outbox(error)) => return error,
                Err(broken) => broken,
                Ok(never) => match never {},
            };
            failures = if since.elapsed() > PATIENCE * 3 {
                1
            } else {
                failures + 1
            };
            tracing::debug!(
                target: "hearth::sense", seat = self.seat.0, device = %self.kid,
                reason = ?broken, "the way to a seat broke"
            );
            if failures == BACKOFF.len() {
                tracing::warn!(
                    target: "hearth::sense", seat = self.seat.0, device = %self.kid,
                    "a seat cannot be reached; what it lacks is kept and tried again"
                );
            }
            sleep(BACKOFF[usize::min(failures - 1, BACKOFF.len() - 1)]).await;
        }
    }

    /// Waits for something new to send, for a while.
    async fn rest(&mut self) {
        if let Ok(Err(_)) = timeout(PAUSE, self.news.changed()).await {
            // Nobody speaks any more; what is kept is still to be sent, at its own pace.
            sleep(PAUSE).await;
        }
    }

    /// Takes a raw answer; `None` if it is no answer of this seat to this device.
    fn take(&self, raw: &[u8]) -> Result<Option<answer::Answer>, Broken> {
        let Some((seat, answer)) = answer::open(raw, self.net, &self.keys, &RealKeys) else {
            return Ok(None);
        };
        if seat != self.seat || answer.kid != self.kid {
            return Ok(None);
        }
        let let_go = self
            .outbox
            .answered(seat, &answer, self.seats)
            .map_err(Broken::Outbox)?;
        if let_go > 0 {
            tracing::debug!(target: "hearth::sense", device = %self.kid, let_go, "enough seats have it");
        }
        Ok(Some(answer))
    }

    async fn over_http(&mut self, base: &Url) -> Result<std::convert::Infallible, Broken> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .map_err(Broken::Http)?;
        let url = base.join("v1/up").unwrap_or_else(|_| base.clone());
        let mut pace = Pace::new();
        loop {
            let page = pace.next(self, POST)?;
            if page.is_empty() {
                self.rest().await;
                continue;
            }
            let body = page
                .iter()
                .map(|(_, text)| text.as_str())
                .collect::<Vec<_>>()
                .join("\n");
            let response = client
                .post(url.clone())
                .body(body)
                .send()
                .await
                .map_err(Broken::Http)?;
            if let Err(refused) = response.error_for_status_ref() {
                // Full or blind seats and noisy neighbours pass; what the seat does not take at all waits its turn and
                // keeps nobody else from theirs.
                let status = response.status();
                if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                    return Err(Broken::Http(refused));
                }
                let reason: String = response
                    .text()
                    .await
                    .unwrap_or_default()
                    .chars()
                    .take(200)
                    .collect();
                tracing::warn!(
                    target: "hearth::sense", seat = self.seat.0, device = %self.kid, %status, reason,
                    "a seat refused envelopes"
                );
                continue;
            }
            let answers = response.bytes().await.map_err(Broken::Http)?;
            for line in answers
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
            {
                if let Some(answer) = self.take(line.trim_ascii())? {
                    pace.heard(&answer);
                }
            }
        }
    }

    async fn over_mqtt(&mut self, broker: &Url) -> Result<std::convert::Infallible, Broken> {
        // One connection per device and seat; the seat's number keeps names apart should two seats share a broker.
        let name = format!("{}-{}", self.kid, self.seat);
        let options = ConnectOptions::new(name.clone())
            .with_clean_start(true)
            .with_keep_alive(Duration::from_secs(30))
            .with_automatic_reconnect(false);
        let client = MqttClient::new(name);
        let connected = timeout(PATIENCE, client.connect_with_options(broker.as_str(), options)).await;
        connected.map_err(|_| Broken::Slow)?.map_err(Broken::Mqtt)?;
        let outcome = self.talk(&client).await;
        // The seat sees a farewell or a lost connection; either is fine.
        let _ = timeout(PATIENCE, client.disconnect()).await;
        outcome
    }

    async fn talk(&mut self, client: &MqttClient) -> Result<std::convert::Infallible, Broken> {
        let (net, kid) = (self.net, self.kid);
        let topic = |end| format!("hearth/v1/{net}/{kid}/{end}");
        let (heard, mut answers) = mpsc::channel::<Vec<u8>>(ANSWERS);
        let subscribed = client.subscribe(topic("ack"), move |message| {
            let _ = heard.try_send(message.payload);
        });
        timeout(PATIENCE, subscribed)
            .await
            .map_err(|_| Broken::Slow)?
            .map_err(Broken::Mqtt)?;

        let mut pace = Pace::new();
        loop {
            if !client.is_connected().await {
                return Err(Broken::Lost);
            }
            let page = pace.next(self, PAGE)?;
            let idle = page.is_empty();
            for (_, text) in page {
                let published = client.publish_qos1(topic("up"), text.into_bytes());
                timeout(PATIENCE, published)
                    .await
                    .map_err(|_| Broken::Slow)?
                    .map_err(Broken::Mqtt)?;
            }
            if idle {
                tokio::select! {
                    raw = answers.recv() => {
                        if let Some(answer) = raw.map(|raw| self.take(&raw)).transpose()?.flatten() {
                            pace.heard(&answer);
                        }
                    }
                    () = self.rest() => {}
                }
            }
            while let Ok(raw) = answers.try_recv() {
                if let Some(answer) = self.take(&raw)? {
                    pace.heard(&answer);
                }
            }
        }
    }
}

/// What to send a seat next: everything once, oldest first, and now and then again what it has not answered. Two counters
/// of memory, whatever has piled up; and what a seat never answers (a device it does not know yet) blocks nothing behind it.
struct Pace {
    /// The newest envelope sent on this connection.
    newest: Option<Counter>,
    /// How far the present walk through unanswered ones has come.
    again: Option<Counter>,
    /// When the walk goes on.
    again_at: Instant,
    /// Between two walks.
    silence: Duration,
}

impl Pace {
    fn new() -> Self {
        Self {
            newest: None,
            again: None,
            again_at: Instant::now() + SILENCE,
            silence: SILENCE,
        }
    }

    fn next(&mut self, way: &Way, most: usize) -> Result<Vec<(Counter, String)>, Broken> {
        let waiting = |after| {
            way.outbox
                .waiting_for(way.seat.0, after, most)
                .map_err(Broken::Outbox)
        };
        if Instant::now() >= self.again_at {
            let mut page = waiting(self.again)?;
            let whole = page.len() == most;
            page.retain(|(counter, _)| Some(*counter) <= self.newest);
            self.again = page.last().map(|(counter, _)| *counter).filter(|_| whole);
            if self.again.is_some() {
                // The walk goes on after what is new has had its turn.
                self.again_at = Instant::now() + TURN;
            } else {
                self.again_at = Instant::now() + self.silence;
                self.silence = (self.silence * 2).min(LONGEST_SILENCE);
            }
            if !page.is_empty() {
                return Ok(page);
            }
        }
        let page = waiting(self.newest)?;
        self.newest = page.last().map(|(counter, _)| *counter).or(self.newest);
        Ok(page)
    }

    /// A seat that says *early* is asked again soon.
    fn heard(&mut self, answer: &answer::Answer) {
        if !answer.early.is_empty() {
            self.again = None;
            self.again_at = self.again_at.min(Instant::now() + PAUSE);
            self.silence = SILENCE;
        }
    }
}

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
