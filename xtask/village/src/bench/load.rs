//! A crowd of devices at one seat's broker: MQTT 3.1.1 at QoS 1, packets made beforehand, so that the seat is measured
//! and not the crowd.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use eyre::{Result, WrapErr, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout};

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH_QOS1: u8 = 0x32;
const PUBACK: u8 = 0x40;
/// A seat that is silent for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Packets written at once.
const BATCH: usize = 64;

/// How a device sends.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As fast as it may with so many envelopes on their way.
    Window(usize),
    /// One each so often, whatever the answers.
    Every(Duration),
}

/// One device's connection and the packets it will send.
pub struct Device {
    stream: TcpStream,
    packets: Vec<Vec<u8>>,
}

impl Device {
    /// Connects as client `name` and prepares one packet per envelope.
    pub async fn connect(broker: SocketAddr, name: &str, topic: &str, envelopes: &[String]) -> Result<Self> {
        if envelopes.len() > usize::from(u16::MAX) - 1 {
            bail!(
                "{} envelopes for one device, wanted at most {}",
                envelopes.len(),
                u16::MAX - 1
            );
        }
        let mut stream = TcpStream::connect(broker)
            .await
            .wrap_err("failed to reach the broker")?;
        stream
            .set_nodelay(true)
            .wrap_err("failed to set up the connection")?;
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0b10, 0, 0]; // 3.1.1, clean session, no keep-alive
        put_text(&mut body, name);
        stream
            .write_all(&packet(CONNECT, &body))
            .await
            .wrap_err("failed to connect to the broker")?;
        let mut answer = [0; 4];
        timeout(PATIENCE, stream.read_exact(&mut answer))
            .await
            .wrap_err("the broker did not answer")??;
        if answer[0] != CONNACK || answer[3] != 0 {
            bail!("the broker refused {name} with code {}", answer[3]);
        }
        let packets = envelopes
            .iter()
            .zip(1_u16..)
            .map(|(envelope, id)| {
                let mut body = Vec::with_capacity(envelope.len() + topic.len() + 4);
                put_text(&mut body, topic);
                body.extend(id.to_be_bytes());
                body.extend(envelope.as_bytes());
                packet(PUBLISH_QOS1, &body)
            })
            .collect();
        Ok(Self { stream, packets })
    }

    /// Sends everything and gives, for each envelope, how long its acknowledgement took.
    pub async fn send(self, pace: Pace) -> Result<Vec<Duration>> {
        let count = self.packets.len();
        let (reader, mut writer) = self.stream.into_split();
        let window = Arc::new(Semaphore::new(match pace {
            Pace::Window(window) => window,
            Pace::Every(_) => count,
        }));
        let acknowledged: JoinHandle<Result<Vec<Option<Instant>>>> =
            tokio::spawn(acknowledgements(reader, count, Arc::clone(&window)));
        let mut sent = Vec::with_capacity(count);
        let mut ticks = match pace {
            Pace::Every(each) => Some(interval(each)),
            Pace::Window(_) => None,
        };
        let mut packets = self.packets.into_iter().peekable();
        while packets.peek().is_some() {
            let batch = if let Some(ticks) = &mut ticks {
                ticks.tick().await;
                1
            } else {
                window.acquire().await.wrap_err("the connection closed")?.forget();
                let more = window.available_permits().min(BATCH - 1);
                // Nobody else takes permits, so those that are available stay so.
                1 + window
                    .try_acquire_many(u32::try_from(more)?)
                    .map_or(0, |permits| {
                        permits.forget();
                        more
                    })
            };
            let bytes: Vec<u8> = packets.by_ref().take(batch).flatten().collect();
            let now = Instant::now();
            sent.resize((sent.len() + batch).min(count), now);
            writer
                .write_all(&bytes)
                .await
                .wrap_err("the broker closed the connection")?;
        }
        let acknowledged = acknowledged
            .await
            .wrap_err("the reader of acknowledgements ended")??;
        Ok(sent
            .iter()
            .zip(acknowledged)
            .filter_map(|(sent, at)| at.map(|at| at - *sent))
            .collect())
    }
}

async fn acknowledgements(
    reader: OwnedReadHalf,
    count: usize,
    window: Arc<Semaphore>,
) -> Result<Vec<Option<Instant>>> {
    let mut reader = BufReader::new(reader);
    let mut at = vec![None; count];
    let mut left = count;
    while left > 0 {
        let mut head = [0; 2];
        match timeout(PATIENCE, reader.read_exact(&mut head)).await {
            Ok(read) => read.wrap_err("the broker closed the connection")?,
            Err(_) => bail!("the broker left {left} of {count} envelopes without an answer for {PATIENCE:?}"),
        };
        let mut body = vec![0; usize::from(head[1])]; // acknowledgements are short
        reader
            .read_exact(&mut body)
            .await
            .wrap_err("the broker closed the connection")?;
        if head[0] & 0xf0 == PUBACK && body.len() >= 2 {
            let id = usize::from(u16::from_be_bytes([body[0], body[1]]));
            if let Some(slot @ None) = id.checked_sub(1).and_then(|index| at.get_mut(index)) {
                *slot = Some(Instant::now());
                left -= 1;
                window.add_permits(1);
            }
        }
    }
    Ok(at)
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left % 128).unwrap_or_default();
        left /= 128;
        bytes.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    // Topics and ids are far shorter than 64 KiB.
    body.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    body.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_mqtt_wants_them() {
        assert_eq!(packet(CONNECT, &[7; 3]), [0x10, 3, 7, 7, 7]);
        assert_eq!(packet(PUBLISH_QOS1, &[0; 200])[..3], [0x32, 0xc8, 1]);
    }

    #[tokio::test]
    async fn a_broker_that_acknowledges_is_timed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let broker = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 4096];
            assert!(socket.read(&mut bytes).await.unwrap() > 0);
            socket.write_all(&[CONNACK, 2, 0, 0]).await.unwrap();
            for id in 1..=3 {
                socket.write_all(&[PUBACK, 2, 0, id]).await.unwrap();
            }
            // Stays open until the device has read everything.
            while socket.read(&mut bytes).await.unwrap_or(0) > 0 {}
        });

        let envelopes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let device = Device::connect(broker, "kid", "topic", &envelopes).await.unwrap();

        assert_eq!(device.send(Pace::Window(3)).await.unwrap().len(), 3);
    }
}
