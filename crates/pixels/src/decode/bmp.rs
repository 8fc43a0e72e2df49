//! BMP, with and without the header of a file, as Pillow reads it (`BmpImagePlugin.py`,
//! <https://github.com/python-pillow/Pillow/blob/main/src/PIL/BmpImagePlugin.py>); of what it refuses other masks, 2 bits
//! a pixel, the short headers of OS/2 2, and run-length coded pictures that end early and say so.
//!
//! Colors beyond the palette's end are black. Of 32 bits without masks the fourth byte is no alpha, but in a cursor.

mod header;
mod masks;
mod rle;

use self::header::{Compression, Header, u32_at};
use self::masks::Masks;
use super::{check_pixels, pixel_buffer};
use crate::limits::Limits;
use crate::pixels::{self, Layout, Orientation, Pixels};
use crate::{Error, ErrorKind, Result};

/// The length of a file's header, which stands before the bitmap's; and where in it the place of the pixels is told.
const FILE_HEADER: usize = 14;
const PLACE: usize = 10;
/// More colors than these are none, for Pillow.
const MOST_COLORS: usize = 1 << 16;

/// Decodes a file that begins with the header of a file, or else with a bitmap's.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels> {
    let bitmap = if bytes.starts_with(b"BM") {
        Bitmap::read(bytes, FILE_HEADER, u32_at(bytes, PLACE).unwrap_or(0) as usize, false)
    } else {
        Bitmap::read(bytes, 0, 0, false)
    }?;
    bitmap.decode(bitmap.height(), limits)
}

/// A bitmap in a file, whose header has been read.
pub(super) struct Bitmap<'a> {
    bytes: &'a [u8],
    header: Header,
    samples: Samples,
    /// Where the pixels begin.
    pub(super) data: usize,
}

/// What stands for a pixel.
enum Samples {
    /// A number of so many bits, and the color of each.
    Numbers { bits: u32, colors: Box<[[u8; 3]; 256]>, gray: bool },
    /// Bits of each channel.
    Channels(Box<Masks>),
}

impl<'a> Bitmap<'a> {
    /// The bitmap whose header is at `start`, and whose pixels are said to be at `data`; 0 means after the palette.
    pub(super) fn read(bytes: &'a [u8], start: usize, data: usize, fourth_is_alpha: bool) -> Result<Self> {
        let header = Header::read(bytes, start)?;
        let is_indexed = matches!(header.bits, 1 | 2 | 4 | 8);
        let palette_bytes = header.colors.saturating_mul(header.color_bytes);
        let palette = bytes.get(header.palette.min(bytes.len())..).unwrap_or_default();
        let palette = &palette[..palette.len().min(palette_bytes)];
        let data = match data {
            0 if is_indexed => header.palette + palette.len(),
            0 => header.palette,
            // Right after the header stands the palette, whatever the file says.
            data if data == header.end && header.bits <= 8 => data.saturating_add(palette_bytes),
            data => data,
        };
        let samples = match (header.bits, header.compression) {
            (1 | 2 | 4 | 8, Compression::Raw | Compression::RunLength8 | Compression::RunLength4) => {
                numbers(&header, palette)
            }
            (16 | 24 | 32, Compression::Raw | Compression::Masks(_)) => {
                Samples::Channels(Box::new(Masks::new(header.bits, header.compression, fourth_is_alpha)))
            }
            (bits, _) => {
                let context = format!("BMP of {bits} bits a pixel in a compression that is not for them, or unknown");
                return Err(Error::new(ErrorKind::UnsupportedFormat, context));
            }
        };
        Ok(Self { bytes, header, samples, data })
    }

    pub(super) fn height(&self) -> u32 {
        self.header.height
    }

    /// Are its pixels gray for Pillow? Not so if the palette is another one that has gray levels alone.
    pub(super) fn is_gray(&self) -> bool {
        matches!(self.samples, Samples::Numbers { gray: true, .. })
    }

