//! The clerk: founds a charter by one path, and serves founders and members at the command line.

pub mod amount;
pub mod card;
pub mod kit;
