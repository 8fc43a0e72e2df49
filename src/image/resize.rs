//! Resampling that equals Pillow's in every value.
//!
//! An embedding equals Python's only if the pixels that the model sees do, and a sharp edge resampled by another
//! library's bicubic is up to twenty levels off. So this is Pillow's algorithm, step by step
//! (<https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c>):
//!
//! - the filter is stretched by the scale when the picture shrinks (antialiasing), and cut off at the picture's edge;
//! - its weights are computed in f64, divided by their sum, and rounded to integers with 22 fractional bits;
//! - rows are resampled first, then columns; after each pass half is added, the fraction shifted out and the result
//!   clipped to 8 bits;
//! - a pass that would not change the size is left out;
//! - columns go first where that is less work by Pillow 13's measure (see [`columns_first`]).
//!
//! What a following crop throws away is never computed: [`resample`] is told which part of the output is kept, and
//! reads only the rows and columns that this part depends on.
//!
//! Pixels in and out are 8-bit RGB rows (`hwc`). The two inner loops have siblings of identical signatures in
//! `resize/`: `scalar` everywhere, and SIMD where the machine has it; `passes` picks. Every one gives the same bits.

mod axis;
mod nearest;
mod passes;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod sse41;
#[cfg(any(target_arch = "x86", target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod vector;

use std::ops::Range;

use self::axis::{Axis, Taps};
use super::memory;
use super::pixels::{Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

/// How pixels are weighted when an image changes its size. Each equals Pillow's filter of the number given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResizeFilter {
    /// The nearest pixel, no weighting. Pillow's `NEAREST`, 0.
    Nearest,
    /// Linear, over 2 pixels (or 2 output pixels' worth of them when shrinking). Pillow's `BILINEAR`, 2.
    Triangle,
    /// Cubic with a = −0.5, over 4 pixels. Pillow's `BICUBIC`, 3, and CLIP's default.
    CatmullRom,
    /// Windowed sinc over 6 pixels. Pillow's `LANCZOS`, 1.
    Lanczos3,
}

/// Longer sides are refused: Pillow could not allocate them, and positions must stay exact.
pub(crate) const MAX_SIDE: u64 = 1 << 29;

/// Weights held at a time; more are computed in several rounds.
const MAX_TAPS_HELD: usize = 4 << 20;

/// Rows that are turned upright and converted to RGB at a time.
const BAND_ROWS: usize = 32;

/// A rectangle of a picture, in upright pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// What is resampled: a rectangle of decoded pixels, read as RGB.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) pixels: &'a Pixels,
    pub(crate) window: Window,
    pub(crate) background: Option<[u8; 3]>,
}

impl View<'_> {
    /// The part of the window in `columns` and `rows`, as RGB pixels of its own.
    pub(crate) fn to_rgb(self, columns: Range<usize>, rows: Range<usize>) -> Result<Pixels> {
        let at = (self.window.left + columns.start, self.window.top + rows.start);
        let size = (columns.len(), rows.len());
        self.pixels.to_rgb(at, size, self.background, (0, 0), size)
    }

    /// Calls `f(first row, rows, stride)` with bands of upright RGB rows, which together are `columns`×`rows` of
    /// the window. The stride is in bytes.
    fn for_each_band(
        self,
        columns: Range<usize>,
        rows: Range<usize>,
        mut f: impl FnMut(Range<usize>, &[u8], usize),
    ) -> Result<()> {
        if let Some(rgb) = self.pixels.as_rgb() {
            let stride = self.pixels.width() * 3;
            let start = (self.window.top + rows.start) * stride + (self.window.left + columns.start) * 3;
            f(rows, &rgb[start..], stride);
            return Ok(());
        }
        let stride = columns.len() * 3;
        let mut band = memory::zeroed(columns.len(), BAND_ROWS.min(rows.len()), 3)?;
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min(start + BAND_ROWS);
            let at = (self.window.left + columns.start, self.window.top + start);
            let band = &mut band[..(end - start) * stride];
            self.pixels.read_rgb(at, (columns.len(), end - start), self.background, band);
            f(start..end, band, stride);
            start = end;
        }
        Ok(())
    }
}

