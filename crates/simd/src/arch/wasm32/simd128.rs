//! SIMD as every current browser has it: sixteen registers' worth of four lanes.
//!
//! There is no dot product of bytes here. Weights, stored as bytes, are widened to 16 bits while loading (one
//! instruction), and `i32x4.dot_i16x8_s` sums pairs: two neighboring products a lane, where relaxed SIMD sums four.

use super::{dot_product, floats};
use crate::ops::{ops, token};
use crate::tiles::tiles;
use crate::{DotProduct, Simd};
use core::arch::wasm32::*;

token! {
    /// See the module.
    Simd128: run Task
}

floats!(Simd128, |a, b, c| f32x4_add(f32x4_mul(a, b), c));

impl DotProduct for Simd128 {
    dot_product!();
    const GROUP: usize = 2;
    ops! {
        unsafe fn load_weights(self, p: *const i8) -> v128 { i16x8_load_extend_i8x8(p) }
        fn dot(self, acc: v128, w: v128, a: v128, _unit: v128) -> v128 { i32x4_add(acc, i32x4_dot_i16x8(w, a)) }
        unsafe fn store_groups(self, p: *mut u8, stride: usize, x: v128) {
            let words = i16x8_narrow_i32x4(x, x);
            v128_store32_lane::<0>(words, p.cast());
            v128_store32_lane::<1>(words, p.add(stride).cast());
        }
    }
}

impl Simd for Simd128 {
    tiles!(TILE_F32, tile_f32, column_f32: 4; 1 2);
    tiles!(TILE_INT8, tile_int8: 4; 1 2);
}
