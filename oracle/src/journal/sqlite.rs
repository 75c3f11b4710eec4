//! The journal in SQLite: write-ahead log, `synchronous = FULL`, rows in order of arrival.
//!
//! Envelopes are found again by their time, which rises with arrival, so that an insert touches the last page of table
//! and index only; random keys would cost many times more on a large file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{B256, keccak256};
use hearth_oracle_core::effect::{Record, Remembered};
use hearth_oracle_core::types::{Counter, Epoch, Kid, Leaf, StreamId};
use hearth_oracle_core::verify::{Held, LARGEST_ENVELOPE};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use tracing::warn;

use super::{ClosedEpoch, Journal, JournalError, Shelf};

const LAYOUT: i64 = 1;

/// "HRTH": tells the file from other SQLite files.
const APPLICATION: i64 = 0x4852_5448;

/// Rows let go at one time.
const PURGED_AT_ONCE: i64 = 2_000;

/// Bytes of one record other than an envelope, at most: far above an epoch of everybody's lists.
const LARGEST_RECORD: i64 = 16 << 20;

/// Bytes of one envelope, at most (R7.2).
const LARGEST_TEXT: i64 = LARGEST_ENVELOPE as i64;

/// Times looked up one by one before a whole span is read instead.
const FEW: usize = 64;

/// How long a statement waits for another connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a journal that is let go waits for readers: a small part of the time a seat has for draining.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

const SCHEMA: &str = "
CREATE TABLE owner (name TEXT NOT NULL) STRICT;
CREATE TABLE envelope (
    n INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    kid BLOB NOT NULL,
    counter INTEGER NOT NULL,
    time INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    lent INTEGER NOT NULL,
    raw TEXT NOT NULL
) STRICT;
CREATE INDEX envelope_time ON envelope (time);
CREATE TABLE record (n INTEGER PRIMARY KEY, sum BLOB NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE floor (stream INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, begin INTEGER NOT NULL) STRICT;
";

/// A journal in one file.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    connection: Connection,
    next: i64,
}

impl Sqlite {
    /// Opens the journal of `owner`, a text `<network>/<seat>`, or makes it.
    ///
    /// # Errors
    /// It belongs to another, has another layout, or the engine refuses.
    pub fn open(path: &Path, owner: &str) -> Result<Self, JournalError> {
        Self::at(path, owner, true)
    }

    /// Opens the journal with which `owner` has worked before: an empty one was not always empty.
    ///
    /// # Errors
    /// As [`open`](Self::open), and it is gone or has no tables.
    pub fn reopen(path: &Path, owner: &str) -> Result<Self, JournalError> {
        if std::fs::metadata(path).map_or(0, |found| found.len()) == 0 {
            return Err(JournalError::Gone { path: path.into() });
        }
        Self::at(path, owner, false)
    }

    fn at(path: &Path, owner: &str, make: bool) -> Result<Self, JournalError> {
        let wrong = |doing| {
            move |source| JournalError::Engine {
                path: path.into(),
                doing,
                source,
            }
        };
        whole(path).map_err(|(given, wanted)| JournalError::Truncated {
            path: path.into(),
            given,
            wanted,
        })?;
        let mut connection = Connection::open(path).map_err(wrong("opened"))?;
        tune(&connection).map_err(wrong("opened"))?;
        let layout: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(wrong("read"))?;
        let gone = || JournalError::Gone { path: path.into() };
        if layout == 0 {
            if !make {
                return Err(gone());
            }
            found(&mut connection, owner).map_err(wrong("made"))?;
        } else if layout != LAYOUT {
            return Err(JournalError::Layout {
                path: path.into(),
                given: layout,
                wanted: LAYOUT,
            });
        }
        let given: String = connection
            .query_row("SELECT name FROM owner", [], |row| row.get(0))
            .optional()
            .map_err(wrong("read"))?
            .ok_or_else(gone)?;
        if let Some((what, given, wanted)) = differs(&given, owner) {
            return Err(JournalError::Foreign {
                path: path.into(),
                what,
                given: given.into(),
                wanted: wanted.into(),
            });
        }
        // From here on the file has its tables even without the log: one that has lost them is told from a new one.
        // Only what somebody read before may stay in the log.
        fold(&connection).map_err(wrong("written"))?;
        let next = connection
            .query_row(
                "SELECT max(coalesce((SELECT max(n) FROM envelope), 0), coalesce((SELECT max(n) FROM record), 0)) + 1",
                [],
                |row| row.get(0),
            )
            .map_err(wrong("read"))?;
        Ok(Self {
            path: path.into(),
            connection,
            next,
        })
    }

