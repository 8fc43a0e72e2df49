//! Samples of a row of macroblocks, and of the rows before it what is still needed.
//!
//! The edge above a macroblock can only be smoothed when the macroblock is there, which changes up to three rows above
//! it and looks at a fourth; of the colors that is as much as six and eight rows of pixels. So finished rows lag eight
//! behind. These, and one row of colors more, since pixels are made of two, are moved to the top of the planes when the
//! next row of macroblocks begins.
//!
//! Layout: rows of whole macroblocks, above them the rows kept.

use crate::vp8::filter::{Brightness, Samples};
use crate::{Result, memory};

/// Rows that lag behind.
pub(super) const LAG: usize = 8;
/// Rows of the colors that are kept.
const COLOR_LAG: usize = LAG / 2 + 1;

pub(super) struct Planes {
    /// Macroblocks in a row.
    wide: usize,
    y: Vec<u8>,
    colors: [Vec<u8>; 2],
}

impl Planes {
    pub(super) fn new(wide: usize) -> Result<Self> {
        let color = || memory::filled(wide * 8 * (COLOR_LAG + 8), 0);
        Ok(Self { wide, y: memory::filled(wide * 16 * (LAG + 16), 0)?, colors: [color()?, color()?] })
    }

    /// How many bytes they take.
    pub(super) fn size(wide: usize) -> usize {
        wide * 16 * (LAG + 16 + COLOR_LAG + 8)
    }

    /// Goes on to the next row of macroblocks.
    pub(super) fn advance(&mut self) {
        let row = self.wide * 16;
        self.y.copy_within(16 * row.., 0);
        let row = self.wide * 8;
        self.colors.iter_mut().for_each(|color| color.copy_within(8 * row.., 0));
    }

    /// Row `y` of brightness; 0 is the macroblocks' first one, and there are some before it.
    pub(super) fn row(&self, y: isize) -> &[u8] {
        let stride = self.wide * 16;
        let start = y.saturating_add(LAG as isize) as usize * stride;
        &self.y[start..start + stride]
    }

    /// The same of the colors.
    pub(super) fn color_rows(&self, y: isize) -> [&[u8]; 2] {
        let stride = self.wide * 8;
        let start = y.saturating_add(COLOR_LAG as isize) as usize * stride;
        [&self.colors[0][start..start + stride], &self.colors[1][start..start + stride]]
    }

    /// Puts macroblock `x` in its place; rows are `stride` apart in all three.
    #[inline(always)]
    pub(super) fn put(&mut self, x: usize, y: &[u8], u: &[u8], v: &[u8], stride: usize) {
        copy::<16>(y, stride, &mut self.y[LAG * self.wide * 16 + x * 16..], self.wide * 16);
        for (color, from) in self.colors.iter_mut().zip([u, v]) {
            copy::<8>(from, stride, &mut color[COLOR_LAG * self.wide * 8 + x * 8..], self.wide * 8);
        }
    }

    /// The samples of macroblock `x`, to be smoothed.
    #[inline(always)]
    pub(super) fn brightness(&mut self, x: usize) -> Brightness<'_> {
        let stride = self.wide * 16;
        Brightness { plane: &mut self.y, stride, at: LAG * stride + x * 16 }
    }

    /// The same of both colors.
    #[inline(always)]
    pub(super) fn colors(&mut self, x: usize) -> Samples<'_> {
        let stride = self.wide * 8;
        let [u, v] = &mut self.colors;
        Samples::colors([u, v], stride, COLOR_LAG * stride + x * 8)
    }
}

/// `SIZE` rows of so many samples.
#[inline(always)]
fn copy<const SIZE: usize>(from: &[u8], from_stride: usize, to: &mut [u8], to_stride: usize) {
    for (from, to) in from.chunks(from_stride).zip(to.chunks_mut(to_stride)).take(SIZE) {
        to[..SIZE].copy_from_slice(&from[..SIZE]);
    }
}
