//! Kernels of random shapes, nothing and one among them, against their naive twins, with slices that end where their values do.
//! For AddressSanitizer and Miri as well: `KERNELS_ROUNDS` says how many shapes there are.

use super::*;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Shapes of each kernel and instruction set.
fn rounds() -> usize {
    #[cfg(not(any(target_arch = "wasm32", miri)))]
    if let Some(rounds) = std::env::var("KERNELS_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()) {
        return rounds;
    }
    if cfg!(miri) { 12 } else { 60 }
}

/// Often 0 or 1, or beside a multiple of some vector's length; seldom more than `most`.
fn any_size(rng: &mut Rng, most: usize) -> usize {
    let most = if cfg!(miri) { most.min(20) } else { most };
    match rng.below(8) {
        0 => rng.below(2),
        1 => (16 << rng.below(3)).min(most) + rng.below(3) - 1,
        _ => rng.below(most),
    }
}

/// Values of all magnitudes, in a slice of just that length.
fn values(rng: &mut Rng, count: usize) -> Box<[f32]> {
    let scale = rng.one_of(&[1.0, 0.0, 1e-30, 1e4], |bits| (bits % 9) as f32);
    rng.values(count).into_iter().map(|value| value * scale).collect()
}

#[test]
fn products() {
    for isa in Isa::available() {
        let mut rng = Rng(11);
        for round in 0..rounds() {
            let [rows, outputs, inputs] = [40, 90, 300].map(|most| any_size(&mut rng, most));
            let (x, w, b) =
                (values(&mut rng, rows * inputs), values(&mut rng, outputs * inputs), values(&mut rng, outputs));
            let bias = (round % 3 != 0).then_some(&b[..]);
            let before = values(&mut rng, rows * outputs);
            let output = if round % 2 == 0 { Output::Add } else { PLAIN };
            let rotation = if round % 4 < 2 { Rotation::On } else { Rotation::Off };
            let fine: Vec<usize> = (0..rows).filter(|_| rng.below(3) == 0).collect();

            let row = |at: usize| &w[at * inputs..][..inputs];
            let f32 = PackedF32::builder(isa, outputs, inputs).and_then(|mut builder| {
                (0..outputs).try_for_each(|at| builder.push_row(row(at)))?;
                builder.finish(bias)
            });
            let int8 = PackedInt8::builder(isa, outputs, inputs, rotation).and_then(|mut builder| {
                (0..outputs).try_for_each(|at| builder.push_row(row(at)).map(drop))?;
                builder.finish(bias)
            });
            let name = format!("{isa:?} {rows}×{outputs}×{inputs} {output:?} {rotation:?}");
            for weight in [Packed::F32(f32.unwrap()), Packed::Int8(int8.unwrap())] {
                let mut y: Box<[f32]> = before.clone();
                let layer = Layer { weight: &weight, output, y: &mut y };
                let pool = Backwards(1 + round % 4);
                multiply(vec![layer], &x, rows, &fine, &mut Workspace::new(), &pool).unwrap();
                if inputs == 0 {
                    // The bias alone.
                    for (at, (y, before)) in y.iter().zip(&before).enumerate() {
                        let bias = bias.map_or(0.0, |bias| bias[at % outputs]);
                        assert_eq!(*y, if output == Output::Add { before + bias } else { bias }, "{name} at {at}");
                    }
                } else if rows > 0 && outputs > 0 {
                    let (exact, size) = naive::product(&x, &w, bias, rows, (output, &before));
                    let integers = naive::int8_product(&x, &w, bias, rows, (output, &before), rotation, &fine);
                    for (at, y) in y.iter().enumerate() {
                        let is_right = match &weight {
                            Packed::F32(_) => {
                                let tolerance = (inputs as f64 + 4.0) * size[at] * 1.2 / 16_777_216.0 + 1e-6;
                                (f64::from(*y) - exact[at]).abs() <= tolerance
                            }
                            Packed::Int8(_) => *y == integers[at],
                        };
                        assert!(is_right, "{name} at {at}: {y}, not {} or {}", exact[at], integers[at]);
                    }
                }
            }
        }
    }
}

#[test]
fn norms() {
    for isa in Isa::available() {
        let mut rng = Rng(12);
        for round in 0..rounds() {
            let [rows, channels] = [30, 200].map(|most| any_size(&mut rng, most));
            let [w, b] = [(); 2].map(|()| values(&mut rng, channels));
            let x: Box<[f32]> = rng.values(rows * channels).into();
            let mut y: Box<[f32]> = vec![f32::NAN; x.len()].into();
            layer_norm(isa, &x, [&w, &b], 1e-5, &mut y, &Backwards(1 + round % 4)).unwrap();
            if channels == 0 {
                continue;
            }
            let largest = w.iter().chain(&b).fold(1.0f64, |largest, value| largest.max(f64::from(value.abs())));
            let expected = naive::layer_norm(&x, &w, &b, 1e-5);
            for (at, (y, expected)) in y.iter().zip(expected).enumerate() {
                // A few channels may be all but equal, and are divided by next to nothing.
                let tolerance = largest * if channels < 4 { 2e-2 } else { 1e-4 };
                let error = (f64::from(*y) - expected).abs();
                assert!(error <= tolerance, "{isa:?} {rows}×{channels} at {at}: {y} {expected}");
            }
        }
    }
}

#[test]
fn attentions() {
    for isa in Isa::available() {
        let mut rng = Rng(13);
        let mut workspace = Workspace::new();
        for round in 0..rounds() {
            let [tokens, head_size] = [70, 80].map(|most| any_size(&mut rng, most));
            let (batch, heads, queries) = (rng.below(4), rng.below(4), rng.below(tokens + 1));
            let sizes = Attention { batch, tokens, queries, heads, head_size, causal: round % 2 == 1 };
            let channels = heads * head_size;
            let [q, k, v] = [3.0, 3.0, 1.0].map(|scale| -> Box<[f32]> {
                rng.values(batch * tokens * channels).into_iter().map(|x| x * scale).collect()
            });
            let first = |x: &[f64]| -> Vec<f64> {
                (0..batch).flat_map(|at| &x[at * tokens * channels..][..queries * channels]).copied().collect()
            };
            let asked: Box<[f32]> =
                first(&q.iter().map(|x| f64::from(*x)).collect::<Vec<_>>()).into_iter().map(|x| x as f32).collect();
            let mut y: Box<[f32]> = vec![f32::NAN; asked.len()].into();
            sizes.run(isa, [&asked, &k, &v], &mut y, &mut workspace, &Backwards(1 + round % 4)).unwrap();
            for (at, (y, expected)) in y.iter().zip(first(&naive::attention(&sizes, &q, &k, &v))).enumerate() {
                assert!((f64::from(*y) - expected).abs() <= 2e-5, "{isa:?} {sizes:?} at {at}: {y} {expected}");
            }
        }
    }
}