    fn wrong(&self, doing: &'static str) -> impl FnOnce(rusqlite::Error) -> JournalError + use<> {
        let path = self.path.clone();
        move |source| JournalError::Engine { path, doing, source }
    }
}

/// What tells two owners apart, of the one and of the other; nothing where they are one.
fn differs<'a>(given: &'a str, wanted: &'a str) -> Option<(&'static str, &'a str, &'a str)> {
    let (network, seat) = given.rsplit_once('/').unwrap_or((given, ""));
    let (wanted_network, wanted_seat) = wanted.rsplit_once('/').unwrap_or((wanted, ""));
    if network != wanted_network {
        return Some(("network", network, wanted_network));
    }
    (seat != wanted_seat).then_some(("seat", seat, wanted_seat))
}

/// Folds the log into the file and empties it; false where a reader still needs the log, so that it stays.
fn fold(connection: &Connection) -> rusqlite::Result<bool> {
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}

/// A drained journal is its file alone. The engine folds the log when the last connection closes, but that may be a
/// [`Shelf`], which cannot write.
impl Drop for Sqlite {
    fn drop(&mut self) {
        let waits = self.connection.busy_timeout(LAST_PATIENCE);
        let reason = match waits.and_then(|()| fold(&self.connection)) {
            Ok(true) => return,
            Ok(false) => "somebody reads it".to_owned(),
            Err(error) => error.to_string(),
        };
        let path = self.path.display();
        warn!(target: "hearth::journal", %path, reason, "the log is not folded into the file; keep both");
    }
}

/// Whether the file is as long as its first page says, or else both sizes. While a write-ahead log lies beside it the log
/// may hold what is lacking. The engine itself finds a missing page only when it reads it.
fn whole(path: &Path) -> Result<(), (u64, u64)> {
    use std::io::Read as _;
    let log = path.with_file_name(format!(
        "{}-wal",
        path.file_name().unwrap_or_default().to_string_lossy()
    ));
    let mut head = [0; 32];
    let read = std::fs::File::open(path).and_then(|mut file| {
        file.read_exact(&mut head)?;
        file.metadata()
    });
    let Ok(found) = read else { return Ok(()) };
    if std::fs::metadata(log).is_ok_and(|log| log.len() > 0) || !head.starts_with(b"SQLite format 3\0") {
        return Ok(());
    }
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let wanted = page * u64::from(u32::from_be_bytes([head[28], head[29], head[30], head[31]]));
    if found.len() < wanted {
        return Err((found.len(), wanted));
    }
    Ok(())
}

fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -2_048)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)
}

fn found(connection: &mut Connection, owner: &str) -> rusqlite::Result<()> {
    let tx = connection.transaction()?;
    tx.execute_batch(SCHEMA)?;
    tx.execute("INSERT INTO owner VALUES (?1)", [owner])?;
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", LAYOUT)?;
    tx.commit()
}

impl Journal for Sqlite {
    fn commit(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let wrong = self.wrong("written");
        let mut n = self.next;
        let mut write = || -> rusqlite::Result<()> {
            let tx = self.connection.transaction()?;
            {
                let mut envelope =
                    tx.prepare_cached("INSERT INTO envelope VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
                let mut record = tx.prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3)")?;
                for each in records {
                    match each {
                        Record::Kept { held, lent, raw } => {
                            envelope.execute(params![
                                n,
                                held.stream.0,
                                held.kid.0.as_slice(),
                                // SQLite's integers are signed; the bits come back the same.
                                held.counter.0.cast_signed(),
                                held.time.cast_signed(),
                                held.leaf.as_slice(),
                                lent,
                                &**raw,
                            ])?;
                        }
                        other => {
                            let body = serde_json::to_string(other)
                                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                            record.execute(params![n, sum(&body), body])?;
                        }
                    }
                    n += 1;
                }
            }
            tx.commit()
        };
        write().map_err(wrong)?;
        self.next = n;
        Ok(())
    }

