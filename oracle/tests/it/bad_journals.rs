//! The journal's door: a seat whose journal is damaged, foreign or gone does not start, says which file and why, and
//! leaves the file as it is.

use std::sync::Arc;

use hearth_oracle::clock::WallClock;
use hearth_oracle::config::Config;
use hearth_oracle::journal::sqlite;
use hearth_oracle::run;
use tokio_util::sync::CancellationToken;

use crate::binary::{run as run_binary, seat};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_does_not_start_on_a_bad_journal() {
    let folder = tempfile::tempdir().unwrap();
    let file = seat(folder.path(), "http://127.0.0.1:9");
    let config = Config::read(&file).unwrap();
    // It needs no RPC to start, and it has a journal then.
    let running = run::start(config.clone(), Arc::new(WallClock)).await.unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    running.until(stop).await.unwrap();

    let journal = config.state.join("journal.db");
    // Drained, the file is the whole journal, so nothing is lost with the log that may lie beside it.
    let _ = std::fs::remove_file(config.state.join("journal.db-wal"));
    assert_eq!(sqlite::inspect(&journal).unwrap(), None);
    let sound = std::fs::read(&journal).unwrap();
    let bare = folder.path().join("bare.db");
    let connection = rusqlite::Connection::open(&bare).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    drop(connection);
    let bare = std::fs::read(bare).unwrap();
    for (name, content, wanted) in [
        ("gone", None, "is gone or empty though a seat has run here"),
        (
            "without its tables, which were in the log",
            Some(bare),
            "is gone or empty",
        ),
        ("truncated to nothing", Some(vec![]), "is gone or empty"),
        (
            "truncated",
            Some(sound[..sound.len() / 2].to_vec()),
            "it was cut off",
        ),
        ("no journal", Some(vec![0xff; 8_192]), "file is not a database"),
    ] {
        for left in ["journal.db", "journal.db-wal", "journal.db-shm"] {
            let _ = std::fs::remove_file(config.state.join(left));
        }
        if let Some(content) = &content {
            std::fs::write(&journal, content).unwrap();
        }
        let (code, told) = run_binary(&file).await;
        assert_eq!(code, Some(1), "{name}: {told}");
        assert!(told.contains(wanted), "{name}: {told}");
        assert_eq!(
            std::fs::read(&journal).ok(),
            content,
            "{name}: the file is left as it was"
        );
    }
}
