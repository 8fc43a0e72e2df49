//! The geometry of a frame and its scans: components, blocks, MCUs.
//!
//! A component is stored as 8x8 blocks; `horizontal`x`vertical` of them (its sampling factors) make its part of an
//! MCU. The picture is worked through in *bands*: one row of MCUs, `8 * max vertical` pixel rows high. All sizes
//! follow libjpeg-turbo's `jdinput.c` and `jdmaster.c`.

use crate::{Error, Result, Scale};

/// A component: its header entry and, once the frame is known, its size.
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Sampling factors, 1 to 4.
    pub(crate) horizontal: usize,
    pub(crate) vertical: usize,
    /// The index of its quantization table.
    pub(crate) quantization: usize,
    /// Its size in blocks, without the padding to whole MCUs.
    pub(crate) blocks_wide: usize,
    pub(crate) blocks_high: usize,
}

impl Component {
    pub(crate) fn new(id: u8, horizontal: u8, vertical: u8, quantization: u8) -> Self {
        Self {
            id,
            horizontal: horizontal.into(),
            vertical: vertical.into(),
            quantization: quantization.into(),
            blocks_wide: 0,
            blocks_high: 0,
        }
    }

    /// Rows of blocks in band `band`, which is not padded either.
    pub(crate) fn rows_in(&self, band: usize) -> usize {
        self.vertical.min(self.blocks_high - band * self.vertical)
    }
}

/// How a picture is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// Baseline and extended sequential.
    Sequential,
    Progressive,
    ArithmeticSequential,
    ArithmeticProgressive,
    Lossless,
}

/// A frame header, with what follows from it.
pub(crate) struct Frame {
    pub(crate) process: Process,
    /// The width and height of a data unit in samples: 8 of a block; of a lossless picture, where it is a sample, 1.
    pub(crate) unit: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) components: Vec<Component>,
    /// The greatest sampling factors.
    pub(crate) horizontal: usize,
    pub(crate) vertical: usize,
    /// The picture's size in MCUs of interleaved scans; a row of them is a band.
    pub(crate) mcus_wide: usize,
    pub(crate) bands: usize,
}

/// A scan header.
#[derive(Clone)]
pub(crate) struct Scan {
    /// Each component's index in the frame, and those of its DC and AC tables.
    pub(crate) members: Vec<(usize, u8, u8)>,
    /// First and last coefficient, in zigzag order.
    pub(crate) start: u8,
    pub(crate) end: u8,
    /// Successive approximation: the bit positions before and now.
    pub(crate) high: u8,
    pub(crate) low: u8,
}

/// The most blocks in an MCU that libjpeg decodes.
const MAX_BLOCKS_IN_MCU: usize = 10;

impl Frame {
    pub(crate) fn new(process: Process, width: usize, height: usize, mut components: Vec<Component>) -> Result<Self> {
        let valid = |factor: usize| (1..=4).contains(&factor);
        if !components.iter().all(|component| valid(component.horizontal) && valid(component.vertical)) {
            return Err(Error::broken("sampling factors that are not 1 to 4"));
        }
        let horizontal = components.iter().map(|component| component.horizontal).max().unwrap_or(1);
        let vertical = components.iter().map(|component| component.vertical).max().unwrap_or(1);
        let unit = if process == Process::Lossless { 1 } else { 8 };
        for component in &mut components {
            component.blocks_wide = (width * component.horizontal).div_ceil(horizontal * unit);
            component.blocks_high = (height * component.vertical).div_ceil(vertical * unit);
        }
        let (mcus_wide, bands) = (width.div_ceil(horizontal * unit), height.div_ceil(vertical * unit));
        Ok(Self { process, unit, width, height, components, horizontal, vertical, mcus_wide, bands })
    }

    /// Does each scan bring a part of the coefficients?
    pub(crate) fn is_progressive(&self) -> bool {
        matches!(self.process, Process::Progressive | Process::ArithmeticProgressive)
    }

    pub(crate) fn is_arithmetic(&self) -> bool {
        matches!(self.process, Process::ArithmeticSequential | Process::ArithmeticProgressive)
    }

