//! TIFF: whatever Pillow opens, and the same values.
//!
//! ```text
//! directory.rs  tags                                kind.rs       what samples are and mean
//! raw.rs        samples that are not compressed     chunks.rs     strips and tiles of those that are
//! codec.rs      unpacks them: lzw.rs, packbits.rs, fax.rs, lzma.rs, zstd.rs
//! jpeg.rs       JPEG in strips and tiles            old_jpeg.rs   JPEG from before that was agreed on
//! webp.rs       WebP in strips and tiles            predictor.rs  differences summed up
//! unpack.rs     samples to bytes                    ycbcr.rs      YCbCr by libtiff's rules
//! lab.rs        CIELab by Little CMS's
//! ```
//!
//! Pillow reads uncompressed files by itself and leaves the others to libtiff, and the two differ: in what they make of
//! planes, of YCbCr, of numbers in the other byte order, and of what is missing or broken. So there are two ways here,
//! too.

mod chunks;
mod codec;
mod directory;
mod fax;
mod jpeg;
mod kind;
mod lab;
mod lzma;
mod lzw;
mod old_jpeg;
mod packbits;
mod predictor;
mod raw;
mod unpack;
mod webp;
mod ycbcr;
mod zstd;

use self::chunks::Chunks;
use self::codec::{Codec, Compression};
use self::directory::{ByteOrder, Directory, broken, tag};
use self::fax::Fax;
use self::kind::{Kind, Meaning, Number, unsupported};
use self::lab::Grid;
use self::predictor::Predictor;
use self::unpack::{Unpacker, unpremultiply};
use self::ycbcr::{Subsampling, Tables, blocks_to_rgb, pixels_to_rgb};
use super::{check_memory, check_pixels, cmyk_to_rgb};
use crate::exif::Metadata;
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Header, Layout, Pixels};
use crate::{Error, ErrorKind, Result};

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let directory = Directory::of(bytes)?;
    let by_libtiff = directory.by_libtiff();
    let compression = Compression::of(&directory, &by_libtiff)?;
    let kind = Kind::of(&directory, compression == Compression::OldJpeg)?;
    let dimension = |which| directory.number(which).ok_or_else(|| broken("its width or height is missing"));
    let (width, height) = (dimension(tag::IMAGE_WIDTH)?, dimension(tag::IMAGE_LENGTH)?);
    check_pixels(width, height, limits)?;
    let too_many = || Error::new(ErrorKind::TooLarge, format!("{width}x{height} pixels"));
    let size = (usize::try_from(width).map_err(|_| too_many())?, usize::try_from(height).map_err(|_| too_many())?);

    let channels = kind.meaning.channels();
    // Pillow's alpha of Lab in planes is nothing.
    let layout = match kind.meaning {
        Meaning::Lab if kind.planar => Layout::Rgba,
        meaning => meaning.layout(),
    };
    let looked_up = match kind.meaning {
        Meaning::Palette | Meaning::PaletteAlpha => layout.channels(),
        Meaning::Lab if kind.planar => layout.channels(),
        _ => 0,
    };
    let needed = width.saturating_mul(height).saturating_mul((channels + looked_up) as u64);
    check_memory(size, needed, limits)?;
    let left = Limits { max_alloc: limits.max_alloc - needed, ..*limits };
    let mut data = memory::zeroed(size.0, size.1, channels)?;
    if compression == Compression::None {
        raw::decode(&directory, kind, size, &mut data)?;
        if kind.meaning == Meaning::YCbCr {
            pillow_ycbcr_to_rgb(&mut data);
        }
    } else {
        // libtiff does not believe in planes of an old-style JPEG that is in one strip.
        let one = [tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS].iter().all(|which| by_libtiff.count(*which) == 1);
        let planar = by_libtiff.is_planar() && !(one && compression == Compression::OldJpeg);
        compressed(&by_libtiff, Kind { planar, ..kind }, compression, size, &mut data, &left)?;
    }
    match kind.meaning {
        Meaning::Cmyk => cmyk_to_rgb(&mut data),
        Meaning::Palette => data = colored(&directory, size, &data)?,
        Meaning::PaletteAlpha => data = colored_with_alpha(&directory, size, &data)?,
        Meaning::Lab => {
            Grid::new().convert(&mut data);
            if kind.planar {
                data = transparent(size, &data)?;
            }
        }
        _ => {}
    }
    let metadata = Metadata { exif: directory.exif(), xmp: directory.data(tag::XMP).map(<[u8]>::to_vec) };
    let orientation = metadata.orientation();
    Pixels::new(Header { width: size.0, height: size.1, layout, orientation }, data)
}

