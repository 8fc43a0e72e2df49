//! The innermost loops: a tile of the product, kept in registers while the depth runs by.
//!
//! Everything a matrix product does in its time is here: splat an activation for each row of the tile, then load one vector
//! of weights after the other and multiply. Both operands come packed in exactly the order in which they are read, so that
//! a step needs no address arithmetic but two increments. How many rows and vectors the tile has is each instruction set's
//! choice: see [`Simd`].
//!
//! Packed activations, `rows` a tile: `[depth][rows]`. Packed weights, `vectors · LANES` columns a panel:
//! `[depth][columns]`. In int8 a step is a group of four bytes instead of one f32. Attention, whose activations serve once, has them
//! row by row as they are: packing them would take longer than their addresses do.

#![allow(
    clippy::needless_range_loop,
    reason = "arrays of vectors stand for registers, and several are walked by one index"
)]

use simd::{Simd, Tile};
use std::ptr::NonNull;

/// What [`f32()`] works on: one tile, one block of the depth.
pub(crate) struct TileF32 {
    /// Activations: packed, `[depth][rows]`, or rows of `depth` values.
    pub a: *const f32,
    /// From one row of the activations to the next; `None` of packed ones.
    pub a_stride: Option<usize>,
    /// Packed weights, `[depth][columns]`.
    pub w: *const f32,
    /// Steps.
    pub depth: usize,
    /// Where the tile's first row goes.
    pub y: *mut f32,
    /// From one row of the result to the next.
    pub y_stride: usize,
    /// Columns that exist; those past it are the panel's padding.
    pub width: usize,
    /// What the product is added to, with `y`'s stride; `y` itself to go on with a sum.
    pub add: Option<NonNull<f32>>,
    /// One for each column of the panel, padding included.
    pub bias: Option<NonNull<f32>>,
}

/// What [`int8`] works on: one tile, one block of the depth.
pub(crate) struct TileInt8 {
    /// Packed activations in 0..=127, `[depth][rows][4 bytes]`.
    pub a: *const u8,
    /// Packed weights, `[depth][columns][GROUP]`.
    pub w: *const i8,
    /// Groups, an even number of them.
    pub depth: usize,
    /// Whether the weights' [sums fit](super::quantize::sums_fit).
    pub sums_fit: bool,
    /// For each row of the tile: the step of its activations.
    pub steps: *const f32,
    /// For each row of the tile: the activation that stands for zero.
    pub zeros: *const i32,
    /// For each column of the panel: the weights' step.
    pub weight_steps: *const f32,
    /// For each column of the panel: the sum of its quantized weights.
    pub weight_sums: *const i32,
    /// For each column of the panel.
    pub bias: NonNull<f32>,
    /// As in [`TileF32`].
    pub y: *mut f32,
    pub y_stride: usize,
    pub width: usize,
    pub add: Option<NonNull<f32>>,
    /// Whether the tile's two rows are the upper and the lower seven bits of one: their results are summed.
    pub split: bool,
}

/// The widest panel: 3 vectors of 16.
pub(super) const MAX_COLUMNS: usize = 48;

/// `y = add + a · w + bias`, for `rows` rows, 1 to `TILE_F32.0` of them, and a panel of columns.
///
/// # Safety
/// The pointers of `tile` are valid for what their fields say.
#[inline(always)]
pub(super) unsafe fn f32<S: Simd>(simd: S, rows: usize, tile: &TileF32) {
    let (tallest, vectors) = S::TILE_F32;
    let wanted = tile.width.div_ceil(S::LANES);
    if tallest < 2 * vectors || wanted == vectors {
        return match tile.a_stride {
            None => simd.tile_f32(rows, ValidF32(tile)),
            Some(stride) => simd.tile_f32(rows, ValidRows(tile, stride)),
        };
    }
    // Of a panel that is mostly padding the vectors that are wanted: tiles this tall have sums enough, even of one vector, for none to
    // wait for another.
    for vector in 0..wanted {
        let at = vector * S::LANES;
        // SAFETY: `at` is below the panel's width, as far as which all that `tile` points to is valid; of the weights and biases
        // a whole vector from there on is the panel's.
        unsafe {
            let (w, y, width) = (tile.w.add(at), tile.y.add(at), S::LANES.min(tile.width - at));
            let column = TileF32 { w, y, width, add: after(tile.add, at), bias: after(tile.bias, at), ..*tile };
            match tile.a_stride {
                None => simd.column_f32(rows, ValidF32(&column)),
                Some(stride) => simd.column_f32(rows, ValidRows(&column, stride)),
            }
        }
    }
}

/// The same of a tile in 8 bits: `y = add + step · weight_step · (a · w − zero · weight_sum) + bias`.
///
/// # Safety
/// As for [`f32()`].
#[inline(always)]
pub(super) unsafe fn int8<S: Simd>(simd: S, rows: usize, tile: &TileInt8) {
    simd.tile_int8(rows, ValidInt8(tile));
}

