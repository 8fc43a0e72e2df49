//! f32 and i32.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::Rng;
use crate::{Isa, Simd, Task};
use std::vec::Vec;

const EXTREMES: [f32; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.5,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    1e-42,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    8_388_607.5,
];

/// All operations on sixteen values, `LANES` at a time: the name of each and its results.
struct All<'a> {
    floats: &'a [[f32; 16]; 3],
    /// Integers within -126..=127.
    exponents: &'a [f32; 16],
    /// Within ±2²¹.
    small: &'a [f32; 16],
    ints: &'a [[i32; 16]; 2],
}

/// An operand for minimum and maximum.
fn operand(x: f32) -> f32 {
    if cfg!(target_feature = "relaxed-simd") && (x.is_nan() || x == 0.0) { 7.0 } else { x }
}

type Results = Vec<(&'static str, [u32; 16])>;

impl Task for All<'_> {
    type Output = Results;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Results {
        let mut results = Results::new();
        let Self { floats: [a, b, c], exponents, small, ints: [m, n] } = self;
        let (x, y) = (&a.map(operand), &b.map(operand));
        macro_rules! floats {
            ($($name:literal: |$i:ident| $f:expr;)*) => {$(
                let mut out = [0f32; 16];
                for $i in (0..16).step_by(S::LANES) {
                    // SAFETY: offsets are multiples of `LANES` below 16.
                    unsafe { simd.store(out.as_mut_ptr().add($i), $f) };
                }
                // Of NaNs there are many.
                results.push(($name, out.map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() })));
            )*};
        }
        macro_rules! ints {
            ($($name:literal: |$i:ident| $f:expr;)*) => {$(
                let mut out = [0i32; 16];
                for $i in (0..16).step_by(S::LANES) {
                    // SAFETY: offsets are multiples of `LANES` below 16.
                    unsafe { simd.store_int(out.as_mut_ptr().add($i), $f) };
                }
                results.push(($name, out.map(|x| x as u32)));
            )*};
        }
        macro_rules! at {
            ($x:ident, $i:ident) => {
                simd.load($x.as_ptr().add($i))
            };
        }
        floats! {
            "splat": |i| simd.splat(a[i / 16]);
            "load": |i| at!(a, i);
            "load_splat": |i| simd.load_splat(a.as_ptr().add(i / 16 + 3));
            "add": |i| simd.add(at!(a, i), at!(b, i));
            "sub": |i| simd.sub(at!(a, i), at!(b, i));
            "mul": |i| simd.mul(at!(a, i), at!(b, i));
            "div": |i| simd.div(at!(a, i), at!(b, i));
            "min": |i| simd.min(at!(x, i), at!(y, i));
            "max": |i| simd.max(at!(x, i), at!(y, i));
            "round": |i| simd.round(at!(a, i));
            "round of small ones": |i| simd.round(at!(small, i));
            "exp2_integral": |i| simd.exp2_integral(at!(exponents, i));
            "to_float": |i| simd.to_float(simd.load_int(m.as_ptr().add(i)));
            "mul_add": |i| simd.mul_add(at!(a, i), at!(b, i), at!(c, i));
        }
        ints! {
            "splat_int": |i| simd.splat_int(m[i / 16]);
            "round_int": |i| simd.round_int(at!(small, i));
            "sub_int": |i| simd.sub_int(simd.load_int(m.as_ptr().add(i)), simd.load_int(n.as_ptr().add(i)));
            "mul_int": |i| simd.mul_int(simd.load_int(m.as_ptr().add(i)), simd.load_int(n.as_ptr().add(i)));
        }
        results
    }
}

/// The same, value by value.
fn expected(all: &All<'_>) -> Vec<(&'static str, [u32; 16])> {
    let All { floats: [a, b, _], exponents, small, ints: [m, n] } = *all;
    let floats = |f: &dyn Fn(usize) -> f32| {
        core::array::from_fn(|i| if f(i).is_nan() { f32::NAN.to_bits() } else { f(i).to_bits() })
    };
    let (x, y) = (a.map(operand), b.map(operand));
    let ints = |f: &dyn Fn(usize) -> i32| core::array::from_fn(|i| f(i) as u32);
    std::vec![
        ("splat", floats(&|_| a[0])),
        ("load", floats(&|i| a[i])),
        ("load_splat", floats(&|_| a[3])),
        ("add", floats(&|i| a[i] + b[i])),
        ("sub", floats(&|i| a[i] - b[i])),
        ("mul", floats(&|i| a[i] * b[i])),
        ("div", floats(&|i| a[i] / b[i])),
        ("min", floats(&|i| if y[i] < x[i] { y[i] } else { x[i] })),
        ("max", floats(&|i| if x[i] < y[i] { y[i] } else { x[i] })),
        ("round", floats(&|i| a[i].round_ties_even())),
        ("round of small ones", floats(&|i| small[i].round_ties_even())),
        ("exp2_integral", floats(&|i| exponents[i].exp2())),
        ("to_float", floats(&|i| m[i] as f32)),
        ("splat_int", ints(&|_| m[0])),
        ("round_int", ints(&|i| small[i].round_ties_even() as i32)),
        ("sub_int", ints(&|i| m[i].wrapping_sub(n[i]))),
        ("mul_int", ints(&|i| m[i].wrapping_mul(n[i]))),
    ]
}

