//! The chunks of a PNG, and what they say of the picture.
//!
//! They are taken in the order in which they stand, as Pillow takes them
//! (<https://github.com/python-pillow/Pillow/blob/main/src/PIL/PngImagePlugin.py>): a later one of the same name replaces an
//! earlier one, and transparency and metadata count behind the pixels, too. Before the pixels checksums count, behind them not.
//! What an ancillary chunk has wrong costs nothing but that chunk, as in browsers, though Pillow may refuse the file.

use super::text::Texts;
use crate::pixels::Orientation;
use crate::{Error, ErrorKind, Result};

const SIGNATURE: usize = 8;
/// What Pillow reads of the pixels' data at a time. It shows: at the end of a piece zlib looks no further.
const PIECE: usize = 65536;

/// What a pixel is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    Gray,
    Rgb,
    Palette,
    GrayAlpha,
    Rgba,
}

/// The samples of a pixel and the bits of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) color: Color,
    pub(super) bits: u8,
}

impl Samples {
    /// Of a header's numbers, if they go together.
    fn of(bits: u8, color: u8) -> Option<Self> {
        let (color, possible): (_, &[u8]) = match color {
            0 => (Color::Gray, &[1, 2, 4, 8, 16]),
            2 => (Color::Rgb, &[8, 16]),
            3 => (Color::Palette, &[1, 2, 4, 8]),
            4 => (Color::GrayAlpha, &[8, 16]),
            6 => (Color::Rgba, &[8, 16]),
            _ => return None,
        };
        possible.contains(&bits).then_some(Self { color, bits })
    }

    pub(super) fn bits_per_pixel(self) -> usize {
        let samples = match self.color {
            Color::Gray | Color::Palette => 1,
            Color::GrayAlpha => 2,
            Color::Rgb => 3,
            Color::Rgba => 4,
        };
        samples * usize::from(self.bits)
    }

    /// How many bytes a row of `width` pixels takes, without its filter.
    pub(super) fn row_length(self, width: u64) -> u64 {
        (width * self.bits_per_pixel() as u64).div_ceil(8)
    }
}

/// What a tRNS chunk says. Pillow keeps the lower bytes of its numbers, and compares them with samples in 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transparency<'a> {
    Gray(u8),
    Rgb([u8; 3]),
    /// One color number, all others being opaque.
    Number(usize),
    /// The opacity of each color number.
    Alphas(&'a [u8]),
}

/// The part of the picture that the pixels fill: all of it but in odd animations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// What all chunks together say.
pub(super) struct Chunks<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) samples: Samples,
    pub(super) is_interlaced: bool,
    pub(super) palette: Option<&'a [u8]>,
    pub(super) transparency: Option<Transparency<'a>>,
    pub(super) frame: Frame,
    pub(super) data: Data<'a>,
    pub(super) orientation: Orientation,
}

/// What has been read up to some chunk.
#[derive(Default)]
struct Reader<'a> {
    size: (u32, u32),
    samples: Option<Samples>,
    /// The last header's numbers, whether they go together or not.
    bits_and_color: (u8, u8),
    is_interlaced: bool,
    palette: Option<&'a [u8]>,
    transparency: Option<Transparency<'a>>,
    frame: Option<Frame>,
    /// How many frames an animation says it has, and the number of its last control chunk.
    frames: Option<u32>,
    number: Option<u32>,
    texts: Texts<'a>,
}

/// The beginning of a chunk.
struct Head {
    name: [u8; 4],
    /// Where its data begin.
    start: usize,
    length: usize,
}

impl Head {
    /// Of the chunk at place `at`. Nothing where the file ends, or the name is no name.
    fn at(file: &[u8], at: usize) -> Option<Self> {
        let (length, rest) = file.get(at..)?.split_first_chunk::<4>()?;
        let name = *rest.first_chunk::<4>()?;
        let is_name = name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then_some(Self { name, start: at + 8, length: u32::from_be_bytes(*length) as usize })
    }

    fn data<'a>(&self, file: &'a [u8]) -> Option<&'a [u8]> {
        file.get(self.start..self.start.checked_add(self.length)?)
    }

    /// Where the next chunk begins, behind the checksum.
    fn next(&self) -> usize {
        self.start.saturating_add(self.length).saturating_add(4)
    }

    /// Whether the checksum behind `data` is right.
    fn is_intact(&self, file: &[u8], data: &[u8]) -> bool {
        let stored = file.get(self.start + data.len()..).and_then(|rest| rest.first_chunk::<4>());
        stored.is_some_and(|stored| crc(&[&self.name, data]) == u32::from_be_bytes(*stored))
    }
}

