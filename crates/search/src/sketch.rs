//! Sketches: of each row 64 numbers whose dot products are never below the cosine, so that few pairs need all of their values.
//!
//! Let `Q` be 63 vectors with `‖Q‖ ≤ 1`, and `p = Qx` of a row `x` of length 1. Then `M = I − QᵀQ` is positive
//! semidefinite, and by Cauchy and Schwarz
//!
//! ```text
//! x · y = p · q + xᵀMy ≤ p · q + √(xᵀMx) √(yᵀMy) = p · q + √(1 − ‖p‖²) √(1 − ‖q‖²)
//! ```
//!
//! which is the dot product of `(p, √(1 − ‖p‖²))` and `(q, √(1 − ‖q‖²))`: the sketches. That holds for any such `Q`; how
//! near the bound is depends on it. It is made of the rows themselves, so that it spans the directions in which they differ most.
//!
//! Everything is rounded, and [`slack`] bounds by how much: a pair whose score reaches a threshold has sketches whose product
//! reaches the threshold less the slack.

use crate::products::{scores_f32, squares};

/// Numbers of a sketch.
pub const SKETCH: usize = 64;
/// Sketches are kept in panels of so many, each number of all of them side by side.
pub const PANEL: usize = 16;
/// Vectors of the basis, and one more for what it leaves.
pub const VECTORS: usize = SKETCH - 1;

/// Rows that the basis is made of: so many, or as many as have this many values.
const SAMPLE: core::ops::RangeInclusive<usize> = VECTORS + 1..=1024;
const SAMPLE_VALUES: usize = 1 << 19;
/// How often it is turned toward the directions in which they differ most.
const TURNS: usize = 2;
/// A vector of which the others leave less than this, squared, has no direction of its own.
const NOTHING: f32 = 1e-5;

/// Half the distance from 1 to the next number.
const UNIT: f64 = 1.0 / 16_777_216.0;

/// Rows one after the other, as they are kept.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Values<'a> {
    /// In 32 bits.
    F32(&'a [f32]),
    /// In steps of any size.
    Int8(&'a [i8]),
}

/// The dot product of rows in steps, wrapping.
#[inline(never)]
pub(crate) fn dot_bytes(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).fold(0i32, |sum, (&a, &b)| sum.wrapping_add(i32::from(a) * i32::from(b)))
}

/// How far a score may be above what the product of the sketches is computed as, for rows of `dimension` values, of whose squares
/// none that matters is too small for an f32.
pub fn slack(dimension: usize) -> f32 {
    let coordinate = coordinate_error(dimension);
    (20.0 * coordinate + 64.0 * coordinate * coordinate + 300.0 * UNIT) as f32
}

/// A dot product of rows of length 1 is that far off at most: each of sixteen sums is rounded at every addition, then they are
/// added in halves. (An integer product is rounded once.)
fn dot_error(dimension: usize) -> f64 {
    (dimension as f64 / 16.0 + 6.0) * UNIT
}

/// A number of a sketch is that far off at most: a dot product, times the inverse of a length that is itself rounded.
fn coordinate_error(dimension: usize) -> f64 {
    2.0 * dot_error(dimension) + 8.0 * UNIT
}

/// The square root of a positive number, by Newton's method: there is none without std.
fn sqrt(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return 0.0;
    }
    let mut root = f64::from_bits((x.to_bits() >> 1) + (511 << 52)); // half the exponent
    for _ in 0..5 {
        root = 0.5 * (root + x / root);
    }
    root
}

/// The inverse of each row's length, to `out`; NaN for a row without one, or whose scale is NaN.
pub fn inverse_lengths(rows: Values<'_>, dimension: usize, scales: Option<&[f32]>, out: &mut [f32]) {
    match rows {
        Values::F32(values) => squares(values, dimension, out),
        Values::Int8(values) => {
            for (row, square) in values.chunks_exact(dimension).zip(out.iter_mut()) {
                *square = dot_bytes(row, row) as f32;
            }
        }
    }
    for (row, out) in out.iter_mut().enumerate() {
        let is_there = scales.is_none_or(|scales| scales.get(row).is_some_and(|scale| !scale.is_nan()));
        let has_length = *out > 0.0 && *out < f32::INFINITY;
        *out = if is_there && has_length { (1.0 / sqrt(f64::from(*out))) as f32 } else { f32::NAN };
    }
}

