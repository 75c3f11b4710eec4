//! The clerk.
fn main() {}
