//! The witness from outside.

mod sense;
