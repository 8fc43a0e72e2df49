//! Four lanes in sixteen registers. There is no fused multiply-add, and the dot product of bytes takes three instructions.

use crate::ops::{ops, token};
use crate::tiles::tiles;
use crate::{DotProduct, Floats, Simd};
use core::arch::x86_64::*;

token! {
    /// Processors from 2008 on.
    Sse41: run Task, "sse4.1"
}

impl Floats for Sse41 {
    type F = __m128;
    type I = __m128i;

    const LANES: usize = 4;

    ops! {
        fn splat(self, x: f32) -> __m128 { _mm_set1_ps(x) }
        unsafe fn load(self, p: *const f32) -> __m128 { _mm_loadu_ps(p) }
        unsafe fn load_splat(self, p: *const f32) -> __m128 { _mm_load1_ps(p) }
        unsafe fn store(self, p: *mut f32, x: __m128) { _mm_storeu_ps(p, x) }
        fn add(self, a: __m128, b: __m128) -> __m128 { _mm_add_ps(a, b) }
        fn sub(self, a: __m128, b: __m128) -> __m128 { _mm_sub_ps(a, b) }
        fn mul(self, a: __m128, b: __m128) -> __m128 { _mm_mul_ps(a, b) }
        fn div(self, a: __m128, b: __m128) -> __m128 { _mm_div_ps(a, b) }
        fn mul_add(self, a: __m128, b: __m128, c: __m128) -> __m128 { _mm_add_ps(_mm_mul_ps(a, b), c) }
        // The instruction gives its second operand where either is a NaN.
        fn min(self, a: __m128, b: __m128) -> __m128 { _mm_min_ps(b, a) }
        fn max(self, a: __m128, b: __m128) -> __m128 { _mm_max_ps(b, a) }
        fn round(self, a: __m128) -> __m128 { _mm_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
        fn exp2_integral(self, n: __m128) -> __m128 {
            _mm_castsi128_ps(_mm_slli_epi32::<23>(_mm_add_epi32(_mm_cvtps_epi32(n), _mm_set1_epi32(127))))
        }
        fn round_int(self, a: __m128) -> __m128i { _mm_cvtps_epi32(a) }
        fn to_float(self, a: __m128i) -> __m128 { _mm_cvtepi32_ps(a) }
        fn hadamard(self, a: __m128) -> __m128 {
            let signs = _mm_setr_ps(0., -0., 0., -0.);
            let a = _mm_add_ps(_mm_shuffle_ps::<0b10_11_00_01>(a, a), _mm_xor_ps(a, signs));
            let signs = _mm_setr_ps(0., 0., -0., -0.);
            _mm_add_ps(_mm_shuffle_ps::<0b01_00_11_10>(a, a), _mm_xor_ps(a, signs))
        }
        fn splat_int(self, x: i32) -> __m128i { _mm_set1_epi32(x) }
        unsafe fn load_int(self, p: *const i32) -> __m128i { _mm_loadu_si128(p.cast()) }
        unsafe fn store_int(self, p: *mut i32, x: __m128i) { _mm_storeu_si128(p.cast(), x) }
        fn sub_int(self, a: __m128i, b: __m128i) -> __m128i { _mm_sub_epi32(a, b) }
        fn mul_int(self, a: __m128i, b: __m128i) -> __m128i { _mm_mullo_epi32(a, b) }
    }
}

impl DotProduct for Sse41 {
    type W = __m128i;
    type A = __m128i;

    const GROUP: usize = 4;
    const PAIRS: bool = true;

    ops! {
        unsafe fn load_weights(self, p: *const i8) -> __m128i { _mm_loadu_si128(p.cast()) }
        unsafe fn load_group(self, p: *const u8) -> __m128i { _mm_set1_epi32(p.cast::<i32>().read_unaligned()) }
        fn dot(self, acc: __m128i, w: __m128i, a: __m128i, _unit: __m128i) -> __m128i {
            _mm_add_epi32(acc, _mm_madd_epi16(_mm_maddubs_epi16(a, w), _mm_set1_epi16(1)))
        }
        fn dot_pair(self, acc: __m128i, w: [__m128i; 2], a: [__m128i; 2], _unit: __m128i) -> __m128i {
            let pairs = _mm_add_epi16(_mm_maddubs_epi16(a[0], w[0]), _mm_maddubs_epi16(a[1], w[1]));
            _mm_add_epi32(acc, _mm_madd_epi16(pairs, _mm_set1_epi16(1)))
        }
        fn split_14(self, x: __m128i) -> [__m128i; 2] { [_mm_srli_epi32::<7>(x), _mm_and_si128(x, _mm_set1_epi32(127))] }
        unsafe fn store_groups(self, p: *mut u8, _stride: usize, x: __m128i) {
            let words = _mm_packs_epi32(x, x);
            p.cast::<i32>().write_unaligned(_mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
        }
        unsafe fn dot_16(self, acc: __m128i, a: *const i8, b: *const i16) -> __m128i {
            let a = _mm_cvtepi8_epi16(_mm_loadl_epi64(a.cast()));
            _mm_add_epi32(acc, _mm_madd_epi16(a, _mm_loadu_si128(b.cast())))
        }
    }
}

impl Simd for Sse41 {
    tiles!(TILE_F32, tile_f32, column_f32: 3; 1 2 3);
    tiles!(TILE_INT8, tile_int8: 3; 1 2);
}
