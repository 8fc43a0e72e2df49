//! Runs a plan: a picture to a pixel tensor, computing only what is kept.
//!
//! The first resize takes its rows out of the decoder as they come, and asks for no others than it needs; what follows
//! works on what came of it. A crop is never carried out by itself: it narrows what the resize before it computes, or
//! what is read. Zeros around an image that is smaller than its crop exist only in the tensor. The last step turns 8-bit
//! RGB rows (`hwc`) into f32 planes (`chw`), looking every value up in the plan's table.

use std::cell::Cell;
use std::ops::Range;

use super::Decode;
use super::decode::Picture;
use super::limits::Limits;
use super::memory;
use super::operations::{Operation, Plan};
use super::pixels::{Area, Pixels};
use super::resize::{Job, MAX_SIDE, Resampler, ResizeFilter, Window};
use crate::{Error, ErrorKind, Result};

/// How many times the size that it gets a picture keeps at least where its decoder makes it smaller.
const REDUCING_GAP: usize = 2;

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

/// An image between two operations: a part of a picture, surrounded by zeros.
struct Canvas<'a> {
    picture: Picture<'a>,
    across: Span,
    down: Span,
}

/// What a run is made with.
pub(crate) struct Pipeline<'a, Clock> {
    plan: &'a Plan,
    background: Option<[u8; 3]>,
    limits: &'a Limits,
    decode: Decode,
    clock: Clock,
    /// What the clock counted outside the decoder.
    spent: Cell<f64>,
}

impl<'a, Clock: Fn() -> f64> Pipeline<'a, Clock> {
    pub(crate) fn new(
        plan: &'a Plan,
        background: Option<[u8; 3]>,
        limits: &'a Limits,
        decode: Decode,
        clock: Clock,
    ) -> Self {
        Self { plan, background, limits, decode, clock, spent: Cell::new(0.0) }
    }

    /// Runs the plan over `picture`; and what the clock counted while the tensor was made of pixels.
    pub(crate) fn run(&self, picture: Picture<'_>) -> Result<(PixelTensor, f64)> {
        let (width, height) = picture.header().upright_size();
        let mut canvas = Canvas { picture, across: Span::whole(width), down: Span::whole(height) };
        let mut operations = self.plan.geometry.as_slice();
        while let Some((operation, rest)) = operations.split_first() {
            let size = (canvas.across.outer, canvas.down.outer);
            let (width, height, filter) = match *operation {
                Operation::Resize { width, height, filter } => (width, height, filter),
                Operation::ResizeShortestEdge { edge, filter } => {
                    let (width, height) = shortest_edge(size, edge)?;
                    (width, height, filter)
                }
                _ => {
                    (canvas.across, canvas.down) = self.crops(canvas.across, canvas.down, &operations[..1])?;
                    operations = rest;
                    continue;
                }
            };
            // The crops that follow say what of the resize is needed.
            let crop_count = rest.iter().take_while(|next| matches!(next, Operation::CenterCrop { .. })).count();
            let (cropped, rest) = rest.split_at(crop_count);
            let (across, down) = self.crops(Span::whole(width), Span::whole(height), cropped)?;
            canvas = self.resized(canvas, (width, height), filter, across, down)?;
            operations = rest;
        }
        self.tensor(canvas)
    }

    /// The spans after `operations`, of which only crops count. What comes of them is held against the limit on memory.
    fn crops(&self, mut across: Span, mut down: Span, operations: &[Operation]) -> Result<(Span, Span)> {
        for operation in operations {
            if let Operation::CenterCrop { width, height } = *operation {
                (across, down) = (across.center_crop(width), down.center_crop(height));
            }
        }
        let needed = (across.outer as u64).saturating_mul(down.outer as u64).saturating_mul(3);
        if needed > self.limits.max_alloc {
            let (size, most) = (format!("{}x{}", across.outer, down.outer), self.limits.max_alloc);
            let context = format!("an image of {size} pixels takes {needed} bytes, over the limit of {most}");
            return Err(Error::new(ErrorKind::TooLarge, context));
        }
        Ok((across, down))
    }

