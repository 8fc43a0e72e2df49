//! WebP inside TIFF: strips or tiles that each are a WebP file (`tif_webp.c`).

use super::chunks::Chunks;
use super::directory::{Directory, broken};
use super::kind::{Kind, unsupported};
use super::unpack::Unpacker;
use crate::decode::Picture;
use crate::decode::webp::WebP;
use crate::limits::Limits;
use crate::pixels::Layout;
use crate::{Result, memory};

/// No WebP is wider.
const MOST_WIDE: usize = (1 << 14) - 1;

/// Fills `data`, [`Meaning::channels`](super::kind::Meaning::channels) bytes a pixel.
///
/// # Errors
/// `Decode` for what is broken, `UnsupportedFormat` for other samples than RGB or RGBA of 8 bits, `TooLarge`.
pub(super) fn decode(
    directory: &Directory<'_>,
    kind: Kind,
    size: (usize, usize),
    mut chunks: Chunks<'_>,
    data: &mut [u8],
    limits: &Limits,
) -> Result<()> {
    if kind.bits != 8 || kind.planar || !matches!(kind.samples, 3 | 4) {
        return Err(unsupported(format_args!("WebP of {} samples of {} bits", kind.samples, kind.bits)));
    }
    let channels = kind.meaning.channels();
    let unpacker = Unpacker::new(kind, directory.order);
    if chunks.width > MOST_WIDE {
        return Err(broken(format_args!("a WebP of {} pixels a row in it", chunks.width)));
    }
    let mut row = memory::zeroed(chunks.width, 1, kind.samples)?;
    let made = row.len().saturating_mul(chunks.height);
    let least = super::codec::Compression::WebP.least_work();
    chunks.check_cost(chunks.count, least, made)?;
    for index in 0..chunks.count {
        let chunk = chunks.place(index, size);
        let (_, part) = chunks.part(index, made)?;
        chunks.charge(part.len() + least, made)?;
        let webp = WebP::open(part, limits).map_err(|error| error.within("in TIFF"))?;
        let header = webp.header();
        let expected = if chunks.tiled { (chunks.width, chunks.height) } else { (chunks.width, chunk.rows) };
        if (header.width, header.height) != expected {
            let found = format!("{}x{}", header.width, header.height);
            let place = format!("{}x{}", expected.0, expected.1);
            return Err(broken(format_args!("a WebP of {found} pixels where there is space for {place}")));
        }
        let pixels = Picture::WebP(webp).into_pixels(limits).map_err(|error| error.within("in TIFF"))?;
        // Where there is no alpha, it is opaque.
        row.fill(255);
        let rows = data.chunks_exact_mut(size.0 * channels).skip(chunk.y).take(chunk.rows);
        for (to, from) in rows.zip(pixels.rows(&header.whole()).iter()) {
            let stored = header.layout.channels();
            let colors = if matches!(header.layout, Layout::Rgb | Layout::Rgba) { stored.min(kind.samples) } else { 0 };
            for (to, from) in row.chunks_exact_mut(kind.samples).zip(from.chunks_exact(stored)) {
                to[..colors].copy_from_slice(&from[..colors]);
            }
            unpacker.row(&row, &mut to[chunk.x * channels..(chunk.x + chunk.columns) * channels]);
        }
    }
    Ok(())
}
