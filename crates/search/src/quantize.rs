//! f32 to integers: rows to 8 bits, a query to as many as the sum of products leaves room for.
//!
//! Both are symmetric, with a step of their own each. A query's levels are chosen so that a row of nothing but -128 could
//! not overflow 32 bits: 32,767 up to 512 values, 8,191 at 2,048. Its error is far below the row's, and 16 bits cost
//! nothing: no processor multiplies bytes with a sign faster than one of them widened.

/// Rounds to the nearest, ties to even, by the mantissa's end: for values within ±2²². The library's function is a call, or
/// not there without std.
fn round(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0; // 1.5 · 2²³
    (x + SHIFT) - SHIFT
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, &x| if x.abs() > largest { x.abs() } else { largest })
}

/// The step for values up to `largest` in `levels` steps, and how many steps a 1 is: none if there is nothing to tell apart.
fn step(largest: f32, levels: f32) -> (f32, f32) {
    let step = largest / levels;
    (step, if step > f32::MIN_POSITIVE { 1.0 / step } else { 0.0 })
}

/// Rows of `dimension` finite values to `values`, in steps of a 127th of each row's largest, and these `steps`.
pub fn quantize_rows(rows: &[f32], dimension: usize, values: &mut [i8], steps: &mut [f32]) {
    for ((row, out), out_step) in rows.chunks_exact(dimension).zip(values.chunks_exact_mut(dimension)).zip(steps) {
        let (step, inverse) = step(largest(row), 127.0);
        for (&x, out) in row.iter().zip(out) {
            *out = round(x * inverse) as i8;
        }
        *out_step = step;
    }
}

/// A finite query to integers; returns what a step of them is worth.
pub fn quantize_query(query: &[f32], levels: &mut [i16]) -> f32 {
    let most = (i32::MAX as usize / (128 * query.len().max(1))).clamp(1, i16::MAX as usize);
    let (step, inverse) = step(largest(query), most as f32);
    for (&x, level) in query.iter().zip(levels) {
        *level = round(x * inverse) as i16;
    }
    step
}
