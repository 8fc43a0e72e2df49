//! Layer normalization over the channels of each token. <https://arxiv.org/abs/1607.06450>
//!
//! `y = (x − mean) / √(variance + ε) · weight + bias`, the variance in a second pass over a row that is by then in the
//! first-level cache: the one-pass formula `E[x²] − E[x]²` cancels where a channel is far larger than the rest, as some in
//! CLIP are.

use super::buffer::{Shared, reserve};
use super::pool::{Pool, part, split};
use super::{Isa, check};
use crate::error::Result;
use simd::{Simd, Task};

/// Rows that are worth a task: some microseconds.
const ROWS_PER_TASK: usize = 8;

/// Normalizes each row of `x` (rows, channels); `weight` and `bias` have one value a channel.
///
/// # Errors
/// [`Error::Compute`](crate::Error::Compute) for slices of another length;
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub fn layer_norm(
    isa: Isa,
    x: &[f32],
    rows: usize,
    weight: &[f32],
    bias: &[f32],
    epsilon: f32,
    pool: &dyn Pool,
) -> Result<Vec<f32>> {
    let channels = weight.len();
    check("the bias of a layer norm", bias.len(), 1, channels)?;
    check("the input of a layer norm", x.len(), rows, channels)?;
    let mut normed = reserve(x.len())?;
    let y = Shared::at(normed.as_mut_ptr());
    let tasks = split(rows.div_ceil(ROWS_PER_TASK), pool);
    pool.run(tasks, &|task| isa.run(Rows { x, rows: part(rows, tasks, task), weight, bias, epsilon, y }));
    // SAFETY: there is room for as many, and the tasks wrote all rows.
    unsafe { normed.set_len(x.len()) };
    Ok(normed)
}

/// One task: some rows.
struct Rows<'a> {
    x: &'a [f32],
    rows: std::ops::Range<usize>,
    weight: &'a [f32],
    bias: &'a [f32],
    epsilon: f32,
    y: Shared<f32>,
}

impl Task for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.weight.len();
        let whole = channels - channels % S::LANES;
        for row in self.rows {
            let x = &self.x[row * channels..][..channels];
            // SAFETY: vectors lie within the row, of which `whole` is no more than the length; tasks write disjoint rows.
            unsafe {
                let y = self.y.get().add(row * channels);
                let mut sums = [simd.splat(0.0); 4];
                let mut i = 0;
                while i < whole {
                    let lane = i / S::LANES % 4;
                    sums[lane] = simd.add(sums[lane], simd.load(x.as_ptr().add(i)));
                    i += S::LANES;
                }
                let mean = (total(simd, sums) + x[whole..].iter().sum::<f32>()) / channels as f32;

                let means = simd.splat(mean);
                let mut squares = [simd.splat(0.0); 4];
                let mut i = 0;
                while i < whole {
                    let lane = i / S::LANES % 4;
                    let difference = simd.sub(simd.load(x.as_ptr().add(i)), means);
                    squares[lane] = simd.mul_add(difference, difference, squares[lane]);
                    i += S::LANES;
                }
                let rest: f32 = x[whole..].iter().map(|x| (x - mean) * (x - mean)).sum();
                let variance = (total(simd, squares) + rest) / channels as f32;

                let inverse = 1.0 / (variance + self.epsilon).sqrt();
                let inverses = simd.splat(inverse);
                let mut i = 0;
                while i < whole {
                    let normed = simd.mul(simd.sub(simd.load(x.as_ptr().add(i)), means), inverses);
                    let (weight, bias) = (simd.load(self.weight.as_ptr().add(i)), simd.load(self.bias.as_ptr().add(i)));
                    simd.store(y.add(i), simd.mul_add(normed, weight, bias));
                    i += S::LANES;
                }
                for (i, x) in x.iter().enumerate().skip(whole) {
                    *y.add(i) = (x - mean) * inverse * self.weight[i] + self.bias[i];
                }
            }
        }
    }
}

/// The sum of all lanes.
#[inline(always)]
fn total<S: Simd>(simd: S, sums: [S::F; 4]) -> f32 {
    let mut lanes = [0f32; 16];
    // SAFETY: the widest vector has sixteen lanes.
    unsafe { simd.store(lanes.as_mut_ptr(), simd.add(simd.add(sums[0], sums[1]), simd.add(sums[2], sums[3]))) };
    lanes[..S::LANES].iter().sum()
}