impl<'a> Chunks<'a> {
    /// Of a whole file.
    ///
    /// # Errors
    /// `Decode` for a file without pixels, or whose header, palette or order makes no sense.
    pub(super) fn read(file: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::default();
        let (first, data) = reader.read_up_to_pixels(file)?;
        let (Some(samples), (width, height)) = (reader.samples, reader.size) else { return Err(reader.no_pixels()) };
        let (palette, is_interlaced) = (reader.palette, reader.is_interlaced);
        if let Some(palette) = palette.filter(|palette| samples.color == Color::Palette && palette.len() / 3 > 256) {
            return Err(broken(format_args!("a palette of {} bytes", palette.len())));
        }
        // A picture that is no frame itself is one more.
        let is_animated = reader.frames.is_some_and(|frames| frames > 1 || reader.frame.is_none());
        let frame = reader.frame.unwrap_or(Frame { left: 0, top: 0, width, height });
        reader.read_behind_pixels(file, first.next(), is_animated);
        let Reader { transparency, texts, .. } = reader;
        let orientation = texts.metadata().orientation();
        Ok(Self { width, height, samples, is_interlaced, palette, transparency, frame, data, orientation })
    }
}

impl<'a> Reader<'a> {
    /// Reads up to the first chunk of the pixels' data.
    fn read_up_to_pixels(&mut self, file: &'a [u8]) -> Result<(Head, Data<'a>)> {
        let mut at = SIGNATURE;
        loop {
            let head = Head::at(file, at).ok_or_else(|| self.no_pixels())?;
            at = head.next();
            let data =
                |skipped: usize, number| Data { file, at: head.start + skipped, left: head.length - skipped, number };
            match &head.name {
                b"IDAT" if self.samples.is_some() => {
                    let data = data(0, self.number);
                    return Ok((head, data));
                }
                b"fdAT" if self.samples.is_some() && is_next(file, &head, self.number) => {
                    let data = data(4, self.number.map(|number| number.wrapping_add(1)));
                    return Ok((head, data));
                }
                b"IEND" => return Err(self.no_pixels()),
                _ => {}
            }
            let Some(data) = head.data(file) else {
                return Err(broken(format_args!("the file ends in chunk {}", head.name.escape_ascii())));
            };
            match &head.name {
                name @ (b"IHDR" | b"PLTE") if !head.is_intact(file, data) => {
                    return Err(broken(format_args!("the checksum of {} is wrong", name.escape_ascii())));
                }
                b"IHDR" => self.header(data)?,
                b"PLTE" if self.is(&[Color::Palette]) => self.palette = Some(data),
                b"acTL" if head.is_intact(file, data) => self.animation(data),
                b"fcTL" if head.is_intact(file, data) => self.frame(data),
                name => self.beside_pixels(name, data, || head.is_intact(file, data)),
            }
        }
    }

    /// Reads what stands behind the first chunk of the pixels, as far as Pillow would: up to what is no chunk, the end, or an
    /// animation's next frame.
    fn read_behind_pixels(&mut self, file: &'a [u8], mut at: usize, is_animated: bool) {
        while let Some(head) = Head::at(file, at) {
            at = head.next();
            match (&head.name, head.data(file)) {
                (b"IEND", _) | (_, None) => return,
                (b"fcTL", _) if is_animated => return,
                (b"IHDR", Some(data)) => drop(self.header(data)),
                (name, Some(data)) => self.beside_pixels(name, data, || true),
            }
        }
    }

    fn no_pixels(&self) -> Error {
        match (self.samples, self.bits_and_color) {
            (None, (bits, color)) if self.size != (0, 0) => {
                let context = format!("PNG with {bits} bits of color type {color}, which is not read");
                Error::new(ErrorKind::UnsupportedFormat, context)
            }
            _ => broken("the file ends, or makes no sense any more, before its pixels"),
        }
    }

    fn is(&self, colors: &[Color]) -> bool {
        self.samples.is_some_and(|samples| colors.contains(&samples.color))
    }

    fn header(&mut self, data: &[u8]) -> Result<()> {
        let Some(&[a, b, c, d, e, f, g, h, bits, color, _, filter, interlace]) = data.first_chunk::<13>() else {
            return Err(broken(format_args!("a header of {} bytes", data.len())));
        };
        if filter != 0 {
            return Err(broken(format_args!("filters of kind {filter}")));
        }
        self.size = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        self.samples = Samples::of(bits, color).or(self.samples);
        self.is_interlaced |= interlace != 0;
        self.bits_and_color = (bits, color);
        Ok(())
    }

    fn animation(&mut self, data: &[u8]) {
        let Some(&frames) = data.first_chunk::<8>().and_then(|data| data.first_chunk::<4>()) else { return };
        let frames = u32::from_be_bytes(frames);
        let known = self.frames.is_some();
        if known || (1..=0x8000_0000).contains(&frames) {
            self.frames = (!known).then_some(frames);
        }
    }

