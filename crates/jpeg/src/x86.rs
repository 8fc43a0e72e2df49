//! x86 with AVX2, asked for at run time. The vectors are of 16 bytes nevertheless: a block's rows are that long.

#[cfg(target_arch = "x86")]
use std::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::kernels::Kernels;
use super::vector::{self, Vector};

/// The kernels, if this machine has AVX2.
pub(super) fn kernels() -> Option<Kernels> {
    // Each is a safe function of this module that may be called only because AVX2 was found here.
    std::arch::is_x86_feature_detected!("avx2").then_some(Kernels {
        idct_8x8: |coefficients, quantisers, out, stride| {
            #[target_feature(enable = "avx2")]
            unsafe fn run(coefficients: &[i16; 64], quantisers: &[i16; 64], out: &mut [u8], stride: usize) {
                // SAFETY: the machine has AVX2.
                unsafe { vector::idct_8x8::<Avx2>(coefficients, quantisers, out, stride) }
            }
            // SAFETY: the machine has AVX2.
            unsafe { run(coefficients, quantisers, out, stride) }
        },
        idct_8x8_corner: |coefficients, quantisers, out, stride| {
            #[target_feature(enable = "avx2")]
            unsafe fn run(coefficients: &[i16; 64], quantisers: &[i16; 64], out: &mut [u8], stride: usize) {
                // SAFETY: the machine has AVX2.
                unsafe { vector::idct_8x8_corner::<Avx2>(coefficients, quantisers, out, stride) }
            }
            // SAFETY: the machine has AVX2.
            unsafe { run(coefficients, quantisers, out, stride) }
        },
        idct_4x4: |coefficients, quantisers, out, stride| {
            #[target_feature(enable = "avx2")]
            unsafe fn run(coefficients: &[i16; 64], quantisers: &[i16; 64], out: &mut [u8], stride: usize) {
                // SAFETY: the machine has AVX2.
                unsafe { vector::idct_4x4::<Avx2>(coefficients, quantisers, out, stride) }
            }
            // SAFETY: the machine has AVX2.
            unsafe { run(coefficients, quantisers, out, stride) }
        },
        horizontal: |row, out| {
            #[target_feature(enable = "avx2")]
            unsafe fn run(row: &[u8], out: &mut [u8]) {
                // SAFETY: the machine has AVX2.
                unsafe { vector::horizontal::<Avx2>(row, out) }
            }
            // SAFETY: the machine has AVX2.
            unsafe { run(row, out) }
        },
        vertical: |near, far, below, out| {
            #[target_feature(enable = "avx2")]
            unsafe fn run(near: &[u8], far: &[u8], below: bool, out: &mut [u8]) {
                // SAFETY: the machine has AVX2.
                unsafe { vector::vertical::<Avx2>(near, far, below, out) }
            }
            // SAFETY: the machine has AVX2.
            unsafe { run(near, far, below, out) }
        },
        both: |near, far, out| {
            #[target_feature(enable = "avx2")]
            unsafe fn run(near: &[u8], far: &[u8], out: &mut [u8]) {
                // SAFETY: the machine has AVX2.
                unsafe { vector::both::<Avx2>(near, far, out) }
            }
            // SAFETY: the machine has AVX2.
            unsafe { run(near, far, out) }
        },
        ycc_to_rgb: |y, cb, cr, out| {
            #[target_feature(enable = "avx2")]
            unsafe fn run(y: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
                // SAFETY: the machine has AVX2.
                unsafe { vector::ycc_to_rgb::<Avx2>(y, cb, cr, out) }
            }
            // SAFETY: the machine has AVX2.
            unsafe { run(y, cb, cr, out) }
        },
    })
}

#[derive(Clone, Copy)]
struct Avx2(__m128i);

/// The places of red, green and blue samples (0x80: none) in each third of 48 interleaved bytes.
const INTERLEAVED: [[[u8; 16]; 3]; 3] = {
    let mut places = [[[0x80; 16]; 3]; 3];
    let mut i = 0;
    while i < 48 {
        places[i / 16][i % 3][i % 16] = (i / 3) as u8;
        i += 1;
    }
    places
};

