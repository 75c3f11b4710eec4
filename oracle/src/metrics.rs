//! What the operator can watch: names, labels and units of every figure under `/metrics`.
//!
//! *Never*: a label an outsider can choose freely; devices are counted only once their key is known.

use std::sync::OnceLock;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

pub(crate) const READINGS: &str = "hearth_readings_total";
pub(crate) const ACK_SECONDS: &str = "hearth_ingest_ack_seconds";
pub(crate) const COMMIT_SECONDS: &str = "hearth_commit_seconds";
pub(crate) const COMMIT_ROWS: &str = "hearth_commit_rows";
pub(crate) const LAST_SEEN: &str = "hearth_device_last_seen_seconds";
pub(crate) const SEQ_GAPS: &str = "hearth_device_seq_gaps_total";
pub(crate) const COUNTER_REUSED: &str = "hearth_device_counter_reused_total";
pub(crate) const PEER_MESSAGES: &str = "hearth_peer_messages_total";
pub(crate) const PEER_LAST_HEARD: &str = "hearth_peer_last_heartbeat_seconds";
pub(crate) const PEER_MISMATCH: &str = "hearth_peer_config_mismatch";
pub(crate) const OBJECTIONS: &str = "hearth_objections_total";
pub(crate) const SIGNER_SECONDS: &str = "hearth_signer_seconds";
pub(crate) const SIGNATURES: &str = "hearth_signatures_total";
pub(crate) const EPOCH_SECONDS: &str = "hearth_epoch_duration_seconds";
pub(crate) const CONTRIBUTORS: &str = "hearth_epoch_contributors";
pub(crate) const OUTLIERS: &str = "hearth_epoch_outliers_total";
pub(crate) const REPORT_AGE: &str = "hearth_report_age_seconds";
pub(crate) const BALANCE: &str = "hearth_wallet_balance_wei";
pub(crate) const TX: &str = "hearth_tx_total";
pub(crate) const TX_OLDEST: &str = "hearth_tx_oldest_pending_seconds";
pub(crate) const NONCE_FINALIZED: &str = "hearth_nonce_finalized";
pub(crate) const NONCE_NEXT: &str = "hearth_nonce_next";
pub(crate) const NONCE_MISMATCH: &str = "hearth_nonce_mismatch";
pub(crate) const HEAD_AGE: &str = "hearth_rpc_head_age_seconds";
pub(crate) const HEAD_BLOCK: &str = "hearth_rpc_head_block";
pub(crate) const RPC_REQUESTS: &str = "hearth_rpc_requests_total";
pub(crate) const DROPPED: &str = "hearth_dropped_total";

/// Starts counting, once for the whole process, and gives what renders it.
///
/// # Panics
/// Never: the recorder is installed only here, and only once.
pub fn install() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
        let rows = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0];
        let builder = PrometheusBuilder::new();
        let builder = builder
            .set_buckets(&buckets)
            .and_then(|b| {
                let rows_name = metrics_exporter_prometheus::Matcher::Full(COMMIT_ROWS.into());
                b.set_buckets_for_metric(rows_name, &rows)
            })
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Another recorder in one process is a test's own business; then these figures go there.
        let _ = metrics::set_global_recorder(recorder);
        describe();
        handle
    })
}

fn describe() {
    describe_counter!(
        READINGS,
        "Signed readings, an envelope each, by door and result: kept, late, early or the name of a refusal"
    );
    describe_histogram!(
        ACK_SECONDS,
        Unit::Seconds,
        "From an envelope's arrival to its acknowledgement"
    );
    describe_histogram!(
        COMMIT_SECONDS,
        Unit::Seconds,
        "One group commit of the journal, fsync included"
    );
    describe_histogram!(COMMIT_ROWS, "Records in one group commit");
    describe_gauge!(
        LAST_SEEN,
        Unit::Seconds,
        "Unix time of the latest reading of a device"
    );
    describe_counter!(
        SEQ_GAPS,
        "Sequences of a device that were passed over when a later one was kept"
    );
    describe_counter!(
        COUNTER_REUSED,
        "Two contents under one counter of a device (R7.2)"
    );
    describe_counter!(PEER_MESSAGES, "Messages of peers by direction and result");
    describe_gauge!(
        PEER_LAST_HEARD,
        Unit::Seconds,
        "Unix time at which a peer was last heard; until then, from which it is waited for"
    );
    describe_gauge!(
        PEER_MISMATCH,
        "1 while what a peer signs cannot be read here: it runs another release"
    );
    describe_counter!(OBJECTIONS, "Refusals to sign a proposal, by seat and reason");
    describe_histogram!(SIGNER_SECONDS, Unit::Seconds, "One signature of the report key");
    describe_counter!(SIGNATURES, "Signatures of the report key");
    describe_histogram!(
        EPOCH_SECONDS,
        Unit::Seconds,
        "From an epoch's end to its report accepted, in chain time"
    );
    describe_gauge!(
        CONTRIBUTORS,
        "Seats that signed the last accepted report, by stream"
    );
    describe_counter!(
        OUTLIERS,
        "Accepted reports whose readings contradict each other beyond what the stream states, by stream"
    );
    describe_gauge!(
        REPORT_AGE,
        Unit::Seconds,
        "Chain time since the last accepted report's cut, or since the first epoch began, by stream"
    );
    describe_gauge!(BALANCE, "Coin left for transactions, in wei");
    describe_counter!(
        TX,
        "Transactions by state: sent, bumped, mined, cancelled, refused"
    );
    describe_gauge!(
        TX_OLDEST,
        Unit::Seconds,
        "Age of the oldest transaction that is not mined"
    );
    describe_gauge!(NONCE_FINALIZED, "First nonce not yet mined at finality depth");
    describe_gauge!(NONCE_NEXT, "Next nonce of the own ledger");
    describe_gauge!(
        NONCE_MISMATCH,
        "1 while the chain's nonce is ahead of the own ledger"
    );
    describe_gauge!(
        HEAD_AGE,
        Unit::Seconds,
        "Wall time since an RPC last showed a new head, or since the start"
    );
    describe_gauge!(HEAD_BLOCK, "Newest block of an RPC");
    describe_counter!(RPC_REQUESTS, "Requests to an RPC by result");
    describe_counter!(
        DROPPED,
        "Messages dropped because the stage after was full, by stage; they are asked for again"
    );
    let gauge = metrics::gauge!("hearth_build_info", "version" => env!("CARGO_PKG_VERSION"));
    gauge.set(1.0);
}

/// Something was dropped because the stage after was full; it will be asked for again.
pub(crate) fn dropped(stage: &'static str) {
    counter!(DROPPED, "stage" => stage).increment(1);
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_alarm_is_upon_a_figure_that_is_told() {
        let alerts = include_str!("../host/alerts.yml");
        let named: Vec<&str> = alerts
            .split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
            .filter(|word| word.starts_with("hearth_"))
            .map(|word| word.trim_end_matches("_bucket"))
            .collect();
        assert!(named.len() > 10, "{named:?}");
        for name in named {
            let told = include_str!("metrics.rs").contains(&format!("= \"{name}\";"));
            assert!(told, "{name} is no figure of a seat");
            let explained = include_str!("../../docs/operating.md").contains(&format!("| `{name}"));
            assert!(
                explained,
                "docs/operating.md does not say what to watch {name} for"
            );
        }
    }
}
