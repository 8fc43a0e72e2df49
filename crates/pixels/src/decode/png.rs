//! PNG: every colour type and depth, interlaced or not; of an animation the picture that stands for it.
//!
//! Profiles and texts are not unpacked by the decoder, where a few bytes can become gigabytes. The two texts that
//! say which side is up are looked for here, before the pixels and after them.

use std::io::Cursor;
use std::sync::Arc;

use ::png::{BitDepth, ColorType, Decoder, DecodingError, Limits as PngLimits, Reader, Transformations};

use super::{Picture, broken, cut_in_place, cut_to_8_bits, pixel_buffer, unsupported};
use crate::exif::Metadata;
use crate::format::Format;
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Area, Header, Layout, Pixels, RowSink, Rows};
use crate::{Error, ErrorKind, Result};

/// What the decoder may take besides the pixels.
const MAX_BESIDES: usize = 64 << 20;
/// Rows that are handed on at a time.
const BATCH: usize = 8;
/// How large an unpacked text may be.
const MAX_TEXT: usize = 2 << 20;

/// A PNG whose rows are to be read.
pub(crate) struct Png<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    header: Header,
    wide: bool,
}

/// Reads the header, and of an interlaced picture, whose rows come in no useful order, all pixels.
pub(super) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Picture<'a>> {
    let besides = usize::try_from(limits.max_alloc).unwrap_or(usize::MAX).min(MAX_BESIDES);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), PngLimits { bytes: besides });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let (width, height) = decoder.read_header_info().map_err(failed)?.size();
    super::check_pixels(u64::from(width), u64::from(height), limits)?;
    let mut reader = decoder.read_info().map_err(failed)?;
    // The decoder takes entries of three bytes from it, without looking whether there are three.
    if let Some(palette) = reader.info().palette.as_ref().filter(|palette| palette.len() % 3 != 0) {
        return Err(Error::new(ErrorKind::Decode, format!("PNG broken: a palette of {} bytes", palette.len())));
    }
    let (color, depth) = reader.output_color_type();
    let layout = match color {
        ColorType::Grayscale => Layout::Gray,
        ColorType::GrayscaleAlpha => Layout::GrayAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        ColorType::Indexed => return Err(unsupported(Format::Png, "a palette that can't be applied")),
    };
    let wide = depth == BitDepth::Sixteen;
    let orientation = metadata(bytes).orientation();
    let header = Header { width: width as usize, height: height as usize, layout, orientation };
    if !reader.info().interlaced {
        return Ok(Picture::Png(Box::new(Png { reader, header, wide })));
    }
    let mut data = pixel_buffer(width, height, layout.channels() as u64 * if wide { 2 } else { 1 }, 0, limits)?;
    reader.next_frame(&mut data).map_err(failed)?;
    if wide {
        native_16_bit(&mut data);
        cut_to_8_bits(layout, &mut data);
    }
    Ok(Picture::Pixels(Arc::new(Pixels::new(header, data)?)))
}

impl Png<'_> {
    pub(super) fn header(&self) -> Header {
        self.header
    }

    pub(super) fn read(mut self, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
        let Header { width, height, layout, .. } = self.header;
        let channels = layout.channels();
        let stride = width * channels * if self.wide { 2 } else { 1 };
        let mut batch = memory::zeroed(stride, BATCH, 1)?;
        let mut count = 0;
        for y in 0..height {
            let row = &mut batch[count * stride..][..stride];
            if self.reader.read_row(row).map_err(failed)?.is_none() {
                return Err(Error::new(ErrorKind::Decode, format!("PNG broken: {y} rows of {height}")));
            }
            if !area.rows.contains(&y) {
                continue;
            }
            if self.wide {
                native_16_bit(row);
                cut_in_place(layout, row);
            }
            count += 1;
            if count == BATCH || y + 1 == area.rows.end {
                sink(Rows { bytes: &batch[area.columns.start * channels..], stride, count })?;
                count = 0;
            }
        }
        // What follows the last row counts, as it does for a whole frame.
        self.reader.read_row(&mut batch).map_err(failed).map(|_| ())
    }
}

/// From the file's byte order to the machine's.
fn native_16_bit(data: &mut [u8]) {
    data.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| *sample = u16::from_be_bytes(*sample).to_ne_bytes());
}

