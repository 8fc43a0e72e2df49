//! Each kernel on a GPU, or on a processor that does a GPU's work, against its twin among the kernels of the CPU.

#![allow(clippy::unwrap_used)]

use super::{Gpu, Matrix, Tuning};
use crate::backend::buffers::Buffers;
use crate::backend::{self, Activation, Backend, LayerNorm, Linear, Mask, Table, Tokens};
use crate::embedder::Matrices;
use crate::precision::Precision;
use kernels::{Isa, PackedBuilder, Packing};
use std::sync::{Arc, OnceLock};

fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::open(0).unwrap())
}

const TUNINGS: [Tuning; 2] = [Tuning::Hardware, Tuning::Software];
const ACTIVATIONS: [Activation; 4] = [Activation::None, Activation::QuickGelu, Activation::Gelu, Activation::GeluTanh];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// In 1..=most.
    fn size(&mut self, most: usize) -> usize {
        self.next() as usize % most + 1
    }

    fn values(&mut self, len: usize, scale: f32) -> Vec<f32> {
        (0..len).map(|_| (self.next() as f32 / (1u64 << 30) as f32 - 1.0) * scale).collect()
    }
}

fn on_cpu() -> Backend {
    #[cfg(feature = "candle")]
    return Backend::new(&candle_core::Device::Cpu, Precision::F32, None).unwrap();
    #[cfg(not(feature = "candle"))]
    Backend::on_cpu(Precision::F32, None)
}

/// Tokens of these values on the CPU. The last of each photo becomes its embedding, as in a plan.
fn tokens(shape: [usize; 3], values: &[f32]) -> Tokens {
    let [batch, count, _] = shape;
    let rows = (1..=batch).map(|photo| photo * count - 1).collect();
    let mut tokens = Tokens::unwritten(&Arc::new(Buffers::default()), shape, rows).unwrap();
    tokens.cpu_mut().unwrap().copy_from_slice(values);
    tokens
}

/// A layer on the CPU, and the same for a GPU with its weight.
struct Twins {
    cpu: Linear,
    gpu: Linear,
    weight: (String, Vec<u8>),
}

impl Twins {
    fn new(random: &mut Random, name: &str, outputs: usize, inputs: usize, half: bool) -> Self {
        let mut weight = random.values(outputs * inputs, 1.7 / (inputs as f32).sqrt());
        if half {
            weight.iter_mut().for_each(|value| *value = half::f16::from_f32(*value).to_f32());
        }
        let bias = random.values(outputs, 0.1);
        let mut builder = PackedBuilder::new(Isa::best(), Packing::F32, outputs, inputs).unwrap();
        for row in weight.chunks(inputs) {
            let _ = builder.push_row(row).unwrap();
        }
        let mut matrix = Matrix::new(&weight, inputs, false).unwrap();
        assert_eq!(matrix.half, half);
        let bytes = std::mem::take(&mut matrix.bytes);
        Self {
            cpu: Linear::packed(builder, Some(&bias)).unwrap(),
            gpu: Linear::gpu(name.to_owned(), &[outputs, inputs], &matrix, Some(bias)).unwrap(),
            weight: (name.to_owned(), bytes),
        }
    }
}

/// Holds what `compute` gives on the GPU, for `true`, against what it gives on the CPU.
fn check(
    what: &str,
    shape: [usize; 3],
    values: &[f32],
    weights: &Matrices,
    compute: impl Fn(Tokens, bool) -> crate::Result<Tokens>,
) {
    let expected = compute(tokens(shape, values), false).unwrap();
    let channels = expected.channels;
    let expected = expected.cpu().unwrap().to_vec();
    for tuning in TUNINGS {
        let plan = compute(Tokens::recorded(tuning, shape), true).unwrap().into_plan().unwrap();
        let executor = gpu().executor(weights.clone()).unwrap();
        let output = executor.run(&plan, &super::padded_rows(values, shape[2])).unwrap();
        let rows = output.chunks(plan.output_columns).flat_map(|row| &row[..channels]);
        let largest = expected.iter().fold(1f32, |largest, value| largest.max(value.abs()));
        let far = rows.zip(&expected).enumerate().find(|(_, (x, y))| x.is_nan() || (*x - *y).abs() > 4e-6 * largest);
        assert_eq!(far, None, "{what} {shape:?} {tuning:?}");
        assert_eq!(plan.output_rows * channels, expected.len());
        assert!(
            output.chunks(plan.output_columns).all(|row| row[channels..].iter().all(|value| *value == 0.0)),
            "{what}: filled up"
        );
    }
}

