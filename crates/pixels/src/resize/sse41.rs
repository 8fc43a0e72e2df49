//! x86 with SSE4.1: every x86-64 machine of the last fifteen years, asked for at run time.

#[cfg(target_arch = "x86")]
use std::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::axis::{LOW_BITS, PRECISION_BITS, Taps};
use super::vector::{self, Vector};

/// [`super::scalar::horizontal`].
///
/// # Safety
/// The machine must have SSE4.1.
#[target_feature(enable = "sse4.1")]
pub(super) unsafe fn horizontal(
    input: &[u8],
    input_stride: usize,
    rows: usize,
    taps: &Taps,
    output: &mut [u8],
    output_stride: usize,
) {
    // SAFETY: the machine has SSE4.1.
    unsafe { vector::horizontal::<Sse41>(input, input_stride, rows, taps, output, output_stride) }
}

/// [`super::scalar::vertical`].
///
/// # Safety
/// The machine must have SSE4.1.
#[target_feature(enable = "sse4.1")]
pub(super) unsafe fn vertical(input: &[u8], input_stride: usize, taps: &Taps, output: &mut [u8]) {
    // SAFETY: the machine has SSE4.1.
    unsafe { vector::vertical::<Sse41>(input, input_stride, taps, output) }
}

#[derive(Clone, Copy)]
struct Sse41(__m128i);

// SAFETY (of every block below): the trait's methods may be called only where the machine has SSE4.1, and loads and
// stores only with pointers to 16 bytes; the instructions used ask for no alignment.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Sse41 {
    #[inline(always)]
    unsafe fn load(bytes: *const u8) -> Self {
        Self(unsafe { _mm_loadu_si128(bytes.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, bytes: *mut u8) {
        unsafe { _mm_storeu_si128(bytes.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn splat(value: i32) -> Self {
        Self(unsafe { _mm_set1_epi32(value) })
    }

    #[inline(always)]
    unsafe fn first_pixel_pair(self) -> Self {
        Self(unsafe {
            _mm_shuffle_epi8(self.0, _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1))
        })
    }

    #[inline(always)]
    unsafe fn second_pixel_pair(self) -> Self {
        Self(unsafe {
            _mm_shuffle_epi8(self.0, _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1))
        })
    }

    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 4] {
        unsafe {
            let (low, high) = (_mm_unpacklo_epi8(self.0, other.0), _mm_unpackhi_epi8(self.0, other.0));
            let zero = _mm_setzero_si128();
            [
                Self(_mm_unpacklo_epi8(low, zero)),
                Self(_mm_unpackhi_epi8(low, zero)),
                Self(_mm_unpacklo_epi8(high, zero)),
                Self(_mm_unpackhi_epi8(high, zero)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn dot(self, other: Self) -> Self {
        Self(unsafe { _mm_madd_epi16(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn shift_left(self) -> Self {
        Self(unsafe { _mm_slli_epi32::<{ LOW_BITS as i32 }>(self.0) })
    }

    #[inline(always)]
    unsafe fn shift_right(self) -> Self {
        Self(unsafe { _mm_srai_epi32::<{ PRECISION_BITS as i32 }>(self.0) })
    }

    #[inline(always)]
    unsafe fn narrow(parts: [Self; 4]) -> Self {
        let [a, b, c, d] = parts;
        Self(unsafe { _mm_packus_epi16(_mm_packs_epi32(a.0, b.0), _mm_packs_epi32(c.0, d.0)) })
    }

    #[inline(always)]
    unsafe fn first(self) -> i32 {
        unsafe { _mm_cvtsi128_si32(self.0) }
    }
}
