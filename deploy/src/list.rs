//! A member's own itemised list of one epoch, asked of a seat and held against the accepted report (R7.10, R20).
//!
//! *In*: a [`Question`], the member's key, a seat's endpoint. *Out*: the items that the report on chain commits to.
//! *Refuses*: a list that the report does not commit to. *Never*: sends anything but the one signed question, follows a
//! seat to another place, or shows words of a seat that a terminal would take for more than words.

use std::time::Duration;

use alloy::primitives::Address;
use alloy::providers::DynProvider;
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use hearth_bindings::Committee;
use hearth_oracle_core::estimators::Item;
use hearth_oracle_core::itemised::{self, Opened};
use hearth_oracle_core::types::{Epoch, MemberId, Network, StreamId};
use reqwest::Url;
use thiserror::Error;

use crate::chain::{self, ChainError, asked};
use crate::found::Deployment;
use crate::plain;

/// For how long a question is good, seconds; seats take five minutes at most.
const GOOD_FOR: u64 = 240;
/// A seat answers within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer, at most.
const LARGEST: usize = 1 << 20;
/// Characters of a seat's words that are told, at most; an endpoint on chain has no more.
const LONGEST: usize = 200;

/// Whose list of what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The polity's name.
    pub network: Network,
    /// The stream.
    pub stream: StreamId,
    /// The epoch.
    pub epoch: Epoch,
    /// The member who asks.
    pub member: MemberId,
}

/// Why a seat gave no list.
#[derive(Debug, Error)]
pub enum ListError {
    /// The endpoint is malformed.
    #[error(
        "{given:?} is no seat's endpoint, wanted one such as http://192.0.2.7:7000; `hearth status` lists them"
    )]
    Endpoint {
        /// What was given.
        given: String,
    },
    /// The seat did not answer.
    #[error("the seat at {endpoint} could not be reached; ask another by --seat, or later")]
    Unreachable {
        /// Which.
        endpoint: String,
        /// What the client said, without the question.
        #[source]
        source: reqwest::Error,
    },
    /// The seat refused.
    #[error("the seat at {endpoint} refused: {reason}")]
    Refused {
        /// Which.
        endpoint: String,
        /// Its words.
        reason: String,
    },
    /// The seat gave something else.
    #[error("the seat at {endpoint} gave what is no list; ask another by --seat")]
    Form {
        /// Which.
        endpoint: String,
    },
    /// The seat gave another list.
    #[error(
        "the seat at {endpoint} gave a list that the report on chain does not commit to; ask another by --seat, and tell the others"
    )]
    NotProven {
        /// Which.
        endpoint: String,
    },
    /// The key could not sign.
    #[error("the question could not be signed")]
    Key(#[source] alloy::signers::Error),
}

/// The endpoint of every seat that has one, by the seat's number, as the chain has them.
///
/// # Errors
/// Where the chain cannot be asked.
pub async fn endpoints(chain: &DynProvider, place: &Deployment) -> Result<Vec<String>, ChainError> {
    let committee = Committee::new(place.committee, chain);
    let count = committee.seatCount().call().await;
    let mut endpoints = Vec::new();
    for seat in 0..count.map_err(asked("counting seats"))? {
        let read = committee.seat(seat).call().await;
        let read = read.map_err(asked("reading a seat"))?;
        if read.reportKey != Address::ZERO {
            endpoints.push(read.endpoint);
        }
    }
    Ok(endpoints)
}

/// Asks one seat at `now` (unix seconds), and gives the items that this payload of the accepted report commits to.
///
/// # Errors
/// See [`ListError`].
pub async fn ask(
    endpoint: &str,
    question: &Question,
    key: &PrivateKeySigner,
    now: u64,
    payload: &[u8],
) -> Result<Vec<Item>, ListError> {
    let url = address(endpoint, question, key, now + GOOD_FOR)?;
    let endpoint = || shown(endpoint);
    // The client's errors name the address, and with it the signed question.
    let unreachable = |source: reqwest::Error| ListError::Unreachable {
        endpoint: endpoint(),
        source: source.without_url(),
    };
    chain::cryptography();
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(unreachable)?;
    let mut answer = client.get(url).send().await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(ListError::Form { endpoint: endpoint() });
        }
    }
    if !answer.status().is_success() {
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let reason = said["reason"].as_str().unwrap_or("it says no reason");
        return Err(ListError::Refused {
            endpoint: endpoint(),
            reason: shown(reason),
        });
    }
    let form = |_| ListError::Form { endpoint: endpoint() };
    let opened: Opened = serde_json::from_slice(&body).map_err(form)?;
    if opened.member != question.member || !opened.is_under(payload) {
        return Err(ListError::NotProven { endpoint: endpoint() });
    }
    serde_json::from_str(&opened.list).map_err(form)
}

