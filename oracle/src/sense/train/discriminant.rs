//! The shrunk linear discriminant, in floats: the only part of sensing where they are allowed, since it runs once, before
//! the model's hash goes on chain.

use nalgebra::{DMatrix, DVector};

/// Columns solved together. Everything heavy happens in products of blocks, which the linear algebra crate hands to a tuned
/// kernel; a textbook loop would take ten times as long, and a hundred times in a debug build.
const BLOCK: usize = 32;

/// What training knows of a set of labelled rows, from which discriminants of any shrinkage follow.
pub(super) struct Scatter {
    centre: DVector<f64>,
    spread: DVector<f64>,
    /// Standardised means, one column per class.
    means: DMatrix<f64>,
    /// Standardised within-class scatter, per row.
    within: DMatrix<f64>,
}

/// A discriminant over raw (not standardised) features: `scores = weights' · features + biases`, in nats.
pub(super) struct Discriminant {
    pub(super) weights: DMatrix<f64>,
    pub(super) biases: DVector<f64>,
}

impl Scatter {
    /// Measures the columns `chosen` of `features` (one frame a column), whose classes are `classes` (indices below
    /// `class_count`). Features of one kind are scaled alike, so that a loud sample keeps counting for more than a faint
    /// one; kinds are scaled to the same spread within classes, since their units say nothing about each other.
    pub(super) fn of(
        features: &DMatrix<f64>,
        kinds: &[usize],
        chosen: &[usize],
        classes: &[usize],
        class_count: usize,
    ) -> Self {
        let mut rows = features.select_columns(chosen);
        let count = chosen.len() as f64;
        let centre = rows.column_mean();
        let mut means = DMatrix::zeros(rows.nrows(), class_count);
        let mut members = vec![0.0; class_count];
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
        let mut weights = self.means.clone();
        solve(&mut scatter, &mut weights);
        let mut biases = DVector::from_iterator(
            weights.ncols(),
            weights
                .column_iter()
                .zip(self.means.column_iter())
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
        let found = Scatter::of(&features, &[1, 1], &chosen, &classes, 2).shrunk(0.1);
        let scores = found.weights.tr_mul(&features);
        for column in 0..40 {
            let first = scores[(0, column)] + found.biases[0];
            let second = scores[(1, column)] + found.biases[1];
            assert_eq!(second > first, column % 2 == 1, "column {column}");
        }
    }
}
