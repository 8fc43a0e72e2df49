//! A weight's rows in 8 bits, unpacked: what [`PackedInt8`](super::PackedInt8) packs, and what model files store. The form is the
//! same on every instruction set, and files of it last: whoever gives integers and steps another meaning, or rotates in another
//! way, has to give the files another version.

use super::buffer::Buffer;
use super::int8::Rotation;
use super::{Isa, rotate};
use crate::error::Result;
use simd::{Simd, Task};

/// Quantizes the rows of one weight, and restores them.
///
/// ```
/// use kernels::{Isa, Quantizer, Rotation};
///
/// let mut quantizer = Quantizer::new(Isa::best(), 3, Rotation::Off)?;
/// let (integers, step) = quantizer.quantize(&[0.5, -1.27, 0.0]);
/// assert_eq!(integers, [50, -127, 0]);
/// let restored = quantizer.restore(&[50, -127, 0], step);
/// assert!((restored[0] - 0.5).abs() < 1e-6);
/// # Ok::<(), kernels::Error>(())
/// ```
pub struct Quantizer {
    isa: Isa,
    /// The rotation's blocks, 1 for none.
    block: usize,
    /// The sign of each input, empty for none.
    signs: Buffer<f32>,
    /// A row, rotated.
    rotated: Buffer<f32>,
    quantized: Vec<i8>,
}

impl Quantizer {
    /// For rows of `inputs` values.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(isa: Isa, inputs: usize, rotation: Rotation) -> Result<Self> {
        let (block, signs) = signs(inputs, rotation)?;
        let rotated = Buffer::zeroed(signs.as_ref().len())?;
        Ok(Self { isa, block, signs, rotated, quantized: Vec::with_capacity(inputs) })
    }

    /// A row's integers, −127..=127, and what a step of them is worth (of a rotated row the part that makes up for the
    /// rotation's length).
    pub fn quantize(&mut self, row: &[f32]) -> (&[i8], f32) {
        let Self { isa, block, signs, rotated, quantized } = self;
        let row = if *block > 1 {
            let rotated = rotated.as_mut();
            isa.run(Rotate { row, factors: signs.as_ref(), block: *block, rotated });
            rotated
        } else {
            row
        };
        quantized.resize(row.len(), 0);
        let step = isa.run(Round { row, is_rotated: *block > 1, quantized });
        (quantized, step / *block as f32)
    }

    /// Nearly the row that [`quantize`](Self::quantize) was given: within half a step, if it was not rotated.
    pub fn restore(&mut self, quantized: &[i8], step: f32) -> Vec<f32> {
        let mut row: Vec<f32> = quantized.iter().map(|q| f32::from(*q)).collect();
        if self.block == 1 {
            row.iter_mut().for_each(|w| *w *= step);
            return row;
        }
        // The rotation is its own inverse but for its length, with the signs applied after instead of before.
        let (factors, rotated) = (vec![step; row.len()], self.rotated.as_mut());
        self.isa.run(Rotate { row: &row, factors: &factors, block: self.block, rotated });
        for (w, (rotated, sign)) in row.iter_mut().zip(rotated.iter().zip(self.signs.as_ref())) {
            *w = rotated * sign;
        }
        row
    }
}

/// Weights of one sign, of the four whose products are added in 16 bits, may sum to so much: 127 times as much fits.
const MOST_SUM: i32 = 258;

/// The fours whose products with activations are added before they are widened: two neighbors, and the two that follow
/// one group of four later.
const FOURS: [[usize; 4]; 2] = [[0, 1, 4, 5], [2, 3, 6, 7]];

/// Whether four products of these weights, as [`FOURS`] puts them together, fit in 16 bits for activations in 0..=127.
pub(super) fn sums_fit(row: &[i8]) -> bool {
    row.chunks(8).all(|weights| {
        FOURS.iter().all(|four| {
            let weights = four.iter().filter_map(|&at| weights.get(at).map(|&w| i32::from(w)));
            let (above, below) = weights.fold((0, 0), |(above, below), w| (above + w.max(0), below - w.min(0)));
            above <= MOST_SUM && below <= MOST_SUM
        })
    })
}

/// The largest sum of weights of one sign among [`FOURS`].
fn largest_sum(row: &[f32]) -> f32 {
    let mut largest = 0f32;
    for weights in row.chunks(8) {
        for four in FOURS {
            let weights = four.iter().filter_map(|&at| weights.get(at));
            let (above, below) =
                weights.fold((0f32, 0f32), |(above, below), w| (above + w.max(0.0), below - w.min(0.0)));
            largest = largest.max(above).max(below);
        }
    }
    largest
}

