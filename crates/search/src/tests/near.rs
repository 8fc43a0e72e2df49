//! Near duplicates against every pair, one by one, and sketches against what they promise.

#![allow(clippy::unwrap_used)] // helpers of tests

use crate::near::LinkPanels;
use crate::sketch::*;
use crate::slices::{Link, Links, Sketched};
use crate::*;
use simd::Isa;
use simd::testing::Rng;
use std::ops::ControlFlow;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Rows of which many are near others: in clusters, with repeated rows and rows of any length among them.
fn clustered(rng: &mut Rng, count: usize, dimension: usize) -> Vec<f32> {
    let mut rows: Vec<f32> = Vec::new();
    for row in 0..count {
        let noise = rng.values(dimension);
        let copied = row > 0 && rng.below(2) == 0;
        let near = [0.0, 0.05, 0.3, 0.6][rng.below(4)];
        let length = [1.0, 1.0, 0.01, 700.0][rng.below(4)];
        let other = rng.below(row.max(1)) * dimension;
        for (i, x) in noise.into_iter().enumerate() {
            rows.push(length * if copied { rows[other + i] + near * x } else { x });
        }
    }
    rows
}

/// The components by all pairs, and for each the weakest link of a maximum spanning tree (Prim's algorithm).
fn naive(cosines: &dyn Fn(usize, usize) -> f64, count: usize, threshold: f64) -> Vec<(Vec<u32>, f64)> {
    let mut free: Vec<usize> = (0..count).collect();
    let mut groups = Vec::new();
    while !free.is_empty() {
        let mut group = vec![free.remove(0)];
        let mut weakest = f64::INFINITY;
        loop {
            let best = (0..free.len())
                .map(|at| (group.iter().map(|&row| cosines(row, free[at])).fold(f64::NEG_INFINITY, f64::max), at))
                .filter(|&(score, _)| score >= threshold)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let Some((score, at)) = best else { break };
            group.push(free.remove(at));
            weakest = weakest.min(score);
        }
        if group.len() > 1 {
            group.sort_unstable();
            groups.push((group.into_iter().map(|row| row as u32).collect::<Vec<_>>(), weakest));
        }
    }
    groups.sort_by_key(|(rows, _)| (usize::MAX - rows.len(), rows[0]));
    groups
}

fn groups(rows: Values<'_>, dimension: usize, threshold: f32) -> Vec<Group> {
    near_duplicates(rows, dimension, threshold, |_, _| ControlFlow::Continue(())).unwrap().unwrap()
}

fn agree(found: &[Group], expected: &[(Vec<u32>, f64)], what: &str) {
    assert_eq!(
        found.iter().map(|group| &group.rows).collect::<Vec<_>>(),
        expected.iter().map(|(rows, _)| rows).collect::<Vec<_>>(),
        "{what}"
    );
    for (found, (_, similarity)) in found.iter().zip(expected) {
        assert!((f64::from(found.similarity) - similarity).abs() < 1e-5, "{what}: {found:?} {similarity}");
    }
}

/// A threshold that no cosine is so near to that rounding would decide.
fn between(cosines: &dyn Fn(usize, usize) -> f64, count: usize, near: f64) -> f64 {
    let mut all: Vec<f64> = (0..count).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| cosines(i, j)).collect();
    all.sort_by(f64::total_cmp);
    let gap = all.windows(2).filter(|pair| pair[1] - pair[0] > 1e-5).map(|pair| (pair[0] + pair[1]) / 2.0);
    gap.min_by(|a, b| (a - near).abs().total_cmp(&(b - near).abs())).unwrap_or(near)
}

#[test]
fn groups_are_those_of_all_pairs() {
    let mut rng = Rng(11);
    for (count, dimension) in [(1, 3), (2, 1), (15, 16), (16, 2), (17, 64), (150, 5), (257, 100), (400, 37), (90, 512)]
    {
        let rows = clustered(&mut rng, count, dimension);
        let (int8, _) = quantize_rows(&rows, dimension).unwrap();
        let bytes: Vec<f32> = int8.iter().map(|&x| f32::from(x)).collect();
        for (values, kept) in [(Values::F32(&rows), &rows), (Values::Int8(&int8), &bytes)] {
            let row = |i: usize| &kept[i * dimension..(i + 1) * dimension];
            let cosines = |i: usize, j: usize| cosine(row(i), row(j));
            for near in [0.99, 0.95, 0.7, 0.2, -0.4] {
                let threshold = between(&cosines, count, near);
                let found = groups(values, dimension, threshold as f32);
                agree(
                    &found,
                    &naive(&cosines, count, threshold),
                    &format!("{count} x {dimension} from {threshold} on"),
                );
            }
        }
    }
}

