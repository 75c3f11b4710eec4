//! Four seats agree on a day and bring it to its settlement: all well, restarted, silent, late.

use alloy::primitives::keccak256;
use hearth_oracle_core::itemised;

use crate::polity::{DAY, Polity, until};

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

    assert_eq!(polity.list(0, 1, 2).await.0, 401, "another founder's key");
    assert_eq!(polity.list(0, 2, 2).await.0, 404, "who took nothing has no list");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_all_restart_within_the_day_and_nothing_is_lost() {
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
async fn o10_one_silent_seat_only_costs_its_turn() {
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
async fn m6_a_second_daemon_on_one_folder_is_refused() {
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
async fn the_doctor_finds_a_running_seat_well_and_says_how_to_mend_a_dead_one() {
    use hearth_oracle::clock::WallClock;
    use hearth_oracle::doctor::{Grade, examine};

    let mut polity = Polity::found().await;
    polity.sense_a_day().await;
    // Inventories go round each minute of the chain.
    polity.warp_to(DAY + 3_600).await;
    until("every peer was heard", async || {
        let status = polity.status(0).await;
        status["peers"]
            .as_array()
            .is_some_and(|peers| peers.iter().filter(|p| p["heard"].is_u64()).count() == 3)
    })
    .await;
    let begun = std::time::Instant::now();
    let findings = examine(&polity.seats[0].config, &WallClock).await;
    assert!(begun.elapsed().as_secs() < 10);
    for group in ["keys", "rpc", "chain", "seat", "broker", "clock", "disk", "peers"] {
        let of_group: Vec<_> = findings.iter().filter(|f| f.group == group).collect();
        assert!(!of_group.is_empty(), "nothing on {group}");
        assert!(of_group.iter().all(|f| f.grade != Grade::Bad), "{of_group:?}");
    }

    polity.stop(0).await;
    let mut broken = polity.seats[0].config.clone();
    broken.chain.rpc = "http://127.0.0.1:9".parse().unwrap();
    broken.keys.report = "/nowhere/report.json".into();
    let findings = examine(&broken, &WallClock).await;
    for group in ["keys", "rpc", "chain"] {
        assert!(
            findings
                .iter()
                .any(|f| f.group == group && f.grade == Grade::Bad && !f.mend.is_empty()),
            "{group}"
        );
    }
    assert!(
        findings
            .iter()
            .any(|f| f.group == "broker" && f.grade == Grade::Poor)
    );
}
