//! The load cell: says what the pile weighs, whenever that changes and now and then.
//!
//! It says readings, not steps: a load cell drifts with the day's warmth, and what is a step is for the estimator to judge,
//! by the noise band its stream states (R7.9). Saying a quiet cell now and then keeps drift between two readings small.

use super::{Driver, DriverError, Kind, Settings, Unheard};
use hearth_oracle_core::senml::{Reading, Value, exact};

/// A load cell that gives grams, a decimal number a line.
#[derive(Debug)]
pub struct Scale;

impl Kind for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn lines(&self) -> &'static str {
        "grams, a decimal number with at most 3 decimals"
    }

    fn open(&self, settings: &Settings) -> Result<Box<dyn Driver>, DriverError> {
        settings.only(self.name(), &["quiet_grams", "quiet_seconds"])?;
        Ok(Box::new(LoadCell {
            quiet_milligrams: i64::from(settings.quiet_grams.unwrap_or(50)) * 1_000,
            quiet_seconds: u64::from(settings.quiet_seconds.unwrap_or(900)),
            last: None,
        }))
    }
}

struct LoadCell {
    quiet_milligrams: i64,
    quiet_seconds: u64,
    /// Mass in milligrams and time of what was last said.
    last: Option<(i64, u64)>,
}

impl Driver for LoadCell {
    fn hear(&mut self, line: &str, at: u64) -> Result<Vec<Reading>, Unheard> {
        let unheard = Unheard {
            kind: Scale.name(),
            wanted: Scale.lines(),
        };
        let milligrams = exact(line.trim(), 3)
            .filter(|mass| mass.unsigned_abs() < 1 << 50)
            .ok_or(unheard)?;
        let quiet = self.last.is_some_and(|(last, said)| {
            (milligrams - last).abs() < self.quiet_milligrams && at < said + self.quiet_seconds
        });
        if quiet {
            return Ok(vec![]);
        }
        self.last = Some((milligrams, at));
        Ok(vec![Reading {
            time: at,
            value: Value::Mass(milligrams),
        }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_said_at_once_and_quiet_now_and_then() {
        let settings = Settings {
            quiet_grams: Some(50),
            quiet_seconds: Some(600),
            ..Settings::default()
        };
        let mut cell = Scale.open(&settings).expect("a load cell");
        let mut check = |line: &str, at: u64, expect: &[i64]| {
            let said: Vec<i64> = cell
                .hear(line, at)
                .expect("a reading")
                .into_iter()
                .map(|reading| match reading.value {
                    Value::Mass(mass) => mass,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(said, expect, "{line} at {at}");
        };
        check("52000.5", 0, &[52_000_500]);
        check("52010", 10, &[]);
        check("51000", 20, &[51_000_000]);
        check("51049.999", 30, &[]);
        check("51001", 620, &[51_001_000]);
        check("-3", 621, &[-3_000]);
    }

    #[test]
    fn other_lines_are_refused() {
        let mut cell = Scale.open(&Settings::default()).expect("a load cell");
        for line in ["", "heavy", "1.2345", "NaN", "1e30"] {
            assert!(cell.hear(line, 0).is_err(), "{line}");
        }
    }
}
