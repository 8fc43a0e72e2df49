//! Colors: YCbCr to RGB, and the ways from CMYK, a row at a time.
//!
//! YCbCr to RGB is libjpeg's (`jdcolor.c`): 16-bit fixed point, rounded. CMYK is Pillow's: it takes all CMYK JPEGs for
//! inverted, as Adobe writes them, and converts without a profile (`Convert.c`, `cmyk2rgb`).

use crate::frame::Frame;

/// What the headers say about the meaning of the components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    /// One component.
    Gray,
    /// Brightness and two differences of color.
    YCbCr,
    /// As they are.
    Rgb,
    /// Adobe's, inverted.
    Cmyk,
    /// YCbCr in place of the first three of CMYK.
    Ycck,
    /// Whatever they mean, pixels are made of them as they are, one byte each.
    Stored,
    /// The same, but where a component is subsampled its samples are repeated, not interpolated: libjpeg's raw data.
    Repeated,
}

impl Colors {
    /// Bytes of a pixel that is made of them.
    pub(crate) fn channels(self, frame: &Frame) -> usize {
        match self {
            Self::Gray => 1,
            Self::Stored | Self::Repeated => frame.components.len(),
            Self::YCbCr | Self::Rgb | Self::Cmyk | Self::Ycck => 3,
        }
    }
}

/// `x` times 2^16, rounded.
const fn fix(x: f64) -> i32 {
    (x * 65536.0 + 0.5) as i32
}

const CR_RED: i32 = fix(1.40200);
pub(crate) const CB_GREEN: i32 = fix(0.34414);
pub(crate) const CR_GREEN: i32 = fix(0.71414);
const CB_BLUE: i32 = fix(1.77200);
const HALF: i32 = 1 << 15;

/// One pixel.
#[inline(always)]
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let r = y + ((CR_RED * cr + HALF) >> 16);
    let g = y + ((-CB_GREEN * cb - CR_GREEN * cr + HALF) >> 16);
    let b = y + ((CB_BLUE * cb + HALF) >> 16);
    [r, g, b].map(|value| value.clamp(0, 255) as u8)
}

/// A row of YCbCr to RGB pixels in `out`.
pub(crate) fn ycc_to_rgb(y: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
    let samples = y.iter().zip(cb).zip(cr);
    for (pixel, ((y, cb), cr)) in out.as_chunks_mut::<3>().0.iter_mut().zip(samples) {
        *pixel = rgb(*y, *cb, *cr);
    }
}

/// A row of red, green and blue samples to RGB pixels in `out`.
pub(crate) fn interleave(r: &[u8], g: &[u8], b: &[u8], out: &mut [u8]) {
    let samples = r.iter().zip(g).zip(b);
    for (pixel, ((r, g), b)) in out.as_chunks_mut::<3>().0.iter_mut().zip(samples) {
        *pixel = [*r, *g, *b];
    }
}

/// A row of one, two or four samples a pixel in `out`.
pub(crate) fn interleave_any(components: [&[u8]; 4], out: &mut [u8], channels: usize) {
    for (channel, samples) in components.into_iter().take(channels).enumerate() {
        for (pixel, sample) in out.chunks_exact_mut(channels).zip(samples) {
            pixel[channel] = *sample;
        }
    }
}

/// A row of inverted CMYK, whose first three channels are in `out` already, to RGB.
pub(crate) fn cmyk_to_rgb(k: &[u8], out: &mut [u8]) {
    for (pixel, &k) in out.as_chunks_mut::<3>().0.iter_mut().zip(k) {
        *pixel = pixel.map(|channel| {
            // What is stored is 255 − C and 255 − K.
            let product = u32::from(255 - channel) * u32::from(k) + 128;
            let absorbed = ((product >> 8) + product) >> 8;
            k.saturating_sub(absorbed as u8)
        });
    }
}

/// A row of inverted YCCK: RGB of its first three channels is what inverted CMY would be, but inverted once more.
pub(crate) fn invert(out: &mut [u8]) {
    out.iter_mut().for_each(|channel| *channel = 255 - *channel);
}
