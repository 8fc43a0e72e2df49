//! x86-64 with AVX2, asked for at run time. Without FMA, although such processors have it: a fused multiply-add rounds
//! once where the other machines round twice, and this is bound by memory anyway.

use super::products::{self, LANES, Products};
use core::arch::x86_64::*;

/// [`products::scores_f32`].
///
/// # Safety
/// The processor has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn scores_f32(rows: &[f32], query: &[f32], out: &mut [f32]) {
    products::scores_f32::<Avx2>(rows, query, out);
}

/// [`products::scores_int8`].
///
/// # Safety
/// The processor has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn scores_int8(rows: &[i8], query: &[i16], out: &mut [f32]) {
    products::scores_int8::<Avx2>(rows, query, out);
}

/// Used by the two functions above only.
struct Avx2;

// SAFETY (of every block below): the functions above, the only users, run where there is AVX2; sixteen values are two
// vectors of f32, one of 16-bit integers and half a one of bytes; no instruction here asks for alignment.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Products for Avx2 {
    #[inline(always)]
    fn f32(a: &[f32], b: &[f32]) -> [f32; LANES] {
        let mut out = [0.0; LANES];
        unsafe {
            let mut sums = [_mm256_setzero_ps(); 2];
            for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
                for (i, sum) in sums.iter_mut().enumerate() {
                    let (a, b) = (_mm256_loadu_ps(a.as_ptr().add(8 * i)), _mm256_loadu_ps(b.as_ptr().add(8 * i)));
                    *sum = _mm256_add_ps(*sum, _mm256_mul_ps(a, b));
                }
            }
            _mm256_storeu_ps(out.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(out.as_mut_ptr().add(8), sums[1]);
        }
        out
    }

    #[inline(always)]
    fn int8(a: &[i8], b: &[i16]) -> i32 {
        let mut sums = [0i32; 8];
        unsafe {
            let mut sum = _mm256_setzero_si256();
            for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
                let a = _mm256_cvtepi8_epi16(_mm_loadu_si128(a.as_ptr().cast()));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, _mm256_loadu_si256(b.as_ptr().cast())));
            }
            _mm256_storeu_si256(sums.as_mut_ptr().cast(), sum);
        }
        sums.into_iter().fold(0, i32::wrapping_add)
    }
}
