//! Stage 3, the disk: what must survive a restart, in the order in which it arrived.
//!
//! *In*: the core's [`Record`]s, many at once. *Out*: durability, and after a restart the same records in the same
//! order. *Refuses*: a journal of another polity or seat, a damaged one, a newer layout. *Never*: an update in place of
//! anything that was acknowledged.
//!
//! One trait, so that a journal in another engine can stand beside SQLite.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use alloy::primitives::B256;
use hearth_oracle_core::effect::{Record, Remembered};
use hearth_oracle_core::estimators::Item;
use hearth_oracle_core::types::{Epoch, Leaf, MemberId, StreamId};
use hearth_oracle_core::verify::Held;

pub mod sqlite;

/// Why the journal cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The engine refuses.
    #[error("the journal {path} cannot be {doing}")]
    Engine {
        /// Where it lies.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the engine said.
        #[source]
        source: rusqlite::Error,
    },
    /// It belongs to another seat or polity.
    #[error(
        "the journal {path} is of {what} {given}, this seat is of {what} {wanted}: correct the configuration, or give \
         this seat a state folder of its own; one on which no seat has signed may be moved away"
    )]
    Foreign {
        /// Where it lies.
        path: PathBuf,
        /// What differs: network, which follows from chain id and charter, or seat.
        what: &'static str,
        /// Whose it is.
        given: String,
        /// Who asks.
        wanted: String,
    },
    /// Its layout is not one this release knows.
    #[error(
        "the journal {path} has layout {given}, this release knows {wanted}; use the release that wrote it"
    )]
    Layout {
        /// Where it lies.
        path: PathBuf,
        /// Its layout.
        given: i64,
        /// The one known.
        wanted: i64,
    },
    /// A seat has run on this folder, and its journal is gone, or has lost its tables with the log beside it.
    #[error(
        "the journal {path} is gone or empty though a seat has run here; what it signed is forgotten: put the file \
         back, with the log {path}-wal that lay beside it, or move the whole state folder away and wait until the open \
         epochs' reports are accepted"
    )]
    Gone {
        /// Where it lay.
        path: PathBuf,
    },
    /// The file ends before its last page.
    #[error(
        "the journal {path} has {given} bytes, wanted {wanted}: it was cut off, and the seat signs nothing with it; move \
         the state folder away, keep it, and wait until the open epochs' reports are accepted"
    )]
    Truncated {
        /// Where it lies.
        path: PathBuf,
        /// Its size.
        given: u64,
        /// What its first page says.
        wanted: u64,
    },
    /// A record is not as it was written.
    #[error(
        "record {n} of the journal {path} is damaged; the seat signs nothing with it: move the state folder away, keep \
         it, and wait until the open epochs' reports are accepted"
    )]
    Damaged {
        /// Where it lies.
        path: PathBuf,
        /// Which record.
        n: i64,
    },
}

impl JournalError {
    /// Whether room on the disk, or another process letting go, can mend it: then the same commit is tried again.
    #[must_use]
    pub fn passes(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        matches!(
            self,
            Self::Engine { source, .. }
                if matches!(source.sqlite_error_code(), Some(DiskFull | DatabaseBusy | DatabaseLocked))
        )
    }
}

/// Keeps records; one owner writes.
pub trait Journal: Send {
    /// Makes all of them durable, in order, or none.
    ///
    /// # Errors
    /// The engine refuses; nothing of them is kept.
    fn commit(&mut self, records: &[Record]) -> Result<(), JournalError>;

    /// Everything still needed, in the order in which it was committed.
    ///
    /// # Errors
    /// The engine refuses, or a record is damaged.
    fn recall(&mut self) -> Result<Vec<Remembered>, JournalError>;

    /// Nothing of the stream before `epoch`, which begins at `begin`, is recalled any more. Envelopes from before
    /// `purge` are let go; a few at a time, so call it again.
    ///
    /// # Errors
    /// The engine refuses.
    fn forget(&mut self, stream: StreamId, epoch: Epoch, begin: u64, purge: u64) -> Result<(), JournalError>;

    /// A reader for another thread.
    ///
    /// # Errors
    /// The engine refuses.
    fn shelf(&self) -> Result<Box<dyn Shelf>, JournalError>;
}

/// Reads envelopes back while another thread writes.
pub trait Shelf: Send {
    /// The texts of these envelopes; what is not there is left out.
    ///
    /// # Errors
    /// The engine refuses.
    fn fetch(&mut self, wanted: &[Held]) -> Result<HashMap<Leaf, Arc<str>>, JournalError>;

    /// How an epoch of a stream was closed: the report of this digest, or where it is not known the last one.
    ///
    /// # Errors
    /// The engine refuses.
    fn closed(
        &mut self,
        stream: StreamId,
        epoch: Epoch,
        digest: Option<B256>,
    ) -> Result<Option<ClosedEpoch>, JournalError>;
}

/// What stands behind an accepted report's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedEpoch {
    /// What the members' salts are derived from, where this seat knows it.
    pub seed: Option<B256>,
    /// Each member's list.
    pub itemised: BTreeMap<MemberId, Vec<Item>>,
}
