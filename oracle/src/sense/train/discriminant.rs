//! The shrunk linear discriminant, in floats: the only part of sensing where they are allowed, since it runs once, before
//! the model's hash goes on chain.

use nalgebra::{DMatrix, DVector};

/// Columns solved together. Everything heavy happens in products of blocks, which the linear algebra crate hands to a tuned
/// kernel; a textbook loop would take ten times as long, and a hundred times in a debug build.
const BLOCK: usize = 32;

/// Residuals from which the noise of a mean is measured: so many of them, evenly spread, tell it within some percent.
const RESIDUALS: usize = 64;

/// What training knows of a set of labelled rows, from which discriminants of any shrinkage follow.
pub(super) struct Scatter {
    centre: DVector<f64>,
    spread: DVector<f64>,
    /// Standardised means, one column per class.
    means: DMatrix<f64>,
    /// How far some of the frames lie from their class's mean.
    residuals: DMatrix<f64>,
    /// Frames of a class, on average.
    frames: f64,
    /// Classes with a neighbour below and above.
    between: Vec<usize>,
    /// Standardised within-class scatter, per row.
    within: DMatrix<f64>,
}

/// A discriminant over raw (not standardised) features: `scores = weights' · features + biases`, in nats.
pub(super) struct Discriminant {
    pub(super) weights: DMatrix<f64>,
    pub(super) biases: DVector<f64>,
}

impl Scatter {
    /// Measures the columns `chosen` of `features` (one frame a column), whose classes are `classes` (indices into
    /// `counts`, which ascend). Features of one kind are scaled alike, so that a loud sample keeps counting for more than a faint
    /// one; kinds are scaled to the same spread within classes, since their units say nothing about each other.
    pub(super) fn of(
        features: &DMatrix<f64>,
        kinds: &[usize],
        chosen: &[usize],
        classes: &[usize],
        counts: &[u16],
    ) -> Self {
        let mut rows = features.select_columns(chosen);
        let count = chosen.len() as f64;
        let centre = rows.column_mean();
        let mut means = DMatrix::zeros(rows.nrows(), counts.len());
        let mut members = vec![0.0; counts.len()];
        for (mut column, index) in rows.column_iter_mut().zip(chosen) {
            column -= &centre;
            let mut mean = means.column_mut(classes[*index]);
            mean += &column;
            members[classes[*index]] += 1.0;
        }
        for (mut mean, members) in means.column_iter_mut().zip(&members) {
            mean /= f64::max(*members, 1.0);
        }
        for (mut column, index) in rows.column_iter_mut().zip(chosen) {
            column -= means.column(classes[*index]);
        }
        let mut spread = DVector::from_element(rows.nrows(), 1.0);
        let mut from = 0;
        for kind in kinds {
            let variance = rows.rows(from, *kind).norm_squared() / (count * *kind as f64);
            // A kind that never moves says nothing; a spread of one leaves it at zero instead of dividing by it.
            if variance > 1e-12 {
                spread.rows_mut(from, *kind).fill(variance.sqrt());
            }
            from += kind;
        }
        for mut column in rows.column_iter_mut().chain(means.column_iter_mut()) {
            column.component_div_assign(&spread);
        }
        let within = (&rows * rows.transpose()) / count;
        Self {
            centre,
            spread,
            means,
            residuals: rows.select_columns(&evenly(RESIDUALS, chosen.len())),
            frames: count / counts.len() as f64,
            between: between(counts),
            within,
        }
    }

    /// The discriminant whose scatter is drawn towards a multiple of the identity by `shrinkage` (0 to 1, above 0).
    pub(super) fn shrunk(&self, shrinkage: f64) -> Discriminant {
        let width = self.within.nrows();
        let mut scatter = &self.within * (1.0 - shrinkage);
        let floor = shrinkage * self.within.trace() / width as f64;
        for index in 0..width {
            scatter[(index, index)] += floor.max(1e-9);
        }
        let classes = self.means.ncols();
        let mut solved = self
            .means
            .clone()
            .resize_horizontally(classes + self.residuals.ncols(), 0.0);
        solved
            .columns_mut(classes, self.residuals.ncols())
            .copy_from(&self.residuals);
        solve(&mut scatter, &mut solved);
        let noise = self
            .residuals
            .dot(&solved.columns(classes, self.residuals.ncols()));
        let noise = noise / (self.residuals.ncols() as f64 * self.frames);
        let mut weights = solved.resize_horizontally(classes, 0.0);
        let mut means = self.means.clone();
        let share = self.share_of_neighbours(noise, &weights);
        lean(&mut means, &self.between, share);
        lean(&mut weights, &self.between, share);
        let mut biases = DVector::from_iterator(
            weights.ncols(),
            weights
                .column_iter()
                .zip(means.column_iter())
                .map(|(weight, mean)| -0.5 * weight.dot(&mean)),
        );
        // What all classes share moves no comparison; without it the integers keep more of what does.
        let shared = weights.column_mean();
        for mut weight in weights.column_iter_mut() {
            weight -= &shared;
            weight.component_div_assign(&self.spread);
        }
        biases -= weights.tr_mul(&self.centre);
        let level = biases.mean();
        biases.add_scalar_mut(-level);
        Discriminant { weights, biases }
    }

