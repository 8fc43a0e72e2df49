//! Eight lanes in sixteen registers, with FMA.

use crate::Kernel;
use crate::simd::{Simd, ops};
use crate::tile::{TileF32, TileInt8, tiles};
use core::arch::x86_64::*;

/// Processors from 2013 on.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

/// The same with a dot product of bytes: Intel from Alder Lake on, AMD from Zen 5 on.
#[derive(Clone, Copy)]
pub(crate) struct AvxVnni;

/// Runs a kernel in a function that is compiled with AVX2.
///
/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn run_avx2<K: Kernel>(kernel: K) {
    // SAFETY: this function's own condition.
    unsafe { kernel.run::<Avx2>() }
}

/// Runs a kernel in a function that is compiled with AVX2 and AVX-VNNI.
///
/// # Safety
/// The processor has AVX2, FMA and AVX-VNNI.
#[target_feature(enable = "avx2,fma,avxvnni")]
pub(crate) unsafe fn run_vnni<K: Kernel>(kernel: K) {
    // SAFETY: this function's own condition.
    unsafe { kernel.run::<AvxVnni>() }
}

macro_rules! common {
    () => {
        type F = __m256;
        type I = __m256i;
        type W = __m256i;
        type A = __m256i;

        const LANES: usize = 8;
        const TILE_F32: (usize, usize) = (6, 2);
        const TILE_INT8: (usize, usize) = (6, 2);
        const GROUP: usize = 4;

        ops! {
            fn splat(x: f32) -> __m256 { _mm256_set1_ps(x) }
            fn load(p: *const f32) -> __m256 { _mm256_loadu_ps(p) }
            fn load_splat(p: *const f32) -> __m256 { _mm256_broadcast_ss(&*p) }
            fn store(p: *mut f32, x: __m256) { _mm256_storeu_ps(p, x) }
            fn add(a: __m256, b: __m256) -> __m256 { _mm256_add_ps(a, b) }
            fn sub(a: __m256, b: __m256) -> __m256 { _mm256_sub_ps(a, b) }
            fn mul(a: __m256, b: __m256) -> __m256 { _mm256_mul_ps(a, b) }
            fn div(a: __m256, b: __m256) -> __m256 { _mm256_div_ps(a, b) }
            fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 { _mm256_fmadd_ps(a, b, c) }
            // The instruction gives its second operand where either is a NaN.
            fn min(a: __m256, b: __m256) -> __m256 { _mm256_min_ps(b, a) }
            fn max(a: __m256, b: __m256) -> __m256 { _mm256_max_ps(b, a) }
            fn round(a: __m256) -> __m256 { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
            fn exp2_integral(n: __m256) -> __m256 {
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127))))
            }
            fn round_int(a: __m256) -> __m256i { _mm256_cvtps_epi32(a) }
            fn to_float(a: __m256i) -> __m256 { _mm256_cvtepi32_ps(a) }
            fn hadamard(a: __m256) -> __m256 {
                let a = _mm256_fmadd_ps(a, _mm256_setr_ps(1., -1., 1., -1., 1., -1., 1., -1.), _mm256_permute_ps::<0b10_11_00_01>(a));
                let a = _mm256_fmadd_ps(a, _mm256_setr_ps(1., 1., -1., -1., 1., 1., -1., -1.), _mm256_permute_ps::<0b01_00_11_10>(a));
                _mm256_fmadd_ps(a, _mm256_setr_ps(1., 1., 1., 1., -1., -1., -1., -1.), _mm256_permute2f128_ps::<1>(a, a))
            }
            fn splat_int(x: i32) -> __m256i { _mm256_set1_epi32(x) }
            fn load_int(p: *const i32) -> __m256i { _mm256_loadu_si256(p.cast()) }
            fn store_int(p: *mut i32, x: __m256i) { _mm256_storeu_si256(p.cast(), x) }
            fn sub_int(a: __m256i, b: __m256i) -> __m256i { _mm256_sub_epi32(a, b) }
            fn mul_int(a: __m256i, b: __m256i) -> __m256i { _mm256_mullo_epi32(a, b) }
            fn halves(x: __m256i) -> [__m256i; 2] { [_mm256_srli_epi32::<7>(x), _mm256_and_si256(x, _mm256_set1_epi32(127))] }
            fn store_groups(p: *mut u8, stride: usize, x: __m256i) {
                let halves = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
                let bytes = _mm_packus_epi16(halves, halves);
                p.cast::<i32>().write_unaligned(_mm_cvtsi128_si32(bytes));
                p.add(stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<1>(bytes));
            }
            fn load_weights(p: *const i8) -> __m256i { _mm256_loadu_si256(p.cast()) }
            fn load_group(p: *const u8) -> __m256i { _mm256_set1_epi32(p.cast::<i32>().read_unaligned()) }
        }
        tiles!(f32: 2; 1 2 3 4 5 6);
        tiles!(int8: 2; 1 2 3 4 5 6);
    };
}

impl Simd for Avx2 {
    common!();
    const PAIRS: bool = true;
    ops! {
        fn dot(acc: __m256i, w: __m256i, a: __m256i, _unit: __m256i) -> __m256i {
            let pairs = _mm256_maddubs_epi16(a, w);
            _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
        fn dot_pair(acc: __m256i, w: [__m256i; 2], a: [__m256i; 2], _unit: __m256i) -> __m256i {
            let pairs = _mm256_add_epi16(_mm256_maddubs_epi16(a[0], w[0]), _mm256_maddubs_epi16(a[1], w[1]));
            _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }
}

impl Simd for AvxVnni {
    common!();
    ops! {
        fn dot(acc: __m256i, w: __m256i, a: __m256i, _unit: __m256i) -> __m256i { _mm256_dpbusd_avx_epi32(acc, a, w) }
    }
}
