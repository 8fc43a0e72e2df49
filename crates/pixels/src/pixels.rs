//! Decoded pixels as a decoder gives them: what their rows are like, and all of them where they are held at once.
//!
//! A photograph of 48 megapixels is 144 MB of RGB. Where a decoder can, its rows go straight into the resize and are
//! never all there; gray is spread over three channels and alpha dropped or composited row by row on that way. Rows stay
//! as they are stored: turning a picture upright (EXIF) is the resize's affair.

pub(crate) use jpeg::Area;

use super::memory;
use crate::{Error, ErrorKind, Result};

/// The channels of a pixel, 8 bits each, interleaved (`hwc`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    /// Bytes per pixel.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// How stored rows have to be turned to stand upright; the numbers are EXIF's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Orientation {
    #[default]
    Upright = 1,
    FlipHorizontal = 2,
    Rotate180 = 3,
    FlipVertical = 4,
    Transpose = 5,
    Rotate90 = 6,
    Transverse = 7,
    Rotate270 = 8,
}

impl Orientation {
    /// EXIF's 1..=8; every other number means upright, as in Pillow.
    pub(crate) fn from_exif(value: u32) -> Self {
        match value {
            2 => Self::FlipHorizontal,
            3 => Self::Rotate180,
            4 => Self::FlipVertical,
            5 => Self::Transpose,
            6 => Self::Rotate90,
            7 => Self::Transverse,
            8 => Self::Rotate270,
            _ => Self::Upright,
        }
    }

    /// Do width and height change places?
    pub(crate) fn swaps(self) -> bool {
        matches!(self, Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270)
    }

    /// Do a stored row's pixels lie in the order opposite to the upright picture's?
    pub(crate) fn flips_across(self) -> bool {
        matches!(self, Self::FlipHorizontal | Self::Rotate180 | Self::Transverse | Self::Rotate270)
    }

    /// Do the stored rows?
    pub(crate) fn flips_down(self) -> bool {
        matches!(self, Self::Rotate180 | Self::FlipVertical | Self::Rotate90 | Self::Transverse)
    }
}

/// What a picture's rows are like, known before any of them is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Pixels in a stored row.
    pub(crate) width: usize,
    /// Stored rows.
    pub(crate) height: usize,
    pub(crate) layout: Layout,
    pub(crate) orientation: Orientation,
}

impl Header {
    /// Upright width and height.
    pub(crate) fn upright_size(&self) -> (usize, usize) {
        if self.orientation.swaps() { (self.height, self.width) } else { (self.width, self.height) }
    }

    /// All of it, as it is stored.
    pub(crate) fn whole(&self) -> Area {
        Area { columns: 0..self.width, rows: 0..self.height }
    }

    /// Can the rows be taken for upright RGB as they are?
    pub(crate) fn is_upright_rgb(&self) -> bool {
        self.layout == Layout::Rgb && self.orientation == Orientation::Upright
    }
}

/// Stored rows on their way from a decoder: any number of them, each of as many pixels as the area that was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// From the first row's first pixel to the last row's last one, or beyond.
    pub(crate) bytes: &'a [u8],
    /// Bytes from one row's beginning to the next one's.
    pub(crate) stride: usize,
    pub(crate) count: usize,
}

/// A decoded picture: tightly packed stored rows.
#[derive(Clone, Debug)]
pub(crate) struct Pixels {
    header: Header,
    data: Vec<u8>,
}

impl Pixels {
    /// `data` must hold exactly the pixels that `header` promises.
    pub(crate) fn new(header: Header, data: Vec<u8>) -> Result<Self> {
        let Header { width, height, layout, .. } = header;
        let expected = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(layout.channels()));
        if width == 0 || height == 0 {
            return Err(Error::new(ErrorKind::InvalidArgument, format!("an image of {width}x{height} has no pixels")));
        }
        if expected != Some(data.len()) {
            let context = format!(
                "{width}x{height} pixels of {} bytes need {} bytes, not {}",
                layout.channels(),
                (width as u128) * (height as u128) * (layout.channels() as u128),
                data.len()
            );
            return Err(Error::new(ErrorKind::InvalidArgument, context));
        }
        Ok(Self { header, data })
    }

    /// Upright RGB of `width`x`height` pixels.
    pub(crate) fn upright_rgb(width: usize, height: usize, data: Vec<u8>) -> Result<Self> {
        Self::new(Header { width, height, layout: Layout::Rgb, orientation: Orientation::Upright }, data)
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// The rows of `area`, which must lie in the picture.
    pub(crate) fn rows(&self, area: &Area) -> Rows<'_> {
        let channels = self.header.layout.channels();
        let stride = self.header.width * channels;
        let start = area.rows.start * stride + area.columns.start * channels;
        Rows { bytes: self.data.get(start..).unwrap_or_default(), stride, count: area.rows.len() }
    }

    /// Of gray pixels that are colour numbers, the colours.
    ///
    /// # Errors
    /// `UnsupportedFormat` for pixels that are none, `OutOfMemory`.
    pub(crate) fn colored(self, colors: &[[u8; 3]; 256]) -> Result<Self> {
        let Header { width, height, layout, .. } = self.header;
        if layout != Layout::Gray {
            return Err(Error::new(ErrorKind::UnsupportedFormat, "colour numbers beside other channels are not read"));
        }
        let mut data = memory::reserved(width, height, 3)?;
        data.extend(self.data.iter().flat_map(|&number| colors[usize::from(number)]));
        Self::new(Header { layout: Layout::Rgb, ..self.header }, data)
    }

    /// Replaces every red, green and blue value by what its table says; of RGB and RGBA pixels only.
    pub(crate) fn map_rgb(&mut self, tables: [[u8; 256]; 3]) {
        if matches!(self.header.layout, Layout::Rgb | Layout::Rgba) {
            for pixel in self.data.chunks_exact_mut(self.header.layout.channels()) {
                for (value, table) in pixel.iter_mut().zip(&tables) {
                    *value = table[usize::from(*value)];
                }
            }
        }
    }
}

/// Turns a row of `layout` into RGB: gray is spread over three channels, alpha is dropped or composited over
/// `background`. `rgb` is of the row's length in pixels.
pub(crate) fn row_to_rgb(layout: Layout, background: Option<[u8; 3]>, row: &[u8], rgb: &mut [u8]) {
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

    #[test]
    fn wrong_lengths_are_refused() {
        for (width, height, bytes) in [(2, 2, 11), (2, 2, 13), (0, 2, 0), (usize::MAX, 2, 6)] {
            let error = Pixels::upright_rgb(width, height, vec![0; bytes]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}
