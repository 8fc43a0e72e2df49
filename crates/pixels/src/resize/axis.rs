//! Which input pixels an output pixel is made of, and by what weights, in f64: Pillow's `precompute_coeffs`.

use std::f64::consts::PI;
use std::ops::Range;

use super::ResizeFilter;

/// A change of size along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
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

    /// The same, counted from the upright picture's first pixel.
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

    /// Appends the weights of the pixels of [`window`](Self::window) to `weights`, and gives their sum.
    pub(super) fn weigh(&self, output: usize, weights: &mut Vec<f64>) -> f64 {
        let (center, inverse) = (self.center(output), 1.0 / self.stretch);
        let (start, mut sum) = (weights.len(), 0.0);
        for input in self.upright_window(output) {
            let weight = self.weight((input as f64 - center + 0.5) * inverse);
            weights.push(weight);
            sum += weight;
        }
        if self.flipped {
            weights[start..].reverse();
        }
        sum
    }

    /// The filter's value at `x`.
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

#[cfg(test)]
mod tests {
    use super::super::tests::WEIGHTED;
    use super::*;

    #[test]
    fn inputs_cover_every_window() {
        for (filter, flipped) in WEIGHTED.into_iter().flat_map(|filter| [(filter, false), (filter, true)]) {
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
}
