use super::*;
use hearth_oracle_core::message::AttemptId;
use hearth_oracle_core::types::{Attempt, MemberId};
use hearth_oracle_core::verify::leaf_of;

fn kept(time: u64, text: &str) -> Record {
    let held = Held {
        stream: StreamId(1),
        kid: Kid([7; 8]),
        counter: Counter(u64::MAX - time),
        time,
        leaf: leaf_of(text.as_bytes()),
    };
    Record::Kept {
        held,
        lent: time % 2 == 1,
        raw: text.into(),
    }
}

fn guarded(attempt: u16) -> Record {
    let key = AttemptId {
        stream: StreamId(1),
        epoch: Epoch(9),
        attempt: Attempt(attempt),
    };
    Record::Guarded {
        key,
        digest: B256::repeat_byte(1),
        seed: B256::repeat_byte(2),
    }
}

fn held_of(record: &Record) -> Held {
    match record {
        Record::Kept { held, .. } => *held,
        _ => panic!("an envelope was wanted"),
    }
}

#[test]
fn what_was_committed_comes_back_in_its_order_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let records = [kept(300_001, "a"), guarded(0), kept(300_000, "b"), guarded(1)];
    let mut journal = Sqlite::open(&path, "net/0").unwrap();
    journal.commit(&records[..2]).unwrap();
    journal.commit(&records[2..]).unwrap();
    drop(journal);

    let mut journal = Sqlite::open(&path, "net/0").unwrap();
    let wanted: Vec<Remembered> = records.iter().cloned().map(Into::into).collect();
    assert_eq!(journal.recall().unwrap(), wanted);
    let mut shelf = journal.shelf().unwrap();
    let found = shelf
        .fetch(&[held_of(&records[0]), held_of(&kept(300_001, "missing"))])
        .unwrap();
    assert_eq!(found, HashMap::from([(leaf_of(b"a"), Arc::from("a"))]));
}

#[test]
fn r20_a_closed_epoch_is_found_by_its_digest() {
    use hearth_oracle_core::estimators::Opening;
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Sqlite::open(&folder.path().join("journal.db"), "net/0").unwrap();
    let closed = |epoch, digest: u8, seed: u8| Record::Closed {
        stream: StreamId(1),
        epoch: Epoch(epoch),
        digest: B256::repeat_byte(digest),
        opening: Opening::default(),
        seed: Some(B256::repeat_byte(seed)),
        itemised: std::collections::BTreeMap::from([(MemberId(7), Vec::new())]),
    };
    journal
        .commit(&[closed(5, 1, 11), guarded(0), closed(5, 2, 12), closed(6, 3, 13)])
        .unwrap();
    let mut shelf = journal.shelf().unwrap();
    let mut seed = |epoch, digest: Option<u8>| {
        let found = shelf
            .closed(StreamId(1), Epoch(epoch), digest.map(B256::repeat_byte))
            .unwrap();
        found.and_then(|closed| closed.seed).map(|seed| seed[0])
    };
    // A record with members' numbers in it comes back.
    assert_eq!(journal.recall().unwrap().len(), 4);
    assert_eq!(
        (seed(5, Some(1)), seed(5, None), seed(6, Some(1)), seed(7, None)),
        (Some(11), Some(12), None, None)
    );
}

#[test]
fn a_reader_finds_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Sqlite::open(&folder.path().join("journal.db"), "net/0").unwrap();
    let records: Vec<Record> = (0..500).map(|t| kept(t, &format!("text {t}"))).collect();
    journal.commit(&records).unwrap();
    let wanted: Vec<Held> = records.iter().step_by(3).map(held_of).collect();
    assert_eq!(
        journal.shelf().unwrap().fetch(&wanted).unwrap().len(),
        wanted.len()
    );
}

