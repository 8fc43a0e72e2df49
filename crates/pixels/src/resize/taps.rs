//! The weights of output pixels as integers: Pillow's `normalize_coeffs_8bpc`.

use std::ops::Range;

use super::axis::Axis;
use crate::{Error, ErrorKind, Result};

/// Fractional bits of a weight: 32, less 8 for the pixel and 2 for overshoot.
pub(super) const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Bits of a weight's lower part in [`Taps::groups`].
pub(super) const LOW_BITS: u32 = 12;

/// Where the weights of an output pixel lie in [`Taps`], and the first input pixel they belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) first_input: usize,
    pub(super) first_weight: usize,
    pub(super) weights: usize,
    pub(super) first_group: usize,
    pub(super) groups: usize,
}

/// Integer weights of a run of output pixels.
#[derive(Clone, Debug, Default)]
pub(super) struct Taps {
    outputs: Vec<Tap>,
    weights: Vec<i32>,
    groups: Vec<[i32; 4]>,
    scratch: Vec<f64>,
}

impl Taps {
    /// The weights of as many output pixels from the start of `columns` as make up to `most` weights, at least of
    /// one; and the first column that is left over. Inputs are counted from `first`, before which none is needed.
    pub(super) fn of_columns(axis: &Axis, columns: Range<usize>, first: usize, most: usize) -> Result<(Self, usize)> {
        let mut taps = Self::default();
        let mut column = columns.start;
        while column < columns.end {
            let window = axis.window(column);
            if column > columns.start && taps.weights.len() + window.len() > most {
                break;
            }
            let (first_input, first_weight, first_group) =
                (window.start - first, taps.weights.len(), taps.groups.len());
            taps.push_weights(axis, column)?;
            let (weights, groups) = (taps.weights.len() - first_weight, taps.groups.len() - first_group);
            taps.outputs.try_reserve(1).map_err(out_of_memory)?;
            taps.outputs.push(Tap { first_input, first_weight, weights, first_group, groups });
            column += 1;
        }
        Ok((taps, column))
    }

    /// Makes this the weights of one output pixel, those of [`Axis::window`].
    pub(super) fn set_row(&mut self, axis: &Axis, row: usize) -> Result<()> {
        self.weights.clear();
        self.groups.clear();
        self.push_weights(axis, row)
    }

    /// One for each output pixel.
    pub(super) fn outputs(&self) -> &[Tap] {
        &self.outputs
    }

    /// All weights, one output pixel after the other.
    pub(super) fn weights(&self) -> &[i32] {
        &self.weights
    }

    /// The same weights, four at a time and each cut in two: `weight = high·2^LOW_BITS + low`, `low` not negative.
    /// A group is two pairs of i16 high parts, then of low ones, the first of a pair in the lower half. A last group
    /// is filled up with zeros.
    pub(super) fn groups(&self) -> &[[i32; 4]] {
        &self.groups
    }

    fn push_weights(&mut self, axis: &Axis, output: usize) -> Result<()> {
        let length = axis.window(output).len();
        let first_weight = self.weights.len();
        self.scratch.clear();
        self.groups.try_reserve(length.div_ceil(4)).map_err(out_of_memory)?;
        self.scratch.try_reserve(length).map_err(out_of_memory)?;
        self.weights.try_reserve(length).map_err(out_of_memory)?;
        let sum = axis.weigh(output, &mut self.scratch);
        for &weight in &self.scratch {
            let scaled = (if sum != 0.0 { weight / sum } else { weight }) * f64::from(1 << PRECISION_BITS);
            // The cast cuts off the fraction: rounding half away from zero.
            self.weights.push((if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32);
        }
        for four in self.weights[first_weight..].chunks(4) {
            let high = |index: usize| four.get(index).map_or(0, |weight| weight >> LOW_BITS);
            let low = |index: usize| four.get(index).map_or(0, |weight| weight & ((1 << LOW_BITS) - 1));
            let pair = |first: i32, second: i32| (first & 0xffff) | (second << 16);
            self.groups.push([
                pair(high(0), high(1)),
                pair(high(2), high(3)),
                pair(low(0), low(1)),
                pair(low(2), low(3)),
            ]);
        }
        Ok(())
    }
}

fn out_of_memory(error: std::collections::TryReserveError) -> Error {
    Error::new(ErrorKind::OutOfMemory, "no memory for the weights of a resize").with_source(error)
}

#[cfg(test)]
mod tests {
    use super::super::tests::WEIGHTED;
    use super::*;

    #[test]
    fn weights_sum_to_one() {
        for filter in WEIGHTED {
            for (inputs, outputs) in [(1, 1), (1, 7), (7, 1), (500, 224), (224, 500), (3, 100_000)] {
                let axis = Axis::new(inputs, outputs, filter, false);
                let mut taps = Taps::default();
                for output in (0..outputs).step_by(outputs.div_ceil(50)) {
                    taps.set_row(&axis, output).unwrap();
                    let sum: i64 = taps.weights().iter().map(|&w| i64::from(w)).sum();
                    let error = (sum - (1 << PRECISION_BITS)).unsigned_abs() as usize;
                    assert!(error <= taps.weights().len(), "{filter:?} {inputs}->{outputs}: {sum}");
                }
            }
        }
    }

    #[test]
    fn rounds_of_columns_are_the_same_weights() {
        let axis = Axis::new(500, 224, WEIGHTED[1], false);
        let (all, next) = Taps::of_columns(&axis, 0..224, 0, usize::MAX).unwrap();
        assert_eq!(next, 224);
        let (mut weights, mut column) = (Vec::new(), 0);
        while column < 224 {
            let (some, next) = Taps::of_columns(&axis, column..224, 0, 100).unwrap();
            assert!(next > column);
            weights.extend_from_slice(some.weights());
            column = next;
        }
        assert_eq!(weights, all.weights());
    }

    #[test]
    fn flipped_weights_are_the_same_ones_in_reverse() {
        for filter in WEIGHTED {
            let [plain, flipped] = [false, true].map(|flipped| Axis::new(90, 33, filter, flipped));
            for output in 0..33 {
                let (mut there, mut back) = (Taps::default(), Taps::default());
                there.set_row(&plain, output).unwrap();
                back.set_row(&flipped, output).unwrap();
                assert!(there.weights().iter().eq(back.weights().iter().rev()));
                assert_eq!(flipped.window(output), 90 - plain.window(output).end..90 - plain.window(output).start);
            }
        }
    }
}
