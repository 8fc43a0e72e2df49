//! WebAssembly relaxed SIMD: a fused multiply-add and a dot product of bytes.
//!
//! Both are called relaxed because their result may differ between processors. For the multiply-add it is the last
//! bit. For the dot product it would be anything, were the second operand to use its eighth bit, or the sum of two
//! products to leave 16 bits; activations in 0..=127 rule out both (2 · 127 · 128 < 2¹⁵), so that the sum is exact and
//! the same everywhere: `vpdpbusd` on newer x86, `pmaddubsw` and `pmaddwd` on older, `sdot` on ARM.

use super::simd::{Simd, ops};
use super::simd128::common;
use super::tile::{TileF32, TileInt8, tiles};
use core::arch::wasm32::*;

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Relaxed;

impl Simd for Relaxed {
    common!();
    const TILE_F32: (usize, usize) = (2, 4);
    const TILE_INT8: (usize, usize) = (2, 4);
    const GROUP: usize = 4;

    ops! {
        fn mul_add(a: v128, b: v128, c: v128) -> v128 { f32x4_relaxed_madd(a, b, c) }
        fn store_groups(p: *mut u8, _stride: usize, x: v128) {
            let halves = i16x8_narrow_i32x4(x, x);
            v128_store32_lane::<0>(u8x16_narrow_i16x8(halves, halves), p.cast());
        }
        fn load_weights(p: *const i8) -> v128 { v128_load(p.cast()) }
        fn dot(acc: v128, w: v128, a: v128) -> v128 { i32x4_add(acc, i32x4_dot_i16x8(i16x8_relaxed_dot_i8x16_i7x16(w, a), i16x8_splat(1))) }
    }
    tiles!(f32: 4; 1 2);
    tiles!(int8: 4; 1 2);
}
