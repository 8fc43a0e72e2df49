//! The macroblock at work, with the samples around it that predictions are made of.
//!
//! Layout: rows 32 apart. First comes brightness, under a row of what lies above it, which goes on four samples to the
//! right; then both colors, side by side, under a row of their own. Each has a column to its left.

use simd::Bytes;

pub(super) const STRIDE: usize = 32;
/// Where brightness begins, and the colors.
pub(super) const Y: usize = STRIDE + 8;
pub(super) const U: usize = Y + 17 * STRIDE;
pub(super) const V: usize = U + 16;

/// Samples beyond the edges of the picture.
const ABOVE: u8 = 127;
const LEFT: u8 = 129;

/// Rows of brightness and colors, and what a vector reads beyond.
const SIZE: usize = STRIDE * (1 + 16 + 1 + 8) + 16;

pub(super) struct Work(pub(super) [u8; SIZE]);

impl Work {
    pub(super) fn new() -> Self {
        Self([ABOVE; SIZE])
    }

    /// Prepares for the first macroblock of a row.
    pub(super) fn begin_row(&mut self, is_first: bool) {
        let mut left = |start: usize, rows: usize| {
            (0..rows).for_each(|row| self.0[start + row * STRIDE - 1] = LEFT);
            self.0[start - STRIDE - 1] = if is_first { ABOVE } else { LEFT };
        };
        left(Y, 16);
        left(U, 8);
        left(V, 8);
    }

    /// Makes the last macroblock's right edge the left one of the next.
    #[inline(always)]
    pub(super) fn move_right(&mut self) {
        // The corner is that of the row above, before the next macroblock's comes there.
        for row in 0..17 {
            self.0[Y - STRIDE - 1 + row * STRIDE] = self.0[Y - STRIDE + 15 + row * STRIDE];
        }
        for row in 0..9 {
            self.0[U - STRIDE - 1 + row * STRIDE] = self.0[U - STRIDE + 7 + row * STRIDE];
            self.0[V - STRIDE - 1 + row * STRIDE] = self.0[V - STRIDE + 7 + row * STRIDE];
        }
    }

    #[inline(always)]
    pub(super) fn at<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.0[at..at + N]);
        bytes
    }

    #[inline(always)]
    pub(super) fn set<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.0[at..at + N].copy_from_slice(&bytes);
    }

    /// Eight samples as 16 bits.
    #[inline(always)]
    pub(super) fn load_wide<B: Bytes>(&self, bytes: B, at: usize) -> B::V {
        // SAFETY: the slice is eight bytes long.
        unsafe { bytes.load_wide(self.0[at..at + 8].as_ptr()) }
    }

    #[inline(always)]
    pub(super) fn load<B: Bytes>(&self, bytes: B, at: usize) -> B::V {
        // SAFETY: the slice is sixteen bytes long.
        unsafe { bytes.load(self.0[at..at + 16].as_ptr()) }
    }

    #[inline(always)]
    pub(super) fn store<B: Bytes>(&mut self, bytes: B, at: usize, x: B::V) {
        // SAFETY: the slice is sixteen bytes long.
        unsafe { bytes.store(self.0[at..at + 16].as_mut_ptr(), x) }
    }

    /// Eight samples each of two rows.
    #[inline(always)]
    pub(super) fn store_halves<B: Bytes>(&mut self, bytes: B, at: usize, x: B::V) {
        let rows = &mut self.0[at..at + STRIDE + 8];
        // SAFETY: the slice reaches to the second row's eighth byte.
        unsafe { bytes.store_halves(rows.as_mut_ptr(), rows.as_mut_ptr().add(STRIDE), x) }
    }

    /// Four samples each of four rows.
    #[inline(always)]
    pub(super) fn store_quarters<B: Bytes>(&mut self, bytes: B, at: usize, x: B::V) {
        let rows = &mut self.0[at..at + 3 * STRIDE + 4];
        // SAFETY: the slice reaches to the fourth row's fourth byte.
        unsafe { bytes.store_quarters(rows.as_mut_ptr(), STRIDE, x) }
    }
}
