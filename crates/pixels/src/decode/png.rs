//! PNG: every color type and depth, interlaced or not; of an animation the picture that stands for it.
//!
//! Read here from the first byte to the last, since what Pillow forgives and what it refuses depends on how it reads: `chunks`
//! and `text` say what there is, `rows` unpacks the data, `filter` and `expand` make pixels of them. Rows are handed on as they
//! come; an interlaced picture, whose rows come in no useful order, is held.

mod adam7;
mod chunks;
mod expand;
mod filter;
mod rows;
mod text;

use std::sync::Arc;

use simd::Isa;

use self::chunks::{Chunks, Color, Frame, Samples, broken};
use self::expand::Expand;
use self::filter::unfilter;
use self::rows::Rows as FilteredRows;
use super::{Picture, check_memory, check_pixels, pixel_buffer};
use crate::Result;
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Area, Header, Pixels, RowSink, Rows};

/// Rows that are handed on at a time, and how many bytes at most where one is longer.
const BATCH: usize = 8;
const BATCH_BYTES: usize = 256 << 10;

/// A PNG whose rows are to be read.
pub(crate) struct Png<'a> {
    chunks: Chunks<'a>,
    expand: Expand,
    header: Header,
}

/// Reads the header, and of an interlaced picture all pixels.
pub(super) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Picture<'a>> {
    let chunks = Chunks::read(bytes)?;
    let Chunks { width, height, samples, frame, orientation, .. } = chunks;
    check_pixels(u64::from(width), u64::from(height), limits)?;
    if u64::from(frame.left) + u64::from(frame.width) > u64::from(width)
        || u64::from(frame.top) + u64::from(frame.height) > u64::from(height)
    {
        return Err(broken("a frame that is larger than the picture"));
    }
    let row = samples.row_length(u64::from(width));
    check_memory((width, height), row, limits)?;
    let expand = Expand::new(&chunks);
    let header = Header { width: width as usize, height: height as usize, layout: expand.layout, orientation };
    let is_interlaced = chunks.is_interlaced;
    let png = Png { chunks, expand, header };
    if is_interlaced {
        return png.interlaced(limits).map(|pixels| Picture::Pixels(Arc::new(pixels)));
    }
    Ok(Picture::Png(Box::new(png)))
}

/// A row of the picture's data as it was before it was filtered, and the one above it.
struct Raw {
    samples: Samples,
    isa: Isa,
    row: Vec<u8>,
    above: Vec<u8>,
}

impl Raw {
    fn new(samples: Samples, length: usize) -> Result<Self> {
        Ok(Self { samples, isa: Isa::best(), row: memory::zeroed(length, 1, 1)?, above: memory::zeroed(length, 1, 1)? })
    }

    /// Forgets what was above: a new picture begins.
    fn begin(&mut self) {
        self.row.fill(0);
    }

    /// Undoes the filter of the next row.
    fn next(&mut self, filter: u8, filtered: &[u8]) -> &[u8] {
        std::mem::swap(&mut self.row, &mut self.above);
        let length = filtered.len();
        let (row, above) = (&mut self.row[..length], &self.above[..length]);
        unfilter(self.isa, filter, pixel_bytes(self.samples), filtered, above, row);
        row
    }
}

/// How far back a filter looks.
fn pixel_bytes(samples: Samples) -> usize {
    samples.bits_per_pixel().div_ceil(8)
}