#[test]
fn each_operation_gives_what_plain_rust_gives() {
    let mut rng = Rng(1);
    for case in 0..2000 {
        let floats: [[f32; 16]; 3] = core::array::from_fn(|_| {
            core::array::from_fn(|_| match case % 2 {
                0 => rng.one_of(&EXTREMES, f32::from_bits),
                _ => rng.one_of(&[0.0], |bits| bits as i32 as f32 / 65_536.0),
            })
        });
        let small = core::array::from_fn(|_| {
            rng.one_of(&[0.5, -0.5, 1.5, -2.5, -0.0, 2_097_152.0], |b| b as i32 as f32 / 4096.0 / 256.0)
        });
        let exponents = core::array::from_fn(|_| rng.one_of(&[-126.0, 127.0, 0.0], |bits| (bits % 254) as f32 - 126.0));
        let ints = core::array::from_fn(|_| {
            core::array::from_fn(|_| rng.one_of(&[i32::MIN, i32::MAX, 0, -1, 16_777_217], |bits| bits as i32))
        });
        let all = || All { floats: &floats, exponents: &exponents, small: &small, ints: &ints };
        let expected = expected(&all());
        for isa in Isa::available() {
            let mut results = isa.run(all());
            let at = results.iter().position(|(name, _)| *name == "mul_add").unwrap();
            let (_, sums) = results.remove(at);
            assert_eq!(results.len(), expected.len());
            for (result, expected) in results.iter().zip(&expected) {
                assert_eq!(result, expected, "{isa:?} of {floats:?} {small:?} {ints:?}");
            }
            for (i, sum) in sums.into_iter().map(f32::from_bits).enumerate() {
                let [a, b, c] = floats.map(|x| x[i]);
                let once = a.mul_add(b, c);
                let same = |x: f32| sum == x || (sum.is_nan() && x.is_nan());
                assert!(same(once) || same(a * b + c), "{isa:?}: {a} · {b} + {c} = {sum}");
            }
        }
    }
}

/// The Hadamard transform of one vector, and splats of `N` neighbors.
struct Lanes<'a>(&'a [f32; 16]);

impl Task for Lanes<'_> {
    type Output = (Vec<f32>, Vec<Vec<f32>>);

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        let lanes = |x: S::F| {
            let mut lanes = std::vec![0.0; S::LANES];
            // SAFETY: there are `LANES` of them.
            unsafe { simd.store(lanes.as_mut_ptr(), x) };
            lanes
        };
        // SAFETY: there are sixteen values.
        unsafe {
            let p = self.0.as_ptr();
            let mut splats: Vec<Vec<f32>> = Vec::new();
            splats.extend(simd.load_splats::<1>(p).map(lanes));
            splats.extend(simd.load_splats::<2>(p).map(lanes));
            splats.extend(simd.load_splats::<3>(p).map(lanes));
            splats.extend(simd.load_splats::<6>(p).map(lanes));
            splats.extend(simd.load_splats::<7>(p).map(lanes));
            splats.extend(simd.load_splats::<8>(p).map(lanes));
            (lanes(simd.hadamard(simd.load(p))), splats)
        }
    }
}

#[test]
fn hadamard_transforms_and_splats_of_neighbors() {
    let mut rng = Rng(2);
    for _ in 0..200 {
        let x: [f32; 16] = core::array::from_fn(|_| rng.bits() as i32 as f32 / 1e6);
        for isa in Isa::available() {
            let lanes = isa.shape().lanes;
            let (transformed, splats) = isa.run(Lanes(&x));
            let mut expected = x[..lanes].to_vec();
            let mut half = 1;
            while half < lanes {
                for i in (0..lanes).filter(|i| i & half == 0) {
                    (expected[i], expected[i + half]) =
                        (expected[i] + expected[i + half], expected[i] - expected[i + half]);
                }
                half *= 2;
            }
            assert_eq!(transformed, expected, "{isa:?}");
            let all = [1, 2, 3, 6, 7, 8].into_iter().flat_map(|n| &x[..n]);
            assert!(splats.iter().eq(all.map(|x| std::vec![*x; lanes]).collect::<Vec<_>>().iter()), "{isa:?}");
        }
    }
}
