//! The two passes over 16-byte vectors, written once; a machine's vectors are a sibling file.
//!
//! Neither wasm nor SSE multiplies 32-bit integers fast, but both multiply pairs of 16-bit ones and add the two
//! products in one instruction (`dot`). A weight of 22 fractional bits is too wide for that, so it is cut in two:
//! `weight = high·2¹² + low` ([`LOW_BITS`]), with `low` from 0 to 4095. The sums of both halves are kept apart and put together at
//! the end. All of it wraps around at 32 bits, and so does the scalar sum: the bits are the same.
//!
//! Weights come in groups of four (see [`Taps::groups`]); a last group is filled up with zero weights, whose pixels
//! are read but don't count.

#[cfg(doc)]
use super::axis::LOW_BITS;
use super::axis::{PRECISION_BITS, Tap, Taps};
use super::scalar;

/// Sixteen bytes: u8x16, i16x8 or i32x4, as the operation has it.
///
/// # Safety
/// Every method may be called only where the machine has the vector's instructions.
pub(super) trait Vector: Copy {
    /// The 16 bytes from `bytes` on, which must be readable.
    unsafe fn load(bytes: *const u8) -> Self;
    /// Stores 16 bytes to `bytes`, which must be writable.
    unsafe fn store(self, bytes: *mut u8);
    /// i32x4, four times `value`.
    unsafe fn splat(value: i32) -> Self;
    /// Of RGB pixels p q …: i16x8 (p.r q.r p.g q.g p.b q.b 0 0).
    unsafe fn first_pixel_pair(self) -> Self;
    /// The same of the third and the fourth pixel.
    unsafe fn second_pixel_pair(self) -> Self;
    /// Of u8x16 a b … and A B …: i16x8 (a A b B c C d D), and three times as much for the other quarters.
    unsafe fn interleave(self, other: Self) -> [Self; 4];
    /// i32x4: products of i16x8, neighbours added.
    unsafe fn dot(self, other: Self) -> Self;
    /// i32x4, wrapping.
    unsafe fn add(self, other: Self) -> Self;
    /// i32x4, by [`LOW_BITS`].
    unsafe fn shift_left(self) -> Self;
    /// i32x4, by [`PRECISION_BITS`], keeping the sign.
    unsafe fn shift_right(self) -> Self;
    /// u8x16 of four i32x4, clipped.
    unsafe fn narrow(parts: [Self; 4]) -> Self;
    /// The first lane of i32x4.
    unsafe fn first(self) -> i32;
}

/// The sums of the two halves of the weights.
#[derive(Clone, Copy)]
struct Sums<V> {
    high: V,
    low: V,
}

impl<V: Vector> Sums<V> {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's machine has V.
        unsafe { Self { high: V::splat(0), low: V::splat(0) } }
    }

    #[inline(always)]
    unsafe fn add(&mut self, values: V, high: V, low: V) {
        // SAFETY: the caller's machine has V.
        unsafe {
            self.high = self.high.add(values.dot(high));
            self.low = self.low.add(values.dot(low));
        }
    }

    /// Both halves together, half added and the fraction shifted out.
    #[inline(always)]
    unsafe fn finish(self) -> V {
        // SAFETY: the caller's machine has V.
        unsafe {
            let half = V::splat(1 << (PRECISION_BITS - 1));
            self.high.shift_left().add(self.low).add(half).shift_right()
        }
    }
}

/// [`scalar::horizontal`].
///
/// # Safety
/// The machine must have `V`.
#[inline(always)]
pub(super) unsafe fn horizontal<V: Vector>(
    input: &[u8],
    input_stride: usize,
    rows: usize,
    taps: &Taps,
    output: &mut [u8],
    output_stride: usize,
) {
    // Four rows share the weights that were loaded, and the sums still fit the registers.
    const ROWS: usize = 4;
    let mut y = 0;
    while y < rows {
        let (input, output) = (&input[y * input_stride..], &mut output[y * output_stride..]);
        // SAFETY: the caller's machine has V.
        unsafe {
            if rows - y >= ROWS {
                horizontal_rows::<V, ROWS>(input, input_stride, taps, output, output_stride);
                y += ROWS;
            } else {
                horizontal_rows::<V, 1>(input, input_stride, taps, output, output_stride);
                y += 1;
            }
        }
    }
}

