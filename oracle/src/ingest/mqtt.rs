//! The broker inside the seat: a device's PUBACK means *on this seat's disk*.
//!
//! *In*: publishes to `hearth/v1/<network>/<device>/up`. *Out*: PUBACK after the commit, and the signed answer on
//! `…/ack` for whoever listens there. *Refuses*: any other topic, retained messages, wildcards. *Never*: a message
//! passed from one client to another.
//!
//! What is refused for good is acknowledged too: a device must not be held up for ever by bytes nobody can read; it is
//! counted, and the signed answer does not list it.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hearth_oracle_core::answer::Outcome;
use hearth_oracle_core::types::{Counter, Kid};
use hearth_oracle_core::verify::LARGEST_ENVELOPE;
use metrics::counter;
use mqtt5::broker::config::{BrokerConfig, StorageConfig};
use mqtt5::broker::{
    AuthProvider, AuthResult, BrokerEventHandler, ClientDisconnectEvent, ClientPublishEvent,
    ClientSubscribeEvent, MqttBroker, PublishAction,
};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::packet::publish::PublishPacket;
use mqtt5::{MqttError, QoS};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::{Doors, QUIET, Turned};
use crate::metrics as m;

const DOOR: &str = "mqtt";

/// Bytes of a topic, packet header and properties beside the envelope.
const AROUND: usize = 4_096;

/// Longest an answer waits for a slow listener; the device will ask again.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long an envelope that cannot be kept now is held before the connection is given back without an acknowledgement.
const HELD: Duration = Duration::from_secs(20);

/// How often a door that cannot take something now tries again.
const AGAIN: Duration = Duration::from_millis(250);

/// Batches of answers waiting to be published, at most.
pub(crate) const ANSWERS: usize = 64;

/// Who listens for answers.
#[derive(Default)]
struct Listeners {
    /// How many subscriptions stand for a device's answers, by the clients that hold them.
    by_client: Mutex<HashMap<Arc<str>, Vec<Kid>>>,
}

impl Listeners {
    fn add(&self, client: &Arc<str>, kid: Kid) {
        let mut by_client = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        let kids = by_client.entry(client.clone()).or_default();
        if !kids.contains(&kid) {
            kids.push(kid);
        }
    }

    fn gone(&self, client: &str) {
        self.by_client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(client);
    }

    fn wanted(&self, batch: &[(Kid, Counter, Outcome)]) -> BTreeMap<Kid, Vec<(Counter, Outcome)>> {
        let by_client = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted: BTreeMap<Kid, Vec<(Counter, Outcome)>> = by_client
            .values()
            .flatten()
            .map(|kid| (*kid, Vec::new()))
            .collect();
        drop(by_client);
        for (kid, counter, outcome) in batch {
            if let Some(outcomes) = wanted.get_mut(kid) {
                outcomes.push((*counter, *outcome));
            }
        }
        wanted.retain(|_, outcomes| !outcomes.is_empty());
        wanted
    }
}

/// The device a topic names, if it is one of ours with this last word.
fn device<'a>(topic: &'a str, last: &str) -> Option<(&'a str, &'a str)> {
    let mut parts = topic.split('/');
    if (parts.next(), parts.next()) != (Some("hearth"), Some("v1")) {
        return None;
    }
    let (net, kid) = (parts.next()?, parts.next()?);
    (parts.next() == Some(last) && parts.next().is_none()).then_some((net, kid))
}

struct Hook {
    doors: Arc<Doors>,
    listeners: Arc<Listeners>,
}

impl Hook {
    async fn hear(&self, event: &ClientPublishEvent) {
        let refuse = async |turned: Turned| {
            if self.doors.refuse(DOOR, &event.client_id, &turned) {
                // Whoever sends only what is refused is slowed down; others are not.
                sleep(QUIET).await;
            }
        };
        let Some((_, kid)) = device(&event.topic, "up") else {
            return refuse(Turned::UnknownTopic).await;
        };
        if event.retain {
            return refuse(Turned::Retained).await;
        }
        loop {
            let outcome = match self.doors.offer(&event.payload, Some(kid)).await {
                Ok(waiting) => self.doors.answered(DOOR, waiting).await.map(|_| ()),
                Err(turned) => Err(turned),
            };
            match outcome {
                Ok(()) => return,
                // Without an acknowledgement the device keeps it; it is offered again as long as the device stays.
                Err(Turned::TooFast { kid }) => self.doors.breathe(kid).await,
                Err(turned) if turned.passes() => {
                    debug!(target: "hearth::ingest", door = DOOR, reason = turned.name(), "waits");
                    sleep(AGAIN).await;
                }
                Err(turned) => return refuse(turned).await,
            }
        }
    }
}

