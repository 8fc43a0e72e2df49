//! GIF: the first frame, as Pillow shows it (`GifImagePlugin.py`,
//! <https://github.com/python-pillow/Pillow/blob/main/src/PIL/GifImagePlugin.py>).
//!
//! The frame lies on a canvas that grows where it reaches over the edge, filled with the transparent color, or with
//! color 0 where there is none. Colors beyond the palette's end are black. Where there is no palette, and where its
//! colors are the gray levels in order, the numbers are gray levels, those beyond its end too.
//!
//! What stands between the blocks and is none, is passed over, as are blocks of unknown kinds; cut data is an error.

mod lzw;

use super::{check_memory, check_pixels};
use crate::limits::Limits;
use crate::memory;
use crate::pixels::{Header, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

/// The signature, the size of the screen, and what is said about its palette.
const SCREEN: usize = 13;
/// What introduces a block.
const EXTENSION: u8 = b'!';
const FRAME: u8 = b',';
const END: u8 = b';';
/// Kinds of extensions.
const CONTROL: u8 = 0xf9;
const COMMENT: u8 = 0xfe;
const APPLICATION: u8 = 0xff;
/// Flags of the screen and of a frame; the palette's size is in the lowest three bits.
const HAS_PALETTE: u8 = 0x80;
const INTERLACED: u8 = 0x40;
/// Of a control block.
const HAS_TRANSPARENCY: u8 = 0x01;
/// The first row of each pass of an interlaced frame, and how far it is from one row to the next.
const PASSES: [(usize, usize); 4] = [(0, 8), (4, 8), (2, 4), (1, 2)];

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let mut blocks = Blocks { bytes, at: 0 };
    let &[.., low_width, high_width, low_height, high_height, flags, _, _] = blocks.take::<SCREEN>()?;
    let screen = [[low_width, high_width], [low_height, high_height]].map(|size| usize::from(u16::from_le_bytes(size)));
    let global = blocks.palette(flags)?;
    let frame = blocks.first_frame()?;
    if frame.width == 0 || frame.height == 0 {
        return Err(broken(format_args!("its first frame has {}x{} pixels", frame.width, frame.height)));
    }
    let width = screen[0].max(frame.left + frame.width);
    let height = screen[1].max(frame.top + frame.height);
    let palette = [frame.palette, global].into_iter().flatten().find(|palette| !is_gray_ramp(palette));
    let layout = match (palette, frame.transparent) {
        (None, None) => Layout::Gray,
        (None, Some(_)) => Layout::GrayAlpha,
        (Some(_), None) => Layout::Rgb,
        (Some(_), Some(_)) => Layout::Rgba,
    };

    check_pixels(width as u64, height as u64, limits)?;
    let in_frame = frame.width as u64 * frame.height as u64;
    let on_canvas = width as u64 * height as u64 * layout.channels() as u64;
    check_memory((width, height), in_frame + on_canvas, limits)?;
    let mut numbers = memory::zeroed(frame.width, frame.height, 1)?;
    lzw::decode(bytes, frame.data, frame.code_size, &mut numbers)?;
    let mut canvas = memory::zeroed(width, height, layout.channels())?;
    let alpha = |number: u8| if frame.transparent == Some(number) { 0 } else { 255 };
    let gray = |number: u8| [number, alpha(number)];
    let color = |number: u8| {
        let known = palette.and_then(|palette| palette.as_chunks::<3>().0.get(usize::from(number)));
        let [red, green, blue] = known.copied().unwrap_or_default();
        [red, green, blue, alpha(number)]
    };
    match layout {
        Layout::Gray => frame.paint(&numbers, &mut canvas, width, |number| [number]),
        Layout::GrayAlpha => frame.paint(&numbers, &mut canvas, width, gray),
        Layout::Rgb => frame.paint(&numbers, &mut canvas, width, |number| {
            let [red, green, blue, _] = color(number);
            [red, green, blue]
        }),
        Layout::Rgba => frame.paint(&numbers, &mut canvas, width, color),
    }
    Pixels::new(Header { width, height, layout, orientation: Orientation::Upright }, canvas)
}

/// Does every color of a palette equal its number? Pillow takes no notice of such a palette, and of a frame's own goes
/// back to the screen's.
fn is_gray_ramp(palette: &[u8]) -> bool {
    palette.as_chunks::<3>().0.iter().enumerate().all(|(number, color)| *color == [number as u8; 3])
}

/// What is said about a frame.
struct Frame<'a> {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    interlaced: bool,
    palette: Option<&'a [u8]>,
    transparent: Option<u8>,
    code_size: u8,
    /// Where its data begins.
    data: usize,
}

impl Frame<'_> {
    /// Lays the pixels, whose colors' `numbers` are in the order of the file, on a canvas of `N` bytes a pixel.
    fn paint<const N: usize>(&self, numbers: &[u8], canvas: &mut [u8], width: usize, pixel: impl Fn(u8) -> [u8; N]) {
        let pixels: [[u8; N]; 256] = std::array::from_fn(|number| pixel(number as u8));
        let canvas = canvas.as_chunks_mut::<N>().0;
        canvas.fill(pixels[usize::from(self.transparent.unwrap_or(0))]);
        let passes: &[(usize, usize)] = if self.interlaced { &PASSES } else { &[(0, 1)] };
        let rows = passes.iter().flat_map(|&(first, step)| (first..self.height).step_by(step));
        for (y, numbers) in rows.zip(numbers.chunks_exact(self.width)) {
            let row = &mut canvas[(self.top + y) * width + self.left..][..self.width];
            for (pixel, &number) in row.iter_mut().zip(numbers) {
                *pixel = pixels[usize::from(number)];
            }
        }
    }
}