/// Fills `data` with the samples of a compressed picture, which libtiff unpacks for Pillow.
fn compressed(
    directory: &Directory<'_>,
    kind: Kind,
    compression: Compression,
    size: (usize, usize),
    data: &mut [u8],
    limits: &Limits,
) -> Result<()> {
    let channels = kind.meaning.channels();
    let planar = kind.planar && channels > 1;
    let planes = if planar { channels } else { 1 };
    let chunks = Chunks::of(directory, size, planes, limits);
    if compression == Compression::OldJpeg {
        // Its strips may be missing: then all of it is elsewhere.
        old_jpeg::decode(directory, kind, size, chunks.ok(), data, limits)?;
        return old_jpeg::to_rgb(directory, kind, data);
    }
    let chunks = chunks?;
    if compression == Compression::WebP {
        webp::decode(directory, kind, size, chunks, data, limits)?;
    } else if compression == Compression::Jpeg {
        jpeg::decode(directory, kind, size, chunks, data, limits)?;
        if kind.meaning == Meaning::YCbCr && planar {
            planes_to_rgb(directory, data)?;
        }
    } else if kind.meaning == Meaning::YCbCr {
        ycbcr(directory, kind, compression, size, chunks, data, limits)?;
    } else {
        unpacked(directory, kind, compression, size, chunks, data, limits)?;
    }
    if planar {
        finish_planes(directory, kind, data);
    }
    Ok(())
}

/// What Pillow does with planes that differs from what it does without (`TiffDecode.c`): alpha is multiplied into the
/// colors unless the file says that it isn't, and that of gray is lost.
fn finish_planes(directory: &Directory<'_>, kind: Kind, data: &mut [u8]) {
    let is_separate = matches!(directory.number_at(tag::EXTRA_SAMPLES, 0), Some(2 | 999));
    match kind.meaning {
        Meaning::Rgba | Meaning::Premultiplied if !is_separate => unpremultiply(data),
        Meaning::GrayAlpha | Meaning::PaletteAlpha => {
            data.as_chunks_mut::<2>().0.iter_mut().for_each(|[_, alpha]| *alpha = 0);
        }
        _ => {}
    }
}

/// Strips or tiles, unpacked one after the other into a buffer that is used again.
struct Unpacking<'a> {
    codec: Codec,
    compression: Compression,
    predictor: Predictor,
    kind: Kind,
    order: ByteOrder,
    chunks: Chunks<'a>,
    buffer: Vec<u8>,
    row_bytes: usize,
    /// A chunk's bytes, turned round; and how many there may be.
    turned: Vec<u8>,
    most_turned: u64,
}

impl<'a> Unpacking<'a> {
    /// With a buffer for chunks of `length` bytes, of rows of `row_bytes`.
    fn new(
        directory: &Directory<'_>,
        kind: Kind,
        compression: Compression,
        chunks: Chunks<'a>,
        (length, row_bytes): (usize, usize),
        limits: &Limits,
    ) -> Result<Self> {
        let value = directory
            .number(tag::PREDICTOR)
            .filter(|&value| compression.has_predictor() && value <= 0xffff)
            .unwrap_or(1);
        let is_float = directory.number_at(tag::SAMPLE_FORMAT, 0) == Some(3);
        let predictor = Predictor::of(value, kind.bits, is_float)?;
        let more = match compression {
            Compression::Fax(_) => Fax::memory(chunks.width),
            // Tables, and a block's literals.
            _ => 1 << 18,
        };
        let needed = (length as u64).saturating_add(more);
        check_memory((chunks.width, chunks.height), needed, limits)?;
        chunks.check_cost(chunks.count, compression.least_work(), length)?;
        let codec = Codec::new(compression, kind, chunks.width)?;
        let buffer = memory::zeroed(length, 1, 1)?;
        Ok(Self {
            codec,
            compression,
            predictor,
            kind,
            order: directory.order,
            chunks,
            buffer,
            row_bytes,
            turned: Vec::new(),
            most_turned: limits.max_alloc - needed,
        })
    }