#[test]
fn a_foreign_or_newer_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    Sqlite::open(&path, "net/0")
        .unwrap()
        .commit(&[guarded(0)])
        .unwrap();
    for (asks, differs) in [
        ("net/1", "is of seat 0, this seat is of seat 1"),
        ("other/0", "is of network net, this seat is of network other"),
    ] {
        let refused = Sqlite::open(&path, asks).unwrap_err();
        assert!(matches!(refused, JournalError::Foreign { .. }), "{refused}");
        assert!(refused.to_string().contains(differs), "{refused}");
    }

    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    assert!(matches!(
        Sqlite::open(&path, "net/0").unwrap_err(),
        JournalError::Layout { given: 2, .. }
    ));

    let other = folder.path().join("other.db");
    std::fs::write(&other, vec![0xff; 8_192]).unwrap();
    assert!(matches!(
        Sqlite::open(&other, "net/0").unwrap_err(),
        JournalError::Engine { .. }
    ));
}

/// A journal with an envelope and a record in it, damaged by one statement: what it says of itself then.
fn after(damage: &str) -> Result<Vec<Remembered>, JournalError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut journal = Sqlite::open(&path, "net/0").unwrap();
    journal.commit(&[kept(300_000, "a"), guarded(0)]).unwrap();
    let connection = Connection::open(&path).unwrap();
    assert!(connection.execute(damage, []).unwrap() > 0, "{damage}");
    drop(connection);
    Sqlite::open(&path, "net/0").and_then(|mut journal| journal.recall())
}

#[test]
fn each_bad_row_of_a_journal_is_named() {
    for (what, damage) in [
        ("forged", "UPDATE record SET body = replace(body, '0x01', '0x81')"),
        ("forged with a sum", "UPDATE record SET sum = zeroblob(8)"),
        ("truncated", "UPDATE record SET body = substr(body, 1, 20)"),
        ("not UTF-8", "UPDATE record SET body = CAST(x'7bfffe7d' AS TEXT)"),
        (
            "oversized",
            "UPDATE record SET body = CAST(zeroblob(16777217) AS TEXT)",
        ),
    ] {
        let refused = after(damage).unwrap_err();
        assert!(
            matches!(refused, JournalError::Damaged { n: 2, .. }),
            "{what}: {refused}"
        );
    }
    for (what, damage) in [
        (
            "oversized",
            "UPDATE envelope SET raw = CAST(zeroblob(16385) AS TEXT)",
        ),
        ("a short leaf", "UPDATE envelope SET leaf = x'00'"),
        ("no device", "UPDATE envelope SET kid = x''"),
    ] {
        let refused = after(damage).unwrap_err();
        assert!(
            matches!(refused, JournalError::Damaged { n: 1, .. }),
            "{what}: {refused}"
        );
    }
}

#[test]
fn rows_come_back_in_the_order_of_their_numbers_and_none_can_be_there_twice() {
    let moved = after("UPDATE envelope SET n = 9").unwrap();
    assert!(matches!(
        moved[..],
        [Remembered::Guarded { .. }, Remembered::Kept { .. }]
    ));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    Sqlite::open(&path, "net/0")
        .unwrap()
        .commit(&[guarded(0)])
        .unwrap();
    let connection = Connection::open(&path).unwrap();
    assert!(
        connection
            .execute("INSERT INTO record SELECT * FROM record", [])
            .is_err()
    );
}

#[test]
fn a_truncated_journal_is_never_read_as_a_shorter_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut journal = Sqlite::open(&path, "net/0").unwrap();
    journal
        .commit(&(0..2_000).map(|t| kept(t, &"x".repeat(200))).collect::<Vec<_>>())
        .unwrap();
    journal.commit(&[guarded(0)]).unwrap();
    // The log is folded into the file when the journal is let go.
    drop(journal);
    let bytes = std::fs::read(&path).unwrap();
    for share in [1, 3, 7] {
        std::fs::write(&path, &bytes[..bytes.len() * share / 8]).unwrap();
        let outcome = Sqlite::open(&path, "net/0").and_then(|mut journal| journal.recall());
        assert!(
            matches!(outcome, Err(JournalError::Truncated { .. })),
            "{share}/8 of the file"
        );
    }
}