/// The blocks of a file, and how far they have been read.
struct Blocks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Blocks<'a> {
    /// What there is before the first frame's pixels.
    fn first_frame(&mut self) -> Result<Frame<'a>> {
        let mut transparent = None;
        loop {
            match self.take()? {
                [EXTENSION] => self.extension(&mut transparent)?,
                [FRAME] => return self.frame(transparent),
                [END] => return Err(Error::new(ErrorKind::Decode, "GIF without a frame")),
                [_] => {}
            }
        }
    }

    /// Reads an extension, of which only the control block's color counts.
    fn extension(&mut self, transparent: &mut Option<u8>) -> Result<()> {
        let [kind] = *self.take()?;
        match (kind, self.sub_block()?) {
            (CONTROL, Some(&[flags, _, _, number, ..])) if flags & HAS_TRANSPARENCY != 0 => *transparent = Some(number),
            (COMMENT, None) => return Ok(()),
            // Pillow looks for the number of repetitions here, and doesn't notice that the blocks have come to an end,
            // neither here nor with an empty extension of another kind.
            (APPLICATION, Some(name)) if name.starts_with(b"NETSCAPE2.0") => {
                self.sub_block()?;
            }
            _ => {}
        }
        while self.sub_block()?.is_some() {}
        Ok(())
    }

    fn frame(&mut self, transparent: Option<u8>) -> Result<Frame<'a>> {
        let [left, top, width, height] = [self.u16()?, self.u16()?, self.u16()?, self.u16()?];
        let [flags] = *self.take()?;
        let palette = self.palette(flags)?;
        let [code_size] = *self.take()?;
        let interlaced = flags & INTERLACED != 0;
        Ok(Frame { left, top, width, height, interlaced, palette, transparent, code_size, data: self.at })
    }

    fn palette(&mut self, flags: u8) -> Result<Option<&'a [u8]>> {
        if flags & HAS_PALETTE == 0 { Ok(None) } else { self.bytes(3 << ((flags & 7) + 1)).map(Some) }
    }

    /// The next part of a block; `None` is its end.
    fn sub_block(&mut self) -> Result<Option<&'a [u8]>> {
        match *self.take()? {
            [0] => Ok(None),
            [length] => self.bytes(usize::from(length)).map(Some),
        }
    }

    fn u16(&mut self) -> Result<usize> {
        self.take().map(|bytes| usize::from(u16::from_le_bytes(*bytes)))
    }

    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()).ok_or_else(cut)?;
        self.at += N;
        Ok(taken)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..length)).ok_or_else(cut)?;
        self.at += length;
        Ok(taken)
    }
}

fn cut() -> Error {
    Error::new(ErrorKind::Decode, "GIF cut short before the first frame's pixels")
}

fn broken(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Decode, format!("GIF broken: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One pixel, of color 1, in a frame at a place on a screen; `before` the frame.
    fn file(screen: [u16; 2], before: &[u8], place: [u16; 2]) -> Vec<u8> {
        let numbers = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
        let colors = [0x80, 0, 0, 9, 8, 7, 6, 5, 4];
        let data = [0, 2, 2, 0x4c, 0x01, 0];
        [b"GIF89a", &numbers(&screen)[..], &colors, before, b",", &numbers(&place), &numbers(&[1, 1]), &data, b";"]
            .concat()
    }

    #[test]
    fn a_control_block_that_is_cut_does_not_count() {
        for block in [&b"!\xf9\0\0"[..], b"!\xf9\x01\x01\0", b"!\xf9\x02\x01\0\0", b"!\xf9\x03\x01\0\0\0"] {
            let pixels = decode(&file([2, 1], block, [0, 0]), &Limits::default()).unwrap();
            assert_eq!(pixels.bytes(), [6, 5, 4, 9, 8, 7]);
        }
        let pixels = decode(&file([2, 1], b"!\xf9\x04\x01\0\0\x01\0", [0, 0]), &Limits::default()).unwrap();
        assert_eq!(pixels.bytes(), [6, 5, 4, 0, 6, 5, 4, 0]);
    }

    #[test]
    fn the_canvas_is_counted_before_it_is_taken() {
        let limits = Limits { max_pixels: 100, max_alloc: 150, ..Limits::default() };
        let kind = |screen, place| decode(&file(screen, b"", place), &limits).map(|pixels| pixels.bytes().len());
        assert_eq!(kind([7, 7], [0, 0]).unwrap(), 7 * 7 * 3);
        assert_eq!(kind([8, 7], [0, 0]).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(kind([7, 7], [65535, 0]).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn whatever_is_left_of_a_file_is_an_error() {
        let whole = file([3, 2], b"!\xfe\x03abc\0!\xf9\x04\0\0\0\0\0", [1, 1]);
        // The data's end and the file's need not be there.
        for length in 13..whole.len() - 2 {
            let error = decode(&whole[..length], &Limits::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode, "{length} bytes: {error}");
        }
        assert!(decode(&whole[..whole.len() - 2], &Limits::default()).is_ok());
    }
}
