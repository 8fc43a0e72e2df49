//! Sixteen lanes in thirty-two registers, with FMA and a dot product of bytes (VNNI).

use crate::ops::{ops, token};
use crate::tiles::tiles;
use crate::{DotProduct, Floats, Simd};
use core::arch::x86_64::*;

token! {
    /// Intel servers from Cascade Lake on, AMD from Zen 4 on.
    Avx512: run Task, "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma"
}

impl Floats for Avx512 {
    type F = __m512;
    type I = __m512i;

    const LANES: usize = 16;

    ops! {
        fn splat(self, x: f32) -> __m512 { _mm512_set1_ps(x) }
        unsafe fn load(self, p: *const f32) -> __m512 { _mm512_loadu_ps(p) }
        unsafe fn load_splat(self, p: *const f32) -> __m512 { _mm512_set1_ps(p.read_unaligned()) }
        unsafe fn store(self, p: *mut f32, x: __m512) { _mm512_storeu_ps(p, x) }
        fn add(self, a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
        fn sub(self, a: __m512, b: __m512) -> __m512 { _mm512_sub_ps(a, b) }
        fn mul(self, a: __m512, b: __m512) -> __m512 { _mm512_mul_ps(a, b) }
        fn div(self, a: __m512, b: __m512) -> __m512 { _mm512_div_ps(a, b) }
        fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 { _mm512_fmadd_ps(a, b, c) }
        // The instruction gives its second operand where either is a NaN.
        fn min(self, a: __m512, b: __m512) -> __m512 { _mm512_min_ps(b, a) }
        fn max(self, a: __m512, b: __m512) -> __m512 { _mm512_max_ps(b, a) }
        fn round(self, a: __m512) -> __m512 { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
        fn exp2_integral(self, n: __m512) -> __m512 {
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
        }
        fn round_int(self, a: __m512) -> __m512i { _mm512_cvtps_epi32(a) }
        fn to_float(self, a: __m512i) -> __m512 { _mm512_cvtepi32_ps(a) }
        fn hadamard(self, a: __m512) -> __m512 {
            let minus = _mm512_set1_ps(-0.0);
            let a = _mm512_add_ps(_mm512_permute_ps::<0b10_11_00_01>(a), _mm512_mask_sub_ps(a, 0xAAAA, minus, a));
            let a = _mm512_add_ps(_mm512_permute_ps::<0b01_00_11_10>(a), _mm512_mask_sub_ps(a, 0xCCCC, minus, a));
            let a = _mm512_add_ps(_mm512_shuffle_f32x4::<0b10_11_00_01>(a, a), _mm512_mask_sub_ps(a, 0xF0F0, minus, a));
            _mm512_add_ps(_mm512_shuffle_f32x4::<0b01_00_11_10>(a, a), _mm512_mask_sub_ps(a, 0xFF00, minus, a))
        }
        fn splat_int(self, x: i32) -> __m512i { _mm512_set1_epi32(x) }
        unsafe fn load_int(self, p: *const i32) -> __m512i { _mm512_loadu_si512(p.cast()) }
        unsafe fn store_int(self, p: *mut i32, x: __m512i) { _mm512_storeu_si512(p.cast(), x) }
        fn sub_int(self, a: __m512i, b: __m512i) -> __m512i { _mm512_sub_epi32(a, b) }
        fn mul_int(self, a: __m512i, b: __m512i) -> __m512i { _mm512_mullo_epi32(a, b) }
    }
}

impl DotProduct for Avx512 {
    type W = __m512i;
    type A = __m512i;

    const GROUP: usize = 4;

    ops! {
        unsafe fn load_weights(self, p: *const i8) -> __m512i { _mm512_loadu_si512(p.cast()) }
        unsafe fn load_group(self, p: *const u8) -> __m512i { _mm512_set1_epi32(p.cast::<i32>().read_unaligned()) }
        fn dot(self, acc: __m512i, w: __m512i, a: __m512i, _unit: __m512i) -> __m512i { _mm512_dpbusd_epi32(acc, a, w) }
        fn split_14(self, x: __m512i) -> [__m512i; 2] {
            [_mm512_srli_epi32::<7>(x), _mm512_and_si512(x, _mm512_set1_epi32(127))]
        }
        unsafe fn store_groups(self, p: *mut u8, stride: usize, x: __m512i) {
            let bytes = _mm512_cvtepi32_epi8(x);
            p.cast::<i32>().write_unaligned(_mm_cvtsi128_si32(bytes));
            p.add(stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<1>(bytes));
            p.add(2 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<2>(bytes));
            p.add(3 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<3>(bytes));
        }
        unsafe fn dot_16(self, acc: __m512i, a: *const i8, b: *const i16) -> __m512i {
            let a = _mm512_cvtepi8_epi16(_mm256_loadu_si256(a.cast()));
            _mm512_add_epi32(acc, _mm512_madd_epi16(a, _mm512_loadu_si512(b.cast())))
        }
    }
}

impl Simd for Avx512 {
    tiles!(TILE_F32, tile_f32, column_f32: 3; 1 2 3 4 5 6 7 8);
    tiles!(TILE_INT8, tile_int8: 3; 1 2 3 4 5 6 7 8);
}
