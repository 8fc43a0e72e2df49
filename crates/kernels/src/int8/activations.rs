//! The activations of a product in 8 bits: their steps and zero points, and how they are quantized and packed.
//!
//! Layout: `[row tile][depth / G][rows][4 bytes]`. A row of 14 bits is a tile of its own, and two rows of it.

use super::super::buffer::Shared;
use super::super::matmul::Tiles;
use super::super::rotate;
use super::{PackedInt8, padded_depth};
use crate::error::{Error, Result};
use simd::{Simd, Task};

/// The largest activation.
const LEVELS: f32 = 127.0;

/// The largest one of 14 bits.
const FINE_LEVELS: f32 = 16_383.0;

/// Rows that are multiplied together.
pub(super) struct Tile {
    /// Of the input and the result.
    pub(super) rows: std::ops::Range<usize>,
    /// Packed rows before it.
    pub(super) begin: usize,
    /// Whether it is one row of 14 bits, split in two of seven.
    pub(super) split: bool,
}

impl Tile {
    /// Packed rows.
    pub(super) fn height(&self) -> usize {
        if self.split { 2 } else { self.rows.len() }
    }
}

/// Cuts rows into tiles of at most `tallest`, each of the `fine` ones, in ascending order, into one of its own.
pub(super) fn cut(rows: usize, fine: &[usize], tallest: usize) -> Result<Vec<Tile>> {
    if fine.iter().zip(fine.iter().skip(1)).any(|(a, b)| a >= b) || fine.last().is_some_and(|&row| row >= rows) {
        return Err(Error::Compute(format!("kernels: fine rows {fine:?} of {rows}")));
    }
    let mut tiles: Vec<Tile> = Vec::with_capacity(rows.div_ceil(tallest) + 2 * fine.len());
    let (mut row, mut begin) = (0, 0);
    for fine in fine.iter().copied().chain([rows]) {
        let between = Tiles::new(fine - row, tallest);
        for tile in 0..between.count {
            let range = between.range(tile);
            tiles.push(Tile { rows: row + range.start..row + range.end, begin: begin + range.start, split: false });
        }
        begin += fine - row;
        if fine < rows {
            tiles.push(Tile { rows: fine..fine + 1, begin, split: true });
            begin += 2;
        }
        row = fine + 1;
    }
    Ok(tiles)
}

/// Quantizes and packs the rows of one tile.
pub(super) struct QuantizeTile<'a> {
    pub(super) weight: &'a PackedInt8,
    pub(super) x: &'a [f32],
    pub(super) tile: &'a Tile,
    pub(super) packed: Shared<u8>,
    pub(super) steps: Shared<f32>,
    pub(super) zeros: Shared<i32>,
    /// A row, for the rotation.
    pub(super) rotated: Shared<f32>,
}

impl Task for QuantizeTile<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let PackedInt8 { inputs, block, ref signs, .. } = *self.weight;
        let depth = padded_depth(self.weight.isa.shape(), inputs);
        let Tile { begin, split: is_split, .. } = *self.tile;
        let height = self.tile.height();
        let levels = if is_split { FINE_LEVELS } else { LEVELS };
        let whole = inputs - inputs % S::LANES;
        for (r, row) in self.tile.rows.clone().enumerate() {
            let mut x = &self.x[row * inputs..][..inputs];
            if block > 1 {
                // SAFETY: all three have the length of a row, and `rotate::block` chose the blocks for it.
                x = unsafe {
                    rotate::rotate(simd, x.as_ptr(), signs.as_ref().as_ptr(), self.rotated.get(), inputs, block);
                    std::slice::from_raw_parts(self.rotated.get(), inputs)
                };
            }
            // SAFETY: vectors lie within the row or the buffer; the tile's place has `depth / GROUP · height` groups, and
            // its rows their own steps and zero points.
            unsafe {
                let mut tail = [0f32; 16];
                tail[..x.len() - whole].copy_from_slice(&x[whole..]);
                let (step, zero) = range(simd, x, whole, &tail, levels);
                let (steps, zeros) = (self.steps.get().add(begin + r), self.zeros.get().add(begin + r));
                if is_split {
                    steps.cast::<[f32; 2]>().write([step * 128.0, step]);
                    zeros.cast::<[i32; 2]>().write([zero as i32 >> 7, zero as i32 & 127]);
                } else {
                    steps.write(step);
                    zeros.write(zero as i32);
                }

                let (inverse, zero) = (simd.splat(if step > 0.0 { 1.0 / step } else { 0.0 }), simd.splat(zero));
                // Without inputs there are no groups, and the place is nowhere.
                let place = self.packed.get().wrapping_add(begin * (depth / S::GROUP) * 4 + r * 4);
                let mut i = 0;
                while i < depth {
                    let values = if i < whole { simd.load(x.as_ptr().add(i)) } else { simd.load(tail.as_ptr()) };
                    let q = simd.add(simd.mul(values, inverse), zero);
                    let q = simd.round_int(simd.max(simd.min(q, simd.splat(levels)), simd.splat(0.0)));
                    let place = place.add(i / S::GROUP * height * 4);
                    if is_split {
                        let [upper, lower] = simd.split_14(q);
                        simd.store_groups(place, height * 4, upper);
                        simd.store_groups(place.add(4), height * 4, lower);
                    } else {
                        simd.store_groups(place, height * 4, q);
                    }
                    i += S::LANES;
                }
            }
        }
    }
}

/// The step and the zero point, an integer in 0..=`levels`, of a row; zero is always within the range.
#[inline(always)]
fn range<S: Simd>(simd: S, x: &[f32], whole: usize, tail: &[f32; 16], levels: f32) -> (f32, f32) {
    // SAFETY: vectors lie within the row or the buffer.
    unsafe {
        let (mut low, mut high) = (simd.load(tail.as_ptr()), simd.load(tail.as_ptr()));
        let mut i = 0;
        while i < whole {
            let values = simd.load(x.as_ptr().add(i));
            low = simd.min(low, values);
            high = simd.max(high, values);
            i += S::LANES;
        }
        let (mut lows, mut highs) = ([0f32; 16], [0f32; 16]);
        simd.store(lows.as_mut_ptr(), low);
        simd.store(highs.as_mut_ptr(), high);
        let low = lows.iter().fold(0f32, |low, &x| if x < low { x } else { low });
        let high = highs.iter().fold(0f32, |high, &x| if x > high { x } else { high });
        let step = (high - low) / levels;
        if step > f32::MIN_POSITIVE { (step, (-low / step).round_ties_even()) } else { (0.0, 0.0) }
    }
}
