//! The two passes in plain Rust: the definition that every instruction set must equal, and what a row's ends need.

use super::taps::{PRECISION_BITS, Tap, Taps};

/// One output pixel of the row that `input` begins with.
pub(super) fn horizontal_pixel(input: &[u8], taps: &Taps, tap: &Tap) -> [u8; 3] {
    let weights = &taps.weights()[tap.first_weight..tap.first_weight + tap.weights];
    let (pixels, _) = input[tap.first_input * 3..].as_chunks::<3>();
    let mut sums = [1i32 << (PRECISION_BITS - 1); 3];
    for (pixel, &weight) in pixels.iter().zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(pixel) {
            *sum = sum.wrapping_add(i32::from(value).wrapping_mul(weight));
        }
    }
    sums.map(clip)
}

/// An output row: the sum of as many input rows as there are weights, the first of which `input`
/// begins with.
pub(super) fn vertical(input: &[u8], input_stride: usize, taps: &Taps, output: &mut [u8]) {
    for (column, out) in output.iter_mut().enumerate() {
        let mut sum = 1i32 << (PRECISION_BITS - 1);
        for (row, &weight) in taps.weights().iter().enumerate() {
            sum = sum.wrapping_add(i32::from(input[row * input_stride + column]).wrapping_mul(weight));
        }
        *out = clip(sum);
    }
}

/// The 8-bit value of a sum with [`PRECISION_BITS`] fractional bits.
fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