#[inline(always)]
unsafe fn horizontal_rows<V: Vector, const ROWS: usize>(
    input: &[u8],
    input_stride: usize,
    taps: &Taps,
    output: &mut [u8],
    output_stride: usize,
) {
    // What may be read from the beginning of the last row on; from the other rows it is more.
    let readable = input.len() - (ROWS - 1) * input_stride;
    for (x, tap) in taps.outputs().iter().enumerate() {
        let Tap { first_input, first_group, groups, .. } = *tap;
        let start = first_input * 3;
        if start + (groups.max(1) - 1) * 12 + 16 > readable {
            for row in 0..ROWS {
                let pixel = scalar::horizontal_pixel(&input[row * input_stride..], taps, tap);
                output[row * output_stride + x * 3..][..3].copy_from_slice(&pixel);
            }
            continue;
        }
        // SAFETY: the caller's machine has V. The last load from the last row ends within `readable`.
        unsafe {
            let mut sums = [Sums::<V>::zero(); ROWS];
            let mut from = input.as_ptr().add(start);
            for group in &taps.groups()[first_group..first_group + groups] {
                let [high_01, high_23, low_01, low_23] =
                    [V::splat(group[0]), V::splat(group[1]), V::splat(group[2]), V::splat(group[3])];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let pixels = V::load(from.add(row * input_stride));
                    sums.add(pixels.first_pixel_pair(), high_01, low_01);
                    sums.add(pixels.second_pixel_pair(), high_23, low_23);
                }
                from = from.wrapping_add(12);
            }
            for (row, sums) in sums.into_iter().enumerate() {
                let sum = sums.finish();
                let [red, green, blue, _] = V::narrow([sum; 4]).first().to_le_bytes();
                output[row * output_stride + x * 3..][..3].copy_from_slice(&[red, green, blue]);
            }
        }
    }
}

/// [`scalar::vertical`].
///
/// # Safety
/// The machine must have `V`.
#[inline(always)]
pub(super) unsafe fn vertical<V: Vector>(input: &[u8], input_stride: usize, taps: &Taps, output: &mut [u8]) {
    const BLOCK: usize = 16;
    let rows = taps.weights().len();
    let width = output.len();
    if width < BLOCK || rows == 0 {
        return scalar::vertical(input, input_stride, taps, output);
    }
    assert!((rows - 1) * input_stride + width <= input.len());
    let mut column = 0;
    loop {
        // SAFETY: the caller's machine has V. `column + BLOCK <= width`, so that every load ends within the last
        // row's `width` bytes, which the assertion has found in `input`, and the store within `output`.
        unsafe {
            let mut sums = [Sums::<V>::zero(); 4];
            for (group, weights) in taps.groups().iter().enumerate() {
                // Where a row is missing the last one is read once more, and weighted by zero.
                let row = |index: usize| {
                    let row = (group * 4 + index).min(rows - 1);
                    V::load(input.as_ptr().add(row * input_stride + column))
                };
                for (pair, high, low) in [(0, weights[0], weights[2]), (2, weights[1], weights[3])] {
                    let (high, low) = (V::splat(high), V::splat(low));
                    let values = row(pair).interleave(row(pair + 1));
                    for (sums, values) in sums.iter_mut().zip(values) {
                        sums.add(values, high, low);
                    }
                }
            }
            let [a, b, c, d] = sums;
            V::narrow([a.finish(), b.finish(), c.finish(), d.finish()]).store(output.as_mut_ptr().add(column));
        }
        if column + BLOCK == width {
            return;
        }
        // The last block overlaps the one before and computes some columns twice.
        column = (column + BLOCK).min(width - BLOCK);
    }
}
