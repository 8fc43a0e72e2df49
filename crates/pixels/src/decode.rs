//! Encoded bytes to rows of 8-bit pixels, within limits.
//!
//! [`Picture::open`] reads the header, [`AtScale::read`] the rows that are asked for, and hands them on as they come: of
//! a JPEG, a lossy WebP, or a PNG that is not interlaced, the picture is never held as a whole. The other formats' decoders
//! know no rows; they are decoded when they are opened.
//!
//! This module's siblings, one a format, read the formats, JPEG and WebP through crates of their own, and see to it that the
//! pixels equal those of Pillow's `convert("RGB")`: the first frame of an animation, 16-bit samples cut to their high
//! byte (gray ones clipped at 255), CMYK turned into RGB its way, the orientation from the metadata. Sizes are
//! checked against the header before memory is taken.

#[cfg(feature = "avif")]
mod avif;
mod bmp;
mod gif;
#[cfg(feature = "heif")]
mod heif;
mod ico;
#[cfg(feature = "avif")]
mod isobmff;
mod jpeg;
#[cfg(feature = "jxl")]
mod jxl;
mod png;
mod tiff;
mod webp;

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::format::Format;
use super::limits::Limits;
use super::memory;
use super::pipeline::RowSource;
use super::pixels::{Area, Header, Pixels, RowSink, Scale};
use super::plan::Describe;
use super::source;
use crate::{Error, ErrorKind, Result};

/// A picture whose header has been read.
pub(crate) enum Picture<'a> {
    Jpeg(jpeg::Jpeg<'a>),
    Png(Box<png::Png<'a>>),
    WebP(webp::WebP<'a>),
    Pixels(Arc<Pixels>),
}

impl<'a> Picture<'a> {
    /// Opens `bytes`, which may be of any format that is read here.
    ///
    /// # Errors
    /// `UnsupportedFormat` for what is no picture or of a format that is not read, `Decode` for what is broken,
    /// `TooLarge` over a limit.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        source::check_bytes(bytes.len() as u64, limits)?;
        let format = Format::of(bytes);
        let decode = match format {
            Format::Jpeg => return guarded(format, || jpeg::Jpeg::open(bytes, limits).map(Self::Jpeg)),
            Format::Png => return guarded(format, || png::open(bytes, limits)),
            Format::Gif => gif::decode,
            Format::WebP => return guarded(format, || webp::WebP::open(bytes, limits).map(Self::WebP)),
            Format::Bmp => bmp::decode,
            Format::Tiff => tiff::decode,
            Format::Ico => ico::icon,
            Format::Cur => ico::cursor,
            #[cfg(feature = "avif")]
            Format::Avif => avif::decode,
            #[cfg(feature = "heif")]
            Format::Heic => heif::decode,
            #[cfg(feature = "jxl")]
            Format::JpegXl => jxl::decode,
            Format::Foreign(name) => return Err(foreign(name)),
            #[allow(unreachable_patterns, reason = "each is read with its feature")]
            Format::Avif => return Err(without("avif", format)),
            #[allow(unreachable_patterns, reason = "as above")]
            Format::Heic => return Err(without("heif", format)),
            #[allow(unreachable_patterns, reason = "as above")]
            Format::JpegXl => return Err(without("jxl", format)),
            Format::Unknown if bytes.is_empty() => {
                return Err(Error::new(ErrorKind::UnsupportedFormat, "no bytes at all"));
            }
            Format::Unknown => {
                // Without the bytes: they may be a file's that nobody is to see.
                let context = format!("no picture of a known format, of {} bytes", bytes.len());
                return Err(Error::new(ErrorKind::UnsupportedFormat, context));
            }
        };
        guarded(format, || decode(bytes, limits)).map(|pixels| Self::Pixels(Arc::new(pixels)))
    }

    /// Upright width and height.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.header(Scale::Full).upright_size()
    }

    /// The same, to be decoded at `scale`.
    pub(crate) fn at(self, scale: Scale) -> AtScale<'a> {
        AtScale { picture: self, scale }
    }

    /// All of its pixels, held.
    ///
    /// # Errors
    /// Those of reading, and `TooLarge` where the limits don't allow for that much memory.
    pub(crate) fn into_pixels(self, limits: &Limits) -> Result<Arc<Pixels>> {
        if let Self::Pixels(pixels) = self {
            return Ok(pixels);
        }
        let header = self.header(Scale::Full);
        let Header { width, height, layout, .. } = header;
        let length = (width as u64).saturating_mul(height as u64).saturating_mul(layout.channels() as u64);
        check_memory((width, height), length.saturating_add(self.memory(Scale::Full)), limits)?;
        let mut data = memory::reserved(width, height, layout.channels())?;
        self.at(Scale::Full).read(header.whole(), &mut |rows| {
            rows.iter().for_each(|row| data.extend_from_slice(&row[..width * layout.channels()]));
            Ok(())
        })?;
        Pixels::new(header, data).map(Arc::new)
    }
}

