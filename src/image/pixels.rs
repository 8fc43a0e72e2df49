//! Decoded pixels as the decoder left them, read as upright RGB.
//!
//! A photograph of 48 megapixels is 144 MB of RGB: it is held once. Turning it upright (EXIF), dropping or
//! compositing alpha and spreading gray over three channels happen row by row, while the rows are read; no second
//! copy of the whole picture is made.

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
    fn swaps(self) -> bool {
        matches!(self, Self::Transpose | Self::Rotate90 | Self::Transverse | Self::Rotate270)
    }
}

/// A decoded picture: tightly packed stored rows, and how they are to be read.
#[derive(Clone, Debug)]
pub(crate) struct Pixels {
    data: Vec<u8>,
    stored_width: usize,
    stored_height: usize,
    layout: Layout,
    orientation: Orientation,
}

/// A walk over stored pixels in upright order: pixel `(x, y)` is number `first + x·across + y·down`.
struct Walk {
    first: isize,
    across: isize,
    down: isize,
}

impl Pixels {
    /// `data` must hold exactly `width·height` pixels of `layout`.
    pub(crate) fn new(
        width: usize,
        height: usize,
        layout: Layout,
        orientation: Orientation,
        data: Vec<u8>,
    ) -> Result<Self> {
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
        Ok(Self { data, stored_width: width, stored_height: height, layout, orientation })
    }

    /// Upright width.
    pub(crate) fn width(&self) -> usize {
        if self.orientation.swaps() { self.stored_height } else { self.stored_width }
    }

    /// Upright height.
    pub(crate) fn height(&self) -> usize {
        if self.orientation.swaps() { self.stored_width } else { self.stored_height }
    }

    /// All pixels, if they are upright RGB already and can be read where they lie.
    pub(crate) fn as_rgb(&self) -> Option<&[u8]> {
        (self.layout == Layout::Rgb && self.orientation == Orientation::Upright).then_some(&self.data)
    }

    /// Replaces every red, green and blue value by what its table says; of RGB and RGBA pixels only.
    pub(crate) fn map_rgb(&mut self, tables: [[u8; 256]; 3]) {
        if matches!(self.layout, Layout::Rgb | Layout::Rgba) {
            for pixel in self.data.chunks_exact_mut(self.layout.channels()) {
                for (value, table) in pixel.iter_mut().zip(&tables) {
                    *value = table[usize::from(*value)];
                }
            }
        }
    }

    fn walk(&self) -> Walk {
        let (w, h) = (self.stored_width as isize, self.stored_height as isize);
        let (first, across, down) = match self.orientation {
            Orientation::Upright => (0, 1, w),
            Orientation::FlipHorizontal => (w - 1, -1, w),
            Orientation::Rotate180 => (w * h - 1, -1, -w),
            Orientation::FlipVertical => (w * (h - 1), 1, -w),
            Orientation::Transpose => (0, w, 1),
            Orientation::Rotate90 => (w * (h - 1), -w, 1),
            Orientation::Transverse => (w * h - 1, -w, -1),
            Orientation::Rotate270 => (w - 1, w, -1),
        };
        Walk { first, across, down }
    }

    /// Writes the upright rectangle of `width`×`height` pixels at `(left, top)` as RGB rows into `out`, which must
    /// be of exactly that size. Alpha is dropped, or composited over `background`.
    ///
    /// The rectangle must lie inside the picture.
    pub(crate) fn read_rgb(
        &self,
        (left, top): (usize, usize),
        (width, height): (usize, usize),
        background: Option<[u8; 3]>,
        out: &mut [u8],
    ) {
        debug_assert!(left + width <= self.width() && top + height <= self.height());
        debug_assert_eq!(out.len(), width * height * 3);
        match (self.layout, background) {
            (Layout::Gray, _) => self.read_as::<1>((left, top), (width, height), out, |[l]| [l, l, l]),
            (Layout::Rgb, _) => self.read_as::<3>((left, top), (width, height), out, |rgb| rgb),
            (Layout::GrayAlpha, None) => self.read_as::<2>((left, top), (width, height), out, |[l, _]| [l, l, l]),
            (Layout::Rgba, None) => self.read_as::<4>((left, top), (width, height), out, |[r, g, b, _]| [r, g, b]),
            (Layout::GrayAlpha, Some(over)) => {
                self.read_as::<2>((left, top), (width, height), out, |[l, a]| composite([l, l, l], a, over));
            }
            (Layout::Rgba, Some(over)) => {
                self.read_as::<4>((left, top), (width, height), out, |[r, g, b, a]| composite([r, g, b], a, over));
            }
        }
    }

