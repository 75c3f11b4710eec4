//! One seat of the world: the shipped core over a disk that survives crashes.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_oracle_core::chain::ChainView;
use hearth_oracle_core::effect::{Record, Remembered};
use hearth_oracle_core::seat::{Config, Seat};
use hearth_oracle_core::types::Leaf;

use crate::liar::Bad;

pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) transport: [u8; 32],
    pub(crate) report: [u8; 32],
    /// `None` while it is down.
    pub(crate) seat: Option<Seat>,
    /// Counts its starts, so that what was asked of an earlier life is not answered to a later one.
    pub(crate) life: u32,
    pub(crate) disk: Disk,
    /// Blocks its view lies behind.
    pub(crate) lag: usize,
    pub(crate) bad: Option<Bad>,
}

/// What is durable.
#[derive(Default)]
pub(crate) struct Disk {
    records: Vec<Remembered>,
    pub(crate) raws: BTreeMap<Leaf, Arc<str>>,
}

impl Disk {
    pub(crate) fn write(&mut self, record: Record) {
        if let Record::Kept { held, raw, .. } = &record {
            self.raws.insert(held.leaf, raw.clone());
        }
        self.records.push(record.into());
    }
}

impl Node {
    pub(crate) fn start(&mut self, view: &ChainView) {
        self.life += 1;
        self.seat = Some(Seat::recover(
            self.config.clone(),
            view,
            self.disk.records.iter().cloned(),
        ));
    }

    pub(crate) fn crash(&mut self) {
        self.seat = None;
    }
}
