//! YCbCr to RGB in whole numbers, by the formulas of libyuv, with which libavif converts the usual matrices.
//!
//! Two things look odd and are as they are for the same values. Without alpha, samples of more than 8 bits are cut to 8
//! first; with alpha those of 10 are not, nor are those of 12 if chroma is halved both ways, and those have their chroma
//! repeated instead of interpolated (`getLibYUVConversionFunction`,
//! <https://github.com/AOMediaCodec/libavif/blob/main/src/reformat_libyuv.c>).

use super::color::{BT601, BT709, BT2020, Color, IDENTITY, OF_PRIMARIES, UNSPECIFIED};
use super::planes::Planes;
use crate::Result;

/// Six bits after the point, those of luma 14 (<https://chromium.googlesource.com/libyuv/libyuv>, `row_common.cc`).
#[derive(Clone, Copy)]
struct Matrix {
    y: u32,
    /// What is added to luma: the rounding, less black.
    bias: i32,
    u_to_b: i32,
    u_to_g: i32,
    v_to_g: i32,
    v_to_r: i32,
}

impl Matrix {
    const fn new(y: u32, bias: i32, [u_to_b, u_to_g, v_to_g, v_to_r]: [i32; 4]) -> Self {
        Self { y, bias, u_to_b, u_to_g, v_to_g, v_to_r }
    }

    /// Of a color whose matrix libyuv has.
    fn of(color: Color) -> Option<Self> {
        let matrix = match (color.matrix, color.primaries) {
            (OF_PRIMARIES, 1 | 2) => BT709,
            (OF_PRIMARIES, 5 | 6) => BT601[0],
            (OF_PRIMARIES, 9) => BT2020,
            (OF_PRIMARIES, _) => return None,
            (matrix, _) => matrix,
        };
        Some(match (matrix, color.full_range) {
            (BT709, false) => Self::new(18997, -1160, [128, 14, 34, 115]),
            (BT709, true) => Self::new(16320, 32, [119, 12, 30, 101]),
            (BT2020, false) => Self::new(19003, -1160, [128, 12, 42, 107]),
            (BT2020, true) => Self::new(16320, 32, [120, 11, 37, 94]),
            (UNSPECIFIED | 5 | 6, false) => Self::new(18997, -1160, [128, 25, 52, 102]),
            (UNSPECIFIED | 5 | 6, true) => Self::new(16320, 32, [113, 22, 46, 90]),
            _ => return None,
        })
    }

    /// Of luma with 16 bits and chroma with 8.
    #[inline(always)]
    fn rgb(self, y: u32, u: u16, v: u16) -> [u8; 3] {
        let y = ((y * self.y) >> 16) as i32 + self.bias;
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        let sums = [y + v * self.v_to_r, y - u * self.u_to_g - v * self.v_to_g, y + u * self.u_to_b];
        sums.map(|sum| (sum >> 6).clamp(0, 255) as u8)
    }
}

/// How one picture is converted.
pub(super) struct Conversion<'a> {
    picture: &'a Planes,
    alpha: Option<&'a Planes>,
    matrix: Matrix,
    /// Are samples cut to 8 bits before all else?
    cuts: bool,
    /// Is chroma repeated, where there is less of it?
    repeats: bool,
    /// Is alpha cut to 8 bits, not scaled?
    cuts_alpha: bool,
}

impl<'a> Conversion<'a> {
    /// None where libyuv has none.
    pub(super) fn of(picture: &'a Planes, alpha: Option<&'a Planes>, mut color: Color) -> Option<Self> {
        if picture.is_gray() {
            alpha?;
            if color.matrix == IDENTITY {
                color.matrix = BT601[0];
            }
        }
        let matrix = Matrix::of(color)?;
        let deep = alpha.is_some() && !picture.is_gray();
        let repeats = deep && picture.depth == 12 && picture.halved == (true, true);
        let cuts = !(repeats || deep && picture.depth == 10);
        Some(Self { picture, alpha, matrix, cuts, repeats, cuts_alpha: !repeats && !picture.is_gray() })
    }

