//! Confidence from margins: a logistic curve over the root of the margin, fitted to readings held out of training.
//!
//! A curve of two numbers needs far fewer readings than a staircase of shares: each of its stairs must be pulled to one half
//! by a prior of its own, and a staircase over some hundred frames says hundreds of bps less than is true.

use crate::sense::model::{Step, look_up};

/// A held-out reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trial {
    /// Its margin, in score units.
    pub(super) margin: i64,
    /// Whether it was right.
    pub(super) right: bool,
    /// The part of the recordings it was held out with.
    pub(super) fold: usize,
}

/// Between two steps of a confidence table, in bps; a step states what holds at its lower end.
const STAIR: u16 = 50;
/// Bins of equal size over which stated confidence is compared with what was right.
const BINS: usize = 10;
/// Half a right and half a wrong reading are added to those tried (the prior of Jeffreys), or few lucky ones would make
/// certainty.
const PRIOR: f64 = 0.5;
/// Keeps the slope finite where one margin parts all right readings from all wrong ones.
const RIDGE: f64 = 1e-3;
/// Newton's steps at most; some six suffice.
const ROUNDS: usize = 50;

/// `p(margin) = logistic(level + slope · √(margin / unit))`, never above `most`.
struct Curve {
    unit: f64,
    level: f64,
    slope: f64,
    most: f64,
}

fn logistic(nats: f64) -> f64 {
    1.0 / (1.0 + (-nats).exp())
}

fn nats(share: f64) -> f64 {
    (share / (1.0 - share)).ln()
}

impl Curve {
    /// The likeliest curve that does not fall. `independent` is how many of the trials count as independent of each other:
    /// windows that share frames do not.
    fn fit(trials: &[Trial], independent: f64) -> Self {
        let weight = independent / trials.len() as f64;
        let mean = trials.iter().map(|trial| trial.margin as f64).sum::<f64>() / trials.len() as f64;
        let unit = mean.max(1.0);
        // (root of the margin, weight if right, weight if wrong); the prior sits at the mean margin.
        let mut points: Vec<(f64, f64, f64)> = trials
            .iter()
            .map(|trial| {
                let right = f64::from(u8::from(trial.right));
                (
                    (trial.margin as f64 / unit).sqrt(),
                    weight * right,
                    weight * (1.0 - right),
                )
            })
            .collect();
        points.push((1.0, PRIOR, PRIOR));
        let right: f64 = points.iter().map(|(_, right, _)| right).sum();
        let flat = nats(right / (independent + 2.0 * PRIOR));
        let most = (independent + PRIOR) / (independent + 2.0 * PRIOR);
        let (level, slope) = steepest(&points, flat);
        // Where surer readings were no better, one confidence holds for all.
        let (level, slope) = if slope > 0.0 { (level, slope) } else { (flat, 0.0) };
        Self {
            unit,
            level,
            slope,
            most,
        }
    }

    /// The curve as a table of integers.
    fn steps(&self) -> Vec<Step> {
        let bps = |share: f64| (share * 10_000.0) as u16;
        let most = bps(self.most);
        let mut steps = vec![Step {
            margin: 0,
            bps: bps(logistic(self.level)).min(most),
        }];
        let mut add = |bps: u16| {
            let root = (nats(f64::from(bps) / 10_000.0) - self.level) / self.slope;
            let margin = (self.unit * root * root).ceil();
            let last = steps.last().expect("there is a first");
            if bps > last.bps && margin > last.margin as f64 && margin < i64::MAX as f64 {
                steps.push(Step {
                    margin: margin as i64,
                    bps,
                });
            }
        };
        if self.slope > 0.0 {
            (1..)
                .map(|stair| stair * STAIR)
                .take_while(|bps| *bps < most)
                .for_each(&mut add);
            add(most);
        }
        steps
    }
}

/// Level and slope of the logistic curve through `(x, right, wrong)`, by Newton's method from a flat curve.
fn steepest(points: &[(f64, f64, f64)], flat: f64) -> (f64, f64) {
    let loss = |level: f64, slope: f64| {
        let of_points = points.iter().map(|(x, right, wrong)| {
            let share = logistic(level + slope * x).clamp(1e-300, 1.0 - 1e-16);
            -right * share.ln() - wrong * (1.0 - share).ln()
        });
        of_points.sum::<f64>() + 0.5 * RIDGE * slope * slope
    };
    let (mut level, mut slope) = (flat, 0.0);
    let mut least = loss(level, slope);
    for _ in 0..ROUNDS {
        let (mut down, mut along) = (0.0, RIDGE * slope);
        let (mut both, mut cross, mut square) = (0.0, 0.0, RIDGE);
        for (x, right, wrong) in points {
            let share = logistic(level + slope * x);
            let off = (right + wrong) * share - right;
            let bend = (right + wrong) * share * (1.0 - share);
            down += off;
            along += off * x;
            both += bend;
            cross += bend * x;
            square += bend * x * x;
        }
        let determinant = (both * square - cross * cross).max(1e-12);
        let by = (
            (square * down - cross * along) / determinant,
            (both * along - cross * down) / determinant,
        );
        // A whole step may overshoot where the curve is nearly flat.
        let better = (0..30).map(|halvings| 0.5f64.powi(halvings)).find_map(|part| {
            let (level, slope) = (level - part * by.0, slope - part * by.1);
            let now = loss(level, slope);
            (now < least).then_some((level, slope, now))
        });
        match better {
            Some(found) => (level, slope, least) = found,
            None => break,
        }
    }
    (level, slope)
}

