//! Every kernel against a naive twin in f64 or in exact integers, over odd sizes, on every instruction set that the machine
//! (natively) or the build (in WebAssembly) has.

use super::*;
use simd::{Simd, Task};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod naive;
mod threads;

/// A small generator of numbers that are the same everywhere.
struct Rng(u64);

impl Rng {
    fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// In `0..n`.
    fn below(&mut self, n: usize) -> usize {
        self.bits() as usize % n
    }

    /// A size in `1..=70`.
    fn size(&mut self) -> usize {
        1 + self.below(70)
    }

    /// `n` values in -1..1.
    fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.bits() >> 8) as f32 / 8_388_608.0 - 1.0).collect()
    }
}

/// Runs tasks in an order that no kernel may rely on, and claims to have many threads, so that work is split.
struct Backwards(usize);

impl Pool for Backwards {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).rev().for_each(task);
    }
}

fn packed_f32(isa: Isa, w: &[f32], bias: Option<&[f32]>, outputs: usize, inputs: usize) -> Packed {
    let mut builder = PackedF32::builder(isa, outputs, inputs).unwrap();
    w.chunks(inputs).for_each(|row| builder.push_row(row).unwrap());
    Packed::F32(builder.finish(bias).unwrap())
}

/// One layer, into a copy of `before`.
fn multiply_one(weight: &Packed, x: &[f32], rows: usize, output: Output, before: &[f32], fine: &[usize]) -> Vec<f32> {
    let mut y = before.to_vec();
    let layer = Layer { weight, output, y: &mut y };
    multiply(vec![layer], x, rows, fine, &mut Workspace::new(), &Serial).unwrap();
    y
}

/// One layer's products and no more, where nothing was before.
fn product(weight: &Packed, x: &[f32], rows: usize, fine: &[usize]) -> Vec<f32> {
    let nothing = vec![f32::NAN; rows * weight.outputs()];
    multiply_one(weight, x, rows, PLAIN, &nothing, fine)
}

const PLAIN: Output = Output::Set(Activation::None);

fn packed_int8(isa: Isa, w: &[f32], bias: Option<&[f32]>, outputs: usize, inputs: usize, rotation: Rotation) -> Packed {
    let mut builder = PackedInt8::builder(isa, outputs, inputs, rotation).unwrap();
    for row in w.chunks(inputs) {
        builder.push_row(row).unwrap();
    }
    Packed::Int8(builder.finish(bias).unwrap())
}