impl BrokerEventHandler for Hook {
    fn on_client_publish<'a>(
        &'a self,
        event: ClientPublishEvent,
    ) -> Pin<Box<dyn Future<Output = PublishAction> + Send + 'a>> {
        Box::pin(async move {
            if tokio::time::timeout(HELD, self.hear(&event)).await.is_ok() {
                return PublishAction::Handled;
            }
            // Not kept, so not acknowledged: passed on at QoS 0, on a topic nobody may listen to, it has no
            // acknowledgement, and the connection is free again. The device sends it anew.
            debug!(target: "hearth::ingest", door = DOOR, "let go without an acknowledgement");
            PublishAction::Transform(PublishPacket::new(
                "hearth/v1/unheard",
                Vec::new(),
                QoS::AtMostOnce,
            ))
        })
    }

    fn on_client_subscribe<'a>(
        &'a self,
        event: ClientSubscribeEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            for subscription in &event.subscriptions {
                if let Some(kid) =
                    device(&subscription.topic_filter, "ack").and_then(|(_, kid)| kid.parse().ok())
                {
                    self.listeners.add(&event.client_id, kid);
                }
            }
        })
    }

    fn on_client_disconnect<'a>(
        &'a self,
        event: ClientDisconnectEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            self.listeners.gone(&event.client_id);
            if event.unexpected {
                // What is no MQTT, or too large to be read, ends its session before anyone can name the device.
                counter!(m::READINGS, "adapter" => DOOR, "result" => "broken_off").increment(1);
            }
        })
    }
}

/// Anyone may connect, since a device proves itself by each signature; nobody hears more than answers to one device.
struct Gate;

impl AuthProvider for Gate {
    fn authenticate<'a>(
        &'a self,
        _connect: &'a ConnectPacket,
        _client_addr: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = mqtt5::Result<AuthResult>> + Send + 'a>> {
        Box::pin(async { Ok(AuthResult::success()) })
    }

    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        _user_id: Option<&'a str>,
        _topic: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        // The hook judges, so that what is refused is counted by its name.
        Box::pin(async { true })
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        _user_id: Option<&'a str>,
        topic_filter: &'a str,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        let allowed = device(topic_filter, "ack").is_some_and(|(_, kid)| kid.parse::<Kid>().is_ok());
        Box::pin(async move { allowed })
    }
}

/// A bound broker.
pub(crate) struct Broker {
    broker: MqttBroker,
    listeners: Arc<Listeners>,
    doors: Arc<Doors>,
}

impl Broker {
    /// Binds; nobody is heard before [`Broker::run`].
    pub(crate) async fn bind(
        address: SocketAddr,
        connections: u32,
        doors: Arc<Doors>,
    ) -> Result<Self, MqttError> {
        let listeners = Arc::new(Listeners::default());
        let hook = Hook {
            doors: doors.clone(),
            listeners: listeners.clone(),
        };
        let mut config = BrokerConfig::new()
            .with_bind_address(address)
            .with_max_clients(connections as usize)
            .with_session_expiry(Duration::from_secs(3_600))
            .with_max_packet_size(LARGEST_ENVELOPE + AROUND)
            .with_maximum_qos(1)
            .with_retain_available(false)
            .with_max_subscriptions_per_client(8)
            .with_client_channel_capacity(64)
            .with_max_outbound_inflight(16)
            .with_sys_topics_enabled(false)
            .with_storage(
                StorageConfig::new()
                    .with_persistence(false)
                    .with_max_queued_messages_per_client(64)
                    .with_max_queued_bytes_per_client(256 << 10),
            )
            .with_event_handler(Arc::new(hook));
        config.topic_alias_maximum = 4;
        config.wildcard_subscription_available = false;
        config.shared_subscription_available = false;
        let broker = MqttBroker::with_config(config)
            .await?
            .with_auth_provider(Arc::new(Gate));
        Ok(Self {
            broker,
            listeners,
            doors,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.broker.local_addr()
    }

    /// Serves devices, and publishes answers, until told to stop.
    pub(crate) async fn run(
        mut self,
        mut answers: mpsc::Receiver<Vec<(Kid, Counter, Outcome)>>,
        stop: tokio_util::sync::CancellationToken,
    ) -> Result<(), MqttError> {
        let router = self.broker.router();
        let (listeners, doors) = (self.listeners.clone(), self.doors.clone());
        let publisher = tokio::spawn(async move {
            while let Some(batch) = answers.recv().await {
                let Some(net) = doors.sight().map(|sight| sight.view.network) else {
                    continue;
                };
                for (kid, outcomes) in listeners.wanted(&batch) {
                    let text = doors.sign(net, kid, &outcomes);
                    let topic = format!("hearth/v1/{net}/{kid}/ack");
                    let publish = PublishPacket::new(topic, text, QoS::AtMostOnce);
                    let deadline = Instant::now() + PATIENCE;
                    if tokio::time::timeout_at(deadline, router.route_message(&publish, None))
                        .await
                        .is_err()
                    {
                        m::dropped("answers");
                    }
                }
            }
        });
        let handle = self.broker.shutdown_handle();
        let closing = tokio::spawn(async move {
            stop.cancelled().await;
            handle.shutdown();
        });
        let ended = self.broker.run().await;
        closing.abort();
        publisher.abort();
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_name_one_device_or_nothing() {
        let check =
            |topic: &str, wanted: Option<(&str, &str)>| assert_eq!(device(topic, "up"), wanted, "{topic}");
        check("hearth/v1/n/k/up", Some(("n", "k")));
        for wrong in [
            "hearth/v1/n/k/ack",
            "hearth/v2/n/k/up",
            "hearth/v1/n/up",
            "hearth/v1/n/k/up/x",
            "",
            "/",
            "up",
        ] {
            check(wrong, None);
        }
    }
}
