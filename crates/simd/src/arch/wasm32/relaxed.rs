//! Relaxed SIMD: a fused multiply-add and a dot product of bytes.
//!
//! Both are called relaxed because their result may differ between processors. For the multiply-add it is the last
//! bit. For the dot product it would be anything, were the second operand to use its eighth bit, or the sum of two
//! products to leave 16 bits; activations in 0..=127 rule out both (2 · 127 · 128 < 2¹⁵), so that the sum is exact and
//! the same everywhere: `vpdpbusd` on newer x86, `pmaddubsw` and `pmaddwd` on older, `sdot` on ARM.
//!
//! Two siblings, since where it is not one instruction an engine makes five of it, two of them the constant 1 anew each
//! time. [`RelaxedPairs`] asks for the three that matter, and where the weights allow it adds two of the products before it
//! widens their sums, so that three multiplications do the work of four. A module can't ask what processor it runs on, but
//! what the dot product gives for operands that it is not meant for tells: see [`has_dot_product`].

use super::{dot_product, floats};
use crate::ops::{ops, token};
use crate::tiles::tiles;
use crate::{DotProduct, Simd};
use core::arch::wasm32::*;
use core::hint::black_box;

token! {
    /// For processors that have the dot product.
    Relaxed: run Task
}
token! {
    /// For those that have not.
    RelaxedPairs: run Task
}

/// Whether the dot product is one instruction. Where it is made of smaller ones, sums of two products saturate at 16 bits
/// on the way: 2 · 255 · -128 becomes -2¹⁵, where `vpdpbusd` has the true sum and ARM another sign.
pub(crate) fn has_dot_product() -> bool {
    let (w, a) = (i8x16_splat(black_box(-128)), u8x16_splat(black_box(255)));
    i32x4_extract_lane::<0>(i32x4_relaxed_dot_i8x16_i7x16_add(w, a, i32x4_splat(0))) != -65_536
}

floats!(Relaxed, f32x4_relaxed_madd);
floats!(RelaxedPairs, f32x4_relaxed_madd);

macro_rules! groups {
    () => {
        const GROUP: usize = 4;
        ops! {
            unsafe fn load_weights(self, p: *const i8) -> v128 { v128_load(p.cast()) }
            unsafe fn store_groups(self, p: *mut u8, _stride: usize, x: v128) {
                let words = i16x8_narrow_i32x4(x, x);
                v128_store32_lane::<0>(u8x16_narrow_i16x8(words, words), p.cast());
            }
        }
    };
}

impl DotProduct for Relaxed {
    dot_product!();
    groups!();
    ops! {
        fn dot(self, acc: v128, w: v128, a: v128, _unit: v128) -> v128 { i32x4_relaxed_dot_i8x16_i7x16_add(w, a, acc) }
    }
}

impl DotProduct for RelaxedPairs {
    dot_product!();
    groups!();
    const PAIRS: bool = true;
    ops! {
        // Of a constant that it knows, the engine would make a new one at each step.
        fn unit(self) -> v128 { i16x8_splat(black_box(1)) }
        fn dot(self, acc: v128, w: v128, a: v128, unit: v128) -> v128 {
            i32x4_add(acc, i32x4_dot_i16x8(i16x8_relaxed_dot_i8x16_i7x16(w, a), unit))
        }
        fn dot_pair(self, acc: v128, w: [v128; 2], a: [v128; 2], unit: v128) -> v128 {
            let (first, second) = (i16x8_relaxed_dot_i8x16_i7x16(w[0], a[0]), i16x8_relaxed_dot_i8x16_i7x16(w[1], a[1]));
            i32x4_add(acc, i32x4_dot_i16x8(i16x8_add(first, second), unit))
        }
    }
}

impl Simd for Relaxed {
    tiles!(TILE_F32, tile_f32, column_f32: 3; 1 2 3);
    tiles!(TILE_INT8, tile_int8: 4; 1 2);
}

impl Simd for RelaxedPairs {
    tiles!(TILE_F32, tile_f32, column_f32: 3; 1 2 3);
    tiles!(TILE_INT8, tile_int8: 3; 1 2);
}
