//! The samples of one component for one band of MCUs, and of the band before what is still needed: upsampling looks one
//! row up and down.
//!
//! Layout: rows of samples, `stride` apart, padded to whole MCUs; `history` rows come before the band.

use std::ops::Range;

use simd::Isa;

use crate::block::Extent;
use crate::frame::{Component, Frame};
use crate::upsample::{self, Upsampling};
use crate::vector::{Both, Horizontal, Idct4x4, Idct8x8, Idct8x8Corner, Transform, Vertical};
use crate::{Error, Result, Scale, idct, memory};

/// The samples of one component around the present band.
pub(crate) struct Strip {
    samples: Vec<u8>,
    stride: usize,
    /// Rows from before the band.
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
    quantizers: [i16; 64],
    isa: Isa,
}

impl Strip {
    /// For the pixels in `columns`, interpolated if `smooth`.
    pub(crate) fn new(
        frame: &Frame,
        component: &Component,
        scale: Scale,
        columns: &Range<usize>,
        smooth: bool,
        isa: Isa,
    ) -> Result<Self> {
        let (block, smallest) = (frame.block_size(component, scale), frame.scaled_unit(scale));
        let group = (component.horizontal * block / smallest, component.vertical * block / smallest);
        let width = (frame.width * component.horizontal * block).div_ceil(frame.horizontal * frame.unit);
        let height = (frame.height * component.vertical * block).div_ceil(frame.vertical * frame.unit);
        let full = (frame.horizontal, frame.vertical);
        let upsampling = Upsampling::new(group, full, width, smooth && smallest > 1);
        let Some(upsampling) = upsampling else {
            return Err(Error::unsupported("sampling factors that don't divide each other"));
        };
        let stride = frame.mcus_wide * component.horizontal * block;
        let (history, band_rows) = (group.1 + 1, component.vertical * block);
        let (needed, lead) = upsampling.source(columns, width);
        let needed_blocks = needed.start / block..needed.end.div_ceil(block);
        Ok(Self {
            samples: memory::filled(stride * (history + band_rows), 0)?,
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
            quantizers: [0; 64],
            isa,
        })
    }

    /// How many bytes a strip takes.
    pub(crate) fn size(frame: &Frame, component: &Component, scale: Scale) -> u64 {
        let block = frame.block_size(component, scale);
        (frame.mcus_wide * component.horizontal * block * (component.vertical * (block + 1) + 1)) as u64
    }

    /// Sets the quantizers: of their 16 bits libjpeg too takes the highest for a sign.
    pub(crate) fn set_quantizers(&mut self, quantizers: &[u16; 64]) {
        self.quantizers = quantizers.map(|quantizer| quantizer as i16);
    }

    /// Whether pixels are made of what lies around: rows of the bands before and after.
    pub(crate) fn needs_neighbors(&self) -> bool {
        self.upsampling.needs_neighbors()
    }

    /// Moves on to band `band`.
    pub(crate) fn begin_band(&mut self, band: usize) {
        self.band_start = band * self.band_rows;
        if band > 0 {
            let history = self.band_rows * self.stride..(self.band_rows + self.history) * self.stride;
            self.samples.copy_within(history, 0);
        }
    }

    /// Transforms the block in column `x` of the band's block row `y`, if it is needed.
    #[inline(always)]
    pub(crate) fn put(&mut self, x: usize, y: usize, coefficients: &[i16; 64], extent: Extent) {
        if !self.needed_blocks.contains(&x) {
            return;
        }
        let (size, stride) = (self.block, self.stride);
        let start = (self.history + y * size) * stride + x * size;
        let (dc, quantizer) = (coefficients[0], self.quantizers[0]);
        let out = &mut self.samples[start..];
        match (size, extent.is_dc()) {
            (8 | 4, true) => idct::fill(idct::dc_sample(dc, quantizer), size, out, stride),
            (8 | 4, false) => {
                let block = Transform { coefficients, quantizers: &self.quantizers, out, stride };
                match size {
                    4 => self.isa.run_bytes(Idct4x4(block)),
                    _ if extent.is_corner() => self.isa.run_bytes(Idct8x8Corner(block)),
                    _ => self.isa.run_bytes(Idct8x8(block)),
                }
            }
            (2, true) => idct::fill(idct::dc_sample_2x2(dc, quantizer), size, out, stride),
            (2, false) => idct::idct_2x2(coefficients, &self.quantizers, out, stride),
            _ => out[0] = idct::idct_1x1(dc, quantizer),
        }
    }

    /// Row `y` of the present band.
    pub(crate) fn row_mut(&mut self, y: usize) -> &mut [u8] {
        &mut self.samples[(self.history + y) * self.stride..][..self.stride]
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
    pub(crate) fn upsampled<'a>(&'a self, group: usize, row: usize, width: usize, out: &'a mut [u8]) -> &'a [u8] {
        let y = group * self.group_rows + row / self.upsampling.rows();
        let below = row % 2 == 1;
        let neighbor = if below { y + 1 } else { y.saturating_sub(1) };
        let (near, isa) = (self.row(y), self.isa);
        match self.upsampling {
            Upsampling::Copy => return near,
            Upsampling::Horizontal => isa.run_bytes(Horizontal { row: near, out }),
            Upsampling::Vertical => isa.run_bytes(Vertical { near, far: self.row(neighbor), below, out }),
            Upsampling::Both => isa.run_bytes(Both { near, far: self.row(neighbor), out }),
            Upsampling::Repeat(times, _) => upsample::repeat(near, times, out),
        }
        &out[self.lead..self.lead + width]
    }
}
