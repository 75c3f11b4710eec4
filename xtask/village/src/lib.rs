//! A village of real processes on a local chain: the demo, the faults and the measurements.
//!
//! Everything here drives the binaries people install, over the doors people use; nothing of the walk is done again.

pub mod chain;
pub mod child;
pub mod faulty_rpc;
