//! The coefficients of a picture whose scans overlap: of one band of MCUs, or of all.
//!
//! Layout: of each component blocks row by row, padded to whole MCUs, 64 coefficients each in natural order. Each band
//! has a buffer of its own, so that it can be given back when its pixels are made: coefficients and finished pixels
//! together never take much more memory than either alone.

use crate::block::Extent;
use crate::frame::{Frame, Place};
use crate::scan::BlockSink;
use crate::{Result, memory};

/// The blocks of all components.
pub(crate) struct Coefficients {
    planes: Vec<Plane>,
    /// The band that is worked on.
    band: usize,
    /// The first band that is held.
    first: usize,
}

/// A component's blocks.
struct Plane {
    bands: Vec<Vec<[i16; 64]>>,
    /// Blocks in a row.
    wide: usize,
    /// Rows in a band.
    vertical: usize,
}

impl Coefficients {
    /// Of all bands, all zeros.
    pub(crate) fn of_all_bands(frame: &Frame) -> Result<Self> {
        Self::of_bands(frame, frame.bands)
    }

    /// With memory for one band at a time: see [`clear_for`](Self::clear_for).
    pub(crate) fn of_one_band(frame: &Frame) -> Result<Self> {
        Self::of_bands(frame, 1)
    }

    fn of_bands(frame: &Frame, bands: usize) -> Result<Self> {
        let planes = frame.components.iter().map(|component| {
            let (wide, vertical) = (frame.mcus_wide * component.horizontal, component.vertical);
            let bands = (0..bands).map(|_| memory::filled(wide * vertical, [0; 64])).collect::<Result<_>>()?;
            Ok(Plane { bands, wide, vertical })
        });
        Ok(Self { planes: planes.collect::<Result<_>>()?, band: 0, first: 0 })
    }

    /// Where all bands are held: moves on to `band`.
    pub(crate) fn begin_band(&mut self, band: usize) {
        self.band = band;
    }

    /// Where one band is held: makes it `band`, all zeros.
    pub(crate) fn clear_for(&mut self, band: usize) {
        (self.band, self.first) = (band, band);
        for plane in &mut self.planes {
            plane.bands.iter_mut().for_each(|blocks| blocks.fill([0; 64]));
        }
    }

    /// The block at `place` in the present band.
    #[inline(always)]
    pub(crate) fn block_mut(&mut self, place: Place) -> &mut [i16; 64] {
        let plane = &mut self.planes[place.component];
        &mut plane.bands[self.band - self.first][place.y * plane.wide + place.x]
    }

    /// Block row `y` of a component, whose band must not have been released.
    pub(crate) fn row(&self, component: usize, y: usize) -> &[[i16; 64]] {
        let plane = &self.planes[component];
        let start = y % plane.vertical * plane.wide;
        &plane.bands[y / plane.vertical - self.first][start..start + plane.wide]
    }

    /// Gives the memory of a band back, where all are held.
    pub(crate) fn release(&mut self, band: usize) {
        self.planes.iter_mut().for_each(|plane| plane.bands[band] = Vec::new());
    }
}

impl BlockSink for Coefficients {
    #[inline(always)]
    fn put(&mut self, place: Place, block: &[i16; 64], _: Extent) {
        // A second scan of the same block overwrites what it holds, and leaves the rest.
        let known = self.block_mut(place);
        known[0] = block[0];
        let new = known.iter_mut().zip(block);
        new.filter(|(_, new)| **new != 0).for_each(|(known, new)| *known = *new);
    }
}
