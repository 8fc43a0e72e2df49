//! The geometry of a frame and its scans: components, blocks, MCUs.
//!
//! A component is stored as 8x8 blocks; `horizontal`x`vertical` of them (its sampling factors) make its part of an
//! MCU. The picture is worked through in *bands*: one row of MCUs, `8 * max vertical` pixel rows high. All sizes
//! follow libjpeg-turbo's `jdinput.c` and `jdmaster.c`.

use super::{Scale, broken};
use crate::Result;

/// A component: its header entry and, once the frame is known, its size.
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors, 1 to 4.
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
    /// The index of its quantisation table.
    pub(super) quantization: usize,
    /// Its size in blocks, without the padding to whole MCUs.
    pub(super) blocks_wide: usize,
    pub(super) blocks_high: usize,
}

impl Component {
    pub(super) fn new(id: u8, horizontal: u8, vertical: u8, quantization: u8) -> Self {
        Self {
            id,
            horizontal: horizontal.into(),
            vertical: vertical.into(),
            quantization: quantization.into(),
            blocks_wide: 0,
            blocks_high: 0,
        }
    }
}

/// A frame header, with what follows from it.
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: Vec<Component>,
    /// The greatest sampling factors.
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
    /// The picture's size in MCUs of interleaved scans; a row of them is a band.
    pub(super) mcus_wide: usize,
    pub(super) bands: usize,
}

/// A scan header.
#[derive(Clone)]
pub(super) struct Scan {
    /// Each component's index in the frame, and those of its DC and AC tables.
    pub(super) members: Vec<(usize, u8, u8)>,
    /// First and last coefficient, in zigzag order.
    pub(super) start: u8,
    pub(super) end: u8,
    /// Successive approximation: the bit positions before and now.
    pub(super) high: u8,
    pub(super) low: u8,
}

/// The most blocks in an MCU that libjpeg decodes.
const MAX_BLOCKS_IN_MCU: usize = 10;

impl Frame {
    pub(super) fn new(progressive: bool, width: usize, height: usize, mut components: Vec<Component>) -> Result<Self> {
        let valid = |factor: usize| (1..=4).contains(&factor);
        if !components.iter().all(|component| valid(component.horizontal) && valid(component.vertical)) {
            return Err(broken("sampling factors that are not 1 to 4"));
        }
        let horizontal = components.iter().map(|component| component.horizontal).max().unwrap_or(1);
        let vertical = components.iter().map(|component| component.vertical).max().unwrap_or(1);
        for component in &mut components {
            component.blocks_wide = (width * component.horizontal).div_ceil(horizontal * 8);
            component.blocks_high = (height * component.vertical).div_ceil(vertical * 8);
        }
        let (mcus_wide, bands) = (width.div_ceil(horizontal * 8), height.div_ceil(vertical * 8));
        Ok(Self { progressive, width, height, components, horizontal, vertical, mcus_wide, bands })
    }

    /// How many blocks a component has, padded to whole MCUs.
    pub(super) fn padded_blocks(&self, component: &Component) -> usize {
        self.mcus_wide * component.horizontal * self.bands * component.vertical
    }

    /// The picture's width and height at `scale`.
    pub(super) fn size(&self, scale: Scale) -> (usize, usize) {
        let scaled = |length: usize| (length * scale.block()).div_ceil(8);
        (scaled(self.width), scaled(self.height))
    }

    /// The width and height of the block that `component`'s inverse DCT gives at `scale`: subsampled components are
    /// reduced less, so that they need less upsampling, or none.
    pub(super) fn block_size(&self, component: &Component, scale: Scale) -> usize {
        let smallest = scale.block();
        let mut size = smallest;
        while size < 8
            && (self.horizontal * smallest).is_multiple_of(component.horizontal * size * 2)
            && (self.vertical * smallest).is_multiple_of(component.vertical * size * 2)
        {
            size *= 2;
        }
        size
    }
}

/// One block of an MCU: whose it is, and where it lies in its component's part of the MCU.
#[derive(Clone, Copy)]
pub(super) struct McuBlock {
    /// The place in [`Scan::members`].
    pub(super) member: usize,
    pub(super) x: usize,
    pub(super) y: usize,
}

/// A scan's MCUs within a band: for one component alone they are single blocks.
pub(super) struct McuLayout {
    pub(super) blocks: Vec<McuBlock>,
    /// MCUs in a row.
    pub(super) wide: usize,
    /// Whether the scan has but one component.
    pub(super) single: bool,
    /// Rows of MCUs in all bands but the last, and in the last.
    rows: (usize, usize),
}

impl McuLayout {
    pub(super) fn new(frame: &Frame, scan: &Scan) -> Result<Self> {
        if let &[(index, ..)] = scan.members.as_slice() {
            let component = &frame.components[index];
            let last = match component.blocks_high % component.vertical {
                0 => component.vertical,
                rest => rest,
            };
            let blocks = vec![McuBlock { member: 0, x: 0, y: 0 }];
            return Ok(Self { blocks, wide: component.blocks_wide, single: true, rows: (component.vertical, last) });
        }
        let mut blocks = Vec::new();
        for (member, &(index, ..)) in scan.members.iter().enumerate() {
            let component = &frame.components[index];
            let places = (0..component.vertical).flat_map(|y| (0..component.horizontal).map(move |x| (x, y)));
            blocks.extend(places.map(|(x, y)| McuBlock { member, x, y }));
        }
        if blocks.len() > MAX_BLOCKS_IN_MCU {
            return Err(broken(format!("{} blocks in an MCU; at most {MAX_BLOCKS_IN_MCU} are allowed", blocks.len())));
        }
        Ok(Self { blocks, wide: frame.mcus_wide, single: false, rows: (1, 1) })
    }

    /// Rows of MCUs in band `band` of `frame`.
    pub(super) fn rows(&self, frame: &Frame, band: usize) -> usize {
        if band + 1 < frame.bands { self.rows.0 } else { self.rows.1 }
    }

    /// How many blocks the scan visits in all.
    pub(super) fn visits(&self, frame: &Frame) -> u64 {
        let rows = self.rows.0 * (frame.bands - 1) + self.rows.1;
        (rows * self.wide * self.blocks.len()) as u64
    }
}
