//! The coefficients of a picture whose scans overlap: of one band of MCUs, or of all.
//!
//! Layout: of each component blocks row by row, padded to whole MCUs, 64 coefficients each in natural order. A few bands
//! have a buffer of their own, so that it can be given back when their pixels are made: coefficients and finished pixels
//! together never take much more memory than either alone. (A buffer for each band would have WebAssembly's memory grow
//! thousands of times, which takes longer than all the rest.)

use crate::block::Extent;
use crate::frame::{Frame, Place};
use crate::scan::BlockSink;
use crate::{Result, memory};

/// The blocks of all components.
pub(crate) struct Coefficients {
    planes: Vec<Plane>,
    /// The band that is worked on: its buffer, and its place in there.
    band: (usize, usize),
    /// The first band that is held.
    first: usize,
    /// How many bands a buffer is for.
    bands_in_buffer: usize,
}

/// A component's blocks.
struct Plane {
    buffers: Vec<Vec<[i16; 64]>>,
    /// Blocks in a row.
    wide: usize,
    /// Rows in a band.
    vertical: usize,
}

impl Coefficients {
    /// Of all bands, all zeros.
    pub(crate) fn of_all_bands(frame: &Frame) -> Result<Self> {
        Self::of_bands(frame, frame.bands, 16)
    }

    /// With memory for one band at a time: see [`clear_for`](Self::clear_for).
    pub(crate) fn of_one_band(frame: &Frame) -> Result<Self> {
        Self::of_bands(frame, 1, 1)
    }

    fn of_bands(frame: &Frame, bands: usize, bands_in_buffer: usize) -> Result<Self> {
        let planes = frame.components.iter().map(|component| {
            let (wide, vertical) = (frame.mcus_wide * component.horizontal, component.vertical);
            let buffer = |first: usize| {
                let bands = bands_in_buffer.min(bands - first);
                memory::filled((wide * vertical).saturating_mul(bands), [0; 64])
            };
            let buffers = (0..bands).step_by(bands_in_buffer).map(buffer).collect::<Result<_>>()?;
            Ok(Plane { buffers, wide, vertical })
        });
        Ok(Self { planes: planes.collect::<Result<_>>()?, band: (0, 0), first: 0, bands_in_buffer })
    }

    /// Where all bands are held: moves on to `band`.
    pub(crate) fn begin_band(&mut self, band: usize) {
        self.band = self.place_of(band);
    }

    /// A band's buffer, and its place in there.
    fn place_of(&self, band: usize) -> (usize, usize) {
        let band = band - self.first;
        (band / self.bands_in_buffer, band % self.bands_in_buffer)
    }

    /// Where one band is held: makes it `band`, all zeros.
    pub(crate) fn clear_for(&mut self, band: usize) {
        self.first = band;
        for plane in &mut self.planes {
            plane.buffers.iter_mut().for_each(|blocks| blocks.fill([0; 64]));
        }
    }

    /// The block at `place` in the present band.
    #[inline(always)]
    pub(crate) fn block_mut(&mut self, place: Place) -> &mut [i16; 64] {
        let (plane, (buffer, band)) = (&mut self.planes[place.component], self.band);
        &mut plane.buffers[buffer][(band * plane.vertical + place.y) * plane.wide + place.x]
    }

    /// Block row `y` of a component, whose band must not have been released.
    pub(crate) fn row(&self, component: usize, y: usize) -> &[[i16; 64]] {
        let plane = &self.planes[component];
        let (buffer, band) = self.place_of(y / plane.vertical);
        let start = (band * plane.vertical + y % plane.vertical) * plane.wide;
        &plane.buffers[buffer][start..start + plane.wide]
    }

    /// Where all bands are held: gives back the memory of all that end with `band`.
    pub(crate) fn release(&mut self, band: usize) {
        let (buffer, place) = self.place_of(band);
        if place + 1 == self.bands_in_buffer {
            self.planes.iter_mut().for_each(|plane| plane.buffers[buffer] = Vec::new());
        }
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