/// The error for a format that a feature would read.
#[allow(dead_code, reason = "with all features nothing is left out")]
fn without(feature: &str, format: Format) -> Error {
    let error = foreign(format.name());
    // A page has the browser, or a decoder of the application's.
    if cfg!(target_arch = "wasm32") {
        error
    } else {
        error.within(format_args!("built without the feature `{feature}`"))
    }
}

/// The error for a format that is known but not read.
fn foreign(name: &str) -> Error {
    let features =
        [(cfg!(feature = "avif"), ", AVIF"), (cfg!(feature = "heif"), ", HEIC"), (cfg!(feature = "jxl"), ", JPEG XL")];
    let more: String = features.iter().filter(|(on, _)| *on).map(|&(_, name)| name).collect();
    let context = format!("this is {name}; read are JPEG, PNG, WebP, GIF, BMP, TIFF, ICO, CUR{more}");
    Error::new(ErrorKind::UnsupportedFormat, context)
}

impl Describe for Picture<'_> {
    fn header(&self, scale: Scale) -> Header {
        match self {
            Self::Jpeg(jpeg) => jpeg.header(scale),
            Self::Png(png) => png.header(),
            Self::WebP(webp) => webp.header(),
            Self::Pixels(pixels) => pixels.header(),
        }
    }

    fn memory(&self, scale: Scale) -> u64 {
        match self {
            Self::Jpeg(jpeg) => jpeg.memory(scale),
            Self::Png(png) => png.memory(),
            Self::WebP(webp) => webp.memory(),
            Self::Pixels(_) => 0,
        }
    }

    fn scale_for(&self, width: usize, height: usize) -> Scale {
        match self {
            Self::Jpeg(jpeg) => jpeg.scale_for(width, height),
            Self::Png(_) | Self::WebP(_) | Self::Pixels(_) => Scale::Full,
        }
    }

    fn is_held(&self) -> bool {
        matches!(self, Self::Pixels(_))
    }
}

/// A picture and the scale at which it is decoded, which counts for a JPEG alone.
pub(crate) struct AtScale<'a> {
    picture: Picture<'a>,
    scale: Scale,
}

impl RowSource for AtScale<'_> {
    /// # Errors
    /// `Decode` for what is broken, `UnsupportedFormat` for what is not read, `TooLarge`, `OutOfMemory`, and those of
    /// `sink`.
    fn read(self, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
        match self.picture {
            Picture::Jpeg(jpeg) => guarded(Format::Jpeg, || jpeg.read(self.scale, area, sink)),
            Picture::Png(png) => guarded(Format::Png, || png.read(area, sink)),
            Picture::WebP(webp) => guarded(Format::WebP, || webp.read(area, sink)),
            Picture::Pixels(pixels) => pixels.read(area, sink),
        }
    }
}

/// Should a decoder panic over a broken file, that file is an error, and the program goes on. (Where panics abort, as in
/// wasm, this changes nothing: there the page tells it from the engine's crash.)
fn guarded<T>(format: Format, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Decode, format!("{} broken: its decoder panicked", format.name())))
    })
}

/// A buffer for `width`×`height` pixels of so many bytes, if that and what the decoder needs besides, `extra` bytes a
/// pixel, keeps to the limits.
fn pixel_buffer(width: u32, height: u32, bytes_per_pixel: u64, extra: u64, limits: &Limits) -> Result<Vec<u8>> {
    check_pixels(u64::from(width), u64::from(height), limits)?;
    let needed = (u64::from(width) * u64::from(height)).saturating_mul(bytes_per_pixel + extra);
    check_memory((width, height), needed, limits)?;
    memory::zeroed(width as usize, height as usize, bytes_per_pixel as usize)
}

/// An error where the `needed` bytes of memory for a picture of `size` pixels are over the limit.
fn check_memory(size: (impl Display, impl Display), needed: u64, limits: &Limits) -> Result<()> {
    if needed <= limits.max_alloc {
        return Ok(());
    }
    let context = format!("{}x{} pixels take {needed} bytes, over the limit of {}", size.0, size.1, limits.max_alloc);
    Err(Error::new(ErrorKind::TooLarge, context))
}

/// An error where `width`×`height` pixels are none or over the limit.
pub(crate) fn check_pixels(width: u64, height: u64, limits: &Limits) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::new(ErrorKind::Decode, format!("{width}x{height}: no pixels")));
    }
    match width.checked_mul(height) {
        Some(pixels) if pixels <= limits.max_pixels => Ok(()),
        _ => {
            let context = format!("{width}x{height} pixels are over the limit of {}", limits.max_pixels);
            Err(Error::new(ErrorKind::TooLarge, context))
        }
    }
}

/// Turns CMYK (0: no ink) into RGB, in place, by Pillow's formula (`cmyk2rgb`,
/// <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Convert.c>).
fn cmyk_to_rgb(data: &mut Vec<u8>) {
    let pixels = data.len() / 4;
    for pixel in 0..pixels {
        let light = 255 - data[4 * pixel + 3];
        for channel in 0..3 {
            data[3 * pixel + channel] = light - times(data[4 * pixel + channel], light);
        }
    }
    data.truncate(pixels * 3);
    data.shrink_to_fit();
}

/// `a·b/255`, rounded: Pillow's `MULDIV255`. Never more than either.
fn times(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
}