/// Makes the basis, [`VECTORS`] vectors as long as a row. `next` is room for as many, `row` for one row.
pub fn make_basis(rows: Values<'_>, inverse: &[f32], basis: &mut [f32], next: &mut [f32], row: &mut [f32]) {
    let (count, dimension) = (inverse.len(), row.len());
    let sample = (SAMPLE_VALUES / dimension).clamp(*SAMPLE.start(), *SAMPLE.end()).min(count);
    let mut products = [0.0; VECTORS];
    basis.fill(0.0);
    // Rows from everywhere to begin with. What is sampled then turns them: each goes where the rows pull it.
    for (k, vector) in basis.chunks_exact_mut(dimension).take(count).enumerate() {
        read_unit(rows, inverse, k * count / VECTORS.min(count), vector);
    }
    orthonormalize(basis, dimension);
    for _ in 0..TURNS {
        next.fill(0.0);
        for i in 0..sample {
            read_unit(rows, inverse, i * count / sample, row);
            scores_f32(basis, row, &mut products);
            for (next, &product) in next.chunks_exact_mut(dimension).zip(&products) {
                add(next, product, row);
            }
        }
        basis.copy_from_slice(next);
        orthonormalize(basis, dimension);
    }
    contract(basis, dimension);
}

/// A row at length 1; zeros for one that is not there.
fn read_unit(rows: Values<'_>, inverse: &[f32], row: usize, out: &mut [f32]) {
    let factor = inverse[row];
    if factor.is_nan() {
        return out.fill(0.0);
    }
    let at = row * out.len();
    match rows {
        Values::F32(values) => out.iter_mut().zip(&values[at..]).for_each(|(out, &x)| *out = x * factor),
        Values::Int8(values) => out.iter_mut().zip(&values[at..]).for_each(|(out, &x)| *out = f32::from(x) * factor),
    }
}

/// Adds `factor` times `x`.
fn add(sum: &mut [f32], factor: f32, x: &[f32]) {
    for (sum, &x) in sum.iter_mut().zip(x) {
        *sum += factor * x;
    }
}

fn square_of(vector: &[f32]) -> f32 {
    let mut square = [0.0];
    squares(vector, vector.len(), &mut square);
    square[0]
}

/// Gram and Schmidt's method, twice for each vector. What lies among those before becomes zeros.
fn orthonormalize(basis: &mut [f32], dimension: usize) {
    let mut products = [0.0; VECTORS];
    for k in 0..VECTORS {
        let (before, rest) = basis.split_at_mut(k * dimension);
        let vector = &mut rest[..dimension];
        let square = square_of(vector);
        for _ in 0..2 {
            scores_f32(before, vector, &mut products);
            for (other, &product) in before.chunks_exact(dimension).zip(&products) {
                add(vector, -product, other);
            }
        }
        let left = square_of(vector);
        let keep = left > NOTHING * square && left.is_normal();
        let factor = if keep { (1.0 / sqrt(f64::from(left))) as f32 } else { 0.0 };
        vector.iter_mut().for_each(|x| *x *= factor);
    }
}

/// Makes sure of `‖Q‖ ≤ 1`: the norm of `QQᵀ` is at most the largest sum of a row of it (Gershgorin). Rounding the numbers
/// themselves adds eight units at most.
fn contract(basis: &mut [f32], dimension: usize) {
    let mut products = [0.0; VECTORS];
    let mut most = 1.0;
    for vector in basis.chunks_exact(dimension) {
        scores_f32(basis, vector, &mut products);
        let sum = products.iter().fold(VECTORS as f64 * dot_error(dimension), |sum, x| sum + f64::from(x.abs()));
        most = if sum > most { sum } else { most };
    }
    let factor = ((1.0 - 16.0 * UNIT) / sqrt(most)) as f32;
    basis.iter_mut().for_each(|x| *x *= factor);
}

/// The sketches of all rows, in panels. Those of rows that are not there are zeros, and so is what fills the last panel. `row` is
/// room for one row.
pub fn sketch_rows(rows: Values<'_>, inverse: &[f32], basis: &[f32], row: &mut [f32], panels: &mut [f32]) {
    let coordinate = coordinate_error(row.len());
    // How far the square of the sketch's first part may be off.
    let more = 16.0 * coordinate + 64.0 * coordinate * coordinate + 80.0 * UNIT;
    let mut products = [0.0; VECTORS];
    for (index, panel) in panels.chunks_exact_mut(SKETCH * PANEL).enumerate() {
        panel.fill(0.0);
        for lane in 0..PANEL.min(inverse.len().saturating_sub(index * PANEL)) {
            let at = index * PANEL + lane;
            if inverse[at].is_nan() {
                continue;
            }
            read_unit(rows, inverse, at, row);
            scores_f32(basis, row, &mut products);
            let mut square = 0.0;
            for (k, &x) in products.iter().enumerate() {
                panel[k * PANEL + lane] = x;
                square += f64::from(x) * f64::from(x);
            }
            let left = 1.0 - square;
            let rest = sqrt((if left > 0.0 { left } else { 0.0 }) + more);
            panel[VECTORS * PANEL + lane] = (rest * (1.0 + 4.0 * UNIT)) as f32;
        }
    }
}
