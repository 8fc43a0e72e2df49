//! wasm with 128-bit SIMD: every browser since 2023.

use std::arch::wasm32::*;

use super::axis::{LOW_BITS, PRECISION_BITS, Taps};
use super::vector::{self, Vector};

/// [`super::scalar::horizontal`].
pub(super) fn horizontal(
    input: &[u8],
    input_stride: usize,
    rows: usize,
    taps: &Taps,
    output: &mut [u8],
    output_stride: usize,
) {
    // SAFETY: this file is compiled only for machines that have simd128.
    unsafe { vector::horizontal::<Simd128>(input, input_stride, rows, taps, output, output_stride) }
}

/// [`super::scalar::vertical`].
pub(super) fn vertical(input: &[u8], input_stride: usize, taps: &Taps, output: &mut [u8]) {
    // SAFETY: this file is compiled only for machines that have simd128.
    unsafe { vector::vertical::<Simd128>(input, input_stride, taps, output) }
}

#[derive(Clone, Copy)]
struct Simd128(v128);

impl Vector for Simd128 {
    #[inline(always)]
    unsafe fn load(bytes: *const u8) -> Self {
        // SAFETY: the caller's pointer is to 16 readable bytes; alignment is not asked for.
        Self(unsafe { v128_load(bytes.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, bytes: *mut u8) {
        // SAFETY: the caller's pointer is to 16 writable bytes; alignment is not asked for.
        unsafe { v128_store(bytes.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn splat(value: i32) -> Self {
        Self(i32x4_splat(value))
    }

    #[inline(always)]
    unsafe fn first_pixel_pair(self) -> Self {
        let zero = i8x16_splat(0);
        Self(i8x16_shuffle::<0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16>(self.0, zero))
    }

    #[inline(always)]
    unsafe fn second_pixel_pair(self) -> Self {
        let zero = i8x16_splat(0);
        Self(i8x16_shuffle::<6, 16, 9, 16, 7, 16, 10, 16, 8, 16, 11, 16, 16, 16, 16, 16>(self.0, zero))
    }

    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 4] {
        let low = i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(self.0, other.0);
        let high = i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(self.0, other.0);
        [
            Self(u16x8_extend_low_u8x16(low)),
            Self(u16x8_extend_high_u8x16(low)),
            Self(u16x8_extend_low_u8x16(high)),
            Self(u16x8_extend_high_u8x16(high)),
        ]
    }

    #[inline(always)]
    unsafe fn dot(self, other: Self) -> Self {
        Self(i32x4_dot_i16x8(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(i32x4_add(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn shift_left(self) -> Self {
        Self(i32x4_shl(self.0, LOW_BITS))
    }

    #[inline(always)]
    unsafe fn shift_right(self) -> Self {
        Self(i32x4_shr(self.0, PRECISION_BITS))
    }

    #[inline(always)]
    unsafe fn narrow(parts: [Self; 4]) -> Self {
        let [a, b, c, d] = parts;
        Self(u8x16_narrow_i16x8(i16x8_narrow_i32x4(a.0, b.0), i16x8_narrow_i32x4(c.0, d.0)))
    }

    #[inline(always)]
    unsafe fn first(self) -> i32 {
        i32x4_extract_lane::<0>(self.0)
    }
}
