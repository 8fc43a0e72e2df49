//! The nearest pixel, found as Pillow finds it: positions are summed up step by step, so that rounding errors are
//! the same (`ImagingScaleAffine`,
//! <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Geometry.c>).

use std::ops::Range;

use super::View;
use crate::Result;
use crate::image::memory;
use crate::image::pixels::{Layout, Orientation, Pixels};

/// The part of `view`, resized to `width`×`height`, in `columns` and `rows`. A position that rounding puts outside
/// the picture is black there, as in Pillow.
pub(super) fn resample(
    view: View<'_>,
    (width, height): (usize, usize),
    columns: Range<usize>,
    rows: Range<usize>,
) -> Result<Pixels> {
    let across = positions(view.window.width, width, columns.clone())?;
    let down = positions(view.window.height, height, rows.clone())?;
    let mut out = memory::zeroed(columns.len(), rows.len(), 3)?;
    let (pixels, _) = out.as_chunks_mut::<3>();
    let needed = range(&across);
    let mut band = memory::zeroed(needed.len(), 1, 3)?;
    for (to, &y) in pixels.chunks_exact_mut(columns.len()).zip(&down) {
        if y >= view.window.height || needed.is_empty() {
            continue;
        }
        let at = (view.window.left + needed.start, view.window.top + y);
        view.pixels.read_rgb(at, (needed.len(), 1), view.background, &mut band);
        let (from, _) = band.as_chunks::<3>();
        for (to, &x) in to.iter_mut().zip(&across) {
            if let Some(pixel) = x.checked_sub(needed.start).and_then(|x| from.get(x)) {
                *to = *pixel;
            }
        }
    }
    Pixels::new(columns.len(), rows.len(), Layout::Rgb, Orientation::Upright, out)
}

/// The inputs at `positions` that are there.
fn range(positions: &[usize]) -> Range<usize> {
    let inside = positions.iter().copied().filter(|&x| x != usize::MAX);
    match (inside.clone().min(), inside.max()) {
        (Some(least), Some(most)) => least..most + 1,
        _ => 0..0,
    }
}

/// The input pixel of each kept output pixel; `usize::MAX` where it lies outside.
fn positions(inputs: usize, outputs: usize, kept: Range<usize>) -> Result<Vec<usize>> {
    let scale = inputs as f64 / outputs as f64;
    let mut found = memory::filled(kept.len(), 1, 1, usize::MAX)?;
    let mut position = scale * 0.5;
    for output in 0..kept.end {
        let slot = output.checked_sub(kept.start).and_then(|slot| found.get_mut(slot));
        if let (Some(slot), true) = (slot, (position as usize) < inputs) {
            *slot = position as usize;
        }
        position += scale;
    }
    Ok(found)
}