    /// How much of a class's mean to take from its neighbours. A pile of one piece more looks nearly alike, and the mean of
    /// few frames is rough. Let `s` be the noise of one mean, as the discriminant measures distances, and `t` how far
    /// means lie from the middle of their neighbours, noise of all three included. Then the error
    /// `(1 - a)² s + a² s / 2 + a² (t - 3 s / 2)` is least at `a = s / t`. Counts that are plain to see lie far apart, and
    /// stay as they are.
    fn share_of_neighbours(&self, noise: f64, weights: &DMatrix<f64>) -> f64 {
        let off =
            |of: &DMatrix<f64>, class| of.column(class) - (of.column(class - 1) + of.column(class + 1)) / 2.0;
        let apart = self
            .between
            .iter()
            .map(|class| off(&self.means, *class).dot(&off(weights, *class)));
        let apart = apart.sum::<f64>() / self.between.len().max(1) as f64;
        // At two thirds all that sets a mean apart from its neighbours is noise.
        if apart > 0.0 {
            (noise / apart).min(2.0 / 3.0)
        } else {
            0.0
        }
    }
}

/// At most `most` places below `of`, evenly spread.
fn evenly(most: usize, of: usize) -> Vec<usize> {
    let taken = most.min(of);
    (0..taken).map(|place| place * of / taken).collect()
}

/// Classes whose counts have the counts one below and one above at their sides. None is nobody's neighbour: an empty place
/// differs in kind.
fn between(counts: &[u16]) -> Vec<usize> {
    let sides = |class: &usize| counts[class - 1] > 0 && counts[class + 1] - counts[class - 1] == 2;
    (1..counts.len().saturating_sub(1)).filter(sides).collect()
}

/// Takes a share of each column in `between` from its neighbours, half from each.
fn lean(columns: &mut DMatrix<f64>, between: &[usize], share: f64) {
    let own = columns.clone();
    for class in between {
        let around = (own.column(class - 1) + own.column(class + 1)) * (share / 2.0);
        columns.set_column(*class, &(own.column(*class) * (1.0 - share) + around));
    }
}

/// Replaces `right` by the solution of `matrix · x = right` for a symmetric positive definite `matrix`, which is overwritten
/// by its Cholesky factor, by blocks.
fn solve(matrix: &mut DMatrix<f64>, right: &mut DMatrix<f64>) {
    let (width, columns) = (matrix.nrows(), right.ncols());
    // Inverses of the factor's diagonal blocks turn every triangular solve into a product.
    let mut inverses = Vec::new();
    let mut from = 0;
    while from < width {
        let size = BLOCK.min(width - from);
        let below = width - from - size;
        let inverse = inverse_factor(&matrix.view((from, from), (size, size)).clone_owned());
        let panel = matrix.view((from + size, from), (below, size)) * inverse.transpose();
        let mut rest = matrix.view_mut((from + size, from + size), (below, below));
        rest.gemm(-1.0, &panel, &panel.transpose(), 1.0);
        matrix
            .view_mut((from + size, from), (below, size))
            .copy_from(&panel);

        let done = &inverse * right.view((from, 0), (size, columns));
        let mut lower = right.view_mut((from + size, 0), (below, columns));
        lower.gemm(-1.0, &panel, &done, 1.0);
        right.view_mut((from, 0), (size, columns)).copy_from(&done);
        inverses.push((from, size, inverse));
        from += size;
    }
    for (from, size, inverse) in inverses.into_iter().rev() {
        let below = width - from - size;
        let panel = matrix.view((from + size, from), (below, size)).transpose();
        let mut block = right.view((from, 0), (size, columns)).clone_owned();
        block.gemm(-1.0, &panel, &right.view((from + size, 0), (below, columns)), 1.0);
        right
            .view_mut((from, 0), (size, columns))
            .copy_from(&(inverse.transpose() * block));
    }
}

