//! Positions of the patches of one image size, for another.

/// A cubic's parameter, as PyTorch's `bicubic` has it. (Pillow's is −0.5.)
const A: f32 = -0.75;

/// The positions of `from`² patches, rows of `channels` values, for `to`² patches: bicubic, as PyTorch's `interpolate` with
/// `align_corners=False` does it, which samples and does not average.
/// <https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/UpSample.h>
pub(super) fn interpolated(positions: &[f32], from: usize, to: usize, channels: usize) -> Vec<f32> {
    if from == to {
        return positions.to_vec();
    }
    let samples: Vec<_> = (0..to).map(|at| sample(at, from, to)).collect();
    let mut values = Vec::with_capacity(to * to * channels);
    for rows in &samples {
        for columns in &samples {
            let start = values.len();
            values.resize(start + channels, 0.0);
            let place = values.get_mut(start..).unwrap_or_default();
            for (row, by) in rows {
                let mut sum = vec![0.0; channels];
                for (column, weight) in columns {
                    let patch = positions.iter().skip((row * from + column) * channels);
                    sum.iter_mut().zip(patch).for_each(|(sum, value)| *sum += weight * value);
                }
                place.iter_mut().zip(&sum).for_each(|(value, sum)| *value += by * sum);
            }
        }
    }
    values
}

/// Where a sample along one axis comes from, and by which weights.
fn sample(at: usize, from: usize, to: usize) -> [(usize, f32); 4] {
    let place = (at as f32 + 0.5) * (from as f32 / to as f32) - 0.5;
    let before = place.floor();
    let t = place - before;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
    let last = from.saturating_sub(1) as f32;
    let mut offset = -2.0;
    weights.map(|weight| {
        offset += 1.0;
        ((before + offset).clamp(0.0, last) as usize, weight)
    })
}