    /// The first `length` bytes of chunk `index`. Of YCbCr, which libtiff converts, those that there are.
    fn chunk(&mut self, index: usize, length: usize) -> Result<&[u8]> {
        let is_converted = self.kind.meaning == Meaning::YCbCr;
        // Of these libtiff does not notice at all when they are not in the file.
        let is_minor = index >= self.chunks.count || self.chunks.tiled && !index.is_multiple_of(self.chunks.columns);
        let found = self.chunks.part(index, self.buffer.len());
        let out = &mut self.buffer[..length];
        let (start, mut part) = match found {
            Err(_) if is_converted && is_minor => {
                out.fill(0);
                return Ok(&self.buffer);
            }
            part => part?,
        };
        let mut read = 0;
        if self.kind.reversed && !self.codec.reads_reversed() {
            turn(part, &mut self.turned, self.most_turned)?;
            part = &self.turned;
            read = part.len();
        }
        let unpacked = self.codec.unpack(part, start, self.kind.reversed, out);
        self.chunks.charge(read.max(unpacked.read) + self.compression.least_work(), length)?;
        let samples = if self.kind.planar { 1 } else { self.kind.samples };
        let result = unpacked
            .result
            .and_then(|()| self.predictor.undo(out, self.row_bytes, (self.kind.bits, samples), self.order));
        // Of a tile, libtiff takes what fax data there are.
        let is_forgiven = is_converted || self.chunks.tiled && matches!(self.compression, Compression::Fax(_));
        if !is_forgiven {
            result?;
        }
        Ok(&self.buffer)
    }
}

/// Puts `bytes`, with the bits of each the other way round, into `turned`, which may take `most` bytes.
fn turn(bytes: &[u8], turned: &mut Vec<u8>, most: u64) -> Result<()> {
    let length = bytes.len();
    if length as u64 > most {
        let context = format!("a strip or tile of {length} bytes, with space for {most} within the limit");
        return Err(Error::new(ErrorKind::TooLarge, context));
    }
    if turned.capacity() < length {
        *turned = memory::reserved(length, 1, 1)?;
    }
    turned.clear();
    turned.extend(bytes.iter().map(|byte| byte.reverse_bits()));
    Ok(())
}

/// All kinds but YCbCr.
fn unpacked(
    directory: &Directory<'_>,
    kind: Kind,
    compression: Compression,
    size: (usize, usize),
    chunks: Chunks<'_>,
    data: &mut [u8],
    limits: &Limits,
) -> Result<()> {
    let channels = kind.meaning.channels();
    let planar = kind.planar && channels > 1;
    let stored = if kind.planar { Kind { samples: 1, ..kind } } else { kind };
    let row_bytes = (chunks.width as u64).saturating_mul(stored.pixel_bits()).div_ceil(8);
    let row_bytes = usize::try_from(row_bytes).unwrap_or(usize::MAX);
    let length = row_bytes.saturating_mul(chunks.height);
    let count = chunks.count * if planar { channels } else { 1 };
    // Numbers are in the machine's order now, but where Pillow forgets it.
    let forgotten = directory.order == ByteOrder::Big
        && (kind.number == Number::Float || kind.number == Number::Signed && kind.bits > 8);
    let unpacker = Unpacker::new(stored, if forgotten { ByteOrder::Big } else { ByteOrder::Little });
    let mut unpacking = Unpacking::new(directory, kind, compression, chunks, (length, row_bytes), limits)?;
    for index in 0..count {
        let chunks = &unpacking.chunks;
        let (plane, place) = (index / chunks.count, chunks.place(index % chunks.count, size));
        let rows = if chunks.tiled { chunks.height } else { place.rows };
        let bytes = unpacking.chunk(index, rows * row_bytes)?;
        let to = data.chunks_exact_mut(size.0 * channels).skip(place.y).take(place.rows);
        for (to, from) in to.zip(bytes.chunks_exact(row_bytes)) {
            let to = &mut to[place.x * channels..(place.x + place.columns) * channels];
            if planar {
                unpacker.plane(from, to, plane, channels);
            } else {
                unpacker.row(from, to);
            }
        }
    }
    Ok(())
}

