//! Four seats agree on a day and bring it to its settlement: all well, restarted, silent, late.

use alloy::primitives::keccak256;
use hearth::list::{self, ListError, Question};
use hearth_oracle::clock::{Clock as _, WallClock};
use hearth_oracle_core::itemised;
use hearth_oracle_core::types::{MemberId, StreamId};

use crate::polity::{END, Polity, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r7_four_seats_settle_a_day() {
    let polity = Polity::found().await;
    polity.sense_a_day().await;
    polity.until_accepted().await;
    polity.until_settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_a_list_is_opened_to_its_member_alone_and_proves_itself() {
    let polity = Polity::found().await;
    polity.sense_a_day().await;
    polity.until_accepted().await;
    let mut opened = serde_json::Value::Null;
    until("a seat opens the first founder's list", async || {
        let (status, body) = polity.list(0, 1, 1).await;
        opened = body;
        status == 200
    })
    .await;
    assert!(
        opened["list"]
            .as_str()
            .unwrap()
            .contains("\"deed\":\"taken\",\"pieces\":2"),
        "{opened}"
    );
    let opened: itemised::Opened = serde_json::from_value(opened).unwrap();
    let leaf = itemised::leaf(opened.member, opened.salt, &opened.list);
    let root = opened.proof.iter().fold(leaf, |node, sibling| {
        let (low, high) = if node < *sibling {
            (node, *sibling)
        } else {
            (*sibling, node)
        };
        keccak256([low, high].concat())
    });
    assert_eq!(root[..], polity.payload().await[..32]);

    // The clerk asks the same, and takes it only under the report it was accepted with.
    let question = |member| Question {
        network: polity.network,
        stream: StreamId(1),
        epoch: Polity::epoch(),
        member: MemberId(member),
    };
    let payload = polity.payload().await;
    let seat = polity.endpoint(0);
    let ask = async |founder, member, payload: &[u8]| {
        let now = WallClock.unix_seconds();
        list::ask(&seat, &question(member), &polity.key(founder), now, payload).await
    };
    let items = ask(1, 1, &payload).await.unwrap();
    assert_eq!(itemised::canonical(&items), opened.list);
    let mut other = payload.to_vec();
    other[0] ^= 1;
    assert!(matches!(
        ask(1, 1, &other).await,
        Err(ListError::NotProven { .. })
    ));
    let refused = ask(2, 1, &payload).await.unwrap_err().to_string();
    assert!(
        refused.ends_with("a list is opened only to its member's current key"),
        "{refused}"
    );

    assert_eq!(polity.list(0, 1, 2).await.0, 401, "another founder's key");
    assert_eq!(polity.list(0, 2, 2).await.0, 404, "who took nothing has no list");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_restart_within_the_day_and_nothing_is_lost() {
    let mut polity = Polity::found().await;
    polity.sense_a_day().await;
    for number in 0..4 {
        polity.stop(number).await;
        polity.start(number).await;
    }
    polity.until_accepted().await;
    for number in 0..4 {
        polity.stop(number).await;
        polity.start(number).await;
    }
    polity.until_settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_silent_seat_only_costs_its_turn() {
    let mut polity = Polity::found().await;
    polity.sense_a_day().await;
    let first = polity.seat_of_turn(0);
    polity.stop(first).await;
    polity.until_accepted().await;
    polity.until_settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_that_heard_no_device_still_signs_what_its_peers_heard() {
    let mut polity = Polity::found().await;
    let (late, silent) = (polity.seat_of_turn(1), polity.seat_of_turn(2));
    polity.stop(late).await;
    polity.sense_a_day().await;
    // With one seat gone, the quorum of three needs the one that heard nothing.
    polity.start(late).await;
    polity.stop(silent).await;
    polity.until_accepted().await;
    until("the late seat sees it, with the verdict OK", async || {
        polity.status(late).await["streams"][0]["accepted"][0]["verdict"] == "ok"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_on_one_folder_is_refused() {
    let polity = Polity::found().await;
    let again = hearth_oracle::run::start(
        polity.seats[0].config.clone(),
        std::sync::Arc::new(hearth_oracle::clock::WallClock),
    );
    let refused = again.await.unwrap_err();
    assert!(
        matches!(refused, hearth_oracle::run::RunError::Locked { .. }),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r22_a_seat_rotates_its_report_key_and_the_quorum_rests_on_it() {
    let mut polity = Polity::found().await;
    let (rotated, silent) = (polity.seat_of_turn(1), polity.seat_of_turn(2));
    polity.sense_a_day().await;
    // With one seat gone the quorum of three needs the new key.
    polity.stop(silent).await;
    // A key rests for a day before it may be changed.
    polity.warp_to(END - 120).await;
    let file = polity.seats[rotated]
        .config
        .state
        .with_file_name("hearth-oracle.toml");
    let fresh = hearth_oracle::init::rotate(&file).unwrap();
    polity.rotate(rotated, fresh.card.report_key).await;
    until(
        "the seat sees that its key is not the committee's any more",
        async || polity.status(rotated).await["ready"] == false,
    )
    .await;

    polity.stop(rotated).await;
    polity.seats[rotated].config.keys.report = fresh.key;
    polity.start(rotated).await;
    polity.until_accepted().await;
    assert_eq!(polity.signers().await & (1 << rotated), 1 << rotated);
}

/// The names operators build on; `docs/operating.md` says what to watch of them.
const FIGURES: [&str; 25] = [
    "hearth_build_info",
    "hearth_commit_rows",
    "hearth_commit_seconds",
    "hearth_device_last_seen_seconds",
    "hearth_device_seq_gaps_total",
    "hearth_epoch_contributors",
    "hearth_epoch_duration_seconds",
    "hearth_epoch_outliers_total",
    "hearth_ingest_ack_seconds",
    "hearth_nonce_finalized",
    "hearth_nonce_mismatch",
    "hearth_nonce_next",
    "hearth_peer_config_mismatch",
    "hearth_peer_last_heartbeat_seconds",
    "hearth_peer_messages_total",
    "hearth_readings_total",
    "hearth_report_age_seconds",
    "hearth_rpc_head_age_seconds",
    "hearth_rpc_head_block",
    "hearth_rpc_requests_total",
    "hearth_signatures_total",
    "hearth_signer_seconds",
    "hearth_tx_oldest_pending_seconds",
    "hearth_tx_total",
    "hearth_wallet_balance_wei",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_at_work_shows_every_figure_by_its_name() {
    let polity = Polity::found().await;
    polity.sense_a_day().await;
    polity.until_accepted().await;
    let mut missing = Vec::new();
    until("every figure is shown", async || {
        let shown = polity.metrics(polity.seat_of_turn(0)).await;
        let has = |name: &&str| {
            shown.lines().any(|line| {
                line.strip_prefix(*name)
                    .is_some_and(|rest| rest.starts_with(['{', ' ', '_']))
            })
        };
        missing = FIGURES.into_iter().filter(|name| !has(name)).collect();
        missing.is_empty()
    })
    .await;
    assert_eq!(missing, [""; 0]);
    let shown = polity.metrics(0).await;
    let signed: f64 = shown
        .lines()
        .find_map(|line| line.strip_prefix("hearth_epoch_contributors{stream=\"1\"} "))
        .unwrap()
        .parse()
        .unwrap();
    assert!((3.0..=4.0).contains(&signed), "{signed} seats signed");
}
