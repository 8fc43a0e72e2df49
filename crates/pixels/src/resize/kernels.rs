//! The two inner loops over vectors of sixteen bytes, written once for all instruction sets. All give the same bits.
//!
//! No processor multiplies 32-bit integers as fast as it multiplies pairs of 16-bit ones and adds the two products
//! (`dot16`). A weight of 22 fractional bits is too wide for that, so it is cut in two: `weight = high·2¹² + low`
//! ([`LOW_BITS`]), with `low` from 0 to 4095. The sums of both parts are kept apart and put together at the end. All of it
//! wraps around at 32 bits, and so does the scalar sum: the bits are the same.
//!
//! Weights come in groups of four (see [`Taps::groups`]); a last group is filled up with zero weights, whose pixels
//! are read but don't count.

use simd::{Bytes, BytesTask};

use super::scalar;
use super::taps::{LOW_BITS, PRECISION_BITS, Tap, Taps};
use crate::pixels::Rows;

/// Resamples RGB pixels along their rows: [`scalar::horizontal_pixel`] for each of `taps`.
pub(super) struct Horizontal<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) taps: &'a Taps,
    /// From the first output row's first pixel on; a row begins `output_stride` bytes after the one before.
    pub(super) output: &'a mut [u8],
    pub(super) output_stride: usize,
}

/// Sums up rows: [`scalar::vertical`].
pub(super) struct Vertical<'a> {
    /// From the first of as many rows as there are weights on.
    pub(super) input: &'a [u8],
    pub(super) input_stride: usize,
    pub(super) taps: &'a Taps,
    pub(super) output: &'a mut [u8],
}

/// The sums of the two parts of the weights, i32x4.
#[derive(Clone, Copy)]
struct Sums<V> {
    high: V,
    low: V,
}

impl<V: Copy> Sums<V> {
    #[inline(always)]
    fn zero<B: Bytes<V = V>>(bytes: B) -> Self {
        Self { high: bytes.splat32(0), low: bytes.splat32(0) }
    }

    #[inline(always)]
    fn add<B: Bytes<V = V>>(&mut self, bytes: B, values: V, high: V, low: V) {
        self.high = bytes.add32(self.high, bytes.dot16(values, high));
        self.low = bytes.add32(self.low, bytes.dot16(values, low));
    }

    /// Both parts together, half added and the fraction shifted out.
    #[inline(always)]
    fn finish<B: Bytes<V = V>>(self, bytes: B) -> V {
        let half = bytes.splat32(1 << (PRECISION_BITS - 1));
        let sum = bytes.add32(bytes.shl32::<{ LOW_BITS as i32 }>(self.high), self.low);
        bytes.shr32::<{ PRECISION_BITS as i32 }>(bytes.add32(sum, half))
    }
}

/// u8x16 of four i32x4, clipped.
#[inline(always)]
fn narrow<B: Bytes>(bytes: B, parts: [B::V; 4]) -> B::V {
    let [a, b, c, d] = parts;
    bytes.narrow16_unsigned(bytes.narrow32(a, b), bytes.narrow32(c, d))
}

impl BytesTask for Horizontal<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        // Four rows have the weights in common that were loaded, and their sums still fit the registers.
        const ROWS: usize = 4;
        let Self { rows, taps, output, output_stride } = self;
        let mut y = 0;
        while y < rows.count {
            let (input, output) = (&rows.bytes[y * rows.stride..], &mut output[y * output_stride..]);
            if rows.count - y >= ROWS {
                horizontal_rows::<B, ROWS>(bytes, input, rows.stride, taps, output, output_stride);
                y += ROWS;
            } else {
                horizontal_rows::<B, 1>(bytes, input, rows.stride, taps, output, output_stride);
                y += 1;
            }
        }
    }
}

#[inline(always)]
fn horizontal_rows<B: Bytes, const ROWS: usize>(
    bytes: B,
    input: &[u8],
    input_stride: usize,
    taps: &Taps,
    output: &mut [u8],
    output_stride: usize,
) {
    // What may be read from the beginning of the last row on; from the other rows it is more.
    let readable = input.len().saturating_sub((ROWS - 1) * input_stride);
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
        let mut sums = [Sums::zero(bytes); ROWS];
        let mut from = start;
        for group in &taps.groups()[first_group..first_group + groups] {
            let [high_01, high_23, low_01, low_23] =
                [bytes.splat32(group[0]), bytes.splat32(group[1]), bytes.splat32(group[2]), bytes.splat32(group[3])];
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: the last group's load from the last row ends within `readable`, as has been found above, and
                // every other one before it.
                let pixels = unsafe { bytes.load(input.as_ptr().add(row * input_stride + from)) };
                sums.add(bytes, bytes.first_pixel_pair(pixels), high_01, low_01);
                sums.add(bytes, bytes.second_pixel_pair(pixels), high_23, low_23);
            }
            from += 12;
        }
        for (row, sums) in sums.into_iter().enumerate() {
            let sum = sums.finish(bytes);
            let [red, green, blue, _] = bytes.first32(narrow(bytes, [sum; 4])).to_le_bytes();
            output[row * output_stride + x * 3..][..3].copy_from_slice(&[red, green, blue]);
        }
    }
}

