//! The clerk against a real chain.

mod acts;
mod paper;