    fn read_as<const CHANNELS: usize>(
        &self,
        (left, top): (usize, usize),
        (width, height): (usize, usize),
        out: &mut [u8],
        rgb: impl Fn([u8; CHANNELS]) -> [u8; 3],
    ) {
        let (stored, _) = self.data.as_chunks::<CHANNELS>();
        let (out, _) = out.as_chunks_mut::<3>();
        let walk = self.walk();
        let first = walk.first + left as isize * walk.across + top as isize * walk.down;
        if walk.across == 1 {
            for (y, row) in out.chunks_exact_mut(width).enumerate() {
                let start = (first + y as isize * walk.down) as usize;
                for (to, from) in row.iter_mut().zip(&stored[start..start + width]) {
                    *to = rgb(*from);
                }
            }
        } else if walk.across == -1 {
            for (y, row) in out.chunks_exact_mut(width).enumerate() {
                let end = (first + y as isize * walk.down) as usize + 1;
                for (to, from) in row.iter_mut().zip(stored[end - width..end].iter().rev()) {
                    *to = rgb(*from);
                }
            }
        } else {
            // Upright columns are stored rows: walk along the stored rows, the only order that the caches like.
            for x in 0..width {
                let start = first + x as isize * walk.across;
                for y in 0..height {
                    out[y * width + x] = rgb(stored[(start + y as isize * walk.down) as usize]);
                }
            }
        }
    }

    /// The upright rectangle at `(left, top)` as RGB pixels of its own, surrounded by zeros: `before` pixels to the
    /// left and above, as many as needed to the right and below to make `outer`.
    pub(crate) fn to_rgb(
        &self,
        at: (usize, usize),
        size: (usize, usize),
        background: Option<[u8; 3]>,
        before: (usize, usize),
        outer: (usize, usize),
    ) -> Result<Self> {
        let mut data = memory::zeroed(outer.0, outer.1, 3)?;
        if size == outer {
            self.read_rgb(at, size, background, &mut data);
        } else if size.0 > 0 {
            for y in 0..size.1 {
                let start = ((before.1 + y) * outer.0 + before.0) * 3;
                self.read_rgb((at.0, at.1 + y), (size.0, 1), background, &mut data[start..start + size.0 * 3]);
            }
        }
        Self::new(outer.0, outer.1, Layout::Rgb, Orientation::Upright, data)
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

    fn upright(orientation: u32, channels: Layout) -> Vec<u8> {
        // Stored: 3 wide, 2 high, gray values 1..=6.
        let data = (1..=6u8).flat_map(|v| std::iter::repeat_n(v, channels.channels())).collect();
        let pixels = Pixels::new(3, 2, channels, Orientation::from_exif(orientation), data).unwrap();
        let size = (pixels.width(), pixels.height());
        let mut out = vec![0; 18];
        pixels.read_rgb((0, 0), size, None, &mut out);
        let (rgb, _) = out.as_chunks::<3>();
        assert!(rgb.iter().all(|[r, g, b]| r == g && g == b));
        let mut gray: Vec<u8> = rgb.iter().map(|p| p[0]).collect();
        gray.insert(0, size.0 as u8);
        gray
    }

    #[test]
    fn every_orientation_turns_as_pillow_does() {
        // What Image.transpose gives for [[1, 2, 3], [4, 5, 6]], after the width.
        let cases: [(u32, [u8; 7]); 10] = [
            (0, [3, 1, 2, 3, 4, 5, 6]),
            (1, [3, 1, 2, 3, 4, 5, 6]),
            (2, [3, 3, 2, 1, 6, 5, 4]),
            (3, [3, 6, 5, 4, 3, 2, 1]),
            (4, [3, 4, 5, 6, 1, 2, 3]),
            (5, [2, 1, 4, 2, 5, 3, 6]),
            (6, [2, 4, 1, 5, 2, 6, 3]),
            (7, [2, 6, 3, 5, 2, 4, 1]),
            (8, [2, 3, 6, 2, 5, 1, 4]),
            (9, [3, 1, 2, 3, 4, 5, 6]),
        ];
        for layout in [Layout::Gray, Layout::GrayAlpha, Layout::Rgb, Layout::Rgba] {
            for (orientation, expected) in cases {
                assert_eq!(upright(orientation, layout), expected, "orientation {orientation}, {layout:?}");
            }
        }
    }

    #[test]
    fn part_of_a_turned_picture() {
        let pixels = Pixels::new(3, 2, Layout::Gray, Orientation::Rotate90, (1..=6).collect()).unwrap();
        let mut out = vec![0; 6];
        pixels.read_rgb((1, 1), (1, 2), None, &mut out);
        assert_eq!(out, [2, 2, 2, 3, 3, 3]);
    }

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
            let error = Pixels::new(width, height, Layout::Rgb, Orientation::Upright, vec![0; bytes]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}
