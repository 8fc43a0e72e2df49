//! Block smoothing: what libjpeg makes of a progressive picture whose last scans are missing.
//!
//! Where AC coefficients are not yet known to their last bit and still zero, they are estimated from the DC
//! coefficients of the 5x5 blocks around, so that the picture looks blurred rather than tiled. The weights are those
//! of libjpeg-turbo's `jdcoefct.c` (`decompress_smooth_data`). Pillow leaves this on, so a picture that ends early
//! (but with an end-of-image marker) has it.

use std::rc::Rc;

use crate::coefficients::Coefficients;
use crate::frame::{Component, Frame, Scan};
use crate::script::Quantizers;

/// DC and the first nine AC coefficients, in zigzag order: those that are estimated.
const COUNT: usize = 10;
/// Their places in natural order.
const PLACES: [usize; COUNT] = [0, 1, 8, 16, 9, 2, 3, 10, 17, 24];

/// Weights of the 5x5 DC coefficients around, row by row.
type Weights = [[i32; 5]; 5];

/// For each coefficient, where no AC coefficient is known: a kernel like a Gaussian's derivatives.
const WITHOUT_AC: [Weights; COUNT] = [
    [[-2, -6, -8, -6, -2], [-6, 6, 42, 6, -6], [-8, 42, 152, 42, -8], [-6, 6, 42, 6, -6], [-2, -6, -8, -6, -2]],
    [[-1, -1, 0, 1, 1], [-3, 13, 0, -13, 3], [-3, 38, 0, -38, 3], [-3, 13, 0, -13, 3], [-1, -1, 0, 1, 1]],
    [[-1, -3, -3, -3, -1], [-1, 13, 38, 13, -1], [0; 5], [1, -13, -38, -13, 1], [1, 3, 3, 3, 1]],
    [[0, 0, 1, 0, 0], [0, 2, 7, 2, 0], [0, -5, -14, -5, 0], [0, 2, 7, 2, 0], [0, 0, 1, 0, 0]],
    [[-1, 0, 0, 0, 1], [0, 9, 0, -9, 0], [0; 5], [0, -9, 0, 9, 0], [1, 0, 0, 0, -1]],
    [[0; 5], [0, 2, -5, 2, 0], [1, 7, -14, 7, 1], [0, 2, -5, 2, 0], [0; 5]],
    [[0; 5], [0, 1, 0, -1, 0], [0, 2, 0, -2, 0], [0, 1, 0, -1, 0], [0; 5]],
    [[0; 5], [0, 1, -3, 1, 0], [0; 5], [0, -1, 3, -1, 0], [0; 5]],
    [[0; 5], [0, 1, 0, -1, 0], [0, -3, 0, 3, 0], [0, 1, 0, -1, 0], [0; 5]],
    [[0; 5], [0, 1, 2, 1, 0], [0; 5], [0, -1, -2, -1, 0], [0; 5]],
];

/// For the first five AC coefficients, where some are known (T.81, K.8, on 5x5 blocks).
const WITH_AC: [Weights; 6] = [
    [[0; 5]; 5],
    [[0; 5], [0; 5], [-7, 50, 0, -50, 7], [0; 5], [0; 5]],
    [[0, 0, -7, 0, 0], [0, 0, 50, 0, 0], [0; 5], [0, 0, -50, 0, 0], [0, 0, 7, 0, 0]],
    [[0, 0, -1, 0, 0], [0, 0, 13, 0, 0], [0, 0, -24, 0, 0], [0, 0, 13, 0, 0], [0, 0, -1, 0, 0]],
    [[0, -1, 0, 1, 0], [-1, 10, 0, -10, 1], [0; 5], [1, -10, 0, 10, -1], [0, 1, 0, -1, 0]],
    [[0; 5], [0; 5], [-1, 13, -24, 13, -1], [0; 5], [0; 5]],
];

/// How many bits of each coefficient are still unknown: −1 for all.
pub(crate) struct Progress {
    /// Per component: now, and before the last scan that had a say.
    bits: Vec<([i8; 64], [i8; 64])>,
    scans: usize,
    /// The last band for which the last scan had data.
    last_good: usize,
}

impl Progress {
    pub(crate) fn new(frame: &Frame) -> Self {
        Self { bits: vec![([-1; 64], [-1; 64]); frame.components.len()], scans: 0, last_good: 0 }
    }

    /// Notes what `scan` brings, as libjpeg does when it starts one. `scan` must have been checked.
    pub(crate) fn begin(&mut self, scan: &Scan) {
        self.scans += 1;
        let (start, end) = (usize::from(scan.start), usize::from(scan.end));
        for &(index, ..) in &scan.members {
            let (now, before) = &mut self.bits[index];
            let noted = start.min(1)..=end.max(9);
            if self.scans > 1 {
                before[noted.clone()].copy_from_slice(&now[noted]);
            } else {
                before[noted].fill(0);
            }
            now[start..=end].fill(scan.low as i8);
        }
    }

    /// Notes the last band for which the scan had data.
    pub(crate) fn end(&mut self, last_good: Option<usize>) {
        self.last_good = last_good.unwrap_or(self.last_good);
    }