    /// `canvas` resized to `size`, of which `across` and `down` are kept.
    fn resized<'p>(
        &self,
        mut canvas: Canvas<'p>,
        size: (usize, usize),
        filter: ResizeFilter,
        across: Span,
        down: Span,
    ) -> Result<Canvas<'p>> {
        if canvas.across.is_padded() || canvas.down.is_padded() {
            // Zeros are pixels like others to a resize.
            canvas = self.padded(canvas)?;
        }
        let whole = |span: &Span, length| *span == Span::whole(length);
        let (width, height) = canvas.picture.header().upright_size();
        if self.decode == Decode::Fast && whole(&canvas.across, width) && whole(&canvas.down, height) {
            let enough = |length: usize| length.saturating_mul(REDUCING_GAP);
            canvas.picture.reduce_to((enough(size.0), enough(size.1)));
            let (width, height) = canvas.picture.header().upright_size();
            (canvas.across, canvas.down) = (Span::whole(width), Span::whole(height));
        }
        let (columns, rows) = (some(&across.kept), some(&down.kept));
        let job = Job { window: canvas.window(), size, filter, columns, rows, background: self.background };
        let pixels = self.resample(canvas.picture, job)?;
        Ok(Canvas::of(pixels, across, down))
    }

    fn resample(&self, picture: Picture<'_>, job: Job) -> Result<Pixels> {
        let allowed = self.limits.max_alloc.saturating_sub(picture.memory());
        let mut resampler = Resampler::new(&picture.header(), job, allowed)?;
        picture.read(resampler.area(), |rows| self.timed(|| resampler.push(rows)))?;
        self.timed(|| resampler.finish())
    }

    /// The kept part of `canvas` as upright RGB, with its zeros still to be made.
    fn read<'p>(&self, canvas: Canvas<'p>) -> Result<Canvas<'p>> {
        let window = canvas.window();
        let (size, filter) = ((window.width, window.height), ResizeFilter::Nearest);
        let (columns, rows) = (0..window.width, 0..window.height);
        let job = Job { window, size, filter, columns, rows, background: self.background };
        let pixels = self.resample(canvas.picture, job)?;
        Ok(Canvas::of(pixels, canvas.across, canvas.down))
    }

    /// The same with its zeros made real.
    fn padded<'p>(&self, canvas: Canvas<'p>) -> Result<Canvas<'p>> {
        let Canvas { picture, across, down } = self.read(canvas)?;
        let mut data = memory::zeroed(across.outer, down.outer, 3)?;
        picture.read(Canvas::area(&across, &down), |rows| {
            for (y, row) in rows.bytes.chunks(rows.stride).take(rows.count).enumerate() {
                let start = ((down.before + y) * across.outer + across.before) * 3;
                data[start..start + across.kept.len() * 3].copy_from_slice(&row[..across.kept.len() * 3]);
            }
            Ok(())
        })?;
        let (across, down) = (Span::whole(across.outer), Span::whole(down.outer));
        Ok(Canvas::of(Pixels::upright_rgb(across.outer, down.outer, data)?, across, down))
    }

    fn tensor(&self, mut canvas: Canvas<'_>) -> Result<(PixelTensor, f64)> {
        let is_there = matches!(&canvas.picture, Picture::Pixels(pixels) if pixels.header().is_upright_rgb());
        if !is_there {
            canvas = self.read(canvas)?;
        }
        let tensor = self.timed(|| canvas.tensor(&self.plan.table))?;
        Ok((tensor, self.spent.get()))
    }

    fn timed<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = (self.clock)();
        let result = work();
        self.spent.set(self.spent.get() + (self.clock)() - start);
        result
    }
}

/// A crop can be made of zeros alone: then one pixel is computed, and not used.
fn some(kept: &Range<usize>) -> Range<usize> {
    if kept.is_empty() { 0..1 } else { kept.clone() }
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

impl Canvas<'_> {
    /// Of the pixels that are kept, and of no others.
    fn of(pixels: Pixels, across: Span, down: Span) -> Self {
        let from_the_start = |span: Span| Span { kept: 0..span.kept.len(), ..span };
        Self { picture: Picture::Pixels(pixels.into()), across: from_the_start(across), down: from_the_start(down) }
    }

    /// What is kept of the picture, and one pixel at least.
    fn window(&self) -> Window {
        let start = |kept: &Range<usize>| if kept.is_empty() { 0 } else { kept.start };
        Window {
            left: start(&self.across.kept),
            top: start(&self.down.kept),
            width: self.across.kept.len().max(1),
            height: self.down.kept.len().max(1),
        }
    }

    /// What is kept of a picture that stands upright.
    fn area(across: &Span, down: &Span) -> Area {
        Area { columns: across.kept.clone(), rows: down.kept.clone() }
    }

    /// Of a picture that is upright RGB.
    fn tensor(self, table: &[[f32; 256]; 3]) -> Result<PixelTensor> {
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
        if kept > 0 && plane > 0 {
            let (red, rest) = data.split_at_mut(plane);
            let (green, blue) = rest.split_at_mut(plane);
            self.picture.read(Self::area(&self.across, &self.down), |rows| {
                for (y, row) in rows.bytes.chunks(rows.stride).take(rows.count).enumerate() {
                    let start = (self.down.before + y) * width + self.across.before;
                    let planes = [&mut *red, &mut *green, &mut *blue].map(|plane| &mut plane[start..start + kept]);
                    for (channel, (plane, values)) in planes.into_iter().zip(table).enumerate() {
                        for (to, pixel) in plane.iter_mut().zip(row.as_chunks::<3>().0) {
                            *to = values[usize::from(pixel[channel])];
                        }
                    }
                }
                Ok(())
            })?;
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
        let goldens: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/golden/sizes.json")).unwrap();
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
