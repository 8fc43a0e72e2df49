//! Sixteen bytes.

use crate::Bytes;
use crate::ops::{ops, token};
use core::arch::aarch64::*;

token! {
    /// Every 64-bit ARM.
    NeonBytes: run_bytes BytesTask
}

/// A vector as lanes of 16 bits.
#[inline(always)]
fn s16(x: uint8x16_t) -> int16x8_t {
    // SAFETY: NEON is part of the target.
    unsafe { vreinterpretq_s16_u8(x) }
}

/// A vector as lanes of 32 bits.
#[inline(always)]
fn s32(x: uint8x16_t) -> int32x4_t {
    // SAFETY: NEON is part of the target.
    unsafe { vreinterpretq_s32_u8(x) }
}

/// A vector as signed bytes.
#[inline(always)]
fn s8(x: uint8x16_t) -> int8x16_t {
    // SAFETY: NEON is part of the target.
    unsafe { vreinterpretq_s8_u8(x) }
}

#[inline(always)]
fn of_s8(x: int8x16_t) -> uint8x16_t {
    // SAFETY: NEON is part of the target.
    unsafe { vreinterpretq_u8_s8(x) }
}

#[inline(always)]
fn of_s16(x: int16x8_t) -> uint8x16_t {
    // SAFETY: NEON is part of the target.
    unsafe { vreinterpretq_u8_s16(x) }
}

#[inline(always)]
fn of_s32(x: int32x4_t) -> uint8x16_t {
    // SAFETY: NEON is part of the target.
    unsafe { vreinterpretq_u8_s32(x) }
}

/// Where the bytes of a pair of pixels come from; 255 for a zero.
const fn pixel_pair(at: u8) -> [u8; 16] {
    let (r, g, b) = (at, at + 1, at + 2);
    [r, 255, r + 3, 255, g, 255, g + 3, 255, b, 255, b + 3, 255, 255, 255, 255, 255]
}

/// RGB pixels with a place after each, and without; 255 for a zero.
const SPREAD: [u8; 16] = [0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11, 255];
const CLOSED: [u8; 16] = [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255];

impl Bytes for NeonBytes {
    type V = uint8x16_t;

