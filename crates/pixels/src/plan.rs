//! What is to be computed of a picture, solved before any of it is decoded: areas, sizes, the order of passes, memory.
//!
//! A plan is made of numbers alone: what the picture's header says, the queued operations, and the limits. Running it
//! ([`pipeline`](crate::pipeline)) decides nothing any more.
//!
//! - A crop is never carried out by itself. It narrows what the resize before it computes, or what is read.
//! - Zeros around an image that is smaller than its crop exist only in the tensor; but where a resize follows, they are
//!   pixels like others, and are made before it.
//! - A JPEG that is decoded [fast](Decode::Fast) may come at a fraction of its size, if a resize is the first that
//!   happens to it.

mod pass;
mod span;

pub(crate) use self::pass::{Pass, Resize};
use self::span::Span;
use crate::Decode;
use crate::limits::Limits;
use crate::operations::Operation;
use crate::pixels::{Area, Header, Scale};
use crate::resize::{MAX_SIDE, ResizeFilter};
use crate::{Error, ErrorKind, Result};

/// How many times the size that it gets a picture keeps at least where its decoder makes it smaller.
const REDUCING_GAP: usize = 2;

/// What a plan has to know of a picture.
pub(crate) trait Describe {
    /// What the rows are like when they are decoded at `scale`.
    fn header(&self, scale: Scale) -> Header;
    /// How many bytes of memory decoding takes then, besides the rows.
    fn memory(&self, scale: Scale) -> u64;
    /// The smallest scale that there is at which the upright picture is at least `width`x`height`.
    fn scale_for(&self, width: usize, height: usize) -> Scale;
    /// Whether all pixels are there already.
    fn is_held(&self) -> bool;
}

/// How a plan is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings<'a> {
    /// What transparent pixels are composited over.
    pub(crate) background: Option<[u8; 3]>,
    pub(crate) limits: &'a Limits,
    pub(crate) decode: Decode,
}

/// All that is computed of a picture.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// At which the picture is decoded.
    pub(crate) scale: Scale,
    /// What makes an upright image of the picture, and another one of that. None where the picture is one, and held.
    pub(crate) passes: Vec<Pass>,
    /// The tensor: pixels of the last image, with zeros around them.
    pub(crate) tensor: Canvas,
}

/// An image between two operations: a part of another one, surrounded by zeros.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Canvas {
    pub(crate) horizontal: Span,
    pub(crate) vertical: Span,
    /// Of what color those are that are not its own: zeros, but around an image that is brought to a square.
    pub(crate) fill: [u8; 3],
}

impl Canvas {
    /// An image of `width`x`height` pixels.
    pub(crate) fn whole((width, height): (usize, usize)) -> Self {
        Self { horizontal: Span::whole(width), vertical: Span::whole(height), fill: [0; 3] }
    }

    /// Width and height.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.horizontal.length, self.vertical.length)
    }

    fn is_padded(&self) -> bool {
        self.horizontal.is_padded() || self.vertical.is_padded()
    }

    /// Whether there is more than zeros.
    pub(crate) fn has_pixels(&self) -> bool {
        !self.horizontal.pixels.is_empty() && !self.vertical.pixels.is_empty()
    }

    /// The pixels, and one at least, of an image that stands upright.
    pub(crate) fn area(&self) -> Area {
        Area { columns: self.horizontal.some(), rows: self.vertical.some() }
    }

    /// Width and height of [`area`](Self::area).
    fn area_size(&self) -> (usize, usize) {
        (self.horizontal.some().len(), self.vertical.some().len())
    }

    fn cut_out(&self) -> Self {
        Self { horizontal: self.horizontal.cut_out(), vertical: self.vertical.cut_out(), fill: self.fill }
    }

    /// In the middle of a square that is `edge` pixels high and wide, the rest of which is `fill`.
    fn padded(self, edge: usize, fill: [u8; 3]) -> Self {
        Self { horizontal: self.horizontal.padded(edge), vertical: self.vertical.padded(edge), fill }
    }

    /// Bytes of it as RGB.
    fn memory(&self) -> u64 {
        (self.size().0 as u64).saturating_mul(self.size().1 as u64).saturating_mul(3)
    }

    /// An error where the tensor of it, beside its pixels as RGB, takes more memory than the limits allow.
    fn check_tensor(&self, limits: &Limits) -> Result<()> {
        let rgb = Self::whole(self.area_size()).memory();
        let needed = self.memory().saturating_mul(size_of::<f32>() as u64).saturating_add(rgb);
        let ((width, height), most) = (self.size(), limits.max_alloc);
        if needed <= most {
            return Ok(());
        }
        let context = format!("a tensor of {width}x{height} pixels takes {needed} bytes, over the limit of {most}");
        Err(Error::new(ErrorKind::TooLarge, context))
    }

    /// What `crops` leave of it.
    ///
    /// # Errors
    /// `TooLarge` where the pixels would take more memory than is allowed.
    fn cropped(mut self, crops: &[Operation], limits: &Limits) -> Result<Self> {
        for crop in crops {
            if let Operation::CenterCrop { width, height, rounded } = *crop {
                self.horizontal = self.horizontal.center_crop(width, rounded);
                self.vertical = self.vertical.center_crop(height, rounded);
            }
        }
        let ((width, height), needed, most) = (self.size(), self.memory(), limits.max_alloc);
        if needed > most {
            let context = format!("an image of {width}x{height} pixels takes {needed} bytes, over the limit of {most}");
            return Err(Error::new(ErrorKind::TooLarge, context));
        }
        Ok(self)
    }
}

