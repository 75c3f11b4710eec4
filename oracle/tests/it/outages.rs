//! What an RPC does to a seat: err, hang, babble, stand still, boast; and a chain that is reorganised or dear.

use std::sync::Arc;

use alloy::providers::ext::AnvilApi as _;
use alloy::rpc::types::anvil::ReorgOptions;
use hearth_oracle::clock::WallClock;
use tokio_util::sync::CancellationToken;

use crate::binary;
use crate::faulty_rpc::{FaultyRpc, Mood};
use crate::polity::{END, Polity, anvil, until};

/// Every seat's first RPC is in this mood, the second is well.
async fn with_first_rpc(mood: Mood) -> Polity {
    Polity::found_through(mood, |proxy, config| {
        config.chain.second_rpc = Some(config.chain.rpc.clone());
        config.chain.rpc = proxy.parse().unwrap();
    })
    .await
}

async fn settles(polity: &Polity) {
    polity.sense_a_day().await;
    polity.until_accepted().await;
    polity.until_settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_rpc_errs() {
    settles(&with_first_rpc(Mood::Unwell).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_rpc_babbles() {
    settles(&with_first_rpc(Mood::Babbles).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_rpc_hangs() {
    settles(&with_first_rpc(Mood::Hangs).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_rpc_boasts_of_a_head_nobody_else_sees() {
    settles(&with_first_rpc(Mood::Boasts).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_rpc_tells_of_few_blocks_at_once() {
    settles(&with_first_rpc(Mood::Meagre).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_rpc_stands_still() {
    settles(&with_first_rpc(Mood::Freezes).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_starts_without_any_rpc_and_works_once_one_answers() {
    let mut polity = Polity::found_through(Mood::Well, |proxy, config| {
        config.chain.rpc = proxy.parse().unwrap();
    })
    .await;
    // One that serves another chain is none.
    let foreign = FaultyRpc::before(polity.anvil.endpoint(), Mood::Foreign).await;
    for (mood, second) in [
        (Mood::Unwell, None),
        (Mood::Hangs, None),
        (Mood::Hangs, Some(&foreign)),
    ] {
        polity.stop(0).await;
        polity.proxies[0].set(mood);
        let mut config = polity.seats[0].config.clone();
        config.chain.second_rpc = second.map(|proxy| proxy.url.parse().unwrap());
        let running = hearth_oracle::run::start(config, Arc::new(WallClock))
            .await
            .unwrap();
        let operator = running.addresses.operator;
        let stop = CancellationToken::new();
        let task = tokio::spawn(running.until(stop.clone()));
        let status = async |page: &str| {
            let answer = reqwest::get(format!("http://{operator}/{page}")).await.unwrap();
            answer.status().as_u16()
        };
        assert_eq!(
            (status("livez").await, status("readyz").await),
            (200, 503),
            "{mood:?}"
        );
        polity.proxies[0].set(Mood::Well);
        until("it is ready", async || status("readyz").await == 200).await;
        stop.cancel();
        task.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_rpc_serves_another_chain() {
    settles(&with_first_rpc(Mood::Foreign).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_whose_only_chain_is_another_one_ends_before_it_makes_anything() {
    let folder = tempfile::tempdir().unwrap();
    let anvil = anvil();
    let file = binary::seat(folder.path(), &anvil.endpoint());
    let written = std::fs::read_to_string(&file).unwrap();
    let second = format!("chain_id = 31338\nsecond_rpc = \"{}\"", anvil.endpoint());
    std::fs::write(&file, written.replace("chain_id = 31337", &second)).unwrap();

    let (code, told) = binary::run(&file).await;

    assert_eq!(code, Some(64), "{told}");
    let wanted = format!(
        "{} serves chain 31337, and no RPC in the configuration serves chain 31338",
        anvil.endpoint()
    );
    assert!(told.contains(&wanted), "{told}");
    assert!(!file.with_file_name("state").exists(), "something was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_third_send_seems_to_fail() {
    let polity = Polity::found_through(Mood::ForgetsEveryThird, |proxy, config| {
        config.chain.rpc = proxy.parse().unwrap();
    })
    .await;
    settles(&polity).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_only_rpc_delays_and_loses_nothing() {
    let polity = Polity::found_through(Mood::Well, |proxy, config| {
        config.chain.rpc = proxy.parse().unwrap();
    })
    .await;
    for proxy in &polity.proxies {
        proxy.set(Mood::Unwell);
    }
    // What devices say is still kept, by the last sight of the chain.
    polity.sense_a_day().await;
    for proxy in &polity.proxies {
        proxy.set(Mood::Well);
    }
    polity.until_accepted().await;
    polity.until_settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_taken_back_by_a_reorganisation_is_brought_again() {
    let polity = Polity::found_patient().await;
    polity.sense_a_day().await;
    polity.chain.anvil_set_interval_mining(3_600).await.unwrap();
    polity.warp_to(END).await;
    until("the report is in the newest block", async || {
        polity.chain.evm_mine(None).await.unwrap();
        polity.state().await != 0
    })
    .await;
    polity
        .chain
        .anvil_reorg(ReorgOptions {
            depth: 1,
            tx_block_pairs: vec![],
        })
        .await
        .unwrap();
    assert_eq!(polity.state().await, 0, "its block is taken back");
    polity.chain.anvil_set_interval_mining(1).await.unwrap();
    until("the report is in another block", async || {
        polity.state().await != 0
    })
    .await;
    polity.until_settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_nobody_takes_is_made_dearer_on_its_nonce() {
    let polity = Polity::found_through(Mood::Withholds, |proxy, config| {
        config.chain.rpc = proxy.parse().unwrap();
    })
    .await;
    polity.sense_a_day().await;
    polity.warp_to(END).await;
    until("a transaction is made dearer", async || {
        polity
            .seats
            .iter()
            .any(|seat| forms_of_first_nonce(&seat.config.state) > 1)
    })
    .await;
    assert_eq!(polity.state().await, 0, "nobody took it");
    for proxy in &polity.proxies {
        proxy.set(Mood::Well);
    }
    until("the report is accepted", async || polity.state().await != 0).await;
}

/// In how many forms a seat has sent its first nonce.
fn forms_of_first_nonce(state: &std::path::Path) -> i64 {
    let ledger = rusqlite::Connection::open(state.join("nonces.db")).unwrap();
    ledger
        .query_row("SELECT count(*) FROM sent WHERE nonce = 0", [], |row| row.get(0))
        .unwrap()
}
