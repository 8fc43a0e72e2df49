//! The coefficients of a component, for pictures whose scans overlap: of one band of MCUs, or of all.
//!
//! Layout: blocks row by row, padded to whole MCUs, 64 coefficients each in natural order. Each band has a buffer of its
//! own, so that it can be given back when its pixels are made: coefficients and finished pixels together never take much
//! more room than either alone.

use super::frame::{Component, Frame};
use crate::Result;
use crate::memory;

/// A component's blocks, or those of one band.
pub(super) struct Plane {
    bands: Vec<Vec<[i16; 64]>>,
    /// The first band that is held.
    first: usize,
    /// Blocks in a row.
    wide: usize,
    /// Rows in a band.
    vertical: usize,
}

impl Plane {
    /// All zeros.
    pub(super) fn new(frame: &Frame, component: &Component) -> Result<Self> {
        Self::of_bands(frame, component, frame.bands)
    }

    /// With room for one band at a time: see [`begin_band`](Self::begin_band).
    pub(super) fn of_one_band(frame: &Frame, component: &Component) -> Result<Self> {
        Self::of_bands(frame, component, 1)
    }

    fn of_bands(frame: &Frame, component: &Component, bands: usize) -> Result<Self> {
        let (wide, vertical) = (frame.mcus_wide * component.horizontal, component.vertical);
        let band = || memory::filled(wide, vertical, 1, [0; 64]);
        Ok(Self { bands: (0..bands).map(|_| band()).collect::<Result<_>>()?, first: 0, wide, vertical })
    }

    /// Of a plane of one band: makes it `band`, all zeros.
    pub(super) fn begin_band(&mut self, band: usize) {
        self.first = band;
        self.bands.iter_mut().for_each(|blocks| blocks.fill([0; 64]));
    }

    /// The block in column `x` of the block row `row` of band `band`.
    #[inline(always)]
    pub(super) fn block_mut(&mut self, x: usize, (band, row): (usize, usize)) -> &mut [i16; 64] {
        &mut self.bands[band - self.first][row * self.wide + x]
    }

    /// Block row `y` of the component, whose band must not have been released.
    pub(super) fn row(&self, y: usize) -> &[[i16; 64]] {
        let start = y % self.vertical * self.wide;
        &self.bands[y / self.vertical - self.first][start..start + self.wide]
    }

    /// Gives the memory of a band back, of a plane that holds all.
    pub(super) fn release(&mut self, band: usize) {
        self.bands[band] = Vec::new();
    }
}
