//! The badge reader: says which badge was held to it. Whose badge that is, the docket knows; the reader does not.

use super::{Driver, DriverError, Kind, Settings, Unheard};
use alloy::primitives::B256;
use hearth_oracle_core::senml::{Reading, Value};

/// A badge reader that gives the hash of a badge, 64 hex digits a line.
#[derive(Debug)]
pub struct Badge;

impl Kind for Badge {
    fn name(&self) -> &'static str {
        "badge"
    }

    fn lines(&self) -> &'static str {
        "a badge's hash, 64 hex digits"
    }

    fn open(&self, settings: &Settings) -> Result<Box<dyn Driver>, DriverError> {
        settings.only(self.name(), &[])?;
        Ok(Box::new(Reader))
    }
}

struct Reader;

impl Driver for Reader {
    fn hear(&mut self, line: &str, at: u64) -> Result<Vec<Reading>, Unheard> {
        let badge: B256 = line.trim().parse().map_err(|_| Unheard {
            kind: Badge.name(),
            wanted: Badge.lines(),
        })?;
        Ok(vec![Reading {
            time: at,
            value: Value::Tap(badge),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_is_said_as_it_is() {
        let mut reader = Badge.open(&Settings::default()).expect("a reader");
        let badge = B256::repeat_byte(0xab);
        for line in [format!("{badge}\n"), alloy::primitives::hex::encode(badge)] {
            assert_eq!(
                reader.hear(&line, 9),
                Ok(vec![Reading {
                    time: 9,
                    value: Value::Tap(badge)
                }])
            );
        }
        for line in ["", "ab", "not a badge"] {
            assert!(reader.hear(line, 9).is_err(), "{line}");
        }
    }
}
