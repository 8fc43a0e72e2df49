//! JPEG, decoded to the same pixels as libjpeg-turbo 3.2 gives Pillow 13.
//!
//! An embedding that is to equal Python's begins with equal pixels, and decoders differ: in the rounding of the
//! inverse DCT, and above all in how they bring the colour channels, which most photographs store at half size, back
//! to full size. The `image` crate's decoder equals Pillow in three values of four. This one equals it in all.
//!
//! **Read**: baseline, extended sequential and progressive Huffman-coded pictures of 8 bits; gray, YCbCr, RGB, CMYK
//! and YCCK; all sampling factors that libjpeg reads. Damaged data are treated as libjpeg treats them: it goes on
//! after a bad code, and after the next restart marker. Where Pillow gives up, as on a file that is cut short, there
//! is an error here. One thing is milder: a baseline picture that lacks nothing but the end marker is read.
//!
//! **How**: [`Decoder::new`] reads the headers, [`Decoder::decode`] the rest, and hands on finished rows from the top, a
//! few at a time.
//! A picture is worked through in bands of 8 or 16 rows, all of its scans side by side, and takes hardly any memory. Only
//! some incomplete or damaged ones need their coefficients as a whole.
//!
//! ```text
//! markers.rs     headers and tables         frame.rs           sizes, blocks, MCUs
//! huffman.rs     codes                      bits.rs            bits, restart markers
//! sequential.rs  baseline coefficients      progressive.rs     progressive coefficients, coefficients.rs their home
//! idct.rs        coefficients to samples    upsample.rs        samples to full size
//! color.rs       samples to RGB             smooth.rs          blocks whose coefficients never came
//! rows.rs        blocks to rows             kernels.rs         scalar or SIMD: vector.rs, x86.rs, simd128.rs
//! scans.rs       several scans at once
//! ```
//!
//! All formulas are from the standard (ITU-T T.81) and from <https://github.com/libjpeg-turbo/libjpeg-turbo>; each
//! module names the file.

mod bits;
mod coefficients;
mod color;
mod error;
mod frame;
mod huffman;
// Where SIMD is certain, the scalar twins are for tests only.
#[cfg_attr(all(target_arch = "wasm32", target_feature = "simd128"), allow(dead_code))]
mod idct;
#[cfg_attr(all(target_arch = "wasm32", target_feature = "simd128"), allow(dead_code))]
mod kernels;
mod markers;
mod memory;
mod progressive;
mod rows;
mod scans;
mod sequential;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
mod smooth;
mod upsample;
#[cfg(any(target_arch = "x86", target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod vector;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
mod x86;

use std::rc::Rc;

use self::coefficients::Plane;
pub use self::error::{Error, Result};
use self::frame::{Frame, McuLayout, Scan};
use self::huffman::Code;
pub use self::markers::Colors;
use self::markers::{Event, Parser};
use self::rows::Rows;
use self::scans::{Reader, SideBySide};
use self::sequential::{Extent, Sequential};
use self::smooth::Progress;
use std::ops::Range;

/// At which fraction of its size a picture is decoded; sizes are rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scale {
    #[default]
    /// As it is.
    Full,
    /// A half, each way.
    Half,
    /// A quarter.
    Quarter,
    /// An eighth.
    Eighth,
}

impl Scale {
    /// The width and height that a block of 8x8 samples has.
    fn block(self) -> usize {
        match self {
            Self::Full => 8,
            Self::Half => 4,
            Self::Quarter => 2,
            Self::Eighth => 1,
        }
    }
}

/// The natural-order place of each coefficient in zigzag order; whatever comes after the 64th is put in the last
/// place, as in libjpeg.
const ZIGZAG: [u8; 128] = {
    let mut order = [63; 128];
    let (mut i, mut diagonal) = (0, 0);
    while diagonal < 15 {
        let mut step = 0;
        while step <= diagonal {
            let (row, column) = (diagonal - step, step);
            let (y, x) = if diagonal % 2 == 0 { (row, column) } else { (column, row) };
            if y < 8 && x < 8 {
                order[i] = (8 * y + x) as u8;
                i += 1;
            }
            step += 1;
        }
        diagonal += 1;
    }
    order
};

fn broken(what: impl std::fmt::Display) -> Error {
    Error::Broken(format!("broken: {what}"))
}

fn cut_short(place: &str) -> Error {
    Error::Broken(format!("cut short: the file ends {place}"))
}

fn unsupported(what: impl std::fmt::Display) -> Error {
    Error::Unsupported(what.to_string())
}

/// A part of a picture, in pixels, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its columns.
    pub columns: Range<usize>,
    /// Its rows.
    pub rows: Range<usize>,
}

/// A JPEG file whose headers have been read, up to its first scan.
pub struct Decoder<'a> {
    parser: Parser<'a>,
    frame: Rc<Frame>,
    colors: Colors,
    first: Scan,
    /// Of a picture in several scans, these, if they can be decoded side by side.
    side_by_side: Option<SideBySide<'a>>,
}