impl Png<'_> {
    pub(super) fn header(&self) -> Header {
        self.header
    }

    /// What reading takes, besides the rows.
    pub(super) fn memory(&self) -> u64 {
        let raw = self.row_length(self.chunks.frame.width);
        let stride = self.stride();
        let rows = if self.expand.is_nothing() { 0 } else { 2 };
        let batch = (batch(stride) as u64 + 2) * stride as u64;
        (rows::memory(raw) as u64).saturating_add(raw as u64 * rows).saturating_add(batch)
    }

    /// Bytes in a row of `width` pixels of the data.
    fn row_length(&self, width: u32) -> usize {
        usize::try_from(self.chunks.samples.row_length(u64::from(width))).unwrap_or(usize::MAX)
    }

    /// Bytes in a row of the picture.
    fn stride(&self) -> usize {
        self.header.width.saturating_mul(self.header.layout.channels())
    }

    /// A row in which there is nothing: of zeros, whatever that means.
    fn blank(&self) -> Result<Vec<u8>> {
        let mut blank = memory::zeroed(self.stride(), 1, 1)?;
        // Zeros are zeros; a color of number 0, or a transparent one, need not be.
        if self.chunks.samples.color == Color::Palette || !self.expand.is_nothing() {
            let zeros = memory::zeroed(self.row_length(self.chunks.width), 1, 1)?;
            self.expand.row(&zeros, &mut blank);
        }
        Ok(blank)
    }

    pub(super) fn read(self, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
        let Self { chunks, expand, header } = &self;
        let Frame { left, top, width, height } = chunks.frame;
        let (channels, stride, length) = (header.layout.channels(), self.stride(), self.row_length(width));
        let all = (length as u64 + 1).saturating_mul(u64::from(height));
        let mut rows = FilteredRows::new(chunks.data.clone(), length, all)?;
        let is_whole = header.width == width as usize;
        // Where the data are pixels they are unfiltered right into their places.
        let mut raw = if is_whole && expand.is_nothing() { None } else { Some(Raw::new(chunks.samples, length)?) };
        let (isa, pixel) = (Isa::best(), pixel_bytes(chunks.samples));
        let in_frame = top as usize..top as usize + height as usize;
        let place = left as usize * channels..(left as usize + width as usize) * channels;
        let mut blank = None;
        let mut has_ended = false;

        // The first row of the batch is the one above the others.
        let most = batch(stride);
        let mut batch = memory::zeroed(stride, most + 1, 1)?;
        let mut count = 0;
        for y in 0..header.height {
            let next = if in_frame.contains(&y) && !has_ended { rows.next(length)? } else { None };
            has_ended |= in_frame.contains(&y) && next.is_none();
            if y >= area.rows.end {
                continue;
            }
            let (above, row) = batch[count * stride..].split_at_mut(stride);
            let row = &mut row[..stride];
            if !(is_whole && next.is_some()) {
                if blank.is_none() {
                    blank = Some(self.blank()?);
                }
                row.copy_from_slice(blank.as_deref().unwrap_or_default());
            }
            match (next, &mut raw) {
                (Some((filter, filtered)), None) => unfilter(isa, filter, pixel, filtered, above, row),
                (Some((filter, filtered)), Some(raw)) => {
                    let unfiltered = raw.next(filter, filtered);
                    if area.rows.contains(&y) {
                        expand.row(unfiltered, &mut row[place.clone()]);
                    }
                }
                (None, _) => {}
            }
            count += usize::from(area.rows.contains(&y));
            if count == most || y + 1 == area.rows.end {
                sink(Rows { bytes: &batch[stride + area.columns.start * channels..], stride, count })?;
            }
            if count == most || count == 0 {
                batch.copy_within(count.max(1) * stride..(count.max(1) + 1) * stride, 0);
                count = 0;
            }
        }
        Ok(())
    }

    /// All pixels of an interlaced picture.
    fn interlaced(self, limits: &Limits) -> Result<Pixels> {
        let Self { chunks, expand, header } = &self;
        let (channels, stride) = (header.layout.channels(), self.stride());
        let frame @ Frame { width, height, .. } = chunks.frame;
        let row_length = |pass: adam7::Pass| self.row_length(pass.width(width) as u32);
        let longest = self.row_length(width);
        check_memory((chunks.width, chunks.height), self.memory().saturating_add(longest as u64 * 2), limits)?;
        let taken = Limits { max_alloc: limits.max_alloc.saturating_sub(self.memory()), ..*limits };
        let mut data = pixel_buffer(chunks.width, chunks.height, channels as u64, 0, &taken)?;
        let blank = self.blank()?;
        if blank.iter().any(|&byte| byte != 0) {
            data.chunks_exact_mut(stride).for_each(|row| row.copy_from_slice(&blank));
        }
        let all = |pass: adam7::Pass| (row_length(pass) as u64 + 1).saturating_mul(pass.height(height) as u64);
        let all = adam7::passes(frame).map(all).fold(0, u64::saturating_add);
        let mut rows = FilteredRows::new(chunks.data.clone(), longest, all)?;
        let mut raw = Raw::new(chunks.samples, longest)?;
        let mut line = memory::zeroed(width as usize, channels, 1)?;
        'passes: for pass in adam7::passes(frame) {
            let (length, line) = (row_length(pass), &mut line[..pass.width(width) * channels]);
            raw.begin();
            for y in 0..pass.height(height) {
                let Some((filter, filtered)) = rows.next(length)? else { break 'passes };
                expand.row(raw.next(filter, filtered), line);
                // Pillow lets such a frame begin at the left and top, wherever it should.
                let row = &mut data[(pass.top + y * pass.rows) * stride..][pass.left * channels..stride];
                let places = row.chunks_mut(pass.columns * channels);
                for (place, pixel) in places.zip(line.chunks_exact(channels)) {
                    place[..channels].copy_from_slice(pixel);
                }
            }
        }
        Pixels::new(*header, data)
    }
}

/// How many rows of `stride` bytes are handed on at a time.
fn batch(stride: usize) -> usize {
    (BATCH_BYTES / stride.max(1)).clamp(1, BATCH)
}

#[cfg(test)]
mod tests;
