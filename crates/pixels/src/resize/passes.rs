//! The two inner loops, by the fastest sibling that this machine has. All give the same bits.

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use std::arch::is_x86_feature_detected;

use super::axis::Taps;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::simd128;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use super::sse41;

/// [`super::scalar::horizontal`].
pub(super) fn horizontal(
    input: &[u8],
    input_stride: usize,
    rows: usize,
    taps: &Taps,
    output: &mut [u8],
    output_stride: usize,
) {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if is_x86_feature_detected!("sse4.1") {
        // SAFETY: the machine has SSE4.1.
        return unsafe { sse41::horizontal(input, input_stride, rows, taps, output, output_stride) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    simd128::horizontal(input, input_stride, rows, taps, output, output_stride);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    scalar::horizontal(input, input_stride, rows, taps, output, output_stride);
}

/// [`super::scalar::vertical`].
pub(super) fn vertical(input: &[u8], input_stride: usize, taps: &Taps, output: &mut [u8]) {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if is_x86_feature_detected!("sse4.1") {
        // SAFETY: the machine has SSE4.1.
        return unsafe { sse41::vertical(input, input_stride, taps, output) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    simd128::vertical(input, input_stride, taps, output);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    scalar::vertical(input, input_stride, taps, output);
}

#[cfg(test)]
mod tests {
    use super::super::ResizeFilter;
    use super::super::axis::Axis;
    use super::super::scalar;
    use super::*;

    fn noise(length: usize, seed: u32) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        // Extremes among it: overshoot must be clipped alike.
        (0..length).map(|_| if next() & 1 == 0 { (next() >> 24) as u8 } else { (next() >> 31) as u8 * 255 }).collect()
    }

    #[test]
    fn this_machines_passes_equal_scalar_ones() {
        let filters = [ResizeFilter::Triangle, ResizeFilter::CatmullRom, ResizeFilter::Lanczos3];
        let sizes = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 100, 255];
        for filter in filters {
            for (inputs, outputs) in sizes.iter().flat_map(|&from| sizes.iter().map(move |&to| (from, to))) {
                let axis = Axis::new(inputs, outputs, filter, false);
                for rows in [1, 3, 4, 9] {
                    let input = noise(inputs * rows * 3, (inputs * 1000 + outputs * 10 + rows) as u32);
                    let (taps, next) = Taps::of_columns(&axis, 0..outputs, 0, usize::MAX).unwrap();
                    assert_eq!(next, outputs);
                    let stride = outputs * 3;
                    let (mut expected, mut out) = (vec![1; stride * rows], vec![2; stride * rows]);
                    scalar::horizontal(&input, inputs * 3, rows, &taps, &mut expected, stride);
                    horizontal(&input, inputs * 3, rows, &taps, &mut out, stride);
                    assert!(out == expected, "horizontal {filter:?} {inputs} to {outputs}, {rows} rows");
                }
                for width in [1, 5, 16, 17, 40] {
                    let input = noise(inputs * width, (inputs + outputs + width) as u32);
                    let mut taps = Taps::default();
                    for row in 0..outputs {
                        taps.set_row(&axis, row).unwrap();
                        let first = axis.window(row).start;
                        let (mut expected, mut out) = (vec![1; width], vec![2; width]);
                        scalar::vertical(&input[first * width..], width, &taps, &mut expected);
                        vertical(&input[first * width..], width, &taps, &mut out);
                        assert!(out == expected, "vertical {filter:?} {inputs} to {outputs}, {width} bytes");
                    }
                }
            }
        }
    }
}
