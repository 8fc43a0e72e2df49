//! Layer normalization over the channels of each token. <https://arxiv.org/abs/1607.06450>
//!
//! `y = (x − mean) / √(variance + ε) · weight + bias`, the variance in a second pass over a row that is by then in the
//! first-level cache: the one-pass formula `E[x²] − E[x]²` cancels where a channel is far larger than the rest, as some in
//! CLIP are.

use super::buffer::Shared;
use super::pool::{Pool, part, split};
use super::{Isa, check};
use crate::error::Result;
use simd::{Simd, Task};

/// Rows that are worth a task: some microseconds.
const ROWS_PER_TASK: usize = 8;

/// Normalizes each row of `x` into the same of `y`, both (rows, channels); `weight` and `bias` have one value a channel.
///
/// ```
/// use kernels::{Isa, Serial, layer_norm};
///
/// let mut y = [0.0; 4];
/// layer_norm(Isa::best(), &[1.0, 3.0, 3.0, 1.0], [&[1.0; 4], &[10.0; 4]], 0.0, &mut y, &Serial)?;
/// assert_eq!(y, [9.0, 11.0, 11.0, 9.0]);
/// # Ok::<(), kernels::Error>(())
/// ```
///
/// # Errors
/// [`Error::Compute`](crate::Error::Compute) for slices of another length.
pub fn layer_norm(
    isa: Isa,
    x: &[f32],
    [weight, bias]: [&[f32]; 2],
    epsilon: f32,
    y: &mut [f32],
    pool: &dyn Pool,
) -> Result<()> {
    let channels = weight.len();
    let rows = x.len() / channels.max(1);
    check("the bias of a layer norm", bias.len(), 1, channels)?;
    check("the input of a layer norm", x.len(), rows, channels)?;
    check("the result of a layer norm", y.len(), rows, channels)?;
    let y = Shared::new(y);
    let tasks = split(rows.div_ceil(ROWS_PER_TASK), pool);
    pool.run(tasks, &|task| isa.run(Rows { x, rows: part(rows, tasks, task), weight, bias, epsilon, y }));
    Ok(())
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
