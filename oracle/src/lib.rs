//! The witness: one daemon that hears sensors, agrees with its peers and reports to the chain.

pub mod check;
pub mod clock;
pub mod config;
pub mod init;
pub mod journal;
pub mod key;
pub mod sense;
pub mod sign;
