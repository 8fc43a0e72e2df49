//! Samples that are not compressed. Pillow reads these by itself, without libtiff, and so by other rules: no counts are
//! needed, a later strip takes the place of an earlier one, and of planes each is taken for one of bytes
//! (`TiffImagePlugin._setup`, `ImageFile.load`, `RawDecode.c`).

use super::directory::{ByteOrder, Directory, broken, tag};
use super::kind::{Kind, Meaning, Number};
use super::unpack::Unpacker;
use crate::Result;

/// Strips or tiles, in the order in which they are listed: row by row, plane by plane.
struct Cells {
    width: u64,
    height: u64,
    columns: u64,
    count: u64,
    offsets: Vec<u64>,
}

impl Cells {
    fn of(directory: &Directory<'_>, (width, height): (usize, usize), planes: usize) -> Result<Self> {
        let (whole_width, whole_height) = (width as u64, height as u64);
        let (offsets, width, height) = if directory.has(tag::STRIP_OFFSETS) {
            let rows = directory.number(tag::ROWS_PER_STRIP).unwrap_or(whole_height);
            (tag::STRIP_OFFSETS, whole_width, rows)
        } else {
            let size = |which| directory.number(which).unwrap_or(0);
            (tag::TILE_OFFSETS, size(tag::TILE_WIDTH), size(tag::TILE_LENGTH))
        };
        let mut offsets = directory.numbers(offsets, usize::MAX);
        if offsets.is_empty() || width == 0 || height == 0 {
            return Err(broken("it has no strips and no tiles"));
        }
        let (columns, rows) = (whole_width.div_ceil(width), whole_height.div_ceil(height));
        let count = columns.saturating_mul(rows);
        if planes == 1 && width == whole_width && height == whole_height {
            // Each strip is a whole picture: the last one counts.
            offsets.drain(..offsets.len() - 1);
        }
        Ok(Self { width, height, columns, count, offsets: latest(offsets, count.saturating_mul(planes as u64)) })
    }
}

/// Of the offsets that are listed for the same place, when all places have had their turn, the greatest one: Pillow
/// reads them in the order in which they lie in the file.
fn latest(mut offsets: Vec<u64>, places: u64) -> Vec<u64> {
    let Ok(places) = usize::try_from(places) else { return offsets };
    if places < offsets.len() {
        for index in places..offsets.len() {
            let place = index % places;
            offsets[place] = offsets[place].max(offsets[index]);
        }
        offsets.truncate(places);
    }
    offsets
}

/// What Pillow takes the bytes of one plane for. It knows names for bytes alone, and for numbers of 32 bits of the machine's
/// order.
fn in_plane(kind: Kind) -> (Kind, Option<ByteOrder>) {
    let one = Kind { inverted: false, reversed: false, samples: 1, ..kind };
    match (kind.bits, kind.number) {
        (1, _) if kind.meaning == Meaning::Gray => (one, None),
        (..=8, _) => (Kind { bits: 8, ..one }, None),
        (16, Number::Unsigned) if kind.meaning != Meaning::Gray => (Kind { bits: 8, ..one }, None),
        (16, Number::Signed) | (32, _) => (Kind { bits: 32, ..one }, Some(ByteOrder::Little)),
        _ => (one, None),
    }
}

/// Fills `data`, which is zero, with the samples of a picture of `size`: [`Meaning::channels`] bytes a pixel.
///
/// # Errors
/// `Decode` where the file ends before its samples.
pub(super) fn decode(directory: &Directory<'_>, kind: Kind, size: (usize, usize), data: &mut [u8]) -> Result<()> {
    let channels = kind.meaning.channels();
    let planes = if kind.planar { channels } else { 1 };
    let cells = Cells::of(directory, size, planes)?;
    let (stored, order) = if kind.planar { in_plane(kind) } else { (kind, None) };
    let unpacker = Unpacker::new(stored, order.unwrap_or(directory.order));
    let mut flipped = Vec::new();
    let last = (0..cells.offsets.len()).max_by_key(|&index| cells.offsets[index]);
    for (index, &offset) in cells.offsets.iter().enumerate() {
        let (cell, plane) = (index as u64 % cells.count, (index as u64 / cells.count) as usize);
        let (x, y) = (cell % cells.columns * cells.width, cell / cells.columns * cells.height);
        let (columns, rows) = (cells.width.min(size.0 as u64 - x), cells.height.min(size.1 as u64 - y));
        let row_bytes = (columns * stored.pixel_bits()).div_ceil(8);
        // Only where a tile is cut by the picture's edge do its rows not follow each other.
        let stride = match edge_stride(kind, cells.width) {
            0 => row_bytes,
            _ if columns == cells.width => row_bytes,
            stride => stride,
        };
        if stride < row_bytes {
            // Pillow notices that in the tile that it reads last, and leaves any other one out.
            if Some(index) == last {
                return Err(broken("a tile's rows are longer than the tile"));
            }
            continue;
        }
        for row in 0..rows {
            let at = offset.saturating_add(row.saturating_mul(stride));
            let from = slice(directory.bytes, at, row_bytes)
                .ok_or_else(|| broken(format_args!("it ends before row {} of its pixels", y + row)))?;
            let from = if stored.reversed {
                flipped.clear();
                flipped.extend(from.iter().map(|byte| byte.reverse_bits()));
                &flipped
            } else {
                from
            };
            let start = ((y + row) as usize * size.0 + x as usize) * channels;
            let to = &mut data[start..start + columns as usize * channels];
            if kind.planar && channels > 1 {
                unpacker.plane(from, to, plane, channels);
            } else {
                unpacker.row(from, to);
            }
        }
    }
    Ok(())
}

/// Bytes from one row of a tile that is cut to the next.
fn edge_stride(kind: Kind, width: u64) -> u64 {
    let bits = width.saturating_mul(u64::from(kind.bits)).saturating_mul(kind.samples as u64);
    // Pillow divides by how many channels there should be.
    let known = match kind.meaning {
        _ if !kind.planar => 1,
        Meaning::Gray | Meaning::Palette => 1,
        Meaning::GrayAlpha | Meaning::GrayPremultiplied | Meaning::PaletteAlpha => 2,
        Meaning::Rgb | Meaning::YCbCr | Meaning::Lab => 3,
        Meaning::Rgba | Meaning::Premultiplied | Meaning::Cmyk => kind.samples as u64,
    };
    bits / 8 / known
}

fn slice(bytes: &[u8], at: u64, length: u64) -> Option<&[u8]> {
    let at = usize::try_from(at).ok()?;
    bytes.get(at..at.checked_add(usize::try_from(length).ok()?)?)
}
