//! HEIC, by the system's libheif: what phones make of photographs.
//!
//! HEVC is covered by patents, so no decoder of it comes with this crate. libheif turns pictures upright by their properties, and whatever EXIF says does
//! not count, as the format has it.

mod library;

use self::library::{Context, Kind};
use super::{check_memory, check_pixels};
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Header, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

/// Bytes of a pixel that libheif and its decoder hold: planes as they are coded, of up to 16 bits, in tiles and whole, and
/// RGB with alpha.
const HELD_PER_PIXEL: u64 = 16;

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let context = Context::of(bytes, limits)?;
    let handle = context.primary_image()?;
    let (width, height) = handle.size();
    check_pixels(width, height, limits)?;
    let (kind, layout) = if handle.has_alpha() { (Kind::Rgba, Layout::Rgba) } else { (Kind::Rgb, Layout::Rgb) };
    let channels = layout.channels();
    let needed = (width * height).saturating_mul(HELD_PER_PIXEL + channels as u64);
    check_memory((width, height), needed, limits)?;
    let premultiplied = handle.is_premultiplied();
    let image = handle.decode(kind)?;
    let (width, height) = (width as usize, height as usize);
    let mut data = memory::reserved(width, height, channels)?;
    image.rows(width, height, channels)?.for_each(|row| data.extend_from_slice(row));
    if premultiplied && layout == Layout::Rgba {
        for pixel in data.chunks_exact_mut(4) {
            let alpha = u32::from(pixel[3]).max(1);
            pixel[..3].iter_mut().for_each(|value| *value = (u32::from(*value) * 255 / alpha).min(255) as u8);
        }
    }
    Pixels::new(Header { width, height, layout, orientation: Orientation::Upright }, data)
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("HEIC broken: {what}"))
}
