//! A village of real processes on a local chain.
fn main() {}
