//! WebAssembly: SIMD as every current browser has it, and relaxed SIMD. The build decides, since a module can't ask.

mod bytes;
#[cfg(target_feature = "relaxed-simd")]
pub(crate) mod relaxed;
#[cfg(any(not(target_feature = "relaxed-simd"), feature = "testing", test))]
pub(crate) mod simd128;

pub(crate) use bytes::Simd128Bytes;

/// What all sets here have in common: everything but the multiply-add and the dot product.
macro_rules! floats {
    ($token:ident, $mul_add:expr) => {
        impl $crate::Floats for $token {
            type F = v128;
            type I = v128;

            const LANES: usize = 4;

            $crate::ops::ops! {
                fn splat(self, x: f32) -> v128 { f32x4_splat(x) }
                unsafe fn load(self, p: *const f32) -> v128 { v128_load(p.cast()) }
                unsafe fn load_splat(self, p: *const f32) -> v128 { v128_load32_splat(p.cast()) }
                unsafe fn store(self, p: *mut f32, x: v128) { v128_store(p.cast(), x) }
                fn add(self, a: v128, b: v128) -> v128 { f32x4_add(a, b) }
                fn sub(self, a: v128, b: v128) -> v128 { f32x4_sub(a, b) }
                fn mul(self, a: v128, b: v128) -> v128 { f32x4_mul(a, b) }
                fn div(self, a: v128, b: v128) -> v128 { f32x4_div(a, b) }
                fn mul_add(self, a: v128, b: v128, c: v128) -> v128 { $mul_add(a, b, c) }
                // The pseudo-minimum is one instruction on x86, the true one, with its rules for NaN and -0, many.
                fn min(self, a: v128, b: v128) -> v128 { f32x4_pmin(a, b) }
                fn max(self, a: v128, b: v128) -> v128 { f32x4_pmax(a, b) }
                fn round(self, a: v128) -> v128 { f32x4_nearest(a) }
                fn exp2_integral(self, n: v128) -> v128 {
                    // Adding 1.5·2²³ leaves the integer in the low bits of the mantissa: no conversion, which costs dearly
                    // in a browser for the sake of values out of range.
                    i32x4_shl(i32x4_add(f32x4_add(n, f32x4_splat(12_582_912.0)), i32x4_splat(127)), 23)
                }
                fn round_int(self, a: v128) -> v128 {
                    i32x4_sub(f32x4_add(a, f32x4_splat(12_582_912.0)), i32x4_splat(0x4B40_0000))
                }
                fn to_float(self, a: v128) -> v128 { f32x4_convert_i32x4(a) }
                fn hadamard(self, a: v128) -> v128 {
                    let a = f32x4_add(i32x4_shuffle::<1, 0, 3, 2>(a, a), f32x4_mul(a, f32x4(1.0, -1.0, 1.0, -1.0)));
                    f32x4_add(i32x4_shuffle::<2, 3, 0, 1>(a, a), f32x4_mul(a, f32x4(1.0, 1.0, -1.0, -1.0)))
                }
                fn splat_int(self, x: i32) -> v128 { i32x4_splat(x) }
                unsafe fn load_int(self, p: *const i32) -> v128 { v128_load(p.cast()) }
                unsafe fn store_int(self, p: *mut i32, x: v128) { v128_store(p.cast(), x) }
                fn sub_int(self, a: v128, b: v128) -> v128 { i32x4_sub(a, b) }
                fn mul_int(self, a: v128, b: v128) -> v128 { i32x4_mul(a, b) }
            }
        }
    };
}
use floats;

/// What all dot products here have in common.
macro_rules! dot_product {
    () => {
        type W = v128;
        type A = v128;

        $crate::ops::ops! {
            unsafe fn load_group(self, p: *const u8) -> v128 { v128_load32_splat(p.cast()) }
            fn split_14(self, x: v128) -> [v128; 2] { [i32x4_shr(x, 7), v128_and(x, i32x4_splat(127))] }
            unsafe fn dot_16(self, acc: v128, a: *const i8, b: *const i16) -> v128 {
                i32x4_add(acc, i32x4_dot_i16x8(i16x8_load_extend_i8x8(a), v128_load(b.cast())))
            }
        }
    };
}
use dot_product;