impl<'a> Decoder<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    /// `Decode` for what is broken, `UnsupportedFormat` for what is not read, `TooLarge` over libjpeg's 65500 pixels
    /// a side.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let mut parser = Parser::new(bytes)?;
        let Event::Scan(first) = parser.next()? else {
            return Err(broken("it has no scan"));
        };
        let frame = parser.frame.clone().ok_or_else(|| broken("it has no frame header"))?;
        let colors = parser.colors(&frame)?;
        if !frame.progressive {
            // Motion JPEG leaves out the usual tables.
            for (index, chrominance) in [false, true].into_iter().enumerate() {
                let (dc, ac) = Code::standard(chrominance);
                parser.dc_codes[index] = parser.dc_codes[index].take().or(dc);
                parser.ac_codes[index] = parser.ac_codes[index].take().or(ac);
            }
        }
        let mut decoder = Self { parser, frame, colors, first, side_by_side: None };
        if !decoder.in_one_scan() {
            decoder.side_by_side = SideBySide::new(decoder.parser.clone(), &decoder.frame, &decoder.first);
        }
        Ok(decoder)
    }

    /// The same picture, whose components mean `colors`, whatever its headers say; if they are as many.
    pub fn with_colors(self, colors: Colors) -> Self {
        let three = |colors| matches!(colors, Colors::Rgb | Colors::YCbCr);
        if three(colors) && three(self.colors) { Self { colors, ..self } } else { self }
    }

    /// Width and height of what [`decode`](Self::decode) gives.
    pub fn size(&self, scale: Scale) -> (usize, usize) {
        self.frame.size(scale)
    }

    /// The smallest scale at which the picture is at least `width`x`height`, by the rule of Pillow's `Image.draft`.
    pub fn scale_for(&self, width: usize, height: usize) -> Scale {
        let times = (self.frame.width / width.max(1)).min(self.frame.height / height.max(1));
        match times {
            8.. => Scale::Eighth,
            4.. => Scale::Quarter,
            2.. => Scale::Half,
            _ => Scale::Full,
        }
    }

    /// Bytes of a pixel: 1 for gray, 3 for RGB.
    pub fn channels(&self) -> usize {
        if self.colors == Colors::Gray { 1 } else { 3 }
    }

    /// The EXIF data, with `Exif\0\0` before it. It is moved out.
    pub fn take_exif(&mut self) -> Option<Vec<u8>> {
        self.parser.exif.take()
    }

    /// The XMP data. It is moved out.
    pub fn take_xmp(&mut self) -> Option<Vec<u8>> {
        self.parser.xmp.take()
    }

    /// How many bytes of memory decoding takes, besides the rows that are handed on.
    pub fn memory(&self, scale: Scale) -> u64 {
        let blocks: usize = self.frame.components.iter().map(|component| self.frame.padded_blocks(component)).sum();
        let held = match (&self.side_by_side, self.in_one_scan()) {
            (_, true) => 0,
            (Some(_), _) => blocks / self.frame.bands,
            (None, _) => blocks,
        };
        Rows::size(&self.frame, scale) + held as u64 * 128
    }

    /// Decodes `area`, whose pixels are those at `scale`, and hands its rows to `sink` from the top, a few at a time.
    ///
    /// What lies outside is read, since the rest can't be found otherwise, and errors in it count; but no pixel of it
    /// is computed.
    ///
    /// # Errors
    /// `InvalidArgument` for an area that is empty or not within the picture, `Decode` for what is broken,
    /// `UnsupportedFormat` for what is not read, `TooLarge` for more scans than any picture needs, `OutOfMemory`, and
    /// those of `sink`.
    pub fn decode<E: From<Error>>(
        self,
        scale: Scale,
        area: Area,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (width, height) = self.size(scale);
        if area.columns.is_empty() || area.rows.is_empty() || area.columns.end > width || area.rows.end > height {
            return Err(Error::InvalidArea { width, height, area }.into());
        }
        if self.in_one_scan() {
            self.stream(scale, area, &mut sink)
        } else if let Some(scans) = self.side_by_side {
            scans.decode(&self.frame, self.colors, scale, area, &mut sink)
        } else {
            self.collect(scale, area, &mut sink)
        }
    }

    fn in_one_scan(&self) -> bool {
        !self.frame.progressive && self.first.members.len() == self.frame.components.len()
    }

    /// Decodes a picture in one scan, band by band.
    fn stream<E: From<Error>>(
        self,
        scale: Scale,
        area: Area,
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { mut parser, frame, colors, first, .. } = self;
        let mut entropy = Sequential::new(&parser, &frame, &first)?;
        let mut rows = Rows::new(&frame, colors, scale, area)?;
        let mut quantisers = vec![None; frame.components.len()];
        latch_quantisers(&parser, &frame, &first, &mut quantisers)?;
        rows.set_quantisers(&quantisers);
        // Where each member's blocks lie: its strip, and the size of its part of an MCU.
        let places: Vec<_> = first.members.iter().map(|&(i, ..)| (i, frame.components[i].horizontal)).collect();
        let single = entropy.layout().single;
        for band in 0..frame.bands {
            let needed = rows.begin_band(band);
            for mcu_row in 0..entropy.layout().rows(&frame, band) {
                entropy.mcu_row(|mcu, place, block, extent| {
                    if !needed {
                        return;
                    }
                    let (index, horizontal) = places[place.member];
                    let (x, y) = if single { (mcu, mcu_row) } else { (mcu * horizontal + place.x, place.y) };
                    rows.strips[index].put(x, y, &block.0, extent);
                })?;
            }
            rows.end_band(band, sink)?;
        }
        (parser.at, parser.pending) = entropy.finish();
        Ok(parser.check_end()?)
    }

    /// Decodes a picture in several scans, one after the other.
    fn collect<E: From<Error>>(
        self,
        scale: Scale,
        area: Area,
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { mut parser, frame, colors, first, .. } = self;
        let mut rows = Rows::new(&frame, colors, scale, area)?;
        let planes = frame.components.iter().map(|component| Plane::new(&frame, component));
        let mut planes = planes.collect::<Result<Vec<_>>>()?;
        let mut quantisers = vec![None; frame.components.len()];
        let mut progress = frame.progressive.then(|| Progress::new(&frame));
        let mut work = Work::new(&frame);
        let mut next = Event::Scan(first);
        while let Event::Scan(scan) = next {
            work.add(&McuLayout::new(&frame, &scan)?, &frame)?;
            latch_quantisers(&parser, &frame, &scan, &mut quantisers)?;
            let mut reader = Reader::new(&parser, &frame, &scan)?;
            if let Some(progress) = &mut progress {
                progress.begin(&scan);
            }
            (0..frame.bands).try_for_each(|band| reader.band(&frame, band, &mut planes))?;
            if let Some(progress) = &mut progress {
                progress.end(reader.last_good());
            }
            (parser.at, parser.pending) = reader.finish();
            next = parser.next()?;
        }
        rows.set_quantisers(&quantisers);
        let progress = progress.filter(|progress| progress.needs_smoothing(&quantisers));
        for band in 0..frame.bands {
            let needed = rows.begin_band(band);
            match &progress {
                _ if !needed => {}
                None => rows.put_band(&frame, &planes, band),
                Some(progress) => {
                    for (index, component) in frame.components.iter().enumerate() {
                        let Some(quantisers) = &quantisers[index] else { continue };
                        let strip = &mut rows.strips[index];
                        for y in 0..component.vertical.min(component.blocks_high - band * component.vertical) {
                            let put = |x, block: &[i16; 64]| strip.put(x, y, block, Extent::of(block));
                            progress.smooth_row(&frame, index, &planes[index], quantisers, (band, y), put);
                        }
                    }
                }
            }
            rows.end_band(band, sink)?;
            // Smoothing looks two bands back.
            if let Some(done) = band.checked_sub(2) {
                planes.iter_mut().for_each(|plane| plane.release(done));
            }
        }
        Ok(())
    }
}

