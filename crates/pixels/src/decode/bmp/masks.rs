//! Pixels of 16, 24 or 32 bits, of which some are red, some green, some blue, and some perhaps alpha.
//!
//! Pillow knows a few masks. With those of 16 bits a level becomes the value `level·255/most`, rounded down
//! (`ImagingUnpackBGR15`, <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Unpack.c>). With masks that it
//! refuses the same is rounded to the nearest, as in browsers; of more than 8 bits the highest count.

use super::header::Compression;

/// The usual masks, of red, green, blue and alpha.
const BGR15: [u32; 4] = [0x7c00, 0x03e0, 0x001f, 0];
const BGR16: [u32; 4] = [0xf800, 0x07e0, 0x001f, 0];
const BGRX: [u32; 4] = [0xff_0000, 0xff00, 0xff, 0];
const BGRA: [u32; 4] = [0xff_0000, 0xff00, 0xff, 0xff00_0000];

/// How the channels lie in a pixel.
pub(super) struct Masks {
    bytes: usize,
    channels: [Channel; 4],
    pub(super) has_alpha: bool,
    /// The byte of each channel, where all are whole bytes.
    order: Option<[usize; 4]>,
}

struct Channel {
    mask: u32,
    shift: u32,
    /// The value of each level.
    values: [u8; 256],
}

impl Masks {
    /// Of pixels of so many bits, 16, 24 or 32. Without masks in the file, the fourth byte is alpha if `fourth_is_alpha`.
    pub(super) fn new(bits: u32, compression: Compression, fourth_is_alpha: bool) -> Self {
        let masks = match compression {
            Compression::Masks([0, 0, 0, 0]) if bits == 32 => BGRA,
            // With these Pillow has no eye for alpha.
            Compression::Masks([red, green, blue, _])
                if bits < 32 && [BGR15, BGR16, BGRX].contains(&[red, green, blue, 0]) =>
            {
                [red, green, blue, 0]
            }
            Compression::Masks(masks) => masks.map(|mask| mask & (u32::MAX >> (u32::BITS - bits))),
            _ if bits == 16 => BGR15,
            _ if bits == 32 && fourth_is_alpha => BGRA,
            _ => BGRX,
        };
        let bytes = bits as usize / 8;
        let byte = |mask: u32| (0..bytes).find(|&byte| mask == 0xff << (8 * byte));
        let order = match masks.map(byte) {
            [Some(red), Some(green), Some(blue), Some(alpha)] => Some([red, green, blue, alpha]),
            [Some(red), Some(green), Some(blue), None] if masks[3] == 0 => Some([red, green, blue, 0]),
            _ => None,
        };
        let is_rounded = masks != BGR15 && masks != BGR16;
        let channels = masks.map(|mask| Channel::new(mask, is_rounded));
        Self { bytes, channels, has_alpha: masks[3] != 0, order }
    }

    /// Writes a row of `N` channels, 3 or 4.
    pub(super) fn unpack<const N: usize>(&self, row: &[u8], out: &mut [[u8; N]]) {
        let pixels = row.chunks_exact(self.bytes);
        if let Some(order) = self.order {
            for (out, pixel) in out.iter_mut().zip(pixels) {
                *out = std::array::from_fn(|channel| pixel[order[channel]]);
            }
            return;
        }
        for (out, pixel) in out.iter_mut().zip(pixels) {
            let pixel = pixel.iter().rev().fold(0, |pixel, &byte| pixel << 8 | u32::from(byte));
            *out = std::array::from_fn(|channel| self.channels[channel].value(pixel));
        }
    }
}

impl Channel {
    fn new(mask: u32, is_rounded: bool) -> Self {
        let highest = u32::BITS - mask.leading_zeros();
        let shift = mask.trailing_zeros().max(highest.saturating_sub(8)).min(31);
        let most = (mask >> shift).max(1);
        let half = if is_rounded { most / 2 } else { 0 };
        Self { mask, shift, values: std::array::from_fn(|level| ((level as u32 * 255 + half) / most).min(255) as u8) }
    }

    fn value(&self, pixel: u32) -> u8 {
        self.values[((pixel & self.mask) >> self.shift) as usize & 255]
    }
}
