//! A village of real processes on a local chain: the demo, the faults and the measurements.
//!
//! Everything here drives the binaries people install, over the doors people use; nothing of the walk is done again.
//!
//! - Owned things: [`chain`] (anvil and the one hand on its clock), [`child`] (programs), [`seats`], [`edge`],
//!   [`faulty_rpc`].
//! - The village: [`people`], [`pile`] (what the radar learns and sees), [`village`] (founding), [`binaries`].
//! - A week, and what the chain says afterwards: [`week`], [`report`], [`accounts`], [`outcome`].
//! - Commands: [`demo`], [`faults`], [`bench`], told on a [`screen`].

pub mod accounts;
pub mod bench;
pub mod binaries;
pub mod chain;
pub mod child;
pub mod demo;
pub mod edge;
pub mod faults;
pub mod faulty_rpc;
pub mod outcome;
pub mod people;
pub mod pile;
pub mod ports;
pub mod report;
pub mod screen;
pub mod seats;
pub mod village;
pub mod week;