impl SideBySide<'_> {
    /// Decodes the picture, band by band.
    fn decode<E: From<Error>>(
        mut self,
        frame: &Frame,
        colors: Colors,
        scale: Scale,
        area: Area,
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rows = Rows::new(frame, colors, scale, area)?;
        rows.set_quantisers(&self.quantisers);
        let planes = frame.components.iter().map(|component| Plane::of_one_band(frame, component));
        let mut planes = planes.collect::<Result<Vec<_>>>()?;
        for band in 0..frame.bands {
            planes.iter_mut().for_each(|plane| plane.begin_band(band));
            self.readers.iter_mut().try_for_each(|reader| reader.band(frame, band, &mut planes))?;
            if rows.begin_band(band) {
                rows.put_band(frame, &planes, band);
            }
            rows.end_band(band, sink)?;
        }
        Ok(())
    }
}

/// Keeps each component's quantisers as they are at its first scan.
fn latch_quantisers(parser: &Parser<'_>, frame: &Frame, scan: &Scan, latched: &mut [Option<[u16; 64]>]) -> Result<()> {
    for &(index, ..) in &scan.members {
        if latched[index].is_none() {
            let table = frame.components[index].quantization;
            let found = parser.quantization.get(table).copied().flatten();
            latched[index] = Some(found.ok_or_else(|| broken(format!("quantisation table {table} is missing")))?);
        }
    }
    Ok(())
}

/// Bounds what the scans of a hostile file may cost.
struct Work {
    left: u64,
}

impl Work {
    /// What a scan costs besides its blocks: its tables.
    const SCAN: u64 = 1024;

    /// The blocks that scans may visit: of a small picture each many times, of a large one as often as 20 scans of all
    /// components do. Encoders write about ten.
    fn new(frame: &Frame) -> Self {
        let blocks: usize = frame.components.iter().map(|component| frame.padded_blocks(component)).sum();
        let blocks = blocks as u64;
        Self { left: blocks.saturating_mul(128).min(1 << 24).max(blocks.saturating_mul(20)) + 100 * Self::SCAN }
    }

    fn add(&mut self, layout: &McuLayout, frame: &Frame) -> Result<()> {
        let left = self.left.checked_sub(layout.visits(frame).saturating_add(Self::SCAN));
        self.left = left.ok_or_else(|| Error::TooLarge("more scans than any picture needs".to_owned()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
