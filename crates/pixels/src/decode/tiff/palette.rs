//! TIFF with a palette, which the `tiff` crate does not read: the file is read as gray levels, which are colour numbers,
//! and those looked up.

use std::io::Cursor;

use ::tiff::decoder::Decoder;
use ::tiff::tags::{PhotometricInterpretation, Tag};

use super::failed;
use crate::Result;

/// A file that has a palette, taken apart.
pub(super) struct Indexed {
    /// The colour of each number.
    pub(super) colors: [[u8; 3]; 256],
    /// The file as one that has gray levels instead.
    pub(super) gray: Vec<u8>,
}

/// The parts of a file that has a palette; of another one `None`.
pub(super) fn split(bytes: &[u8]) -> Result<Option<Indexed>> {
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(failed)?;
    let meaning = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).map_err(failed)?;
    if meaning != Some(PhotometricInterpretation::RGBPalette.to_u16()) {
        return Ok(None);
    }
    let levels = decoder.find_tag_unsigned_vec::<u16>(Tag::ColorMap).map_err(failed)?;
    let (Some(levels), Some(place)) = (levels, place_of_meaning(bytes)) else { return Ok(None) };
    // All reds, all greens, all blues, of 16 bits.
    let count = levels.len() / 3;
    let level = |channel: usize, number: usize| {
        let level = levels.get(channel * count + number).filter(|_| number < count);
        level.map_or(0, |level| (level >> 8) as u8)
    };
    let colors = std::array::from_fn(|number| [0, 1, 2].map(|channel| level(channel, number)));
    let mut gray = bytes.to_vec();
    let black_is_zero = PhotometricInterpretation::BlackIsZero.to_u16();
    let value = if bytes.starts_with(b"II") { black_is_zero.to_le_bytes() } else { black_is_zero.to_be_bytes() };
    gray[place..place + 2].copy_from_slice(&value);
    Ok(Some(Indexed { colors, gray }))
}

/// Where, in the first directory, the number stands that tells what samples mean.
fn place_of_meaning(bytes: &[u8]) -> Option<usize> {
    let little = bytes.starts_with(b"II*\0");
    if !little && !bytes.starts_with(b"MM\0*") {
        return None;
    }
    let u16_at = |at: usize| -> Option<u16> {
        let two = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    };
    let four = bytes.get(4..8)?.try_into().ok()?;
    let directory = if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) } as usize;
    let entries = usize::from(u16_at(directory)?);
    let entry = (0..entries)
        .map(|entry| directory.saturating_add(2 + entry * 12))
        .find(|&at| u16_at(at) == Some(Tag::PhotometricInterpretation.to_u16()))?;
    bytes.get(entry + 8..entry + 10).map(|_| entry + 8)
}
