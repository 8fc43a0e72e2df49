//! The kernels against naive twins in f64 and in exact integers, over odd sizes, on every instruction set here.

mod near;

use crate::products::{ScoresF32, ScoresInt8};
use crate::*;
use simd::Isa;
use simd::testing::Rng;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// `n` values in -1..1.
fn values(seed: u64, n: usize) -> Vec<f32> {
    Rng(seed).values(n)
}

const DIMENSIONS: [usize; 11] = [1, 2, 15, 16, 17, 31, 37, 64, 100, 512, 771];

/// The dot product as it is promised: value `i` to sum `i % 16`, and the sums added in halves.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        sums[i % 16] += a * b;
    }
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
    }
    sums[0]
}

#[test]
fn f32_scores_are_those_promised_to_the_bit_and_near_the_true_ones() {
    for (isa, dimension) in Isa::available().flat_map(|isa| DIMENSIONS.map(|dimension| (isa, dimension))) {
        let (rows, query) = (values(1, 33 * dimension), values(2, dimension));
        let mut scores = [0.0; 33];
        isa.run(ScoresF32 { rows: &rows, query: &query, out: &mut scores });
        for (row, score) in rows.chunks(dimension).zip(scores) {
            assert_eq!(score.to_bits(), dot(row, &query).to_bits(), "{isa:?} {dimension}");
            let terms = || row.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b));
            let (sum, size) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
            assert!((f64::from(score) - sum).abs() <= size * dimension as f64 / 16_777_216.0, "{dimension}");
        }
    }
}

#[test]
fn int8_scores_are_exact_at_the_largest_values_too() {
    for dimension in DIMENSIONS.into_iter().chain([4096, 70_000]) {
        let extreme = vec![-128i8; dimension];
        let mixed: Vec<i8> = values(3, dimension).into_iter().map(|x| (x * 127.0) as i8).collect();
        let rows = [extreme, mixed].concat();
        for query in [values(4, dimension), vec![-1.0; dimension]] {
            let mut levels = vec![0; dimension];
            quantize::quantize_query(&query, &mut levels);
            for isa in Isa::available() {
                let mut scores = [0.0; 2];
                isa.run(ScoresInt8 { rows: &rows, query: &levels, out: &mut scores });
                for (row, score) in rows.chunks(dimension).zip(scores) {
                    let exact: i64 = row.iter().zip(&levels).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
                    assert_eq!(score, i32::try_from(exact).unwrap() as f32, "{isa:?} {dimension}");
                }
            }
        }
    }
}

/// All rows by score, then by number: what [`top_k`] has to agree with.
fn ranked(scores: &[f32]) -> Vec<Match> {
    let mut all: Vec<_> = (0..).zip(scores).map(|(row, &score)| Match { row, score }).collect();
    all.retain(|found| !found.score.is_nan());
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    all
}

#[test]
fn the_best_are_those_of_a_full_sort_for_every_k_with_many_ties_and_nans() {
    // A few distinct scores, so that most are ties; two blocks and a bit.
    let rows: Vec<f32> = values(5, 600).into_iter().map(|x| (x * 4.0).round() + 0.0).collect();
    for k in [0, 1, 2, 3, 10, 255, 256, 257, 599, 600, 601, 5000] {
        let found = top_k(&[1.0], Rows::F32(&rows), k).unwrap();
        assert_eq!(found, ranked(&rows)[..k.min(600)], "{k}");
    }
    let mut holes = rows.clone();
    holes.iter_mut().step_by(3).for_each(|x| *x = f32::NAN);
    let found = top_k(&[1.0], Rows::F32(&holes), 500).unwrap();
    assert_eq!(found, ranked(&holes));
    assert_eq!(found.len(), 400);
}

#[test]
fn int8_rows_rank_nearly_as_f32_rows() {
    const DIMENSION: usize = 128;
    let rows = values(6, 2000 * DIMENSION);
    let (int8, steps) = quantize_rows(&rows, DIMENSION).unwrap();
    let mut hits = 0;
    for query in 0..50 {
        let query = values(100 + query, DIMENSION);
        let exact = top_k(&query, Rows::F32(&rows), 10).unwrap();
        let found = top_k(&query, Rows::Int8 { values: &int8, steps: &steps }, 10).unwrap();
        hits += found.iter().filter(|found| exact.iter().any(|exact| exact.row == found.row)).count();
        for found in found {
            let row = &rows[found.row as usize * DIMENSION..][..DIMENSION];
            let score: f32 = row.iter().zip(&query).map(|(a, b)| a * b).sum();
            // Half a step a value at most, and of random signs.
            assert!((found.score - score).abs() < 0.1, "{} {score}", found.score);
        }
    }
    assert!(hits >= 480, "{hits} of 500");
}

#[test]
fn quantized_values_are_within_half_a_step() {
    let mut rows = values(7, 4 * 37);
    rows[..37].fill(0.0);
    rows[37..74].fill(f32::MIN_POSITIVE);
    let (int8, steps) = quantize_rows(&rows, 37).unwrap();
    assert_eq!(int8[..74], [0; 74]);
    for (at, (&x, &q)) in rows.iter().zip(&int8).enumerate() {
        assert!((x - f32::from(q) * steps[at / 37]).abs() <= steps[at / 37] * 0.5001 + f32::MIN_POSITIVE, "{at}");
    }
}

#[test]
fn what_makes_no_sense_is_an_error_that_says_what() {
    let wrong = [
        (top_k(&[], Rows::F32(&[]), 1).unwrap_err(), "query of 0 values"),
        (top_k(&[f32::NAN], Rows::F32(&[1.0]), 1).unwrap_err(), "finite"),
        (top_k(&[1.0, 2.0], Rows::F32(&[1.0; 3]), 1).unwrap_err(), "3 values cannot be divided into rows of 2"),
        (top_k(&[1.0], Rows::Int8 { values: &[1; 3], steps: &[1.0] }, 1).unwrap_err(), "1 steps for 3 rows"),
        (quantize_rows(&[1.0; 3], 2).unwrap_err(), "3 values cannot be divided into rows of 2"),
        (quantize_rows(&[1.0, 2.0, f32::INFINITY], 3).unwrap_err(), "value 2 of row 0 is inf"),
        (cosine_similarity(&[1.0], &[1.0, 2.0]).unwrap_err(), "1 and of 2"),
        (cosine_similarity(&[0.0], &[1.0]).unwrap_err(), "zero or not finite"),
    ];
    for (error, what) in wrong {
        assert!(error.to_string().contains(what), "{error}");
    }
    assert_eq!(top_k(&[1.0, 2.0], Rows::F32(&[]), 3).unwrap(), []);
    assert_eq!(cosine_similarity(&[3.0, 4.0], &[6.0, 8.0]).unwrap(), 1.0);
}
