//! From blocks to rows of pixels, band by band.
//!
//! [`Rows`] has a [`Strip`] of samples for each component, turns what is complete into pixel rows and hands
//! them on. So a picture of any height takes a few hundred kilobytes here.

use simd::Isa;

use crate::block::{Block, Extent};
use crate::color::Colors;
use crate::frame::{Component, Frame, Place};
use crate::scan::BlockSink;
use crate::script::Quantizers;
use crate::strip::Strip;
use crate::vector::YccToRgb;
use crate::{Area, Result, Scale, color, memory};

/// Rows that are handed on at a time: whoever resamples them likes to have some, and they still are in the cache.
const BATCH: usize = 8;

/// All strips, and the rows that come of them.
pub(crate) struct Rows {
    strips: Vec<Strip>,
    colors: Colors,
    isa: Isa,
    /// The pixels that are wanted.
    area: Area,
    /// Rows in a group, and groups in a band.
    group_rows: usize,
    band_groups: usize,
    bands: usize,
    /// Whether the present band's blocks are needed.
    needs_band: bool,
    /// The next group to be handed on.
    group: usize,
    /// Whether a band's last group has to wait for the next band.
    waits: bool,
    /// Pixels of a row of each component.
    upsampled: Vec<Vec<u8>>,
    /// Finished rows of `row_length` bytes, `finished` of them.
    batch: Vec<u8>,
    row_length: usize,
    finished: usize,
}

impl Rows {
    /// For the pixels of `area`, which must lie in the picture.
    pub(crate) fn new(frame: &Frame, colors: Colors, scale: Scale, area: Area, isa: Isa) -> Result<Self> {
        let smooth = colors != Colors::Repeated;
        let strip = |component: &Component| Strip::new(frame, component, scale, &area.columns, smooth, isa);
        let strips = frame.components.iter().map(strip).collect::<Result<Vec<_>>>()?;
        let padded = frame.mcus_wide * frame.horizontal * frame.unit;
        let upsampled = strips.iter().map(|_| memory::filled(padded, 0)).collect::<Result<Vec<_>>>()?;
        let row_length = area.columns.len() * colors.channels(frame);
        Ok(Self {
            waits: strips.iter().any(Strip::needs_neighbors),
            strips,
            colors,
            isa,
            group_rows: frame.vertical,
            band_groups: frame.scaled_unit(scale),
            bands: frame.bands,
            needs_band: false,
            group: area.rows.start / frame.vertical,
            upsampled,
            batch: memory::filled(row_length * BATCH, 0)?,
            row_length,
            finished: 0,
            area,
        })
    }

    /// How many bytes all of it takes.
    pub(crate) fn size(frame: &Frame, scale: Scale) -> u64 {
        let strips: u64 = frame.components.iter().map(|component| Strip::size(frame, component, scale)).sum();
        strips + ((frame.components.len() + 4 * BATCH) * frame.mcus_wide * frame.horizontal * frame.unit) as u64
    }

    /// Sets each component's quantizers. One without any scan has none, and no coefficients either.
    pub(crate) fn set_quantizers(&mut self, quantizers: &Quantizers) {
        for (strip, quantizers) in self.strips.iter_mut().zip(quantizers) {
            strip.set_quantizers(quantizers.as_deref().unwrap_or(&[0; 64]));
        }
    }

    /// Moves on to band `band`.
    pub(crate) fn begin_band(&mut self, band: usize) {
        self.strips.iter_mut().for_each(|strip| strip.begin_band(band));
        // A row of a neighboring group may have a say, too.
        let above = (self.area.rows.start / self.group_rows).saturating_sub(1);
        let below = self.area.rows.end.div_ceil(self.group_rows) + 1;
        self.needs_band = above < (band + 1) * self.band_groups && band * self.band_groups < below;
    }

    /// Are the present band's blocks needed? If not, [`put`](BlockSink::put) forgets them.
    pub(crate) fn needs_band(&self) -> bool {
        self.needs_band
    }

    /// Takes row `y` of the present band of a component, if it is needed.
    pub(crate) fn put_row(&mut self, component: usize, y: usize, samples: &[u8]) {
        if self.needs_band {
            self.strips[component].row_mut(y)[..samples.len()].copy_from_slice(samples);
        }
    }

    /// Hands on the rows that are complete, now that band `band` is, but for less than a batch.
    pub(crate) fn end_band<E>(&mut self, band: usize, sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let wanted = self.area.rows.end.div_ceil(self.group_rows);
        let complete = (band + 1) * self.band_groups;
        let until = match (band + 1 == self.bands, self.waits) {
            (true, _) => wanted,
            (false, true) => wanted.min(complete - 1),
            (false, false) => wanted.min(complete),
        };
        while self.group < until {
            for row in 0..self.group_rows {
                if self.area.rows.contains(&(self.group * self.group_rows + row)) {
                    self.make_row(self.group, row);
                    if self.finished == BATCH {
                        self.hand_on(sink)?;
                    }
                }
            }
            self.group += 1;
        }
        if self.group == wanted && self.finished > 0 { self.hand_on(sink) } else { Ok(()) }
    }

    fn hand_on<E>(&mut self, sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let finished = std::mem::take(&mut self.finished);
        sink(&self.batch[..finished * self.row_length])
    }

    fn make_row(&mut self, group: usize, row: usize) {
        let mut components = self.strips.iter().zip(&mut self.upsampled);
        let width = self.area.columns.len();
        let mut next = || match components.next() {
            Some((strip, buffer)) => strip.upsampled(group, row, width, buffer),
            None => &[],
        };
        let (first, second, third, fourth) = (next(), next(), next(), next());
        let out = &mut self.batch[self.finished * self.row_length..][..self.row_length];
        self.finished += 1;
        match self.colors {
            Colors::Gray => out.copy_from_slice(first),
            Colors::YCbCr | Colors::Ycck => self.isa.run_bytes(YccToRgb { y: first, cb: second, cr: third, out }),
            Colors::Rgb | Colors::Cmyk => color::interleave(first, second, third, out),
            Colors::Stored | Colors::Repeated => {
                color::interleave_any([first, second, third, fourth], out, self.strips.len())
            }
        }
        if self.colors == Colors::Ycck {
            color::invert(out);
        }
        if matches!(self.colors, Colors::Cmyk | Colors::Ycck) {
            color::cmyk_to_rgb(fourth, out);
        }
    }
}

impl BlockSink for Rows {
    /// Transforms the block, if it is needed.
    #[inline(always)]
    fn put(&mut self, place: Place, block: &[i16; 64], extent: Extent) {
        if self.needs_band {
            self.strips[place.component].put(place.x, place.y, block, extent);
        }
    }

    #[cold]
    #[inline(never)]
    fn missing(&mut self, place: Place) {
        self.put(place, &Block::ZERO.0, Extent::DC);
    }
}
