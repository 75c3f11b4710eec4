//! Every network door against every kind of bad input: refused by a name, counted under it, nothing good lost, and the
//! door open for the next. The other doors' tests stand in `docs/threats.md`.
//!
//! Each test runs on one thread, so that its counts are its own.

use std::time::Duration;

use hearth_oracle_core::answer::{self, Outcome};
use hearth_oracle_core::crypto::{Crypto as _, RealKeys};
use hearth_oracle_core::jws;
use hearth_oracle_core::message::Message;
use hearth_oracle_core::types::{Counter, Epoch, Network, StreamId};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::tests::{device, spoken, topic};
use crate::rig::{DEVICE, NOW, PEER, Rig, envelope, envelope_by, kid, network};

const SOON: Duration = Duration::from_secs(10);

/// The counts of one test.
struct Book(PrometheusRecorder);

impl Book {
    fn open() -> Self {
        Self(PrometheusBuilder::new().build_recorder())
    }

    fn count(&self, name: &str, labels: &str) -> u64 {
        let text = self.0.handle().render();
        let line = format!("{name}{{{labels}}} ");
        let found = text.lines().find_map(|given| given.strip_prefix(&line));
        found.map_or(0, |count| count.parse().unwrap())
    }

    fn envelopes(&self, door: &str, result: &str) -> u64 {
        self.count(
            "hearth_readings_total",
            &format!("adapter=\"{door}\",result=\"{result}\""),
        )
    }

    fn messages(&self, result: &str) -> u64 {
        self.count(
            "hearth_peer_messages_total",
            &format!("direction=\"in\",result=\"{result}\""),
        )
    }
}

/// What a device's door refuses, by the name it gives.
fn refused_envelopes() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = envelope(1, NOW);
    let forged = {
        let (signed, _) = good.rsplit_once('.').unwrap();
        let other = envelope(2, NOW);
        format!("{signed}.{}", other.rsplit_once('.').unwrap().1)
    };
    let parts = jws::split(good.as_bytes()).unwrap();
    let header = String::from_utf8(parts.header.clone()).unwrap();
    let signed =
        |header: &str, pack: &[u8]| jws::seal(header.as_bytes(), pack, &DEVICE, &RealKeys).into_bytes();
    vec![
        ("not UTF-8", vec![0xff, 0xfe, 0x00, b'.'], "malformed"),
        (
            "truncated",
            good.as_bytes()[..good.len() / 2].to_vec(),
            "malformed",
        ),
        (
            "without its last byte",
            good.as_bytes()[..good.len() - 1].to_vec(),
            "malformed",
        ),
        ("forged", forged.into_bytes(), "bad_signature"),
        (
            "of an unknown device",
            envelope_by(&[8; 32], network(), 1, NOW).into_bytes(),
            "unknown_device",
        ),
        (
            "replayed from another polity",
            envelope_by(&DEVICE, Network([1; 8]), 1, NOW).into_bytes(),
            "foreign_network",
        ),
        ("oversized", vec![b'a'; 16_385], "oversized"),
        (
            "naming its own algorithm",
            signed(&header.replace("Ed25519", "none"), &parts.payload),
            "bad_header",
        ),
        ("without a pack", signed(&header, b"[]"), "bad_pack"),
        (
            "with a pack that is not UTF-8",
            signed(&header, b"[{\"n\":\"\xff\"}]"),
            "bad_pack",
        ),
        (
            "whose readings are younger than it says",
            signed(
                &header.replace(&NOW.to_string(), &(NOW - 1).to_string()),
                &parts.payload,
            ),
            "time_mismatch",
        ),
    ]
}

/// What is answered rather than refused: sequence, time, and the answer to it.
const ANSWERED: [(&str, u32, u64, Outcome); 5] = [
    ("a good one", 9, NOW, Outcome::Kept),
    ("replayed", 9, NOW, Outcome::Kept),
    ("out of order", 5, NOW - 60, Outcome::Kept),
    ("stale", 2, NOW - 60 * 86_400, Outcome::Late),
    ("from the future", 3, NOW + 500, Outcome::Early),
];

