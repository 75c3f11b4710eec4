//! Confidence from margins: a rising staircase fitted to readings held out of training (isotonic regression).

use crate::sense::model::Step;

/// A held-out reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trial {
    /// Its margin, in score units.
    pub(super) margin: i64,
    /// Whether it was right.
    pub(super) right: bool,
}

/// Readings pooled into a first block, so that one lucky reading makes no certainty.
const LEAST_BLOCK: usize = 10;

/// Fits a staircase. `independent` is how many of the trials count as independent of each other (windows that share frames
/// do not): a block of `n` such trials of which `r` were right is trusted with `(r + 1) / (n + 2)`.
pub(super) fn staircase(mut trials: Vec<Trial>, independent: f64) -> Vec<Step> {
    trials.sort_by_key(|trial| (trial.margin, trial.right));
    let weight = independent / trials.len().max(1) as f64;
    // (lowest margin, right, all)
    let mut blocks: Vec<(i64, f64, f64)> = Vec::new();
    for chunk in trials.chunks(LEAST_BLOCK) {
        let right = chunk.iter().filter(|trial| trial.right).count() as f64;
        blocks.push((chunk[0].margin, right, chunk.len() as f64));
        // Pool adjacent violators: a block surer than the one above it joins it.
        while let [.., below, above] = blocks.as_mut_slice() {
            let falls = below.1 / below.2 >= above.1 / above.2;
            if !falls && below.0 != above.0 {
                break;
            }
            below.1 += above.1;
            below.2 += above.2;
            blocks.pop();
        }
    }
    let mut steps: Vec<Step> = Vec::new();
    for (margin, right, all) in blocks {
        let share = (right * weight + 1.0) / (all * weight + 2.0);
        // The prior pulls small blocks to one half; a higher margin never means less.
        let bps = ((share * 10_000.0) as u16).max(steps.last().map_or(0, |step| step.bps));
        steps.push(Step {
            margin: if steps.is_empty() { 0 } else { margin },
            bps,
        });
    }
    if steps.is_empty() {
        steps.push(Step { margin: 0, bps: 0 });
    }
    steps
}

/// Mean distance, in bps, between stated confidence and the share read rightly: fitted on one half of the trials, tried on
/// the other, both ways, over ten bins of equal size.
pub(super) fn calibration_error_bps(trials: &[Trial], independent: f64) -> u16 {
    let halves: [Vec<Trial>; 2] = [0, 1].map(|half| trials.iter().skip(half).step_by(2).copied().collect());
    let mut error = 0.0;
    let mut tried = 0.0;
    for (fitted, other) in [(0, 1), (1, 0)] {
        let steps = staircase(halves[fitted].clone(), independent / 2.0);
        let mut apart = halves[other].clone();
        apart.sort_by_key(|trial| (trial.margin, trial.right));
        for bin in apart.chunks(apart.len().div_ceil(10).max(1)) {
            let stated: f64 = bin
                .iter()
                .map(|trial| {
                    let above = steps.partition_point(|step| step.margin <= trial.margin);
                    if above == 0 {
                        0.0
                    } else {
                        f64::from(steps[above - 1].bps)
                    }
                })
                .sum();
            let right = bin.iter().filter(|trial| trial.right).count() as f64 * 10_000.0;
            error += (stated - right).abs();
            tried += bin.len() as f64;
        }
    }
    if tried == 0.0 {
        10_000
    } else {
        (error / tried).min(10_000.0) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trials(parts: &[(i64, usize, usize)]) -> Vec<Trial> {
        let mut all = Vec::new();
        for (margin, right, wrong) in parts {
            all.extend((0..*right).map(|i| Trial {
                margin: margin + i as i64,
                right: true,
            }));
            all.extend((0..*wrong).map(|i| Trial {
                margin: margin + i as i64,
                right: false,
            }));
        }
        all
    }

    #[test]
    fn sure_readings_get_more_than_unsure_ones() {
        let steps = staircase(trials(&[(0, 50, 50), (1_000, 200, 0)]), 300.0);
        assert!(steps[0].bps < 6_000, "{steps:?}");
        assert!(steps.last().expect("steps").bps > 9_800, "{steps:?}");
        assert_eq!(steps[0].margin, 0);
    }

    #[test]
    fn few_independent_readings_make_no_certainty() {
        let all_right = trials(&[(0, 400, 0)]);
        assert!(staircase(all_right.clone(), 4.0)[0].bps < 8_400);
        assert!(staircase(all_right, 400.0)[0].bps > 9_900);
        assert_eq!(staircase(vec![], 0.0), [Step { margin: 0, bps: 0 }]);
    }

    #[test]
    fn honest_confidence_has_a_small_error() {
        let honest = trials(&[(0, 100, 100), (10_000, 500, 0)]);
        assert!(calibration_error_bps(&honest, 700.0) < 300);
        assert_eq!(calibration_error_bps(&[], 0.0), 10_000);
    }

    proptest! {
        #[test]
        fn stairs_only_rise(given in proptest::collection::vec((0i64..1_000, any::<bool>()), 0..200)) {
            let given: Vec<Trial> = given.into_iter().map(|(margin, right)| Trial { margin, right }).collect();
            let independent = given.len() as f64;
            let steps = staircase(given, independent);
            prop_assert!(steps.windows(2).all(|pair| pair[0].margin < pair[1].margin && pair[0].bps <= pair[1].bps));
        }
    }
}
