//! What a user calls: [`Decoder`].

use std::ops::Range;

use simd::Isa;

use crate::container::{File, Frame};
use crate::vp8::{self, Header, Wanted};
use crate::vp8l::{self, Source};
use crate::{Error, ErrorKind, Result, alpha, memory};

/// A WebP file whose headers have been read.
pub struct Decoder<'a> {
    file: File<'a>,
    table_limit: u64,
    pub(crate) isa: Isa,
}

impl<'a> Decoder<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    /// `Broken` or `CutShort` for what libwebp does not take for a WebP file.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        Ok(Self { file: File::read(bytes)?, table_limit: 64 << 20, isa: Isa::best() })
    }

    /// Allows the tables of a lossless picture's prefix codes so many bytes; how many they take is known only when
    /// they are read, and while they grow they may take three times as much. Default: 64 MiB, where the picture of a
    /// well-known encoder needs a few.
    pub fn with_table_limit(self, table_limit: u64) -> Self {
        Self { table_limit, ..self }
    }

    /// Width and height, in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.file.width, self.file.height)
    }

    /// Bytes of a pixel: 3 for RGB, 4 for RGBA.
    pub fn channels(&self) -> usize {
        if self.file.has_alpha { 4 } else { 3 }
    }

    /// The EXIF data, if a flag says that there are some.
    pub fn exif(&self) -> Option<&'a [u8]> {
        self.file.exif
    }

    /// The XMP data, if a flag says that there are some.
    pub fn xmp(&self) -> Option<&'a [u8]> {
        self.file.xmp
    }

    /// How many bytes of memory decoding takes, besides the [tables of codes](Self::with_table_limit) and the rows that
    /// are handed on.
    pub fn memory(&self) -> u64 {
        let Frame { info, alpha, .. } = self.file.frame;
        let (width, height) = (info.width, info.height);
        let canvas = (self.file.width * self.channels()) as u64;
        canvas
            + match (info.lossless, alpha) {
                (true, _) => vp8l::memory(width, height) + (width * self.channels()) as u64,
                (false, None) => vp8::memory(width, self.channels()),
                (false, Some(_)) => vp8::memory(width, self.channels()) + alpha::memory(width, height),
            }
    }

    /// Decodes the picture, of an animation its first frame, and hands `rows` of it to `sink` from the top, a few at a
    /// time: each is as long as the picture is wide, and the next one follows at once. Where the frame does not reach,
    /// all bytes are 0.
    ///
    /// The other rows are read, since the rest can't be found otherwise, and errors in them count.
    ///
    /// # Errors
    /// `InvalidArea` for rows that are none or not within the picture, `Broken`, `CutShort`, `TooLarge` for tables over
    /// their limit, `OutOfMemory`, and those of `sink`.
    pub fn decode<E: From<Error>>(
        self,
        rows: Range<usize>,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (width, height) = self.size();
        if rows.is_empty() || rows.end > height {
            return Err(
                Error::new(ErrorKind::InvalidArea, format!("no rows {rows:?} in {width}x{height} pixels")).into()
            );
        }
        let Frame { left, top, info, .. } = self.file.frame;
        if (left, top, info.width, info.height) == (0, 0, width, height) {
            return self.decode_frame(rows, &mut sink);
        }
        let channels = self.channels();
        let mut row = memory::filled(width * channels, 0)?;
        let bottom = top + info.height;
        for _ in rows.start..rows.end.min(top) {
            sink(&row)?;
        }
        let start = rows.start.clamp(top, bottom) - top;
        let end = rows.end.clamp(top, bottom) - top;
        let (place, length) = (left * channels..(left + info.width) * channels, info.width * channels);
        self.decode_frame(start..end, &mut |pixels| {
            for pixels in pixels.chunks_exact(length) {
                row[place.clone()].copy_from_slice(pixels);
                sink(&row)?;
            }
            Ok::<(), E>(())
        })?;
        row.fill(0);
        for _ in rows.start.max(bottom)..rows.end {
            sink(&row)?;
        }
        Ok(())
    }

    /// Decodes the whole picture: rows of pixels from the top, [`channels`](Self::channels) bytes each.
    ///
    /// # Errors
    /// Those of [`decode`](Self::decode).
    pub fn decode_whole(self) -> Result<Vec<u8>> {
        let (width, height) = self.size();
        let length = width.saturating_mul(height).saturating_mul(self.channels());
        let mut pixels = memory::filled(length, 0)?;
        let mut rest = pixels.as_mut_slice();
        self.decode(0..height, |rows| {
            let (now, later) = std::mem::take(&mut rest).split_at_mut(rows.len());
            now.copy_from_slice(rows);
            rest = later;
            Ok::<(), Error>(())
        })?;
        Ok(pixels)
    }

    /// The same of the frame, and of any rows of it, or none.
    fn decode_frame<E: From<Error>>(
        self,
        rows: Range<usize>,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (channels, isa, table_limit) = (self.channels(), self.isa, self.table_limit);
        let Frame { info, data, alpha, .. } = self.file.frame;
        let (width, height) = (info.width, info.height);
        if info.lossless {
            let mut pixels = memory::filled(width * channels, 0)?;
            let mut y = 0;
            return vp8l::decode(Source { data, width, height, is_alpha: false, table_limit }, &mut |row| {
                y += 1;
                if !rows.contains(&(y - 1)) {
                    return Ok(());
                }
                to_bytes(row, channels, &mut pixels);
                sink(&pixels)
            });
        }
        let header = Header::read(data, width, height)?;
        // Alpha that is not asked for has to be right all the same.
        let plane = alpha.map(|chunk| alpha::decode(chunk, width, height, table_limit)).transpose()?;
        let opaque = memory::filled(width, 255)?;
        let alpha = (channels == 4).then(|| match &plane {
            Some(plane) => (&plane[..], width),
            None => (&opaque[..], 0),
        });
        vp8::decode(header, &Wanted { width, height, rows, alpha, isa }, sink)
    }
}

/// Red, green and blue, and alpha where there are four `channels`.
fn to_bytes(row: &[u32], channels: usize, out: &mut [u8]) {
    if channels == 4 {
        for (out, pixel) in out.as_chunks_mut::<4>().0.iter_mut().zip(row) {
            let [b, g, r, a] = pixel.to_le_bytes();
            *out = [r, g, b, a];
        }
    } else {
        for (out, pixel) in out.as_chunks_mut::<3>().0.iter_mut().zip(row) {
            let [b, g, r, _] = pixel.to_le_bytes();
            *out = [r, g, b];
        }
    }
}