/// Sizes from 1 to 70, and around the ends of the blocks.
fn sizes(rng: &mut Rng) -> Vec<(usize, usize, usize)> {
    let mut sizes: Vec<_> = (0..60).map(|_| (rng.size(), rng.size(), rng.size())).collect();
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

#[test]
fn layer_norm_equals_the_naive_one() {
    for isa in Isa::available() {
        let mut rng = Rng(5);
        for case in 0..80 {
            let (rows, channels) = if case == 0 { (1, 1) } else { (rng.size() % 9 + 1, rng.size() * (1 + case % 4)) };
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

#[test]
fn attention_equals_the_naive_one() {
    let mut workspace = Workspace::new();
    for isa in Isa::available() {
        let mut rng = Rng(6);
        for case in 0..40 {
            let tokens = rng.size();
            let sizes = Attention {
                batch: 1 + case % 3,
                tokens,
                queries: tokens,
                heads: 1 + rng.below(4),
                head_size: if case % 4 == 0 { 64 } else { rng.size() },
                causal: case % 2 == 1,
            };
            let (rows, channels) = (sizes.batch * sizes.tokens, sizes.heads * sizes.head_size);
            let [q, k, v] = [3.0, 3.0, 1.0]
                .map(|scale| rng.values(rows * channels).into_iter().map(|x| x * scale).collect::<Vec<f32>>());
            let mut y = vec![f32::NAN; rows * channels];
            sizes.run(isa, [&q, &k, &v], &mut y, &mut workspace, &Backwards(1 + case % 3)).unwrap();
            for (i, (y, expected)) in y.iter().zip(naive::attention(&sizes, &q, &k, &v)).enumerate() {
                assert!((f64::from(*y) - expected).abs() <= 2e-5, "{isa:?} {sizes:?} at {i}: {y} {expected}");
            }

            // The first tokens alone look: the same to the bit.
            let few = Attention { queries: 1 + case % tokens, ..sizes };
            let of_each = |x: &[f32]| -> Vec<f32> {
                x.chunks(tokens * channels).flat_map(|x| &x[..few.queries * channels]).copied().collect()
            };
            let first = of_each(&q);
            let mut again = vec![f32::NAN; first.len()];
            few.run(isa, [&first, &k, &v], &mut again, &mut workspace, &Backwards(1 + case % 3)).unwrap();
            assert_eq!(of_each(&y), again, "{} queries", few.queries);
        }
    }
}

#[test]
fn wrong_lengths_are_errors() {
    let isa = Isa::best();
    let mut workspace = Workspace::new();
    let mut builder = PackedF32::builder(isa, 2, 3).unwrap();
    assert!(matches!(builder.push_row(&[0.0; 2]), Err(Error::Weights(_))));
    builder.push_row(&[0.0; 3]).unwrap();
    assert!(PackedF32::builder(isa, 2, 3).unwrap().finish(None).is_err(), "rows are missing");
    builder.push_row(&[0.0; 3]).unwrap();
    assert!(builder.push_row(&[0.0; 3]).is_err(), "one too many");
    let weight = builder.finish(Some(&[0.0; 2])).unwrap();
    let weight = Packed::F32(weight);
    let mut run = |x: &[f32], rows, y: &mut [f32], fine: &[usize], weight| {
        multiply(vec![Layer { weight, output: PLAIN, y }], x, rows, fine, &mut workspace, &Serial)
    };
    let int8 = packed_int8(isa, &[1.0; 6], None, 2, 3, Rotation::On);
    for weight in [&weight, &int8] {
        assert!(run(&[0.0; 5], 2, &mut [0.0; 4], &[], weight).is_err());
        assert!(run(&[0.0; 6], 2, &mut [0.0; 3], &[], weight).is_err());
        assert!(run(&[], 0, &mut [], &[], weight).is_ok());
        let mut y = [f32::NAN; 4];
        run(&[0.0; 6], 2, &mut y, &[], weight).unwrap();
        assert_eq!(y, [0.0; 4]);
    }
    for fine in [&[2][..], &[1, 0], &[1, 1]] {
        assert!(run(&[0.0; 6], 2, &mut [0.0; 4], fine, &int8).is_err(), "{fine:?} of two rows");
    }
    let (mut a, mut b) = ([0.0; 4], [0.0; 4]);
    let both = [(&weight, &mut a), (&int8, &mut b)].map(|(weight, y)| Layer { weight, output: PLAIN, y });
    assert!(multiply(both.into(), &[0.0; 6], 2, &[], &mut Workspace::new(), &Serial).is_err(), "of two kinds");

    let mut builder = PackedInt8::builder(isa, 1, 3, Rotation::On).unwrap();
    assert!(matches!(builder.push_row(&[0.0; 4]), Err(Error::Weights(_))));
    builder.push_row(&[0.0; 3]).unwrap();
    assert!(builder.finish(Some(&[0.0; 2])).is_err());
    assert!(PackedInt8::builder(isa, usize::MAX / 2, 3, Rotation::Off).is_err(), "more than there is memory");

    let (mut y, bias) = ([0.0; 6], [0.0; 3]);
    assert!(layer_norm(isa, &[0.0; 6], [&[1.0; 3], &bias[..2]], 1e-5, &mut y, &Serial).is_err());
    assert!(layer_norm(isa, &[0.0; 6], [&[1.0; 3], &bias], 1e-5, &mut y[..3], &Serial).is_err());
    assert!(layer_norm(isa, &[0.0; 5], [&[1.0; 3], &bias], 1e-5, &mut y[..5], &Serial).is_err());
    let sizes = Attention { batch: 1, tokens: 2, queries: 2, heads: 1, head_size: 3, causal: false };
    let (five, six, nine): (&[f32], &[f32], &[f32]) = (&[0.0; 5], &[0.0; 6], &[0.0; 9]);
    for (sizes, qkv) in
        [(sizes, [five, six, six]), (sizes, [six, six, nine]), (Attention { queries: 3, ..sizes }, [nine, six, six])]
    {
        assert!(sizes.run(isa, qkv, &mut [0.0; 9][..3 * sizes.queries], &mut Workspace::new(), &Serial).is_err());
    }
    assert!(sizes.run(isa, [six; 3], &mut [0.0; 5], &mut Workspace::new(), &Serial).is_err());
}
