//! WebAssembly SIMD. Bytes are widened to 16 bits while they are loaded, and `i32x4.dot_i16x8_s` adds pairs of products:
//! so a query may have 16 bits at the price of 8.

use super::products::{LANES, Products};
use core::arch::wasm32::*;

/// See the module.
pub(super) struct Simd128;

impl Products for Simd128 {
    #[inline(always)]
    fn f32(a: &[f32], b: &[f32]) -> [f32; LANES] {
        let mut sums = [f32x4_splat(0.0); LANES / 4];
        for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
            for (i, sum) in sums.iter_mut().enumerate() {
                // SAFETY: sixteen values are four vectors, and loads ask for no alignment.
                let (a, b) =
                    unsafe { (v128_load(a.as_ptr().add(4 * i).cast()), v128_load(b.as_ptr().add(4 * i).cast())) };
                *sum = f32x4_add(*sum, f32x4_mul(a, b));
            }
        }
        let mut out = [0.0; LANES];
        for (i, sum) in sums.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { v128_store(out.as_mut_ptr().add(4 * i).cast(), sum) };
        }
        out
    }

    #[inline(always)]
    fn int8(a: &[i8], b: &[i16]) -> i32 {
        let mut sums = [i32x4_splat(0); 2];
        for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
            for (i, sum) in sums.iter_mut().enumerate() {
                // SAFETY: sixteen values are two times eight bytes, and two vectors; loads ask for no alignment.
                let (a, b) =
                    unsafe { (i16x8_load_extend_i8x8(a.as_ptr().add(8 * i)), v128_load(b.as_ptr().add(8 * i).cast())) };
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(a, b));
            }
        }
        let sum = i32x4_add(sums[0], sums[1]);
        let sum = i32x4_add(sum, i32x4_shuffle::<2, 3, 0, 1>(sum, sum));
        i32x4_extract_lane::<0>(sum).wrapping_add(i32x4_extract_lane::<1>(sum))
    }
}