    fn recall(&mut self) -> Result<Vec<Remembered>, JournalError> {
        let damaged = |n| JournalError::Damaged {
            path: self.path.clone(),
            n,
        };
        let mut all: Vec<(i64, Remembered)> = Vec::new();
        let mut read = || -> rusqlite::Result<Result<(), i64>> {
            let mut statement = self.connection.prepare(
                "SELECT n, stream, kid, counter, time, leaf, lent, octet_length(raw) FROM envelope
                 WHERE time >= coalesce((SELECT begin FROM floor WHERE floor.stream = envelope.stream), 0)",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let n = row.get(0)?;
                let Some(held) = held(row)?.filter(|_| fits(row)) else {
                    return Ok(Err(n));
                };
                all.push((
                    n,
                    Remembered::Kept {
                        held,
                        lent: row.get(6)?,
                    },
                ));
            }
            let mut statement = self
                .connection
                .prepare("SELECT n, sum, CASE WHEN octet_length(body) <= ?1 THEN body END FROM record")?;
            let mut rows = statement.query([LARGEST_RECORD])?;
            while let Some(row) = rows.next()? {
                let n = row.get(0)?;
                match recorded(row) {
                    Some(record) => all.push((n, record.into())),
                    None => return Ok(Err(n)),
                }
            }
            Ok(Ok(()))
        };
        read().map_err(self.wrong("read"))?.map_err(damaged)?;
        all.sort_by_key(|(n, _)| *n);
        Ok(all.into_iter().map(|(_, remembered)| remembered).collect())
    }

    fn forget(&mut self, stream: StreamId, epoch: Epoch, begin: u64, purge: u64) -> Result<(), JournalError> {
        let wrong = self.wrong("purged");
        // Envelopes of the epoch before belong to the span that is still open when their time lies after the last cut,
        // so the floor for recalling lies a day under the epoch's begin; the core sorts out the rest.
        let begin = begin.saturating_sub(86_400).cast_signed();
        let mut write = || -> rusqlite::Result<()> {
            let tx = self.connection.transaction()?;
            tx.execute(
                "INSERT INTO floor VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE
                 SET epoch = max(epoch, excluded.epoch), begin = max(begin, excluded.begin)",
                params![stream.0, epoch.0, begin],
            )?;
            tx.execute(
                "DELETE FROM envelope WHERE n IN (SELECT n FROM envelope WHERE time < ?1 AND stream = ?2 LIMIT ?3)",
                params![purge.cast_signed().min(begin), stream.0, PURGED_AT_ONCE],
            )?;
            tx.commit()
        };
        write().map_err(wrong)
    }

    fn shelf(&self) -> Result<Box<dyn Shelf>, JournalError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(self.wrong("opened"))?;
        connection.busy_timeout(PATIENCE).map_err(self.wrong("opened"))?;
        connection
            .pragma_update(None, "cache_size", -1_024)
            .map_err(self.wrong("opened"))?;
        Ok(Box::new(Reader {
            path: self.path.clone(),
            connection,
        }))
    }
}

fn sum(body: &str) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&keccak256(body)[..8]);
    sum
}

/// The row's record; `None` where it is not as it was written, or too large to have been.
fn recorded(row: &Row<'_>) -> Option<Record> {
    let (kept, body): ([u8; 8], String) = (row.get(1).ok()?, row.get(2).ok()?);
    (sum(&body) == kept)
        .then(|| serde_json::from_str(&body).ok())
        .flatten()
}

/// Whether the row's envelope is as short as every envelope that was kept.
fn fits(row: &Row<'_>) -> bool {
    row.get::<_, i64>(7).is_ok_and(|bytes| bytes <= LARGEST_TEXT)
}

