//! The innermost loops: a tile of the product, kept in registers while the depth runs by.
//!
//! Everything a matrix product does in its time is here: splat an activation for each row of the tile, then load one vector
//! of weights after the other and multiply. Both operands come packed in exactly the order in which they are read, so that
//! a step needs no address arithmetic but two increments. How many rows and vectors the tile has is each instruction set's
//! choice ([`Simd::TILE_F32`]): more means more multiplications for each load and more sums that don't wait for each
//! other, until the sums, the activations and the weights no longer fit the registers. In a browser on x86 there are 15
//! (the engine keeps one for itself), and a spilled sum costs more than all else: 3 × 3 in f32 with a fused multiply-add
//! (9 + 3 + 1), 2 × 4 where a product takes a register on its way, as in int8 and without relaxed SIMD. One more runs at
//! half the speed.
//!
//! Packed activations, `rows` a tile: `[depth][rows]`. Packed weights, `vectors · LANES` columns a panel:
//! `[depth][columns]`. In int8 a step is a group of four bytes instead of one f32.

use super::simd::Simd;

/// What [`f32`] works on: one tile, one block of the depth.
pub(crate) struct TileF32 {
    /// Packed activations, `[depth][rows]`.
    pub a: *const f32,
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
    /// What the product is added to, with `y`'s stride; `y` itself to go on with a sum, null for nothing.
    pub add: *const f32,
    /// One for each column of the panel, padding included; null for none.
    pub bias: *const f32,
}

/// What [`int8`] works on: one tile, one block of the depth.
pub(crate) struct TileInt8 {
    /// Packed activations in 0..=127, `[depth][rows][4 bytes]`.
    pub a: *const u8,
    /// Packed weights, `[depth][columns][GROUP]`.
    pub w: *const i8,
    /// Groups, an even number of them.
    pub depth: usize,
    /// Whether the weights' [sums fit](super::quantise::sums_fit).
    pub sums_fit: bool,
    /// For each row of the tile: the step of its activations.
    pub step: *const f32,
    /// For each row of the tile: the activation that stands for zero.
    pub zero: *const i32,
    /// For each column of the panel: the weights' step.
    pub scale: *const f32,
    /// For each column of the panel: the sum of its quantised weights.
    pub weight_sums: *const i32,
    /// For each column of the panel.
    pub bias: *const f32,
    /// As in [`TileF32`].
    pub y: *mut f32,
    pub y_stride: usize,
    pub width: usize,
    pub add: *const f32,
    /// Whether the tile's two rows are the upper and the lower seven bits of one: their results are summed.
    pub halves: bool,
}

/// The widest panel: 3 vectors of 16.
pub(super) const MAX_COLUMNS: usize = 48;

/// `y = add + a · w + bias`, for `R` rows and `C` vectors of columns.
///
/// # Safety
/// As for [`Simd`]; the pointers of `tile` are valid for what their fields say.
#[inline(always)]
pub(super) unsafe fn f32<S: Simd, const R: usize, const C: usize>(tile: &TileF32) {
    // SAFETY: each pointer stays within what the fields promise: `depth` steps of `R` activations and of `C · LANES`
    // weights, `C · LANES` biases, `R` rows of `width` results.
    unsafe {
        let mut acc = [[S::splat(0.0); C]; R];
        let (mut a, mut w) = (tile.a, tile.w);
        for _ in 0..tile.depth {
            let mut x = [S::splat(0.0); R];
            for r in 0..R {
                x[r] = S::load_splat(a.add(r));
            }
            for c in 0..C {
                let weights = S::load(w.add(c * S::LANES));
                for r in 0..R {
                    acc[r][c] = S::mul_add(x[r], weights, acc[r][c]);
                }
            }
            a = a.add(R);
            w = w.add(C * S::LANES);
        }
        for r in 0..R {
            let at = r * tile.y_stride;
            write::<S, C>(acc[r], tile.y.add(at), tile.width, after(tile.add, at), tile.bias);
        }
    }
}

