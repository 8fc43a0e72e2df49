//! Sixteen bytes.

use crate::Bytes;
use crate::ops::{ops, token};
use core::arch::wasm32::*;

token! {
    /// What every module with SIMD has.
    Simd128Bytes: run_bytes BytesTask
}

impl Bytes for Simd128Bytes {
    type V = v128;

    ops! {
        unsafe fn load(self, p: *const u8) -> v128 { v128_load(p.cast()) }
        unsafe fn load_wide(self, p: *const u8) -> v128 { u16x8_load_extend_u8x8(p) }
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
            // Red and green first, with gaps for blue.
            let first = i8x16_shuffle::<0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5>(r, g);
            let second = i8x16_shuffle::<21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26>(r, g);
            let third = i8x16_shuffle::<0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0>(r, g);
            v128_store(p.cast(), i8x16_shuffle::<0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15>(first, b));
            v128_store(p.add(16).cast(), i8x16_shuffle::<0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15>(second, b));
            v128_store(p.add(32).cast(), i8x16_shuffle::<26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31>(third, b));
        }

        fn splat16(self, x: i16) -> v128 { i16x8_splat(x) }
        fn pairs16(self, even: i16, odd: i16) -> v128 { i16x8(even, odd, even, odd, even, odd, even, odd) }
        fn splat32(self, x: i32) -> v128 { i32x4_splat(x) }
        fn first32(self, a: v128) -> i32 { i32x4_extract_lane::<0>(a) }

        fn any(self, a: v128) -> bool { v128_any_true(a) }
        fn or(self, a: v128, b: v128) -> v128 { v128_or(a, b) }
        fn flip8(self, a: v128) -> v128 { v128_xor(a, u8x16_splat(0x80)) }

        fn add16(self, a: v128, b: v128) -> v128 { i16x8_add(a, b) }
        fn sub16(self, a: v128, b: v128) -> v128 { i16x8_sub(a, b) }
        fn mul16(self, a: v128, b: v128) -> v128 { i16x8_mul(a, b) }
        fn mul_round16(self, a: v128, b: v128) -> v128 { i16x8_q15mulr_sat(a, b) }
        fn shl16<const BITS: i32>(self, a: v128) -> v128 { i16x8_shl(a, BITS as u32) }
        fn shr16<const BITS: i32>(self, a: v128) -> v128 { u16x8_shr(a, BITS as u32) }
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
        fn zip64(self, a: v128, b: v128) -> (v128, v128) { (i64x2_shuffle::<0, 2>(a, b), i64x2_shuffle::<1, 3>(a, b)) }
    }
}
