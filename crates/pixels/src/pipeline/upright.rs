//! Resampled rows to an upright image: in their places, turned where the picture lies on its side, with zeros around them.

use crate::Result;
use crate::memory;
use crate::pixels::Pixels;
use crate::plan::Pass;

/// An upright image in the making.
pub(super) struct Upright {
    data: Vec<u8>,
    width: usize,
    height: usize,
    /// Where its pixels begin, and how many there are in a row.
    left: usize,
    top: usize,
    columns: usize,
    /// A row that is to become a column; empty where rows are rows.
    lying: Vec<u8>,
}

impl Upright {
    /// For what comes of `pass`.
    pub(super) fn new(pass: &Pass) -> Result<Self> {
        let (width, height) = pass.result.size();
        let (horizontal, vertical) = (&pass.result.horizontal, &pass.result.vertical);
        let lying = if pass.header.orientation.swaps() { vertical.some().len() } else { 0 };
        Ok(Self {
            data: memory::zeroed(width, height, 3)?,
            width,
            height,
            left: horizontal.before,
            top: vertical.before,
            columns: horizontal.pixels.len(),
            lying: memory::zeroed(lying, 1, 3)?,
        })
    }

    /// Has `fill` write the stored row of number `place`.
    pub(super) fn put(&mut self, place: usize, fill: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<()> {
        if self.lying.is_empty() {
            let start = ((self.top + place) * self.width + self.left) * 3;
            return fill(&mut self.data[start..start + self.columns * 3]);
        }
        fill(&mut self.lying)?;
        let column = self.data.as_chunks_mut::<3>().0[self.top * self.width + self.left + place..].iter_mut();
        for (to, from) in column.step_by(self.width).zip(self.lying.as_chunks::<3>().0) {
            *to = *from;
        }
        Ok(())
    }

    /// The image.
    pub(super) fn finish(self) -> Result<Pixels> {
        Pixels::upright_rgb(self.width, self.height, self.data)
    }
}
