//! Resampling that equals Pillow's in every value.
//!
//! An embedding equals Python's only if the pixels that the model sees do, and a sharp edge resampled by another
//! library's bicubic is up to twenty levels off. So this is Pillow's algorithm, step by step
//! (<https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c>):
//!
//! - the filter is stretched by the scale when the picture shrinks (antialiasing), and cut off at the picture's edge;
//! - its weights are computed in f64, divided by their sum, and rounded to integers with 22 fractional bits;
//! - rows are resampled first, then columns; after each pass half is added, the fraction shifted out and the result
//!   clipped to 8 bits;
//! - a pass that would not change the size is left out;
//! - columns go first where that is less work by Pillow 13's measure (see [`columns_first`]).
//!
//! What a following crop throws away is never computed: a [`Job`] says which part of the output is kept, and only the
//! rows and columns that this part depends on are asked for.
//!
//! A [`Resampler`] takes rows as they come out of a decoder, so the picture is never there as a whole. They come in the
//! order in which they are stored; a picture that lies on its side (EXIF) is resampled lying, with the axes exchanged and
//! the weights in reverse where its rows or columns are, and what comes out, which is small, is turned. That gives the
//! same bits, for the order of two passes is exchanged with the axes.
//!
//! In: stored rows of any layout. Out: upright 8-bit RGB rows (`hwc`). The two inner loops have siblings of identical
//! signatures in `resize/`: `scalar` everywhere, and SIMD where the machine has it; `passes` picks. Every one gives the
//! same bits.

mod along;
mod axis;
mod change;
mod down;
mod nearest;
mod passes;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod sse41;
#[cfg(any(target_arch = "x86", target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod vector;

use std::ops::Range;

use self::along::Along;
use self::change::Change;
use self::down::Down;
use super::memory;
use super::pixels::{Area, Header, Layout, Pixels, Rows, row_to_rgb};
use crate::{Error, ErrorKind, Result};

/// How pixels are weighted when an image changes its size. Each equals Pillow's filter of the number given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResizeFilter {
    /// The nearest pixel, no weighting. Pillow's `NEAREST`, 0.
    Nearest,
    /// Linear, over 2 pixels (or 2 output pixels' worth of them when shrinking). Pillow's `BILINEAR`, 2.
    Triangle,
    /// Cubic with a = −0.5, over 4 pixels. Pillow's `BICUBIC`, 3, and CLIP's default.
    CatmullRom,
    /// Windowed sinc over 6 pixels. Pillow's `LANCZOS`, 1.
    Lanczos3,
}

/// Longer sides are refused: Pillow could not allocate them, and positions must stay exact.
pub(crate) const MAX_SIDE: u64 = 1 << 29;

/// Rows that are taken at a time.
const BAND_ROWS: usize = 16;

/// A rectangle of a picture, in upright pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// What is to be resampled, and to what; all of it in upright pixels.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// The part of the picture that is resampled.
    pub(crate) window: Window,
    /// The width and height that it gets.
    pub(crate) size: (usize, usize),
    pub(crate) filter: ResizeFilter,
    /// The part of that which is wanted; not empty.
    pub(crate) columns: Range<usize>,
    pub(crate) rows: Range<usize>,
    /// What transparent pixels are composited over.
    pub(crate) background: Option<[u8; 3]>,
}

/// A resampling under way: stored rows go in, and when all have come, an upright RGB picture comes out.
pub(crate) struct Resampler {
    layout: Layout,
    background: Option<[u8; 3]>,
    /// The stored pixels that are needed.
    area: Area,
    along: Along,
    down: Down,
    /// Which pass comes first.
    along_first: bool,
    /// Whether the result has to be mirrored at its diagonal.
    transposed: bool,
    /// Rows turned into RGB, or one that has gone through the first pass only.
    between: Vec<u8>,
    out: Vec<u8>,
    height: usize,
}

