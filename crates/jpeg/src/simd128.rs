//! WebAssembly with SIMD: where the module is built with it, it is there.

use std::arch::wasm32::*;

use super::kernels::Kernels;
use super::vector::{self, Vector};

/// The kernels.
pub(super) const KERNELS: Kernels = Kernels {
    // SAFETY: the module is built with SIMD.
    idct_8x8: |coefficients, quantisers, out, stride| unsafe {
        vector::idct_8x8::<Simd128>(coefficients, quantisers, out, stride);
    },
    // SAFETY: the module is built with SIMD.
    idct_8x8_corner: |coefficients, quantisers, out, stride| unsafe {
        vector::idct_8x8_corner::<Simd128>(coefficients, quantisers, out, stride);
    },
    // SAFETY: the module is built with SIMD.
    idct_4x4: |coefficients, quantisers, out, stride| unsafe {
        vector::idct_4x4::<Simd128>(coefficients, quantisers, out, stride);
    },
    // SAFETY: the module is built with SIMD.
    horizontal: |row, out| unsafe { vector::horizontal::<Simd128>(row, out) },
    // SAFETY: the module is built with SIMD.
    vertical: |near, far, below, out| unsafe { vector::vertical::<Simd128>(near, far, below, out) },
    // SAFETY: the module is built with SIMD.
    both: |near, far, out| unsafe { vector::both::<Simd128>(near, far, out) },
    // SAFETY: the module is built with SIMD.
    ycc_to_rgb: |y, cb, cr, out| unsafe { vector::ycc_to_rgb::<Simd128>(y, cb, cr, out) },
};

#[derive(Clone, Copy)]
struct Simd128(v128);

// SAFETY (of every block below): loads and stores may be called only with pointers to as many bytes; the instructions
// used ask for no alignment.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Simd128 {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        Self(unsafe { v128_load(from.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        unsafe { v128_store(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn load_wide(from: *const u8) -> Self {
        Self(unsafe { u16x8_load_extend_u8x8(from) })
    }

    #[inline(always)]
    unsafe fn store_halves(self, first: *mut u8, last: *mut u8) {
        unsafe {
            v128_store64_lane::<0>(self.0, first.cast());
            v128_store64_lane::<1>(self.0, last.cast());
        }
    }

    #[inline(always)]
    unsafe fn store_quarters(self, to: *mut u8, stride: usize) {
        unsafe {
            v128_store32_lane::<0>(self.0, to.cast());
            v128_store32_lane::<1>(self.0, to.add(stride).cast());
            v128_store32_lane::<2>(self.0, to.add(2 * stride).cast());
            v128_store32_lane::<3>(self.0, to.add(3 * stride).cast());
        }
    }

    #[inline(always)]
    unsafe fn splat16(value: i16) -> Self {
        Self(i16x8_splat(value))
    }

    #[inline(always)]
    unsafe fn pairs(even: i16, odd: i16) -> Self {
        Self(i16x8(even, odd, even, odd, even, odd, even, odd))
    }

    #[inline(always)]
    unsafe fn splat32(value: i32) -> Self {
        Self(i32x4_splat(value))
    }

    #[inline(always)]
    unsafe fn any(self) -> bool {
        v128_any_true(self.0)
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        Self(v128_or(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn flip8(self) -> Self {
        Self(v128_xor(self.0, u8x16_splat(0x80)))
    }

    #[inline(always)]
    unsafe fn add16(self, other: Self) -> Self {
        Self(i16x8_add(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub16(self, other: Self) -> Self {
        Self(i16x8_sub(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul16(self, other: Self) -> Self {
        Self(i16x8_mul(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul_round16(self, other: Self) -> Self {
        Self(i16x8_q15mulr_sat(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn shl16<const BITS: i32>(self) -> Self {
        Self(i16x8_shl(self.0, BITS as u32))
    }

    #[inline(always)]
    unsafe fn shr16<const BITS: i32>(self) -> Self {
        Self(u16x8_shr(self.0, BITS as u32))
    }

    #[inline(always)]
    unsafe fn dot(self, other: Self) -> Self {
        Self(i32x4_dot_i16x8(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn add32(self, other: Self) -> Self {
        Self(i32x4_add(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub32(self, other: Self) -> Self {
        Self(i32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn shr32<const BITS: i32>(self) -> Self {
        Self(i32x4_shr(self.0, BITS as u32))
    }

    #[inline(always)]
    unsafe fn narrow32(self, other: Self) -> Self {
        Self(i16x8_narrow_i32x4(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn narrow16(self, other: Self) -> Self {
        Self(i8x16_narrow_i16x8(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn narrow16_unsigned(self, other: Self) -> Self {
        Self(u8x16_narrow_i16x8(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn zip8(self, other: Self) -> (Self, Self) {
        let (a, b) = (self.0, other.0);
        let low = i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b);
        let high = i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b);
        (Self(low), Self(high))
    }

    #[inline(always)]
    unsafe fn zip16(self, other: Self) -> (Self, Self) {
        let low = i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(self.0, other.0);
        let high = i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(self.0, other.0);
        (Self(low), Self(high))
    }

    #[inline(always)]
    unsafe fn zip32(self, other: Self) -> (Self, Self) {
        let low = i32x4_shuffle::<0, 4, 1, 5>(self.0, other.0);
        let high = i32x4_shuffle::<2, 6, 3, 7>(self.0, other.0);
        (Self(low), Self(high))
    }

    #[inline(always)]
    unsafe fn after16(self, before: Self) -> Self {
        Self(i16x8_shuffle::<7, 8, 9, 10, 11, 12, 13, 14>(before.0, self.0))
    }

    #[inline(always)]
    unsafe fn before16(self, next: Self) -> Self {
        Self(i16x8_shuffle::<1, 2, 3, 4, 5, 6, 7, 8>(self.0, next.0))
    }

    #[inline(always)]
    unsafe fn store_interleaved(r: Self, g: Self, b: Self, to: *mut u8) {
        let (r, g, b) = (r.0, g.0, b.0);
        // Red and green first, with gaps for blue.
        let first = i8x16_shuffle::<0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5>(r, g);
        let second = i8x16_shuffle::<21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26>(r, g);
        let third = i8x16_shuffle::<0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0>(r, g);
        let first = i8x16_shuffle::<0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15>(first, b);
        let second = i8x16_shuffle::<0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15>(second, b);
        let third = i8x16_shuffle::<26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31>(third, b);
        unsafe {
            Self(first).store(to);
            Self(second).store(to.add(16));
            Self(third).store(to.add(32));
        }
    }
}