    /// The width and height of a data unit at `scale`. A lossless picture knows one scale only.
    pub(crate) fn scaled_unit(&self, scale: Scale) -> usize {
        scale.block().min(self.unit)
    }

    /// How many blocks a band has, padded to whole MCUs.
    pub(crate) fn blocks_in_band(&self) -> usize {
        let in_mcu = self.components.iter().map(|component| component.horizontal * component.vertical);
        in_mcu.sum::<usize>() * self.mcus_wide
    }

    /// The picture's width and height at `scale`.
    pub(crate) fn size(&self, scale: Scale) -> (usize, usize) {
        let scaled = |length: usize| (length * self.scaled_unit(scale)).div_ceil(self.unit);
        (scaled(self.width), scaled(self.height))
    }

    /// The width and height of the block that `component`'s inverse DCT gives at `scale`: subsampled components are
    /// reduced less, so that they need less upsampling, or none.
    pub(crate) fn block_size(&self, component: &Component, scale: Scale) -> usize {
        let smallest = self.scaled_unit(scale);
        let mut size = smallest;
        while size < self.unit
            && (self.horizontal * smallest).is_multiple_of(component.horizontal * size * 2)
            && (self.vertical * smallest).is_multiple_of(component.vertical * size * 2)
        {
            size *= 2;
        }
        size
    }
}

/// Where a block lies.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Whose it is: a component's index in the frame.
    pub(crate) component: usize,
    /// Its column in the component, and its row in the band.
    pub(crate) x: usize,
    pub(crate) y: usize,
}

/// One block of an MCU.
#[derive(Clone, Copy)]
pub(crate) struct McuBlock {
    /// Whose it is: a place in [`Scan::members`].
    pub(crate) member: usize,
    /// Where it lies in the first MCU of a band.
    first: Place,
    /// How many blocks further it lies in each next MCU.
    step: usize,
}

impl McuBlock {
    /// Where it lies in MCU number `mcu` of a band's row `row` of MCUs.
    #[inline(always)]
    pub(crate) fn place(&self, mcu: usize, row: usize) -> Place {
        // Only where MCUs are single blocks has a band several rows of them.
        Place { component: self.first.component, x: mcu * self.step + self.first.x, y: row + self.first.y }
    }
}

/// A scan's MCUs within a band: for one component alone they are single blocks.
pub(crate) struct McuLayout {
    pub(crate) blocks: Vec<McuBlock>,
    /// MCUs in a row.
    pub(crate) wide: usize,
    /// Rows of MCUs in all bands but the last, and in the last.
    rows: (usize, usize),
}

impl McuLayout {
    pub(crate) fn new(frame: &Frame, scan: &Scan) -> Result<Self> {
        if let &[(index, ..)] = scan.members.as_slice() {
            let component = &frame.components[index];
            let blocks = vec![McuBlock { member: 0, first: Place { component: index, x: 0, y: 0 }, step: 1 }];
            let rows = (component.vertical, component.rows_in(frame.bands - 1));
            return Ok(Self { blocks, wide: component.blocks_wide, rows });
        }
        let mut blocks = Vec::new();
        for (member, &(index, ..)) in scan.members.iter().enumerate() {
            let component = &frame.components[index];
            for y in 0..component.vertical {
                let places = (0..component.horizontal).map(|x| Place { component: index, x, y });
                blocks.extend(places.map(|first| McuBlock { member, first, step: component.horizontal }));
            }
        }
        if blocks.len() > MAX_BLOCKS_IN_MCU {
            let what = format!("{} blocks in an MCU; at most {MAX_BLOCKS_IN_MCU} are allowed", blocks.len());
            return Err(Error::broken(what));
        }
        Ok(Self { blocks, wide: frame.mcus_wide, rows: (1, 1) })
    }

    /// Rows of MCUs in band `band` of `frame`.
    pub(crate) fn rows(&self, frame: &Frame, band: usize) -> usize {
        if band + 1 < frame.bands { self.rows.0 } else { self.rows.1 }
    }

    /// How many blocks the scan visits in all.
    pub(crate) fn visits(&self, frame: &Frame) -> u64 {
        let rows = self.rows.0 * (frame.bands - 1) + self.rows.1;
        rows as u64 * self.wide as u64 * self.blocks.len() as u64
    }
}
