//! Layer normalization.

use super::*;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn layer_norm_equals_the_naive_one() {
    for isa in Isa::available() {
        let mut rng = Rng(5);
        for case in 0..80 {
            let (rows, channels) =
                if case == 0 { (1, 1) } else { (size(&mut rng) % 9 + 1, size(&mut rng) * (1 + case % 4)) };
            let mut x = rng.values(rows * channels);
            // Far from zero, as the residual stream of a trained model.
            x.iter_mut().for_each(|x| *x += 30.0 * (case % 3) as f32);
            let (w, b) = (rng.values(channels), rng.values(channels));
            let mut y = vec![f32::NAN; x.len()];
            layer_norm(isa, &x, [&w, &b], 1e-5, &mut y, &Serial).unwrap();
            for (i, (y, expected)) in y.iter().zip(naive::layer_norm(&x, &w, &b, 1e-5)).enumerate() {
                let error = (f64::from(*y) - expected).abs();
                // The mean of values near 60 is known to some 4e-6, and one channel alone is divided by √ε.
                let tolerance = if channels < 4 { 2e-2 } else { 1e-4 };
                assert!(error <= tolerance, "{isa:?} {rows}×{channels} at {i}: {y} {expected}");
            }
        }
    }
}