/// The row's envelope; `None` where it is not as it was written.
fn held(row: &Row<'_>) -> rusqlite::Result<Option<Held>> {
    let kid: Result<[u8; 8], _> = row.get_ref(2)?.as_blob()?.try_into();
    let leaf: Result<[u8; 32], _> = row.get_ref(5)?.as_blob()?.try_into();
    let (Ok(kid), Ok(leaf)) = (kid, leaf) else {
        return Ok(None);
    };
    Ok(Some(Held {
        stream: StreamId(row.get(1)?),
        kid: Kid(kid),
        counter: Counter(row.get::<_, i64>(3)?.cast_unsigned()),
        time: row.get::<_, i64>(4)?.cast_unsigned(),
        leaf: B256::from(leaf),
    }))
}

struct Reader {
    path: PathBuf,
    connection: Connection,
}

impl Shelf for Reader {
    fn fetch(&mut self, wanted: &[Held]) -> Result<HashMap<Leaf, Arc<str>>, JournalError> {
        let leaves: HashSet<Leaf> = wanted.iter().map(|held| held.leaf).collect();
        let times: HashSet<i64> = wanted.iter().map(|held| held.time.cast_signed()).collect();
        let spans: Vec<(i64, i64)> = match (times.iter().min(), times.iter().max()) {
            (Some(from), Some(to)) if times.len() > FEW => vec![(*from, *to)],
            _ => times.iter().map(|time| (*time, *time)).collect(),
        };
        let mut found = HashMap::with_capacity(leaves.len());
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(
                "SELECT leaf, raw FROM envelope WHERE time BETWEEN ?1 AND ?2 AND octet_length(raw) <= ?3",
            )?;
            for (from, to) in &spans {
                let mut rows = statement.query(params![from, to, LARGEST_TEXT])?;
                while let Some(row) = rows.next()? {
                    let leaf = row.get_ref(0)?.as_blob()?;
                    if leaf.len() == 32 && leaves.contains(&Leaf::from_slice(leaf)) {
                        found.insert(Leaf::from_slice(leaf), Arc::from(row.get_ref(1)?.as_str()?));
                    }
                }
            }
            Ok(())
        };
        let wrong = |source| JournalError::Engine {
            path: self.path.clone(),
            doing: "read",
            source,
        };
        read().map_err(wrong)?;
        Ok(found)
    }

    fn closed(
        &mut self,
        stream: StreamId,
        epoch: Epoch,
        digest: Option<B256>,
    ) -> Result<Option<ClosedEpoch>, JournalError> {
        let wrong = |source| JournalError::Engine {
            path: self.path.clone(),
            doing: "read",
            source,
        };
        let read = || -> rusqlite::Result<Vec<String>> {
            // A seat closes an epoch once in a while, so all of these are few.
            let mut statement = self
                .connection
                .prepare_cached("SELECT body FROM record WHERE body LIKE '{\"closed\"%' ORDER BY n DESC")?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        let found = read()
            .map_err(wrong)?
            .into_iter()
            .find_map(|body| match serde_json::from_str(&body) {
                Ok(Record::Closed {
                    stream: s,
                    epoch: e,
                    digest: d,
                    seed,
                    itemised,
                    ..
                }) if s == stream && e == epoch && digest.is_none_or(|digest| digest == d) => {
                    Some(ClosedEpoch { seed, itemised })
                }
                _ => None,
            });
        Ok(found)
    }
}

/// Looks a journal through without changing it, for the operator: the first damage found, or nothing.
///
/// # Errors
/// It cannot be opened.
pub fn inspect(path: &Path) -> Result<Option<String>, JournalError> {
    let wrong = |source| JournalError::Engine {
        path: path.into(),
        doing: "read",
        source,
    };
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(wrong)?;
    let layout: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(wrong)?;
    if layout == 0 {
        return Ok(Some("it has no tables; they went with the log beside it".into()));
    }
    let told: Option<String> = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .optional()
        .map_err(wrong)?;
    Ok(told.filter(|text| text != "ok"))
}

#[cfg(test)]
mod tests {
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
}
