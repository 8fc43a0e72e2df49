//! Four lanes in thirty-two registers, with a fused multiply-add that can take one lane of a vector for all of another.
//!
//! That is why [`load_splats`](Floats::load_splats) loads neighbors together here: the compiler turns each lane that is then
//! spread into an operand of the multiplication, and a tile needs a load for four rows instead of one for each. On many ARM
//! cores a load that spreads takes a slot of the multipliers besides.
//!
//! Without the dot product of Armv8.2, products of bytes are made in 16 bits and added in pairs twice. The sum of two fits,
//! 2 · 127 · 128 < 2¹⁵, and where the weights allow it the sum of four.

use crate::ops::{ops, token};
use crate::tiles::tiles;
use crate::{DotProduct, Floats, Simd};
use core::arch::aarch64::*;

token! {
    /// Every 64-bit ARM.
    Neon: run Task
}
token! {
    /// Those with a dot product of bytes: servers since 2019, Apple since 2018, most phones since then.
    NeonDot: run Task, "neon,dotprod"
}

/// `x[lane]` in every lane, for a lane that is a constant once the loop around it is unrolled.
#[inline(always)]
fn spread(x: float32x4_t, lane: usize) -> float32x4_t {
    // SAFETY: NEON is part of the target.
    unsafe {
        match lane {
            0 => vdupq_laneq_f32::<0>(x),
            1 => vdupq_laneq_f32::<1>(x),
            2 => vdupq_laneq_f32::<2>(x),
            _ => vdupq_laneq_f32::<3>(x),
        }
    }
}

macro_rules! floats {
    ($token:ident) => {
        impl Floats for $token {
            type F = float32x4_t;
            type I = int32x4_t;

            const LANES: usize = 4;
            const LANE_OPERANDS: bool = true;

            ops! {
                fn splat(self, x: f32) -> float32x4_t { vdupq_n_f32(x) }
                unsafe fn load(self, p: *const f32) -> float32x4_t { vld1q_f32(p) }
                unsafe fn load_splat(self, p: *const f32) -> float32x4_t { vld1q_dup_f32(p) }
                unsafe fn load_splats<const N: usize>(self, p: *const f32) -> [float32x4_t; N] {
                    let mut splats = [vdupq_n_f32(0.0); N];
                    let mut i = 0;
                    while i + 4 <= N {
                        let four = vld1q_f32(p.add(i));
                        let mut lane = 0;
                        while lane < 4 {
                            splats[i + lane] = spread(four, lane);
                            lane += 1;
                        }
                        i += 4;
                    }
                    if i + 2 <= N {
                        let two = vld1_f32(p.add(i));
                        let two = vcombine_f32(two, two);
                        (splats[i], splats[i + 1]) = (spread(two, 0), spread(two, 1));
                        i += 2;
                    }
                    if i < N {
                        splats[i] = vld1q_dup_f32(p.add(i));
                    }
                    splats
                }
                unsafe fn store(self, p: *mut f32, x: float32x4_t) { vst1q_f32(p, x) }
                fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t { vaddq_f32(a, b) }
                fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t { vsubq_f32(a, b) }
                fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t { vmulq_f32(a, b) }
                fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t { vdivq_f32(a, b) }
                fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t { vfmaq_f32(c, a, b) }
                // The instructions for it give a NaN, or none, whichever operand has it.
                fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t { vbslq_f32(vcltq_f32(b, a), b, a) }
                fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t { vbslq_f32(vcltq_f32(a, b), b, a) }
                fn round(self, a: float32x4_t) -> float32x4_t { vrndnq_f32(a) }
                fn exp2_integral(self, n: float32x4_t) -> float32x4_t {
                    vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127))))
                }
                fn round_int(self, a: float32x4_t) -> int32x4_t { vcvtnq_s32_f32(a) }
                fn to_float(self, a: int32x4_t) -> float32x4_t { vcvtq_f32_s32(a) }
                fn hadamard(self, a: float32x4_t) -> float32x4_t {
                    let signs = vld1q_f32([1.0, -1.0, 1.0, -1.0].as_ptr());
                    let a = vfmaq_f32(vrev64q_f32(a), a, signs);
                    let signs = vld1q_f32([1.0, 1.0, -1.0, -1.0].as_ptr());
                    vfmaq_f32(vextq_f32::<2>(a, a), a, signs)
                }
                fn splat_int(self, x: i32) -> int32x4_t { vdupq_n_s32(x) }
                unsafe fn load_int(self, p: *const i32) -> int32x4_t { vld1q_s32(p) }
                unsafe fn store_int(self, p: *mut i32, x: int32x4_t) { vst1q_s32(p, x) }
                fn sub_int(self, a: int32x4_t, b: int32x4_t) -> int32x4_t { vsubq_s32(a, b) }
                fn mul_int(self, a: int32x4_t, b: int32x4_t) -> int32x4_t { vmulq_s32(a, b) }
            }
        }
    };
}
floats!(Neon);
floats!(NeonDot);

