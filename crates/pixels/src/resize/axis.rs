//! Which input pixels an output pixel is made of, and by what weights: Pillow's `precompute_coeffs` and
//! `normalize_coeffs_8bpc`.

use std::f64::consts::PI;
use std::ops::Range;

use super::ResizeFilter;
use crate::{Error, ErrorKind, Result};

/// Fractional bits of a weight: 32, less 8 for the pixel and 2 for overshoot.
pub(super) const PRECISION_BITS: u32 = 32 - 8 - 2;

/// A change of size along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    filter: ResizeFilter,
    inputs: usize,
    /// Input pixels per output pixel.
    scale: f64,
    /// How far the filter is stretched: the scale, at least 1.
    stretch: f64,
    /// Reach of the stretched filter, in input pixels.
    support: f64,
    /// Whether the input comes last pixel first. Outputs are counted from the upright picture's first one all the same.
    flipped: bool,
}

impl Axis {
    /// From `inputs` pixels, which may come in reverse, to `outputs`. `Nearest` has no weights and is taken as
    /// `Triangle`.
    pub(super) fn new(inputs: usize, outputs: usize, filter: ResizeFilter, flipped: bool) -> Self {
        let scale = inputs as f64 / outputs as f64;
        let stretch = scale.max(1.0);
        let reach = match filter {
            ResizeFilter::Nearest | ResizeFilter::Triangle => 1.0,
            ResizeFilter::CatmullRom => 2.0,
            ResizeFilter::Lanczos3 => 3.0,
        };
        Self { filter, inputs, scale, stretch, support: reach * stretch, flipped }
    }

    fn center(&self, output: usize) -> f64 {
        (output as f64 + 0.5) * self.scale
    }

    /// The input pixels that `output` is made of, as they come.
    pub(super) fn window(&self, output: usize) -> Range<usize> {
        let Range { start, end } = self.upright_window(output);
        if self.flipped { self.inputs - end..self.inputs - start } else { start..end }
    }

    fn upright_window(&self, output: usize) -> Range<usize> {
        let center = self.center(output);
        // Casts cut off the fraction and, below zero, give zero: what Pillow does in two steps.
        let start = (center - self.support + 0.5) as usize;
        let end = ((center + self.support + 0.5) as usize).min(self.inputs);
        start.min(end)..end
    }

    /// The input pixels that any of `outputs` is made of, as they come.
    pub(super) fn inputs(&self, outputs: &Range<usize>) -> Range<usize> {
        if outputs.is_empty() {
            return 0..0;
        }
        let (first, last) = (self.window(outputs.start), self.window(outputs.end - 1));
        first.start.min(last.start)..first.end.max(last.end)
    }

    /// The most input pixels that an output pixel is made of.
    pub(super) fn widest(&self) -> usize {
        self.inputs.min(self.support.ceil() as usize * 2 + 1)
    }

    fn weight(&self, x: f64) -> f64 {
        match self.filter {
            ResizeFilter::Nearest | ResizeFilter::Triangle => {
                let x = x.abs();
                if x < 1.0 { 1.0 - x } else { 0.0 }
            }
            ResizeFilter::CatmullRom => {
                const A: f64 = -0.5;
                let x = x.abs();
                if x < 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
            ResizeFilter::Lanczos3 => {
                if (-3.0..3.0).contains(&x) {
                    sinc(x) * sinc(x / 3.0)
                } else {
                    0.0
                }
            }
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * PI;
    x.sin() / x
}

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
        let window = axis.upright_window(output);
        let center = axis.center(output);
        let inverse = 1.0 / axis.stretch;
        let first_weight = self.weights.len();
        self.scratch.clear();
        self.groups.try_reserve(window.len().div_ceil(4)).map_err(out_of_memory)?;
        self.scratch.try_reserve(window.len()).map_err(out_of_memory)?;
        self.weights.try_reserve(window.len()).map_err(out_of_memory)?;
        let mut sum = 0.0;
        for input in window {
            let weight = axis.weight((input as f64 - center + 0.5) * inverse);
            self.scratch.push(weight);
            sum += weight;
        }
        if axis.flipped {
            self.scratch.reverse();
        }
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
    use super::*;

    const FILTERS: [ResizeFilter; 3] = [ResizeFilter::Triangle, ResizeFilter::CatmullRom, ResizeFilter::Lanczos3];

    #[test]
    fn weights_sum_to_one() {
        for filter in FILTERS {
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
        let axis = Axis::new(500, 224, ResizeFilter::CatmullRom, false);
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
    fn inputs_cover_every_window() {
        for (filter, flipped) in FILTERS.into_iter().flat_map(|filter| [(filter, false), (filter, true)]) {
            for (inputs, outputs) in [(500, 224), (3, 300), (90, 33), (7, 1), (1, 7)] {
                let axis = Axis::new(inputs, outputs, filter, flipped);
                let range = outputs / 3..outputs / 2 + 1;
                let needed = axis.inputs(&range);
                for output in range {
                    let window = axis.window(output);
                    assert!(needed.start <= window.start && window.end <= needed.end && !window.is_empty());
                    assert!(window.len() <= axis.widest());
                }
            }
        }
    }

    #[test]
    fn flipped_weights_are_the_same_ones_in_reverse() {
        for filter in FILTERS {
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
