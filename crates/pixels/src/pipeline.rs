//! Runs a plan. Rows -> upright RGB -> resampled -> normalized: stages that rows stream through, each with one job.
//!
//! ```text
//! RowSource   a decoder, or an image in memory       stored rows of any layout
//! ToRgb       gray and transparency to RGB           RGB rows, as they are stored
//! Horizontal  rows resampled along themselves        } in the order
//! Vertical    rows resampled across each other       } that the plan says
//! Upright     into their places, turned if need be   an upright RGB image
//! Planes      every value looked up                  the tensor
//! ```
//!
//! The decoder gives its rows to the first pass as they come, so that the picture is never there as a whole; the image
//! that a pass makes is small, and held. The tensor is made when the decoder's memory is free again.

mod planes;
mod rgb;
mod upright;

use simd::Isa;

pub use self::planes::PixelTensor;
use self::planes::Planes;
use self::rgb::ToRgb;
use self::upright::Upright;
use crate::memory;
use crate::operations::Table;
use crate::pixels::{Area, Pixels, RowSink, Rows};
use crate::plan::{Pass, Plan};
use crate::resize::{BAND_ROWS, Horizontal, Vertical};
use crate::{Error, ErrorKind, Result};

/// What rows come from.
pub(crate) trait RowSource {
    /// Hands the rows of `area`, which must not be empty and lie in the picture, to `sink`, from the first stored one on,
    /// any number at a time.
    ///
    /// # Errors
    /// Those of the source, and those of `sink`.
    fn read(self, area: Area, sink: &mut RowSink<'_>) -> Result<()>;
}

impl RowSource for &Pixels {
    fn read(self, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
        sink(self.rows(&area))
    }
}

/// The tensor that `plan` makes of `source`, with the values of `table`.
///
/// # Errors
/// Those of the source; `Decode` where it has too few rows; `OutOfMemory`.
pub(crate) fn run(source: impl RowSource, plan: &Plan, table: &Table) -> Result<PixelTensor> {
    let Some((first, others)) = plan.passes.split_first() else {
        return normalize(source, plan, table);
    };
    let mut image = resample(source, first)?;
    for pass in others {
        image = resample(&image, pass)?;
    }
    normalize(&image, plan, table)
}

/// The upright image that `pass` makes of `source`.
fn resample(source: impl RowSource, pass: &Pass) -> Result<Pixels> {
    if !pass.result.has_pixels() {
        // Nothing but zeros; but what is broken stays an error.
        source.read(pass.area.clone(), &mut |_| Ok(()))?;
        return Upright::new(pass)?.finish();
    }
    let mut stages = Stages::new(pass)?;
    source.read(pass.area.clone(), &mut |rows| rows.bands(BAND_ROWS).try_for_each(|band| stages.push(band)))?;
    stages.finish()
}

/// The tensor of an upright image.
fn normalize(image: impl RowSource, plan: &Plan, table: &Table) -> Result<PixelTensor> {
    let mut planes = Planes::new(&plan.tensor, table)?;
    if plan.tensor.has_pixels() {
        image.read(plan.tensor.area(), &mut |rows| {
            planes.push(rows);
            Ok(())
        })?;
    }
    Ok(planes.finish())
}

/// The stages of a pass: stored rows go in, and when all have come, an upright image comes out.
struct Stages {
    rgb: ToRgb,
    horizontal: Horizontal,
    vertical: Vertical,
    upright: Upright,
    horizontal_first: bool,
    /// A row that has gone through the vertical stage only, where that comes first.
    between: Vec<u8>,
}

impl Stages {
    fn new(pass: &Pass) -> Result<Self> {
        let isa = Isa::best();
        Ok(Self {
            rgb: ToRgb::new(pass)?,
            horizontal: Horizontal::new(pass.horizontal.clone(), isa)?,
            vertical: Vertical::new(pass.vertical.clone(), pass.row_length(), isa)?,
            upright: Upright::new(pass)?,
            horizontal_first: pass.horizontal_first,
            between: memory::zeroed(pass.area.columns.len(), pass.rows_between(), 3)?,
        })
    }

    /// Takes the next rows, no more than [`BAND_ROWS`].
    fn push(&mut self, band: Rows<'_>) -> Result<()> {
        let Self { rgb, horizontal, vertical, upright, between, .. } = self;
        if self.horizontal_first {
            horizontal.resample(rgb.band(band), vertical.space(band.count))?;
            while let Some(place) = vertical.ready() {
                upright.put(place, |row| vertical.make(place, row))?;
            }
        } else {
            rgb.write(band, vertical.space(band.count));
            while let Some(place) = vertical.ready() {
                vertical.make(place, between)?;
                let row = Rows { bytes: between, stride: between.len(), count: 1 };
                upright.put(place, |out| horizontal.resample(row, out))?;
            }
        }
        Ok(())
    }

    /// The image, once all rows have come.
    fn finish(mut self) -> Result<Pixels> {
        if !self.vertical.is_done() {
            return Err(Error::new(ErrorKind::Decode, "the picture has fewer rows than it should"));
        }
        self.upright.finish()
    }
}

#[cfg(test)]
mod tests;
