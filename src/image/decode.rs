//! Encoded bytes to 8-bit pixels, within limits.
//!
//! The `image` crate reads the formats; this module decides what Pillow would make of them, so that the pixels equal
//! Python's: the first frame of an animation, 16-bit samples cut to their high byte (gray ones, as Pillow's
//! `convert("RGB")` has it, clipped at 255), the orientation from the metadata. Sizes are checked against the
//! header before memory is taken.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::tiff::TiffDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder, ImageError};

use super::exif::Metadata;
use super::format::Format;
use super::limits::Limits;
use super::memory;
use super::pixels::{Layout, Orientation, Pixels};
use super::source;
use crate::{Error, ErrorKind, Result};

/// Decodes `bytes`, which may be of any format that is read here.
///
/// # Errors
/// `UnsupportedFormat` for what is no picture or of a format that is not read, `Decode` for what is broken,
/// `TooLarge` over a limit.
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    source::check_bytes(bytes.len() as u64, limits)?;
    let format = Format::of(bytes);
    let reader = Cursor::new(bytes);
    let failed = |error| from_image(format, error);
    match format {
        Format::Jpeg => read(format, JpegDecoder::new(reader).map_err(failed)?, limits),
        Format::Png => {
            let allowed = image_limits(limits, limits.max_alloc);
            read(format, PngDecoder::with_limits(reader, allowed).map_err(failed)?, limits)
        }
        Format::Gif => read(format, GifDecoder::new(reader).map_err(failed)?, limits),
        Format::WebP => read(format, WebPDecoder::new(reader).map_err(failed)?, limits),
        Format::Bmp => read(format, BmpDecoder::new(reader).map_err(failed)?, limits),
        Format::Tiff => read(format, TiffDecoder::new(reader).map_err(failed)?, limits),
        Format::Foreign(name) => {
            let context = format!("this is {name}; read are JPEG, PNG, WebP, GIF, BMP and TIFF");
            Err(Error::new(ErrorKind::UnsupportedFormat, context))
        }
        Format::Unknown if bytes.is_empty() => Err(Error::new(ErrorKind::UnsupportedFormat, "no bytes at all")),
        Format::Unknown => {
            let start = bytes.get(..8).unwrap_or(bytes).escape_ascii();
            let context = format!("no picture: the bytes begin with \"{start}\"");
            Err(Error::new(ErrorKind::UnsupportedFormat, context))
        }
    }
}

fn image_limits(limits: &Limits, max_alloc: u64) -> image::Limits {
    let _ = limits;
    let mut allowed = image::Limits::no_limits();
    allowed.max_alloc = Some(max_alloc);
    allowed
}

/// Reads what `decoder` has found, if its header keeps to the limits.
fn read(format: Format, mut decoder: impl ImageDecoder, limits: &Limits) -> Result<Pixels> {
    let failed = |error| from_image(format, error);
    let (width, height) = decoder.dimensions();
    check_pixels(u64::from(width), u64::from(height), limits)?;
    let total = decoder.total_bytes();
    let left = limits.max_alloc.checked_sub(total).ok_or_else(|| {
        let context = format!("{width}x{height} pixels take {total} bytes, over the limit of {}", limits.max_alloc);
        Error::new(ErrorKind::TooLarge, context)
    })?;
    decoder.set_limits(image_limits(limits, left)).map_err(failed)?;
    let orientation = orientation(format, &mut decoder);
    let (width, height) = (width as usize, height as usize);
    let color = decoder.color_type();
    let mut data = memory::zeroed(width, height, usize::from(color.bytes_per_pixel()))?;
    decoder.read_image(&mut data).map_err(failed)?;
    let layout = to_8_bits(format, color, &mut data)?;
    Pixels::new(width, height, layout, orientation, data)
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

fn orientation(format: Format, decoder: &mut impl ImageDecoder) -> Orientation {
    if format == Format::Tiff {
        // A TIFF's orientation is a tag of the picture itself.
        return decoder
            .orientation()
            .map_or(Orientation::Upright, |found| Orientation::from_exif(found.to_exif().into()));
    }
    let exif = decoder.exif_metadata().ok().flatten();
    let xmp = decoder.xmp_metadata().ok().flatten();
    Metadata { exif, xmp }.orientation()
}

/// Turns the samples in `data` into 8-bit ones, in place, and says how they are laid out.
fn to_8_bits(format: Format, color: ColorType, data: &mut Vec<u8>) -> Result<Layout> {
    let layout = match color {
        ColorType::L8 => return Ok(Layout::Gray),
        ColorType::La8 => return Ok(Layout::GrayAlpha),
        ColorType::Rgb8 => return Ok(Layout::Rgb),
        ColorType::Rgba8 => return Ok(Layout::Rgba),
        ColorType::L16 => Layout::Gray,
        ColorType::La16 => Layout::GrayAlpha,
        ColorType::Rgb16 => Layout::Rgb,
        ColorType::Rgba16 => Layout::Rgba,
        other => {
            let context = format!("a {} of {other:?} samples; read are 8 and 16 bits", format.name());
            return Err(Error::new(ErrorKind::UnsupportedFormat, context));
        }
    };
    let samples = data.len() / 2;
    for sample in 0..samples {
        let value = u16::from_ne_bytes([data[2 * sample], data[2 * sample + 1]]);
        data[sample] = if layout == Layout::Gray { value.min(255) as u8 } else { (value >> 8) as u8 };
    }
    data.truncate(samples);
    data.shrink_to_fit();
    Ok(layout)
}

/// The `image` crate's error as one of ours.
fn from_image(format: Format, error: ImageError) -> Error {
    let (kind, context) = match &error {
        ImageError::Unsupported(_) => (ErrorKind::UnsupportedFormat, "a kind that is not read"),
        ImageError::Limits(_) => (ErrorKind::TooLarge, "more memory than the limit allows"),
        _ => (ErrorKind::Decode, "broken"),
    };
    Error::new(kind, format!("{} {context}", format.name())).with_source(error)
}
