//! TIFF: gray, RGB and CMYK of 8 and 16 bits, bilevel, with and without alpha, in strips, tiles and planes; YCbCr
//! where it is not subsampled or JPEG-compressed; palettes; float gray.

mod jpeg;
mod palette;

use std::io::Cursor;

use ::tiff::decoder::{Decoder, DecodingSampleType, Limits as TiffLimits};
use ::tiff::tags::{CompressionMethod, ExtraSamples, Tag};
use ::tiff::{ColorType, TiffError};

use super::{broken, cmyk_to_rgb, cut_to_8_bits, pixel_buffer, unsupported};
use crate::format::Format;
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Header, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

/// What pixels are made of before they become RGB.
#[derive(Clone, Copy, PartialEq)]
enum Samples {
    Plain(Layout),
    Cmyk,
    YCbCr,
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    match palette::split(bytes)? {
        Some(file) => decode_samples(&file.gray, true, limits)?.colored(&file.colors),
        None => decode_samples(bytes, false, limits),
    }
}

/// Decodes a file; small samples are spread over 0 to 255, or `numbers` and left as they are.
fn decode_samples(bytes: &[u8], numbers: bool, limits: &Limits) -> Result<Pixels> {
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(failed)?;
    let (width, height) = decoder.dimensions().map_err(failed)?;
    let color = decoder.colortype().map_err(failed)?;
    let (samples, bits) = match color {
        ColorType::Gray(bits) => (Samples::Plain(Layout::Gray), bits),
        ColorType::GrayA(bits) => (Samples::Plain(Layout::GrayAlpha), bits),
        ColorType::Multiband { bit_depth, num_samples: 2 } => (Samples::Plain(Layout::GrayAlpha), bit_depth),
        ColorType::RGB(bits) => (Samples::Plain(Layout::Rgb), bits),
        ColorType::RGBA(bits) => (Samples::Plain(Layout::Rgba), bits),
        ColorType::CMYK(bits) => (Samples::Cmyk, bits),
        ColorType::YCbCr(bits) => (Samples::YCbCr, bits),
        other => return Err(unsupported(Format::Tiff, format_args!("{other:?} samples"))),
    };
    let channels = match samples {
        Samples::Plain(layout) => layout.channels(),
        Samples::Cmyk => 4,
        Samples::YCbCr => 3,
    };
    // Whatever is smaller than a byte is spread over one.
    let bytes_per_pixel = channels as u64 * u64::from(bits.div_ceil(8));
    let orientation = decoder.find_tag(Tag::Orientation).ok().flatten().and_then(|value| value.into_u32().ok());
    let orientation = Orientation::from_exif(orientation.unwrap_or(1));
    super::check_pixels(u64::from(width), u64::from(height), limits)?;
    if is_jpeg(&mut decoder) {
        return jpeg::decode(&mut decoder, bytes, samples, orientation, limits);
    }
    let mut data = pixel_buffer(width, height, bytes_per_pixel, bytes_per_pixel, limits)?;
    let allowed = usize::try_from(limits.max_alloc).unwrap_or(usize::MAX);
    let mut tiff_limits = TiffLimits::default();
    tiff_limits.decoding_buffer_size = allowed;
    tiff_limits.intermediate_buffer_size = allowed;
    let mut decoder = decoder.with_limits(tiff_limits);
    let layout = decoder.image_buffer_layout().map_err(failed)?;
    let alpha =
        decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten().and_then(|all| all.first().copied());
    if layout.complete_len > data.len() || layout.planes == 0 {
        return Err(unsupported(Format::Tiff, format_args!("{color:?} samples laid out in {layout:?}")));
    }
    decoder.read_image_bytes(&mut data[..layout.complete_len]).map_err(failed)?;
    let (width, height) = (width as usize, height as usize);

    if bits < 8 {
        let stride = layout.row_stride.map_or(0, |stride| stride.get());
        if channels != 1 || stride == 0 {
            return Err(unsupported(Format::Tiff, format_args!("{color:?} samples")));
        }
        let highest = if numbers { (1 << bits) - 1 } else { 255 };
        data = spread_bits(&data[..layout.complete_len], stride, u32::from(bits), highest, (width, height))?;
    }
    if layout.planes > 1 {
        data =
            interleave(&data, layout.plane_stride.map_or(0, |stride| stride.get()), channels, usize::from(bits / 8))?;
    }
    let format = match samples {
        Samples::Plain(layout) => layout,
        Samples::Cmyk => Layout::Rgba,
        Samples::YCbCr => Layout::Rgb,
    };
    match layout.sample_type {
        Some(DecodingSampleType::U8) => {}
        Some(DecodingSampleType::U16) if bits == 16 => cut_to_8_bits(format, &mut data),
        Some(DecodingSampleType::F32) if samples == Samples::Plain(Layout::Gray) => floats_to_8_bits(&mut data),
        other => return Err(unsupported(Format::Tiff, format_args!("{color:?} samples of type {other:?}"))),
    }
    match samples {
        Samples::Cmyk => cmyk_to_rgb(&mut data),
        Samples::YCbCr => ycbcr_to_rgb(&mut data),
        Samples::Plain(Layout::Rgba) if alpha == Some(ExtraSamples::AssociatedAlpha.to_u16()) => {
            unpremultiply(&mut data)
        }
        Samples::Plain(Layout::Rgba) if alpha == Some(ExtraSamples::Unspecified.to_u16()) => {
            data.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel[3] = 255);
        }
        Samples::Plain(_) => {}
    }
    let layout = match samples {
        Samples::Plain(layout) => layout,
        Samples::Cmyk | Samples::YCbCr => Layout::Rgb,
    };
    Pixels::new(Header { width, height, layout, orientation }, data)
}

