//! The deciding parts of the witness: pure, without input or output.
//!
//! # Layout
//! - The boundary: [`effect`] (events in, effects out), [`chain`] (what a seat sees of the chain), [`seat`] (its state
//!   and [`seat::step`]).
//! - The walk: [`verify`] (2), [`gather`] (3), [`senml`] (4), [`estimators`] (5), [`report`] (6), [`guard`] (7),
//!   [`quorum`] (8).
//! - Between seats: [`message`], and to devices: [`answer`]. What a device's model says of itself: [`meter`].
//! - Beneath: [`types`], [`crypto`], [`jws`], [`merkle`], [`faults`].

pub mod chain;
pub mod effect;
pub mod seat;

pub mod verify;

pub mod gather;

pub mod senml;

pub mod estimators;

pub mod report;

pub mod guard;

pub mod quorum;

pub mod answer;
pub mod message;

pub mod crypto;
pub mod faults;
pub mod itemised;
pub mod jws;
pub mod merkle;
pub mod meter;
pub mod types;
