//! The witness: one daemon that hears sensors, agrees with its peers and reports to the chain.
//!
//! # Layout
//! - The edge: [`sense`] (stage 0).
//! - The walk: [`ingest`] (1), the core crate's stages, [`journal`] (3), [`sign`] (7), [`peers`] (8), [`submit`] (9).
//! - What carries it: [`run`] starts everything, `witness` owns the seat, `reread` reads envelopes back, [`chain`]
//!   looks at the chain.
//! - The operator: [`config`], [`init`], [`check`], [`key`], [`status`], [`doctor`], [`metrics`].

pub mod chain;
pub mod check;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod ingest;
pub mod init;
pub mod journal;
pub mod key;
pub mod metrics;
pub mod peers;
mod reread;
#[cfg(test)]
mod rig;
pub mod run;
pub mod sense;
pub mod sign;
pub mod status;
pub mod submit;
mod witness;