/// What is on disk once all of [`ANSWERED`] were sent.
fn kept() -> std::collections::HashMap<Counter, usize> {
    [(Counter::new(1, 9), 1), (Counter::new(1, 5), 1)].into()
}

#[tokio::test]
async fn all_bad_input_at_the_devices_http_door() {
    let book = Book::open();
    let _counting = metrics::set_default_local_recorder(&book.0);
    let rig = Rig::start().await;
    let mut cases = refused_envelopes();
    cases.push(("empty", b"\r\n\n".to_vec(), "empty"));
    cases.push(("a body above its bound", vec![b'a'; (1 << 20) + 1], "oversized"));
    for (name, body, refused) in cases {
        let before = book.envelopes("http", refused);
        let (status, told) = rig.post("/v1/up", body).await;
        assert!((400..500).contains(&status), "{name}: {status}");
        assert!(
            told.contains(&format!("\"refused\":\"{refused}\"")),
            "{name}: {told}"
        );
        // Nothing at all is a mistake of whoever asks, not an envelope.
        let wanted = u64::from(refused != "empty");
        assert_eq!(book.envelopes("http", refused), before + wanted, "{name}");
    }

    let mut half = TcpStream::connect(rig.http).await.unwrap();
    let head = "POST /v1/up HTTP/1.1\r\nhost: seat\r\ncontent-length: 400\r\n\r\n";
    half.write_all(format!("{head}{}", &envelope(1, NOW)[..90]).as_bytes())
        .await
        .unwrap();
    half.shutdown().await.unwrap();
    timeout(SOON, half.read_to_end(&mut Vec::new()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(book.envelopes("http", "truncated"), 1);
    assert!(rig.kept().is_empty());

    for (name, seq, time, wanted) in ANSWERED {
        let before = book.envelopes("http", wanted.name());
        let (status, told) = rig.post("/v1/up", envelope(seq, time)).await;
        assert_eq!(status, 200, "{name}: {told}");
        let keys = [RealKeys.public(&[21; 32])];
        let (_, answer) = answer::open(told.as_bytes(), network(), &keys, &RealKeys).unwrap();
        assert_eq!(answer.says(Counter::new(1, seq)), Some(wanted), "{name}");
        assert_eq!(book.envelopes("http", wanted.name()), before + 1, "{name}");
    }
    assert_eq!(rig.kept(), kept());
    assert_eq!(rig.doors.refusals().len(), super::REMEMBERED);
}

#[tokio::test]
async fn a_body_of_too_many_envelopes_says_that_not_all_were_read() {
    let book = Book::open();
    let _counting = metrics::set_default_local_recorder(&book.0);
    let rig = Rig::start().await;
    let body = [envelope(1, NOW), envelope(2, NOW)].join("\n");
    let body = [body.as_str(); 501].join("\n");
    let client = alloy::transports::http::reqwest::Client::new();
    let answer = client
        .post(format!("http://{}/v1/up", rig.http))
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["hearth-refused"], "too_many");
    assert_eq!(book.envelopes("http", "too_many"), 1);
    assert_eq!(rig.kept().values().sum::<usize>(), 2);
}

#[tokio::test]
async fn all_bad_input_at_the_brokers_door() {
    let book = Book::open();
    let _counting = metrics::set_default_local_recorder(&book.0);
    let rig = Rig::start().await;
    let client = device(&rig, "pile").await;
    let other = format!("hearth/v1/{}/{}/up", network(), "0011223344556677");
    let good = envelope(1, NOW).into_bytes();
    let mut cases: Vec<(&str, String, Vec<u8>, &str)> = refused_envelopes()
        .into_iter()
        .map(|(name, payload, refused)| (name, topic("up"), payload, refused))
        .collect();
    cases.push(("at another device's place", other, good.clone(), "wrong_place"));
    cases.push((
        "where answers are heard",
        topic("ack"),
        good.clone(),
        "unknown_topic",
    ));
    cases.push(("anywhere", "anything".into(), good, "unknown_topic"));
    for (name, topic, payload, refused) in cases {
        let before = book.envelopes("mqtt", refused);
        timeout(SOON, client.publish_qos1(topic, payload))
            .await
            .unwrap()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rig.doors.refusals().last().unwrap().refused, refused, "{name}");
        assert_eq!(book.envelopes("mqtt", refused), before + 1, "{name}");
    }
    assert!(rig.kept().is_empty());

    for (name, seq, time, wanted) in ANSWERED {
        let before = book.envelopes("mqtt", wanted.name());
        timeout(SOON, client.publish_qos1(topic("up"), envelope(seq, time)))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(book.envelopes("mqtt", wanted.name()), before + 1, "{name}");
    }
    assert_eq!(rig.kept(), kept());
}

