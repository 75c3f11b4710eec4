//! The doctor at a seat that is well, and at one fault after the other.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use alloy::primitives::U256;
use alloy::providers::Provider as _;
use alloy::providers::ext::AnvilApi as _;
use hearth_oracle::clock::{Clock, WallClock};
use hearth_oracle::config::Config;
use hearth_oracle::doctor::{Grade, examine};
use hearth_oracle::key::{self, Password};

use crate::faulty_rpc::{FaultyRpc, Mood};
use crate::polity::{DAY, Polity, until};

/// A clock that is two minutes fast.
#[derive(Debug)]
struct Fast;

impl Clock for Fast {
    fn unix_seconds(&self) -> u64 {
        WallClock.unix_seconds() + 120
    }
}

/// One fault is found in its group, with these words in it and in how to mend it.
async fn finds(config: &Config, group: &str, grade: Grade, says: &str, mend: &str) {
    let findings = examine(config, &WallClock).await;
    let found = findings
        .iter()
        .any(|f| f.group == group && f.grade == grade && f.says.contains(says) && f.mend.contains(mend));
    assert!(found, "wanted {group}: {says}; mend: {mend}; found {findings:#?}");
}

async fn until_peers_are_heard(polity: &Polity) {
    until("every peer was heard", async || {
        let status = polity.status(0).await;
        status["peers"]
            .as_array()
            .is_some_and(|peers| peers.iter().filter(|p| p["heard"].is_u64()).count() == 3)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_is_found_and_how_to_mend_it_is_said() {
    let mut polity = Polity::found().await;
    polity.sense_a_day().await;
    // Inventories go round each minute of the chain.
    polity.warp_to(DAY + 3_600).await;
    until_peers_are_heard(&polity).await;
    let well = polity.seats[0].config.clone();
    let findings = examine(&well, &WallClock).await;
    for group in ["keys", "rpc", "chain", "seat", "broker", "clock", "disk", "peers"] {
        let of_group: Vec<_> = findings.iter().filter(|f| f.group == group).collect();
        assert!(!of_group.is_empty(), "nothing on {group}");
        assert!(of_group.iter().all(|f| f.grade != Grade::Bad), "{of_group:?}");
    }
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = well.clone();
        change(&mut config);
        config
    };

    let gone = with(&|c| c.keys.report = "/nowhere/report.json".into());
    finds(&gone, "keys", Grade::Bad, "could not be read", "restore the file").await;
    finds(&gone, "chain", Grade::Good, "the docket has 1 streams", "").await;

    let open = well.keys.report.clone();
    let mode = |bits| std::fs::Permissions::from_mode(bits);
    std::fs::set_permissions(&open, mode(0o644)).unwrap();
    finds(&well, "keys", Grade::Bad, "has mode 644", "`chmod 600 ").await;
    std::fs::set_permissions(&open, mode(0o600)).unwrap();

    let dead = with(&|c| c.chain.rpc = "http://127.0.0.1:9".parse().unwrap());
    finds(
        &dead,
        "rpc",
        Grade::Bad,
        "does not answer",
        "is the address right",
    )
    .await;
    finds(&dead, "chain", Grade::Bad, "without an RPC", "mend the RPC").await;
    let hanging = FaultyRpc::before(polity.anvil.endpoint(), Mood::Hangs).await;
    let hanging = with(&|c| c.chain.rpc = hanging.url.parse().unwrap());
    finds(&hanging, "rpc", Grade::Bad, "does not answer", "").await;
    let foreign = with(&|c| c.chain.chain_id = 7);
    finds(
        &foreign,
        "rpc",
        Grade::Bad,
        "serves chain 31337, wanted 7",
        "chain.chain_id",
    )
    .await;

    let astray = with(&|c| c.chain.charter = alloy::primitives::Address::repeat_byte(9));
    finds(
        &astray,
        "chain",
        Grade::Bad,
        "there is no contract",
        "deployments/",
    )
    .await;

    let founded = polity.chain.get_block_number().await.unwrap();
    for late in [founded, founded + 1_000_000] {
        let late = with(&|c| c.chain.from_block = late);
        finds(
            &late,
            "chain",
            Grade::Bad,
            "the charter was there before",
            "fromBlock",
        )
        .await;
    }

    let another = with(&|c| c.seat = hearth_oracle_core::types::SeatId(1));
    finds(
        &another,
        "seat",
        Grade::Bad,
        "knows other keys for seat 1",
        "rotate",
    )
    .await;
    let none = with(&|c| c.seat = hearth_oracle_core::types::SeatId(30));
    finds(&none, "seat", Grade::Bad, "has no seat 30", "seat.number").await;
    let gas = key::open(&well.keys.gas, &Password::read(&well.keys.password).unwrap()).unwrap();
    let gas = gas.address().unwrap();
    polity.chain.anvil_set_balance(gas, U256::ZERO).await.unwrap();
    finds(&well, "seat", Grade::Bad, "for about 0 reports", "send coin to").await;

    let elsewhere = with(&|c| c.state = "/dev/null/state".into());
    finds(
        &elsewhere,
        "disk",
        Grade::Bad,
        "cannot be written",
        "`run` makes it",
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let fresh = with(&|c| c.state = folder.path().join("state"));
    finds(
        &fresh,
        "disk",
        Grade::Poor,
        "is not there yet",
        "hearth-oracle run",
    )
    .await;
    std::fs::write(folder.path().join("journal.db"), [0xff; 8_192]).unwrap();
    let damaged = with(&|c| c.state = folder.path().into());
    finds(
        &damaged,
        "disk",
        Grade::Bad,
        "journal",
        "only when every report being agreed upon is accepted",
    )
    .await;
    finds(
        &damaged,
        "broker",
        Grade::Poor,
        "no daemon works",
        "hearth-oracle run",
    )
    .await;

    polity.stop(3).await;
    finds(
        &well,
        "peers",
        Grade::Poor,
        "seat 3 is not reached",
        "is that seat running",
    )
    .await;
    polity.start(3).await;

    polity.stop(0).await;
    polity.start_by(0, Arc::new(Fast)).await;
    polity.warp_to(DAY + 7_200).await;
    until_peers_are_heard(&polity).await;
    finds(
        &well,
        "clock",
        Grade::Bad,
        // Two minutes, and what a message takes on its way.
        "peers' clocks are -1",
        "set the clock",
    )
    .await;
    assert!(
        !folder.path().join("doctor.probe").exists() && !well.state.join("doctor.probe").exists(),
        "it leaves nothing behind"
    );
}
