//! ICO and CUR: the picture that Pillow takes for the largest (`IcoImagePlugin.py`, `CurImagePlugin.py`,
//! <https://github.com/python-pillow/Pillow/tree/main/src/PIL>).
//!
//! Inside is a PNG, or a BMP without the header of a file that says to have twice the height: after the colors comes a mask
//! of one bit a pixel, set where there is nothing. In an icon of 32 bits a pixel the fourth byte is alpha, and the mask
//! does not count.

use std::cmp::Reverse;

use super::bmp::Bitmap;
use super::{check_memory, check_pixels, png, times};
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Header, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

/// What stands before the entries, and the length of one.
const DIRECTORY: usize = 6;
const ENTRY: usize = 16;
/// The place of the bitmap of a cursor for whose fourth byte Pillow has an eye.
const ALONE: usize = DIRECTORY + ENTRY;
/// Where in a PNG the color type is.
const COLOR_TYPE: usize = 25;

/// Decodes an icon: the one with the most pixels, of those the one with the fewest colors.
pub(super) fn icon(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let entries = entries("ICO", bytes)?;
    let Some(entry) = largest(&entries) else { return Err(broken("ICO", "there is no picture in it")) };
    if let Some(pixels) = png_at(bytes, entry.place(), limits) {
        return pixels;
    }
    let bitmap = Bitmap::read(bytes, entry.place(), 0, false).map_err(|error| error.within("ICO"))?;
    let colors = bitmap.decode(bitmap.height() / 2, limits).map_err(|error| error.within("ICO"))?;
    let Header { width, height, layout, .. } = colors.header();
    let both = width as u64 * height as u64 * (layout.channels() as u64 + 4);
    check_memory((width, height), both, limits)?;
    let mut data = memory::reserved(width, height, 4)?;
    data.extend(colors.bytes().chunks_exact(layout.channels()).flat_map(|pixel| match *pixel {
        [gray] => [gray, gray, gray, 255],
        [red, green, blue, ..] => [red, green, blue, 255],
        _ => [255; 4],
    }));
    let alphas = data.as_chunks_mut::<4>().0.iter_mut().map(|[.., alpha]| alpha);
    let lacking = || broken("ICO", "there is no mask");
    if entry.bits() == 32 {
        let stored = bytes.get(bitmap.data..).and_then(|rest| rest.get(..width * height * 4)).ok_or_else(lacking)?;
        let rows = stored.chunks_exact(width * 4).rev();
        let stored = rows.flat_map(|row| row.as_chunks::<4>().0).map(|&[.., alpha]| alpha);
        alphas.zip(stored).for_each(|(alpha, stored)| *alpha = stored);
    } else {
        // It is the last thing that belongs to the entry.
        let stride = width.div_ceil(32) * 4;
        let end = entry.place().checked_add(entry.length());
        let start = end.and_then(|end| end.checked_sub(stride * height)).ok_or_else(lacking)?;
        let end = start + stride * (height - 1) + width.div_ceil(8);
        let stored = bytes.get(start..end).ok_or_else(lacking)?;
        let is_set = |row: &[u8], x: usize| row[x / 8] >> (7 - x % 8) & 1 == 1;
        let stored = stored.chunks(stride).rev().flat_map(|row| (0..width).map(move |x| is_set(row, x)));
        alphas.zip(stored).for_each(|(alpha, nothing)| *alpha = if nothing { 0 } else { 255 });
    }
    Pixels::new(Header { width, height, layout: Layout::Rgba, orientation: Orientation::Upright }, data)
}

/// Decodes a cursor: the first one, or a later one that is wider and higher. As in Pillow, 256 does not count as such, and
/// the mask only where all is gray.
pub(super) fn cursor(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let entries = entries("CUR", bytes)?;
    let after = DIRECTORY + entries.len() * ENTRY;
    let larger = |a: Entry, b: Entry| if b.0[0] > a.0[0] && b.0[1] > a.0[1] { b } else { a };
    let largest = entries.into_iter().reduce(larger).ok_or_else(|| broken("CUR", "there is no picture in it"))?;
    let said = largest.place();
    let place = if said == 0 { after } else { said };
    if let Some(pixels) = png_at(bytes, place, limits) {
        return pixels;
    }
    let bitmap = Bitmap::read(bytes, place, 0, said == ALONE).map_err(|error| error.within("CUR"))?;
    if !bitmap.is_gray() {
        return bitmap.decode(bitmap.height() / 2, limits).map_err(|error| error.within("CUR"));
    }
    let both = bitmap.decode(bitmap.height(), limits).map_err(|error| error.within("CUR"))?;
    let Header { width, height, .. } = both.header();
    check_memory((width, height), width as u64 * height as u64 * 2, limits)?;
    let height = height / 2;
    check_pixels(width as u64, height as u64, limits)?;
    let mut data = memory::reserved(width, height, 2)?;
    let (masks, grays) = both.bytes().split_at(width * height);
    data.extend(masks.iter().zip(grays).flat_map(|(&mask, &gray)| [times(gray, 255 - mask), 255 - mask]));
    Pixels::new(Header { width, height, layout: Layout::GrayAlpha, orientation: Orientation::Upright }, data)
}

