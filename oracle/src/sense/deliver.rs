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
mod tests {
    use super::*;
    use crate::sense::device::{Device, DeviceKey};
    use axum::{Router, extract::State, routing::post};
    use hearth_oracle_core::{
        answer::{Answer, Outcome},
        crypto::Crypto as _,
        jws,
        senml::{Reading, Value},
        verify::Header,
    };
    use mqtt5::broker::{
        BrokerConfig, MqttBroker,
        config::{StorageBackend, StorageConfig},
    };
    use std::sync::Mutex;

    const NET: Network = Network([3; 8]);
    const BEGIN: u64 = 1_767_571_200;
    const SEATS: Seats = Seats(4);

    fn transport(seat: u8) -> [u8; 32] {
        [100 + seat; 32]
    }

    /// A seat that keeps what it hears and answers by a rule.
    struct Seat {
        number: u8,
        heard: Mutex<Vec<Counter>>,
        rule: fn(usize) -> Outcome,
    }

    impl Seat {
        fn new(number: u8, rule: fn(usize) -> Outcome) -> Arc<Self> {
            Arc::new(Self {
                number,
                heard: Mutex::new(vec![]),
                rule,
            })
        }

        fn heard(&self) -> Vec<Counter> {
            self.heard.lock().expect("not poisoned").clone()
        }

        /// The answer to envelopes, one a line.
        fn hear(&self, body: &str) -> String {
            let mut outcomes = Vec::new();
            let mut kid = Kid::default();
            for line in body.lines() {
                let header = jws::split(line.as_bytes()).expect("a JWS").header;
                let header: Header = serde_json::from_slice(&header).expect("a header");
                let mut heard = self.heard.lock().expect("not poisoned");
                outcomes.push((Counter::new(header.boot, header.seq), (self.rule)(heard.len())));
                heard.push(Counter::new(header.boot, header.seq));
                kid = header.kid;
            }
            answer::sign(
                NET,
                SeatId(self.number),
                &Answer::of(kid, &outcomes),
                &transport(self.number),
                &RealKeys,
            )
        }
    }

    /// A device with `count` envelopes to send.
    struct Sender {
        outbox: Arc<Outbox>,
        kid: Kid,
        news: watch::Sender<u64>,
    }

    fn sender(count: u64) -> Sender {
        let device = Device::new(DeviceKey::from_secret([7; 32]), NET, BEGIN, 60);
        let outbox = Outbox::in_memory().expect("an outbox");
        let beats = (0..count).map(|turn| Reading {
            time: BEGIN + turn * 60,
            value: Value::Beat,
        });
        device.say(beats.collect(), BEGIN, &outbox).expect("kept");
        Sender {
            outbox: Arc::new(outbox),
            kid: device.kid(),
            news: watch::Sender::new(0),
        }
    }

    impl Sender {
        fn way(&self, seat: u8, mqtt: Option<String>, http: Option<String>) -> Way {
            let url = |text: String| text.parse::<Url>().expect("an address");
            Way {
                outbox: Arc::clone(&self.outbox),
                news: self.news.subscribe(),
                kid: self.kid,
                net: NET,
                seat: SeatId(seat),
                seats: SEATS,
                keys: Arc::new((0..4).map(|seat| RealKeys.public(&transport(seat))).collect()),
                address: SeatAddress {
                    transport_key: [0; 32],
                    mqtt: mqtt.map(url),
                    http: http.map(url),
                },
            }
        }

        async fn until_empty(&self) {
            let empty = async {
                while self.outbox.standing().expect("read").waiting > 0 {
                    sleep(Duration::from_millis(20)).await;
                }
            };
            timeout(Duration::from_secs(20), empty)
                .await
                .expect("the outbox empties in time");
        }
    }

    async fn http_seat(seat: Arc<Seat>) -> String {
        let router = Router::new()
            .route(
                "/v1/up",
                post(|State(seat): State<Arc<Seat>>, body: String| async move { seat.hear(&body) }),
            )
            .with_state(seat);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/")
    }

