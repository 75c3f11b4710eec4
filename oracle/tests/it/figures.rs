//! What the operator watches and reads, at the real binary: figures and log are the process's own there.

use std::process::Stdio;

use alloy::providers::Provider as _;
use alloy::providers::ext::AnvilApi as _;

use crate::binary;
use crate::polity::{DAY, Polity, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_warns_of_silence_is_there_from_the_first_sight_of_the_chain() {
    let mut polity = Polity::found().await;
    for seat in 0..4 {
        polity.stop(seat).await;
    }
    // One block, at which nothing happens by its number, and nobody to be heard.
    polity.chain.anvil_set_interval_mining(3_600).await.unwrap();
    if polity.chain.get_block_number().await.unwrap().is_multiple_of(32) {
        polity.chain.evm_mine(None).await.unwrap();
    }
    let config = &polity.seats[0].config;
    let file = config.state.with_file_name("hearth-oracle.toml");
    let mut written = std::fs::read_to_string(&file).unwrap();
    let silent = "second_rpc = \"http://127.0.0.1:9\"\n\n[seat]";
    written = written.replacen("[seat]", silent, 1);
    std::fs::write(&file, written).unwrap();

    let _seat = binary::start(&file, Stdio::null());

    let wanted = [
        "hearth_wallet_balance_wei 1000000000000000000",
        "hearth_peer_last_heartbeat_seconds{peer=\"1\"} 1",
        "hearth_peer_last_heartbeat_seconds{peer=\"2\"} 1",
        "hearth_peer_last_heartbeat_seconds{peer=\"3\"} 1",
        "hearth_report_age_seconds{stream=\"1\"} ",
        "hearth_rpc_head_age_seconds{rpc=\"http://127.0.0.1:9\"} ",
    ];
    until("every figure that warns of silence is there", async || {
        if hearth_oracle::doctor::addresses(config).is_none() {
            return false;
        }
        let shown = polity.metrics(0).await;
        wanted
            .iter()
            .all(|wanted| shown.lines().any(|line| line.starts_with(wanted)))
    })
    .await;
}

/// What a seat that leads, sends and signs says of a report on its way, in this order.
const LIFE: [&str; 10] = [
    "estimated",
    "closed",
    "guarded",
    "signed",
    "proposed",
    "sealed",
    "sent",
    "accepted",
    "final",
    "settled",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_epochs_life_is_told_from_its_estimate_to_its_settlement_by_stream_and_epoch() {
    let mut polity = Polity::found_patient().await;
    let seat = polity.seat_of_turn(0);
    polity.stop(seat).await;
    let state = polity.seats[seat].config.state.clone();
    let file = state.with_file_name("hearth-oracle.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, written + "format = \"json\"\n").unwrap();
    let log = state.with_file_name("log");
    let _seat = binary::start(&file, std::fs::File::create(&log).unwrap().into());
    polity.until_ready(seat).await;

    polity.sense_a_day_to(seat).await;
    polity.sense_a_day().await;
    let told = || -> Vec<serde_json::Value> {
        let log = std::fs::read_to_string(&log).unwrap();
        log.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    };
    let of_epoch = |line: &&serde_json::Value| {
        line["level"] == "INFO" && line["stream"] == 1 && line["epoch"] == DAY / 86_400
    };
    let says = |word: &str| told().iter().filter(of_epoch).any(|line| line["message"] == word);
    polity.until_accepted().await;
    until("the transaction is final", async || says("final")).await;
    polity.until_settled().await;
    until("the seat sees the settlement", async || says("settled")).await;

    let told = told();
    let life: Vec<&str> = told
        .iter()
        .filter(of_epoch)
        .filter_map(|line| line["message"].as_str())
        .collect();
    let mut rest = life.iter();
    for stage in LIFE {
        assert!(
            rest.any(|word| word == &stage),
            "{stage} is not told in its place: {life:?}"
        );
    }
    // Nothing that tells of a report is told without the two, or with others than its own.
    let accepted = told
        .iter()
        .filter(of_epoch)
        .find(|line| line["message"] == "accepted")
        .unwrap();
    for line in &told {
        if line["digest"] == accepted["digest"] {
            let (stream, epoch) = (&line["stream"], &line["epoch"]);
            assert!(
                stream == &accepted["stream"] && epoch == &accepted["epoch"],
                "{line}"
            );
        }
        if line["target"] == "hearth::submit" && line["errand"].is_string() {
            assert_eq!(line["subcontract"], 1, "{line}");
            assert_eq!(line["digest"], accepted["digest"], "{line}");
        }
        if ["digest", "attempt", "errand"]
            .iter()
            .any(|field| line.get(field).is_some())
        {
            assert!(line["stream"].is_u64() && line["epoch"].is_u64(), "{line}");
        }
    }
}
