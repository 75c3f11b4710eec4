//! What the operator watches, at the real binary: figures are the process's own there.

use alloy::providers::Provider as _;
use alloy::providers::ext::AnvilApi as _;

use crate::binary;
use crate::polity::{Polity, until};

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
    std::fs::remove_file(config.state.join("addresses.json")).unwrap();

    let _seat = binary::start(&file);

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