    /// The frame that a control chunk names, if its number follows the last one's and it lies in the picture.
    fn frame(&mut self, data: &[u8]) {
        let Some(numbers) = data.first_chunk::<26>().and_then(|data| data.first_chunk::<20>()) else { return };
        let mut numbers = numbers.as_chunks::<4>().0.iter().map(|number| u32::from_be_bytes(*number));
        let mut next = || numbers.next().unwrap_or_default();
        let (number, width, height, left, top) = (next(), next(), next(), next(), next());
        let ends_within = |start: u32, length: u32, end: u32| start.checked_add(length).is_some_and(|last| last <= end);
        let fits = ends_within(left, width, self.size.0) && ends_within(top, height, self.size.1);
        if self.number.map_or(0, |last| last.wrapping_add(1)) == number && fits && width > 0 && height > 0 {
            self.number = Some(number);
            self.frame = Some(Frame { left, top, width, height });
        }
    }

    /// What counts before the pixels as behind them.
    fn beside_pixels(&mut self, name: &[u8; 4], data: &'a [u8], is_intact: impl Fn() -> bool) {
        match name {
            b"tRNS" if is_intact() => self.transparency = self.transparency_in(data).or(self.transparency),
            b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt" => self.texts.take(name, data, is_intact),
            _ => {}
        }
    }

    fn transparency_in(&self, data: &'a [u8]) -> Option<Transparency<'a>> {
        let samples = self.samples?;
        let low = |at: usize| data.get(at..at + 2).map(|number| number[1]);
        match samples.color {
            Color::Palette => Some(of_palette(data)),
            // Of one bit any number but 0 is white.
            Color::Gray if samples.bits == 1 => {
                data.first_chunk::<2>().map(|number| Transparency::Gray(if *number == [0, 0] { 0 } else { 255 }))
            }
            Color::Gray => low(0).map(Transparency::Gray),
            Color::Rgb => Some(Transparency::Rgb([low(0)?, low(2)?, low(4)?])),
            Color::GrayAlpha | Color::Rgba => None,
        }
    }
}

/// Pillow takes a list with one 0 in it, and 255 else, for one color number (a regular expression decides, whose end lets a
/// line's end pass).
fn of_palette(alphas: &[u8]) -> Transparency<'_> {
    let simple = |alphas: &[u8]| {
        let number = alphas.iter().position(|&alpha| alpha == 0)?;
        let others = alphas.iter().filter(|&&alpha| alpha == 255).count();
        (others + 1 == alphas.len()).then_some(number)
    };
    simple(alphas)
        .or_else(|| alphas.strip_suffix(b"\n").and_then(simple))
        .map_or(Transparency::Alphas(alphas), Transparency::Number)
}

/// Whether a chunk of an animation's data follows the chunk of number `last`.
fn is_next(file: &[u8], head: &Head, last: Option<u32>) -> bool {
    let number = file.get(head.start..).and_then(|data| data.first_chunk::<4>());
    let next = last.map(|last| last.wrapping_add(1));
    head.length >= 4 && number.is_some() && number.map(|number| u32::from_be_bytes(*number)) == next
}

/// The pixels' data, which lie in one chunk or in several that follow each other.
#[derive(Clone)]
pub(super) struct Data<'a> {
    file: &'a [u8],
    at: usize,
    /// Bytes of the chunk that are still to come.
    left: usize,
    number: Option<u32>,
}

impl<'a> Data<'a> {
    /// The next piece, never an empty one; none where the data or the file end, or something else stands between.
    pub(super) fn piece(&mut self) -> Option<&'a [u8]> {
        while self.left == 0 {
            let head = Head::at(self.file, self.at.saturating_add(4))?;
            let skipped = match &head.name {
                b"IDAT" | b"DDAT" => 0,
                b"fdAT" if is_next(self.file, &head, self.number) => {
                    self.number = self.number.map(|number| number.wrapping_add(1));
                    4
                }
                _ => return None,
            };
            (self.at, self.left) = (head.start + skipped, head.length - skipped);
        }
        let rest = self.file.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = self.left.min(PIECE);
        self.at = self.at.saturating_add(length);
        self.left -= length;
        Some(rest.get(..length).unwrap_or(rest))
    }
}

/// The checksum of a chunk (ISO 3309, as the PNG specification has it in its appendix).
pub(super) fn crc(parts: &[&[u8]]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut value = i as u32;
            let mut bit = 0;
            while bit < 8 {
                value = value >> 1 ^ if value & 1 == 1 { 0xedb8_8320 } else { 0 };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    let bytes = parts.iter().copied().flatten();
    !bytes.fold(u32::MAX, |crc, byte| crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)])
}

pub(super) fn broken(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Decode, format!("PNG broken: {what}"))
}
