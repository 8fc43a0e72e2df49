//! JPEG inside TIFF: strips or tiles that each are a JPEG file, but for tables that they may share. They are read by this
//! crate's own decoder, for libtiff leaves them to libjpeg; what has to fit and what is forgiven is libtiff's
//! (`tif_jpeg.c`).

use super::chunks::{Chunk, Chunks};
use super::directory::{Directory, broken, tag};
use super::kind::{Kind, Meaning};
use super::unpack::Unpacker;
use crate::decode::check_memory;
use crate::limits::Limits;
use crate::pixels::Area;
use crate::{Error, Result, memory};
use ::jpeg::{Colors, Decoder, Scale, Tables};

/// Fills `data`, [`Meaning::channels`] bytes a pixel; YCbCr becomes RGB where it is not in planes.
///
/// # Errors
/// `Decode` for what is broken, `UnsupportedFormat` for what is not read, `TooLarge`.
pub(super) fn decode(
    directory: &Directory<'_>,
    kind: Kind,
    size: (usize, usize),
    mut chunks: Chunks<'_>,
    data: &mut [u8],
    limits: &Limits,
) -> Result<()> {
    let channels = kind.meaning.channels();
    let planar = kind.planar && channels > 1;
    let stored = if kind.planar { Kind { samples: 1, ..kind } } else { kind };
    let colors = if kind.meaning == Meaning::YCbCr && !planar { Colors::YCbCr } else { Colors::Stored };
    let unpacker = Unpacker::new(stored, directory.order);
    let within = |error: ::jpeg::Error| Error::from(error).within("in TIFF");
    let mut tables = match directory.data(tag::JPEG_TABLES) {
        Some(tables) => Tables::parse(tables).map_err(within)?,
        None => Tables::default(),
    };
    let planes = if planar { channels } else { 1 };
    let made = chunks.width.saturating_mul(chunks.height).saturating_mul(stored.samples);
    let least = super::codec::Compression::Jpeg.least_work();
    chunks.check_cost(planes * chunks.count, least, made)?;
    for index in 0..planes * chunks.count {
        let (plane, chunk) = (index / chunks.count, chunks.place(index % chunks.count, size));
        let (_, part) = chunks.part(index, made)?;
        chunks.charge(part.len() + least, made)?;
        let decoder = Decoder::abbreviated(part, &tables).map_err(within)?.with_colors(colors);
        // What one strip says holds for the next.
        tables = decoder.tables().clone();
        let found = decoder.size(Scale::Full);
        check_size(found, &chunks, &chunk)?;
        if decoder.channels() != stored.samples {
            return Err(broken(format_args!("a JPEG of {} components in it", decoder.components())));
        }
        check_memory(found, decoder.memory(Scale::Full), limits)?;
        let mut rows = data.chunks_exact_mut(size.0 * channels).skip(chunk.y).take(chunk.rows);
        let columns = chunk.x * channels..(chunk.x + chunk.columns) * channels;
        let (visible, row_count) = (found.0.min(chunk.columns), found.1.min(chunk.rows));
        let unpack = |from: &[u8], to: &mut [u8]| {
            if planar {
                unpacker.plane(from, to, plane, channels);
            } else {
                unpacker.row(from, to);
            }
        };
        if visible < chunk.columns || row_count < chunk.rows {
            // What a JPEG that is too small leaves is zero.
            let length = chunk.columns.saturating_mul(stored.samples) as u64;
            check_memory(found, decoder.memory(Scale::Full).saturating_add(length), limits)?;
            let empty = memory::zeroed(chunk.columns, 1, stored.samples)?;
            for row in data.chunks_exact_mut(size.0 * channels).skip(chunk.y).take(chunk.rows) {
                unpack(&empty, &mut row[columns.clone()]);
            }
            rows = data.chunks_exact_mut(size.0 * channels).skip(chunk.y).take(chunk.rows);
        }
        let area = Area { columns: 0..visible, rows: 0..row_count };
        let columns = columns.start..columns.start + visible * channels;
        let mut missing = row_count;
        let result = decoder.decode(Scale::Full, area, |decoded| {
            // In this order: an iterator that ends second has lost an item.
            for (from, to) in decoded.chunks_exact(visible * stored.samples).zip(rows.by_ref()) {
                unpack(from, &mut to[columns.clone()]);
                missing -= 1;
            }
            Ok::<(), Error>(())
        });
        // What is wrong after the last row is of no account to libtiff.
        result.or_else(|error| if missing == 0 { Ok(()) } else { Err(error.within("in TIFF")) })?;
    }
    Ok(())
}

/// A JPEG must not be larger than its strip or tile, but for the last strip, which may be as high as the others.
fn check_size(found: (usize, usize), chunks: &Chunks<'_>, chunk: &Chunk) -> Result<()> {
    let expected = if chunks.tiled { (chunks.width, chunks.height) } else { (chunks.width, chunk.rows) };
    let higher = !chunks.tiled && found.0 == expected.0;
    if found.0 > expected.0 || (found.1 > expected.1 && !higher) {
        let (what, place) = (format!("{}x{}", found.0, found.1), format!("{}x{}", expected.0, expected.1));
        return Err(broken(format_args!("a JPEG of {what} pixels where there is space for {place}")));
    }
    Ok(())
}
