//! WebAssembly SIMD as every current browser has it: sixteen registers' worth of four lanes.
//!
//! There is no dot product of bytes here. Weights, stored as bytes, are widened to 16 bits while loading (one
//! instruction), and `i32x4.dot_i16x8_s` sums pairs: two neighbouring products a lane, where relaxed SIMD sums four.

use super::simd::{Simd, ops};
use super::tile::{TileF32, TileInt8, tiles};
use core::arch::wasm32::*;

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Simd128;

/// What Simd128 and Relaxed have in common: all but the multiply-add and the dot product.
macro_rules! common {
    () => {
        type F = v128;
        type I = v128;
        type W = v128;
        type A = v128;

        const LANES: usize = 4;

        $crate::simd::ops! {
            fn splat(x: f32) -> v128 { f32x4_splat(x) }
            fn load(p: *const f32) -> v128 { v128_load(p.cast()) }
            fn load_splat(p: *const f32) -> v128 { v128_load32_splat(p.cast()) }
            fn store(p: *mut f32, x: v128) { v128_store(p.cast(), x) }
            fn add(a: v128, b: v128) -> v128 { f32x4_add(a, b) }
            fn sub(a: v128, b: v128) -> v128 { f32x4_sub(a, b) }
            fn mul(a: v128, b: v128) -> v128 { f32x4_mul(a, b) }
            fn div(a: v128, b: v128) -> v128 { f32x4_div(a, b) }
            // The pseudo-minimum is one instruction on x86, the true one, with its rules for NaN and -0, many.
            fn min(a: v128, b: v128) -> v128 { f32x4_pmin(a, b) }
            fn max(a: v128, b: v128) -> v128 { f32x4_pmax(a, b) }
            fn round(a: v128) -> v128 { f32x4_nearest(a) }
            fn exp2_integral(n: v128) -> v128 {
                // Adding 1.5·2²³ leaves the integer in the low bits of the mantissa: no conversion, which costs dearly
                // in a browser for the sake of values out of range.
                i32x4_shl(i32x4_add(f32x4_add(n, f32x4_splat(12_582_912.0)), i32x4_splat(127)), 23)
            }
            fn round_int(a: v128) -> v128 {
                i32x4_sub(f32x4_add(a, f32x4_splat(12_582_912.0)), i32x4_splat(0x4B40_0000))
            }
            fn to_float(a: v128) -> v128 { f32x4_convert_i32x4(a) }
            fn hadamard(a: v128) -> v128 {
                let a = f32x4_add(i32x4_shuffle::<1, 0, 3, 2>(a, a), f32x4_mul(a, f32x4(1.0, -1.0, 1.0, -1.0)));
                f32x4_add(i32x4_shuffle::<2, 3, 0, 1>(a, a), f32x4_mul(a, f32x4(1.0, 1.0, -1.0, -1.0)))
            }
            fn splat_int(x: i32) -> v128 { i32x4_splat(x) }
            fn load_int(p: *const i32) -> v128 { v128_load(p.cast()) }
            fn store_int(p: *mut i32, x: v128) { v128_store(p.cast(), x) }
            fn sub_int(a: v128, b: v128) -> v128 { i32x4_sub(a, b) }
            fn mul_int(a: v128, b: v128) -> v128 { i32x4_mul(a, b) }
            fn halves(x: v128) -> [v128; 2] { [i32x4_shr(x, 7), v128_and(x, i32x4_splat(127))] }
            fn load_group(p: *const u8) -> v128 { v128_load32_splat(p.cast()) }
        }
    };
}
#[cfg(target_feature = "relaxed-simd")]
pub(super) use common;

impl Simd for Simd128 {
    common!();
    const TILE_F32: (usize, usize) = (2, 4);
    const TILE_INT8: (usize, usize) = (2, 4);
    const GROUP: usize = 2;

    ops! {
        fn mul_add(a: v128, b: v128, c: v128) -> v128 { f32x4_add(f32x4_mul(a, b), c) }
        fn store_groups(p: *mut u8, stride: usize, x: v128) {
            let halves = i16x8_narrow_i32x4(x, x);
            v128_store32_lane::<0>(halves, p.cast());
            v128_store32_lane::<1>(halves, p.add(stride).cast());
        }
        fn load_weights(p: *const i8) -> v128 { i16x8_load_extend_i8x8(p) }
        fn dot(acc: v128, w: v128, a: v128, _unit: v128) -> v128 { i32x4_add(acc, i32x4_dot_i16x8(w, a)) }
    }
    tiles!(f32: 4; 1 2);
    tiles!(int8: 4; 1 2);
}
