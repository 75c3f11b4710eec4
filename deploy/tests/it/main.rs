//! The clerk against a real chain.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acts;
mod bad_kits;
mod bytecode;
mod founding;
mod paper;
mod story;