/// `y = add + scale · (a · w − zero · weight_sums) + bias`, for `R` rows and `C` vectors of columns.
///
/// # Safety
/// As for [`Simd`]; the pointers of `tile` are valid for what their fields say.
#[inline(always)]
pub(super) unsafe fn int8<S: Simd, const R: usize, const C: usize>(tile: &TileInt8) {
    // SAFETY: as in `f32`, a step being a group.
    unsafe {
        let acc = if S::PAIRS && tile.sums_fit { sums::<S, R, C, true>(tile) } else { sums::<S, R, C, false>(tile) };
        let mut values = [[S::splat(0.0); C]; R];
        for r in 0..R {
            let (step, zero) = (S::splat(*tile.step.add(r)), S::splat_int(*tile.zero.add(r)));
            for c in 0..C {
                let correction = S::mul_int(zero, S::load_int(tile.weight_sums.add(c * S::LANES)));
                let sum = S::to_float(S::sub_int(acc[r][c], correction));
                // No fused multiply-add here: the result is to be the same on every instruction set.
                values[r][c] = S::mul(sum, S::mul(step, S::load(tile.scale.add(c * S::LANES))));
            }
        }
        if R == 2 && tile.halves {
            for c in 0..C {
                values[0][c] = S::add(values[0][c], values[R - 1][c]);
            }
            return write::<S, C>(values[0], tile.y, tile.width, tile.add, tile.bias);
        }
        for r in 0..R {
            let at = r * tile.y_stride;
            write::<S, C>(values[r], tile.y.add(at), tile.width, after(tile.add, at), tile.bias);
        }
    }
}

/// `a · w`, two groups at a time; with `PAIRS` by [`Simd::dot_pair`].
#[inline(always)]
unsafe fn sums<S: Simd, const R: usize, const C: usize, const PAIRS: bool>(tile: &TileInt8) -> [[S::I; C]; R] {
    // SAFETY: as in `f32`, a step being a group.
    unsafe {
        let mut acc = [[S::splat_int(0); C]; R];
        let (mut a, mut w) = (tile.a, tile.w);
        let unit = S::unit();
        for _ in 0..tile.depth / 2 {
            let mut x = [[S::load_group(a); 2]; R];
            for r in 0..R {
                x[r] = [S::load_group(a.add(r * 4)), S::load_group(a.add((R + r) * 4))];
            }
            for c in 0..C {
                let at = w.add(c * S::LANES * S::GROUP);
                let weights = [S::load_weights(at), S::load_weights(at.add(C * S::LANES * S::GROUP))];
                for r in 0..R {
                    acc[r][c] = if PAIRS {
                        S::dot_pair(acc[r][c], weights, x[r], unit)
                    } else {
                        S::dot(S::dot(acc[r][c], weights[0], x[r][0], unit), weights[1], x[r][1], unit)
                    };
                }
            }
            a = a.add(2 * R * 4);
            w = w.add(2 * C * S::LANES * S::GROUP);
        }
        acc
    }
}

/// `at` values after `p`, unless it is null.
#[inline(always)]
unsafe fn after(p: *const f32, at: usize) -> *const f32 {
    // SAFETY: a pointer that is not null is valid for all rows of its tile.
    if p.is_null() { p } else { unsafe { p.add(at) } }
}

/// Adds the bias and `add`, as far as there are any, and writes `width` of the columns.
#[inline(always)]
unsafe fn write<S: Simd, const C: usize>(
    mut values: [S::F; C],
    y: *mut f32,
    width: usize,
    add: *const f32,
    bias: *const f32,
) {
    // SAFETY: as in `f32`; a panel with padding goes through a buffer that is as wide as the widest panel.
    unsafe {
        if !bias.is_null() {
            for c in 0..C {
                values[c] = S::add(values[c], S::load(bias.add(c * S::LANES)));
            }
        }
        if width == C * S::LANES {
            for c in 0..C {
                let at = c * S::LANES;
                S::store(y.add(at), if add.is_null() { values[c] } else { S::add(S::load(add.add(at)), values[c]) });
            }
        } else {
            let mut buffer = [0f32; MAX_COLUMNS];
            for c in 0..C {
                S::store(buffer.as_mut_ptr().add(c * S::LANES), values[c]);
            }
            for (j, &value) in buffer.iter().enumerate().take(width) {
                *y.add(j) = if add.is_null() { value } else { *add.add(j) + value };
            }
        }
    }
}

/// Implements `Simd::tile_f32` or `Simd::tile_int8` for tiles of so many vectors and each number of rows, largest last.
macro_rules! tiles {
    (f32: $vectors:literal; $($rows:literal)*) => {
        #[inline(always)]
        unsafe fn tile_f32(rows: usize, tile: &TileF32) {
            // SAFETY: the caller's promises are those that the tile asks for.
            unsafe {
                match rows {
                    $($rows => $crate::tile::f32::<Self, $rows, $vectors>(tile),)*
                    _ => {}
                }
            }
        }
    };
    (int8: $vectors:literal; $($rows:literal)*) => {
        #[inline(always)]
        unsafe fn tile_int8(rows: usize, tile: &TileInt8) {
            // SAFETY: the caller's promises are those that the tile asks for.
            unsafe {
                match rows {
                    $($rows => $crate::tile::int8::<Self, $rows, $vectors>(tile),)*
                    _ => {}
                }
            }
        }
    };
}
pub(super) use tiles;