/// A confidence table. `independent` is how many of the trials count as independent of each other.
pub(super) fn table(trials: &[Trial], independent: f64) -> Vec<Step> {
    if trials.is_empty() {
        return vec![Step { margin: 0, bps: 0 }];
    }
    Curve::fit(trials, independent).steps()
}

/// Mean distance, in bps, between stated confidence and the share read rightly, over bins of equal size: each part of the
/// recordings is stated by a table that was fitted to the others alone.
pub(super) fn calibration_error_bps(trials: &[Trial], independent: f64) -> u16 {
    let folds = trials.iter().map(|trial| trial.fold + 1).max().unwrap_or(0);
    let mut stated: Vec<(u16, bool)> = Vec::with_capacity(trials.len());
    for fold in 0..folds {
        let (apart, others): (Vec<Trial>, Vec<Trial>) = trials.iter().partition(|trial| trial.fold == fold);
        let steps = table(&others, independent * others.len() as f64 / trials.len() as f64);
        stated.extend(
            apart
                .iter()
                .map(|trial| (look_up(&steps, trial.margin), trial.right)),
        );
    }
    if stated.is_empty() {
        return 10_000;
    }
    stated.sort_unstable();
    let off = stated.chunks(stated.len().div_ceil(BINS)).map(|bin| {
        let said: i64 = bin.iter().map(|(bps, _)| i64::from(*bps)).sum();
        let right = bin.iter().filter(|(_, right)| *right).count() as i64;
        (said - right * 10_000).unsigned_abs()
    });
    (off.sum::<u64>() / stated.len() as u64).min(10_000) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// So many right and wrong readings at each margin, spread over four parts.
    fn trials(parts: &[(i64, usize, usize)]) -> Vec<Trial> {
        let mut all = Vec::new();
        for (margin, right, wrong) in parts {
            // Spread evenly, so that no part and no margin holds more of the wrong ones.
            let of = right + wrong;
            all.extend((0..of).map(|i| Trial {
                margin: margin + i as i64,
                right: (i + 1) * right / of > i * right / of,
                fold: i / 2 % 4,
            }));
        }
        all
    }

    #[test]
    fn sure_readings_get_more_than_unsure_ones() {
        let steps = table(&trials(&[(0, 50, 50), (10_000, 200, 0)]), 300.0);
        assert_eq!(steps[0].margin, 0);
        assert!(look_up(&steps, 50) < 6_000, "{steps:?}");
        assert!(look_up(&steps, 10_000) > 9_800, "{steps:?}");
    }

    #[test]
    fn few_independent_readings_make_no_certainty() {
        let all_right = trials(&[(1_000, 400, 0)]);
        let most = |independent| table(&all_right, independent).last().expect("steps").bps;
        assert!((8_500..9_000).contains(&most(4.0)));
        assert!((9_900..10_000).contains(&most(400.0)));
        assert_eq!(table(&[], 0.0), [Step { margin: 0, bps: 0 }]);
    }

    #[test]
    fn a_curve_finds_the_shares_it_was_drawn_from() {
        // 500 readings at each root of a margin 1 to 8, right as often as logistic(-1 + root / 2) says.
        let drawn: Vec<Trial> = (1..=8i64)
            .flat_map(|root| {
                let right = (500.0 * logistic(-1.0 + root as f64 / 2.0)).round() as usize;
                (0..500).map(move |i| Trial {
                    margin: root * root * 1_000,
                    right: i < right,
                    fold: i % 4,
                })
            })
            .collect();
        let steps = table(&drawn, 4_000.0);
        for root in 1..=8i64 {
            let exact = logistic(-1.0 + root as f64 / 2.0) * 10_000.0;
            let stated = f64::from(look_up(&steps, root * root * 1_000));
            assert!(
                (exact - 60.0..exact + 10.0).contains(&stated),
                "{root}: {stated} for {exact}"
            );
        }
    }

    #[test]
    fn readings_that_are_no_better_when_surer_get_one_confidence() {
        let falling = trials(&[(0, 100, 0), (10_000, 50, 50)]);
        let steps = table(&falling, 200.0);
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert!((7_300..7_600).contains(&steps[0].bps), "{steps:?}");
    }

    #[test]
    fn an_error_is_what_other_parts_foretell_wrongly() {
        let honest = trials(&[(0, 100, 100), (10_000, 496, 4), (40_000, 500, 0)]);
        assert!(calibration_error_bps(&honest, 1_200.0) < 300);
        // One part in four is always wrong: whatever the other parts say of it is false.
        let one_part_lies: Vec<Trial> = honest
            .into_iter()
            .map(|trial| Trial {
                right: trial.fold != 0,
                ..trial
            })
            .collect();
        assert!(calibration_error_bps(&one_part_lies, 1_200.0) > 2_000);
        assert_eq!(calibration_error_bps(&[], 0.0), 10_000);
    }

    proptest! {
        #[test]
        fn steps_only_rise(given in proptest::collection::vec((0i64..1_000_000, any::<bool>(), 0usize..4), 0..200)) {
            let given: Vec<Trial> =
                given.into_iter().map(|(margin, right, fold)| Trial { margin, right, fold }).collect();
            let steps = table(&given, given.len() as f64);
            prop_assert_eq!(steps[0].margin, 0);
            prop_assert!(steps.windows(2).all(|pair| pair[0].margin < pair[1].margin && pair[0].bps < pair[1].bps));
            prop_assert!(steps.iter().all(|step| step.bps < 10_000));
        }
    }
}
