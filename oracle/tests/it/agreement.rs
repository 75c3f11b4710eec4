//! Four seats agree on a day, and bring it to its settlement.

use crate::polity::{DAY, Polity, until};

const END: u64 = DAY + 86_400;

/// The docket's states.
const FINAL: u8 = 2;
const SETTLED: u8 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_seats_settle_a_day() {
    let polity = Polity::found().await;
    polity.sense_a_day().await;
    polity.warp_to(END).await;
    until("the report is accepted", async || polity.state().await != 0).await;
    polity.warp_to(END + 86_400 + 3_600).await;
    until("it is settled", async || polity.state().await == SETTLED).await;
    assert_ne!(polity.state().await, FINAL);
}