    /// A seat behind a broker of its own.
    async fn mqtt_seat(seat: Arc<Seat>) -> String {
        let memory = StorageConfig::new()
            .with_backend(StorageBackend::Memory)
            .with_persistence(false);
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let config = BrokerConfig::new()
            .with_bind_address(address)
            .with_storage(memory);
        let mut broker = MqttBroker::with_config(config).await.expect("a broker");
        let address = format!("mqtt://{}", broker.local_addr().expect("bound"));
        tokio::spawn(async move { broker.run().await });
        let client = MqttClient::new(format!("seat-{}", seat.number));
        while client.connect(&address).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        let (heard, mut bodies) = mpsc::unbounded_channel::<(String, String)>();
        client
            .subscribe(format!("hearth/v1/{NET}/+/up"), move |message| {
                let body = String::from_utf8(message.payload).expect("text");
                let _ = heard.send((message.topic.replace("/up", "/ack"), body));
            })
            .await
            .expect("subscribed");
        tokio::spawn(async move {
            while let Some((topic, body)) = bodies.recv().await {
                let _ = client.publish_qos1(topic, seat.hear(&body)).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn test_r7_2_http_sends_oldest_first_and_lets_go_at_f_plus_one() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sender = sender(40);
        let seats = [0, 1].map(|number| Seat::new(number, |_| Outcome::Kept));
        for seat in &seats {
            let http = http_seat(Arc::clone(seat)).await;
            tokio::spawn(sender.way(seat.number, None, Some(http)).deliver());
        }
        sender.until_empty().await;
        for seat in &seats {
            assert!(seat.heard().is_sorted(), "oldest first");
        }
    }

    #[tokio::test]
    async fn test_r7_2_mqtt_sends_oldest_first_and_lets_go_at_f_plus_one() {
        let sender = sender(20);
        let seats = [0, 1].map(|number| Seat::new(number, |_| Outcome::Kept));
        for seat in &seats {
            let mqtt = mqtt_seat(Arc::clone(seat)).await;
            tokio::spawn(sender.way(seat.number, Some(mqtt), None).deliver());
        }
        sender.until_empty().await;
        for seat in &seats {
            let mut heard = seat.heard();
            assert!(heard.is_sorted(), "oldest first");
            heard.dedup();
            assert_eq!(
                heard.len(),
                seat.heard().len(),
                "nothing is sent twice while it is answered"
            );
        }
    }

    #[tokio::test]
    async fn test_r7_2_early_is_tried_again() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sender = sender(3);
        let early_first = |before| if before < 3 { Outcome::Early } else { Outcome::Kept };
        for number in [0, 1] {
            let http = http_seat(Seat::new(number, early_first)).await;
            tokio::spawn(sender.way(number, None, Some(http)).deliver());
        }
        sender.until_empty().await;
    }

    #[test]
    fn what_is_never_answered_blocks_nothing_behind_it() {
        let sender = sender(200);
        let way = sender.way(0, None, None);
        let mut pace = Pace::new();
        let mut sent = Vec::new();
        loop {
            let page = pace.next(&way, 16).expect("read");
            if page.is_empty() {
                break;
            }
            sent.extend(page.into_iter().map(|(counter, _)| counter));
        }
        // Nobody answered, and still each was sent, once, oldest first.
        assert_eq!(sent.len(), 200);
        assert!(sent.is_sorted());

        // When the silence is over they come again, page by page, and only those that were sent before.
        pace.again_at = Instant::now();
        let first = pace.next(&way, 16).expect("read");
        assert_eq!(first[0].0, sent[0]);
        let second = pace.next(&way, 16).expect("read");
        assert!(second.is_empty(), "what is new has its turn between two pages");
        pace.again_at = Instant::now();
        assert_eq!(pace.next(&way, 16).expect("read")[0].0, sent[16]);
    }

    #[tokio::test]
    async fn a_refused_envelope_keeps_no_other_from_its_seat() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sender = sender(POST as u64 * 2);
        // A door that refuses the first post as a whole, as for a device not enrolled yet.
        for number in [0, 1] {
            let seat = Seat::new(number, |_| Outcome::Kept);
            let posts = Arc::new(Mutex::new(0));
            let router = Router::new().route(
                "/v1/up",
                post(move |body: String| async move {
                    let mut posts = posts.lock().expect("not poisoned");
                    *posts += 1;
                    if *posts == 1 {
                        return Err((StatusCode::UNAUTHORIZED, "{}"));
                    }
                    Ok(seat.hear(&body))
                }),
            );
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port");
            let http = format!("http://{}/", listener.local_addr().expect("bound"));
            tokio::spawn(async move { axum::serve(listener, router).await });
            tokio::spawn(sender.way(number, None, Some(http)).deliver());
        }
        let behind = async {
            while sender.outbox.standing().expect("read").waiting > POST as u64 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(5), behind)
            .await
            .expect("what came behind it is kept");
    }

    #[tokio::test]
    async fn test_r7_2_an_answer_of_another_key_lets_nothing_go() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sender = sender(2);
        // Seat 3 answers at the doors of seats 0, 1 and 2: a liar who keeps nothing of theirs.
        let liar = Seat::new(3, |_| Outcome::Kept);
        let http = http_seat(Arc::clone(&liar)).await;
        for number in [0, 1, 2] {
            tokio::spawn(sender.way(number, None, Some(http.clone())).deliver());
        }
        let asked = async {
            while liar.heard().len() < 6 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), asked)
            .await
            .expect("asked again and again");
        assert_eq!(sender.outbox.standing().expect("read").waiting, 2);
    }

    #[tokio::test]
    async fn a_seat_that_comes_late_gets_everything() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sender = sender(5);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = format!("http://{}/", listener.local_addr().expect("bound"));
        drop(listener);
        let one = http_seat(Seat::new(0, |_| Outcome::Kept)).await;
        tokio::spawn(sender.way(0, None, Some(one)).deliver());
        tokio::spawn(sender.way(1, None, Some(address.clone())).deliver());
        while !sender.outbox.waiting_for(0, None, 10).expect("read").is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(
            sender.outbox.standing().expect("read").waiting,
            5,
            "one seat is not enough"
        );

        let late = Seat::new(1, |_| Outcome::Kept);
        let router = Router::new()
            .route(
                "/v1/up",
                post(|State(seat): State<Arc<Seat>>, body: String| async move { seat.hear(&body) }),
            )
            .with_state(Arc::clone(&late));
        let bound = address
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let listener = tokio::net::TcpListener::bind(bound).await.expect("the same port");
        tokio::spawn(async move { axum::serve(listener, router).await });
        sender.until_empty().await;
        assert_eq!(late.heard().len(), 5);
    }
}
