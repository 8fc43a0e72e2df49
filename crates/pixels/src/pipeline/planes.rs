//! Upright RGB rows (`hwc`) to the planes of a tensor (`chw`), every value looked up in a table.

use crate::operations::Table;
use crate::pixels::Rows;
use crate::plan::Canvas;
use crate::{Error, ErrorKind, Result};

/// f32 values in (3, H, W) order: red, green and blue planes, rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct PixelTensor {
    /// `3 · height · width` values.
    pub data: Vec<f32>,
    /// Rows of a plane.
    pub height: usize,
    /// Values in a row.
    pub width: usize,
}

/// A tensor in the making.
pub(super) struct Planes<'a> {
    tensor: PixelTensor,
    table: &'a Table,
    /// Where the next row's pixels go, and how many there are.
    next: usize,
    columns: usize,
}

impl<'a> Planes<'a> {
    /// As large as `canvas`, around whose pixels there is what `table` makes of its color.
    pub(super) fn new(canvas: &Canvas, table: &'a Table) -> Result<Self> {
        let (width, height) = canvas.size();
        let too_long = || Error::new(ErrorKind::OutOfMemory, format!("no memory for {width}x{height}x3 values"));
        let plane = width.checked_mul(height).ok_or_else(too_long)?;
        let length = plane.checked_mul(3).filter(|&length| length <= isize::MAX as usize / 4).ok_or_else(too_long)?;
        let mut data = Vec::new();
        data.try_reserve_exact(length).map_err(|error| too_long().with_source(error))?;
        for (values, fill) in table.iter().zip(canvas.fill) {
            data.resize(data.len() + plane, values[usize::from(fill)]);
        }
        let next = canvas.vertical.before * width + canvas.horizontal.before;
        Ok(Self { tensor: PixelTensor { data, height, width }, table, next, columns: canvas.horizontal.pixels.len() })
    }

    /// Takes the next rows.
    pub(super) fn push(&mut self, rows: Rows<'_>) {
        let plane = self.tensor.width * self.tensor.height;
        for row in rows.iter() {
            let places = self.next..self.next + self.columns;
            let planes = self.tensor.data.chunks_exact_mut(plane).zip(self.table).enumerate();
            for (channel, (plane, values)) in planes {
                for (to, pixel) in plane[places.clone()].iter_mut().zip(row.as_chunks::<3>().0) {
                    *to = values[usize::from(pixel[channel])];
                }
            }
            self.next += self.tensor.width;
        }
    }

    /// The tensor.
    pub(super) fn finish(self) -> PixelTensor {
        self.tensor
    }
}
