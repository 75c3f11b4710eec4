//! The clerk: founds a charter by one path, and serves founders and members at the command line.

pub mod act;
pub mod amount;
pub mod artifacts;
pub mod calendar;
pub mod card;
pub mod carry;
pub mod chain;
pub mod compile;
pub mod digest;
pub mod docket;
pub mod draft;
pub mod found;
mod handed;
pub mod kit;
pub mod limits;
pub mod list;
pub mod member;
pub mod name;
pub mod open;
pub mod plain;
pub mod plan;
pub mod refusal;
pub mod rehearse;
pub mod sign;
pub mod template;
pub mod throwaway;
pub mod view;
