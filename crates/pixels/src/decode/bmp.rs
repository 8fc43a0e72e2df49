//! BMP: whatever the `image` crate reads, with the levels of 16-bit pixels as Pillow makes them; and run-length coded
//! pictures, of which Pillow forgives more.

mod rle;

use std::borrow::Cow;
use std::io::Cursor;

use ::image::codecs::bmp::BmpDecoder;

use super::{failed, read};
use crate::Result;
use crate::format::Format;
use crate::limits::Limits;
use crate::pixels::Pixels;

/// Kinds of compression.
const RLE8: u32 = 1;
const RLE4: u32 = 2;
const BITFIELDS: u32 = 3;

/// Where the second header begins, after the first.
const INFO: usize = 14;
/// Where in a file the number of planes is.
const PLANES: usize = INFO + 12;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let header = Header::of(bytes);
    let run_length_coded = |header: &&Header| matches!((header.compression, header.bits), (RLE8, 8) | (RLE4, 4));
    if let Some(header) = header.as_ref().filter(run_length_coded) {
        return rle::decode(bytes, header, limits);
    }
    let bytes = with_one_plane(bytes, header.as_ref());
    let decoder = BmpDecoder::new(Cursor::new(&bytes)).map_err(|error| failed(Format::Bmp, error))?;
    let mut pixels = read(Format::Bmp, decoder, limits)?;
    if let Some(levels) = header.and_then(|header| header.levels_of_16_bit(&bytes)) {
        pixels.map_rgb(levels.map(|levels| level_table(u32::from(levels))));
    }
    Ok(pixels)
}

/// There is one plane, whatever a file says; the `image` crate insists.
fn with_one_plane<'a>(bytes: &'a [u8], header: Option<&Header>) -> Cow<'a, [u8]> {
    match header {
        Some(header) if header.planes != 1 => {
            let mut file = bytes.to_vec();
            file[PLANES..PLANES + 2].copy_from_slice(&1u16.to_le_bytes());
            file.into()
        }
        _ => bytes.into(),
    }
}

/// What the second header says, where it is one of Windows'.
struct Header {
    /// The length of it.
    length: usize,
    width: u32,
    height: u32,
    top_down: bool,
    planes: u16,
    bits: u16,
    compression: u32,
    /// The colours of the palette.
    colors: usize,
    /// Where the pixels begin.
    data: usize,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

impl Header {
    fn of(bytes: &[u8]) -> Option<Self> {
        let field = |at: usize| u32_at(bytes, INFO + at);
        let length = field(0)?;
        let (planes, bits) = (field(12)? as u16, (field(12)? >> 16) as u16);
        let height = field(8)? as i32;
        let colors = match field(32)? {
            0 => 1 << bits.min(8),
            colors => colors.min(256) as usize,
        };
        (length >= 40).then_some(Self {
            length: length as usize,
            width: field(4)?,
            height: height.unsigned_abs(),
            top_down: height < 0,
            planes,
            bits,
            compression: field(16)?,
            colors,
            data: u32_at(bytes, 10)? as usize,
        })
    }

    /// The palette; beyond its end black.
    fn colors(&self, bytes: &[u8]) -> [[u8; 3]; 256] {
        let start = INFO.saturating_add(self.length);
        std::array::from_fn(|number| {
            let at = start.saturating_add(number * 4);
            match bytes.get(at..at.saturating_add(3)) {
                Some(&[blue, green, red]) if number < self.colors => [red, green, blue],
                _ => [0; 3],
            }
        })
    }

    /// The highest level of red, green and blue in a file of 16 bits a pixel: 31, or 63 for the green of 5-6-5.
    fn levels_of_16_bit(&self, bytes: &[u8]) -> Option<[u8; 3]> {
        if self.bits != 16 {
            return None;
        }
        match (self.compression, u32_at(bytes, 54), u32_at(bytes, 58), u32_at(bytes, 62)) {
            (0, ..) | (BITFIELDS, Some(0x7c00), Some(0x03e0), Some(0x001f)) => Some([31, 31, 31]),
            (BITFIELDS, Some(0xf800), Some(0x07e0), Some(0x001f)) => Some([31, 63, 31]),
            _ => None,
        }
    }
}

/// From the rounded 8-bit value of a level to Pillow's, which is rounded down.
fn level_table(most: u32) -> [u8; 256] {
    std::array::from_fn(|value| {
        let level = (value as u32 * most + 127) / 255;
        (level * 255 / most) as u8
    })
}
