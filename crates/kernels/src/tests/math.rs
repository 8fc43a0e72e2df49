//! Elementwise functions.

use super::*;
use crate::math;
use simd::{Simd, Task};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn exp_and_erf_keep_their_stated_errors() {
    struct Apply<'a>(&'a mut [f32], bool);
    impl Task for Apply<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for x in self.0.chunks_exact_mut(S::LANES) {
                // SAFETY: a chunk is one vector.
                unsafe {
                    let v = simd.load(x.as_ptr());
                    simd.store(x.as_mut_ptr(), if self.1 { math::exp(simd, v) } else { math::erf(simd, v) });
                }
            }
        }
    }
    for isa in Isa::available() {
        let xs: Vec<f32> = (0..160_000).map(|i| -87.0 + i as f32 * (175.0 / 160_000.0)).collect();
        let mut y = xs.clone();
        isa.run(Apply(&mut y, true));
        for (x, y) in xs.iter().zip(&y) {
            let exact = f64::from(*x).exp();
            assert!((f64::from(*y) / exact - 1.0).abs() <= 1.0 / 8_388_608.0, "{isa:?} exp({x}) = {y}");
        }
        let xs: Vec<f32> = (0..16_000).map(|i| -5.0 + i as f32 * (10.0 / 16_000.0)).collect();
        let mut y = xs.clone();
        isa.run(Apply(&mut y, false));
        for (x, y) in xs.iter().zip(&y) {
            let exact = naive::erf(f64::from(*x));
            assert!((f64::from(*y) - exact).abs() <= 1.0 / 2_097_152.0, "{isa:?} erf({x}) = {y}");
        }
    }
}
