//! The own nonce ledger: which nonce went to which errand, kept before anything is sent.
//!
//! It lies in a file beside the journal, so that neither waits for the other's fsync. *Never*: a nonce given twice to
//! two errands; a nonce forgotten before the chain has passed it at finality depth.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy::primitives::{Address, B256, Bytes};
use rusqlite::{Connection, Row, params};

/// A transaction on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its nonce.
    pub nonce: u64,
    /// What it is for.
    pub errand: String,
    /// The contract called.
    pub to: Address,
    /// The call.
    pub input: Bytes,
    /// Gas it may use.
    pub gas: u64,
    /// Most wei per gas.
    pub max_fee: u128,
    /// Wei per gas for the block's maker.
    pub tip: u128,
    /// The block after which it was last priced.
    pub priced_at: u64,
    /// It only uses its nonce up; its errand is done otherwise.
    pub cancelled: bool,
    /// Every form in which it was sent, each with its hash.
    pub sent: Vec<(B256, Bytes)>,
}

/// Why the ledger cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NonceError {
    /// The engine refuses.
    #[error("the nonce ledger {path} cannot be {doing}")]
    Engine {
        /// Where it lies.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the engine said.
        #[source]
        source: rusqlite::Error,
    },
    /// It belongs to another account or chain.
    #[error(
        "the nonce ledger {path} is of {given}, this seat pays from {wanted}; move the file away, and keep it"
    )]
    Foreign {
        /// Where it lies.
        path: PathBuf,
        /// Whose it is.
        given: String,
        /// Who asks.
        wanted: String,
    },
}

