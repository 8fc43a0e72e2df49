//! Pairs of rows that are nearly the same: the sketches of all with those of all, a tile at a time, and the rows themselves
//! where those leave it open.

use crate::links::{Link, Links};
use crate::products::{isa, scores_f32};
use crate::sketch::{PANEL, SKETCH, Values, dot_bytes, slack};
use core::ops::Range;
use simd::{Simd, Task};

/// What of a collection pairs are looked for in.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Sketched<'a> {
    /// The rows.
    pub rows: Values<'a>,
    /// Values of a row.
    pub dimension: usize,
    /// The inverse of each row's length; NaN for a row that is not there.
    pub inverse: &'a [f32],
    /// The rows' sketches.
    pub panels: &'a [f32],
}

impl<'a> Sketched<'a> {
    /// See the fields.
    pub fn new(rows: Values<'a>, dimension: usize, inverse: &'a [f32], panels: &'a [f32]) -> Self {
        Self { rows, dimension, inverse, panels }
    }
}

/// Links the pairs whose cosine reaches the threshold, with one row in each of two ranges of panels.
pub fn link_panels(
    sketched: Sketched<'_>,
    threshold: f32,
    first: Range<usize>,
    second: Range<usize>,
    links: &mut Links<'_>,
) {
    isa().run(LinkPanels { sketched, threshold, first, second, links });
}

/// See [`link_panels`].
pub(crate) struct LinkPanels<'a, 'b> {
    pub(crate) sketched: Sketched<'a>,
    pub(crate) threshold: f32,
    pub(crate) first: Range<usize>,
    pub(crate) second: Range<usize>,
    pub(crate) links: &'a mut Links<'b>,
}

impl Task for LinkPanels<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // As many sums as wait for nothing and fit the registers.
        if S::LANES == 8 { self.tiles::<S, 4, 2>(simd) } else { self.tiles::<S, 2, 4>(simd) }
    }
}

impl LinkPanels<'_, '_> {
    /// In tiles of `ROWS` rows and `VECTORS` vectors, which are a panel.
    #[inline(always)]
    fn tiles<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S) {
        let Self { sketched, threshold, first, second, links } = self;
        let limit = threshold - slack(sketched.dimension);
        let panel = |index: usize| &sketched.panels[index * SKETCH * PANEL..][..SKETCH * PANEL];
        for b in second {
            for a in first.start..first.end.min(b + 1) {
                let (rows, columns) = (panel(a), panel(b));
                let mut row = 0;
                while row < PANEL {
                    let products = products::<S, ROWS, VECTORS>(simd, rows, row, columns, limit);
                    if let Some(products) = products {
                        for (i, products) in products.iter().enumerate() {
                            for (j, &bound) in products.iter().enumerate() {
                                let (i, j) = (a * PANEL + row + i, b * PANEL + j);
                                if bound >= limit && i < j && j < sketched.inverse.len() {
                                    link(sketched, threshold, (i, j), links);
                                }
                            }
                        }
                    }
                    row += ROWS;
                }
            }
        }
    }
}

/// Links a pair if its cosine reaches the threshold. A NaN reaches none.
#[inline(never)]
fn link(sketched: Sketched<'_>, threshold: f32, (i, j): (usize, usize), links: &mut Links<'_>) {
    let Sketched { rows, dimension, inverse, .. } = sketched;
    let (a, b) = (i * dimension..(i + 1) * dimension, j * dimension..(j + 1) * dimension);
    let mut product = [0.0];
    match rows {
        Values::F32(values) => scores_f32(&values[a], &values[b], &mut product),
        Values::Int8(values) => product[0] = dot_bytes(&values[a], &values[b]) as f32,
    }
    let score = product[0] * inverse[i] * inverse[j];
    if score >= threshold {
        links.add(Link { first: i as u32, second: j as u32, score });
    }
}

/// The products of `ROWS` sketches of a panel, from `row` on, with those of another; nothing if none of them reaches the limit.
#[inline(always)]
fn products<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    rows: &[f32],
    row: usize,
    columns: &[f32],
    limit: f32,
) -> Option<[[f32; PANEL]; ROWS]> {
    const { assert!(PANEL.is_multiple_of(ROWS)) };
    assert!(rows.len() == SKETCH * PANEL && columns.len() == SKETCH * PANEL && VECTORS * S::LANES == PANEL);
    assert!(row + ROWS <= PANEL);
    let mut sums = [[simd.splat(0.0); VECTORS]; ROWS];
    let mut at = 0;
    while at < SKETCH * PANEL {
        let mut column = [simd.splat(0.0); VECTORS];
        let mut v = 0;
        while v < VECTORS {
            // SAFETY: `VECTORS` vectors are a panel's width, and from `at` on there is one at least.
            column[v] = unsafe { simd.load(columns.as_ptr().add(at + v * S::LANES)) };
            v += 1;
        }
        let mut r = 0;
        while r < ROWS {
            // SAFETY: `row + r` is within the panel's width, of which there is one at least from `at` on.
            let x = unsafe { simd.load_splat(rows.as_ptr().add(at + row + r)) };
            let mut v = 0;
            while v < VECTORS {
                sums[r][v] = simd.mul_add(x, column[v], sums[r][v]);
                v += 1;
            }
            r += 1;
        }
        at += PANEL;
    }
    let mut most = sums[0][0];
    let mut i = 1;
    while i < ROWS * VECTORS {
        most = simd.max(most, sums[i / VECTORS][i % VECTORS]);
        i += 1;
    }
    let mut lanes = [f32::NEG_INFINITY; PANEL];
    // SAFETY: a vector is no wider than a panel.
    unsafe { simd.store(lanes.as_mut_ptr(), most) };
    let mut lane = 0;
    let mut reached = false;
    while lane < S::LANES {
        reached |= lanes[lane] >= limit;
        lane += 1;
    }
    if !reached {
        return None;
    }
    let mut products = [[0.0; PANEL]; ROWS];
    let mut i = 0;
    while i < ROWS * VECTORS {
        let to = products[i / VECTORS].as_mut_ptr();
        // SAFETY: `VECTORS` vectors are a panel's width.
        unsafe { simd.store(to.add(i % VECTORS * S::LANES), sums[i / VECTORS][i % VECTORS]) };
        i += 1;
    }
    Some(products)
}
