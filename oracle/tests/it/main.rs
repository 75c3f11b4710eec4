//! The witness from outside: its edge, and its seats against a real chain.
//!
//! Seats need anvil, which the test command brings; without it their tests fail.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic is the message; clippy knows only test functions"
)]

mod agreement;
mod bad_journals;
mod binary;
mod doctor;
mod faulty_rpc;
mod figures;
mod outages;
mod polity;
mod secrets;
mod sense;
