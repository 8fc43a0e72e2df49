//! The nearest pixel, found as Pillow finds it: positions are summed up step by step, so that rounding errors are
//! the same (`ImagingScaleAffine`,
//! <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Geometry.c>).

use std::ops::Range;

use crate::Result;
use crate::memory;

/// The input pixel of each kept output pixel; `None` where rounding puts it outside the picture, which is black in
/// Pillow too.
pub(super) fn positions(inputs: usize, outputs: usize, kept: Range<usize>) -> Result<Vec<Option<usize>>> {
    let scale = inputs as f64 / outputs as f64;
    let mut found = memory::filled(kept.len(), 1, 1, None)?;
    let mut position = scale * 0.5;
    for output in 0..kept.end {
        if let Some(slot) = output.checked_sub(kept.start).and_then(|slot| found.get_mut(slot)) {
            *slot = Some(position as usize).filter(|&inside| inside < inputs);
        }
        position += scale;
    }
    Ok(found)
}
