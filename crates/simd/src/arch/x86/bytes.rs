//! Sixteen bytes: the same instructions for both sets, which AVX encodes with three operands.

use crate::Bytes;
use crate::ops::{ops, token};
use core::arch::x86_64::*;

token! {
    /// Processors from 2008 on.
    Sse41Bytes: run_bytes BytesTask, "sse4.1"
}
token! {
    /// Processors from 2013 on.
    Avx2Bytes: run_bytes BytesTask, "avx2"
}

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

macro_rules! bytes {
    ($token:ident) => {
        impl Bytes for $token {
            type V = __m128i;

            ops! {
                unsafe fn load(self, p: *const u8) -> __m128i { _mm_loadu_si128(p.cast()) }
                unsafe fn load_wide(self, p: *const u8) -> __m128i { _mm_cvtepu8_epi16(_mm_loadl_epi64(p.cast())) }
                unsafe fn load_halves(self, first: *const u8, last: *const u8) -> __m128i {
                    _mm_unpacklo_epi64(_mm_loadl_epi64(first.cast()), _mm_loadl_epi64(last.cast()))
                }
                unsafe fn store(self, p: *mut u8, x: __m128i) { _mm_storeu_si128(p.cast(), x) }
                unsafe fn store_halves(self, first: *mut u8, last: *mut u8, x: __m128i) {
                    _mm_storel_epi64(first.cast(), x);
                    _mm_storeh_pd(last.cast(), _mm_castsi128_pd(x));
                }
                unsafe fn store_quarters(self, p: *mut u8, stride: usize, x: __m128i) {
                    p.cast::<i32>().write_unaligned(_mm_extract_epi32::<0>(x));
                    p.add(stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<1>(x));
                    p.add(2 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<2>(x));
                    p.add(3 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<3>(x));
                }
                unsafe fn store_interleaved(self, p: *mut u8, r: __m128i, g: __m128i, b: __m128i) {
                    let mut i = 0;
                    while i < 3 {
                        let [red, green, blue] = &INTERLEAVED[i];
                        let r = _mm_shuffle_epi8(r, self.load(red.as_ptr()));
                        let g = _mm_shuffle_epi8(g, self.load(green.as_ptr()));
                        let b = _mm_shuffle_epi8(b, self.load(blue.as_ptr()));
                        self.store(p.add(16 * i), _mm_or_si128(_mm_or_si128(r, g), b));
                        i += 1;
                    }
                }

                fn splat8(self, x: u8) -> __m128i { _mm_set1_epi8(x as i8) }
                fn splat16(self, x: i16) -> __m128i { _mm_set1_epi16(x) }
                fn pairs16(self, even: i16, odd: i16) -> __m128i { _mm_set_epi16(odd, even, odd, even, odd, even, odd, even) }
                fn splat32(self, x: i32) -> __m128i { _mm_set1_epi32(x) }
                fn first32(self, a: __m128i) -> i32 { _mm_cvtsi128_si32(a) }

                fn any(self, a: __m128i) -> bool { _mm_testz_si128(a, a) == 0 }
                fn or(self, a: __m128i, b: __m128i) -> __m128i { _mm_or_si128(a, b) }
                fn and(self, a: __m128i, b: __m128i) -> __m128i { _mm_and_si128(a, b) }
                fn and_not(self, a: __m128i, b: __m128i) -> __m128i { _mm_andnot_si128(b, a) }
                fn flip8(self, a: __m128i) -> __m128i { _mm_xor_si128(a, _mm_set1_epi8(-128)) }

                fn equal8(self, a: __m128i, b: __m128i) -> __m128i { _mm_cmpeq_epi8(a, b) }
                fn add_clamped8(self, a: __m128i, b: __m128i) -> __m128i { _mm_adds_epi8(a, b) }
                fn sub_clamped8(self, a: __m128i, b: __m128i) -> __m128i { _mm_subs_epi8(a, b) }
                fn add_unsigned8(self, a: __m128i, b: __m128i) -> __m128i { _mm_adds_epu8(a, b) }
                fn sub_unsigned8(self, a: __m128i, b: __m128i) -> __m128i { _mm_subs_epu8(a, b) }
                fn shr8<const BITS: i32>(self, a: __m128i) -> __m128i {
                    // There is a shift of 16 bits. What comes in from the neighbor is cut off, and the sign put back.
                    let shifted = _mm_and_si128(_mm_srli_epi16::<BITS>(a), _mm_set1_epi8((0xff >> BITS) as i8));
                    let sign = _mm_set1_epi8((0x80 >> BITS) as i8);
                    _mm_sub_epi8(_mm_xor_si128(shifted, sign), sign)
                }

                fn add16(self, a: __m128i, b: __m128i) -> __m128i { _mm_add_epi16(a, b) }
                fn sub16(self, a: __m128i, b: __m128i) -> __m128i { _mm_sub_epi16(a, b) }
                fn mul16(self, a: __m128i, b: __m128i) -> __m128i { _mm_mullo_epi16(a, b) }
                fn mul_high16(self, a: __m128i, b: __m128i) -> __m128i { _mm_mulhi_epi16(a, b) }
                fn scale8(self, a: __m128i, factor: u16) -> __m128i {
                    _mm_mulhi_epu16(_mm_slli_epi16::<8>(a), _mm_set1_epi16(factor as i16))
                }
                fn sub_unsigned16(self, a: __m128i, b: __m128i) -> __m128i { _mm_subs_epu16(a, b) }
                fn mul_round16(self, a: __m128i, b: __m128i) -> __m128i { _mm_mulhrs_epi16(a, b) }
                fn shl16<const BITS: i32>(self, a: __m128i) -> __m128i { _mm_slli_epi16::<BITS>(a) }
                fn shr16<const BITS: i32>(self, a: __m128i) -> __m128i { _mm_srli_epi16::<BITS>(a) }
                fn shr16_signed<const BITS: i32>(self, a: __m128i) -> __m128i { _mm_srai_epi16::<BITS>(a) }
                fn dot16(self, a: __m128i, b: __m128i) -> __m128i { _mm_madd_epi16(a, b) }

                fn add32(self, a: __m128i, b: __m128i) -> __m128i { _mm_add_epi32(a, b) }
                fn sub32(self, a: __m128i, b: __m128i) -> __m128i { _mm_sub_epi32(a, b) }
                fn shl32<const BITS: i32>(self, a: __m128i) -> __m128i { _mm_slli_epi32::<BITS>(a) }
                fn shr32<const BITS: i32>(self, a: __m128i) -> __m128i { _mm_srai_epi32::<BITS>(a) }

                fn narrow32(self, a: __m128i, b: __m128i) -> __m128i { _mm_packs_epi32(a, b) }
                fn narrow16(self, a: __m128i, b: __m128i) -> __m128i { _mm_packs_epi16(a, b) }
                fn narrow16_unsigned(self, a: __m128i, b: __m128i) -> __m128i { _mm_packus_epi16(a, b) }
                fn widen8(self, a: __m128i) -> (__m128i, __m128i) { self.zip8(a, _mm_setzero_si128()) }

                fn zip8(self, a: __m128i, b: __m128i) -> (__m128i, __m128i) { (_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b)) }
                fn zip16(self, a: __m128i, b: __m128i) -> (__m128i, __m128i) {
                    (_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b))
                }
                fn zip32(self, a: __m128i, b: __m128i) -> (__m128i, __m128i) {
                    (_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b))
                }
                fn zip64(self, a: __m128i, b: __m128i) -> (__m128i, __m128i) {
                    (_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b))
                }
                fn after16(self, a: __m128i, before: __m128i) -> __m128i { _mm_alignr_epi8::<14>(a, before) }
                fn before16(self, a: __m128i, next: __m128i) -> __m128i { _mm_alignr_epi8::<2>(next, a) }
                fn first_pixel_pair(self, a: __m128i) -> __m128i {
                    _mm_shuffle_epi8(a, _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1))
                }
                fn second_pixel_pair(self, a: __m128i) -> __m128i {
                    _mm_shuffle_epi8(a, _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1))
                }
                fn spread_pixels(self, a: __m128i) -> __m128i {
                    _mm_shuffle_epi8(a, _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1))
                }
                fn close_pixels(self, a: __m128i) -> __m128i {
                    _mm_shuffle_epi8(a, _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1))
                }

                fn add8(self, a: __m128i, b: __m128i) -> __m128i { _mm_add_epi8(a, b) }
                fn min16(self, a: __m128i, b: __m128i) -> __m128i { _mm_min_epi16(a, b) }
                fn max16(self, a: __m128i, b: __m128i) -> __m128i { _mm_max_epi16(a, b) }
                fn greater16(self, a: __m128i, b: __m128i) -> __m128i { _mm_cmpgt_epi16(a, b) }
                fn select(self, mask: __m128i, a: __m128i, b: __m128i) -> __m128i { _mm_blendv_epi8(b, a, mask) }
            }
        }
    };
}
bytes!(Sse41Bytes);
bytes!(Avx2Bytes);