#[test]
fn a_journal_that_was_let_go_is_its_file_alone_though_somebody_still_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut journal = Sqlite::open(&path, "net/0").unwrap();
    let mut shelf = journal.shelf().unwrap();
    journal.commit(&[kept(300_000, "a"), guarded(0)]).unwrap();
    assert_eq!(
        shelf.fetch(&[held_of(&kept(300_000, "a"))]).unwrap().len(),
        1,
        "the reader reads from the log"
    );
    drop(journal);
    let alone = folder.path().join("alone.db");
    std::fs::copy(&path, &alone).unwrap();
    drop(shelf);
    let recalled = Sqlite::reopen(&alone, "net/0").unwrap().recall().unwrap();
    assert_eq!(recalled, [kept(300_000, "a").into(), guarded(0).into()]);
}

#[test]
fn a_log_that_somebody_still_reads_is_not_taken_for_folded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let told = folder.path().join("told");
    let let_go = |journal: Sqlite| {
        let writer = Arc::new(std::fs::File::create(&told).unwrap());
        let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();
        tracing::subscriber::with_default(subscriber, || drop(journal));
        std::fs::read_to_string(&told).unwrap()
    };
    let mut journal = Sqlite::open(&path, "net/0").unwrap();
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM owner;").unwrap();
    journal.commit(&[guarded(0)]).unwrap();
    let warned = let_go(journal);
    assert!(
        warned.contains("the log is not folded into the file; keep both"),
        "{warned:?}"
    );
    drop(reader);

    assert_eq!(let_go(Sqlite::open(&path, "net/0").unwrap()), "");
}

#[test]
fn a_journal_has_its_tables_without_its_log_and_one_without_tables_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let journal = Sqlite::open(&path, "net/0").unwrap();
    let alone = folder.path().join("alone.db");
    std::fs::copy(&path, &alone).unwrap();
    drop(journal);
    assert!(Sqlite::reopen(&alone, "net/0").is_ok());
    assert_eq!(inspect(&alone).unwrap(), None);

    // What is left of a journal whose tables were in a log that was lost.
    let bare = folder.path().join("bare.db");
    tune(&Connection::open(&bare).unwrap()).unwrap();
    assert!(std::fs::metadata(&bare).unwrap().len() > 0);
    assert!(inspect(&bare).unwrap().unwrap().contains("no tables"));

    let nobodys = folder.path().join("nobodys.db");
    drop(Sqlite::open(&nobodys, "net/0").unwrap());
    let connection = Connection::open(&nobodys).unwrap();
    assert_eq!(connection.execute("DELETE FROM owner", []).unwrap(), 1);
    drop(connection);

    for path in [bare, nobodys, folder.path().join("none.db")] {
        let refused = Sqlite::reopen(&path, "net/0").unwrap_err();
        assert!(
            matches!(&refused, JournalError::Gone { path: named } if *named == path),
            "{refused}"
        );
    }
}

#[test]
fn what_is_forgotten_is_not_recalled_and_goes_when_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Sqlite::open(&folder.path().join("journal.db"), "net/0").unwrap();
    let (old, new) = (kept(100_000, "old"), kept(900_000, "new"));
    journal.commit(&[old.clone(), new.clone()]).unwrap();
    journal.forget(StreamId(1), Epoch(5), 800_000, 50_000).unwrap();
    assert_eq!(journal.recall().unwrap(), [new.into()]);
    assert_eq!(journal.shelf().unwrap().fetch(&[held_of(&old)]).unwrap().len(), 1);
    journal.forget(StreamId(1), Epoch(5), 800_000, 100_001).unwrap();
    assert!(
        journal
            .shelf()
            .unwrap()
            .fetch(&[held_of(&old)])
            .unwrap()
            .is_empty()
    );
}
