//! Runs a plan: decoded pixels to a pixel tensor, computing only what is kept.
//!
//! A crop is never carried out by itself: it narrows what the resize before it computes, or what is read. Zeros
//! around an image that is smaller than its crop exist only in the tensor. The last step turns 8-bit RGB rows
//! (`hwc`) into f32 planes (`chw`), looking every value up in the plan's table.

use std::ops::Range;

use super::decode;
use super::limits::Limits;
use super::memory;
use super::operations::{Operation, Plan};
use super::pixels::Pixels;
use super::resize::{self, MAX_SIDE, View, Window};
use crate::{Error, ErrorKind, Result};

/// Rows that are turned into values at a time.
const BAND_ROWS: usize = 32;

/// f32 values in (3, H, W) order.
pub(crate) struct PixelTensor {
    pub(crate) data: Vec<f32>,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

/// One axis of an image: `kept` pixels of what it is cut from, `before` zeros in front of them, and enough zeros
/// after them to make `outer`.
#[derive(Clone, Debug, PartialEq)]
struct Span {
    kept: Range<usize>,
    before: usize,
    outer: usize,
}

impl Span {
    fn whole(size: usize) -> Self {
        Self { kept: 0..size, before: 0, outer: size }
    }

    fn is_padded(&self) -> bool {
        self.kept.len() != self.outer
    }

    /// The middle `size` pixels, by transformers' offsets: rounded down when cutting, the odd zero in front when
    /// padding (`center_crop`,
    /// <https://github.com/huggingface/transformers/blob/main/src/transformers/image_transforms.py>).
    fn center_crop(&self, size: usize) -> Self {
        if size >= self.outer {
            let before = self.before + (size - self.outer).div_ceil(2);
            return Self { kept: self.kept.clone(), before, outer: size };
        }
        let start = (self.outer - size) / 2;
        let inside = |position: usize| position.clamp(start, start + size) - start;
        let from = inside(self.before);
        let to = inside(self.before + self.kept.len());
        let kept_from = self.kept.start + start.saturating_sub(self.before).min(self.kept.len());
        Self { kept: kept_from..kept_from + (to - from), before: from, outer: size }
    }
}

/// An image between two operations: a part of some pixels, surrounded by zeros.
struct Canvas<'a> {
    pixels: std::borrow::Cow<'a, Pixels>,
    background: Option<[u8; 3]>,
    across: Span,
    down: Span,
}

/// Runs `plan` over `pixels`.
pub(crate) fn run(plan: &Plan, pixels: &Pixels, background: Option<[u8; 3]>, limits: &Limits) -> Result<PixelTensor> {
    let mut canvas = Canvas {
        pixels: std::borrow::Cow::Borrowed(pixels),
        background,
        across: Span::whole(pixels.width()),
        down: Span::whole(pixels.height()),
    };
    let mut operations = plan.geometry.as_slice();
    while let Some((operation, rest)) = operations.split_first() {
        let size = (canvas.across.outer, canvas.down.outer);
        let (width, height, filter) = match *operation {
            Operation::Resize { width, height, filter } => (width, height, filter),
            Operation::ResizeShortestEdge { edge, filter } => {
                let (width, height) = shortest_edge(size, edge)?;
                (width, height, filter)
            }
            _ => {
                (canvas.across, canvas.down) = crops(canvas.across, canvas.down, &operations[..1], limits)?;
                operations = rest;
                continue;
            }
        };
        // The crops that follow say what of the resize is needed.
        let crop_count = rest.iter().take_while(|next| matches!(next, Operation::CenterCrop { .. })).count();
        let (cropped, rest) = rest.split_at(crop_count);
        let (across, down) = crops(Span::whole(width), Span::whole(height), cropped, limits)?;
        canvas = canvas.resized((width, height), filter, across, down)?;
        operations = rest;
    }
    canvas.into_tensor(&plan.table)
}

