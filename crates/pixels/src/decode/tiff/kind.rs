//! What a picture's samples are and mean: the kinds that Pillow opens (`TiffImagePlugin.OPEN_INFO`).

use super::directory::{ByteOrder, Directory, tag};
use crate::format::Format;
use crate::pixels::Layout;
use crate::{Error, ErrorKind, Result};

/// Pillow's limit on samples per pixel: nothing that it reads has more.
const MOST_SAMPLES: u64 = 6;

/// What the samples of a pixel are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Gray,
    GrayAlpha,
    /// Gray that was multiplied by its alpha.
    GrayPremultiplied,
    Rgb,
    Rgba,
    /// Colors that were multiplied by their alpha.
    Premultiplied,
    /// Color numbers.
    Palette,
    PaletteAlpha,
    Cmyk,
    YCbCr,
    Lab,
}

impl Meaning {
    /// Samples of a pixel that are of use.
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Gray | Self::Palette => 1,
            Self::GrayAlpha | Self::GrayPremultiplied | Self::PaletteAlpha => 2,
            Self::Rgb | Self::YCbCr | Self::Lab => 3,
            Self::Rgba | Self::Premultiplied | Self::Cmyk => 4,
        }
    }

    /// What becomes of them.
    pub(super) fn layout(self) -> Layout {
        match self {
            Self::Gray => Layout::Gray,
            Self::GrayAlpha | Self::GrayPremultiplied => Layout::GrayAlpha,
            Self::Rgb | Self::Palette | Self::Cmyk | Self::YCbCr | Self::Lab => Layout::Rgb,
            Self::Rgba | Self::Premultiplied | Self::PaletteAlpha => Layout::Rgba,
        }
    }
}

/// How a sample's bits are a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Unsigned,
    Signed,
    Float,
}

/// A picture's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) meaning: Meaning,
    /// Bits of a sample: 1, 2, 4, 8, 12, 16 or 32.
    pub(super) bits: u32,
    pub(super) number: Number,
    /// Is 0 white?
    pub(super) inverted: bool,
    /// Samples of a pixel, used or not.
    pub(super) samples: usize,
    /// Does each channel have a plane of its own?
    pub(super) planar: bool,
    /// Are a byte's bits stored from the lowest to the highest?
    pub(super) reversed: bool,
}

impl Kind {
    /// The kind of the picture that `directory` describes.
    ///
    /// # Errors
    /// `UnsupportedFormat` for what Pillow does not open.
    pub(super) fn of(directory: &Directory<'_>, is_old_jpeg: bool) -> Result<Self> {
        let photometric = match directory.count(tag::PHOTOMETRIC) {
            _ if is_old_jpeg => 6,
            1 => directory.number(tag::PHOTOMETRIC).unwrap_or(0),
            // Pillow takes more than one, too, for none.
            _ => 0,
        };
        let most = MOST_SAMPLES as usize + 1;
        let mut formats = directory.numbers(tag::SAMPLE_FORMAT, most);
        formats.dedup();
        let format = match formats.as_slice() {
            [] | [1] => Number::Unsigned,
            [2] => Number::Signed,
            [3] => Number::Float,
            _ => return Err(unsupported(format_args!("samples of formats {formats:?}"))),
        };
        let mut bits = directory.numbers(tag::BITS_PER_SAMPLE, most);
        if bits.is_empty() {
            bits.push(if is_old_jpeg { 8 } else { 1 });
        }
        let mut extra = directory.numbers(tag::EXTRA_SAMPLES, most);
        let mut samples = directory.number(tag::SAMPLES_PER_PIXEL).unwrap_or(if is_old_jpeg { 3 } else { 1 });
        let planar = directory.is_planar();
        if planar && !extra.is_empty() && extra.iter().all(|&sample| sample == 0) {
            // Planes at the end that nobody knows the meaning of need not be read.
            bits.truncate(bits.len().saturating_sub(extra.len()));
            samples = samples.saturating_sub(extra.len() as u64);
            extra.clear();
        }
        if samples > MOST_SAMPLES {
            return Err(unsupported(format_args!("{samples} samples per pixel")));
        }
        let samples = samples as usize;
        match *bits.as_slice() {
            [one] => bits = vec![one; samples],
            _ => bits.truncate(samples),
        }
        let width = bits.first().copied().unwrap_or(0);
        if bits.len() != samples || bits.iter().any(|&other| other != width) {
            return Err(unsupported(format_args!("{samples} samples per pixel of {bits:?} bits")));
        }
        let reversed = directory.number(tag::FILL_ORDER) == Some(2);
        let little = directory.order == ByteOrder::Little;
        let meaning = meaning(photometric, format, width, samples, &extra, little).ok_or_else(|| {
            let what = "samples per pixel of";
            unsupported(format_args!("{samples} {what} {width} bits, {format:?}, photometric {photometric}, {extra:?}"))
        })?;
        let inverted = photometric == 0 && meaning == Meaning::Gray && width <= 8;
        Ok(Self { meaning, bits: width as u32, number: format, inverted, samples, planar, reversed })
    }

