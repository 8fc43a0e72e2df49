//! The strips or tiles of a compressed picture, as libtiff finds them (`tif_strip.c`, `tif_tile.c`, `tif_read.c`,
//! `tif_dirread.c` of <https://gitlab.com/libtiff/libtiff>).

use super::directory::{Directory, broken, tag};
use crate::decode::check_pixels;
use crate::format::Format;
use crate::limits::Limits;
use crate::{Error, ErrorKind, Result};

/// Strips or tiles.
pub(super) struct Chunks<'a> {
    bytes: &'a [u8],
    /// Of a strip, and of a tile in full.
    pub(super) width: usize,
    pub(super) height: usize,
    /// How many stand side by side.
    pub(super) columns: usize,
    /// How many there are of each plane.
    pub(super) count: usize,
    pub(super) tiled: bool,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    /// How much work may yet be done, in bytes read or made.
    budget: u64,
}

/// One of them.
pub(super) struct Chunk {
    /// The pixel at its top left.
    pub(super) x: usize,
    pub(super) y: usize,
    /// What of it lies in the picture.
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl<'a> Chunks<'a> {
    /// Those of a picture of `size`, whose chunks lie in `planes` planes.
    ///
    /// # Errors
    /// `Decode` where there are none, `TooLarge` where tiles reach out of the picture by more pixels than are allowed.
    pub(super) fn of(directory: &Directory<'a>, size: (usize, usize), planes: usize, limits: &Limits) -> Result<Self> {
        let number = |which| directory.number(which).map(|value| usize::try_from(value).unwrap_or(usize::MAX));
        let tiled = directory.has(tag::TILE_WIDTH) || directory.has(tag::TILE_LENGTH);
        let rows = number(tag::ROWS_PER_STRIP).unwrap_or(size.1);
        let (width, height) = if tiled {
            // Where one is missing, libtiff has a strip's.
            (number(tag::TILE_WIDTH).unwrap_or(size.0), number(tag::TILE_LENGTH).unwrap_or(rows))
        } else {
            (size.0, rows.min(size.1))
        };
        if width == 0 || height == 0 {
            return Err(broken(format_args!("strips or tiles of {width}x{height} pixels")));
        }
        let (columns, rows) = (size.0.div_ceil(width), size.1.div_ceil(height));
        check_pixels(
            (columns as u64).saturating_mul(width as u64),
            (rows as u64).saturating_mul(height as u64),
            limits,
        )?;
        let count = columns * rows;
        let all = count.saturating_mul(planes);
        // Whichever stands later counts, whether there are tiles or strips.
        let list = |tags| directory.later(tags).map(|which| directory.numbers(which, all));
        let offsets = list([tag::STRIP_OFFSETS, tag::TILE_OFFSETS]);
        let offsets = offsets.ok_or_else(|| broken("it has no strips and no tiles"))?;
        let mut lengths = list([tag::STRIP_BYTE_COUNTS, tag::TILE_BYTE_COUNTS]);
        // libtiff guesses where there is one strip a plane, or one that has no length.
        let first = |list: &[u64]| list.first().copied().unwrap_or(0);
        let unknown = match &lengths {
            None => count == 1,
            Some(lengths) => all == 1 && !tiled && first(lengths) == 0 && first(&offsets) != 0,
        };
        if unknown {
            lengths = Some(guessed(directory, &offsets, all));
        } else if lengths.is_none() {
            return Err(broken("the lengths of its strips are missing"));
        }
        let bytes = directory.bytes;
        let lengths = lengths.unwrap_or_default();
        Ok(Self { bytes, width, height, columns, count, tiled, offsets, lengths, budget: budget(bytes) })
    }

    /// Where the chunk `index` of a plane lies in a picture of `size`.
    pub(super) fn place(&self, index: usize, size: (usize, usize)) -> Chunk {
        let (x, y) = (index % self.columns * self.width, index / self.columns * self.height);
        Chunk { x, y, columns: self.width.min(size.0 - x), rows: self.height.min(size.1 - y) }
    }

    /// Where in the file the chunk `index` of all planes begins, and its bytes, of which a chunk of `size` bytes can do with
    /// so many.
    ///
    /// # Errors
    /// `Decode` where they are not in the file.
    pub(super) fn part(&self, index: usize, size: usize) -> Result<(usize, &'a [u8])> {
        const LONG: u64 = 1 << 20;
        let place = || if self.tiled { format!("tile {index}") } else { format!("strip {index}") };
        let offset = self.offsets.get(index).copied().unwrap_or(0);
        let start = usize::try_from(offset).ok().filter(|&start| start < self.bytes.len());
        let rest = start.and_then(|start| self.bytes.get(start..)).unwrap_or_default();
        let mut length = self.lengths.get(index).copied().unwrap_or(0);
        let most = (size as u64).saturating_mul(10).saturating_add(4096);
        if length > LONG && length > most {
            length = most;
        }
        let part = usize::try_from(length).ok().filter(|&length| length > 0).and_then(|length| rest.get(..length));
        match (start, part) {
            (Some(start), Some(part)) => Ok((start, part)),
            _ => Err(broken(format_args!("{} of {length} bytes at {offset} is not in it", place()))),
        }
    }

    /// What there is of each chunk's bytes, wherever they end: all up to the file's end where its length isn't known. Several
    /// may have the same bytes.
    pub(super) fn lenient_parts(&self) -> impl Iterator<Item = &'a [u8]> {
        let offsets = self.offsets.iter().take(self.count).enumerate();
        offsets.filter_map(|(index, &offset)| self.lenient_part(index, offset))
    }