    /// The first `height` rows of the file, turned upright.
    pub(super) fn decode(&self, height: u32, limits: &Limits) -> Result<Pixels> {
        let Header { width, top_down, compression, .. } = self.header;
        let layout = match &self.samples {
            Samples::Numbers { gray: true, .. } => Layout::Gray,
            Samples::Channels(masks) if masks.has_alpha => Layout::Rgba,
            _ => Layout::Rgb,
        };
        let is_coded = matches!(compression, Compression::RunLength8 | Compression::RunLength4);
        check_pixels(width.into(), height.into(), limits)?;
        if !is_coded {
            self.check_length(height)?;
        }
        // Besides the pixels of a coded picture, the colors' numbers are held.
        let mut data = pixel_buffer(width, height, layout.channels() as u64, is_coded.into(), limits)?;
        let (width, height) = (width as usize, height as usize);
        let coded;
        let (rows, stride) = if is_coded {
            coded = rle::numbers(self.bytes, self.data, compression == Compression::RunLength4, width, height)?;
            (&coded[..], width)
        } else {
            let stride = usize::try_from(self.header.stride()).unwrap_or(usize::MAX);
            (self.bytes.get(self.data..).unwrap_or_default(), stride)
        };
        let row_bytes = width * layout.channels();
        for (y, row) in rows.chunks(stride).take(height).enumerate() {
            let y = if top_down { y } else { height - 1 - y };
            let out = &mut data[y * row_bytes..][..row_bytes];
            match &self.samples {
                Samples::Numbers { bits, colors, gray } => {
                    let bits = if is_coded { 8 } else { *bits };
                    if *gray {
                        paint(row, bits, out, |number| [colors[usize::from(number)][0]]);
                    } else {
                        paint(row, bits, out, |number| colors[usize::from(number)]);
                    }
                }
                Samples::Channels(masks) if masks.has_alpha => masks.unpack(row, out.as_chunks_mut::<4>().0),
                Samples::Channels(masks) => masks.unpack(row, out.as_chunks_mut::<3>().0),
            }
        }
        Pixels::new(pixels::Header { width, height, layout, orientation: Orientation::Upright }, data)
    }

    /// An error where a file ends before the last of `height` rows; what pads it may lack.
    fn check_length(&self, height: u32) -> Result<()> {
        let bits = match &self.samples {
            Samples::Numbers { bits, .. } => *bits,
            Samples::Channels(_) => self.header.bits,
        };
        let last = (u64::from(self.header.width) * u64::from(bits)).div_ceil(8);
        let needed = self.header.stride().saturating_mul(u64::from(height).saturating_sub(1)).saturating_add(last);
        let there = self.bytes.len().saturating_sub(self.data) as u64;
        if needed <= there {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Decode, format!("BMP cut short: {there} bytes of pixels, not {needed}")))
    }
}

/// What a palette says. One whose colors are the gray levels in order, or black and white, Pillow takes no notice of; it
/// then reads numbers of 8 bits or of one, however many bits a pixel has.
fn numbers(header: &Header, palette: &[u8]) -> Samples {
    let Header { width, bits, colors, color_bytes, .. } = *header;
    let level = |number: usize| if colors <= 2 { 255 * number } else { number } as u8;
    let is_ramp =
        |number: usize| palette.get(number * color_bytes..).is_some_and(|rest| rest.starts_with(&[level(number); 3]));
    let gray = colors <= MOST_COLORS && (0..colors).all(is_ramp);
    if !gray {
        let known = palette.chunks_exact(color_bytes).take(colors).map(|color| [color[2], color[1], color[0]]);
        let mut colors = Box::new([[0; 3]; 256]);
        colors.iter_mut().zip(known).for_each(|(color, known)| *color = known);
        return Samples::Numbers { bits, colors, gray };
    }
    let (bits_read, known) = if colors <= 2 { (1, 2) } else { (8, 256) };
    // Of coded numbers all but 0 are white.
    let colors = Box::new(std::array::from_fn(|number| [if number < known { level(number) } else { 255 }; 3]));
    let fits = u64::from(width) * u64::from(bits_read) <= header.stride() * 8;
    Samples::Numbers { bits: if fits { bits_read } else { bits }, colors, gray }
}

