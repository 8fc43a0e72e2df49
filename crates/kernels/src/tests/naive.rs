//! The kernels once more, as plainly as they can be written.

#![allow(clippy::needless_range_loop, reason = "indices, as in the formulas")]

use super::{Activation, Attention, Output, Rotation};
use crate::rotate;

/// The result, and for each value the sum of the absolute products that its rounding error is relative to.
pub(super) fn product(
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    rows: usize,
    (output, before): (Output, &[f32]),
) -> (Vec<f64>, Vec<f64>) {
    let inputs = x.len() / rows;
    let outputs = w.len() / inputs;
    let (mut results, mut sizes) = (vec![], vec![]);
    for i in 0..rows * outputs {
        let (row, column) = (i / outputs, i % outputs);
        let pairs = || x[row * inputs..][..inputs].iter().zip(&w[column * inputs..][..inputs]);
        let bias = bias.map_or(0.0, |bias| f64::from(bias[column]));
        let sum = pairs().map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() + bias;
        let size = pairs().map(|(x, w)| f64::from((x * w).abs())).sum::<f64>() + bias.abs();
        let (result, size) = match output {
            Output::Set(kind) => (activation(kind, sum), size),
            Output::Add => (f64::from(before[i]) + sum, size + f64::from(before[i].abs())),
        };
        results.push(result);
        sizes.push(size);
    }
    (results, sizes)
}

/// In exact integers; only the last line of it is f32, in the order that the kernel promises.
pub(super) fn int8_product(
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    rows: usize,
    (output, before): (Output, &[f32]),
    rotation: Rotation,
    fine: &[usize],
) -> Vec<f32> {
    let inputs = x.len() / rows;
    let outputs = w.len() / inputs;
    let block = if rotation == Rotation::On { rotate::block(inputs) } else { 1 };
    let activations: Vec<(f32, i64, Vec<i64>)> = x
        .chunks(inputs)
        .enumerate()
        .map(|(row, x)| {
            let x = rotated(x, block);
            let levels = if fine.contains(&row) { 16_383.0 } else { 127.0 };
            let low = x.iter().copied().fold(0.0, f32::min);
            let high = x.iter().copied().fold(0.0, f32::max);
            let step = (high - low) / levels;
            if step <= f32::MIN_POSITIVE {
                return (0.0, 0, vec![0; inputs]);
            }
            let (inverse, zero) = (1.0 / step, (-low / step).round_ties_even());
            let q = x.iter().map(|x| (x * inverse + zero).clamp(0.0, levels).round_ties_even() as i64).collect();
            (step, zero as i64, q)
        })
        .collect();
    let weights: Vec<(f32, Vec<i64>)> = w
        .chunks(inputs)
        .map(|w| {
            let w = rotated(w, block);
            let mut step = w.iter().map(|w| w.abs()).fold(0.0, f32::max) / 127.0;
            if block > 1 {
                // So that 258 is not exceeded by the integers of one sign among four, rounding included.
                for four in w.chunks(8).flat_map(|w| [[w[0], w[1], w[4], w[5]], [w[2], w[3], w[6], w[7]]]) {
                    step = step.max(four.iter().map(|w| w.max(0.0)).sum::<f32>() / 256.0);
                    step = step.max(four.iter().map(|w| -w.min(0.0)).sum::<f32>() / 256.0);
                }
            }
            let inverse = if step > f32::MIN_POSITIVE { 1.0 / step } else { 0.0 };
            (step / block as f32, w.iter().map(|w| (w * inverse).round_ties_even() as i64).collect())
        })
        .collect();
    let mut results = vec![];
    for (row, (step, zero, x)) in activations.iter().enumerate() {
        for (column, (weight_step, w)) in weights.iter().enumerate() {
            let sum =
                |part: fn(i64) -> i64| x.iter().zip(w).map(|(x, w)| (part(*x) - part(*zero)) * w).sum::<i64>() as f32;
            let product = match fine.contains(&row) {
                // The upper and the lower seven bits.
                true => sum(|x| x >> 7) * (step * 128.0 * weight_step) + sum(|x| x & 127) * (step * weight_step),
                false => sum(|x| x) * (step * weight_step),
            };
            let y = product + bias.map_or(0.0, |bias| bias[column]);
            results.push(if output == Output::Add { before[row * outputs + column] + y } else { y });
        }
    }
    results
}

/// The textbook's fast Walsh–Hadamard transform, after the signs.
fn rotated(x: &[f32], block: usize) -> Vec<f32> {
    if block == 1 {
        return x.to_vec();
    }
    let mut x: Vec<f32> = x.iter().enumerate().map(|(i, x)| x * rotate::sign(i)).collect();
    for x in x.chunks_mut(block) {
        let mut half = 1;
        while half < block {
            for i in (0..block).filter(|i| i & half == 0) {
                (x[i], x[i + half]) = (x[i] + x[i + half], x[i] - x[i + half]);
            }
            half *= 2;
        }
    }
    x
}

pub(super) fn activation(kind: Activation, x: f64) -> f64 {
    match kind {
        Activation::None => x,
        Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
        Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
        }
    }
}

/// Taylor's series, good to 1e-9 as far as it matters.
pub(super) fn erf(x: f64) -> f64 {
    if x.abs() > 4.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

pub(super) fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], epsilon: f64) -> Vec<f64> {
    let channels = weight.len();
    let mut results = vec![];
    for x in x.chunks(channels) {
        let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / channels as f64;
        let variance = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / channels as f64;
        for ((x, w), b) in x.iter().zip(weight).zip(bias) {
            results.push((f64::from(*x) - mean) / (variance + epsilon).sqrt() * f64::from(*w) + f64::from(*b));
        }
    }
    results
}

pub(super) fn attention(sizes: &Attention, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f64> {
    let Attention { batch, tokens, heads, head_size, causal, .. } = *sizes;
    let channels = heads * head_size;
    let mut y = vec![0.0; batch * tokens * channels];
    for (image, head) in (0..batch).flat_map(|image| (0..heads).map(move |head| (image, head))) {
        let at = |token: usize, c: usize| (image * tokens + token) * channels + head * head_size + c;
        for i in 0..tokens {
            let seen = if causal { i + 1 } else { tokens };
            let dot = |j| (0..head_size).map(|c| f64::from(q[at(i, c)]) * f64::from(k[at(j, c)])).sum::<f64>();
            let e: Vec<f64> = (0..seen).map(|j| (dot(j) / (head_size as f64).sqrt()).exp()).collect();
            let sum: f64 = e.iter().sum();
            for c in 0..head_size {
                y[at(i, c)] = (0..seen).map(|j| e[j] / sum * f64::from(v[at(j, c)])).sum();
            }
        }
    }
    y
}

pub(super) fn cosine(a: &[f32], b: &[f64]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * b).sum();
    let (a, b): (f64, f64) = (a.iter().map(|a| f64::from(*a).powi(2)).sum(), b.iter().map(|b| b * b).sum());
    dot / (a * b).sqrt()
}