    ops! {
        unsafe fn load(self, p: *const u8) -> uint8x16_t { vld1q_u8(p) }
        unsafe fn load_wide(self, p: *const u8) -> uint8x16_t { vreinterpretq_u8_u16(vmovl_u8(vld1_u8(p))) }
        unsafe fn load_halves(self, first: *const u8, last: *const u8) -> uint8x16_t {
            vcombine_u8(vld1_u8(first), vld1_u8(last))
        }
        unsafe fn store(self, p: *mut u8, x: uint8x16_t) { vst1q_u8(p, x) }
        unsafe fn store_halves(self, first: *mut u8, last: *mut u8, x: uint8x16_t) {
            vst1_u8(first, vget_low_u8(x));
            vst1_u8(last, vget_high_u8(x));
        }
        unsafe fn store_quarters(self, p: *mut u8, stride: usize, x: uint8x16_t) {
            p.cast::<i32>().write_unaligned(vgetq_lane_s32::<0>(s32(x)));
            p.add(stride).cast::<i32>().write_unaligned(vgetq_lane_s32::<1>(s32(x)));
            p.add(2 * stride).cast::<i32>().write_unaligned(vgetq_lane_s32::<2>(s32(x)));
            p.add(3 * stride).cast::<i32>().write_unaligned(vgetq_lane_s32::<3>(s32(x)));
        }
        unsafe fn store_interleaved(self, p: *mut u8, r: uint8x16_t, g: uint8x16_t, b: uint8x16_t) {
            vst3q_u8(p, uint8x16x3_t(r, g, b))
        }

        fn splat8(self, x: u8) -> uint8x16_t { vdupq_n_u8(x) }
        fn splat16(self, x: i16) -> uint8x16_t { of_s16(vdupq_n_s16(x)) }
        fn pairs16(self, even: i16, odd: i16) -> uint8x16_t {
            of_s32(vdupq_n_s32(i32::from(even as u16) | i32::from(odd) << 16))
        }
        fn splat32(self, x: i32) -> uint8x16_t { of_s32(vdupq_n_s32(x)) }
        fn first32(self, a: uint8x16_t) -> i32 { vgetq_lane_s32::<0>(s32(a)) }

        fn any(self, a: uint8x16_t) -> bool { vmaxvq_u32(vreinterpretq_u32_u8(a)) != 0 }
        fn or(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { vorrq_u8(a, b) }
        fn and(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { vandq_u8(a, b) }
        fn and_not(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { vbicq_u8(a, b) }
        fn flip8(self, a: uint8x16_t) -> uint8x16_t { veorq_u8(a, vdupq_n_u8(0x80)) }

        fn equal8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { vceqq_u8(a, b) }
        fn add_clamped8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s8(vqaddq_s8(s8(a), s8(b))) }
        fn sub_clamped8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s8(vqsubq_s8(s8(a), s8(b))) }
        fn add_unsigned8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { vqaddq_u8(a, b) }
        fn sub_unsigned8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { vqsubq_u8(a, b) }
        fn shr8<const BITS: i32>(self, a: uint8x16_t) -> uint8x16_t { of_s8(vshlq_s8(s8(a), vdupq_n_s8(-BITS as i8))) }

        fn add16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s16(vaddq_s16(s16(a), s16(b))) }
        fn sub16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s16(vsubq_s16(s16(a), s16(b))) }
        fn mul16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s16(vmulq_s16(s16(a), s16(b))) }
        fn mul_high16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
            let (a, b) = (s16(a), s16(b));
            let low = vreinterpretq_s16_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)));
            of_s16(vuzp2q_s16(low, vreinterpretq_s16_s32(vmull_high_s16(a, b))))
        }
        fn scale8(self, a: uint8x16_t, factor: u16) -> uint8x16_t {
            let a = vreinterpretq_u16_u8(a);
            let low = vshrn_n_u32::<8>(vmull_n_u16(vget_low_u16(a), factor));
            vreinterpretq_u8_u16(vshrn_high_n_u32::<8>(low, vmull_high_n_u16(a, factor)))
        }
        fn sub_unsigned16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
            vreinterpretq_u8_u16(vqsubq_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)))
        }
        fn mul_round16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s16(vqrdmulhq_s16(s16(a), s16(b))) }
        fn shl16<const BITS: i32>(self, a: uint8x16_t) -> uint8x16_t { of_s16(vshlq_s16(s16(a), vdupq_n_s16(BITS as i16))) }
        fn shr16<const BITS: i32>(self, a: uint8x16_t) -> uint8x16_t {
            vreinterpretq_u8_u16(vshlq_u16(vreinterpretq_u16_u8(a), vdupq_n_s16(-BITS as i16)))
        }
        fn shr16_signed<const BITS: i32>(self, a: uint8x16_t) -> uint8x16_t {
            of_s16(vshlq_s16(s16(a), vdupq_n_s16(-BITS as i16)))
        }
        fn dot16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
            // From the intrinsics the compiler makes 32-bit multiplications and shuffles, nearly twice as many instructions.
            let sums;
            core::arch::asm!(
                "smull {products:v}.4s, {a:v}.4h, {b:v}.4h",
                "smull2 {sums:v}.4s, {a:v}.8h, {b:v}.8h",
                "addp {sums:v}.4s, {products:v}.4s, {sums:v}.4s",
                a = in(vreg) a,
                b = in(vreg) b,
                products = out(vreg) _,
                sums = lateout(vreg) sums,
                options(pure, nomem, nostack, preserves_flags),
            );
            sums
        }

        fn add32(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s32(vaddq_s32(s32(a), s32(b))) }
        fn sub32(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s32(vsubq_s32(s32(a), s32(b))) }
        // By a vector, which the compiler turns into a shift by a constant: the intrinsics for that don't take 0.
        fn shl32<const BITS: i32>(self, a: uint8x16_t) -> uint8x16_t { of_s32(vshlq_s32(s32(a), vdupq_n_s32(BITS))) }
        fn shr32<const BITS: i32>(self, a: uint8x16_t) -> uint8x16_t { of_s32(vshlq_s32(s32(a), vdupq_n_s32(-BITS))) }

        fn narrow32(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
            of_s16(vqmovn_high_s32(vqmovn_s32(s32(a)), s32(b)))
        }
        fn narrow16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
            vreinterpretq_u8_s8(vqmovn_high_s16(vqmovn_s16(s16(a)), s16(b)))
        }
        fn narrow16_unsigned(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
            vqmovun_high_s16(vqmovun_s16(s16(a)), s16(b))
        }
        fn widen8(self, a: uint8x16_t) -> (uint8x16_t, uint8x16_t) {
            (vreinterpretq_u8_u16(vmovl_u8(vget_low_u8(a))), vreinterpretq_u8_u16(vmovl_high_u8(a)))
        }

        fn zip8(self, a: uint8x16_t, b: uint8x16_t) -> (uint8x16_t, uint8x16_t) { (vzip1q_u8(a, b), vzip2q_u8(a, b)) }
        fn zip16(self, a: uint8x16_t, b: uint8x16_t) -> (uint8x16_t, uint8x16_t) {
            (of_s16(vzip1q_s16(s16(a), s16(b))), of_s16(vzip2q_s16(s16(a), s16(b))))
        }
        fn zip32(self, a: uint8x16_t, b: uint8x16_t) -> (uint8x16_t, uint8x16_t) {
            (of_s32(vzip1q_s32(s32(a), s32(b))), of_s32(vzip2q_s32(s32(a), s32(b))))
        }
        fn zip64(self, a: uint8x16_t, b: uint8x16_t) -> (uint8x16_t, uint8x16_t) {
            let (a, b) = (vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b));
            (vreinterpretq_u8_u64(vzip1q_u64(a, b)), vreinterpretq_u8_u64(vzip2q_u64(a, b)))
        }
        fn after16(self, a: uint8x16_t, before: uint8x16_t) -> uint8x16_t { vextq_u8::<14>(before, a) }
        fn before16(self, a: uint8x16_t, next: uint8x16_t) -> uint8x16_t { vextq_u8::<2>(a, next) }
        fn first_pixel_pair(self, a: uint8x16_t) -> uint8x16_t { vqtbl1q_u8(a, vld1q_u8(const { pixel_pair(0) }.as_ptr())) }
        fn second_pixel_pair(self, a: uint8x16_t) -> uint8x16_t { vqtbl1q_u8(a, vld1q_u8(const { pixel_pair(6) }.as_ptr())) }
        fn spread_pixels(self, a: uint8x16_t) -> uint8x16_t { vqtbl1q_u8(a, vld1q_u8(SPREAD.as_ptr())) }
        fn close_pixels(self, a: uint8x16_t) -> uint8x16_t { vqtbl1q_u8(a, vld1q_u8(CLOSED.as_ptr())) }

        fn add8(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { vaddq_u8(a, b) }
        fn min16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s16(vminq_s16(s16(a), s16(b))) }
        fn max16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { of_s16(vmaxq_s16(s16(a), s16(b))) }
        fn greater16(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { vreinterpretq_u8_u16(vcgtq_s16(s16(a), s16(b))) }
        fn select(self, mask: uint8x16_t, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t { vbslq_u8(mask, a, b) }
    }
}