/// What both dot products have in common.
macro_rules! dot_product {
    () => {
        type W = int8x16_t;

        const GROUP: usize = 4;

        ops! {
            unsafe fn load_weights(self, p: *const i8) -> int8x16_t { vld1q_s8(p) }
            fn split_14(self, x: int32x4_t) -> [int32x4_t; 2] { [vshrq_n_s32::<7>(x), vandq_s32(x, vdupq_n_s32(127))] }
            unsafe fn store_groups(self, p: *mut u8, _stride: usize, x: int32x4_t) {
                let words = vmovn_s32(x);
                let bytes = vreinterpret_s32_s8(vmovn_s16(vcombine_s16(words, words)));
                p.cast::<i32>().write_unaligned(vget_lane_s32::<0>(bytes))
            }
            unsafe fn dot_16(self, acc: int32x4_t, a: *const i8, b: *const i16) -> int32x4_t {
                let (a, b) = (vmovl_s8(vld1_s8(a)), vld1q_s16(b));
                vmlal_high_s16(vmlal_s16(acc, vget_low_s16(a), vget_low_s16(b)), a, b)
            }
        }
    };
}

impl DotProduct for Neon {
    dot_product!();
    type A = int8x16_t;
    const PAIRS: bool = true;
    ops! {
        unsafe fn load_group(self, p: *const u8) -> int8x16_t {
            vreinterpretq_s8_s32(vdupq_n_s32(p.cast::<i32>().read_unaligned()))
        }
        fn dot(self, acc: int32x4_t, w: int8x16_t, a: int8x16_t, _unit: int32x4_t) -> int32x4_t {
            let (low, high) = (vmull_s8(vget_low_s8(w), vget_low_s8(a)), vmull_high_s8(w, a));
            vpadalq_s16(acc, vpaddq_s16(low, high))
        }
        fn dot_pair(self, acc: int32x4_t, w: [int8x16_t; 2], a: [int8x16_t; 2], _unit: int32x4_t) -> int32x4_t {
            let low = vmull_s8(vget_low_s8(w[0]), vget_low_s8(a[0]));
            let low = vmlal_s8(low, vget_low_s8(w[1]), vget_low_s8(a[1]));
            let high = vmlal_high_s8(vmull_high_s8(w[0], a[0]), w[1], a[1]);
            vpadalq_s16(acc, vpaddq_s16(low, high))
        }
    }
}

/// A group of activations: one of four that were loaded together.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    groups: int8x16_t,
    /// Which one; a constant once the loop around it is unrolled.
    lane: usize,
}

/// `sdot` by one lane. Rust's intrinsic is not stable yet.
macro_rules! sdot {
    ($acc:ident, $w:ident, $a:ident, $lane:literal) => {
        core::arch::asm!(
            ".arch_extension dotprod",
            concat!("sdot {acc:v}.4s, {w:v}.16b, {a:v}.4b[", $lane, "]"),
            acc = inout(vreg) $acc,
            w = in(vreg) $w,
            a = in(vreg) $a,
            options(pure, nomem, nostack, preserves_flags),
        )
    };
}

impl DotProduct for NeonDot {
    dot_product!();
    type A = Group;
    ops! {
        unsafe fn load_group(self, p: *const u8) -> Group {
            Group { groups: vreinterpretq_s8_s32(vdupq_n_s32(p.cast::<i32>().read_unaligned())), lane: 0 }
        }
        unsafe fn load_groups<const N: usize>(self, p: *const u8) -> [Group; N] {
            let mut groups = [self.load_group(p); N];
            let mut i = 0;
            while i + 4 <= N {
                let four = vreinterpretq_s8_u8(vld1q_u8(p.add(4 * i)));
                let mut lane = 0;
                while lane < 4 {
                    groups[i + lane] = Group { groups: four, lane };
                    lane += 1;
                }
                i += 4;
            }
            if i + 2 <= N {
                let two = vreinterpret_s8_u8(vld1_u8(p.add(4 * i)));
                let two = vcombine_s8(two, two);
                (groups[i], groups[i + 1]) = (Group { groups: two, lane: 0 }, Group { groups: two, lane: 1 });
                i += 2;
            }
            if i < N {
                groups[i] = self.load_group(p.add(4 * i));
            }
            groups
        }
        fn dot(self, acc: int32x4_t, w: int8x16_t, a: Group, _unit: int32x4_t) -> int32x4_t {
            let mut acc = acc;
            let Group { groups, lane } = a;
            match lane {
                0 => sdot!(acc, w, groups, "0"),
                1 => sdot!(acc, w, groups, "1"),
                2 => sdot!(acc, w, groups, "2"),
                _ => sdot!(acc, w, groups, "3"),
            }
            acc
        }
    }
}

impl Simd for Neon {
    tiles!(TILE_F32, tile_f32, column_f32: 4; 1 2 3 4 5 6);
    // Products of bytes take several registers on their way: with a third row sums are spilled.
    tiles!(TILE_INT8, tile_int8: 4; 1 2);
}

impl Simd for NeonDot {
    tiles!(TILE_F32, tile_f32, column_f32: 4; 1 2 3 4 5 6);
    tiles!(TILE_INT8, tile_int8: 4; 1 2 3 4 5 6);
}
