//! A name for people, of a charter and of all that it names.

use std::fmt;
use std::str::FromStr;

/// 1 to 32 lower-case letters, digits and hyphens: read alike by everybody, and nothing that a screen or a file takes for
/// more than a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub(crate) String);

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "given {text:?}, wanted 1 to 32 lower-case letters, digits and hyphens"
            ))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
