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
