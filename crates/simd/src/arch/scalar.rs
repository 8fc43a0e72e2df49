//! No vector instructions: four lanes as an array, in plain Rust.
//!
//! This is what runs on a processor that has no sibling here, and what the others are tested against. An array of four is
//! what compilers turn into vector code by themselves, so it isn't slow where it is all there is.

mod bytes;

pub(crate) use bytes::ScalarBytes;

use crate::ops::{ops, token};
use crate::tiles::tiles;
use crate::{DotProduct, Floats, Simd};

token! {
    /// See the module.
    Scalar: run Task
}

type F = [f32; 4];
type I = [i32; 4];

/// An array of `f` of each lane of one or two others: written out, since a closure over all lanes is not always inlined.
macro_rules! each {
    ($a:ident, $x:ident => $f:expr) => {{
        let mut lanes = [Default::default(); 4];
        let mut i = 0;
        while i < 4 {
            let $x = $a[i];
            lanes[i] = $f;
            i += 1;
        }
        lanes
    }};
    ($a:ident $b:ident, $x:ident $y:ident => $f:expr) => {{
        let mut lanes = [Default::default(); 4];
        let mut i = 0;
        while i < 4 {
            let ($x, $y) = ($a[i], $b[i]);
            lanes[i] = $f;
            i += 1;
        }
        lanes
    }};
}

/// The nearest integer, ties to even. The method of f32 is std's.
#[inline(always)]
fn round(x: f32) -> f32 {
    // Above this there are integers only, and adding 2²³ leaves no bit for a fraction below it.
    const SHIFT: f32 = 8_388_608.0;
    if x.abs() < SHIFT { ((x.abs() + SHIFT) - SHIFT).copysign(x) } else { x }
}

impl Floats for Scalar {
    type F = F;
    type I = I;

    const LANES: usize = 4;

    ops! {
        fn splat(self, x: f32) -> F { [x; 4] }
        unsafe fn load(self, p: *const f32) -> F { p.cast::<F>().read_unaligned() }
        unsafe fn load_splat(self, p: *const f32) -> F { [p.read_unaligned(); 4] }
        unsafe fn store(self, p: *mut f32, x: F) { p.cast::<F>().write_unaligned(x) }
        fn add(self, a: F, b: F) -> F { each!(a b, x y => x + y) }
        fn sub(self, a: F, b: F) -> F { each!(a b, x y => x - y) }
        fn mul(self, a: F, b: F) -> F { each!(a b, x y => x * y) }
        fn div(self, a: F, b: F) -> F { each!(a b, x y => x / y) }
        // `f32::mul_add` would be a call into libm wherever the instruction is not certain to exist.
        fn mul_add(self, a: F, b: F, c: F) -> F { self.add(self.mul(a, b), c) }
        fn min(self, a: F, b: F) -> F { each!(a b, x y => if y < x { y } else { x }) }
        fn max(self, a: F, b: F) -> F { each!(a b, x y => if x < y { y } else { x }) }
        fn round(self, a: F) -> F { each!(a, x => round(x)) }
        fn exp2_integral(self, n: F) -> F { each!(n, x => f32::from_bits(((x as i32 + 127) << 23) as u32)) }
        fn round_int(self, a: F) -> I { each!(a, x => round(x) as i32) }
        fn to_float(self, a: I) -> F { each!(a, x => x as f32) }
        fn hadamard(self, a: F) -> F {
            let [a, b, c, d] = a;
            let (ab, ba, cd, dc) = (a + b, a - b, c + d, c - d);
            [ab + cd, ba + dc, ab - cd, ba - dc]
        }
        fn splat_int(self, x: i32) -> I { [x; 4] }
        unsafe fn load_int(self, p: *const i32) -> I { p.cast::<I>().read_unaligned() }
        unsafe fn store_int(self, p: *mut i32, x: I) { p.cast::<I>().write_unaligned(x) }
        fn sub_int(self, a: I, b: I) -> I { each!(a b, x y => x.wrapping_sub(y)) }
        fn mul_int(self, a: I, b: I) -> I { each!(a b, x y => x.wrapping_mul(y)) }
    }
}

impl DotProduct for Scalar {
    type W = [i8; 16];
    type A = [u8; 4];

    const GROUP: usize = 4;

    ops! {
        unsafe fn load_weights(self, p: *const i8) -> [i8; 16] { p.cast::<[i8; 16]>().read_unaligned() }
        unsafe fn load_group(self, p: *const u8) -> [u8; 4] { p.cast::<[u8; 4]>().read_unaligned() }
        fn dot(self, acc: I, w: [i8; 16], a: [u8; 4], _unit: I) -> I {
            let mut acc = acc;
            for (lane, sum) in acc.iter_mut().enumerate() {
                for (j, &x) in a.iter().enumerate() {
                    *sum += i32::from(w[lane * 4 + j]) * i32::from(x);
                }
            }
            acc
        }
        fn split_14(self, x: I) -> [I; 2] { [each!(x, x => x >> 7), each!(x, x => x & 127)] }
        unsafe fn store_groups(self, p: *mut u8, _stride: usize, x: I) {
            p.cast::<[u8; 4]>().write_unaligned(each!(x, x => x as u8))
        }
        unsafe fn dot_16(self, acc: I, a: *const i8, b: *const i16) -> I {
            let (a, b) = (a.cast::<[i8; 8]>().read_unaligned(), b.cast::<[i16; 8]>().read_unaligned());
            let mut acc = acc;
            for i in 0..8 {
                acc[i / 2] = acc[i / 2].wrapping_add(i32::from(a[i]) * i32::from(b[i]));
            }
            acc
        }
    }
}

impl Simd for Scalar {
    tiles!(TILE_F32, tile_f32, column_f32: 2; 1 2 3);
    tiles!(TILE_INT8, tile_int8: 2; 1 2);
}
