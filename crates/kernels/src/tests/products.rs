//! Matrix products in both precisions.

use super::*;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Sizes from 1 to 70, and around the ends of the blocks.
fn sizes(rng: &mut Rng) -> Vec<(usize, usize, usize)> {
    let mut sizes: Vec<_> = (0..60).map(|_| (size(rng), size(rng), size(rng))).collect();
    sizes.extend([(1, 1, 1), (2, 16, 256), (3, 17, 255), (5, 49, 257), (4, 130, 513), (250, 19, 300), (481, 3, 20)]);
    sizes
}

const ACTIVATIONS: [Activation; 4] = [Activation::None, Activation::QuickGelu, Activation::Gelu, Activation::GeluTanh];

/// One of all kinds.
fn output(case: usize) -> Output {
    ACTIVATIONS.get(case % 5).map_or(Output::Add, |activation| Output::Set(*activation))
}

#[test]
fn f32_product_equals_the_naive_one() {
    for isa in Isa::available() {
        let mut rng = Rng(1);
        for (case, (rows, outputs, inputs)) in sizes(&mut rng).into_iter().enumerate() {
            let (x, w, b) = (rng.values(rows * inputs), rng.values(outputs * inputs), rng.values(outputs));
            let bias = (case % 3 != 0).then_some(&b[..]);
            let before = rng.values(rows * outputs);
            let output = output(case);
            let y = multiply_one(&packed_f32(isa, &w, bias, outputs, inputs), &x, rows, output, &before, &[]);
            let (expected, size) = naive::product(&x, &w, bias, rows, (output, &before));
            for (i, (y, (expected, size))) in y.iter().zip(expected.iter().zip(size)).enumerate() {
                // The bound of a sum of `inputs` products, times the largest slope of an activation, and the activation's own.
                let tolerance = (inputs as f64 + 4.0) * size * 1.2 / 16_777_216.0 + 1e-6;
                let error = (f64::from(*y) - expected).abs();
                assert!(error <= tolerance, "{isa:?} {rows}×{outputs}×{inputs} {output:?} at {i}: {y} {expected}");
            }
        }
    }
}

#[test]
fn int8_product_equals_the_integer_model_to_the_bit() {
    for isa in Isa::available() {
        let mut rng = Rng(2);
        let mut sizes = sizes(&mut rng);
        // Where the rotation has blocks of 16, 32, 64, 256 and 1024.
        sizes.extend([(3, 7, 16), (4, 5, 48), (2, 40, 32), (7, 18, 64), (5, 33, 768), (9, 20, 3072)]);
        for (case, (rows, outputs, inputs)) in sizes.into_iter().enumerate() {
            let rotation = if case % 2 == 0 || inputs % 16 == 0 { Rotation::On } else { Rotation::Off };
            let mut x = rng.values(rows * inputs);
            for (row, x) in x.chunks_mut(inputs).enumerate() {
                match row % 5 {
                    // No range at all; one side of zero; an outlier; all too small for a step.
                    1 => x.fill(0.0),
                    2 => x.iter_mut().for_each(|x| *x = x.abs()),
                    3 => x[0] *= 1e4,
                    4 if case % 4 == 0 => x.iter_mut().for_each(|x| *x *= 1e-38),
                    _ => {}
                }
            }
            let (mut w, b) = (rng.values(outputs * inputs), rng.values(outputs));
            w[..inputs].fill(if case % 3 == 0 { 0.0 } else { 1.0 });
            let bias = (case % 3 != 0).then_some(&b[..]);
            let before = rng.values(rows * outputs);
            let output = if case % 2 == 0 { Output::Add } else { PLAIN };
            let fine: Vec<usize> = (0..rows).filter(|row| row % 7 == case % 9).collect();
            let weight = packed_int8(isa, &w, bias, outputs, inputs, rotation);
            let y = multiply_one(&weight, &x, rows, output, &before, &fine);
            let expected = naive::int8_product(&x, &w, bias, rows, (output, &before), rotation, &fine);
            for (i, (y, expected)) in y.iter().zip(&expected).enumerate() {
                assert!(
                    y == expected,
                    "{isa:?} {rows}×{outputs}×{inputs} {output:?} {rotation:?} at {i}: {y} {expected}"
                );
            }
        }
    }
}

/// Rows whose sums fit and rows whose sums don't, from a file: the same integers, and so the same result to the bit.
#[test]
fn int8_sums_of_four_products_never_overflow() {
    let (rows, inputs) = (3, 40);
    // All activations at their ends, against weights at theirs.
    let x: Vec<f32> = (0..rows * inputs).map(|i| if i % inputs < 37 { 1.0 } else { 0.0 }).collect();
    for isa in Isa::available() {
        for largest in [64i8, 65, 127] {
            for sign in [1, -1] {
                let row: Vec<i8> = (0..inputs).map(|i| if i < 38 { sign * largest } else { 0 }).collect();
                assert_eq!(quantize::sums_fit(&row), largest == 64);
                let mut builder = PackedInt8::builder(isa, 1, inputs, Rotation::Off).unwrap();
                builder.push_quantized(&row).unwrap();
                builder.set_steps(&[1.0]).unwrap();
                let weight = Packed::Int8(builder.finish(None).unwrap());
                let expected = (37 * 127 * i32::from(sign * largest)) as f32 * (1.0 / 127.0);
                assert_eq!(product(&weight, &x, rows, &[]), [expected; 3], "{isa:?}");
            }
        }
    }
}

