//! A village of real processes on a local chain: the demo, the faults and the measurements.
//!
//! Everything here drives the binaries people install, over the doors people use; nothing of the walk is done again.
//!
//! - Owned things: [`chain`] (anvil and the one hand on its clock), [`child`] (programs), [`faulty_rpc`].

pub mod bench;
pub mod binaries;
pub mod chain;
pub mod child;
pub mod faulty_rpc;
pub mod people;
pub mod pile;
pub mod screen;
