//! An RPC that stands before anvil and fails as it is told.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use alloy::primitives::keccak256;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    /// Not at all.
    Well,
    /// Answers 503.
    Unwell,
    /// Never answers.
    Hangs,
    /// Answers with bytes that are no JSON.
    Babbles,
    /// Shows the newest block it had when it fell into this mood.
    Freezes,
    /// Claims a head a thousand blocks and a day ahead.
    Boasts,
    /// Refuses every third transaction, after having passed it on.
    ForgetsEveryThird,
    /// Serves another chain.
    Foreign,
    /// Takes transactions and passes none on.
    Withholds,
    /// Tells the events of seven blocks at once, and of no more.
    Meagre,
}

const MOODS: [Mood; 10] = [
    Mood::Well,
    Mood::Unwell,
    Mood::Hangs,
    Mood::Babbles,
    Mood::Freezes,
    Mood::Boasts,
    Mood::ForgetsEveryThird,
    Mood::Foreign,
    Mood::Withholds,
    Mood::Meagre,
];

/// The proxy; it stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct FaultyRpc {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    mood: AtomicU8,
    sends: AtomicUsize,
    frozen: Mutex<Option<Value>>,
    anvil: String,
    client: reqwest::Client,
}

impl FaultyRpc {
    pub(crate) async fn before(anvil: String, mood: Mood) -> Self {
        let inner = Arc::new(Inner {
            mood: AtomicU8::new(mood as u8),
            sends: AtomicUsize::new(0),
            frozen: Mutex::default(),
            anvil,
            client: reqwest::Client::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().route("/", post(answer)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, inner }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.inner.mood.store(mood as u8, Ordering::Relaxed);
    }
}

async fn answer(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    let mood = MOODS[usize::from(inner.mood.load(Ordering::Relaxed))];
    match mood {
        Mood::Unwell => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Hangs => std::future::pending::<()>().await,
        Mood::Babbles => return "<html>rate limited</html>".into_response(),
        _ => {}
    }
    let request: Value = serde_json::from_slice(&body).unwrap();
    let method = request["method"].as_str().unwrap_or_default().to_owned();
    if mood == Mood::Withholds && method == "eth_sendRawTransaction" {
        let raw = alloy::hex::decode(request["params"][0].as_str().unwrap()).unwrap();
        let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "result": keccak256(raw) });
        return axum::Json(reply).into_response();
    }
    if mood == Mood::Meagre && method == "eth_getLogs" {
        let block = |name: &str| {
            let text = request["params"][0][name].as_str().unwrap();
            u64::from_str_radix(&text[2..], 16).unwrap()
        };
        if block("toBlock") >= block("fromBlock") + 7 {
            let error = json!({ "code": -32_000, "message": "block range too wide" });
            let reply = json!({ "jsonrpc": "2.0", "id": request["id"], "error": error });
            return axum::Json(reply).into_response();
        }
    }
    let sent = inner.client.post(&inner.anvil).json(&request).send().await;
    let Ok(sent) = sent else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let Ok(mut reply) = sent.json::<Value>().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let latest = method == "eth_getBlockByNumber" && request["params"][0] == "latest";
    match mood {
        Mood::Foreign if method == "eth_chainId" => reply["result"] = json!("0x1"),
        Mood::Freezes if latest => {
            let mut frozen = inner.frozen.lock().unwrap();
            reply["result"] = frozen.get_or_insert_with(|| reply["result"].clone()).clone();
        }
        Mood::Boasts if latest => {
            for (field, ahead) in [("number", 1_000), ("timestamp", 86_400)] {
                let text = reply["result"][field].as_str().unwrap();
                let number = u64::from_str_radix(&text[2..], 16).unwrap() + ahead;
                reply["result"][field] = json!(format!("{number:#x}"));
            }
        }
        Mood::ForgetsEveryThird
            if method == "eth_sendRawTransaction"
                && inner.sends.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) =>
        {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        _ => {}
    }
    axum::Json(reply).into_response()
}
