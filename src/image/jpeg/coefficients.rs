//! The coefficients of a whole component, for pictures whose scans overlap.
//!
//! Layout: blocks row by row, padded to whole MCUs, 64 coefficients each in natural order.

use super::frame::{Component, Frame};
use crate::Result;
use crate::image::memory;

/// A component's blocks.
pub(super) struct Plane {
    blocks: Vec<[i16; 64]>,
    wide: usize,
}

impl Plane {
    /// All zeros.
    pub(super) fn new(frame: &Frame, component: &Component) -> Result<Self> {
        let wide = frame.mcus_wide * component.horizontal;
        let high = frame.bands * component.vertical;
        Ok(Self { blocks: memory::filled(wide, high, 1, [0; 64])?, wide })
    }

    /// The block in column `x` of block row `y`.
    pub(super) fn block_mut(&mut self, x: usize, y: usize) -> &mut [i16; 64] {
        &mut self.blocks[y * self.wide + x]
    }

    /// Block row `y`.
    pub(super) fn row(&self, y: usize) -> &[[i16; 64]] {
        &self.blocks[y * self.wide..(y + 1) * self.wide]
    }
}
