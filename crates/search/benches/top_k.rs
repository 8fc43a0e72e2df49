//! Milliseconds that `top_k` takes for 100,000 rows of 512 values, in 32 bits and in 8:
//! `cargo bench -p clip-vision-search --bench top_k`. Of several runs the fastest counts: whatever else the machine does only adds.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use search::{Rows, quantize_rows, top_k};
use simd::testing::Rng;

const ROWS: usize = 100_000;
const DIMENSION: usize = 512;
const RUNS: usize = 10;

fn main() {
    // `cargo test --all-targets` starts benches without this flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut rng = Rng(1);
    let (query, rows) = (rng.values(DIMENSION), rng.values(ROWS * DIMENSION));
    let (values, steps) = quantize_rows(&rows, DIMENSION).unwrap();
    println!("{:<6}{:>8}{:>8}   the ten best of {ROWS} rows of {DIMENSION} values", "", "ms", "GB/s");
    measure("f32", &query, Rows::F32(&rows), 4);
    measure("int8", &query, Rows::Int8 { values: &values, steps: &steps }, 1);
}

/// Prints the time of the fastest of a few searches, and how many bytes of rows it read a second.
fn measure(name: &str, query: &[f32], rows: Rows<'_>, bytes_per_value: usize) {
    let seconds = (0..RUNS)
        .map(|_| {
            let begin = Instant::now();
            black_box(top_k(black_box(query), rows, 10).unwrap());
            begin.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    let bytes = (ROWS * DIMENSION * bytes_per_value) as f64;
    println!("{name:<6}{:>8.2}{:>8.1}", seconds * 1e3, bytes / seconds / 1e9);
}
