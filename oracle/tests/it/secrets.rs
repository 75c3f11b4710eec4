//! The real binary, at its most talkative: no secret in anything it prints, and the exit codes it promises.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use hearth_oracle::key::{self, Password};

use crate::binary::{oracle, text};
use crate::polity::{Polity, until};

/// A token in the RPC's address.
const TOKEN: &str = "canary-7f3a-token";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_it_prints_holds_a_secret() {
    let mut polity = Polity::found_patient().await;
    let seat = polity.seat_of_turn(0);
    polity.stop(seat).await;
    let config = polity.seats[seat].config.clone();
    let folder = config.state.parent().unwrap().to_owned();
    let file = folder.join("hearth-oracle.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    let endpoint = polity.anvil.endpoint();
    let loud = written.replace(&endpoint, &format!("{endpoint}/?key={TOKEN}"))
        + "filter = \"trace\"\nformat = \"json\"\n";
    // A second RPC that never answers, so that failures are told too.
    let loud = loud.replace(
        "\n[seat]",
        &format!("second_rpc = \"http://127.0.0.1:9/{TOKEN}\"\n\n[seat]"),
    );
    assert_eq!(loud.matches(TOKEN).count(), 2);
    std::fs::write(&file, loud).unwrap();
    let at = file.to_str().unwrap();

    let log = folder.join("log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_hearth-oracle"))
        .args(["run", "--config", at])
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&log).unwrap())
        .stderr(std::fs::File::options().append(true).open(&log).unwrap())
        .spawn()
        .unwrap();
    polity.until_ready(seat).await;
    polity.sense_a_day_to(seat).await;
    polity.sense_a_day().await;
    let says = |word: &str| {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains(&format!("\"message\":\"{word}\""))
    };
    polity.until_accepted().await;
    until("the transaction is final", async || says("final")).await;

    let addresses = hearth_oracle::doctor::addresses(&config).unwrap();
    let mut said = String::new();
    for page in ["metrics", "v1/status", "readyz?verbose"] {
        let url = format!("http://{}/{page}", addresses.operator);
        said.push_str(&reqwest::get(url).await.unwrap().text().await.unwrap());
    }
    for arguments in [
        vec!["check", "--config", at],
        vec!["check", "--config", at, "--json"],
        vec!["status", "--config", at],
        vec!["doctor", "--config", at, "--json"],
        vec!["run", "--config", at],
    ] {
        // The last is refused, since one is running already.
        said.push_str(&text(&oracle(&arguments)));
    }
    assert!(
        Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0), "a drained stop");
    said.push_str(&std::fs::read_to_string(&log).unwrap());
    assert!(
        said.contains("signed") && said.contains("drained"),
        "the log does not tell the seat's life"
    );

    let password = Password::read(&config.keys.password).unwrap();
    let mut secrets = vec![
        TOKEN.to_owned(),
        std::fs::read_to_string(&config.keys.password)
            .unwrap()
            .trim()
            .to_owned(),
    ];
    let keys: [&PathBuf; 3] = [&config.keys.report, &config.keys.transport, &config.keys.gas];
    for path in keys {
        let secret = key::open(path, &password).unwrap();
        secrets.push(hex::encode(secret.reveal()));
        secrets.push(
            format!("{:?}", secret.reveal())
                .trim_matches(['[', ']'])
                .to_owned(),
        );
    }
    for secret in secrets {
        let lower = said.to_lowercase();
        let found = lower.find(&secret.to_lowercase());
        let around = found.map(|at| lower[at.saturating_sub(200)..at].to_owned());
        assert_eq!(around, None, "a secret was printed after this");
    }
}

#[test]
fn exit_codes_tell_a_bad_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hearth-oracle.toml");
    std::fs::write(&file, "[chain]\nrpc = 7\nnothing = 1\n").unwrap();
    let at = file.to_str().unwrap();
    for command in ["check", "run", "status", "doctor"] {
        let output = oracle(&[command, "--config", at]);
        assert_eq!(output.status.code(), Some(64), "{command}: {}", text(&output));
        assert!(
            text(&output).contains(":2:7: chain.rpc: given a whole number"),
            "{}",
            text(&output)
        );
        assert!(
            text(&output).contains(":3:1: unknown key chain.nothing"),
            "{}",
            text(&output)
        );
    }
    let made = oracle(&[
        "init",
        folder.path().join("seat").to_str().unwrap(),
        "--seat",
        "0",
    ]);
    assert!(made.status.success());
    let charter = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
    let seat = folder.path().join("other");
    let made = oracle(&[
        "init",
        seat.to_str().unwrap(),
        "--seat",
        "0",
        "--charter",
        charter,
    ]);
    assert!(made.status.success());
    std::fs::remove_file(seat.join("keys/report.json")).unwrap();
    let output = oracle(&[
        "run",
        "--config",
        seat.join("hearth-oracle.toml").to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(64), "{}", text(&output));
    assert!(
        text(&output).contains("report.json could not be read"),
        "{}",
        text(&output)
    );
}

#[test]
fn who_stops_reading_is_not_met_with_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let seat = folder.path().join("seat");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);

    let output = Command::new(env!("CARGO_BIN_EXE_hearth-oracle"))
        .args(["init", seat.to_str().unwrap(), "--seat", "0"])
        .stdin(Stdio::null())
        .stdout(writer)
        .output()
        .unwrap();

    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output), "", "nothing is said about it");
    assert!(
        seat.join("hearth-oracle.toml").exists(),
        "the work is done all the same"
    );
}