#[test]
fn of_copies_of_one_row_all_are_a_group_also_where_there_are_more_links_than_room() {
    let row = Rng(1).values(20);
    let copies = row.repeat(700);
    let found = groups(Values::F32(&copies), 20, 0.999);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rows, (0..700).collect::<Vec<_>>());
    assert!((found[0].similarity - 1.0).abs() < 1e-6);
    assert_eq!(groups(Values::Int8(&[1, 2, 3, 1, 2, 3]), 3, 1.0 - 1e-6)[0].rows, [0, 1]);
    // A chain: neighbors are alike, its ends are not. And ties: two groups of two.
    let chain: Vec<f32> = (0..40).flat_map(|i| [(i as f32 * 0.1).cos(), (i as f32 * 0.1).sin()]).collect();
    let found = groups(Values::F32(&chain), 2, 0.99);
    assert_eq!(found[0].rows.len(), 40);
    assert!((found[0].similarity - 0.1f32.cos()).abs() < 1e-6);
    let ties = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
    assert_eq!(
        groups(Values::F32(&ties), 2, 0.9).iter().map(|group| group.rows.clone()).collect::<Vec<_>>(),
        [[0, 3], [1, 2]]
    );
    assert_eq!(groups(Values::F32(&[]), 2, 0.9), []);
    assert_eq!(groups(Values::F32(&[1.0, 2.0]), 2, -1.0), []);
}

#[test]
fn a_row_that_was_removed_is_in_no_group() {
    let mut rng = Rng(3);
    let rows = clustered(&mut rng, 100, 8);
    let mut scales = [1.0; 100];
    scales.iter_mut().step_by(3).for_each(|scale| *scale = f32::NAN);
    let mut inverse = [0.0; 100];
    inverse_lengths(Values::F32(&rows), 8, Some(&scales), &mut inverse);
    assert!(inverse.iter().zip(&scales).all(|(inverse, scale)| inverse.is_nan() == scale.is_nan()));
    let sketched = Prepared::of(Values::F32(&rows), 8, &inverse);
    for threshold in [0.9, -1.0] {
        let (mut memory, mut parents, mut labels) = ([Link::default(); 200], [0; 100], [0; 100]);
        let mut links = Links::new(&mut memory, 0, &mut parents);
        slices::link_panels(
            Sketched::new(Values::F32(&rows), 8, &inverse, &sketched.panels),
            threshold,
            0..7,
            0..7,
            &mut links,
        );
        assert!(links.groups(&mut labels) > 0);
        assert!(labels.iter().step_by(3).all(|&label| label == u32::MAX));
    }
}

struct Prepared {
    panels: Vec<f32>,
}

impl Prepared {
    fn of(rows: Values<'_>, dimension: usize, inverse: &[f32]) -> Self {
        let (mut basis, mut next) = (vec![0.0; VECTORS * dimension], vec![0.0; VECTORS * dimension]);
        let mut row = vec![0.0; dimension];
        make_basis(rows, inverse, &mut basis, &mut next, &mut row);
        let mut panels = vec![f32::NAN; inverse.len().div_ceil(PANEL) * PANEL * SKETCH];
        sketch_rows(rows, inverse, &basis, &mut row, &mut panels);
        Self { panels }
    }

    fn product(&self, i: usize, j: usize) -> f64 {
        let at = |row: usize, k: usize| f64::from(self.panels[row / PANEL * SKETCH * PANEL + k * PANEL + row % PANEL]);
        (0..SKETCH).map(|k| at(i, k) * at(j, k)).sum()
    }
}