/// A session of MQTT 3.1.1 by hand.
async fn session(rig: &Rig, name: &str) -> TcpStream {
    let mut stream = TcpStream::connect(rig.mqtt).await.unwrap();
    let mut hello = vec![0x10, u8::try_from(12 + name.len()).unwrap(), 0, 4];
    hello.extend(b"MQTT\x04\x02\x00\x00\x00");
    hello.push(u8::try_from(name.len()).unwrap());
    hello.extend(name.as_bytes());
    stream.write_all(&hello).await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    stream
}

#[tokio::test]
async fn what_is_no_mqtt_ends_its_session_and_no_other() {
    let book = Book::open();
    let _counting = metrics::set_default_local_recorder(&book.0);
    let rig = Rig::start().await;
    let well = device(&rig, "pile").await;
    let cases: [(&str, &[u8]); 6] = [
        ("a length of five bytes", &[0x32, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ("a packet of 256 MiB", &[0x32, 0xff, 0xff, 0xff, 0x7f]),
        ("a packet just above its bound", &[0x32, 0x81, 0xa0, 0x02]),
        (
            "a topic that is not UTF-8",
            &[0x32, 0x07, 0x00, 0x02, 0xff, 0xfe, 0x00, 0x01, 0x00],
        ),
        (
            "a topic longer than its packet",
            &[0x32, 0x04, 0xff, 0xff, 0x00, 0x01],
        ),
        ("half a packet", &[0x32, 0x40, 0x00]),
    ];
    for (number, (name, bytes)) in (1..).zip(cases) {
        let mut stream = session(&rig, &format!("bad-{number}")).await;
        stream.write_all(bytes).await.unwrap();
        if name == "half a packet" {
            stream.shutdown().await.unwrap();
        }
        let ended = timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "{name}: the session goes on");
        let counted = async {
            while book.envelopes("mqtt", "broken_off") < number {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, counted)
            .await
            .unwrap_or_else(|_| panic!("{name}: not counted"));
    }
    timeout(SOON, well.publish_qos1(topic("up"), envelope(9, NOW)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(rig.kept().len(), 1);
}

#[tokio::test]
async fn a_retained_message_is_never_a_reading() {
    let book = Book::open();
    let _counting = metrics::set_default_local_recorder(&book.0);
    let rig = Rig::start().await;
    let mut stream = session(&rig, "keeper").await;
    let (topic, payload) = (topic("up"), envelope(1, NOW));
    let length = 2 + topic.len() + 2 + payload.len();
    // At QoS 1, with the flag that asks a broker to retain.
    let mut packet = vec![
        0x33,
        u8::try_from(length % 128).unwrap() | 0x80,
        u8::try_from(length / 128).unwrap(),
    ];
    packet.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.extend(1_u16.to_be_bytes());
    packet.extend(payload.as_bytes());
    stream.write_all(&packet).await.unwrap();
    // Refused by name, or by the broker itself, which has told that it retains nothing.
    timeout(SOON, stream.read(&mut [0; 4])).await.unwrap().unwrap();
    assert_eq!(
        book.envelopes("mqtt", "retained") + book.envelopes("mqtt", "broken_off"),
        1
    );
    assert!(rig.kept().is_empty());
}

#[tokio::test]
async fn all_bad_input_at_the_peers_door() {
    let book = Book::open();
    let _counting = metrics::set_default_local_recorder(&book.0);
    let rig = Rig::start().await;
    let hello = Message::Fetch {
        stream: StreamId(1),
        epoch: Epoch(1),
        kid: kid(),
        ranges: vec![],
    };
    let good = spoken(0, NOW, &PEER, &hello);
    let parts = jws::split(good.as_bytes()).unwrap();
    let signed = |header: &[u8], body: &[u8]| jws::seal(header, body, &PEER, &RealKeys).into_bytes();
    let header = String::from_utf8(parts.header.clone()).unwrap();
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("empty", vec![], 400, "malformed"),
        ("not UTF-8", vec![0xff; 40], 400, "malformed"),
        (
            "truncated",
            good.as_bytes()[..good.len() - 9].to_vec(),
            400,
            "malformed",
        ),
        (
            "forged",
            spoken(0, NOW, &[99; 32], &hello).into_bytes(),
            401,
            "bad_signature",
        ),
        (
            "replayed to another seat",
            spoken(2, NOW, &PEER, &hello).into_bytes(),
            400,
            "misdelivered",
        ),
        (
            "of no seat",
            signed(
                header.replace("\"from\":1", "\"from\":9").as_bytes(),
                &parts.payload,
            ),
            401,
            "unknown_seat",
        ),
        (
            "stale",
            spoken(0, NOW - 301, &PEER, &hello).into_bytes(),
            400,
            "stale",
        ),
        (
            "from the future",
            spoken(0, NOW + 301, &PEER, &hello).into_bytes(),
            400,
            "stale",
        ),
        ("oversized", vec![b'a'; (1 << 20) + 1], 413, "oversized"),
        (
            "naming its own algorithm",
            signed(header.replace("Ed25519", "none").as_bytes(), &parts.payload),
            400,
            "bad_header",
        ),
        (
            "of a kind a later release may know",
            signed(&parts.header, b"{\"is\":\"gossip\"}"),
            400,
            "bad_payload",
        ),
        (
            "with a payload that is not UTF-8",
            signed(&parts.header, b"\xff"),
            400,
            "bad_payload",
        ),
    ];
    for (name, body, status, refused) in cases {
        let before = book.messages(refused);
        let (given, told) = rig.post("/v1/peer", body).await;
        assert_eq!(given, status, "{name}: {told}");
        assert!(
            told.contains(&format!("\"refused\":\"{refused}\"")),
            "{name}: {told}"
        );
        assert_eq!(book.messages(refused), before + 1, "{name}");
    }

    let mismatch = || book.count("hearth_peer_config_mismatch", "peer=\"1\"");
    assert_eq!(mismatch(), 1, "it signed what this release cannot read");

    // Replayed in time, and out of order: heard again, and nothing counts twice.
    let handed = |time, raw: Vec<String>| spoken(0, time, &PEER, &Message::Envelopes { raw });
    let bad = envelope_by(&[8; 32], network(), 6, NOW);
    let (one, before_it) = (
        handed(NOW, vec![envelope(9, NOW), bad, "nonsense".into()]),
        handed(NOW - 100, vec![envelope(5, NOW - 60)]),
    );
    for message in [&one, &one, &before_it] {
        let (status, told) = rig.post("/v1/peer", message.as_str()).await;
        assert_eq!(status, 202, "{told}");
    }
    assert_eq!((book.messages("heard"), mismatch()), (3, 0));
    assert_eq!(book.envelopes("peer", "unknown_device"), 2);
    assert_eq!(book.envelopes("peer", "malformed"), 2);
    // The witness takes messages in order before a later envelope of the device.
    assert_eq!(rig.post("/v1/up", envelope(7, NOW)).await.0, 200);
    let mut wanted = kept();
    wanted.insert(Counter::new(1, 7), 1);
    assert_eq!(rig.kept(), wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_question_for_a_list_is_answered_by_name() {
    let rig = Rig::start().await;
    let whole = "stream=1&epoch=1&member=1&until=1&signature=0x";
    for query in [
        "",
        "stream=1",
        "stream=one&epoch=1&member=1&until=1&signature=0x",
        &format!("{whole}&stream=2"),
    ] {
        let answer = reqwest::get(format!("http://{}/v1/list?{query}", rig.http))
            .await
            .unwrap();

        assert_eq!(answer.status(), 400, "{query}");
        let told: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(told["refused"], "bad_query", "{query}: {told}");
    }
}