impl BytesTask for Vertical<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        const BLOCK: usize = 16;
        let Self { input, input_stride, taps, output } = self;
        let (rows, width) = (taps.weights().len(), output.len());
        if width < BLOCK || rows == 0 {
            return scalar::vertical(input, input_stride, taps, output);
        }
        assert!((rows - 1) * input_stride + width <= input.len());
        let mut column = 0;
        loop {
            let mut sums = [Sums::zero(bytes); 4];
            for (group, weights) in taps.groups().iter().enumerate() {
                for (pair, high, low) in [(0, weights[0], weights[2]), (2, weights[1], weights[3])] {
                    // Where a row is missing the last one is read once more, and weighted by zero.
                    let (first, second) = ((group * 4 + pair).min(rows - 1), (group * 4 + pair + 1).min(rows - 1));
                    // SAFETY: `column + BLOCK <= width`, so that the load ends within the row's `width` bytes, which for
                    // the last row the assertion has found in `input`.
                    let first = unsafe { bytes.load(input.as_ptr().add(first * input_stride + column)) };
                    // SAFETY: as above.
                    let second = unsafe { bytes.load(input.as_ptr().add(second * input_stride + column)) };
                    let (high, low) = (bytes.splat32(high), bytes.splat32(low));
                    let (begin, end) = bytes.zip8(first, second);
                    let ((a, b), (c, d)) = (bytes.widen8(begin), bytes.widen8(end));
                    for (sums, values) in sums.iter_mut().zip([a, b, c, d]) {
                        sums.add(bytes, values, high, low);
                    }
                }
            }
            let [a, b, c, d] = sums;
            let narrowed = narrow(bytes, [a.finish(bytes), b.finish(bytes), c.finish(bytes), d.finish(bytes)]);
            // SAFETY: `column + BLOCK <= width`, the length of `output`.
            unsafe { bytes.store(output.as_mut_ptr().add(column), narrowed) };
            if column + BLOCK == width {
                return;
            }
            // The last block overlaps the one before and computes some columns twice.
            column = (column + BLOCK).min(width - BLOCK);
        }
    }
}

#[cfg(test)]
mod tests {
    use simd::Isa;

    use super::super::axis::Axis;
    use super::super::tests::{WEIGHTED, noise};
    use super::*;

    const SIZES: [usize; 14] = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 100, 255];

    /// Every instruction set that this machine has, over every change of size.
    fn each(test: impl Fn(Isa, &Axis, (usize, usize))) {
        let sizes = || SIZES.iter().flat_map(|&from| SIZES.iter().map(move |&to| (from, to)));
        for isa in Isa::available() {
            for (filter, (inputs, outputs)) in WEIGHTED.into_iter().flat_map(|filter| sizes().map(move |s| (filter, s)))
            {
                test(isa, &Axis::new(inputs, outputs, filter, false), (inputs, outputs));
            }
        }
    }

    #[test]
    fn rows_are_resampled_as_by_the_scalar_twin() {
        each(|isa, axis, (inputs, outputs)| {
            let (taps, next) = Taps::of_columns(axis, 0..outputs, 0, usize::MAX).unwrap();
            assert_eq!(next, outputs);
            for count in [1, 3, 4, 9] {
                let input = noise(inputs * count * 3);
                let rows = Rows { bytes: &input, stride: inputs * 3, count };
                let mut output = vec![2; outputs * count * 3];
                isa.run_bytes(Horizontal { rows, taps: &taps, output: &mut output, output_stride: outputs * 3 });
                for (row, out) in input.chunks(inputs * 3).zip(output.chunks(outputs * 3)) {
                    let expected = taps.outputs().iter().map(|tap| scalar::horizontal_pixel(row, &taps, tap));
                    assert!(
                        out.as_chunks::<3>().0.iter().copied().eq(expected),
                        "{} {axis:?} {count} rows",
                        isa.name()
                    );
                }
            }
        });
    }

    #[test]
    fn rows_are_summed_up_as_by_the_scalar_twin() {
        each(|isa, axis, (inputs, outputs)| {
            for width in [1, 5, 16, 17, 40] {
                let input = noise(inputs * width);
                let mut taps = Taps::default();
                for row in 0..outputs {
                    taps.set_row(axis, row).unwrap();
                    let input = &input[axis.window(row).start * width..];
                    let (mut expected, mut output) = (vec![1; width], vec![2; width]);
                    scalar::vertical(input, width, &taps, &mut expected);
                    isa.run_bytes(Vertical { input, input_stride: width, taps: &taps, output: &mut output });
                    assert!(output == expected, "{} {axis:?} {width} bytes", isa.name());
                }
            }
        });
    }
}
