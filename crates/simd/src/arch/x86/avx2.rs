//! Eight lanes in sixteen registers, with FMA.

use crate::ops::{ops, token};
use crate::tiles::tiles;
use crate::{DotProduct, Floats, Simd};
use core::arch::x86_64::*;

token! {
    /// Processors from 2013 on.
    Avx2: run Task, "avx2,fma"
}

token! {
    /// The same with a dot product of bytes: Intel from Alder Lake on, AMD from Zen 5 on.
    AvxVnni: run Task, "avx2,fma,avxvnni"
}

macro_rules! floats {
    ($token:ident) => {
        impl Floats for $token {
            type F = __m256;
            type I = __m256i;

            const LANES: usize = 8;

            ops! {
                fn splat(self, x: f32) -> __m256 { _mm256_set1_ps(x) }
                unsafe fn load(self, p: *const f32) -> __m256 { _mm256_loadu_ps(p) }
                unsafe fn load_splat(self, p: *const f32) -> __m256 { _mm256_broadcast_ss(&*p) }
                unsafe fn store(self, p: *mut f32, x: __m256) { _mm256_storeu_ps(p, x) }
                fn add(self, a: __m256, b: __m256) -> __m256 { _mm256_add_ps(a, b) }
                fn sub(self, a: __m256, b: __m256) -> __m256 { _mm256_sub_ps(a, b) }
                fn mul(self, a: __m256, b: __m256) -> __m256 { _mm256_mul_ps(a, b) }
                fn div(self, a: __m256, b: __m256) -> __m256 { _mm256_div_ps(a, b) }
                fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 { _mm256_fmadd_ps(a, b, c) }
                // The instruction gives its second operand where either is a NaN.
                fn min(self, a: __m256, b: __m256) -> __m256 { _mm256_min_ps(b, a) }
                fn max(self, a: __m256, b: __m256) -> __m256 { _mm256_max_ps(b, a) }
                fn round(self, a: __m256) -> __m256 { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
                fn exp2_integral(self, n: __m256) -> __m256 {
                    let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
                    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
                }
                fn round_int(self, a: __m256) -> __m256i { _mm256_cvtps_epi32(a) }
                fn to_float(self, a: __m256i) -> __m256 { _mm256_cvtepi32_ps(a) }
                fn hadamard(self, a: __m256) -> __m256 {
                    let signs = _mm256_setr_ps(1., -1., 1., -1., 1., -1., 1., -1.);
                    let a = _mm256_fmadd_ps(a, signs, _mm256_permute_ps::<0b10_11_00_01>(a));
                    let signs = _mm256_setr_ps(1., 1., -1., -1., 1., 1., -1., -1.);
                    let a = _mm256_fmadd_ps(a, signs, _mm256_permute_ps::<0b01_00_11_10>(a));
                    let signs = _mm256_setr_ps(1., 1., 1., 1., -1., -1., -1., -1.);
                    _mm256_fmadd_ps(a, signs, _mm256_permute2f128_ps::<1>(a, a))
                }
                fn splat_int(self, x: i32) -> __m256i { _mm256_set1_epi32(x) }
                unsafe fn load_int(self, p: *const i32) -> __m256i { _mm256_loadu_si256(p.cast()) }
                unsafe fn store_int(self, p: *mut i32, x: __m256i) { _mm256_storeu_si256(p.cast(), x) }
                fn sub_int(self, a: __m256i, b: __m256i) -> __m256i { _mm256_sub_epi32(a, b) }
                fn mul_int(self, a: __m256i, b: __m256i) -> __m256i { _mm256_mullo_epi32(a, b) }
            }
        }
    };
}
floats!(Avx2);
floats!(AvxVnni);

macro_rules! dot_product {
    () => {
        type W = __m256i;
        type A = __m256i;

        const GROUP: usize = 4;

        ops! {
            unsafe fn load_weights(self, p: *const i8) -> __m256i { _mm256_loadu_si256(p.cast()) }
            unsafe fn load_group(self, p: *const u8) -> __m256i { _mm256_set1_epi32(p.cast::<i32>().read_unaligned()) }
            fn split_14(self, x: __m256i) -> [__m256i; 2] {
                [_mm256_srli_epi32::<7>(x), _mm256_and_si256(x, _mm256_set1_epi32(127))]
            }
            unsafe fn store_groups(self, p: *mut u8, stride: usize, x: __m256i) {
                let words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
                let bytes = _mm_packus_epi16(words, words);
                p.cast::<i32>().write_unaligned(_mm_cvtsi128_si32(bytes));
                p.add(stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<1>(bytes));
            }
            unsafe fn dot_16(self, acc: __m256i, a: *const i8, b: *const i16) -> __m256i {
                let a = _mm256_cvtepi8_epi16(_mm_loadu_si128(a.cast()));
                _mm256_add_epi32(acc, _mm256_madd_epi16(a, _mm256_loadu_si256(b.cast())))
            }
        }
    };
}

impl DotProduct for Avx2 {
    dot_product!();
    const PAIRS: bool = true;
    ops! {
        fn dot(self, acc: __m256i, w: __m256i, a: __m256i, _unit: __m256i) -> __m256i {
            let pairs = _mm256_maddubs_epi16(a, w);
            _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
        fn dot_pair(self, acc: __m256i, w: [__m256i; 2], a: [__m256i; 2], _unit: __m256i) -> __m256i {
            let pairs = _mm256_add_epi16(_mm256_maddubs_epi16(a[0], w[0]), _mm256_maddubs_epi16(a[1], w[1]));
            _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }
}

impl DotProduct for AvxVnni {
    dot_product!();
    ops! {
        fn dot(self, acc: __m256i, w: __m256i, a: __m256i, _unit: __m256i) -> __m256i { _mm256_dpbusd_avx_epi32(acc, a, w) }
    }
}

impl Simd for Avx2 {
    tiles!(TILE_F32, tile_f32, column_f32: 2; 1 2 3 4 5 6);
    tiles!(TILE_INT8, tile_int8: 2; 1 2 3 4 5 6);
}

impl Simd for AvxVnni {
    tiles!(TILE_F32, tile_f32, column_f32: 2; 1 2 3 4 5 6);
    tiles!(TILE_INT8, tile_int8: 2; 1 2 3 4 5 6);
}