impl Resampler {
    /// A resampling of pictures as `header` describes them, which takes up to `allowed` bytes of memory.
    ///
    /// # Errors
    /// `TooLarge` where a side is over [`MAX_SIDE`] or more memory is needed, `OutOfMemory` where it can't be had.
    pub(crate) fn new(header: &Header, job: Job, allowed: u64) -> Result<Self> {
        let Job { window, size, filter, columns, rows, background } = job;
        if size.0 as u64 > MAX_SIDE || size.1 as u64 > MAX_SIDE {
            return Err(Error::new(ErrorKind::TooLarge, format!("a resize to {}x{} pixels", size.0, size.1)));
        }
        let columns_first = columns_first((window.width, window.height), size);
        let (flips_across, flips_down) = (header.orientation.flips_across(), header.orientation.flips_down());
        let across = (window.left, window.width, size.0, columns);
        let down = (window.top, window.height, size.1, rows);
        let transposed = header.orientation.swaps();
        let (across, down) = if transposed { (down, across) } else { (across, down) };

        let (start, inputs, outputs, kept) = across;
        let change = Change::new(inputs, outputs, filter, &kept, flips_across)?;
        let stored_start = if flips_across { header.width - start - inputs } else { start };
        let area_across = shifted(change.inputs(&kept), stored_start);
        let (out_width, across_is_weighted) = (kept.len(), change.is_weighted());
        let along = Along::new(change, kept)?;

        let (start, inputs, outputs, kept) = down;
        let change = Change::new(inputs, outputs, filter, &kept, flips_down)?;
        let stored_start = if flips_down { header.height - start - inputs } else { start };
        let area_down = shifted(change.inputs(&kept), stored_start);
        // Where but one pass has weights, rows get shorter first, if they do.
        let along_first = !(across_is_weighted && change.is_weighted()) || columns_first == transposed;
        let row_length = if along_first { out_width * 3 } else { area_across.len() * 3 };
        let height = kept.len();

        let between_rows = if along_first && header.layout == Layout::Rgb { 0 } else { BAND_ROWS };
        let out_length = (out_width as u64).saturating_mul(height as u64).saturating_mul(3);
        let needed = Down::memory(&change, &kept, row_length, BAND_ROWS)
            .saturating_add((area_across.len() * 3 * between_rows) as u64)
            .saturating_add(out_length);
        if needed > allowed {
            let context = format!("a resize to {}x{} takes {needed} bytes, over the limit", size.0, size.1);
            return Err(Error::new(ErrorKind::TooLarge, context));
        }
        Ok(Self {
            layout: header.layout,
            background,
            down: Down::new(change, kept, flips_down, row_length, BAND_ROWS)?,
            between: memory::zeroed(area_across.len(), between_rows, 3)?,
            area: Area { columns: area_across, rows: area_down },
            along,
            along_first,
            transposed,
            out: memory::zeroed(out_width, height, 3)?,
            height,
        })
    }

    /// The stored pixels that are to be pushed.
    pub(crate) fn area(&self) -> Area {
        self.area.clone()
    }

    /// Takes the next rows of [`area`](Self::area).
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn push(&mut self, rows: Rows<'_>) -> Result<()> {
        let mut taken = 0;
        while taken < rows.count {
            let count = BAND_ROWS.min(rows.count - taken);
            let band = Rows { bytes: &rows.bytes[taken * rows.stride..], stride: rows.stride, count };
            if self.along_first {
                self.take_along_first(band)?
            } else {
                self.take_down_first(band)?
            }
            taken += count;
        }
        Ok(())
    }

    fn take_along_first(&mut self, band: Rows<'_>) -> Result<()> {
        let room = self.down.room(band.count);
        if self.layout == Layout::Rgb {
            self.along.apply(band.bytes, band.stride, room)?;
        } else {
            let rgb_stride = self.area.columns.len() * 3;
            to_rgb(self.layout, self.background, band, self.area.columns.len(), &mut self.between);
            self.along.apply(&self.between, rgb_stride, room)?;
        }
        let row_length = self.along.width() * 3;
        while let Some(place) = self.down.ready() {
            self.down.make(place, &mut self.out[place * row_length..][..row_length])?;
        }
        Ok(())
    }

    fn take_down_first(&mut self, band: Rows<'_>) -> Result<()> {
        let (stored_length, row_length) = (self.area.columns.len() * 3, self.along.width() * 3);
        to_rgb(self.layout, self.background, band, self.area.columns.len(), self.down.room(band.count));
        while let Some(place) = self.down.ready() {
            let row = &mut self.between[..stored_length];
            self.down.make(place, row)?;
            self.along.apply(row, stored_length, &mut self.out[place * row_length..][..row_length])?;
        }
        Ok(())
    }

    /// The result, once all rows have come.
    ///
    /// # Errors
    /// `Decode` where rows are missing, `OutOfMemory`.
    pub(crate) fn finish(mut self) -> Result<Pixels> {
        if !self.down.is_done() {
            return Err(Error::new(ErrorKind::Decode, "the picture has fewer rows than it should"));
        }
        let (width, height) = (self.along.width(), self.height);
        if !self.transposed {
            return Pixels::upright_rgb(width, height, self.out);
        }
        let mut turned = memory::zeroed(width, height, 3)?;
        let (stored, _) = self.out.as_chunks::<3>();
        for (x, column) in turned.as_chunks_mut::<3>().0.chunks_exact_mut(height).enumerate() {
            for (to, row) in column.iter_mut().zip(stored.chunks_exact(width)) {
                *to = row[x];
            }
        }
        Pixels::upright_rgb(height, width, turned)
    }
}

/// Does Pillow 13 resample the columns before the rows? The order shows where the first pass clips. Found by comparing
/// with Pillow 13.0.0 (tests/golden/README.md); up to Pillow 12 rows always went first.
fn columns_first(from: (usize, usize), to: (usize, usize)) -> bool {
    let (width, height) = (from.0 as i64, from.1 as i64);
    let (new_width, new_height) = (to.0 as i64, to.1 as i64);
    new_height < height && height - new_height > 2 * (width - new_width)
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// The rows of `band`, `width` pixels each, as tightly packed RGB.
fn to_rgb(layout: Layout, background: Option<[u8; 3]>, band: Rows<'_>, width: usize, out: &mut [u8]) {
    let rows = out.chunks_exact_mut(width * 3).zip(band.bytes.chunks(band.stride)).take(band.count);
    for (to, from) in rows {
        row_to_rgb(layout, background, &from[..width * layout.channels()], to);
    }
}

#[cfg(test)]
mod tests;
