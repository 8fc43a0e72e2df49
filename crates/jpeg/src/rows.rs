//! From blocks to rows of pixels, band by band.
//!
//! A [`Strip`] holds the samples of one component for one band of MCUs, and of the band before what is still needed:
//! upsampling looks one row up and down. [`Rows`] turns what is complete into pixel rows (gray or RGB) and hands them
//! on. So a picture of any height takes a few hundred kilobytes here.
//!
//! Layout of a strip: rows of samples, `stride` apart, padded to whole MCUs; `history` rows come before the band.

use std::ops::Range;

use super::coefficients::Plane;
use super::color;
use super::frame::{Component, Frame};
use super::idct;
use super::kernels::Kernels;
use super::markers::Colors;
use super::sequential::Extent;
use super::upsample::{self, Upsampling};
use super::{Scale, unsupported};
use crate::Area;
use crate::Result;
use crate::memory;

/// Rows that are handed on at a time: whoever resamples them likes to have some, and they still are in the cache.
const BATCH: usize = 8;

/// The samples of one component around the present band.
pub(super) struct Strip {
    samples: Vec<u8>,
    stride: usize,
    /// Rows kept from before the band.
    history: usize,
    /// Rows of a band.
    band_rows: usize,
    /// The first row of the present band, in the component.
    band_start: usize,
    /// The component's true height in samples.
    height: usize,
    /// Rows that together with those of the other components make a group.
    group_rows: usize,
    upsampling: Upsampling,
    /// The samples of a row that are needed, the blocks they are in, and how many of the pixels that come of them
    /// precede the first one asked for.
    needed: Range<usize>,
    needed_blocks: Range<usize>,
    lead: usize,
    /// The width and height of a block.
    block: usize,
    quantisers: [i16; 64],
    kernels: Kernels,
}

impl Strip {
    fn new(
        frame: &Frame,
        component: &Component,
        scale: Scale,
        columns: &Range<usize>,
        kernels: Kernels,
    ) -> Result<Self> {
        let (block, smallest) = (frame.block_size(component, scale), scale.block());
        let group = (component.horizontal * block / smallest, component.vertical * block / smallest);
        let width = (frame.width * component.horizontal * block).div_ceil(frame.horizontal * 8);
        let height = (frame.height * component.vertical * block).div_ceil(frame.vertical * 8);
        let full = (frame.horizontal, frame.vertical);
        let upsampling = Upsampling::new(group, full, width, smallest > 1);
        let Some(upsampling) = upsampling else {
            return Err(unsupported("sampling factors that don't divide each other"));
        };
        let stride = frame.mcus_wide * component.horizontal * block;
        let (history, band_rows) = (group.1 + 1, component.vertical * block);
        let (needed, lead) = upsampling.source(columns, width);
        let needed_blocks = needed.start / block..needed.end.div_ceil(block);
        Ok(Self {
            samples: memory::zeroed(stride, history + band_rows, 1)?,
            stride,
            history,
            band_rows,
            band_start: 0,
            height,
            group_rows: group.1,
            upsampling,
            needed,
            needed_blocks,
            lead,
            block,
            quantisers: [0; 64],
            kernels,
        })
    }

    /// How many bytes a strip takes.
    fn size(frame: &Frame, component: &Component, scale: Scale) -> u64 {
        let block = frame.block_size(component, scale);
        (frame.mcus_wide * component.horizontal * block * (component.vertical * (block + 1) + 1)) as u64
    }

    /// Sets the quantisers: of their 16 bits libjpeg too takes the highest for a sign.
    fn set_quantisers(&mut self, quantisers: &[u16; 64]) {
        self.quantisers = quantisers.map(|quantiser| quantiser as i16);
    }

    /// Moves on to band `band`.
    fn begin_band(&mut self, band: usize) {
        self.band_start = band * self.band_rows;
        if band > 0 {
            let kept = self.band_rows * self.stride..(self.band_rows + self.history) * self.stride;
            self.samples.copy_within(kept, 0);
        }
    }

    /// Transforms the block in column `x` of the band's block row `y`, if it is needed.
    #[inline(always)]
    pub(super) fn put(&mut self, x: usize, y: usize, coefficients: &[i16; 64], extent: Extent) {
        if !self.needed_blocks.contains(&x) {
            return;
        }
        let size = self.block;
        let start = (self.history + y * size) * self.stride + x * size;
        let out = &mut self.samples[start..];
        match (size, extent.is_dc()) {
            (8 | 4, true) => idct::fill(idct::dc_sample(coefficients[0], self.quantisers[0]), size, out, self.stride),
            (8, false) if extent.is_corner() => {
                (self.kernels.idct_8x8_corner)(coefficients, &self.quantisers, out, self.stride);
            }
            (8, false) => (self.kernels.idct_8x8)(coefficients, &self.quantisers, out, self.stride),
            (4, false) => (self.kernels.idct_4x4)(coefficients, &self.quantisers, out, self.stride),
            (2, true) => {
                idct::fill(idct::dc_sample_2x2(coefficients[0], self.quantisers[0]), size, out, self.stride);
            }
            (2, false) => idct::idct_2x2(coefficients, &self.quantisers, out, self.stride),
            _ => out[0] = idct::idct_1x1(coefficients[0], self.quantisers[0]),
        }
    }

