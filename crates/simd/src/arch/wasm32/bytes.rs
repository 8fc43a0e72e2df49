//! Sixteen bytes.

use crate::Bytes;
use crate::ops::{ops, token};
use core::arch::wasm32::*;

// What is relaxed in these is out of the question here: places are below 16 or above 127, and of -2¹⁵ · -2¹⁵ the trait
// leaves open what it is. So they are one instruction of x86, not two and five.
#[cfg(not(target_feature = "relaxed-simd"))]
use core::arch::wasm32::i16x8_q15mulr_sat as mul_round16;
#[cfg(target_feature = "relaxed-simd")]
use core::arch::wasm32::{i8x16_relaxed_swizzle as swizzle, i16x8_relaxed_q15mulr as mul_round16};

#[cfg(not(target_feature = "relaxed-simd"))]
use core::arch::wasm32::i8x16_swizzle as swizzle;

/// Places of red, green and blue in four pixels of four bytes.
static THREE_OF_FOUR: Aligned = Aligned(u8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 128, 128, 128, 128));

struct Aligned(v128);

token! {
    /// What every module with SIMD has.
    Simd128Bytes: run_bytes BytesTask
}

impl Bytes for Simd128Bytes {
    type V = v128;

    ops! {
        unsafe fn load(self, p: *const u8) -> v128 { v128_load(p.cast()) }
        unsafe fn load_wide(self, p: *const u8) -> v128 { u16x8_load_extend_u8x8(p) }
        unsafe fn load_halves(self, first: *const u8, last: *const u8) -> v128 {
            v128_load64_lane::<1>(v128_load64_zero(first.cast()), last.cast())
        }
        unsafe fn store(self, p: *mut u8, x: v128) { v128_store(p.cast(), x) }
        unsafe fn store_halves(self, first: *mut u8, last: *mut u8, x: v128) {
            v128_store64_lane::<0>(x, first.cast());
            v128_store64_lane::<1>(x, last.cast());
        }
        unsafe fn store_quarters(self, p: *mut u8, stride: usize, x: v128) {
            v128_store32_lane::<0>(x, p.cast());
            v128_store32_lane::<1>(x, p.add(stride).cast());
            v128_store32_lane::<2>(x, p.add(2 * stride).cast());
            v128_store32_lane::<3>(x, p.add(3 * stride).cast());
        }
        unsafe fn store_interleaved(self, p: *mut u8, r: v128, g: v128, b: v128) {
            // Four bytes a pixel first, of which one is dropped: engines have an instruction for each of these steps, but
            // take many for a shuffle of two vectors that is not one of a few.
            let (low, high) = self.zip8(r, g);
            let (low_blue, high_blue) = self.zip8(b, r);
            let (first, second) = self.zip16(low, low_blue);
            let (third, fourth) = self.zip16(high, high_blue);
            // SAFETY: a constant can be read. Were its value known to the compiler, it would make general shuffles of it all.
            let three = core::ptr::read_volatile(&raw const THREE_OF_FOUR).0;
            // Each next store overwrites the last four bytes of the one before.
            v128_store(p.cast(), swizzle(first, three));
            v128_store(p.add(12).cast(), swizzle(second, three));
            v128_store(p.add(24).cast(), swizzle(third, three));
            let last = swizzle(fourth, three);
            v128_store64_lane::<0>(last, p.add(36).cast());
            v128_store32_lane::<2>(last, p.add(44).cast());
        }

        fn splat8(self, x: u8) -> v128 { u8x16_splat(x) }
        fn splat16(self, x: i16) -> v128 { i16x8_splat(x) }
        fn pairs16(self, even: i16, odd: i16) -> v128 { i16x8(even, odd, even, odd, even, odd, even, odd) }
        fn splat32(self, x: i32) -> v128 { i32x4_splat(x) }
        fn first32(self, a: v128) -> i32 { i32x4_extract_lane::<0>(a) }

        fn any(self, a: v128) -> bool { v128_any_true(a) }
        fn or(self, a: v128, b: v128) -> v128 { v128_or(a, b) }
        fn and(self, a: v128, b: v128) -> v128 { v128_and(a, b) }
        fn and_not(self, a: v128, b: v128) -> v128 { v128_andnot(a, b) }
        fn flip8(self, a: v128) -> v128 { v128_xor(a, u8x16_splat(0x80)) }

        fn equal8(self, a: v128, b: v128) -> v128 { i8x16_eq(a, b) }
        fn add_clamped8(self, a: v128, b: v128) -> v128 { i8x16_add_sat(a, b) }
        fn sub_clamped8(self, a: v128, b: v128) -> v128 { i8x16_sub_sat(a, b) }
        fn add_unsigned8(self, a: v128, b: v128) -> v128 { u8x16_add_sat(a, b) }
        fn sub_unsigned8(self, a: v128, b: v128) -> v128 { u8x16_sub_sat(a, b) }
        fn shr8<const BITS: i32>(self, a: v128) -> v128 { i8x16_shr(a, BITS as u32) }

        fn add16(self, a: v128, b: v128) -> v128 { i16x8_add(a, b) }
        fn sub16(self, a: v128, b: v128) -> v128 { i16x8_sub(a, b) }
        fn mul16(self, a: v128, b: v128) -> v128 { i16x8_mul(a, b) }
        fn mul_high16(self, a: v128, b: v128) -> v128 {
            let (low, high) = (i32x4_extmul_low_i16x8(a, b), i32x4_extmul_high_i16x8(a, b));
            i16x8_shuffle::<1, 3, 5, 7, 9, 11, 13, 15>(low, high)
        }
        fn scale8(self, a: v128, factor: u16) -> v128 {
            // The factor's high byte gives whole numbers: two short products are fewer instructions than a long one.
            let whole = i16x8_mul(a, u16x8_splat(factor >> 8));
            i16x8_add(whole, u16x8_shr(i16x8_mul(a, u16x8_splat(factor & 255)), 8))
        }
        fn sub_unsigned16(self, a: v128, b: v128) -> v128 { u16x8_sub_sat(a, b) }
        fn mul_round16(self, a: v128, b: v128) -> v128 { mul_round16(a, b) }
        fn shl16<const BITS: i32>(self, a: v128) -> v128 { i16x8_shl(a, BITS as u32) }
        fn shr16<const BITS: i32>(self, a: v128) -> v128 { u16x8_shr(a, BITS as u32) }
        fn shr16_signed<const BITS: i32>(self, a: v128) -> v128 { i16x8_shr(a, BITS as u32) }
        fn dot16(self, a: v128, b: v128) -> v128 { i32x4_dot_i16x8(a, b) }

        fn add32(self, a: v128, b: v128) -> v128 { i32x4_add(a, b) }
        fn sub32(self, a: v128, b: v128) -> v128 { i32x4_sub(a, b) }
        fn shl32<const BITS: i32>(self, a: v128) -> v128 { i32x4_shl(a, BITS as u32) }
        fn shr32<const BITS: i32>(self, a: v128) -> v128 { i32x4_shr(a, BITS as u32) }

        fn narrow32(self, a: v128, b: v128) -> v128 { i16x8_narrow_i32x4(a, b) }
        fn narrow16(self, a: v128, b: v128) -> v128 { i8x16_narrow_i16x8(a, b) }
        fn narrow16_unsigned(self, a: v128, b: v128) -> v128 { u8x16_narrow_i16x8(a, b) }
        fn widen8(self, a: v128) -> (v128, v128) { (u16x8_extend_low_u8x16(a), u16x8_extend_high_u8x16(a)) }

        fn zip8(self, a: v128, b: v128) -> (v128, v128) {
            let low = i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b);
            (low, i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b))
        }
        fn zip16(self, a: v128, b: v128) -> (v128, v128) {
            (i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b), i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b))
        }
        fn zip32(self, a: v128, b: v128) -> (v128, v128) {
            (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b))
        }
        fn zip64(self, a: v128, b: v128) -> (v128, v128) { (i64x2_shuffle::<0, 2>(a, b), i64x2_shuffle::<1, 3>(a, b)) }
        fn after16(self, a: v128, before: v128) -> v128 { i16x8_shuffle::<7, 8, 9, 10, 11, 12, 13, 14>(before, a) }
        fn before16(self, a: v128, next: v128) -> v128 { i16x8_shuffle::<1, 2, 3, 4, 5, 6, 7, 8>(a, next) }
        fn first_pixel_pair(self, a: v128) -> v128 {
            i8x16_shuffle::<0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16>(a, i8x16_splat(0))
        }
        fn second_pixel_pair(self, a: v128) -> v128 {
            i8x16_shuffle::<6, 16, 9, 16, 7, 16, 10, 16, 8, 16, 11, 16, 16, 16, 16, 16>(a, i8x16_splat(0))
        }
        fn spread_pixels(self, a: v128) -> v128 {
            i8x16_shuffle::<0, 1, 2, 16, 3, 4, 5, 16, 6, 7, 8, 16, 9, 10, 11, 16>(a, i8x16_splat(0))
        }
        fn close_pixels(self, a: v128) -> v128 {
            i8x16_shuffle::<0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 16, 16, 16>(a, i8x16_splat(0))
        }

        fn add8(self, a: v128, b: v128) -> v128 { i8x16_add(a, b) }
        fn min16(self, a: v128, b: v128) -> v128 { i16x8_min(a, b) }
        fn max16(self, a: v128, b: v128) -> v128 { i16x8_max(a, b) }
        fn greater16(self, a: v128, b: v128) -> v128 { i16x8_gt(a, b) }
        fn select(self, mask: v128, a: v128, b: v128) -> v128 { v128_bitselect(a, b, mask) }
    }
}
