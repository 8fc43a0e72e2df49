//! JPEG: baseline and progressive; gray, YCbCr, RGB, CMYK and YCCK.
//!
//! A file that ends before its end marker is truncated, and refused as Pillow refuses it: what is missing would be
//! gray. Four channels are taken for inverted CMYK, as Adobe writes and Pillow reads it.

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{broken, cmyk_to_rgb, room, times, unsupported};
use crate::image::exif::Metadata;
use crate::image::format::Format;
use crate::image::limits::Limits;
use crate::image::pixels::{Layout, Pixels};
use crate::{Error, ErrorKind, Result};

/// JPEG's longest side.
const MAX_SIDE: usize = u16::MAX as usize;

/// The most scans of a progressive picture, by its size.
const SCANNED_PIXELS: usize = 1_000_000_000;
const MIN_SCANS: usize = 20;
const MAX_SCANS: usize = 100;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    if !has_end(bytes) {
        return Err(Error::new(ErrorKind::Decode, "JPEG truncated: it has no end marker"));
    }
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(MAX_SIDE).set_max_height(MAX_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(failed)?;
    let (Some((width, height)), Some(stored)) = (decoder.dimensions(), decoder.input_colorspace()) else {
        return Err(Error::new(ErrorKind::Decode, "JPEG without a header"));
    };
    let (wanted, layout, channels) = match stored {
        ColorSpace::Luma => (ColorSpace::Luma, Layout::Gray, 1),
        ColorSpace::YCbCr | ColorSpace::RGB => (ColorSpace::RGB, Layout::Rgb, 3),
        // As they are stored: the way to RGB must be Pillow's.
        ColorSpace::CMYK | ColorSpace::YCCK => (stored, Layout::Rgb, 4),
        other => return Err(unsupported(Format::Jpeg, format_args!("{other:?} channels"))),
    };
    // Each scan goes over the whole picture: no camera writes many, and none to a large picture.
    let max_scans = (SCANNED_PIXELS / (width * height).max(1)).clamp(MIN_SCANS, MAX_SCANS);
    let options = decoder.options().jpeg_set_out_colorspace(wanted).jpeg_set_max_scans(max_scans);
    decoder.set_options(options);
    // Not even one bit for each block of 8x8 pixels: what is said to be there is not.
    if width.div_ceil(8) * height.div_ceil(8) / 8 > bytes.len() {
        let context = format!("JPEG broken: {width}x{height} pixels in {} bytes", bytes.len());
        return Err(Error::new(ErrorKind::Decode, context));
    }
    let metadata = Metadata { exif: decoder.exif().cloned(), xmp: decoder.xmp().cloned() };
    // A progressive picture's coefficients, two bytes each, are kept until its last scan.
    let progressive = decoder.info().is_some_and(|info| info.sof.is_progressive());
    let extra = if progressive { 2 * channels } else { 0 };
    let mut data = room(width as u32, height as u32, channels, extra, limits)?;
    decoder.decode_into(&mut data).map_err(failed)?;
    match stored {
        ColorSpace::CMYK => {
            data.iter_mut().for_each(|ink| *ink = 255 - *ink);
            cmyk_to_rgb(&mut data);
        }
        ColorSpace::YCCK => ycck_to_rgb(&mut data),
        _ => {}
    }
    Pixels::new(width, height, layout, metadata.orientation(), data)
}

/// Turns inverted YCCK into RGB, in place, by libjpeg's formula (`ycck_cmyk_convert`,
/// <https://github.com/libjpeg-turbo/libjpeg-turbo/blob/main/src/jdcolor.c>) and then Pillow's.
fn ycck_to_rgb(data: &mut Vec<u8>) {
    // 16 fractional bits, half added before they are shifted out.
    const HALF: i32 = 1 << 15;
    let pixels = data.len() / 4;
    for pixel in 0..pixels {
        let [y, cb, cr, light] = [0, 1, 2, 3].map(|channel| data[4 * pixel + channel]);
        let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
        let red = y + ((91_881 * cr + HALF) >> 16);
        let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
        let blue = y + ((116_130 * cb + HALF) >> 16);
        for (channel, ink) in [red, green, blue].into_iter().enumerate() {
            data[3 * pixel + channel] = light - times(ink.clamp(0, 255) as u8, light);
        }
    }
    data.truncate(pixels * 3);
    data.shrink_to_fit();
}