/// EXIF and XMP, wherever they stand.
fn metadata(bytes: &[u8]) -> Metadata {
    let mut metadata = Metadata::default();
    let mut in_text = None;
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((name, data, after)) = chunk(rest) {
        match name {
            b"eXIf" => metadata.exif = Some(data.to_vec()),
            b"tEXt" | b"zTXt" => {
                if let Some(text) = data.strip_prefix(b"Raw profile type exif\0") {
                    let text = if name == b"tEXt" { Some(text.to_vec()) } else { unpacked(text) };
                    in_text = text.as_deref().and_then(raw_profile).or(in_text);
                }
            }
            b"iTXt" => {
                if let Some(text) = data.strip_prefix(b"XML:com.adobe.xmp\0") {
                    metadata.xmp = international_text(text).or(metadata.xmp);
                }
            }
            _ => {}
        }
        rest = after;
    }
    metadata.exif = metadata.exif.or(in_text);
    metadata
}

/// The first chunk of `bytes`: its name, its data, and what follows it.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let data = rest.get(..length)?;
    // After the data stands a checksum.
    Some((name, data, rest.get(length.checked_add(4)?..).unwrap_or_default()))
}

/// The text after a byte that names the packing, of which there is one.
fn unpacked(text: &[u8]) -> Option<Vec<u8>> {
    let (0, packed) = text.split_first().map(|(packing, packed)| (*packing, packed))? else { return None };
    fdeflate::decompress_to_vec_bounded(packed, MAX_TEXT).ok()
}

/// The text of an iTXt chunk after its keyword: a flag, a packing, a language, a translated keyword, the text.
fn international_text(text: &[u8]) -> Option<Vec<u8>> {
    let (&packed, rest) = text.split_first()?;
    let mut parts = rest.get(1..)?.splitn(3, |&byte| byte == 0);
    let text = parts.nth(2)?;
    if packed == 0 { Some(text.to_vec()) } else { fdeflate::decompress_to_vec_bounded(text, MAX_TEXT).ok() }
}

/// The bytes of ImageMagick's `\nexif\n    1234\n4578…`: after three lines hexadecimal digits.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.splitn(4, |&byte| byte == b'\n').nth(3)?;
    let mut digits = digits.iter().filter(|byte| !byte.is_ascii_whitespace()).map(|&byte| (byte as char).to_digit(16));
    let mut bytes = Vec::new();
    while let Some(high) = digits.next() {
        bytes.push((high? * 16 + digits.next()??) as u8);
    }
    Some(bytes)
}

fn failed(error: DecodingError) -> Error {
    match error {
        DecodingError::LimitsExceeded => Error::new(ErrorKind::TooLarge, "PNG over the limits").with_source(error),
        _ => broken(Format::Png, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Orientation;

    fn with_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(name);
        file.extend(data);
        file.extend([0; 4]);
        file
    }

    #[test]
    fn the_orientation_is_found_in_every_chunk_that_pillow_reads() {
        let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let hex: String = exif.iter().map(|byte| format!("{byte:02x}")).collect();
        let raw = format!("\nexif\n      26\n{}\n{}\n", &hex[..20], &hex[20..]);
        let xmp = b"<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/>";
        let packed = |text: &[u8]| fdeflate::compress_to_vec(text);
        let cases: [(&[u8; 4], Vec<u8>); 5] = [
            (b"eXIf", exif.to_vec()),
            (b"tEXt", [b"Raw profile type exif\0", raw.as_bytes()].concat()),
            (b"zTXt", [b"Raw profile type exif\0\0", packed(raw.as_bytes()).as_slice()].concat()),
            (b"iTXt", [b"XML:com.adobe.xmp\0\0\0\0\0", xmp.as_slice()].concat()),
            (b"iTXt", [b"XML:com.adobe.xmp\0\x01\0en\0x\0", packed(xmp).as_slice()].concat()),
        ];
        for (name, data) in cases {
            let mut file = with_chunk(name, &data);
            assert_eq!(metadata(&file).orientation(), Orientation::Rotate90, "{}", name.escape_ascii());
            while file.pop().is_some() {
                // Whatever is left makes no sense, and does no harm.
                metadata(&file).orientation();
            }
        }
    }
}