/// A tile whose pointers are valid: made by [`f32()`] alone. Its steps are a panel apart, of which it may have but a column.
struct ValidF32<'a>(&'a TileF32);

impl Tile for ValidF32<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize, const C: usize>(self, simd: S) {
        let tile = self.0;
        // SAFETY: each pointer stays within what the fields promise: `depth` steps of `R` activations and of a panel's
        // weights, of which it reads `C · LANES`, as many biases, `R` rows of `width` results. After the last step `w` is not read.
        unsafe {
            let mut acc = [[simd.splat(0.0); C]; R];
            let (mut a, mut w) = (tile.a, tile.w);
            for _ in 0..tile.depth {
                // Whatever there is less of is held, and the other passes by.
                if C < R && !S::LANE_OPERANDS {
                    let mut weights = [simd.splat(0.0); C];
                    for c in 0..C {
                        weights[c] = simd.load(w.add(c * S::LANES));
                    }
                    for r in 0..R {
                        let x = simd.load_splat(a.add(r));
                        for c in 0..C {
                            acc[r][c] = simd.mul_add(x, weights[c], acc[r][c]);
                        }
                    }
                } else {
                    let x = simd.load_splats::<R>(a);
                    for c in 0..C {
                        let weights = simd.load(w.add(c * S::LANES));
                        for r in 0..R {
                            acc[r][c] = simd.mul_add(x[r], weights, acc[r][c]);
                        }
                    }
                }
                a = a.add(R);
                w = w.wrapping_add(S::TILE_F32.1 * S::LANES);
            }
            write_rows(simd, acc, tile);
        }
    }
}

/// As [`ValidF32`], of activations whose rows are so far apart.
struct ValidRows<'a>(&'a TileF32, usize);

impl Tile for ValidRows<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize, const C: usize>(self, simd: S) {
        let Self(tile, stride) = self;
        // SAFETY: as for `ValidF32`; the activations are `R` rows of `depth` values.
        unsafe {
            let mut acc = [[simd.splat(0.0); C]; R];
            let mut w = tile.w;
            for step in 0..tile.depth {
                let mut weights = [simd.splat(0.0); C];
                for c in 0..C {
                    weights[c] = simd.load(w.add(c * S::LANES));
                }
                for r in 0..R {
                    let x = simd.load_splat(tile.a.add(r * stride + step));
                    for c in 0..C {
                        acc[r][c] = simd.mul_add(x, weights[c], acc[r][c]);
                    }
                }
                w = w.wrapping_add(S::TILE_F32.1 * S::LANES);
            }
            write_rows(simd, acc, tile);
        }
    }
}

/// Writes the sums of a tile.
///
/// # Safety
/// The pointers of `tile` are valid for what their fields say.
#[inline(always)]
unsafe fn write_rows<S: Simd, const R: usize, const C: usize>(simd: S, sums: [[S::F; C]; R], tile: &TileF32) {
    for r in 0..R {
        let at = r * tile.y_stride;
        // SAFETY: the caller's promise; there are `R` rows.
        unsafe { write(simd, sums[r], tile.y.add(at), tile.width, after(tile.add, at), tile.bias) };
    }
}

/// A tile whose pointers are valid: made by [`int8`] alone.
struct ValidInt8<'a>(&'a TileInt8);

impl Tile for ValidInt8<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize, const C: usize>(self, simd: S) {
        let tile = self.0;
        // SAFETY: as for `ValidF32`, a step being a group.
        unsafe {
            let acc = if S::PAIRS && tile.sums_fit {
                sums::<S, R, C, true>(simd, tile)
            } else {
                sums::<S, R, C, false>(simd, tile)
            };
            let mut values = [[simd.splat(0.0); C]; R];
            for r in 0..R {
                let (step, zero) = (simd.splat(*tile.steps.add(r)), simd.splat_int(*tile.zeros.add(r)));
                for c in 0..C {
                    let correction = simd.mul_int(zero, simd.load_int(tile.weight_sums.add(c * S::LANES)));
                    let sum = simd.to_float(simd.sub_int(acc[r][c], correction));
                    // No fused multiply-add here: the result is to be the same on every instruction set.
                    values[r][c] = simd.mul(sum, simd.mul(step, simd.load(tile.weight_steps.add(c * S::LANES))));
                }
            }
            let bias = Some(tile.bias);
            if R == 2 && tile.split {
                for c in 0..C {
                    values[0][c] = simd.add(values[0][c], values[R - 1][c]);
                }
                return write(simd, values[0], tile.y, tile.width, tile.add, bias);
            }
            for r in 0..R {
                let at = r * tile.y_stride;
                write(simd, values[r], tile.y.add(at), tile.width, after(tile.add, at), bias);
            }
        }
    }
}