impl Plan {
    /// A plan of `geometry`, in this order, for `picture`.
    ///
    /// # Errors
    /// `TooLarge` where a side or the memory is over a limit.
    pub(crate) fn new(picture: &impl Describe, geometry: &[Operation], settings: Settings<'_>) -> Result<Self> {
        let mut planner = Planner::new(picture, settings);
        let (crops, mut rest) = leading_crops(geometry);
        if !crops.is_empty() {
            planner.canvas = planner.canvas.cropped(crops, settings.limits)?;
        }
        while let Some((resize, after)) = rest.split_first() {
            let (size, filter) = match *resize {
                Operation::Resize { width, height, filter } => ((width, height), filter),
                Operation::ResizeShortestEdge { edge, filter } => (shortest_edge(planner.canvas.size(), edge)?, filter),
                // The last of them.
                Operation::ResizeAndPad { edge, filter, fill } => {
                    let size = longest_edge(planner.canvas.size(), edge);
                    planner.resize(size, filter, Canvas::whole(size).padded(edge, fill))?;
                    return planner.finish();
                }
                _ => return Err(resize.error("is no resize")),
            };
            // The crops that follow say what of it is needed.
            let (crops, next) = leading_crops(after);
            planner.resize(size, filter, Canvas::whole(size).cropped(crops, settings.limits)?)?;
            rest = next;
        }
        planner.finish()
    }
}

/// The crops that `operations` begin with, and the others.
fn leading_crops(operations: &[Operation]) -> (&[Operation], &[Operation]) {
    let is_crop = |operation: &Operation| matches!(operation, Operation::CenterCrop { .. });
    operations.split_at(operations.iter().take_while(|operation| is_crop(operation)).count())
}

/// A plan in the making.
struct Planner<'a, Picture> {
    picture: &'a Picture,
    settings: Settings<'a>,
    scale: Scale,
    passes: Vec<Pass>,
    /// What the next operation finds: a part of what the last pass gives, or of the picture.
    canvas: Canvas,
}

impl<'a, Picture: Describe> Planner<'a, Picture> {
    fn new(picture: &'a Picture, settings: Settings<'a>) -> Self {
        let canvas = Canvas::whole(picture.header(Scale::Full).upright_size());
        Self { picture, settings, scale: Scale::Full, passes: Vec::new(), canvas }
    }

    /// What the rows are like that the next pass takes.
    fn header(&self) -> Header {
        match self.passes.last() {
            Some(pass) => Header::upright_rgb(pass.result.size()),
            None => self.picture.header(self.scale),
        }
    }

    /// Adds the pass that makes an image of `size` of the canvas, of which `wanted` is needed.
    fn resize(&mut self, size: (usize, usize), filter: ResizeFilter, wanted: Canvas) -> Result<()> {
        if self.canvas.is_padded() {
            // Zeros are pixels like others to a resize.
            self.copy(self.canvas.cut_out())?;
            self.canvas = Canvas::whole(self.canvas.size());
        }
        let is_whole = self.passes.is_empty() && self.canvas == Canvas::whole(self.header().upright_size());
        if self.settings.decode == Decode::Fast && is_whole {
            let enough = |length: usize| length.saturating_mul(REDUCING_GAP);
            self.scale = self.picture.scale_for(enough(size.0), enough(size.1));
            self.canvas = Canvas::whole(self.header().upright_size());
        }
        let resize = Resize { part: self.canvas.area(), size, filter, wanted: wanted.area() };
        self.add(resize, Canvas::whole(wanted.area_size()))?;
        self.canvas = wanted.cut_out();
        Ok(())
    }

    /// Adds a pass that leaves the canvas' pixels as they are, but upright RGB, and puts them in `result`.
    fn copy(&mut self, result: Canvas) -> Result<()> {
        let (part, size) = (self.canvas.area(), self.canvas.area_size());
        let wanted = Area { columns: 0..size.0, rows: 0..size.1 };
        self.add(Resize { part, size, filter: ResizeFilter::Nearest, wanted }, result)
    }

    fn add(&mut self, resize: Resize, result: Canvas) -> Result<()> {
        let pass = Pass::new(self.header(), resize, result)?;
        let decoder = if self.passes.is_empty() { self.picture.memory(self.scale) } else { 0 };
        pass.check_memory(decoder, self.settings.limits)?;
        self.passes.push(Pass { background: self.settings.background, ..pass });
        Ok(())
    }

    fn finish(mut self) -> Result<Plan> {
        // The tensor first, for what it is made of is no larger.
        self.canvas.check_tensor(self.settings.limits)?;
        if self.passes.is_empty() && !(self.picture.is_held() && self.header().is_upright_rgb()) {
            self.copy(Canvas::whole(self.canvas.area_size()))?;
            self.canvas = self.canvas.cut_out();
        }
        Ok(Plan { scale: self.scale, passes: self.passes, tensor: self.canvas })
    }
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

/// The size whose longer edge is `edge`, the shorter one in proportion, rounded as Python rounds, and a pixel at least:
/// open_clip's `ResizeKeepRatio` of `longest=1`.
/// <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/transform.py>
fn longest_edge((width, height): (usize, usize), edge: usize) -> (usize, usize) {
    let ratio = |length: usize| length as f64 / edge as f64;
    let ratio = ratio(width).max(ratio(height));
    let scaled = |length: usize| ((length as f64 / ratio).round_ties_even() as usize).clamp(1, edge);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests;