#[test]
fn sketches_are_never_below_the_cosine_and_near_it_where_rows_have_few_directions() {
    let mut rng = Rng(5);
    for dimension in [1, 3, 63, 64, 200, 2048] {
        for spread in [0.0, 1e-4, 1.0] {
            // A common direction, and others around it: cosines near 1 are where rounding matters.
            let common = rng.values(dimension);
            let rows: Vec<f32> = (0..130)
                .flat_map(|_| {
                    rng.values(dimension).into_iter().zip(&common).map(|(x, c)| c + spread * x).collect::<Vec<_>>()
                })
                .collect();
            let mut inverse = vec![0.0; 130];
            inverse_lengths(Values::F32(&rows), dimension, None, &mut inverse);
            let prepared = Prepared::of(Values::F32(&rows), dimension, &inverse);
            let slack = f64::from(slack(dimension));
            for i in 0..130 {
                for j in 0..i {
                    let row = |i: usize| &rows[i * dimension..(i + 1) * dimension];
                    let (cosine, product) = (cosine(row(i), row(j)), prepared.product(i, j));
                    assert!(product >= cosine - slack, "{dimension} {spread}: {product} {cosine}");
                    // All that the basis left out is what rounding is allowed.
                    assert!(dimension > 63 || product <= cosine + 2e-3, "{dimension} {spread}: {product} {cosine}");
                }
            }
            assert!(slack < 1e-3 + dimension as f64 * 1e-6);
        }
    }
}

#[test]
fn every_instruction_set_finds_the_same_links() {
    let mut rng = Rng(6);
    let rows = clustered(&mut rng, 75, 48);
    let mut inverse = [0.0; 75];
    inverse_lengths(Values::F32(&rows), 48, None, &mut inverse);
    let prepared = Prepared::of(Values::F32(&rows), 48, &inverse);
    let sketched = Sketched::new(Values::F32(&rows), 48, &inverse, &prepared.panels);
    for isa in Isa::available().filter(|isa| isa.shape().lanes <= 8) {
        let (mut memory, mut parents) = ([Link::default(); 3000], [0; 75]);
        let mut links = Links::new(&mut memory, 0, &mut parents);
        isa.run(LinkPanels { sketched, threshold: 0.8, first: 0..5, second: 0..5, links: &mut links });
        let len = links.len();
        let mut pairs: Vec<_> = memory[..len].iter().map(|link| (link.first, link.second)).collect();
        pairs.sort_unstable();
        let row = |i: usize| &rows[i * 48..(i + 1) * 48];
        let expected: Vec<_> = (0..75)
            .flat_map(|i| (i + 1..75).map(move |j| (i, j)))
            .filter(|&(i, j)| cosine(row(i), row(j)) >= 0.8)
            .map(|(i, j)| (i as u32, j as u32))
            .collect();
        assert_eq!(pairs, expected, "{isa:?}");
    }
}

#[test]
fn progress_never_goes_back_and_may_break_off() {
    let rows = Rng(7).values(1000 * 8);
    let mut told = Vec::new();
    let progress = |done, all| {
        told.push((done, all));
        ControlFlow::Continue(())
    };
    near_duplicates(Values::F32(&rows), 8, 0.9, progress).unwrap().unwrap();
    assert!(told.len() > 3 && told.is_sorted());
    assert_eq!(told.last(), Some(&(499_500, 499_500)));
    let mut calls = 0;
    let stop = |_, _| {
        calls += 1;
        ControlFlow::Break(())
    };
    assert_eq!(near_duplicates(Values::F32(&rows), 8, 0.9, stop).unwrap(), None);
    assert_eq!(calls, 1);
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let go_on = |_, _| ControlFlow::Continue(());
    let wrong = [
        (
            near_duplicates(Values::F32(&[1.0; 3]), 2, 0.9, go_on).unwrap_err(),
            "3 values cannot be divided into rows of 2",
        ),
        (near_duplicates(Values::Int8(&[1; 3]), 0, 0.9, go_on).unwrap_err(), "rows of 0"),
        (near_duplicates(Values::F32(&[1.0, 0.0]), 1, 0.9, go_on).unwrap_err(), "row 1 has no length"),
        (near_duplicates(Values::F32(&[f32::INFINITY]), 1, 0.9, go_on).unwrap_err(), "row 0 has no length"),
        (near_duplicates(Values::F32(&[1.0]), 1, f32::NAN, go_on).unwrap_err(), "NaN"),
    ];
    for (error, what) in wrong {
        assert!(error.to_string().contains(what), "{error}");
    }
}