/// The rotation of rows of `inputs` values: its blocks, 1 for none, and the sign of each input, empty for none.
pub(super) fn signs(inputs: usize, rotation: Rotation) -> Result<(usize, Buffer<f32>)> {
    let block = if rotation == Rotation::On { rotate::block(inputs) } else { 1 };
    let mut signs = Buffer::zeroed(if block > 1 { inputs } else { 0 })?;
    for (index, sign) in signs.as_mut().iter_mut().enumerate() {
        *sign = rotate::sign(index);
    }
    Ok((block, signs))
}

/// Multiplies a row by `factors`, value by value, and rotates it.
struct Rotate<'a> {
    row: &'a [f32],
    factors: &'a [f32],
    block: usize,
    rotated: &'a mut [f32],
}

impl Task for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (row, factors, rotated) = (self.row.as_ptr(), self.factors.as_ptr(), self.rotated.as_mut_ptr());
        debug_assert!(self.row.len() == self.rotated.len() && self.row.len() == self.factors.len());
        // SAFETY: all three have the length of a row, and `rotate::block` chose the blocks for it.
        unsafe { rotate::rotate(simd, row, factors, rotated, self.row.len(), self.block) };
    }
}

/// Rounds a row to integers, and gives what a step of them is worth.
struct Round<'a> {
    row: &'a [f32],
    is_rotated: bool,
    quantized: &'a mut [i8],
}

impl Task for Round<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let Self { row, is_rotated, quantized } = self;
        let (zeros, mut lanes) = (simd.splat(0.0), [0f32; 16]);
        let mut largest = zeros;
        for values in row.chunks_exact(S::LANES) {
            // SAFETY: they are a vector.
            let values = unsafe { simd.load(values.as_ptr()) };
            largest = simd.max(simd.max(largest, values), simd.sub(zeros, values));
        }
        // SAFETY: the widest vector has sixteen lanes.
        unsafe { simd.store(lanes.as_mut_ptr(), largest) };
        let rest = row.chunks_exact(S::LANES).remainder();
        let largest =
            lanes.iter().chain(rest).fold(0f32, |largest, &w| if w.abs() > largest { w.abs() } else { largest });
        // What is rotated has no order left: that the sums fit costs a row in five a few hundredths of its accuracy. One
        // that is not rotated, such as a filter over pixels, might lose a whole bit by it.
        let step =
            if is_rotated { (largest / 127.0).max(largest_sum(row) / (MOST_SUM - 2) as f32) } else { largest / 127.0 };
        // All zeros, or so small that a step can't be told from none.
        let inverse = if step > f32::MIN_POSITIVE { 1.0 / step } else { 0.0 };
        // A plain loop, of which the compiler makes vectors: outside of here rounding is the call of a function.
        for (q, w) in quantized.iter_mut().zip(row) {
            *q = (w * inverse).round_ties_even() as i8;
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(inputs: usize) -> Vec<f32> {
        (0..inputs).map(|i| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0).collect()
    }

    #[test]
    fn a_row_comes_back_within_a_step() {
        for isa in Isa::available() {
            for (inputs, rotation) in [(5, Rotation::On), (48, Rotation::Off), (48, Rotation::On), (1024, Rotation::On)]
            {
                let mut quantizer = Quantizer::new(isa, inputs, rotation).unwrap();
                let row = row(inputs);
                let (quantized, step) = quantizer.quantize(&row);
                let quantized = quantized.to_vec();
                let restored = quantizer.restore(&quantized, step);
                // What is lost is spread over a block by the rotation.
                let block = quantizer.block as f32;
                let most = row.iter().zip(&restored).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(most <= step * block.max(1.0), "{inputs} {rotation:?}: {most} with a step of {step}");
                let mean = row.iter().zip(&restored).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / inputs as f32;
                assert!(mean.sqrt() <= step * block.sqrt(), "{inputs} {rotation:?}: {mean}");
            }
        }
    }

    /// Files hold these integers: whoever changes them has to know why.
    #[test]
    fn the_stored_form_does_not_change() {
        for isa in Isa::available() {
            let mut quantizer = Quantizer::new(isa, 48, Rotation::On).unwrap();
            let (quantized, step) = quantizer.quantize(&row(48));
            assert_eq!(quantized[..16], [-105, 15, 32, 84, 38, -55, 34, -17, -7, -66, -62, -11, -9, -95, -64, -12]);
            assert_eq!(quantized[32..], [13, 84, -13, -84, -84, -13, 84, -14, -109, 13, -84, -26, -13, 6, -39, 19]);
            assert!((step - 0.002_618_11).abs() < 1e-8, "{step}");
        }
    }
}
