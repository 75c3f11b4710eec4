//! The doors at work: acknowledgements against the disk, answers, hand-overs, floods.

use std::sync::Arc;
use std::time::Duration;

use hearth_oracle_core::answer::{self, Outcome};
use hearth_oracle_core::crypto::{Crypto as _, RealKeys};
use hearth_oracle_core::message::{self, Message, Route};
use hearth_oracle_core::types::{Counter, Epoch, SeatId, StreamId};
use mqtt5::{ConnectOptions, MqttClient};
use tokio::time::timeout;

use crate::rig::{NOW, PEER, Rig, envelope, kid, network};

const SOON: Duration = Duration::from_secs(10);

/// Long enough for an acknowledgement that should not come.
const NEVER: Duration = Duration::from_millis(300);

pub(super) async fn device(rig: &Rig, name: &str) -> MqttClient {
    let client = MqttClient::with_options(ConnectOptions::new(name).with_clean_start(true));
    client.connect(&format!("mqtt://{}", rig.mqtt)).await.unwrap();
    client
}

pub(super) fn topic(last: &str) -> String {
    format!("hearth/v1/{}/{}/{last}", network(), kid())
}

fn seat_keys() -> [[u8; 32]; 1] {
    [RealKeys.public(&[21; 32])]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r7_2_puback_comes_only_after_the_commit() {
    let rig = Rig::start().await;
    let client = device(&rig, "pile").await;
    rig.gate.shut(true);
    let publish = client.publish_qos1(topic("up"), envelope(1, NOW));
    tokio::pin!(publish);
    assert!(
        timeout(NEVER, &mut publish).await.is_err(),
        "acknowledged while the disk was held back"
    );
    assert!(rig.kept().is_empty());

    rig.gate.shut(false);
    timeout(SOON, publish).await.unwrap().unwrap();
    assert_eq!(rig.kept().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_that_has_not_seen_the_chain_acknowledges_nothing() {
    let rig = Rig::start().await;
    rig.blind(true);
    let (status, told) = rig.post("/v1/up", envelope(1, NOW)).await;
    assert!(status == 503 && told.contains("not_yet"), "{told}");
    let client = device(&rig, "pile").await;
    let publish = client.publish_qos1(topic("up"), envelope(1, NOW));
    tokio::pin!(publish);
    assert!(timeout(NEVER, &mut publish).await.is_err());
    rig.blind(false);
    timeout(SOON, publish).await.unwrap().unwrap();
    assert_eq!(rig.kept().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_acknowledgements_and_nothing_is_lost() {
    let rig = Rig::start().await;
    let client = device(&rig, "pile").await;
    rig.gate.fill(true);
    let publish = client.publish_qos1(topic("up"), envelope(1, NOW));
    tokio::pin!(publish);
    assert!(timeout(NEVER, &mut publish).await.is_err());
    rig.gate.fill(false);
    timeout(SOON, publish).await.unwrap().unwrap();
    assert_eq!(rig.kept().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r7_2_the_same_envelope_twice_counts_once_also_after_a_restart() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let rig = Rig::start_in(folder.clone()).await;
    for _ in 0..2 {
        let (status, body) = rig.post("/v1/up", envelope(1, NOW)).await;
        assert_eq!(status, 200, "{body}");
    }
    rig.stop().await;

    let rig = Rig::start_in(folder).await;
    let (_, body) = rig.post("/v1/up", envelope(1, NOW)).await;
    let (seat, answer) = answer::open(body.as_bytes(), network(), &seat_keys(), &RealKeys).unwrap();
    assert_eq!(
        (seat, answer.says(Counter::new(1, 1))),
        (SeatId(0), Some(Outcome::Kept))
    );
    assert_eq!(
        rig.kept().into_iter().collect::<Vec<_>>(),
        [(Counter::new(1, 1), 1)]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r7_2_answers_are_published_to_whoever_listens_for_the_device() {
    let rig = Rig::start().await;
    let client = device(&rig, "pile").await;
    let (tell, mut told) = tokio::sync::mpsc::channel(8);
    client
        .subscribe(topic("ack"), move |message| {
            let _ = tell.try_send(message.payload);
        })
        .await
        .unwrap();
    client.publish_qos1(topic("up"), envelope(3, NOW)).await.unwrap();
    let text = timeout(SOON, told.recv()).await.unwrap().unwrap();
    let (_, answer) = answer::open(&text, network(), &seat_keys(), &RealKeys).unwrap();
    assert_eq!(answer.kept, [(1, 3, 3)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_only_refused_bytes_is_held_off() {
    let rig = Rig::start().await;
    let (status, told) = rig.post("/v1/up", "nonsense\n".repeat(999)).await;
    assert_eq!(status, 429, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_listens_to_what_devices_say() {
    let rig = Rig::start().await;
    let client = device(&rig, "ear").await;
    for filter in [
        "#",
        "hearth/v1/+/+/up",
        "hearth/v1/+/+/ack",
        "$share/a/hearth/v1/+/+/up",
    ] {
        let granted = client.subscribe(filter, |_| {}).await;
        assert!(granted.is_err(), "{filter} was granted");
    }
}

pub(super) fn spoken(to: u8, time: u64, secret: &[u8; 32], message: &Message) -> String {
    let route = Route {
        net: network(),
        from: SeatId(1),
        to: SeatId(to),
        time,
    };
    message::close(route, message, secret, &RealKeys)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_floods_is_held_off() {
    let rig = Rig::start().await;
    let hello = Message::Fetch {
        stream: StreamId(1),
        epoch: Epoch(1),
        kid: kid(),
        ranges: vec![],
    };
    let mut held_off = false;
    for _ in 0..60 {
        held_off |= rig.post("/v1/peer", spoken(0, NOW, &PEER, &hello)).await.0 == 429;
    }
    assert!(held_off);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_commit_takes_what_arrived_during_the_one_before() {
    let rig = Rig::start().await;
    rig.gate.shut(true);
    let bodies: Vec<String> = (0..5)
        .map(|part| {
            (0..100)
                .map(|n| envelope(part * 100 + n, NOW))
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect();
    let posts = bodies.into_iter().map(|body| rig.post("/v1/up", body));
    let posts = async {
        let mut all = Vec::new();
        for post in posts {
            all.push(post.await);
        }
        all
    };
    tokio::pin!(posts);
    assert!(timeout(NEVER, &mut posts).await.is_err());
    rig.gate.shut(false);
    for (status, told) in timeout(SOON, posts).await.unwrap() {
        assert_eq!(status, 200, "{told}");
    }
    assert_eq!(rig.kept().len(), 500);
}

/// Not a promise but a figure: run it alone, with `--release -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; wants a release build and a quiet machine"]
async fn how_many_envelopes_a_second() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const CONNECTIONS: u32 = 300;
    const EACH: u32 = 100;

    let rig = Rig::start().await;
    let topic = topic("up");
    let mut crowd = Vec::new();
    for connection in 0..CONNECTIONS {
        let mut stream = tokio::net::TcpStream::connect(rig.mqtt).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = format!("c{connection}");
        let mut hello = vec![0x10, u8::try_from(12 + name.len()).unwrap(), 0, 4];
        hello.extend(b"MQTT\x04\x02\x00\x00\x00");
        hello.push(u8::try_from(name.len()).unwrap());
        hello.extend(name.as_bytes());
        stream.write_all(&hello).await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        let packets: Vec<Vec<u8>> = (0..EACH)
            .map(|n| {
                let text = envelope(connection * EACH + n, NOW);
                let length = 2 + topic.len() + 2 + text.len();
                let mut packet = vec![
                    0x32,
                    u8::try_from(length % 128).unwrap() | 0x80,
                    u8::try_from(length / 128).unwrap(),
                ];
                packet.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
                packet.extend(topic.as_bytes());
                packet.extend(u16::try_from(n + 1).unwrap().to_be_bytes());
                packet.extend(text.as_bytes());
                packet
            })
            .collect();
        crowd.push((stream, packets));
    }
    let begun = std::time::Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for (mut stream, packets) in crowd {
        all.spawn(async move {
            for packet in packets {
                stream.write_all(&packet).await.unwrap();
                stream.read_exact(&mut [0; 4]).await.unwrap();
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    let took = begun.elapsed();
    let count = CONNECTIONS * EACH;
    assert_eq!(rig.kept().len(), usize::try_from(count).unwrap());
    println!(
        "{count} envelopes in {took:?}: {:.0} a second",
        f64::from(count) / took.as_secs_f64()
    );
}