/// Where the question is asked, with the question in it.
fn address(
    endpoint: &str,
    question: &Question,
    key: &PrivateKeySigner,
    until: u64,
) -> Result<Url, ListError> {
    let Question {
        network,
        stream,
        epoch,
        member,
    } = *question;
    let text = itemised::request(network, stream, epoch, member, until);
    let signature = key.sign_message_sync(text.as_bytes()).map_err(ListError::Key)?;
    let malformed = || ListError::Endpoint {
        given: shown(endpoint),
    };
    let at = format!("{}/v1/list", endpoint.trim_end_matches('/'));
    let mut url: Url = at.parse().map_err(|_| malformed())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(malformed());
    }
    url.query_pairs_mut()
        .append_pair("stream", &stream.to_string())
        .append_pair("epoch", &epoch.to_string())
        .append_pair("member", &member.to_string())
        .append_pair("until", &until.to_string())
        .append_pair("signature", &signature.to_string());
    Ok(url)
}

/// Words from elsewhere, as words only.
fn shown(text: &str) -> String {
    plain::line(&text.chars().take(LONGEST).collect::<String>())
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn question() -> Question {
        Question {
            network: Network::of(1, Address::ZERO),
            stream: StreamId(1),
            epoch: Epoch(7),
            member: MemberId(3),
        }
    }

    #[tokio::test]
    async fn what_is_no_endpoint_is_asked_nothing() {
        let key = PrivateKeySigner::random();
        for given in ["", "nowhere", "file:///etc/passwd", "\u{1b}[2J"] {
            let refused = ask(given, &question(), &key, 0, &[0; 32]).await.unwrap_err();
            assert!(matches!(refused, ListError::Endpoint { .. }), "{refused}");
            assert!(!refused.to_string().contains('\u{1b}'));
        }
    }

    /// What comes of a seat that answers so, whatever it is asked.
    async fn answered(answer: Vec<u8>) -> ListError {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", door.local_addr().unwrap());
        let seat = async {
            let (mut caller, _) = door.accept().await.unwrap();
            let mut question = [0; 4_096];
            let _ = caller.read(&mut question).await.unwrap();
            // A caller who has heard enough hangs up.
            let _ = caller.write_all(&answer).await;
        };
        let key = PrivateKeySigner::random();
        let question = question();
        let (said, ()) = tokio::join!(ask(&endpoint, &question, &key, 0, &[0; 40]), seat);
        let refused = said.unwrap_err();
        assert!(!format!("{refused:?}").contains("signature="), "{refused:?}");
        refused
    }

    #[tokio::test]
    async fn a_seats_bad_answer_is_no_list() {
        let http = |head: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
        };
        for body in ["", "{}", "[]", "\u{fffd}", &" ".repeat(LARGEST + 1)] {
            let refused = answered(http("200 OK", body)).await;
            assert!(matches!(refused, ListError::Form { .. }), "{refused:?}");
        }
        let other = Opened {
            member: MemberId(4),
            list: "[]".into(),
            salt: B256::ZERO,
            proof: Vec::new(),
        };
        for member in [3, 4] {
            let member = MemberId(member);
            let opened = Opened {
                member,
                ..other.clone()
            };
            let body = serde_json::to_string(&opened).unwrap();
            let refused = answered(http("200 OK", &body)).await;
            assert!(matches!(refused, ListError::NotProven { .. }), "{refused:?}");
        }
        let elsewhere = answered(http("302 Found\r\nlocation: http://127.0.0.1:1/", "")).await;
        assert!(matches!(elsewhere, ListError::Refused { .. }), "{elsewhere:?}");
        let loud = format!("{{\"reason\": \"\\u001b[2J{}\"}}", "no ".repeat(1_000));
        let refused = answered(http("404 Not Found", &loud)).await.to_string();
        assert!(!refused.contains('\u{1b}') && refused.len() < 300, "{refused:?}");
        let short = answered(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()).await;
        assert!(matches!(short, ListError::Unreachable { .. }), "{short:?}");
    }

    #[test]
    fn r20_the_question_is_all_that_leaves() {
        let key = PrivateKeySigner::random();
        let url = address("http://192.0.2.7:7000/", &question(), &key, 240).unwrap();
        let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names, ["stream", "epoch", "member", "until", "signature"]);
        assert_eq!(url.path(), "/v1/list");
    }
}