    /// Writes RGB, or RGBA where there is alpha.
    pub(super) fn write(&self, data: &mut [u8]) -> Result<()> {
        let (width, _) = self.picture.size();
        let depth = self.picture.depth;
        let shift = if self.cuts { depth - 8 } else { 0 };
        // Luma of the depth that is left is spread over 16 bits.
        let spread = 16 - (depth - shift);
        let channels = if self.alpha.is_some() { 4 } else { 3 };
        let mut rows = Rows::default();
        let (mut luma, mut u, mut v) = (Vec::new(), vec![128; width], vec![128; width]);
        let mut opacity = Vec::new();
        for (y, out) in data.chunks_exact_mut(width * channels).enumerate() {
            self.picture.row(0, y, &mut luma)?;
            if !self.picture.is_gray() {
                self.chroma(1, y, shift, &mut rows, &mut u)?;
                self.chroma(2, y, shift, &mut rows, &mut v)?;
            }
            for (((pixel, &luma), &u), &v) in out.chunks_exact_mut(channels).zip(&luma).zip(&u).zip(&v) {
                let luma = u32::from(luma >> shift);
                let luma = luma << spread | luma >> (16 - 2 * spread);
                pixel[..3].copy_from_slice(&self.matrix.rgb(luma, u, v));
            }
            if let Some(alpha) = self.alpha {
                alpha.alpha_row(y, &mut opacity)?;
                for (pixel, &alpha) in out.chunks_exact_mut(4).zip(&opacity) {
                    let cut = self.cuts_alpha || depth == 8;
                    pixel[3] = if cut { (alpha >> (depth - 8)) as u8 } else { scaled(alpha, depth) };
                }
            }
        }
        Ok(())
    }

    /// Row `y` of a plane of chroma, as wide as the picture and of 8 bits.
    fn chroma(&self, plane: usize, y: usize, shift: u32, rows: &mut Rows, out: &mut [u16]) -> Result<()> {
        let (width, height) = self.picture.size();
        let (halved_x, halved_y) = self.picture.halved;
        let to_8_bits = self.picture.depth - shift - 8;
        let near = if halved_y { y / 2 } else { y };
        self.picture.row(plane, near, &mut rows.near)?;
        if !halved_x || self.repeats {
            for (x, out) in out.iter_mut().enumerate() {
                *out = rows.near[if halved_x { x / 2 } else { x }] >> shift >> to_8_bits;
            }
            return Ok(());
        }
        let far = if !halved_y {
            near
        } else if y.is_multiple_of(2) {
            near.saturating_sub(1)
        } else {
            (near + 1).min(height.div_ceil(2) - 1)
        };
        self.picture.row(plane, far, &mut rows.far)?;
        // Three parts of the nearer and one of the other, both ways.
        for (near, &far) in rows.near.iter_mut().zip(&rows.far) {
            *near = 3 * (*near >> shift) + (far >> shift);
        }
        let sums = &rows.near;
        for (x, out) in out.iter_mut().enumerate() {
            let near = x / 2;
            let far = if x % 2 == 1 {
                (near + 1).min(sums.len() - 1)
            } else if x + 1 == width {
                // The last column of an odd width is its chroma's alone.
                near
            } else {
                near.saturating_sub(1)
            };
            *out = ((3 * sums[near] + sums[far] + 8) >> 4) >> to_8_bits;
        }
        Ok(())
    }
}

/// Rows of chroma as they are stored.
#[derive(Default)]
struct Rows {
    near: Vec<u16>,
    far: Vec<u16>,
}

/// A sample of alpha as 8 bits, by libavif's `avifReformatAlpha`.
pub(super) fn scaled(alpha: u16, depth: u32) -> u8 {
    let most = ((1u32 << depth) - 1) as f32;
    (0.5 + f32::from(alpha) / most * 255.0) as u8
}

/// Divides RGB by alpha, in place, by libyuv's `ARGBUnattenuate` as it is on x86, where quotients of 15 bits and more, of
/// colors that no encoder makes, are taken for negative.
pub(super) fn unpremultiply(data: &mut [u8]) {
    for pixel in data.chunks_exact_mut(4) {
        let inverse = match u32::from(pixel[3]) {
            0 => 0,
            1 => 0xffff,
            255 => 0x100,
            alpha => 0x10000 / alpha,
        };
        for channel in &mut pixel[..3] {
            let quotient = (u32::from(*channel) * 0x101 * inverse) >> 16;
            *channel = if quotient < 1 << 15 { quotient.min(255) as u8 } else { 0 };
        }
    }
}
