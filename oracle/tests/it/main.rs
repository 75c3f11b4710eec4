//! The witness from outside: its edge, and its seats against a real chain.
//!
//! Seats need anvil, which the test command brings; without it their tests fail.

mod agreement;
mod faulty_rpc;
mod outages;
mod polity;
mod secrets;
mod sense;
