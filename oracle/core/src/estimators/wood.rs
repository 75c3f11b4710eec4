//! `wood`: who took how much firewood (R8), from a radar, a load cell and a badge reader.
use crate::estimators::{Case, Estimate, Estimator, Unusable};

/// The estimator.
#[derive(Debug)]
pub struct Wood;

impl Estimator for Wood {
    fn name(&self) -> &'static str {
        "wood"
    }

    fn estimate(&self, _case: &Case<'_>) -> Result<Estimate, Unusable> {
        Err(Unusable::Estimator { given: "wood".into() })
    }
}
