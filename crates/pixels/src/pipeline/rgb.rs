//! Stored rows to RGB: gray is spread over three channels, transparency dropped or composited over a color.

use crate::Result;
use crate::memory;
use crate::pixels::{Layout, Rows};
use crate::plan::Pass;

/// Turns rows into RGB.
pub(super) struct ToRgb {
    layout: Layout,
    background: Option<[u8; 3]>,
    /// Pixels of a row.
    width: usize,
    buffer: Vec<u8>,
}

impl ToRgb {
    /// For the rows of `pass`.
    pub(super) fn new(pass: &Pass) -> Result<Self> {
        let width = pass.area.columns.len();
        let buffer = memory::zeroed(width, pass.rgb_rows(), 3)?;
        Ok(Self { layout: pass.header.layout, background: pass.background, width, buffer })
    }

    /// A band of rows as RGB: as it is, or in a buffer of its own.
    pub(super) fn band<'a>(&'a mut self, band: Rows<'a>) -> Rows<'a> {
        if self.layout == Layout::Rgb {
            return band;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        self.write(band, &mut buffer);
        self.buffer = buffer;
        Rows { bytes: &self.buffer, stride: self.width * 3, count: band.count }
    }

    /// A band of rows as RGB, tightly packed, in `out`.
    pub(super) fn write(&self, band: Rows<'_>, out: &mut [u8]) {
        for (to, from) in out.chunks_exact_mut(self.width * 3).zip(band.iter()) {
            row_to_rgb(self.layout, self.background, &from[..self.width * self.layout.channels()], to);
        }
    }
}

/// Turns a row of `layout` into RGB: gray is spread over three channels, alpha is dropped or composited over
/// `background`. `rgb` is of the row's length in pixels.
fn row_to_rgb(layout: Layout, background: Option<[u8; 3]>, row: &[u8], rgb: &mut [u8]) {
    match (layout, background) {
        (Layout::Rgb, _) => rgb.copy_from_slice(row),
        (Layout::Gray, _) => convert::<1>(row, rgb, |[l]| [l, l, l]),
        (Layout::GrayAlpha, None) => convert::<2>(row, rgb, |[l, _]| [l, l, l]),
        (Layout::Rgba, None) => convert::<4>(row, rgb, |[r, g, b, _]| [r, g, b]),
        (Layout::GrayAlpha, Some(over)) => convert::<2>(row, rgb, |[l, a]| composite([l, l, l], a, over)),
        (Layout::Rgba, Some(over)) => convert::<4>(row, rgb, |[r, g, b, a]| composite([r, g, b], a, over)),
    }
}

fn convert<const CHANNELS: usize>(row: &[u8], rgb: &mut [u8], pixel: impl Fn([u8; CHANNELS]) -> [u8; 3]) {
    for (to, from) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(row.as_chunks::<CHANNELS>().0) {
        *to = pixel(*from);
    }
}

/// `rgb` of opacity `alpha` over an opaque `background`, rounded as Pillow's `alpha_composite` rounds
/// (<https://github.com/python-pillow/Pillow/blob/main/src/libImaging/AlphaComposite.c>).
fn composite(rgb: [u8; 3], alpha: u8, background: [u8; 3]) -> [u8; 3] {
    const PRECISION_BITS: u32 = 7;
    if alpha == 0 {
        return background;
    }
    let over = u32::from(alpha) << PRECISION_BITS;
    let under = (255 << PRECISION_BITS) - over;
    let mix = |front: u8, back: u8| {
        let sum = u32::from(front) * over + u32::from(back) * under + (0x80 << PRECISION_BITS);
        ((((sum >> 8) + sum) >> 8) >> PRECISION_BITS) as u8
    };
    [mix(rgb[0], background[0]), mix(rgb[1], background[1]), mix(rgb[2], background[2])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compositing_rounds_as_pillow_does() {
        // Image.alpha_composite over (255, 255, 255, 255) and over (10, 20, 30, 255).
        let cases = [
            ([0, 0, 0], 128, [255; 3], [127, 127, 127]),
            ([200, 100, 50], 1, [255; 3], [255, 254, 254]),
            ([200, 100, 50], 254, [255; 3], [200, 101, 51]),
            ([200, 100, 50], 255, [10, 20, 30], [200, 100, 50]),
            ([200, 100, 50], 0, [10, 20, 30], [10, 20, 30]),
            ([200, 100, 50], 77, [10, 20, 30], [67, 44, 36]),
        ];
        for (rgb, alpha, background, expected) in cases {
            assert_eq!(composite(rgb, alpha, background), expected, "{rgb:?} {alpha} over {background:?}");
        }
    }
}