/// The ledger of one account on one chain.
#[derive(Debug)]
pub struct Nonces {
    path: PathBuf,
    /// Behind a lock only because SQLite's connections may not be shared between threads; nobody contends for it.
    connection: Mutex<Connection>,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS owner (name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tx (
    nonce INTEGER PRIMARY KEY,
    errand TEXT NOT NULL,
    place BLOB NOT NULL,
    input BLOB NOT NULL,
    gas INTEGER NOT NULL,
    max_fee TEXT NOT NULL,
    tip TEXT NOT NULL,
    priced_at INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    outcome TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS sent (
    nonce INTEGER NOT NULL, hash BLOB NOT NULL, raw BLOB NOT NULL, PRIMARY KEY (nonce, hash)
) STRICT;
";

impl Nonces {
    /// Opens the ledger of `owner`, a text that names chain and account, or makes it.
    ///
    /// # Errors
    /// It belongs to another, or the engine refuses.
    pub fn open(path: &Path, owner: &str) -> Result<Self, NonceError> {
        let wrong = |source| NonceError::Engine {
            path: path.into(),
            doing: "opened",
            source,
        };
        let open = || -> rusqlite::Result<(Connection, String)> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "cache_size", -256)?;
            connection.execute_batch(SCHEMA)?;
            connection.execute(
                "INSERT INTO owner SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM owner)",
                [owner],
            )?;
            let given = connection.query_row("SELECT name FROM owner", [], |row| row.get(0))?;
            Ok((connection, given))
        };
        let (connection, given) = open().map_err(wrong)?;
        if given != owner {
            return Err(NonceError::Foreign {
                path: path.into(),
                given,
                wanted: owner.into(),
            });
        }
        Ok(Self {
            path: path.into(),
            connection: Mutex::new(connection),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong(&self, doing: &'static str) -> impl FnOnce(rusqlite::Error) -> NonceError + use<> {
        let path = self.path.clone();
        move |source| NonceError::Engine { path, doing, source }
    }

    /// The first nonce never given out.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn next(&self) -> Result<u64, NonceError> {
        self.connection()
            .query_row("SELECT coalesce(max(nonce) + 1, 0) FROM tx", [], |row| {
                row.get::<_, i64>(0)
            })
            .map(i64::cast_unsigned)
            .map_err(self.wrong("read"))
    }

    /// Keeps a transaction, new or newly priced, before it is sent.
    ///
    /// # Errors
    /// The engine refuses; then nothing may be sent.
    pub fn keep(&self, pending: &Pending) -> Result<(), NonceError> {
        let wrong = self.wrong("written");
        let mut connection = self.connection();
        let mut write = || -> rusqlite::Result<()> {
            let tx = connection.transaction()?;
            tx.execute(
                "INSERT INTO tx VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL)
                 ON CONFLICT (nonce) DO UPDATE SET gas = excluded.gas, max_fee = excluded.max_fee,
                 tip = excluded.tip, priced_at = excluded.priced_at, cancelled = excluded.cancelled",
                params![
                    pending.nonce.cast_signed(),
                    pending.errand,
                    pending.to.as_slice(),
                    pending.input.as_ref(),
                    pending.gas.cast_signed(),
                    pending.max_fee.to_string(),
                    pending.tip.to_string(),
                    pending.priced_at.cast_signed(),
                    pending.cancelled,
                ],
            )?;
            for (hash, raw) in &pending.sent {
                tx.execute(
                    "INSERT INTO sent VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    params![pending.nonce.cast_signed(), hash.as_slice(), raw.as_ref()],
                )?;
            }
            tx.commit()
        };
        write().map_err(wrong)
    }

    /// The chain has passed this nonce at finality depth; what it was is told by `outcome`.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn finish(&self, nonce: u64, outcome: &str) -> Result<(), NonceError> {
        let wrong = self.wrong("written");
        let nonce = nonce.cast_signed();
        let mut connection = self.connection();
        let mut write = || -> rusqlite::Result<()> {
            let tx = connection.transaction()?;
            tx.execute(
                "UPDATE tx SET outcome = ?2, input = x'' WHERE nonce = ?1",
                params![nonce, outcome],
            )?;
            tx.execute("UPDATE sent SET raw = x'' WHERE nonce = ?1", [nonce])?;
            tx.commit()
        };
        write().map_err(wrong)
    }

    /// What is still on its way, in order of nonces.
    ///
    /// # Errors
    /// The engine refuses.
    pub fn pending(&self) -> Result<Vec<Pending>, NonceError> {
        let read = || -> rusqlite::Result<Vec<Pending>> {
            let connection = self.connection();
            let mut statement = connection.prepare(
                "SELECT nonce, errand, place, input, gas, max_fee, tip, priced_at, cancelled
                 FROM tx WHERE outcome IS NULL ORDER BY nonce",
            )?;
            let mut all: Vec<Pending> = statement.query_map([], pending)?.collect::<Result<_, _>>()?;
            let mut statement =
                connection.prepare("SELECT hash, raw FROM sent WHERE nonce = ?1 ORDER BY rowid")?;
            for each in &mut all {
                let rows = statement.query_map([each.nonce.cast_signed()], |row| {
                    let (hash, raw): ([u8; 32], Vec<u8>) = (row.get(0)?, row.get(1)?);
                    Ok((B256::from(hash), Bytes::from(raw)))
                })?;
                each.sent = rows.collect::<Result<_, _>>()?;
            }
            Ok(all)
        };
        read().map_err(self.wrong("read"))
    }
}

fn pending(row: &Row<'_>) -> rusqlite::Result<Pending> {
    let number = |place| -> rusqlite::Result<u128> {
        let text: String = row.get(place)?;
        text.parse()
            .map_err(|_| rusqlite::Error::InvalidColumnType(place, text, rusqlite::types::Type::Text))
    };
    Ok(Pending {
        nonce: row.get::<_, i64>(0)?.cast_unsigned(),
        errand: row.get(1)?,
        to: Address::from(row.get::<_, [u8; 20]>(2)?),
        input: row.get::<_, Vec<u8>>(3)?.into(),
        gas: row.get::<_, i64>(4)?.cast_unsigned(),
        max_fee: number(5)?,
        tip: number(6)?,
        priced_at: row.get::<_, i64>(7)?.cast_unsigned(),
        cancelled: row.get(8)?,
        sent: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(nonce: u64) -> Pending {
        Pending {
            nonce,
            errand: format!("settle 1/{nonce}"),
            to: Address::repeat_byte(1),
            input: Bytes::from_static(b"call"),
            gas: 21_000,
            max_fee: u128::MAX,
            tip: 1,
            priced_at: 7,
            cancelled: false,
            sent: vec![(B256::repeat_byte(2), Bytes::from_static(b"raw"))],
        }
    }

    #[test]
    fn what_is_on_its_way_survives_a_restart_and_no_nonce_is_given_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nonces.db");
        let nonces = Nonces::open(&path, "31337/a").unwrap();
        nonces.keep(&sample(4)).unwrap();
        nonces.keep(&sample(5)).unwrap();
        let dearer = Pending {
            tip: 9,
            sent: vec![(B256::repeat_byte(3), Bytes::from_static(b"again"))],
            ..sample(5)
        };
        nonces.keep(&dearer).unwrap();
        nonces.finish(4, "mined").unwrap();
        drop(nonces);

        let nonces = Nonces::open(&path, "31337/a").unwrap();
        assert_eq!(nonces.next().unwrap(), 6);
        let pending = nonces.pending().unwrap();
        assert_eq!(pending.len(), 1);
        assert_eq!((pending[0].tip, pending[0].sent.len()), (9, 2));
        drop(nonces);
        assert!(matches!(
            Nonces::open(&path, "1/a").unwrap_err(),
            NonceError::Foreign { .. }
        ));
    }
}
