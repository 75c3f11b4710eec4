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
#[path = "sqlite_tests.rs"]
mod tests;
