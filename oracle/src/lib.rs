//! The witness: one daemon that hears sensors, agrees with its peers and reports to the chain.

pub mod sense;
