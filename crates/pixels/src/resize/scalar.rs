//! The two passes in plain Rust: the definition that every SIMD sibling must equal.

use super::axis::{PRECISION_BITS, Tap, Taps};

/// Resamples `rows` rows of RGB pixels along the row.
///
/// `input` and `output` begin with the first row's first pixel; a row begins `input_stride` (`output_stride`) bytes
/// after the one before. Output pixels are those of `taps`.
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
pub(super) fn horizontal(
    input: &[u8],
    input_stride: usize,
    rows: usize,
    taps: &Taps,
    output: &mut [u8],
    output_stride: usize,
) {
    for y in 0..rows {
        let input = &input[y * input_stride..];
        let (output, _) = output[y * output_stride..].as_chunks_mut::<3>();
        for (tap, out) in taps.outputs().iter().zip(output) {
            *out = horizontal_pixel(input, taps, tap);
        }
    }
}

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

/// Resamples one row of output bytes: the sum of as many input rows as there are weights, the first of which
/// `input` begins with.
pub(super) fn vertical(input: &[u8], input_stride: usize, taps: &Taps, output: &mut [u8]) {
    // A block's sums stay in registers while the rows are added up.
    const BLOCK: usize = 32;
    for (block, out) in output.chunks_mut(BLOCK).enumerate() {
        let mut sums = [1i32 << (PRECISION_BITS - 1); BLOCK];
        for (row, &weight) in taps.weights().iter().enumerate() {
            let start = row * input_stride + block * BLOCK;
            for (sum, &value) in sums.iter_mut().zip(&input[start..start + out.len()]) {
                *sum = sum.wrapping_add(i32::from(value).wrapping_mul(weight));
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = clip(sum);
        }
    }
}

/// The 8-bit value of a sum with [`PRECISION_BITS`] fractional bits.
fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
