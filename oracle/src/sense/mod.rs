//! Stage 0, the edge: raw frames become readings, readings become signed envelopes.
//!
//! *In*: what sensors give, or recordings of it. *Out*: envelopes, kept on disk until enough seats have them (R7.2).
//! *Never*: a raw frame outside this folder's files, or in a log.
//!
//! Read in this order: [`frames`] → [`features`] → [`model`] (made by [`train`], tried by [`evaluate`]) → [`drivers`] →
//! [`readings`] → [`device`] → [`outbox`] → [`deliver`], all run by [`edge`] after [`config`] and [`clock`]. [`script`] makes a week to replay where there is no sensor.

pub mod clock;
pub mod config;
pub mod deliver;
pub mod device;
pub mod drivers;
pub mod edge;
pub mod evaluate;
pub mod features;
pub mod frames;
mod live;
pub mod model;
pub mod outbox;
pub mod readings;
mod replay;
pub mod script;
pub mod train;
