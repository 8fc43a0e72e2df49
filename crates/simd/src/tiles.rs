//! How many sums fit the registers, and how a loop over a tile of them gets that number as a constant.

use crate::DotProduct;

/// An instruction set that is generic over the width: [`Floats`](crate::Floats), [`DotProduct`], and the tiles of a matrix
/// product.
///
/// A matrix product keeps a tile of sums in registers while the depth runs by. More rows and vectors mean more multiplications
/// for each load and more sums that don't wait for each other, until the sums, the activations and the weights no longer
/// fit. In a browser on x86 there are 15 registers (the engine keeps one for itself), and a spilled sum costs more than all
/// else: 3 × 3 in f32 with a fused multiply-add (9 + 3 + 1), 2 × 4 where a product takes a register on its way, as in
/// int8 and without relaxed SIMD. One more runs at half the speed.
pub trait Simd: DotProduct {
    /// Rows and vectors of the f32 tile: what fits in the registers without spilling.
    const TILE_F32: (usize, usize);
    /// Rows and vectors of the int8 tile.
    const TILE_INT8: (usize, usize);

    /// Runs `tile` for `rows` rows, 1 to `TILE_F32.0` of them, and `TILE_F32.1` vectors. For another number nothing is done.
    fn tile_f32<T: Tile>(self, rows: usize, tile: T);
    /// Runs `tile` for as many rows and one vector.
    fn column_f32<T: Tile>(self, rows: usize, tile: T);
    /// The same as `tile_f32` with [`TILE_INT8`](Self::TILE_INT8).
    fn tile_int8<T: Tile>(self, rows: usize, tile: T);
}

/// A loop over a tile, for any number of rows and vectors. An associated constant can't be the length of an array, so that an
/// instruction set calls the loop with the numbers written out.
pub trait Tile {
    /// For `ROWS` rows and `VECTORS` vectors.
    fn run<S: Simd, const ROWS: usize, const VECTORS: usize>(self, simd: S);
}

/// A tile of so many vectors and each number of rows, largest last; and one of a single vector, if that has a name.
macro_rules! tiles {
    ($size:ident, $run:ident, $column:ident: $vectors:literal; $($rows:literal)*) => {
        $crate::tiles::tiles!($size, $run: $vectors; $($rows)*);
        $crate::tiles::tiles!(@ $column 1 $($rows)*);
    };
    ($size:ident, $run:ident: $vectors:literal; $($rows:literal)*) => {
        const $size: (usize, usize) = ([$($rows),*].len(), $vectors);
        $crate::tiles::tiles!(@ $run $vectors $($rows)*);
    };
    (@ $run:ident $vectors:literal $($rows:literal)*) => {
        #[inline(always)]
        fn $run<T: $crate::Tile>(self, rows: usize, tile: T) {
            match rows {
                $($rows => tile.run::<Self, $rows, $vectors>(self),)*
                _ => {}
            }
        }
    };
}
pub(crate) use tiles;