/// YCbCr, which libtiff turns into RGB, passing over what is broken.
fn ycbcr(
    directory: &Directory<'_>,
    kind: Kind,
    compression: Compression,
    size: (usize, usize),
    chunks: Chunks<'_>,
    data: &mut [u8],
    limits: &Limits,
) -> Result<()> {
    let subsampling = Subsampling::of(directory)?;
    if kind.planar {
        unpacked(directory, kind, compression, size, chunks, data, limits)?;
        return planes_to_rgb(directory, data);
    }
    let tables = Tables::of(directory)?;
    let Subsampling { horizontal, vertical } = subsampling;
    if !subsampling.is_known() || size.0 < horizontal || size.1 < vertical {
        let what = format!("YCbCr subsampling of {horizontal}x{vertical} of {}x{} pixels", size.0, size.1);
        return Err(unsupported(what));
    }
    let (count, tiled, stored) = (chunks.count, chunks.tiled, chunks.width);
    // libtiff's size of a row, which loses a remainder.
    let row_bytes = if tiled { stored * 3 } else { subsampling.line(stored) / vertical };
    let length = subsampling.size(stored, chunks.height);
    let mut unpacking = Unpacking::new(directory, kind, compression, chunks, (length, row_bytes), limits)?;
    for index in 0..count {
        let place = unpacking.chunks.place(index, size);
        let length = if tiled {
            length
        } else {
            subsampling.size(stored, place.rows).min(place.rows.next_multiple_of(vertical) * row_bytes)
        };
        unpacking.buffer.fill(0);
        let blocks = unpacking.chunk(index, length)?;
        blocks_to_rgb(&tables, subsampling, (blocks, stored), &place, (data, size.0));
    }
    Ok(())
}

/// Of YCbCr in planes, RGB.
fn planes_to_rgb(directory: &Directory<'_>, data: &mut [u8]) -> Result<()> {
    if Subsampling::of(directory)? != (Subsampling { horizontal: 1, vertical: 1 }) {
        return Err(unsupported("subsampled YCbCr in planes"));
    }
    pixels_to_rgb(&Tables::of(directory)?, data);
    Ok(())
}

/// The colors of the numbers in `data`.
fn colored(directory: &Directory<'_>, size: (usize, usize), data: &[u8]) -> Result<Vec<u8>> {
    let colors = palette(directory)?;
    let mut out = memory::reserved(size.0, size.1, 3)?;
    out.extend(data.iter().flat_map(|&number| colors[usize::from(number)]));
    Ok(out)
}

/// The same, each with its alpha.
fn colored_with_alpha(directory: &Directory<'_>, size: (usize, usize), data: &[u8]) -> Result<Vec<u8>> {
    let colors = palette(directory)?;
    let mut out = memory::reserved(size.0, size.1, 4)?;
    out.extend(data.as_chunks::<2>().0.iter().flat_map(|&[number, alpha]| {
        let [red, green, blue] = colors[usize::from(number)];
        [red, green, blue, alpha]
    }));
    Ok(out)
}

/// RGB with an alpha of 0.
fn transparent(size: (usize, usize), data: &[u8]) -> Result<Vec<u8>> {
    let mut out = memory::reserved(size.0, size.1, 4)?;
    out.extend(data.as_chunks::<3>().0.iter().flat_map(|&[red, green, blue]| [red, green, blue, 0]));
    Ok(out)
}

/// The file's colors: all reds, all greens, all blues, of 16 bits. Numbers beyond are black.
fn palette(directory: &Directory<'_>) -> Result<[[u8; 3]; 256]> {
    let count = directory.count(tag::COLOR_MAP) / 3;
    if !directory.has(tag::COLOR_MAP) || count > 256 {
        return Err(broken(format_args!("a palette of {count} colors")));
    }
    let levels = directory.numbers(tag::COLOR_MAP, 3 * count);
    let level = |channel: usize, number: usize| {
        let level = levels.get(channel * count + number).filter(|_| number < count);
        level.map_or(0, |level| (level >> 8) as u8)
    };
    Ok(std::array::from_fn(|number| [0, 1, 2].map(|channel| level(channel, number))))
}

/// BT.601, full range, with Pillow's roundings: its products have 6 fractional bits, which are cut off
/// (<https://github.com/python-pillow/Pillow/blob/main/src/libImaging/ConvertYCbCr.c>).
fn pillow_ycbcr_to_rgb(data: &mut [u8]) {
    const SCALE: i32 = 6;
    let table = |factor: f64| -> [i32; 256] {
        std::array::from_fn(|value| ((value as f64 - 128.0) * factor * f64::from(1 << SCALE) + 0.5) as i32)
    };
    let (red_cr, green_cb, green_cr, blue_cb) = (table(1.402), table(-0.34414), table(-0.71414), table(1.772));
    for pixel in data.as_chunks_mut::<3>().0 {
        let [y, cb, cr] = pixel.map(usize::from);
        let rgb = [red_cr[cr], green_cb[cb] + green_cr[cr], blue_cb[cb]];
        *pixel = rgb.map(|color| (y as i32 + (color >> SCALE)).clamp(0, 255) as u8);
    }
}

#[cfg(test)]
mod tests;