// SAFETY (of every block below): the trait's functions may be called only where the machine has AVX2, and loads and
// stores only with pointers to as many bytes; the instructions used ask for no alignment.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Avx2 {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        Self(unsafe { _mm_loadu_si128(from.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        unsafe { _mm_storeu_si128(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn load_wide(from: *const u8) -> Self {
        Self(unsafe { _mm_cvtepu8_epi16(_mm_loadl_epi64(from.cast())) })
    }

    #[inline(always)]
    unsafe fn store_halves(self, first: *mut u8, last: *mut u8) {
        unsafe {
            _mm_storel_epi64(first.cast(), self.0);
            _mm_storeh_pd(last.cast(), _mm_castsi128_pd(self.0));
        }
    }

    #[inline(always)]
    unsafe fn store_quarters(self, to: *mut u8, stride: usize) {
        unsafe {
            to.cast::<i32>().write_unaligned(_mm_extract_epi32::<0>(self.0));
            to.add(stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<1>(self.0));
            to.add(2 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<2>(self.0));
            to.add(3 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<3>(self.0));
        }
    }

    #[inline(always)]
    unsafe fn splat16(value: i16) -> Self {
        Self(unsafe { _mm_set1_epi16(value) })
    }

    #[inline(always)]
    unsafe fn pairs(even: i16, odd: i16) -> Self {
        Self(unsafe { _mm_set_epi16(odd, even, odd, even, odd, even, odd, even) })
    }

    #[inline(always)]
    unsafe fn splat32(value: i32) -> Self {
        Self(unsafe { _mm_set1_epi32(value) })
    }

    #[inline(always)]
    unsafe fn any(self) -> bool {
        unsafe { _mm_testz_si128(self.0, self.0) == 0 }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        Self(unsafe { _mm_or_si128(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn flip8(self) -> Self {
        Self(unsafe { _mm_xor_si128(self.0, _mm_set1_epi8(-128)) })
    }

    #[inline(always)]
    unsafe fn add16(self, other: Self) -> Self {
        Self(unsafe { _mm_add_epi16(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub16(self, other: Self) -> Self {
        Self(unsafe { _mm_sub_epi16(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul16(self, other: Self) -> Self {
        Self(unsafe { _mm_mullo_epi16(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_round16(self, other: Self) -> Self {
        Self(unsafe { _mm_mulhrs_epi16(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn shl16<const BITS: i32>(self) -> Self {
        Self(unsafe { _mm_slli_epi16::<BITS>(self.0) })
    }

    #[inline(always)]
    unsafe fn shr16<const BITS: i32>(self) -> Self {
        Self(unsafe { _mm_srli_epi16::<BITS>(self.0) })
    }

    #[inline(always)]
    unsafe fn dot(self, other: Self) -> Self {
        Self(unsafe { _mm_madd_epi16(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn add32(self, other: Self) -> Self {
        Self(unsafe { _mm_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub32(self, other: Self) -> Self {
        Self(unsafe { _mm_sub_epi32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn shr32<const BITS: i32>(self) -> Self {
        Self(unsafe { _mm_srai_epi32::<BITS>(self.0) })
    }

    #[inline(always)]
    unsafe fn narrow32(self, other: Self) -> Self {
        Self(unsafe { _mm_packs_epi32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn narrow16(self, other: Self) -> Self {
        Self(unsafe { _mm_packs_epi16(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn narrow16_unsigned(self, other: Self) -> Self {
        Self(unsafe { _mm_packus_epi16(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn zip8(self, other: Self) -> (Self, Self) {
        unsafe { (Self(_mm_unpacklo_epi8(self.0, other.0)), Self(_mm_unpackhi_epi8(self.0, other.0))) }
    }

    #[inline(always)]
    unsafe fn zip16(self, other: Self) -> (Self, Self) {
        unsafe { (Self(_mm_unpacklo_epi16(self.0, other.0)), Self(_mm_unpackhi_epi16(self.0, other.0))) }
    }

    #[inline(always)]
    unsafe fn zip32(self, other: Self) -> (Self, Self) {
        unsafe { (Self(_mm_unpacklo_epi32(self.0, other.0)), Self(_mm_unpackhi_epi32(self.0, other.0))) }
    }

    #[inline(always)]
    unsafe fn after16(self, before: Self) -> Self {
        Self(unsafe { _mm_alignr_epi8::<14>(self.0, before.0) })
    }

    #[inline(always)]
    unsafe fn before16(self, next: Self) -> Self {
        Self(unsafe { _mm_alignr_epi8::<2>(next.0, self.0) })
    }

    #[inline(always)]
    unsafe fn store_interleaved(r: Self, g: Self, b: Self, to: *mut u8) {
        unsafe {
            for (i, places) in INTERLEAVED.iter().enumerate() {
                let place = |x: Self, places: &[u8; 16]| _mm_shuffle_epi8(x.0, _mm_loadu_si128(places.as_ptr().cast()));
                let (r, g, b) = (place(r, &places[0]), place(g, &places[1]), place(b, &places[2]));
                Self(_mm_or_si128(_mm_or_si128(r, g), b)).store(to.add(16 * i));
            }
        }
    }
}
