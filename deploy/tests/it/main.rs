//! The clerk against a real chain.

mod paper;