    /// Bits of a pixel as it is stored, in each plane if there are planes.
    pub(super) fn pixel_bits(&self) -> u64 {
        u64::from(self.bits) * if self.planar { 1 } else { self.samples as u64 }
    }
}

/// What is known by photometric interpretation, kind of number, bits, samples, and what the samples at the end are.
fn meaning(
    photometric: u64,
    number: Number,
    bits: u64,
    samples: usize,
    extra: &[u64],
    little: bool,
) -> Option<Meaning> {
    use Number::{Float, Signed, Unsigned};
    Some(match (photometric, number, bits, samples, extra) {
        (0 | 1, Unsigned, 1 | 2 | 4 | 8, 1, []) | (1, Signed, 8, 1, []) => Meaning::Gray,
        (1, Unsigned, 12 | 16 | 32, 1, []) | (1, Signed, 16 | 32, 1, []) | (0 | 1, Float, 32, 1, []) => Meaning::Gray,
        (0, Unsigned, 16, 1, []) if little => Meaning::Gray,
        (1, Unsigned, 8, 2, [0]) => Meaning::Gray,
        (1, Unsigned, 8, 2, [1]) => Meaning::GrayPremultiplied,
        (1, Unsigned, 8, 2, [2]) => Meaning::GrayAlpha,
        (2, Unsigned, 8 | 16, 3, []) | (2, Unsigned, 8 | 16, 4, [0]) => Meaning::Rgb,
        (2, Unsigned, 8, 5, [0, 0]) | (2, Unsigned, 8, 6, [0, 0, 0]) => Meaning::Rgb,
        // Corel Draw 10 calls its alpha 999.
        (2, Unsigned, 8 | 16, 4, [] | [2]) | (2, Unsigned, 8, 4, [999]) => Meaning::Rgba,
        (2, Unsigned, 8, 5, [2, 0]) | (2, Unsigned, 8, 6, [2, 0, 0]) => Meaning::Rgba,
        (2, Unsigned, 8 | 16, 4, [1]) => Meaning::Premultiplied,
        (2, Unsigned, 8, 5, [1, 0]) | (2, Unsigned, 8, 6, [1, 0, 0]) => Meaning::Premultiplied,
        (3, Unsigned, 1 | 2 | 4 | 8, 1, []) | (3, Unsigned, 8, 2, [0]) => Meaning::Palette,
        (3, Unsigned, 8, 2, [2]) => Meaning::PaletteAlpha,
        (5, Unsigned, 8 | 16, 4, []) | (5, Unsigned, 8, 5, [0]) | (5, Unsigned, 8, 6, [0, 0]) => Meaning::Cmyk,
        (6, Unsigned, 8, 1, []) => Meaning::Gray,
        (6, Unsigned, 8, 3, []) => Meaning::YCbCr,
        (8, Unsigned, 8, 3, []) => Meaning::Lab,
        _ => return None,
    })
}

/// The error of a kind that is not read.
pub(super) fn unsupported(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::UnsupportedFormat, format!("{} with {what}, which is not read", Format::Tiff.name()))
}
