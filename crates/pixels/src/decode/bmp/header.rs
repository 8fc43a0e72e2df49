//! The header of a bitmap: one of Windows' or of OS/2's, told apart by its length.
//!
//! Pillow reads those of 12 (OS/2 1), 40, 52, 56, 108 and 124 bytes (Windows), and that of 64 (OS/2 2) as one of Windows.
//! OS/2 2 may leave off its end anywhere after the 16th byte: what is not there is 0, as browsers have it.

use crate::{Error, ErrorKind, Result};

/// Kinds of compression.
const RAW: u32 = 0;
const RLE8: u32 = 1;
const RLE4: u32 = 2;
const BITFIELDS: u32 = 3;
/// The same with a mask for alpha after a short header, from Windows CE.
const ALPHA_BITFIELDS: u32 = 6;

/// The length of the header that has no more than the size and the bits of a pixel, in 16 bits each.
const CORE: usize = 12;
/// The length of the first header that has masks inside; of a shorter one they follow.
const WITH_MASKS: usize = 52;
/// The same with one for alpha.
const WITH_ALPHA_MASK: usize = 56;
const MASKS: usize = 40;

/// How pixels are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Raw,
    RunLength8,
    RunLength4,
    /// Red, green, blue and alpha are those bits of a pixel.
    Masks([u32; 4]),
}

/// What a header says.
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) top_down: bool,
    /// Of a pixel.
    pub(super) bits: u32,
    pub(super) compression: Compression,
    /// The colors of the palette, which may be more than there can be.
    pub(super) colors: usize,
    /// Bytes of each.
    pub(super) color_bytes: usize,
    /// Where the palette begins, or would.
    pub(super) palette: usize,
    /// Where the header ends; between this and the palette there may be masks.
    pub(super) end: usize,
}

impl Header {
    /// Reads the header at `start`.
    pub(super) fn read(bytes: &[u8], start: usize) -> Result<Self> {
        let from_start = bytes.get(start..).unwrap_or_default();
        let cut = || Error::new(ErrorKind::Decode, "BMP cut short in its header");
        let length = u32_at(from_start, 0).ok_or_else(cut)? as usize;
        if !matches!(length, CORE | 16..=64 | 108 | 124) {
            let context = format!("BMP with a header of {length} bytes, which is not read");
            return Err(Error::new(ErrorKind::UnsupportedFormat, context));
        }
        let header = from_start.get(..length).ok_or_else(cut)?;
        let end = start + length;
        if length == CORE {
            let [width, height, _planes, bits] = [4, 6, 8, 10].map(|at| u16_at(header, at));
            return Ok(Self {
                width,
                height,
                top_down: false,
                bits,
                compression: Compression::Raw,
                colors: colors_of(bits),
                color_bytes: 3,
                palette: end,
                end,
            });
        }
        let field = |at: usize| u32_at(header, at).unwrap_or(0);
        // Pillow takes for negative what begins with this byte.
        let top_down = header[11] == 0xff;
        let bits = u16_at(header, 14);
        let mut palette = end;
        let compression = match field(16) {
            RAW => Compression::Raw,
            RLE8 => Compression::RunLength8,
            RLE4 => Compression::RunLength4,
            BITFIELDS | ALPHA_BITFIELDS if length >= WITH_MASKS => {
                let alpha = if length >= WITH_ALPHA_MASK { field(MASKS + 12) } else { 0 };
                Compression::Masks([field(MASKS), field(MASKS + 4), field(MASKS + 8), alpha])
            }
            kind @ (BITFIELDS | ALPHA_BITFIELDS) => {
                let mask = |number: usize| u32_at(from_start, length + 4 * number).ok_or_else(cut);
                let (alpha, masks) = if kind == BITFIELDS { (0, 12) } else { (mask(3)?, 16) };
                palette += masks;
                Compression::Masks([mask(0)?, mask(1)?, mask(2)?, alpha])
            }
            other => {
                let context = format!("BMP of compression {other}, which is not read");
                return Err(Error::new(ErrorKind::UnsupportedFormat, context));
            }
        };
        let height = field(8);
        let colors = field(32) as usize;
        Ok(Self {
            width: field(4),
            height: if top_down { height.wrapping_neg() } else { height },
            top_down,
            bits,
            compression,
            colors: if colors == 0 { colors_of(bits) } else { colors },
            color_bytes: 4,
            palette,
            end,
        })
    }

    /// Bytes from one stored row's beginning to the next one's.
    pub(super) fn stride(&self) -> u64 {
        (u64::from(self.width) * u64::from(self.bits)).div_ceil(32) * 4
    }
}

/// As many colors as there are numbers.
fn colors_of(bits: u32) -> usize {
    1 << bits.min(8)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// 16 bits of a header that is long enough.
fn u16_at(header: &[u8], at: usize) -> u32 {
    u32::from(u16::from_le_bytes([header[at], header[at + 1]]))
}