/// Writes a row whose pixels are numbers of 1, 2, 4 or 8 bits, the first of a byte highest.
fn paint<const N: usize>(row: &[u8], bits: u32, out: &mut [u8], color: impl Fn(u8) -> [u8; N]) {
    let out = out.as_chunks_mut::<N>().0;
    if bits == 8 {
        out.iter_mut().zip(row).for_each(|(out, &number)| *out = color(number));
        return;
    }
    let most = (1 << bits) - 1;
    for (out, &byte) in out.chunks_mut(8 / bits as usize).zip(row) {
        for (out, shift) in out.iter_mut().zip((0..8).step_by(bits as usize)) {
            *out = color(byte >> (8 - bits - shift) & most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED_GREEN_BLUE: [u8; 12] = [0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0];

    /// A file of a picture whose header is cut, or filled up, to so many bytes.
    fn file(length: usize, size: (u32, u32), bits: u16, compression: u32, after: &[&[u8]]) -> Vec<u8> {
        let mut header = [length as u32, size.0, size.1].map(u32::to_le_bytes).concat();
        header.extend([1, 0]);
        header.extend(bits.to_le_bytes());
        header.extend([compression, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat());
        header.resize(length, 0);
        [&b"BM\0\0\0\0\0\0\0\0\0\0\0\0"[..], &header, &after.concat()].concat()
    }

    fn pixels(file: &[u8]) -> Vec<u8> {
        decode(file, &Limits::default()).unwrap().bytes().to_vec()
    }

    fn error(file: &[u8]) -> ErrorKind {
        decode(file, &Limits::default()).unwrap_err().kind()
    }

    #[test]
    fn a_header_may_leave_off_its_end() {
        let palette = [&RED_GREEN_BLUE[..], &[0; 52]].concat();
        for length in [16, 20, 36, 40, 42, 60, 64] {
            let found = pixels(&file(length, (3, 1), 4, 0, &[&palette, &[0x01, 0x20, 0, 0]]));
            assert_eq!(found, [255, 0, 0, 0, 255, 0, 0, 0, 255], "{length} bytes");
        }
        for length in [13, 15, 65, 107, 125] {
            assert_eq!(error(&file(length, (3, 1), 4, 0, &[&palette, &[0; 4]])), ErrorKind::UnsupportedFormat);
        }
    }

    #[test]
    fn two_bits_a_pixel_are_read() {
        let found = pixels(&file(40, (3, 1), 2, 0, &[&RED_GREEN_BLUE, &[0; 4], &[0b10_01_00_00, 0, 0, 0]]));
        assert_eq!(found, [0, 0, 255, 0, 255, 0, 255, 0, 0]);
    }

    #[test]
    fn masks_that_pillow_refuses_are_read_as_in_browsers() {
        let masks = |masks: [u32; 4]| masks.map(u32::to_le_bytes).concat();
        // Four levels of four bits; levels of 3, 3 and 2 bits; of ten bits and two of alpha.
        let cases: [(u16, [u32; 4], u32, &[u8]); 3] = [
            (16, [0xf00, 0xf0, 0xf, 0xf000], 0x84f0, &[0x44, 0xff, 0, 0x88]),
            (16, [0x7, 0x38, 0xc0, 0], 0b01_011_110, &[219, 109, 85]),
            (32, [0x3ff, 0xf_fc00, 0x3ff0_0000, 0xc000_0000], 0x8000_03ff, &[255, 0, 0, 170]),
        ];
        for (bits, of, pixel, expected) in cases {
            let found = pixels(&file(56, (1, 1), bits, 3, &[&pixel.to_le_bytes()]).with_masks(&masks(of)));
            assert_eq!(found, expected, "{of:x?}");
        }
    }

    trait WithMasks {
        fn with_masks(self, masks: &[u8]) -> Self;
    }

    impl WithMasks for Vec<u8> {
        fn with_masks(mut self, masks: &[u8]) -> Self {
            self[FILE_HEADER + 40..][..16].copy_from_slice(masks);
            self
        }
    }

    #[test]
    fn coded_pixels_may_end_if_they_say_so() {
        let palette = [&RED_GREEN_BLUE[..], &[0; 1012]].concat();
        let found = pixels(&file(40, (2, 2), 8, 1, &[&palette, &[2, 1, 0, 1]]));
        assert_eq!(found, [255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 255, 0]);
        assert_eq!(error(&file(40, (2, 2), 8, 1, &[&palette, &[2, 1]])), ErrorKind::Decode);
    }

    #[test]
    fn sizes_that_lie_take_no_memory() {
        assert_eq!(error(&file(40, (60_000, 60_000), 8, 1, &[&[0; 1024], &[0, 1]])), ErrorKind::TooLarge);
        assert_eq!(error(&file(40, (10_000, 10_000), 24, 0, &[&[0; 100]])), ErrorKind::Decode);
        assert_eq!(error(&file(40, (u32::MAX, 0x7fff_ffff), 32, 0, &[&[0; 100]])), ErrorKind::TooLarge);
        assert_eq!(error(&file(40, (0, 9), 24, 0, &[&[0; 100]])), ErrorKind::Decode);
    }
}
