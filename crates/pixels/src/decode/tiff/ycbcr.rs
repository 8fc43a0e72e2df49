//! YCbCr to RGB as libtiff does it, which Pillow leaves it to (`tif_color.c`, `tif_getimage.c`): the coefficients and the
//! levels of black and white are the file's, and one pair of color samples stands for a block of pixels.

use std::ops::Range;

use super::chunks::Chunk;
use super::directory::{Directory, broken, tag};
use crate::Result;

const SHIFT: u32 = 16;
const HALF: i32 = 1 << (SHIFT - 1);

/// Levels of black and white lie between these, so that none of the differences below is too large.
const LEVELS: Range<f32> = (-i32::MAX + 128) as f32..i32::MAX as f32;

/// What each sample adds to red, green and blue.
pub(super) struct Tables {
    luma: [i32; 256],
    red_cr: [i32; 256],
    green_cr: [i32; 256],
    green_cb: [i32; 256],
    blue_cb: [i32; 256],
}

/// `value` in 16.16 fixed point, between 0 and 2.
fn fixed(value: f32) -> i32 {
    // Written so that what is no number becomes 0.
    let value = if value >= 0.0 { value.min(2.0) } else { 0.0 };
    (f64::from(value) * f64::from(1 << SHIFT) + 0.5) as i32
}

/// A sample's distance from `black`, as a part of `range` where that of white is, times `full`.
fn level(sample: i32, black: f32, white: f32, full: f32) -> i32 {
    const MOST: f32 = 128.0 * 32.0;
    let range = if white == black { 1.0 } else { white - black };
    let level = (sample - black as i32) as f32 * full / range;
    // What is no number becomes 0.
    level.clamp(-MOST, MOST) as i32
}

impl Tables {
    /// Those for the coefficients and levels that `directory` has, or the usual ones.
    ///
    /// # Errors
    /// `Decode` for such as libtiff refuses.
    pub(super) fn of(directory: &Directory<'_>) -> Result<Self> {
        let [red, green, blue] = directory.reals(tag::YCBCR_COEFFICIENTS).unwrap_or([0.299, 0.587, 0.114]);
        let levels = directory.reals(tag::REFERENCE_BLACK_WHITE).unwrap_or([0.0, 255.0, 128.0, 255.0, 128.0, 255.0f32]);
        if red.is_nan() || green.is_nan() || blue.is_nan() || green == 0.0 {
            return Err(broken("its YCbCr coefficients make no sense"));
        }
        if levels.iter().any(|&level| !(level > LEVELS.start && level < LEVELS.end)) {
            return Err(broken("its levels of black and white make no sense"));
        }
        let (to_red, to_blue) = (2.0 - 2.0 * red, 2.0 - 2.0 * blue);
        let (d1, d2) = (fixed(to_red), -fixed(red * to_red / green));
        let (d3, d4) = (fixed(to_blue), -fixed(blue * to_blue / green));
        let mut tables =
            Self { luma: [0; 256], red_cr: [0; 256], green_cr: [0; 256], green_cb: [0; 256], blue_cb: [0; 256] };
        for (index, sample) in (0..256).enumerate() {
            let cr = level(sample - 128, levels[4] - 128.0, levels[5] - 128.0, 127.0);
            let cb = level(sample - 128, levels[2] - 128.0, levels[3] - 128.0, 127.0);
            tables.red_cr[index] = d1.wrapping_mul(cr).wrapping_add(HALF) >> SHIFT;
            tables.blue_cb[index] = d3.wrapping_mul(cb).wrapping_add(HALF) >> SHIFT;
            tables.green_cr[index] = d2.wrapping_mul(cr);
            tables.green_cb[index] = d4.wrapping_mul(cb).wrapping_add(HALF);
            tables.luma[index] = level(sample, levels[0], levels[1], 255.0);
        }
        Ok(tables)
    }

    #[inline]
    fn rgb(&self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let (y, cb, cr) = (self.luma[usize::from(y)], usize::from(cb), usize::from(cr));
        let green = self.green_cb[cb].wrapping_add(self.green_cr[cr]) >> SHIFT;
        [y + self.red_cr[cr], y + green, y + self.blue_cb[cb]].map(|value| value.clamp(0, 255) as u8)
    }
}

/// How many pixels share a pair of color samples, each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subsampling {
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
}

impl Subsampling {
    /// That of `directory`; 2 by 2 where it has none.
    ///
    /// # Errors
    /// `Decode` for one that there is none of.
    pub(super) fn of(directory: &Directory<'_>) -> Result<Self> {
        let values = directory.numbers(tag::YCBCR_SUBSAMPLING, 3);
        let [horizontal, vertical] = *values.as_slice() else { return Ok(Self { horizontal: 2, vertical: 2 }) };
        match (horizontal, vertical) {
            (1 | 2 | 4, 1 | 2 | 4) => Ok(Self { horizontal: horizontal as usize, vertical: vertical as usize }),
            _ => Err(broken(format_args!("YCbCr subsampling of {horizontal}x{vertical}"))),
        }
    }

    /// Does libtiff convert such pictures to RGB?
    pub(super) fn is_known(self) -> bool {
        !matches!((self.horizontal, self.vertical), (1 | 2, 4))
    }

    /// Bytes of a block: its samples of brightness, and two of color.
    fn block(self) -> usize {
        self.horizontal * self.vertical + 2
    }

    /// Bytes of `rows` rows of `width` pixels.
    pub(super) fn size(self, width: usize, rows: usize) -> usize {
        self.line(width).saturating_mul(rows.div_ceil(self.vertical))
    }

    /// Bytes of a line of blocks.
    pub(super) fn line(self, width: usize) -> usize {
        width.div_ceil(self.horizontal).saturating_mul(self.block())
    }
}

/// Writes what of a chunk lies in the picture to `data`, the whole picture's RGB, `width` pixels a row. The chunk's blocks
/// are those of rows of `stored` pixels.
pub(super) fn blocks_to_rgb(
    tables: &Tables,
    subsampling: Subsampling,
    (blocks, stored): (&[u8], usize),
    chunk: &Chunk,
    (data, width): (&mut [u8], usize),
) {
    let Subsampling { horizontal, vertical } = subsampling;
    let (block, line) = (subsampling.block(), subsampling.line(stored));
    for row in 0..chunk.rows {
        let Some(line) = blocks.get(row / vertical * line..) else { return };
        let start = ((chunk.y + row) * width + chunk.x) * 3;
        let to = &mut data[start..start + chunk.columns * 3];
        let first = row % vertical * horizontal;
        for (to, from) in to.chunks_mut(horizontal * 3).zip(line.chunks_exact(block)) {
            let (cb, cr) = (from[block - 2], from[block - 1]);
            for (pixel, &y) in to.as_chunks_mut::<3>().0.iter_mut().zip(&from[first..first + horizontal]) {
                *pixel = tables.rgb(y, cb, cr);
            }
        }
    }
}

/// Turns YCbCr pixels of `data` into RGB, in place.
pub(super) fn pixels_to_rgb(tables: &Tables, data: &mut [u8]) {
    for pixel in data.as_chunks_mut::<3>().0 {
        let [y, cb, cr] = *pixel;
        *pixel = tables.rgb(y, cb, cr);
    }
}