/// What the directory says about a picture.
struct Entry([u8; ENTRY]);

impl Entry {
    fn pixels(&self) -> u32 {
        let [width, height, ..] = self.0.map(|size| if size == 0 { 256 } else { u32::from(size) });
        width * height
    }

    fn bits(&self) -> u32 {
        u32::from(u16::from_le_bytes([self.0[6], self.0[7]]))
    }

    /// The bits of a pixel, if need be by the number of colors.
    fn depth(&self) -> u32 {
        match (self.bits(), self.0[2]) {
            (0, 0 | 1) => 256,
            (0, colors) => u32::from(colors).next_power_of_two().ilog2(),
            (bits, _) => bits,
        }
    }

    fn length(&self) -> usize {
        let [.., a, b, c, d, _, _, _, _] = self.0;
        u32::from_le_bytes([a, b, c, d]) as usize
    }

    fn place(&self) -> usize {
        let [.., a, b, c, d] = self.0;
        u32::from_le_bytes([a, b, c, d]) as usize
    }
}

fn entries(name: &str, bytes: &[u8]) -> Result<Vec<Entry>> {
    let cut = || broken(name, "it is cut short");
    let count = bytes.get(4..DIRECTORY).map(|count| u16::from_le_bytes([count[0], count[1]])).ok_or_else(cut)?;
    let entries = bytes.get(DIRECTORY..DIRECTORY + usize::from(count) * ENTRY).ok_or_else(cut)?;
    Ok(entries.as_chunks().0.iter().copied().map(Entry).collect())
}

/// The PNG at `place`, if there is one. Nothing but its pixels counts: not which side is up, nor a color that stands for
/// transparency.
fn png_at(bytes: &[u8], place: usize, limits: &Limits) -> Option<Result<Pixels>> {
    let file = bytes.get(place..).filter(|rest| rest.starts_with(b"\x89PNG\r\n\x1a\n"))?;
    let decoded = png::open(file, limits).and_then(|picture| picture.into_pixels(limits));
    Some(decoded.and_then(|pixels| {
        let Header { width, height, layout, .. } = pixels.header();
        let has_alpha = file.get(COLOR_TYPE).is_some_and(|kind| kind & 4 != 0);
        let (layout, channels) = match layout {
            Layout::GrayAlpha if !has_alpha => (Layout::Gray, 1),
            Layout::Rgba if !has_alpha => (Layout::Rgb, 3),
            layout => (layout, layout.channels()),
        };
        let stored = pixels.header().layout.channels();
        let both = width as u64 * height as u64 * (stored + channels) as u64;
        check_memory((width, height), both, limits)?;
        let mut data = memory::reserved(width, height, channels)?;
        pixels.bytes().chunks_exact(stored).for_each(|pixel| data.extend_from_slice(&pixel[..channels]));
        Pixels::new(Header { width, height, layout, orientation: Orientation::Upright }, data)
    }))
}

/// The one with the most pixels, of those the one with the fewest colors, of those the first.
fn largest(entries: &[Entry]) -> Option<&Entry> {
    entries.iter().min_by_key(|entry| (Reverse(entry.pixels()), entry.depth()))
}

fn broken(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("{name} broken: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries of a width, a number of colors and bits a pixel.
    fn place_of_largest(pictures: &[[u8; 3]]) -> usize {
        let entry = |&[width, colors, bits]: &[u8; 3]| {
            let mut entry = [0; ENTRY];
            (entry[0], entry[1], entry[2], entry[6]) = (width, 10, colors, bits);
            Entry(entry)
        };
        let entries: Vec<_> = pictures.iter().map(entry).collect();
        let found = largest(&entries).unwrap();
        entries.iter().position(|entry| std::ptr::eq(entry, found)).unwrap()
    }

    #[test]
    fn most_pixels_and_fewest_colors_count() {
        assert_eq!(place_of_largest(&[[10, 0, 24], [0, 0, 24], [255, 0, 24]]), 1);
        assert_eq!(place_of_largest(&[[10, 0, 24], [10, 0, 8], [10, 0, 8]]), 1);
        // Without bits: as many as there are colors, of which 0 and 1 are very many.
        assert_eq!(place_of_largest(&[[10, 0, 0], [10, 1, 0], [10, 17, 0], [10, 16, 0], [10, 3, 0]]), 4);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for decode in [icon, cursor] {
            for bytes in [
                &b"\0\0\x01\0"[..],
                b"\0\0\x01\0\0\0",
                b"\0\0\x01\0\x01\0",
                &[&b"\0\0\x01\0\x01\0"[..], &[255; 16]].concat(),
            ] {
                let error = decode(bytes, &Limits::default()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
            }
        }
    }
}