/// One byte for each packed sample of `bits` bits, the highest value becoming `highest`. Rows begin `stride` bytes
/// after each other.
fn spread_bits(
    packed: &[u8],
    stride: usize,
    bits: u32,
    highest: u32,
    (width, height): (usize, usize),
) -> Result<Vec<u8>> {
    let mut data = memory::zeroed(width, height, 1)?;
    let most = (1u32 << bits) - 1;
    for (row, from) in data.chunks_exact_mut(width).zip(packed.chunks(stride)) {
        for (x, value) in row.iter_mut().enumerate() {
            let first_bit = x * bits as usize;
            let two = [0, 1].map(|next| from.get(first_bit / 8 + next).copied().unwrap_or(0));
            let shifted = u32::from(u16::from_be_bytes(two)) >> (16 - bits - (first_bit % 8) as u32);
            *value = ((shifted & most) * highest / most) as u8;
        }
    }
    Ok(data)
}

/// Planes of one channel each, to pixels.
fn interleave(planes: &[u8], stride: usize, channels: usize, sample_bytes: usize) -> Result<Vec<u8>> {
    let mut data = memory::zeroed(planes.len(), 1, 1)?;
    let pixel = channels * sample_bytes;
    for (channel, plane) in planes.chunks(stride.max(1)).take(channels).enumerate() {
        let samples = plane.chunks_exact(sample_bytes.max(1));
        for (to, from) in data.chunks_exact_mut(pixel.max(1)).zip(samples) {
            to[channel * sample_bytes..][..sample_bytes].copy_from_slice(from);
        }
    }
    Ok(data)
}

/// Gray f32, clipped to 0..255 and cut: Pillow's mode F to RGB.
fn floats_to_8_bits(data: &mut Vec<u8>) {
    let samples = data.len() / 4;
    for sample in 0..samples {
        let [a, b, c, d] = [0, 1, 2, 3].map(|byte| data[4 * sample + byte]);
        data[sample] = f32::from_ne_bytes([a, b, c, d]) as u8;
    }
    data.truncate(samples);
    data.shrink_to_fit();
}

/// Colours that were multiplied by their alpha, divided by it: Pillow's `unpackRGBa`.
fn unpremultiply(data: &mut [u8]) {
    for [red, green, blue, alpha] in data.as_chunks_mut::<4>().0 {
        for color in [red, green, blue] {
            *color = match *alpha {
                0 => 0,
                alpha => (u32::from(*color) * 255 / u32::from(alpha)).min(255) as u8,
            };
        }
    }
}

/// BT.601, full range, with Pillow's roundings: its products have 6 fractional bits, which are cut off
/// (<https://github.com/python-pillow/Pillow/blob/main/src/libImaging/ConvertYCbCr.c>).
fn ycbcr_to_rgb(data: &mut [u8]) {
    const SCALE: i32 = 6;
    let table = |factor: f64| -> [i32; 256] {
        std::array::from_fn(|value| ((value as f64 - 128.0) * factor * f64::from(1 << SCALE) + 0.5) as i32)
    };
    let (red_cr, green_cb, green_cr, blue_cb) = (table(1.402), table(-0.34414), table(-0.71414), table(1.772));
    for pixel in data.as_chunks_mut::<3>().0 {
        let [y, cb, cr] = pixel.map(usize::from);
        let rgb = [red_cr[cr], green_cb[cb] + green_cr[cr], blue_cb[cb]];
        *pixel = rgb.map(|color| (y as i32 + (color >> SCALE)).clamp(0, 255) as u8);
    }
}

/// Are the strips or tiles JPEG-compressed?
fn is_jpeg(decoder: &mut Decoder<Cursor<&[u8]>>) -> bool {
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression).ok().flatten();
    compression == Some(CompressionMethod::ModernJPEG.to_u16())
}

fn failed(error: TiffError) -> Error {
    let kind = match &error {
        TiffError::UnsupportedError(_) => ErrorKind::UnsupportedFormat,
        TiffError::LimitsExceeded => ErrorKind::TooLarge,
        _ => return broken(Format::Tiff, error),
    };
    Error::new(kind, "TIFF of a kind that is not read").with_source(error)
}