/// The inverse of the lower Cholesky factor of a small symmetric positive definite block.
fn inverse_factor(block: &DMatrix<f64>) -> DMatrix<f64> {
    let size = block.nrows();
    let mut factor = block.clone();
    for column in 0..size {
        for earlier in 0..column {
            let by = factor[(column, earlier)];
            for row in column..size {
                factor[(row, column)] -= factor[(row, earlier)] * by;
            }
        }
        // Shrinkage keeps the matrix well away from singular; the floor only guards against rounding.
        let pivot = factor[(column, column)].max(1e-12).sqrt();
        for row in column..size {
            factor[(row, column)] /= pivot;
        }
    }
    let mut inverse = DMatrix::zeros(size, size);
    for column in 0..size {
        inverse[(column, column)] = 1.0 / factor[(column, column)];
        for row in column + 1..size {
            let sum: f64 = (column..row)
                .map(|k| factor[(row, k)] * inverse[(k, column)])
                .sum();
            inverse[(row, column)] = -sum / factor[(row, row)];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_solve_what_the_textbook_solves() {
        for width in [1, 31, 32, 33, 100] {
            let root = DMatrix::from_fn(width, width, |r, c| ((r * 7 + c * 13 + r * c) % 17) as f64 - 8.0);
            let matrix = &root * root.transpose() + DMatrix::identity(width, width) * 3.0;
            let right = DMatrix::from_fn(width, 4, |r, c| (r + 2 * c) as f64);
            let expect = matrix
                .clone()
                .cholesky()
                .expect("positive definite")
                .solve(&right);
            let mut got = right.clone();
            solve(&mut matrix.clone(), &mut got);
            assert!((got - expect).amax() < 1e-6, "width {width}");
        }
    }

    #[test]
    fn classes_apart_are_told_apart() {
        // Two features, the second pure noise of large size; two classes apart in the first.
        let features = DMatrix::from_fn(2, 40, |row, column| {
            let noise = ((column * 37) % 11) as f64 - 5.0;
            if row == 0 {
                noise * 0.1 + (column % 2) as f64 * 4.0
            } else {
                noise * 1_000.0
            }
        });
        let classes: Vec<usize> = (0..40).map(|column| column % 2).collect();
        let chosen: Vec<usize> = (0..40).collect();
        let found = Scatter::of(&features, &[1, 1], &chosen, &classes, &[0, 1]).shrunk(0.1);
        let scores = found.weights.tr_mul(&features);
        for column in 0..40 {
            let first = scores[(0, column)] + found.biases[0];
            let second = scores[(1, column)] + found.biases[1];
            assert_eq!(second > first, column % 2 == 1, "column {column}");
        }
    }

    #[test]
    fn a_mean_leans_on_counts_next_to_it_and_on_no_other() {
        // Only 2 and 6 have both neighbours; 1 has none below it but air.
        let classes = between(&[0, 1, 2, 3, 5, 6, 7]);
        assert_eq!(classes, [2, 5]);
        let mut means = DMatrix::from_row_slice(1, 7, &[900.0, 10.0, 30.0, 20.0, 70.0, 10.0, 50.0]);
        lean(&mut means, &classes, 0.2);
        let wanted = [
            900.0,
            10.0,
            0.8 * 30.0 + 0.2 * 15.0,
            20.0,
            70.0,
            0.8 * 10.0 + 0.2 * 60.0,
            50.0,
        ];
        for (got, wanted) in means.iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-9, "{means}");
        }
        assert_eq!(between(&[0, 1]), [0usize; 0]);
    }

    #[test]
    fn rough_means_lean_and_plain_ones_do_not() {
        // Eight counts on a bent line, six frames of each, with noise of this size.
        let share = |noise: f64| {
            let wobble = |frame: usize, row: usize| {
                (((frame * 7_919 + row * 104_729) % 1_009) as f64 / 504.0 - 1.0) * noise
            };
            let features = DMatrix::from_fn(4, 48, |row, frame| {
                let count = (frame / 6) as f64;
                (count * (row + 1) as f64).sin() * 10.0 + wobble(frame, row)
            });
            let classes: Vec<usize> = (0..48).map(|frame| frame / 6).collect();
            let chosen: Vec<usize> = (0..48).collect();
            let counts: Vec<u16> = (1..9).collect();
            let scatter = Scatter::of(&features, &[4], &chosen, &classes, &counts);
            // Shrunk to the identity alone, distances are plain ones, and the residuals are all there are.
            let noise = scatter.residuals.norm_squared() / 48.0 / scatter.frames;
            scatter.share_of_neighbours(noise, &scatter.means)
        };
        assert!(share(0.1) < 0.01, "{}", share(0.1));
        assert!(share(30.0) > 0.3, "{}", share(30.0));
        assert!(share(30.0) <= 2.0 / 3.0);
    }
}
