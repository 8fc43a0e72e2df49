//! The coefficients of a whole component, for pictures whose scans overlap.
//!
//! Layout: blocks row by row, padded to whole MCUs, 64 coefficients each in natural order. Each band of MCUs has a
//! buffer of its own, so that it can be given back when its pixels are made: coefficients and finished pixels together
//! never take much more room than either alone.

use super::frame::{Component, Frame};
use crate::Result;
use crate::image::memory;

/// A component's blocks.
pub(super) struct Plane {
    bands: Vec<Vec<[i16; 64]>>,
    /// Blocks in a row.
    wide: usize,
    /// Rows in a band.
    vertical: usize,
}

impl Plane {
    /// All zeros.
    pub(super) fn new(frame: &Frame, component: &Component) -> Result<Self> {
        let (wide, vertical) = (frame.mcus_wide * component.horizontal, component.vertical);
        let band = || memory::filled(wide, vertical, 1, [0; 64]);
        Ok(Self { bands: (0..frame.bands).map(|_| band()).collect::<Result<_>>()?, wide, vertical })
    }

    /// The block in column `x` of the block row `row` of band `band`.
    #[inline(always)]
    pub(super) fn block_mut(&mut self, x: usize, (band, row): (usize, usize)) -> &mut [i16; 64] {
        &mut self.bands[band][row * self.wide + x]
    }

    /// Block row `y` of the component, whose band must not have been released.
    pub(super) fn row(&self, y: usize) -> &[[i16; 64]] {
        let start = y % self.vertical * self.wide;
        &self.bands[y / self.vertical][start..start + self.wide]
    }

    /// Gives the memory of a band back.
    pub(super) fn release(&mut self, band: usize) {
        self.bands[band] = Vec::new();
    }
}