/// Resamples `view` to `width`×`height` and returns the part of that in `columns` and `rows`, as upright RGB.
///
/// # Errors
/// `TooLarge` where a side is over [`MAX_SIDE`], `OutOfMemory` where a buffer can't be had.
pub(crate) fn resample(
    view: View<'_>,
    (width, height): (usize, usize),
    filter: ResizeFilter,
    columns: Range<usize>,
    rows: Range<usize>,
) -> Result<Pixels> {
    if width as u64 > MAX_SIDE || height as u64 > MAX_SIDE {
        return Err(Error::new(ErrorKind::TooLarge, format!("a resize to {width}x{height} pixels")));
    }
    let across = width != view.window.width;
    let down = height != view.window.height;
    if !across && !down {
        return view.to_rgb(columns, rows);
    }
    if filter == ResizeFilter::Nearest {
        return nearest::resample(view, (width, height), columns, rows);
    }
    let across = across.then(|| Axis::new(view.window.width, width, filter));
    let down = down.then(|| Axis::new(view.window.height, height, filter));
    match (across, down) {
        (Some(across), None) => horizontal(view, across, columns, rows),
        (None, Some(down)) => vertical(view, down, columns, rows),
        (None, None) => view.to_rgb(columns, rows),
        (Some(across), Some(down)) => {
            // Only what the second pass reads comes out of the first one.
            if columns_first((view.window.width, view.window.height), (width, height)) {
                let needed = across.inputs(&columns);
                let middle = vertical(view, down, needed.clone(), rows.clone())?;
                let rest = across.starting_at(needed.start);
                horizontal(whole(&middle), rest, columns, 0..rows.len())
            } else {
                let needed = down.inputs(&rows);
                let middle = horizontal(view, across, columns.clone(), needed.clone())?;
                let rest = down.starting_at(needed.start);
                vertical(whole(&middle), rest, 0..columns.len(), rows)
            }
        }
    }
}

/// Does Pillow 13 resample the columns before the rows? The order shows where the first pass clips. Found by comparing
/// with Pillow 13.0.0 (tests/golden/README.md); up to Pillow 12 rows always went first.
fn columns_first(from: (usize, usize), to: (usize, usize)) -> bool {
    let (width, height) = (from.0 as i64, from.1 as i64);
    let (new_width, new_height) = (to.0 as i64, to.1 as i64);
    new_height < height && height - new_height > 2 * (width - new_width)
}

fn whole(pixels: &Pixels) -> View<'_> {
    let window = Window { left: 0, top: 0, width: pixels.width(), height: pixels.height() };
    View { pixels, window, background: None }
}

/// The output `columns` of `axis` for the input `rows` of `view`.
fn horizontal(view: View<'_>, axis: Axis, columns: Range<usize>, rows: Range<usize>) -> Result<Pixels> {
    let stride = columns.len() * 3;
    let mut out = memory::zeroed(columns.len(), rows.len(), 3)?;
    let mut done = columns.start;
    while done < columns.end {
        let (taps, next) = Taps::of_columns(&axis, done..columns.end, MAX_TAPS_HELD)?;
        let offset = (done - columns.start) * 3;
        let input_columns = axis.inputs(&(done..next));
        view.for_each_band(input_columns, rows.clone(), |band, input, input_stride| {
            let first = (band.start - rows.start) * stride;
            let out = &mut out[first + offset..];
            passes::horizontal(input, input_stride, band.len(), &taps, out, stride);
        })?;
        done = next;
    }
    Pixels::new(columns.len(), rows.len(), Layout::Rgb, Orientation::Upright, out)
}

/// The output `rows` of `axis` for the input `columns` of `view`.
fn vertical(view: View<'_>, axis: Axis, columns: Range<usize>, rows: Range<usize>) -> Result<Pixels> {
    let needed = axis.inputs(&rows);
    let copy;
    let (input, input_stride) = match view.pixels.as_rgb() {
        Some(rgb) => {
            let stride = view.pixels.width() * 3;
            let start = (view.window.top + needed.start) * stride + (view.window.left + columns.start) * 3;
            (&rgb[start..], stride)
        }
        None => {
            copy = view.to_rgb(columns.clone(), needed.clone())?;
            (copy.as_rgb().unwrap_or_default(), columns.len() * 3)
        }
    };
    let stride = columns.len() * 3;
    let mut out = memory::zeroed(columns.len(), rows.len(), 3)?;
    let mut taps = Taps::default();
    for (y, out) in rows.clone().zip(out.chunks_exact_mut(stride)) {
        let from = taps.set_row(&axis, y)?;
        let start = (from - needed.start) * input_stride;
        passes::vertical(&input[start..], input_stride, &taps, out);
    }
    Pixels::new(columns.len(), rows.len(), Layout::Rgb, Orientation::Upright, out)
}
