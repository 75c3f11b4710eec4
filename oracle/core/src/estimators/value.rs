//! `value`: the payload is one value of 32 bytes, the last number heard before the cut.
//!
//! Parameters: one byte, which reading (0 pieces, 1 mass in milligrams). The cut is the epoch's end, since a single
//! value has nothing undecided. Verdict STALE where coverage is below 9,000 bps or nothing was heard.

use alloy_primitives::{B256, U256};

use crate::estimators::{
    Case, Estimate, Estimator, Finding, LEAST_COVERAGE, Unusable, closing, coverage, heard,
};
use crate::faults::Fault;
use crate::senml;
use crate::types::Verdict;

/// The estimator.
#[derive(Debug)]
pub struct Value;

/// Which reading the parameters name.
fn which(parameters: &[u8]) -> Result<u8, Unusable> {
    match parameters {
        [which] => Ok(*which),
        _ => Err(Unusable::Parameters {
            estimator: "value",
            given: parameters.len(),
            wanted: 1,
        }),
    }
}

impl Estimator for Value {
    fn name(&self) -> &'static str {
        "value"
    }

    fn check(&self, parameters: &[u8]) -> Result<(), Unusable> {
        which(parameters).map(|_| ())
    }

    fn estimate(&self, case: &Case<'_>) -> Result<Estimate, Unusable> {
        let which = which(&case.terms.parameters)?;
        let cut = case.cut.unwrap_or_else(|| case.end());
        let mut heard = heard(case, cut, case.faults.has(Fault::CountReused));
        let mut latest: Option<(u64, i64)> = None;
        for device in &mut heard {
            for reading in &device.readings {
                let number = match reading.value {
                    senml::Value::Pieces(pieces) if which == 0 => i64::from(pieces),
                    senml::Value::Mass(milligrams) if which == 1 => milligrams,
                    _ => continue,
                };
                device.level = Some(number);
                // Of two devices at one instant the later in the docket's order speaks.
                if latest.is_none_or(|(time, _)| time <= reading.time) {
                    latest = Some((reading.time, number));
                }
            }
        }
        let coverage = coverage(case, cut, &heard);
        let verdict = if coverage < LEAST_COVERAGE || latest.is_none() {
            Verdict::Stale
        } else {
            Verdict::Ok
        };
        let finding = match latest {
            // Two's complement, as Solidity's int256.
            Some((_, number)) if verdict == Verdict::Ok => {
                let magnitude = U256::from(number.unsigned_abs());
                let word = if number < 0 {
                    U256::ZERO.wrapping_sub(magnitude)
                } else {
                    magnitude
                };
                Finding::Value(B256::from(word))
            }
            _ => Finding::Nothing,
        };
        let closing = closing(case, heard);
        Ok(Estimate {
            observed_to: cut,
            verdict,
            confidence: 10_000,
            coverage,
            finding,
            closing,
        })
    }
}
