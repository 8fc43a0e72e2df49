//! Seconds that `near_duplicates` takes for 130,000 rows of 512 values on one thread:
//! `cargo bench -p clip-vision-search --bench near_duplicates`.
//!
//! Twice: rows as CLIP's embeddings of photos lie (a common direction, others of falling strength, cosines of 0.5 and more
//! between any two), and rows in all directions alike, whose sketches tell the least. One in twenty is another one, recompressed.

#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::time::Instant;

use search::{Values, near_duplicates, quantize_rows};
use simd::testing::Rng;

const ROWS: usize = 130_000;
const DIMENSION: usize = 512;

fn main() {
    // `cargo test --all-targets` starts benches without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:<14}{:>8}{:>8}{:>9}   near duplicates of {ROWS} rows of {DIMENSION} values", "", "", "s", "groups");
    for (name, strength) in [("like photos", photo as fn(usize) -> f32), ("everywhere", |_| 1.0)] {
        let rows = rows(strength);
        measure(name, "f32", Values::F32(&rows));
        measure(name, "int8", Values::Int8(&quantize_rows(&rows, DIMENSION).unwrap().0));
    }
}

/// How strong direction `i` is: the first is what all have in common.
fn photo(i: usize) -> f32 {
    if i == 0 { 0.0 } else { 1.0 / (1.0 + i as f32 / 6.0).powf(0.8) }
}

fn rows(strength: fn(usize) -> f32) -> Vec<f32> {
    let mut rng = Rng(1);
    let mut rows = rng.values(ROWS * DIMENSION);
    let strengths: Vec<f32> = (0..DIMENSION).map(strength).collect();
    let square: f32 = strengths.iter().map(|x| x * x / 3.0).sum();
    for row in 0..ROWS {
        let (before, rest) = rows.split_at_mut(row * DIMENSION);
        let values = &mut rest[..DIMENSION];
        if row % 20 == 19 {
            let other = rng.below(row) * DIMENSION;
            for (x, &o) in values.iter_mut().zip(&before[other..other + DIMENSION]) {
                *x = o + *x * 0.2 * (square / DIMENSION as f32).sqrt();
            }
            continue;
        }
        values.iter_mut().zip(&strengths).for_each(|(x, strength)| *x *= strength);
        // As long as all else together, and a bit: cosines of some 0.55.
        if strengths[0] == 0.0 {
            values[0] = square.sqrt() * 1.1;
        }
    }
    rows
}

fn measure(name: &str, precision: &str, rows: Values<'_>) {
    let begin = Instant::now();
    let groups = near_duplicates(rows, DIMENSION, 0.95, |_, _| ControlFlow::Continue(())).unwrap().unwrap();
    println!("{name:<14}{precision:>8}{:>8.1}{:>9}", begin.elapsed().as_secs_f64(), groups.len());
}
