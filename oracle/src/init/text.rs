//! The configuration that `init` writes, with every key that has a default beside it.

use super::InitArgs;

/// A text as TOML writes it, whatever it holds.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The whole file.
pub(super) fn configuration(args: &InitArgs) -> String {
    let charter = args.charter.map_or_else(
        || "# The charter's address, from deployments/<chain-id>.json once it is founded.\n# charter = \"0x…\"".into(),
        |charter| format!("charter = \"{charter}\""),
    );
    let second = args.second_rpc.as_ref().map_or_else(
        || "# Asked when the first errs, hangs or stands still.\n# second_rpc = \"https://…\"".into(),
        |url| format!("second_rpc = {}", quoted(url.reveal())),
    );
    format!(
        r#"# One seat of the witness. `hearth-oracle check` reads this file and tells every problem at once.
# What must be equal between seats (streams, devices, quorum) is read from the chain and is not written here.

[chain]
rpc = {rpc}
{second}
chain_id = {chain_id}
{charter}
# from_block = 0 # the charter's block, or any before it
# poll_milliseconds = 500

[seat]
number = {seat}
# report_key = "keys/report.json" # signs report digests, and nothing else
# transport_key = "keys/transport.json" # signs answers and messages to peers
# gas_key = "keys/gas.json" # pays for transactions
# password_file = "keys/password" # opens all three; mode 0600

[listen]
mqtt = "{mqtt}" # devices
http = "{http}" # devices and peers; the endpoint on chain leads here
operator = "{operator}" # metrics, health and status: for you alone

[state]
# folder = "state" # journal and nonce ledger
# keep_days = 120 # for which spent envelopes are kept

[limits]
# device_per_second = 500
# peer_per_second = 200
# refused_per_second = 50
# connections = 4096

[log]
# filter = "info"
# format = "json"
"#,
        rpc = quoted(args.rpc.reveal()),
        chain_id = args.chain_id,
        seat = args.seat,
        mqtt = args.mqtt,
        http = args.http,
        operator = args.operator,
    )
}