#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn products() {
    let mut random = Random(1);
    let mut sizes: Vec<[usize; 4]> =
        (0..14).map(|_| [random.size(3), random.size(40), random.size(70), random.size(70)]).collect();
    sizes.extend([[1, 50, 768, 768], [2, 257, 64, 96], [1, 1, 3072, 768]]);
    for (index, [batch, count, inputs, outputs]) in sizes.into_iter().enumerate() {
        let layers: Vec<Twins> =
            ["q", "k", "v"].map(|name| Twins::new(&mut random, name, outputs, inputs, index % 2 == 1)).into();
        let sum = Twins::new(&mut random, "sum", inputs, outputs, false);
        let weights: Matrices = layers.iter().chain([&sum]).map(|twins| twins.weight.clone()).collect();
        let values = random.values(batch * count * inputs, 2.0);
        let activation = ACTIVATIONS[index % 4];
        let of = |twins: usize, gpu: bool| if gpu { &layers[twins].gpu } else { &layers[twins].cpu };
        check("one", [batch, count, inputs], &values, &weights, |x, gpu| of(0, gpu).forward_activated(&x, activation));
        check("added", [batch, count, inputs], &values, &weights, |mut x, gpu| {
            let hidden = of(1, gpu).forward_activated(&x, activation)?;
            (if gpu { &sum.gpu } else { &sum.cpu }).add_forward(&hidden, &mut x)?;
            Ok(x)
        });
        // The third of three, of the tokens that become embeddings.
        check("three", [batch, count, inputs], &values, &weights, |x, gpu| {
            let [_, _, v] = Linear::forward_all([of(0, gpu), of(1, gpu), of(2, gpu)], &x)?;
            Ok(v)
        });
        check("pooled", [batch, count, inputs], &values, &weights, |x, gpu| of(0, gpu).forward(&x.pooled()?));
    }
}

#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn norms_and_what_is_done_to_each_value() {
    let mut random = Random(2);
    let mut sizes: Vec<[usize; 3]> = (0..14).map(|_| [random.size(3), random.size(40), random.size(70)]).collect();
    sizes.extend([[1, 50, 768], [2, 257, 1024]]);
    for [batch, count, channels] in sizes {
        let backend = on_cpu();
        let (weight, bias) = (random.values(channels, 3.0), random.values(channels, 1.0));
        let norm = LayerNorm::new(weight.clone(), bias, 1e-5, &backend).unwrap();
        let scale = Table::new(weight, &[channels], &backend).unwrap();
        // Far from zero: a variance in one pass would be wrong.
        let values: Vec<f32> = random.values(batch * count * channels, 2.0).iter().map(|value| value + 30.0).collect();
        let none = Matrices::new();
        // A norm of one channel or two is all noise.
        if channels > 2 {
            let near: Vec<f32> = values.iter().map(|value| value - 30.0).collect();
            check("norm", [batch, count, channels], &near, &none, |x, _| norm.forward(&x));
        }
        check("mean", [batch, count, channels], &values, &none, |x, _| x.mean());
        check("tanh", [batch, count, channels], &values, &none, |x, _| x.tanh());
        check("pooled", [batch, count, channels], &values, &none, |x, _| x.pooled());
        check("scaled", [batch, count, channels], &values, &none, |x, _| {
            let mut sum = x.clone();
            sum.add_scaled(&x, &scale)?;
            Ok(sum)
        });
        check("repeated", [batch, count, channels], &values, &none, |x, _| backend::repeated(&scale, &x));
    }
}

#[test]
#[ignore = "needs a GPU: npm test -- gpu"]
fn attention() {
    let mut random = Random(3);
    let mut sizes: Vec<[usize; 4]> =
        (0..14).map(|_| [random.size(3), random.size(70), random.size(5), random.size(70)]).collect();
    sizes.extend([[1, 50, 12, 64], [2, 197, 3, 64], [1, 257, 2, 80], [1, 17, 1, 257]]);
    for (index, [batch, count, heads, head_size]) in sizes.into_iter().enumerate() {
        let channels = heads * head_size;
        let layers: Vec<Twins> =
            ["q", "k", "v"].map(|name| Twins::new(&mut random, name, channels, channels, false)).into();
        let weights: Matrices = layers.iter().map(|twins| twins.weight.clone()).collect();
        let values = random.values(batch * count * channels, 2.0);
        let mask = if index % 2 == 1 { Mask::Causal } else { Mask::None };
        let layer = |at: usize, gpu: bool| if gpu { &layers[at].gpu } else { &layers[at].cpu };
        // A product comes after it, as it always does.
        check("attention", [batch, count, channels], &values, &weights, |x, gpu| {
            let [q, k, v] = Linear::forward_all([layer(0, gpu), layer(1, gpu), layer(2, gpu)], &x)?;
            layer(0, gpu).forward(&backend::attention([&q, &k, &v], heads, mask)?)
        });
        check("one query", [batch, count, channels], &values, &weights, |x, gpu| {
            let [k, v] = Linear::forward_all([layer(1, gpu), layer(2, gpu)], &x)?;
            let q = layer(0, gpu).forward(&x.pooled()?)?;
            layer(0, gpu).forward(&backend::attention([&q, &k, &v], heads, Mask::None)?)
        });
    }
}
