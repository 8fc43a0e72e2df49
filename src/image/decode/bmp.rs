//! BMP: whatever the `image` crate reads, with the levels of 16-bit pixels as Pillow makes them.

use std::io::Cursor;

use ::image::codecs::bmp::BmpDecoder;

use super::{failed, read};
use crate::Result;
use crate::image::format::Format;
use crate::image::limits::Limits;
use crate::image::pixels::Pixels;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(|error| failed(Format::Bmp, error))?;
    let mut pixels = read(Format::Bmp, decoder, limits)?;
    if let Some(levels) = levels_of_16_bit(bytes) {
        pixels.map_rgb(levels.map(|levels| level_table(u32::from(levels))));
    }
    Ok(pixels)
}

/// The highest level of red, green and blue in a file of 16 bits a pixel: 31, or 63 for the green of 5-6-5.
fn levels_of_16_bit(bytes: &[u8]) -> Option<[u8; 3]> {
    let u32_at = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let bits = u32_at(26)? >> 16;
    if u32_at(14)? < 40 || bits != 16 {
        return None;
    }
    const BITFIELDS: u32 = 3;
    match (u32_at(30)?, u32_at(54), u32_at(58), u32_at(62)) {
        (0, ..) | (BITFIELDS, Some(0x7c00), Some(0x03e0), Some(0x001f)) => Some([31, 31, 31]),
        (BITFIELDS, Some(0xf800), Some(0x07e0), Some(0x001f)) => Some([31, 63, 31]),
        _ => None,
    }
}

/// From the rounded 8-bit value of a level to Pillow's, which is rounded down.
fn level_table(most: u32) -> [u8; 256] {
    std::array::from_fn(|value| {
        let level = (value as u32 * most + 127) / 255;
        (level * 255 / most) as u8
    })
}
