//! The device's memory: what it has signed and may not let go of yet (R7.2).
//!
//! *In*: envelopes, seats' answers. *Out*: the oldest envelopes a seat has not answered finally. *Refuses*: nothing it was
//! given; a full disk is an error. *Never*: a counter twice, not even after a crash: a start raises the boot number on disk
//! before the first envelope is signed, and an envelope is on disk before it is sent.
//!
//! One small SQLite file per device. Whoever loses it loses the counter too: the device must then be re-keyed.

use hearth_oracle_core::{
    answer::{Answer, Outcome, Release, release},
    types::{Counter, SeatId, Seats},
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Why the outbox failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The file could not be opened.
    #[error("cannot open the outbox {path}: check that its folder exists and may be written", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        #[source]
        source: rusqlite::Error,
    },
    /// A read or write failed.
    #[error("the outbox failed: check the disk's space and health")]
    Disk(#[source] rusqlite::Error),
    /// The device has started or spoken more often than its counter can hold.
    #[error("the device's counter is used up: re-key it")]
    Exhausted,
}

/// What a device still owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Everything up to this unix second has been said.
    pub until: u64,
    /// Envelopes that may not be let go of yet.
    pub waiting: u64,
}

/// The outbox of one device.
#[derive(Debug)]
pub struct Outbox {
    disk: Mutex<Disk>,
}

