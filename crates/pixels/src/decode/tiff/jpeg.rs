//! JPEG inside TIFF: strips or tiles that each are a JPEG file, but for tables that they may share. They are read by this
//! crate's own decoder, for libtiff leaves them to libjpeg.

use std::io::Cursor;

use ::tiff::decoder::Decoder as TiffDecoder;
use ::tiff::tags::{PhotometricInterpretation, Tag};

use super::super::check_memory;
use super::{Samples, failed};
use crate::format::Format;
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Area, Header, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};
use ::jpeg::{Colors, Decoder, Scale};

/// What a strip's or tile's JPEG may be larger than it, each way.
const PADDING: usize = 16;

pub(super) fn decode(
    tiff: &mut TiffDecoder<Cursor<&[u8]>>,
    bytes: &[u8],
    samples: Samples,
    orientation: Orientation,
    limits: &Limits,
) -> Result<Pixels> {
    let (layout, colors) = match samples {
        Samples::Plain(Layout::Gray) => (Layout::Gray, Colors::Gray),
        Samples::Plain(Layout::Rgb) => (Layout::Rgb, Colors::Rgb),
        Samples::YCbCr => (Layout::Rgb, Colors::YCbCr),
        Samples::Plain(Layout::GrayAlpha | Layout::Rgba) | Samples::Cmyk => {
            return Err(super::unsupported(Format::Tiff, "JPEG of more than three channels"));
        }
    };
    let (width, height) = tiff.dimensions().map_err(failed)?;
    let (width, height, channels) = (width as usize, height as usize, layout.channels());
    let mut data = memory::zeroed(width, height, channels)?;
    let left = Limits { max_alloc: limits.max_alloc.saturating_sub(data.len() as u64), ..*limits };
    let chunks = Chunks::of(tiff, bytes)?;
    let mut file = Vec::new();
    for (index, part) in chunks.parts.iter().enumerate() {
        let at = (index % chunks.columns * chunks.width, index / chunks.columns * chunks.height);
        let visible = (chunks.width.min(width - at.0), chunks.height.min(height - at.1));
        let decoder =
            Decoder::new(chunks.joined(part, &mut file)).map_err(|error| Error::from(error).within("in TIFF"))?;
        let decoder = decoder.with_colors(colors);
        let size = decoder.size(Scale::Full);
        let fits = size.0 <= chunks.width + PADDING && size.1 <= chunks.height + PADDING;
        if !fits || size.0 < visible.0 || size.1 < visible.1 || decoder.channels() != channels {
            return Err(misfit());
        }
        check_memory(size, decoder.memory(Scale::Full), &left)?;
        let mut rows = data.chunks_exact_mut(width * channels).skip(at.1);
        let columns = at.0 * channels..(at.0 + visible.0) * channels;
        let area = Area { columns: 0..visible.0, rows: 0..visible.1 };
        decoder
            .decode(Scale::Full, area, |decoded| {
                // In this order: an iterator that ends second has lost an item.
                for (from, to) in decoded.chunks_exact(columns.len()).zip(rows.by_ref()) {
                    to[columns.clone()].copy_from_slice(from);
                }
                Ok::<(), Error>(())
            })
            .map_err(|error| error.within("in TIFF"))?;
    }
    if tiff.find_tag_unsigned(Tag::PhotometricInterpretation).map_err(failed)?
        == Some(PhotometricInterpretation::WhiteIsZero.to_u16())
    {
        data.iter_mut().for_each(|value| *value = 255 - *value);
    }
    Pixels::new(Header { width, height, layout, orientation }, data)
}

/// Strips or tiles, row by row.
struct Chunks<'a> {
    parts: Vec<&'a [u8]>,
    /// How many stand side by side, and the size of each.
    columns: usize,
    width: usize,
    height: usize,
    /// Tables that go before each.
    tables: Option<Vec<u8>>,
}

impl<'a> Chunks<'a> {
    fn of(tiff: &mut TiffDecoder<Cursor<&[u8]>>, bytes: &'a [u8]) -> Result<Self> {
        let (whole_width, whole_height) = tiff.dimensions().map_err(failed)?;
        let (width, height) = tiff.chunk_dimensions();
        let (width, height) = (width.max(1), height.max(1));
        let planar = tiff.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).map_err(failed)?;
        if planar.is_some_and(|planar| planar != 1) {
            return Err(super::unsupported(Format::Tiff, "JPEG in planes"));
        }
        let columns = whole_width.div_ceil(width) as usize;
        let count = columns * whole_height.div_ceil(height) as usize;
        let mut numbers = |strips, tiles| -> Result<Vec<usize>> {
            let found = tiff.find_tag_unsigned_vec(strips).map_err(failed)?;
            Ok(match found {
                Some(found) => found,
                None => tiff.find_tag_unsigned_vec(tiles).map_err(failed)?.unwrap_or_default(),
            })
        };
        let offsets = numbers(Tag::StripOffsets, Tag::TileOffsets)?;
        let lengths = numbers(Tag::StripByteCounts, Tag::TileByteCounts)?;
        let within = |(&offset, &length): (&usize, &usize)| bytes.get(offset..offset.checked_add(length)?);
        let parts: Option<Vec<&[u8]>> = offsets.iter().zip(&lengths).take(count).map(within).collect();
        let parts = parts.filter(|parts| parts.len() == count).ok_or_else(misfit)?;
        // The same bytes decoded over and over would take long.
        if parts.iter().map(|part| part.len()).sum::<usize>() > bytes.len().saturating_mul(2) {
            return Err(misfit());
        }
        let tables = tiff.find_tag(Tag::JPEGTables).map_err(failed)?;
        let tables = tables.map(|tables| tables.into_u8_vec()).transpose().map_err(failed)?;
        Ok(Self { parts, columns, width: width as usize, height: height as usize, tables })
    }

    /// A whole JPEG file of `part`, in `file` where that is needed: the tables without their end marker, and the part
    /// without its start marker.
    fn joined<'b>(&self, part: &'b [u8], file: &'b mut Vec<u8>) -> &'b [u8] {
        const MARKER: usize = 2;
        let Some(tables) = self.tables.as_ref().filter(|tables| tables.len() > 2 * MARKER) else { return part };
        file.clear();
        file.extend_from_slice(&tables[..tables.len() - MARKER]);
        file.extend_from_slice(part.get(MARKER..).unwrap_or_default());
        file
    }
}

fn misfit() -> Error {
    Error::new(ErrorKind::Decode, "TIFF broken: a JPEG in it does not fit its place")
}