    /// What is needed of row `y` of the component, or of the nearest that there is.
    #[inline(always)]
    fn row(&self, y: usize) -> &[u8] {
        let y = y.min(self.height - 1);
        let start = (y + self.history - self.band_start) * self.stride;
        &self.samples[start + self.needed.start..start + self.needed.end]
    }

    /// `width` pixels of row `row` of the picture's row group `group`: in `out`, or where they lie already.
    #[inline(always)]
    fn upsampled<'a>(&'a self, group: usize, row: usize, width: usize, out: &'a mut [u8]) -> &'a [u8] {
        let y = group * self.group_rows + row / self.upsampling.rows();
        let below = row % 2 == 1;
        let neighbour = if below { y + 1 } else { y.saturating_sub(1) };
        match self.upsampling {
            Upsampling::Copy => return self.row(y),
            Upsampling::Horizontal => (self.kernels.horizontal)(self.row(y), out),
            Upsampling::Vertical => (self.kernels.vertical)(self.row(y), self.row(neighbour), below, out),
            Upsampling::Both => (self.kernels.both)(self.row(y), self.row(neighbour), out),
            Upsampling::Repeat(times, _) => upsample::repeat(self.row(y), times, out),
        }
        &out[self.lead..self.lead + width]
    }
}

/// All strips, and the rows that come of them.
pub(super) struct Rows {
    pub(super) strips: Vec<Strip>,
    colors: Colors,
    kernels: Kernels,
    /// The pixels that are wanted.
    area: Area,
    /// Rows in a group, and groups in a band.
    group_rows: usize,
    band_groups: usize,
    bands: usize,
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
    pub(super) fn new(frame: &Frame, colors: Colors, scale: Scale, area: Area) -> Result<Self> {
        let kernels = Kernels::best();
        let strip = |component: &Component| Strip::new(frame, component, scale, &area.columns, kernels);
        let strips = frame.components.iter().map(strip).collect::<Result<Vec<_>>>()?;
        let padded = frame.mcus_wide * frame.horizontal * 8;
        let upsampled = strips.iter().map(|_| memory::zeroed(padded, 1, 1)).collect::<Result<Vec<_>>>()?;
        let row_length = area.columns.len() * if colors == Colors::Gray { 1 } else { 3 };
        Ok(Self {
            waits: strips.iter().any(|strip| strip.upsampling.needs_neighbours()),
            strips,
            colors,
            kernels,
            group_rows: frame.vertical,
            band_groups: scale.block(),
            bands: frame.bands,
            group: area.rows.start / frame.vertical,
            upsampled,
            batch: memory::zeroed(row_length, BATCH, 1)?,
            row_length,
            finished: 0,
            area,
        })
    }

    /// How many bytes all of it takes.
    pub(super) fn size(frame: &Frame, scale: Scale) -> u64 {
        let strips: u64 = frame.components.iter().map(|component| Strip::size(frame, component, scale)).sum();
        strips + ((frame.components.len() + 3 * BATCH) * frame.mcus_wide * frame.horizontal * 8) as u64
    }

    /// Sets each component's quantisers. One without any scan has none, and no coefficients either.
    pub(super) fn set_quantisers(&mut self, quantisers: &[Option<[u16; 64]>]) {
        for (strip, quantisers) in self.strips.iter_mut().zip(quantisers) {
            strip.set_quantisers(quantisers.as_ref().unwrap_or(&[0; 64]));
        }
    }

    /// Transforms the blocks of band `band`.
    pub(super) fn put_band(&mut self, frame: &Frame, planes: &[Plane], band: usize) {
        for ((component, plane), strip) in frame.components.iter().zip(planes).zip(&mut self.strips) {
            let above = band * component.vertical;
            for y in 0..component.vertical.min(component.blocks_high - above) {
                for (x, block) in plane.row(above + y)[..component.blocks_wide].iter().enumerate() {
                    strip.put(x, y, block, Extent::of(block));
                }
            }
        }
    }

    /// Moves on to band `band`. Tells whether its blocks are needed.
    pub(super) fn begin_band(&mut self, band: usize) -> bool {
        self.strips.iter_mut().for_each(|strip| strip.begin_band(band));
        // A row of a neighbouring group may have a say, too.
        let above = (self.area.rows.start / self.group_rows).saturating_sub(1);
        let below = self.area.rows.end.div_ceil(self.group_rows) + 1;
        above < (band + 1) * self.band_groups && band * self.band_groups < below
    }

    /// Hands on the rows that are complete, now that band `band` is, but for less than a batch.
    pub(super) fn end_band<E>(&mut self, band: usize, sink: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
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
            Colors::YCbCr | Colors::Ycck => (self.kernels.ycc_to_rgb)(first, second, third, out),
            Colors::Rgb | Colors::Cmyk => color::interleave(first, second, third, out),
        }
        if self.colors == Colors::Ycck {
            color::invert(out);
        }
        if matches!(self.colors, Colors::Cmyk | Colors::Ycck) {
            color::cmyk_to_rgb(fourth, out);
        }
    }
}