/// The spans after `operations`, of which only crops count; each size is held against the limits.
fn crops(mut across: Span, mut down: Span, operations: &[Operation], limits: &Limits) -> Result<(Span, Span)> {
    for operation in operations {
        if let Operation::CenterCrop { width, height } = *operation {
            (across, down) = (across.center_crop(width), down.center_crop(height));
        }
    }
    decode::check_pixels(across.outer as u64, down.outer as u64, limits)?;
    Ok((across, down))
}

/// The size whose shorter edge is `edge`, the longer one in proportion and rounded down: transformers'
/// `get_resize_output_image_size`.
fn shortest_edge((width, height): (usize, usize), edge: usize) -> Result<(usize, usize)> {
    let (short, long) = (width.min(height), width.max(height));
    let long = ((edge as u128 * long as u128) as f64 / short as f64) as u64;
    if edge as u64 > MAX_SIDE || long > MAX_SIDE {
        let context = format!("resize_shortest_edge: {width}x{height} pixels to an edge of {edge} is {long} long");
        return Err(Error::new(ErrorKind::TooLarge, context));
    }
    let long = long as usize;
    Ok(if width <= height { (edge, long) } else { (long, edge) })
}

impl<'a> Canvas<'a> {
    fn view(&self) -> View<'_> {
        let window = Window {
            left: self.across.kept.start,
            top: self.down.kept.start,
            width: self.across.kept.len(),
            height: self.down.kept.len(),
        };
        View { pixels: &self.pixels, window, background: self.background }
    }

    /// This, resized to `size`, of which `across` and `down` are kept.
    fn resized(
        self,
        size: (usize, usize),
        filter: resize::ResizeFilter,
        across: Span,
        down: Span,
    ) -> Result<Canvas<'a>> {
        let padded;
        let canvas = if self.across.is_padded() || self.down.is_padded() {
            // Zeros are pixels like others to a resize.
            padded = self.padded()?;
            &padded
        } else {
            &self
        };
        // A crop can be made of zeros alone: then one pixel is computed, and none of it used.
        let some = |kept: &Range<usize>| if kept.is_empty() { 0..1 } else { kept.clone() };
        let pixels = resize::resample(canvas.view(), size, filter, some(&across.kept), some(&down.kept))?;
        let whole = |span: Span| Span { kept: 0..span.kept.len(), ..span };
        let (across, down) = (whole(across), whole(down));
        Ok(Canvas { pixels: std::borrow::Cow::Owned(pixels), background: None, across, down })
    }

    /// The same with its zeros made real.
    fn padded(&self) -> Result<Canvas<'static>> {
        let (across, down) = (&self.across, &self.down);
        let at = (across.kept.start, down.kept.start);
        let size = (across.kept.len(), down.kept.len());
        let outer = (across.outer, down.outer);
        let pixels = self.pixels.to_rgb(at, size, self.background, (across.before, down.before), outer)?;
        let (across, down) = (Span::whole(outer.0), Span::whole(outer.1));
        Ok(Canvas { pixels: std::borrow::Cow::Owned(pixels), background: None, across, down })
    }

    fn into_tensor(self, table: &[[f32; 256]; 3]) -> Result<PixelTensor> {
        let (width, height) = (self.across.outer, self.down.outer);
        let plane = width * height;
        let mut data = Vec::new();
        let length = plane.checked_mul(3).filter(|&length| length <= isize::MAX as usize / 4);
        let too_long = || Error::new(ErrorKind::OutOfMemory, format!("no memory for {width}x{height}x3 values"));
        data.try_reserve_exact(length.ok_or_else(too_long)?).map_err(|error| too_long().with_source(error))?;
        for values in table {
            data.resize(data.len() + plane, values[0]);
        }
        let kept = self.across.kept.len();
        if kept == 0 || plane == 0 {
            return Ok(PixelTensor { data, height, width });
        }
        let (red, rest) = data.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        // Some rows at a time: of a picture that lies on its side, a row is scattered over all of it.
        let mut band = memory::zeroed(kept, BAND_ROWS, 3)?;
        let rows = self.down.kept.len();
        for first in (0..rows).step_by(BAND_ROWS) {
            let count = BAND_ROWS.min(rows - first);
            let band = &mut band[..kept * count * 3];
            let at = (self.across.kept.start, self.down.kept.start + first);
            self.pixels.read_rgb(at, (kept, count), self.background, band);
            for (y, row) in band.chunks_exact(kept * 3).enumerate() {
                let start = (self.down.before + first + y) * width + self.across.before;
                let planes = [&mut *red, &mut *green, &mut *blue].map(|plane| &mut plane[start..start + kept]);
                for (channel, (plane, values)) in planes.into_iter().zip(table).enumerate() {
                    for (to, pixel) in plane.iter_mut().zip(row.as_chunks::<3>().0) {
                        *to = values[usize::from(pixel[channel])];
                    }
                }
            }
        }
        Ok(PixelTensor { data, height, width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// transformers' center_crop of `0..original`, by its own steps.
    fn by_transformers(original: i64, size: i64) -> Vec<Option<i64>> {
        let mut top = (original - size).div_euclid(2);
        let mut bottom = top + size;
        let image: Vec<_> = (0..original).map(Some).collect();
        if top >= 0 && bottom <= original {
            return image[top as usize..bottom as usize].to_vec();
        }
        let padded = size.max(original);
        let before = (padded - original + 1) / 2;
        let mut out = vec![None; padded as usize];
        out[before as usize..(before + original) as usize].clone_from_slice(&image);
        top += before;
        bottom += before;
        out[top.max(0) as usize..bottom.min(padded) as usize].to_vec()
    }

    fn positions(span: &Span) -> Vec<Option<i64>> {
        let mut out = vec![None; span.before];
        out.extend(span.kept.clone().map(|position| Some(position as i64)));
        out.resize(span.outer, None);
        out
    }

    #[test]
    fn crops_take_what_transformers_takes() {
        for original in 1..40 {
            for size in 1..40 {
                let span = Span::whole(original).center_crop(size);
                assert_eq!(positions(&span), by_transformers(original as i64, size as i64), "{original} to {size}");
            }
        }
    }

    #[test]
    fn crops_of_crops_compose() {
        for sizes in [[7, 3, 12], [3, 12, 5], [20, 9, 14], [12, 11, 4], [30, 2, 1]] {
            let (mut span, mut expected) = (Span::whole(10), (0..10).map(Some).collect::<Vec<Option<i64>>>());
            for size in sizes {
                span = span.center_crop(size);
                let picked = by_transformers(expected.len() as i64, size as i64);
                expected = picked.into_iter().map(|at| at.and_then(|at| expected[at as usize])).collect();
                assert_eq!(positions(&span), expected, "{sizes:?}");
            }
        }
    }

    #[test]
    fn every_shortest_edge_is_transformers() {
        let goldens: serde_json::Value = serde_json::from_str(include_str!("../../tests/golden/sizes.json")).unwrap();
        let rows = goldens["rows"].as_array().unwrap();
        assert!(rows.len() > 500);
        for row in rows {
            let [width, height, edge, new_width, new_height] =
                [0, 1, 2, 3, 4].map(|at| row[at].as_u64().unwrap() as usize);
            assert_eq!(shortest_edge((width, height), edge).unwrap(), (new_width, new_height), "{row}");
        }
    }

    #[test]
    fn shortest_edges_are_rounded_as_transformers_rounds() {
        let cases = [
            ((500, 375), 224, (298, 224)),
            ((375, 500), 224, (224, 298)),
            ((640, 427), 224, (335, 224)),
            ((3, 500), 224, (224, 37333)),
            ((1, 100_000), 224, (224, 22_400_000)),
            ((224, 224), 224, (224, 224)),
            ((1, 1), 7, (7, 7)),
        ];
        for (size, edge, expected) in cases {
            assert_eq!(shortest_edge(size, edge).unwrap(), expected, "{size:?} to {edge}");
        }
        assert_eq!(shortest_edge((1, 100_000_000), 224).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(shortest_edge((usize::MAX, usize::MAX), usize::MAX).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}