#[derive(Debug)]
struct Disk {
    connection: Connection,
    /// The next counter.
    next: Counter,
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS start (one INTEGER PRIMARY KEY CHECK (one = 1), boot INTEGER NOT NULL, until INTEGER NOT NULL);
    INSERT OR IGNORE INTO start VALUES (1, 0, 0);
    CREATE TABLE IF NOT EXISTS envelope (counter INTEGER PRIMARY KEY, text TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS answer (
        counter INTEGER NOT NULL REFERENCES envelope (counter) ON DELETE CASCADE,
        seat INTEGER NOT NULL,
        kept INTEGER NOT NULL,
        PRIMARY KEY (counter, seat)
    ) WITHOUT ROWID;
";

impl Outbox {
    /// Opens the outbox and counts one more start, on disk.
    pub fn open(path: &Path) -> Result<Self, OutboxError> {
        let at = |source| OutboxError::Open {
            path: path.into(),
            source,
        };
        Self::start(Connection::open(path).map_err(at)?)
    }

    /// An outbox that forgets everything when dropped.
    pub fn in_memory() -> Result<Self, OutboxError> {
        Self::start(Connection::open_in_memory().map_err(OutboxError::Disk)?)
    }

    fn start(connection: Connection) -> Result<Self, OutboxError> {
        let set_up = |connection: &Connection| {
            connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;",
            )?;
            connection.execute_batch(TABLES)?;
            connection.query_row("UPDATE start SET boot = boot + 1 RETURNING boot", [], |row| {
                row.get::<_, i64>(0)
            })
        };
        let boot = set_up(&connection).map_err(OutboxError::Disk)?;
        // Counters are stored as signed 64-bit integers, hence 31 bits of starts.
        let boot = u32::try_from(boot)
            .ok()
            .filter(|boot| *boot < 1 << 31)
            .ok_or(OutboxError::Exhausted)?;
        Ok(Self {
            disk: Mutex::new(Disk {
                connection,
                next: Counter::new(boot, 0),
            }),
        })
    }

    /// What the device of this file still owes, without opening it for writing or counting a start.
    pub fn standing_of(path: &Path) -> Result<Standing, OutboxError> {
        let at = |source| OutboxError::Open {
            path: path.into(),
            source,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(at)?;
        connection
            .execute_batch("PRAGMA busy_timeout = 5000")
            .map_err(at)?;
        standing(&connection).map_err(OutboxError::Disk)
    }

    /// What the device still owes.
    pub fn standing(&self) -> Result<Standing, OutboxError> {
        standing(&self.lock().connection).map_err(OutboxError::Disk)
    }

    /// Gives each of `said` (time and pack, in order) the next counter, has it signed, and writes all of them and `until`
    /// in one durable transaction.
    pub fn keep(
        &self,
        until: u64,
        said: Vec<(u64, String)>,
        sign: impl Fn(Counter, u64, &str) -> String,
    ) -> Result<(), OutboxError> {
        let disk = &mut *self.lock();
        let mut next = disk.next;
        let write = || -> Result<Counter, OutboxError> {
            let transaction = disk.connection.transaction().map_err(OutboxError::Disk)?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT INTO envelope VALUES (?1, ?2)")
                    .map_err(OutboxError::Disk)?;
                for (time, pack) in said {
                    let text = sign(next, time, &pack);
                    insert
                        .execute(params![stored(next), text])
                        .map_err(OutboxError::Disk)?;
                    let seq = next.seq().checked_add(1).ok_or(OutboxError::Exhausted)?;
                    next = Counter::new(next.boot(), seq);
                }
            }
            transaction
                .execute(
                    "UPDATE start SET until = MAX(until, ?1)",
                    [i64::try_from(until).unwrap_or(i64::MAX)],
                )
                .map_err(OutboxError::Disk)?;
            transaction.commit().map_err(OutboxError::Disk)?;
            Ok(next)
        };
        disk.next = write()?;
        Ok(())
    }

    /// The oldest envelopes, at most `most`, after the counter given, that this seat has not finally answered.
    pub fn waiting_for(
        &self,
        seat: u8,
        after: Option<Counter>,
        most: usize,
    ) -> Result<Vec<(Counter, String)>, OutboxError> {
        let disk = self.lock();
        let read = || {
            let mut select = disk.connection.prepare_cached(
                "SELECT counter, text FROM envelope WHERE counter > ?2 AND NOT EXISTS
                     (SELECT 1 FROM answer WHERE answer.counter = envelope.counter AND seat = ?1)
                 ORDER BY counter LIMIT ?3",
            )?;
            let rows = select.query_map(params![seat, after.map_or(-1, stored), most as i64], |row| {
                Ok((Counter(row.get::<_, i64>(0)?.unsigned_abs()), row.get(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<(Counter, String)>>>()
        };
        read().map_err(OutboxError::Disk)
    }

    /// Takes a seat's answer. Envelopes that `f+1` seats have kept, or that so many seats finally refused that `f+1` can no
    /// longer keep them, are let go of. Returns how many.
    pub fn answered(&self, seat: SeatId, answer: &Answer, seats: Seats) -> Result<usize, OutboxError> {
        let disk = &mut *self.lock();
        let mut write = || -> rusqlite::Result<usize> {
            let transaction = disk.connection.transaction()?;
            let mut let_go = 0;
            for (ranges, kept) in [(&answer.kept, true), (&answer.late, false)] {
                for (boot, from, to) in ranges {
                    let (from, to) = (
                        stored(Counter::new(*boot, *from)),
                        stored(Counter::new(*boot, *to)),
                    );
                    // A range may name more than this device ever said: only what is here counts.
                    let here: Vec<i64> = transaction
                        .prepare_cached("SELECT counter FROM envelope WHERE counter BETWEEN ?1 AND ?2")?
                        .query_map([from, to], |row| row.get(0))?
                        .collect::<rusqlite::Result<_>>()?;
                    for counter in here {
                        transaction
                            .prepare_cached("INSERT OR REPLACE INTO answer VALUES (?1, ?2, ?3)")?
                            .execute(params![counter, seat.0, kept])?;
                        let outcomes: BTreeMap<SeatId, Outcome> = transaction
                            .prepare_cached("SELECT seat, kept FROM answer WHERE counter = ?1")?
                            .query_map([counter], |row| {
                                let outcome = if row.get(1)? { Outcome::Kept } else { Outcome::Late };
                                Ok((SeatId(row.get(0)?), outcome))
                            })?
                            .collect::<rusqlite::Result<_>>()?;
                        if release(&outcomes, seats) != Release::Hold {
                            transaction
                                .prepare_cached("DELETE FROM envelope WHERE counter = ?1")?
                                .execute([counter])?;
                            let_go += 1;
                        }
                    }
                }
            }
            transaction.commit()?;
            Ok(let_go)
        };
        write().map_err(OutboxError::Disk)
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        // A panic between two statements leaves an open transaction, which SQLite rolls back: the state is whole.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stored(counter: Counter) -> i64 {
    i64::try_from(counter.0).unwrap_or(i64::MAX)
}

fn standing(connection: &Connection) -> rusqlite::Result<Standing> {
    let until: Option<i64> = connection
        .query_row("SELECT until FROM start", [], |row| row.get(0))
        .optional()?;
    let waiting: i64 = connection.query_row("SELECT COUNT(*) FROM envelope", [], |row| row.get(0))?;
    Ok(Standing {
        until: until.unwrap_or(0).unsigned_abs(),
        waiting: waiting.unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_oracle_core::types::Kid;

    const FOUR: Seats = Seats(4);

    fn say(outbox: &Outbox, until: u64, packs: &[&str]) {
        let said = packs.iter().map(|pack| (until, (*pack).to_owned())).collect();
        outbox
            .keep(until, said, |counter, _, pack| format!("{counter}:{pack}"))
            .expect("kept");
    }

    fn answer(kept: &[(u32, u32, u32)], late: &[(u32, u32, u32)]) -> Answer {
        Answer {
            kid: Kid([1; 8]),
            kept: kept.into(),
            late: late.into(),
            early: vec![],
        }
    }

    fn texts(outbox: &Outbox, seat: u8) -> Vec<String> {
        outbox
            .waiting_for(seat, None, 100)
            .expect("read")
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn test_r7_2_a_counter_never_comes_twice_however_often_the_device_dies() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("radar.sqlite");
        let mut seen = std::collections::BTreeSet::new();
        for life in 0..5u64 {
            let outbox = Outbox::open(&path).expect("opened");
            say(&outbox, life, &["a", "b"]);
            // The process dies without any farewell: the file is simply opened again.
            std::mem::forget(outbox);
        }
        let outbox = Outbox::open(&path).expect("opened");
        for (counter, text) in outbox.waiting_for(0, None, 100).expect("read") {
            assert!(text.starts_with(&counter.to_string()));
            assert!(seen.insert(counter), "{counter} twice");
        }
        assert_eq!(seen.len(), 10);
        assert_eq!(
            outbox.standing().expect("read"),
            Standing {
                until: 4,
                waiting: 10
            }
        );
        assert_eq!(Outbox::standing_of(&path).expect("read").waiting, 10);
    }

    #[test]
    fn a_start_that_dies_before_it_speaks_still_counts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("scale.sqlite");
        drop(Outbox::open(&path).expect("opened"));
        let outbox = Outbox::open(&path).expect("opened");
        say(&outbox, 1, &["a"]);
        assert_eq!(texts(&outbox, 0), ["2:0:a"]);
    }

    #[test]
    fn an_envelope_that_fails_to_be_signed_leaves_nothing_behind() {
        let outbox = Outbox::in_memory().expect("opened");
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            outbox.keep(9, vec![(9, "a".into()), (9, "b".into())], |counter, _, pack| {
                assert!(counter.seq() == 0, "the signer dies at the second envelope");
                pack.to_owned()
            })
        }));
        assert!(failed.is_err());
        assert_eq!(
            outbox.standing().expect("read"),
            Standing { until: 0, waiting: 0 }
        );
        say(&outbox, 9, &["c"]);
        assert_eq!(texts(&outbox, 0).len(), 1);
    }

    #[test]
    fn test_r7_2_f_plus_one_kept_let_it_go() {
        let outbox = Outbox::in_memory().expect("opened");
        say(&outbox, 1, &["a", "b", "c"]);
        assert_eq!(
            outbox
                .answered(SeatId(0), &answer(&[(1, 0, 1)], &[]), FOUR)
                .expect("written"),
            0
        );
        assert_eq!(
            texts(&outbox, 0),
            ["1:2:c"],
            "a seat that has it is not asked again"
        );
        assert_eq!(texts(&outbox, 1).len(), 3);
        assert_eq!(
            outbox
                .answered(SeatId(0), &answer(&[(1, 0, 1)], &[]), FOUR)
                .expect("written"),
            0,
            "one seat twice"
        );
        assert_eq!(
            outbox
                .answered(SeatId(2), &answer(&[(1, 1, 1)], &[]), FOUR)
                .expect("written"),
            1
        );
        assert_eq!(texts(&outbox, 1), ["1:0:a", "1:2:c"]);
    }

    #[test]
    fn test_r7_2_n_minus_f_late_let_it_go_and_early_does_not() {
        let outbox = Outbox::in_memory().expect("opened");
        say(&outbox, 1, &["a"]);
        let late = answer(&[], &[(1, 0, 0)]);
        for seat in [0, 1] {
            assert_eq!(outbox.answered(SeatId(seat), &late, FOUR).expect("written"), 0);
        }
        let early = Answer {
            early: vec![(1, 0, 0)],
            ..answer(&[], &[])
        };
        assert_eq!(outbox.answered(SeatId(2), &early, FOUR).expect("written"), 0);
        assert_eq!(texts(&outbox, 2).len(), 1, "early is asked again");
        assert_eq!(outbox.answered(SeatId(2), &late, FOUR).expect("written"), 1);
    }

    #[test]
    fn ranges_beyond_what_was_said_are_harmless() {
        let outbox = Outbox::in_memory().expect("opened");
        say(&outbox, 1, &["a"]);
        let all = answer(
            &[(0, 0, u32::MAX), (1, 0, u32::MAX), (u32::MAX, 0, u32::MAX)],
            &[(1, 7, 3)],
        );
        outbox.answered(SeatId(0), &all, FOUR).expect("written");
        assert_eq!(outbox.answered(SeatId(1), &all, FOUR).expect("written"), 1);
        assert_eq!(outbox.standing().expect("read").waiting, 0);
    }

    #[test]
    fn pages_go_oldest_first() {
        let outbox = Outbox::in_memory().expect("opened");
        say(&outbox, 1, &["a", "b", "c"]);
        let first = outbox.waiting_for(0, None, 2).expect("read");
        assert_eq!(first.len(), 2);
        let rest = outbox.waiting_for(0, Some(first[1].0), 2).expect("read");
        assert_eq!(
            rest.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
            ["1:2:c"]
        );
    }
}
