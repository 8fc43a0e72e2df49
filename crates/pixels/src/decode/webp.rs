//! WebP: lossy, lossless, with alpha; of an animation the first frame.
//!
//! The first frame of an animation is read as a still picture of its own and laid on a transparent black canvas, as
//! libwebp does for Pillow: blended with nothing, and whatever the file's background colour.

mod lossy;

use std::io::Cursor;
use std::sync::Arc;

use ::image::codecs::webp::WebPDecoder;
use ::image::{ColorType, ImageDecoder};

pub(super) use self::lossy::Lossy;
use super::{Picture, allowed, failed, pixel_buffer, read};
use crate::exif::Metadata;
use crate::format::Format;
use crate::limits::Limits;
use crate::pixels::{Header, Layout, Pixels};
use crate::{Error, ErrorKind, Result};

pub(super) fn open<'a>(bytes: &[u8], limits: &Limits) -> Result<Picture<'a>> {
    let held = |pixels| Picture::Pixels(Arc::new(pixels));
    if is_animation(bytes) {
        let broken = || Error::new(ErrorKind::Decode, "WebP broken: the first frame of its animation is not whole");
        return FirstFrame::of(bytes).ok_or_else(broken)?.decode(limits).map(held);
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|error| failed(Format::WebP, error))?;
    if decoder.color_type() == ColorType::Rgb8 {
        let (exif, xmp) = (decoder.exif_metadata().ok().flatten(), decoder.xmp_metadata().ok().flatten());
        let orientation = Metadata { exif, xmp }.orientation();
        // Lossless without alpha is RGB, too, and has no such chunk.
        if let Some(lossy) = Lossy::open(bytes, decoder.dimensions(), orientation, limits)? {
            return Ok(Picture::WebP(Box::new(lossy)));
        }
    }
    read(Format::WebP, decoder, limits).map(held)
}

/// Does the first chunk say so?
fn is_animation(bytes: &[u8]) -> bool {
    matches!(bytes.get(12..).and_then(chunk), Some((b"VP8X", &[flags, ..], _)) if flags & ANIMATION != 0)
}

/// The first frame of an animation.
struct FirstFrame {
    /// A WebP file of the frame alone.
    still: Vec<u8>,
    left: u32,
    top: u32,
    canvas_width: u32,
    canvas_height: u32,
    /// Does the animation say that it has transparency?
    alpha: bool,
    metadata: Metadata,
}

const ALPHA: u8 = 0x10;
const ANIMATION: u8 = 0x02;

impl FirstFrame {
    /// Of an animation that is whole up to its first frame's end.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (_, header, rest) = chunk(bytes.get(12..)?)?;
        let &[flags, _, _, _, ..] = header else { return None };
        let (canvas_width, canvas_height) = (u24(header, 4)? + 1, u24(header, 7)? + 1);
        let mut frame = None;
        let mut metadata = Metadata::default();
        let mut chunks = rest;
        while let Some((name, data, rest)) = chunk(chunks) {
            match name {
                b"ANMF" if frame.is_none() => frame = Some(data),
                b"EXIF" if metadata.exif.is_none() => metadata.exif = Some(data.to_vec()),
                b"XMP " if metadata.xmp.is_none() => metadata.xmp = Some(data.to_vec()),
                _ => {}
            }
            chunks = rest;
        }
        let frame = frame?;
        let (left, top) = (u24(frame, 0)? * 2, u24(frame, 3)? * 2);
        let still = still(frame.get(16..)?, &frame[6..12])?;
        let alpha = flags & ALPHA != 0;
        Some(Self { still, left, top, canvas_width, canvas_height, alpha, metadata })
    }

    fn decode(self, limits: &Limits) -> Result<Pixels> {
        let fail = |error| failed(Format::WebP, error);
        let mut decoder = WebPDecoder::new(Cursor::new(self.still)).map_err(fail)?;
        let (width, height) = decoder.dimensions();
        let channels = usize::from(decoder.color_type().bytes_per_pixel());
        let canvas_channels = if self.alpha { 4 } else { 3 };
        let mut canvas = pixel_buffer(self.canvas_width, self.canvas_height, canvas_channels as u64, 0, limits)?;
        let left = limits.max_alloc.saturating_sub(canvas.len() as u64);
        let mut frame = pixel_buffer(width, height, channels as u64, 0, &Limits { max_alloc: left, ..*limits })?;
        decoder.set_limits(allowed(left.saturating_sub(frame.len() as u64))).map_err(fail)?;
        decoder.read_image(&mut frame).map_err(fail)?;
        let rows = canvas.chunks_exact_mut(self.canvas_width as usize * canvas_channels).skip(self.top as usize);
        for (row, from) in rows.zip(frame.chunks_exact(width as usize * channels)) {
            let pixels = row.chunks_exact_mut(canvas_channels).skip(self.left as usize);
            for (pixel, from) in pixels.zip(from.chunks_exact(channels)) {
                for (channel, to) in pixel.iter_mut().enumerate() {
                    *to = from.get(channel).copied().unwrap_or(255);
                }
            }
        }
        let layout = if self.alpha { Layout::Rgba } else { Layout::Rgb };
        let (width, height) = (self.canvas_width as usize, self.canvas_height as usize);
        Pixels::new(Header { width, height, layout, orientation: self.metadata.orientation() }, canvas)
    }
}

/// A WebP file of a frame's `chunks`; `size` is its width and height less one, 24 bits each.
fn still(chunks: &[u8], size: &[u8]) -> Option<Vec<u8>> {
    let (first, _, rest) = chunk(chunks)?;
    let mut body = b"WEBP".to_vec();
    let used = if first == b"ALPH" {
        body.extend_from_slice(b"VP8X\x0a\0\0\0");
        body.extend_from_slice(&[ALPHA, 0, 0, 0]);
        body.extend_from_slice(size);
        let (_, _, after) = chunk(rest)?;
        chunks.len() - after.len()
    } else {
        chunks.len() - rest.len()
    };
    body.extend_from_slice(&chunks[..used]);
    let mut file = b"RIFF".to_vec();
    file.extend_from_slice(&u32::try_from(body.len()).ok()?.to_le_bytes());
    file.append(&mut body);
    Some(file)
}

/// The first chunk of `bytes`: its name, its data, and what follows it.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (name, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let data = rest.get(..length)?;
    let after = rest.get(length.checked_add(length % 2)?..).unwrap_or_default();
    Some((name, data, after))
}

fn u24(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 3)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]))
}