/// Is there an end marker after the last scan?
fn has_end(bytes: &[u8]) -> bool {
    segments(bytes).any(|(marker, _)| marker == END)
}

/// Width and height in the first frame header.
pub(super) fn size(bytes: &[u8]) -> Option<(usize, usize)> {
    let (_, header) = segments(bytes).find(|&(marker, _)| {
        // Start of frame, in all its kinds; three numbers in between mean other things.
        matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
    })?;
    let &[_, height_high, height_low, width_high, width_low, ..] = header else { return None };
    let number = |high, low| usize::from(u16::from_be_bytes([high, low]));
    Some((number(width_high, width_low), number(height_high, height_low)))
}

const END: u8 = 0xd9;

/// The markers and the data of their segments, which are walked over by their lengths: what a thumbnail in one of
/// them says does not count. Markers inside a scan are part of it.
fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    const START_OF_SCAN: u8 = 0xda;
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut in_scan = false;
    std::iter::from_fn(move || {
        loop {
            let at = rest.iter().position(|&byte| byte == 0xff)?;
            let (&marker, after) = rest.get(at + 1..)?.split_first()?;
            match marker {
                // Filling: the next byte may be the marker.
                0xff => rest = &rest[at + 1..],
                // A pixel's 0xff, and markers that stand alone.
                0x00 | 0x01 | 0xd0..=0xd8 => rest = after,
                _ if in_scan && marker < 0xc0 => rest = after,
                END => {
                    rest = after;
                    return Some((marker, &after[..0]));
                }
                _ => {
                    let length = after.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)))?;
                    let data = after.get(2..length.max(2))?;
                    rest = after.get(length.max(2)..)?;
                    in_scan = marker == START_OF_SCAN;
                    return Some((marker, data));
                }
            }
        }
    })
}

fn failed(error: DecodeErrors) -> Error {
    match error {
        DecodeErrors::Unsupported(_) => {
            Error::new(ErrorKind::UnsupportedFormat, "JPEG of a kind that is not read").with_source(error)
        }
        _ => broken(Format::Jpeg, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_from_a_thumbnails() {
        let cases: [(&[u8], bool); 8] = [
            (b"\xff\xd8\xff\xd9", true),
            (b"\xff\xd8", false),
            (b"", false),
            (b"\xff\xd8\xff\xe1\x00\x06\xff\xd8\xff\xd9", false),
            (b"\xff\xd8\xff\xe1\x00\x06\xff\xd8\xff\xd9\xff\xff\xd9", true),
            (b"\xff\xd8\xff\xda\x00\x02\x12\xff\x00\xff\xd0\x34\xff\xd9", true),
            (b"\xff\xd8\xff\xda\x00\x02\x12\xff\x00\xff\xd0\x34\xff", false),
            (b"\xff\xd8\xff\xe1\xff\xff\xff\xd9", false),
        ];
        for (bytes, expected) in cases {
            assert_eq!(has_end(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_size_is_told_from_a_thumbnails() {
        let thumbnail = b"\xff\xe1\x00\x0b\xff\xc0\x00\x08\x08\x00\x01\x00\x01";
        let header = b"\xff\xc2\x00\x08\x08\x01\x02\x03\x04\x01";
        assert_eq!(size(&[b"\xff\xd8", thumbnail.as_slice(), header].concat()), Some((0x304, 0x102)));
        assert_eq!(size(&[b"\xff\xd8", thumbnail.as_slice()].concat()), None);
    }

    #[test]
    fn inverted_ycck_is_light() {
        // Full light and no colour is what Y says, inverted; no light is black.
        let mut data = vec![0, 128, 128, 255, 255, 128, 128, 255, 100, 128, 128, 0];
        ycck_to_rgb(&mut data);
        assert_eq!(data, [255, 255, 255, 0, 0, 0, 0, 0, 0]);
    }
}
