//! No vector instructions: four lanes as an array, in plain Rust.
//!
//! This is what runs on a processor that has no sibling here, and what the others are tested against. An array of four is
//! what compilers turn into vector code by themselves (SSE2, NEON), so it isn't slow where it is all there is.

use super::simd::Simd;
use super::tile::{TileF32, TileInt8, tiles};

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Scalar;

type F = [f32; 4];
type I = [i32; 4];

/// Lane by lane.
macro_rules! each {
    ($a:ident, $x:ident => $e:expr) => {{
        let [p, q, r, s] = $a;
        [
            {
                let $x = p;
                $e
            },
            {
                let $x = q;
                $e
            },
            {
                let $x = r;
                $e
            },
            {
                let $x = s;
                $e
            },
        ]
    }};
    ($a:ident $b:ident, $x:ident $y:ident => $e:expr) => {{
        let [a0, a1, a2, a3] = $a;
        let [b0, b1, b2, b3] = $b;
        [
            {
                let ($x, $y) = (a0, b0);
                $e
            },
            {
                let ($x, $y) = (a1, b1);
                $e
            },
            {
                let ($x, $y) = (a2, b2);
                $e
            },
            {
                let ($x, $y) = (a3, b3);
                $e
            },
        ]
    }};
}

#[rustfmt::skip]
impl Simd for Scalar {
    type F = F;
    type I = I;
    type W = [i8; 16];
    type A = [u8; 4];

    const LANES: usize = 4;
    const TILE_F32: (usize, usize) = (3, 2);
    const TILE_INT8: (usize, usize) = (3, 2);
    const GROUP: usize = 4;

    #[inline(always)] unsafe fn splat(x: f32) -> F { [x; 4] }
    #[inline(always)] unsafe fn load(p: *const f32) -> F {
        // SAFETY: the caller gives a pointer valid for four f32.
        unsafe { p.cast::<F>().read_unaligned() }
    }
    #[inline(always)] unsafe fn load_splat(p: *const f32) -> F {
        // SAFETY: the caller gives a pointer valid for one f32.
        [unsafe { p.read_unaligned() }; 4]
    }
    #[inline(always)] unsafe fn store(p: *mut f32, x: F) {
        // SAFETY: the caller gives a pointer valid for four f32.
        unsafe { p.cast::<F>().write_unaligned(x) }
    }
    #[inline(always)] unsafe fn add(a: F, b: F) -> F { each!(a b, x y => x + y) }
    #[inline(always)] unsafe fn sub(a: F, b: F) -> F { each!(a b, x y => x - y) }
    #[inline(always)] unsafe fn mul(a: F, b: F) -> F { each!(a b, x y => x * y) }
    #[inline(always)] unsafe fn div(a: F, b: F) -> F { each!(a b, x y => x / y) }
    #[inline(always)] unsafe fn mul_add(a: F, b: F, c: F) -> F {
        // `f32::mul_add` would be a call into libm wherever the instruction is not certain to exist.
        let product = each!(a b, x y => x * y);
        each!(product c, x y => x + y)
    }
    #[inline(always)] unsafe fn min(a: F, b: F) -> F { each!(a b, x y => if y < x { y } else { x }) }
    #[inline(always)] unsafe fn max(a: F, b: F) -> F { each!(a b, x y => if x < y { y } else { x }) }
    #[inline(always)] unsafe fn round(a: F) -> F { each!(a, x => x.round_ties_even()) }
    #[inline(always)] unsafe fn exp2_integral(n: F) -> F { each!(n, x => f32::from_bits(((x as i32 + 127) << 23) as u32)) }
    #[inline(always)] unsafe fn round_int(a: F) -> I { each!(a, x => x.round_ties_even() as i32) }
    #[inline(always)] unsafe fn to_float(a: I) -> F { each!(a, x => x as f32) }

    #[inline(always)] unsafe fn hadamard([a, b, c, d]: F) -> F {
        let (ab, ba, cd, dc) = (a + b, a - b, c + d, c - d);
        [ab + cd, ba + dc, ab - cd, ba - dc]
    }

    #[inline(always)] unsafe fn splat_int(x: i32) -> I { [x; 4] }
    #[inline(always)] unsafe fn load_int(p: *const i32) -> I {
        // SAFETY: the caller gives a pointer valid for four i32.
        unsafe { p.cast::<I>().read_unaligned() }
    }
    #[inline(always)] unsafe fn store_int(p: *mut i32, x: I) {
        // SAFETY: the caller gives a pointer valid for four i32.
        unsafe { p.cast::<I>().write_unaligned(x) }
    }
    #[inline(always)] unsafe fn sub_int(a: I, b: I) -> I { each!(a b, x y => x.wrapping_sub(y)) }
    #[inline(always)] unsafe fn mul_int(a: I, b: I) -> I { each!(a b, x y => x.wrapping_mul(y)) }
    #[inline(always)] unsafe fn halves(x: I) -> [I; 2] { [each!(x, x => x >> 7), each!(x, x => x & 127)] }
    #[inline(always)] unsafe fn store_groups(p: *mut u8, _stride: usize, x: I) {
        // SAFETY: the caller gives a pointer valid for four bytes.
        unsafe { p.cast::<[u8; 4]>().write_unaligned(each!(x, x => x as u8)) }
    }

    #[inline(always)] unsafe fn load_weights(p: *const i8) -> [i8; 16] {
        // SAFETY: the caller gives a pointer valid for sixteen bytes.
        unsafe { p.cast::<[i8; 16]>().read_unaligned() }
    }
    #[inline(always)] unsafe fn load_group(p: *const u8) -> [u8; 4] {
        // SAFETY: the caller gives a pointer valid for four bytes.
        unsafe { p.cast::<[u8; 4]>().read_unaligned() }
    }
    #[inline(always)] unsafe fn dot(mut acc: I, w: [i8; 16], a: [u8; 4], _unit: I) -> I {
        for (lane, sum) in acc.iter_mut().enumerate() {
            for (j, &x) in a.iter().enumerate() {
                *sum += i32::from(w[lane * 4 + j]) * i32::from(x);
            }
        }
        acc
    }

    tiles!(f32: 2; 1 2 3);
    tiles!(int8: 2; 1 2 3);
}
