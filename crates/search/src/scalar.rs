//! No vector instructions: what the siblings are tested against, and what runs where there are none. Of arrays of sixteen
//! compilers make vector code by themselves.

use super::products::{LANES, Products};

/// See the module.
pub(super) struct Scalar;

impl Products for Scalar {
    #[inline(always)]
    fn f32(a: &[f32], b: &[f32]) -> [f32; LANES] {
        let mut sums = [0.0; LANES];
        for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        }
        sums
    }

    #[inline(always)]
    fn int8(a: &[i8], b: &[i16]) -> i32 {
        a.iter().zip(b).fold(0i32, |sum, (&a, &b)| sum.wrapping_add(i32::from(a) * i32::from(b)))
    }
}
