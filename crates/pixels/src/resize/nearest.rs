//! The nearest pixel, found as Pillow finds it: positions are summed up step by step, so that rounding errors are
//! the same (`ImagingScaleAffine`,
//! <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Geometry.c>).

use std::ops::Range;

use crate::Result;
use crate::memory;

/// The input pixel of each of `wanted`. Those at the end that rounding puts outside the picture have none.
fn walk(inputs: usize, outputs: usize, wanted: Range<usize>) -> impl Iterator<Item = usize> {
    let scale = inputs as f64 / outputs as f64;
    let mut next = scale * 0.5;
    let positions = (0..wanted.end).map(move |_| {
        let position = next;
        next += scale;
        position as usize
    });
    positions.skip(wanted.start).take_while(move |&position| position < inputs)
}

/// The input pixels from that of the first of `wanted` to that of the last one; one pixel where there is none.
pub(super) fn inputs(inputs: usize, outputs: usize, wanted: Range<usize>) -> Range<usize> {
    let mut positions = walk(inputs, outputs, wanted);
    let Some(first) = positions.next() else { return 0..1 };
    first..positions.last().unwrap_or(first) + 1
}

/// The input pixel of each of `wanted`. Where the list is shorter, the rest lies outside the picture, which is black in
/// Pillow too.
pub(super) fn positions(inputs: usize, outputs: usize, wanted: Range<usize>) -> Result<Vec<usize>> {
    let mut positions = memory::reserved(wanted.len(), 1, 1)?;
    positions.extend(walk(inputs, outputs, wanted));
    Ok(positions)
}