#[test]
fn int8_product_with_activation_follows_the_plain_one() {
    let mut rng = Rng(3);
    let (rows, outputs, inputs) = (5, 53, 64);
    let (x, w, b) = (rng.values(rows * inputs), rng.values(outputs * inputs), rng.values(outputs));
    for isa in Isa::available() {
        let weight = packed_int8(isa, &w, Some(&b), outputs, inputs, Rotation::On);
        let plain = product(&weight, &x, rows, &[3]);
        for activation in ACTIVATIONS {
            let y = multiply_one(&weight, &x, rows, Output::Set(activation), &plain, &[3]);
            for (y, plain) in y.iter().zip(&plain) {
                let expected = naive::activation(activation, f64::from(*plain));
                assert!(
                    (f64::from(*y) - expected).abs() <= 1e-6 * (1.0 + expected.abs()),
                    "{isa:?} {activation:?}: {y}"
                );
            }
        }
    }
}

#[test]
fn layers_together_give_what_each_gives() {
    let mut rng = Rng(9);
    let (rows, inputs) = (11, 48);
    let x = rng.values(rows * inputs);
    let before = [7, 30, 65].map(|outputs| rng.values(rows * outputs));
    for isa in Isa::available() {
        for int8 in [false, true] {
            let mut layer = |outputs: usize| {
                let (w, b) = (rng.values(outputs * inputs), rng.values(outputs));
                match int8 {
                    true => packed_int8(isa, &w, Some(&b), outputs, inputs, Rotation::On),
                    false => packed_f32(isa, &w, Some(&b), outputs, inputs),
                }
            };
            let weights = [layer(7), layer(30), layer(65)];
            let outputs = [PLAIN, Output::Add, Output::Set(Activation::QuickGelu)];
            let layers = || weights.iter().zip(outputs);
            let each: Vec<_> =
                layers().zip(&before).map(|((w, output), y)| multiply_one(w, &x, rows, output, y, &[4])).collect();
            for threads in [1, 4] {
                let mut together = before.clone();
                let layers = layers().zip(&mut together).map(|((weight, output), y)| Layer { weight, output, y });
                multiply(layers.collect(), &x, rows, &[4], &mut Workspace::new(), &Backwards(threads)).unwrap();
                assert_eq!(together[..], each);
            }
        }
    }
}

#[test]
fn layers_of_different_instruction_sets_are_an_error() {
    let sets: Vec<Isa> = Isa::available().collect();
    let (w, x) = ([0.5; 12], [1.0; 8]);
    for pack in [
        |isa, w: &[f32]| packed_f32(isa, w, None, 3, 4),
        |isa, w: &[f32]| packed_int8(isa, w, None, 3, 4, Rotation::Off),
    ] {
        for (first, second) in sets.iter().flat_map(|first| sets.iter().map(move |second| (*first, *second))) {
            let (a, b) = (pack(first, &w), pack(second, &w));
            let mut results = [[0.0; 6]; 2];
            let layers = [&a, &b].into_iter().zip(&mut results).map(|(weight, y)| Layer { weight, output: PLAIN, y });
            match multiply(layers.collect(), &x, 2, &[], &mut Workspace::new(), &Serial) {
                Ok(()) => assert!(first == second && results[0] == results[1], "{first:?}"),
                Err(error) => {
                    assert!(first != second && matches!(error, Error::Compute(_)), "{error}");
                    assert!(error.to_string().contains(second.name()), "{error}");
                }
            }
        }
    }
}

#[test]
fn int8_is_close_to_f32_even_with_outliers() {
    let mut rng = Rng(4);
    let (rows, outputs, inputs) = (20, 96, 768);
    let (mut x, w) = (rng.values(rows * inputs), rng.values(outputs * inputs));
    for x in x.chunks_mut(inputs) {
        [5, 100, 101, 300, 511, 767].into_iter().for_each(|channel| x[channel] *= 8.0);
    }
    let exact = naive::product(&x, &w, None, rows, (PLAIN, &[])).0;
    let cosines = |rotation, fine: &[usize]| -> Vec<f64> {
        let y = product(&packed_int8(Isa::best(), &w, None, outputs, inputs, rotation), &x, rows, fine);
        y.chunks(outputs).zip(exact.chunks(outputs)).map(|(a, b)| naive::cosine(a, b)).collect()
    };
    let worst = |cosines: &[f64]| cosines.iter().copied().fold(1.0, f64::min);
    let (off, on) = (worst(&cosines(Rotation::Off, &[])), cosines(Rotation::On, &[2, 11]));
    assert!(worst(&on) > 0.9998 && worst(&on) > off, "cosine {on:?}, without rotation {off}");
    // What is left in the fine rows is the weights' error.
    assert!(on[2].min(on[11]) > 0.99995, "{on:?}");
}
