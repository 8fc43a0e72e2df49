//! One pass over an image: rows of a part of it come in, and an upright RGB image comes out.

use std::ops::Range;

use super::Canvas;
use crate::limits::Limits;
use crate::pixels::{Area, Header, Layout};
use crate::resize::{BAND_ROWS, Change, MAX_SIDE, ResizeFilter, Vertical, columns_first};
use crate::{Error, ErrorKind, Result};

/// A pass, with all that it takes and gives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pass {
    /// What the rows are like that come in.
    pub(crate) header: Header,
    /// What transparent pixels are composited over.
    pub(crate) background: Option<[u8; 3]>,
    /// The stored pixels that are needed.
    pub(crate) area: Area,
    /// What becomes of stored rows and columns.
    pub(crate) horizontal: Change,
    pub(crate) vertical: Change,
    /// Whether stored rows are resampled before columns.
    pub(crate) horizontal_first: bool,
    /// What comes out: where its pixels lie, and the zeros around them.
    pub(crate) result: Canvas,
}

/// What is resized, and to what. All of it in upright pixels.
#[derive(Clone, Debug)]
pub(crate) struct Resize {
    /// The part of the picture that is resized.
    pub(crate) part: Area,
    /// The width and height that it gets.
    pub(crate) size: (usize, usize),
    pub(crate) filter: ResizeFilter,
    /// What of that is wanted; not empty.
    pub(crate) wanted: Area,
}

/// One axis of the same: the part, its new length, and what of that is wanted.
struct Axis {
    part: Range<usize>,
    length: usize,
    wanted: Range<usize>,
}

impl Axis {
    /// The change along an axis of the picture that is `stored` pixels long, and which of these it takes.
    fn change(self, stored: usize, filter: ResizeFilter, flipped: bool) -> (Change, Range<usize>) {
        let start = if flipped { stored - self.part.end } else { self.part.start };
        let change = Change::new(self.part.len(), self.length, filter, self.wanted, flipped);
        let needed = start + change.inputs().start..start + change.inputs().end;
        (change, needed)
    }
}

impl Pass {
    /// A pass that does `resize` with a picture of `header`. What is wanted of it are the pixels of `result`.
    ///
    /// # Errors
    /// `TooLarge` where a side is over [`MAX_SIDE`].
    pub(crate) fn new(header: Header, resize: Resize, result: Canvas) -> Result<Self> {
        let Resize { part, size, filter, wanted } = resize;
        if size.0 as u64 > MAX_SIDE || size.1 as u64 > MAX_SIDE {
            return Err(Error::new(ErrorKind::TooLarge, format!("a resize to {}x{} pixels", size.0, size.1)));
        }
        let columns_first = columns_first((part.columns.len(), part.rows.len()), size);
        let horizontal = Axis { part: part.columns, length: size.0, wanted: wanted.columns };
        let vertical = Axis { part: part.rows, length: size.1, wanted: wanted.rows };
        let orientation = header.orientation;
        let swaps = orientation.swaps();
        let (horizontal, vertical) = if swaps { (vertical, horizontal) } else { (horizontal, vertical) };
        let (horizontal, columns) = horizontal.change(header.width, filter, orientation.flips_horizontally());
        let (vertical, rows) = vertical.change(header.height, filter, orientation.flips_vertically());
        // Where but one of them has weights, rows get shorter first, if they do.
        let both_weighted = horizontal.is_weighted() && vertical.is_weighted();
        let horizontal_first = !both_weighted || columns_first == swaps;
        let area = Area { columns, rows };
        Ok(Self { header, background: None, area, horizontal, vertical, horizontal_first, result })
    }

    /// Bytes of the rows that are held for the vertical change.
    pub(crate) fn row_length(&self) -> usize {
        let pixels = if self.horizontal_first { self.horizontal.outputs().len() } else { self.area.columns.len() };
        pixels * 3
    }

    /// How many rows of the source are held as RGB before they are resampled.
    pub(crate) fn rgb_rows(&self) -> usize {
        if self.horizontal_first && self.header.layout != Layout::Rgb { BAND_ROWS } else { 0 }
    }

    /// How many rows of the source's width are held between the vertical change and the horizontal one.
    pub(crate) fn rows_between(&self) -> usize {
        usize::from(!self.horizontal_first)
    }

    /// The bytes that it takes, its result included.
    fn memory(&self) -> u64 {
        let rows = self.rgb_rows() + self.rows_between();
        let around = (self.area.columns.len() as u64).saturating_mul(3 * rows as u64);
        Vertical::memory(&self.vertical, self.row_length()).saturating_add(around).saturating_add(self.result.memory())
    }

    /// An error where it takes more memory than the limits allow. `decoder` are the bytes that the decoder takes
    /// meanwhile.
    pub(super) fn check_memory(&self, decoder: u64, limits: &Limits) -> Result<()> {
        let needed = self.memory();
        if needed <= limits.max_alloc.saturating_sub(decoder) {
            return Ok(());
        }
        let ((width, height), decoder) = (self.result.size(), if decoder > 0 { " beside the decoder" } else { "" });
        let context = format!("{width}x{height} pixels of a resize take {needed} bytes{decoder}, over the limit");
        Err(Error::new(ErrorKind::TooLarge, context))
    }
}
