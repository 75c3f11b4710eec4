//! A member's own itemised list, opened to that member alone (R20).
//!
//! *In*: `GET /v1/list?stream=&epoch=&member=&until=&signature=`, signed by the member's current key. *Out*: the list
//! with its salt and the proof up to the root in the report's payload, so that the member can check it and contest their
//! line with it (R7.10). *Refuses*: any other key, a signature that is over, or good for longer than five minutes.

use std::sync::{Arc, Mutex, PoisonError};

use alloy::primitives::{Address, Signature};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hearth_bindings::Roster;
use hearth_oracle_core::itemised;
use hearth_oracle_core::types::{Epoch, MemberId, StreamId};
use serde::Deserialize;

use super::http::{Desk, told};
use crate::chain::rpc::Rpcs;
use crate::journal::Shelf;

/// Seconds for which a signature may be good.
const GOOD_FOR: u64 = 300;

/// What lists are read from.
pub(crate) struct Lists {
    pub(crate) shelf: Mutex<Box<dyn Shelf>>,
    pub(crate) rpcs: Rpcs,
}

/// Which list is asked for, by whom.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    stream: u16,
    epoch: u32,
    member: u16,
    until: u64,
    signature: String,
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Ok(Query(asked)) = asked else {
        let reason = "name stream, epoch, member and until as numbers, and signature, each of them once";
        return told(StatusCode::BAD_REQUEST, "bad_query", reason.into());
    };
    match open(&desk, &asked).await {
        Ok(opened) => Json(opened).into_response(),
        Err((status, name, reason)) => told(status, name, reason.into()),
    }
}

type Refused = (StatusCode, &'static str, &'static str);

async fn open(desk: &Arc<Desk>, asked: &Asked) -> Result<itemised::Opened, Refused> {
    let missing = (
        StatusCode::NOT_FOUND,
        "no_list",
        "this seat has no list of yours for that epoch; ask another seat",
    );
    let unable = (
        StatusCode::SERVICE_UNAVAILABLE,
        "unable",
        "this seat cannot look now; try again, or another seat",
    );
    let forbidden = (
        StatusCode::UNAUTHORIZED,
        "bad_signature",
        "a list is opened only to its member's current key",
    );
    let lists = desk.lists.as_ref().ok_or(unable)?;
    let sight = desk.doors.sight().ok_or(unable)?;
    let now = desk.doors.clock.unix_seconds();
    if asked.until < now || asked.until > now + GOOD_FOR {
        return Err((
            StatusCode::UNAUTHORIZED,
            "stale",
            "`until` must lie within the next five minutes",
        ));
    }
    let (stream, epoch, member) = (StreamId(asked.stream), Epoch(asked.epoch), MemberId(asked.member));
    let text = itemised::request(sight.view.network, stream, epoch, member, asked.until);
    let signature: Signature = asked.signature.parse().map_err(|_| forbidden)?;
    let signer = signature.recover_address_from_msg(text).map_err(|_| forbidden)?;
    let source = lists
        .rpcs
        .in_order()
        .first()
        .map(|source| source.provider().clone())
        .ok_or(unable)?;
    let key: Address = Roster::new(sight.places.roster, source)
        .keyOf(asked.member)
        .call()
        .await
        .map_err(|_| unable)?;
    if signer != key || key.is_zero() {
        return Err(forbidden);
    }
    // The report's own digest says which of several closings the chain has accepted.
    let digest = sight
        .landed
        .get(&(stream, epoch))
        .map(|landed| landed.accepted.digest);
    let desk = desk.clone();
    let closed = tokio::task::spawn_blocking(move || {
        let lists = desk.lists.as_ref()?;
        lists
            .shelf
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed(stream, epoch, digest)
            .ok()?
    });
    let closed = closed.await.map_err(|_| unable)?.ok_or(missing)?;
    let seed = closed.seed.ok_or(missing)?;
    itemised::open(seed, &closed.itemised, member).ok_or(missing)
}