    fn lenient_part(&self, index: usize, offset: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(offset).ok().filter(|&start| start != 0)?;
        let rest = self.bytes.get(start..)?;
        let length = self.lengths.get(index).copied().filter(|&length| length != 0);
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(rest.len());
        Some(&rest[..length.min(rest.len())])
    }

    /// Sees to it beforehand that `count` chunks, each of which takes at least so much work and makes `made` bytes, can be
    /// paid for.
    ///
    /// # Errors
    /// `TooLarge` where they are many and next to nothing.
    pub(super) fn check_cost(&self, count: usize, least: usize, made: usize) -> Result<()> {
        let work = (count as u64).saturating_mul(cost(least, made));
        if work <= self.budget { Ok(()) } else { Err(too_costly()) }
    }

    /// Counts work: that of a chunk for which `read` bytes were read and `made` made.
    ///
    /// # Errors
    /// `TooLarge` where the same bytes are read over and over, or the chunks are many and next to nothing.
    pub(super) fn charge(&mut self, read: usize, made: usize) -> Result<()> {
        self.budget = self.budget.checked_sub(cost(read, made)).ok_or_else(too_costly)?;
        Ok(())
    }
}

/// What reading `read` bytes costs where `made` come of it. What is made pays for a little: there are no more bytes of that than
/// the limit on pixels allows, whereas files may well have the same blank tile in many places.
fn cost(read: usize, made: usize) -> u64 {
    (read as u64).saturating_sub(made as u64 / 16)
}

fn too_costly() -> Error {
    let what = "its strips or tiles are many, small, and share their bytes";
    Error::new(ErrorKind::TooLarge, format!("{} too costly: {what}", Format::Tiff.name()))
}

/// The lengths of strips that have none: what the file has beside its directory, in equal parts
/// (`EstimateStripByteCounts`).
fn guessed(directory: &Directory<'_>, offsets: &[u64], count: usize) -> Vec<u64> {
    let whole = directory.bytes.len() as u64;
    let space = directory.overhead.and_then(|overhead| whole.checked_sub(overhead)).unwrap_or(whole) / count as u64;
    let last = offsets.get(count - 1).copied().unwrap_or(0);
    let mut lengths = vec![space; count];
    lengths[count - 1] = space.min(whole.saturating_sub(last));
    lengths
}

/// What reading all of `bytes` a few times takes.
fn budget(bytes: &[u8]) -> u64 {
    (bytes.len() as u64).saturating_mul(16).saturating_add(1 << 20)
}