/// `a · w`, two groups at a time; with `PAIRS` by [`dot_pair`](simd::DotProduct::dot_pair).
///
/// # Safety
/// As for [`int8`].
#[inline(always)]
unsafe fn sums<S: Simd, const R: usize, const C: usize, const PAIRS: bool>(simd: S, tile: &TileInt8) -> [[S::I; C]; R] {
    let mut acc = [[simd.splat_int(0); C]; R];
    let (mut a, mut w) = (tile.a, tile.w);
    let unit = simd.unit();
    for _ in 0..tile.depth / 2 {
        // SAFETY: as for `ValidF32`, a step being a group.
        unsafe {
            if C < R && !S::LANE_OPERANDS && !PAIRS {
                // One group after the other, and one row after the other: of more at once the compiler drives sums out of the
                // registers, which takes as long as the products.
                for half in 0..2 {
                    let (a, w) = (a.add(half * R * 4), w.add(half * C * S::LANES * S::GROUP));
                    let mut weights = [simd.load_weights(w); C];
                    for c in 1..C {
                        weights[c] = simd.load_weights(w.add(c * S::LANES * S::GROUP));
                    }
                    for r in 0..R {
                        let x = simd.load_group(a.add(r * 4));
                        for c in 0..C {
                            acc[r][c] = simd.dot(acc[r][c], weights[c], x, unit);
                        }
                    }
                }
            } else if C < R && !S::LANE_OPERANDS {
                let (first, second) = (simd.load_groups::<R>(a), simd.load_groups::<R>(a.add(R * 4)));
                let mut weights = [[simd.load_weights(w); 2]; C];
                for c in 0..C {
                    let at = w.add(c * S::LANES * S::GROUP);
                    weights[c] = [simd.load_weights(at), simd.load_weights(at.add(C * S::LANES * S::GROUP))];
                }
                for r in 0..R {
                    for c in 0..C {
                        acc[r][c] = dot2::<S, PAIRS>(simd, acc[r][c], weights[c], [first[r], second[r]], unit);
                    }
                }
            } else {
                let (first, second) = (simd.load_groups::<R>(a), simd.load_groups::<R>(a.add(R * 4)));
                for c in 0..C {
                    let at = w.add(c * S::LANES * S::GROUP);
                    let weights = [simd.load_weights(at), simd.load_weights(at.add(C * S::LANES * S::GROUP))];
                    for r in 0..R {
                        acc[r][c] = dot2::<S, PAIRS>(simd, acc[r][c], weights, [first[r], second[r]], unit);
                    }
                }
            }
            a = a.add(2 * R * 4);
            w = w.add(2 * C * S::LANES * S::GROUP);
        }
    }
    acc
}

/// Two groups of products added to a sum.
#[inline(always)]
fn dot2<S: Simd, const PAIRS: bool>(simd: S, sum: S::I, w: [S::W; 2], a: [S::A; 2], unit: S::I) -> S::I {
    if PAIRS { simd.dot_pair(sum, w, a, unit) } else { simd.dot(simd.dot(sum, w[0], a[0], unit), w[1], a[1], unit) }
}

/// What lies `at` values further on.
///
/// # Safety
/// So does the memory that `p` is valid for.
#[inline(always)]
unsafe fn after(p: Option<NonNull<f32>>, at: usize) -> Option<NonNull<f32>> {
    // SAFETY: the caller's promise.
    p.map(|p| unsafe { p.add(at) })
}

/// Adds the bias and `add`, as far as there are any, and writes `width` of the columns.
///
/// # Safety
/// `bias` is valid for `C` vectors, `y` and `add` for `width` values.
#[inline(always)]
unsafe fn write<S: Simd, const C: usize>(
    simd: S,
    mut values: [S::F; C],
    y: *mut f32,
    width: usize,
    add: Option<NonNull<f32>>,
    bias: Option<NonNull<f32>>,
) {
    // SAFETY: the caller's promise; a panel with padding goes through a buffer that is as wide as the widest panel.
    unsafe {
        if let Some(bias) = bias {
            for c in 0..C {
                values[c] = simd.add(values[c], simd.load(bias.as_ptr().add(c * S::LANES)));
            }
        }
        if width == C * S::LANES {
            for c in 0..C {
                let at = c * S::LANES;
                let value = match add {
                    Some(add) => simd.add(simd.load(add.as_ptr().add(at)), values[c]),
                    None => values[c],
                };
                simd.store(y.add(at), value);
            }
        } else {
            let mut buffer = [0f32; MAX_COLUMNS];
            for c in 0..C {
                simd.store(buffer.as_mut_ptr().add(c * S::LANES), values[c]);
            }
            for (j, &value) in buffer.iter().enumerate().take(width) {
                *y.add(j) = match add {
                    Some(add) => *add.as_ptr().add(j) + value,
                    None => value,
                };
            }
        }
    }
}
