//! Decoded pixels as a decoder gives them: what their rows are like, and all of them where they are held at once.
//!
//! A photograph of 48 megapixels is 144 MB of RGB. Where a decoder can, its rows go straight into the resize and are
//! never all there; gray is spread over three channels and alpha dropped or composited row by row on that way. Rows stay
//! as they are stored: turning a picture upright (EXIF) is the resize's affair.

pub(crate) use jpeg::{Area, Scale};

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
    pub(crate) fn flips_horizontally(self) -> bool {
        matches!(self, Self::FlipHorizontal | Self::Rotate180 | Self::Transverse | Self::Rotate270)
    }

    /// Do the stored rows?
    pub(crate) fn flips_vertically(self) -> bool {
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
    /// Of upright RGB.
    pub(crate) fn upright_rgb((width, height): (usize, usize)) -> Self {
        Self { width, height, layout: Layout::Rgb, orientation: Orientation::Upright }
    }

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

/// What rows are handed to.
pub(crate) type RowSink<'a> = dyn FnMut(Rows<'_>) -> Result<()> + 'a;

impl<'a> Rows<'a> {
    /// One after the other, each with what follows it up to the next.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        self.bytes.chunks(self.stride).take(self.count)
    }

    /// The same rows, up to `most` at a time.
    pub(crate) fn bands(self, most: usize) -> impl Iterator<Item = Self> {
        (0..self.count).step_by(most).map(move |first| {
            let bytes = &self.bytes[first * self.stride..];
            Self { bytes, count: most.min(self.count - first), ..self }
        })
    }
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
        Self::new(Header::upright_rgb((width, height)), data)
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// All rows' bytes, one row after the other.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// The rows of `area`, which must lie in the picture.
    pub(crate) fn rows(&self, area: &Area) -> Rows<'_> {
        let channels = self.header.layout.channels();
        let stride = self.header.width * channels;
        let start = area.rows.start * stride + area.columns.start * channels;
        Rows { bytes: self.data.get(start..).unwrap_or_default(), stride, count: area.rows.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_are_refused() {
        for (width, height, bytes) in [(2, 2, 11), (2, 2, 13), (0, 2, 0), (usize::MAX, 2, 6)] {
            let error = Pixels::upright_rgb(width, height, vec![0; bytes]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }
}