    /// Does the picture need smoothing, and do its quantizers (per component) allow for it?
    pub(crate) fn needs_smoothing(&self, quantizers: &Quantizers) -> bool {
        let usable = |q: &Option<Rc<[u16; 64]>>| q.as_ref().is_some_and(|q| PLACES.iter().all(|&place| q[place] != 0));
        quantizers.iter().all(usable)
            && self.bits.iter().all(|(now, _)| now[0] >= 0)
            && self.bits.iter().any(|(now, _)| now[1..COUNT].iter().any(|&bits| bits != 0))
    }

    /// The bits still unknown that count in `band`.
    fn unknown(&self, component: usize, band: usize) -> [i8; COUNT] {
        let (now, before) = &self.bits[component];
        let mut bits = [0; COUNT];
        bits.copy_from_slice(if band > self.last_good { &before[..COUNT] } else { &now[..COUNT] });
        if band > self.last_good && self.scans <= 1 {
            bits[1..].fill(-1);
        }
        bits
    }

    /// The blocks of a component's block row `row` (from 0 within `band`), smoothed.
    pub(crate) fn smooth_row(
        &self,
        frame: &Frame,
        index: usize,
        coefficients: &Coefficients,
        quantizers: &[u16; 64],
        (band, row): (usize, usize),
        mut block_done: impl FnMut(usize, &[i16; 64]),
    ) {
        let component = &frame.components[index];
        let unknown = self.unknown(index, band);
        let without_ac = unknown[1..].iter().all(|&bits| bits == -1);
        let kernels = if without_ac { &WITHOUT_AC[..] } else { &WITH_AC[..] };
        let rows = neighbor_rows(frame, component, band, row).map(|y| coefficients.row(index, y));
        let wide = component.blocks_wide;
        for start in (0..wide).step_by(RUN) {
            let end = (start + RUN).min(wide);
            let around = around(&rows, start, wide);
            if around.iter().flatten().all(|dc| *dc == around[0][0]) {
                // In plain surroundings all estimates are 0, and the DC coefficient stays what it is.
                (start..end).for_each(|x| block_done(x, &rows[2][x]));
                continue;
            }
            let mut all_sums = [[0; RUN]; COUNT];
            for (coefficient, (found, weights)) in all_sums.iter_mut().zip(kernels).enumerate() {
                let counts = if coefficient == 0 { without_ac } else { unknown[coefficient] != 0 };
                if counts {
                    *found = sums(&around, weights);
                }
            }
            for x in start..end {
                let mut block = rows[2][x];
                let estimate = |coefficient: usize| {
                    let (sum, place) = (all_sums[coefficient][x - start], PLACES[coefficient]);
                    (estimated(sum, quantizers[0], quantizers[place]), sum < 0)
                };
                for coefficient in 1..kernels.len() {
                    let (place, bits) = (PLACES[coefficient], unknown[coefficient]);
                    if bits == 0 || block[place] != 0 {
                        continue;
                    }
                    let (mut size, negative) = estimate(coefficient);
                    if bits > 0 {
                        size = size.min((1 << bits) - 1);
                    }
                    block[place] = (if negative { -size } else { size }) as i16;
                }
                if without_ac {
                    let (size, negative) = estimate(0);
                    block[0] = (if negative { -size } else { size }) as i16;
                }
                block_done(x, &block);
            }
        }
    }
}

/// Blocks that are smoothed at a time.
const RUN: usize = 32;

/// The DC coefficients of a run of blocks and of two more to all sides; beyond the edges those at the edges.
type Around = [[i32; RUN + 4]; 5];

/// Those of the run that begins at `start`, in rows of `wide` blocks.
fn around(rows: &[&[[i16; 64]]; 5], start: usize, wide: usize) -> Around {
    rows.map(|blocks| {
        std::array::from_fn(|i| {
            let x = (start + i).saturating_sub(2).min(wide - 1);
            i32::from(blocks[x][0])
        })
    })
}

/// The weighted sums for each block of a run.
fn sums(around: &Around, weights: &Weights) -> [i32; RUN] {
    let mut sums = [0; RUN];
    for (line, weights) in around.iter().zip(weights) {
        for (offset, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0) {
            sums.iter_mut().zip(&line[offset..]).for_each(|(sum, dc)| *sum += weight * dc);
        }
    }
    sums
}

/// What a coefficient of quantizer `quantizer` is, but for its sign, by a weighted sum of DC coefficients.
fn estimated(sum: i32, dc_quantizer: u16, quantizer: u16) -> i64 {
    let half = i64::from(quantizer) << 7;
    let numerator = i64::from(sum).abs() * i64::from(dc_quantizer);
    if numerator < half {
        return 0;
    }
    // Both have so few bits that the quotient's whole part is exact, and it takes much less time than in integers.
    ((half + numerator) as f64 / (2 * half) as f64) as i64
}

/// The block rows two above to two below, as libjpeg takes them: it counts the rows of the last band as if all bands
/// had as few, and may take padding for a neighbor.
fn neighbor_rows(frame: &Frame, component: &Component, band: usize, row: usize) -> [usize; 5] {
    let vertical = component.vertical;
    let rows = component.rows_in(band);
    let (place, places) = (band * rows + row, frame.bands * rows);
    let y = band * vertical + row;
    let above = if place > 0 { y - 1 } else { y };
    let above2 = if place > 1 { y - 2 } else { above };
    let below = if place + 1 < places { y + 1 } else { y };
    let below2 = if place + 2 < places { y + 2 } else { below };
    [above2, above, y, below, below2]
}
