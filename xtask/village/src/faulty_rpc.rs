//! A door between one seat and the chain that can fail, hang, or show an old head, by order.
//!
//! *In*: requests to the chain. *Out*: the chain's answers, or none. *Never*: changes what it forwards, except the
//! head while it is told to lie about it.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use alloy::primitives::B256;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use eyre::{Result, WrapErr};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Longer than any client should wait.
const HANG: Duration = Duration::from_secs(120);

/// How the door treats what comes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    /// Forwards.
    Well = 0,
    /// Answers 503.
    Failing = 1,
    /// Takes the request and never answers.
    Hanging = 2,
    /// Shows the head as it was when this began.
    Frozen = 3,
}

/// One such door; it closes with this value.
pub struct FaultyRpc {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    mood: AtomicU8,
    frozen_at: AtomicU64,
    refused: AtomicU64,
    exchanged: OnceLock<(String, String)>,
}

impl FaultyRpc {
    /// Opens a door to `upstream` on a free port.
    pub async fn open(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .wrap_err("failed to open a door to the chain")?;
        let url = format!(
            "http://{}",
            listener.local_addr().wrap_err("failed to read the door's port")?
        );
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            client: reqwest::Client::new(),
            mood: AtomicU8::new(Mood::Well as u8),
            frozen_at: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            exchanged: OnceLock::new(),
        });
        let app = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            // The listener fails only when the runtime ends, and this program with it.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { url, shared, task })
    }

    /// Where a seat finds it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes the mood; `head` is the newest block's number, at which [`Mood::Frozen`] stays.
    pub fn set(&self, mood: Mood, head: u64) {
        self.shared.frozen_at.store(head, Ordering::SeqCst);
        self.shared.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// From now on shows one word of the chain wherever it holds the other, and the other way round, so that the seat
    /// behind this door honestly computes something false. Only the first pair counts.
    pub fn exchange(&self, one: B256, other: B256) {
        // A second pair would undo the first half way; the first stays.
        let _ = self
            .shared
            .exchanged
            .set((format!("{one:x}"), format!("{other:x}")));
    }

    /// How many requests were failed, left hanging or lied to.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::SeqCst)
    }
}

impl Drop for FaultyRpc {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let mood = shared.mood.load(Ordering::SeqCst);
    if mood != Mood::Well as u8 {
        shared.refused.fetch_add(1, Ordering::SeqCst);
    }
    let body = match mood {
        m if m == Mood::Failing as u8 => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        m if m == Mood::Hanging as u8 => {
            tokio::time::sleep(HANG).await;
            return StatusCode::GATEWAY_TIMEOUT.into_response();
        }
        m if m == Mood::Frozen as u8 => aged(&body, shared.frozen_at.load(Ordering::SeqCst)),
        _ => Asked::Forward(body),
    };
    let body = match body {
        Asked::Answer(answer) => return json_response(answer.to_string().into()),
        Asked::Forward(body) => body,
    };
    let sent = shared
        .client
        .post(&shared.upstream)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .send()
        .await;
    match sent {
        Ok(answer) => match answer.bytes().await {
            Ok(bytes) => json_response(match shared.exchanged.get() {
                Some((one, other)) => exchanged(&bytes, one, other),
                None => bytes,
            }),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        },
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// The answer with two words in each other's place.
fn exchanged(answer: &Bytes, one: &str, other: &str) -> Bytes {
    const ASIDE: &str = "\u{0}";
    let text = String::from_utf8_lossy(answer);
    text.replace(one, ASIDE)
        .replace(other, one)
        .replace(ASIDE, other)
        .into_bytes()
        .into()
}

enum Asked {
    Forward(Bytes),
    Answer(Value),
}

/// The request as one that asks for the frozen head instead of the newest.
fn aged(body: &Bytes, head: u64) -> Asked {
    let head = format!("{head:#x}");
    let Ok(mut request) = serde_json::from_slice::<Value>(body) else {
        return Asked::Forward(body.clone());
    };
    if request["method"] == "eth_blockNumber" {
        return Asked::Answer(json!({ "jsonrpc": "2.0", "id": request["id"], "result": head }));
    }
    if request["method"] == "eth_getBlockByNumber" && request["params"][0] == "latest" {
        request["params"][0] = head.into();
    }
    Asked::Forward(request.to_string().into())
}

fn json_response(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lying_door_exchanges_two_words() {
        let answer = Bytes::from("[\"0xaa\",\"0xbb\",\"0xcc\"]");

        assert_eq!(exchanged(&answer, "aa", "bb"), "[\"0xbb\",\"0xaa\",\"0xcc\"]");
    }

    #[test]
    fn a_frozen_door_answers_the_head_and_forwards_the_rest() {
        let ask = |method: &str, first: &str| {
            Bytes::from(json!({ "id": 7, "method": method, "params": [first] }).to_string())
        };

        let Asked::Answer(answer) = aged(&ask("eth_blockNumber", "x"), 16) else {
            panic!("forwarded")
        };
        assert_eq!((&answer["result"], &answer["id"]), (&json!("0x10"), &json!(7)));

        let Asked::Forward(body) = aged(&ask("eth_getBlockByNumber", "latest"), 16) else {
            panic!("answered")
        };
        assert!(String::from_utf8_lossy(&body).contains("0x10"));

        let Asked::Forward(body) = aged(&ask("eth_call", "latest"), 16) else {
            panic!("answered")
        };
        assert!(!String::from_utf8_lossy(&body).contains("0x10"));
    }
}
