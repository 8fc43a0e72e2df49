//! YCbCr to RGB in floating point, as libavif converts what libyuv does not: gray, RGB as it is, YCgCo, rare matrices.
//!
//! One multiplication after the other as in `avifImageYUVAnyToRGBAnySlow`
//! (<https://github.com/AOMediaCodec/libavif/blob/main/src/reformat.c>), so that the values are the same.

use super::color::{BT601, BT709, BT2020, Color, IDENTITY, OF_PRIMARIES, UNSPECIFIED, YCGCO, YCGCO_RE};
use super::planes::Planes;
use super::{integer, unsupported};
use crate::Result;

/// How luma and chroma make a color.
#[derive(Clone, Copy)]
enum Mode {
    Identity,
    YCgCo,
    YCgCoRe,
    /// By the weights of red and blue in luma.
    Weights {
        red: f32,
        blue: f32,
    },
}

/// How one picture is converted.
pub(super) struct Conversion<'a> {
    picture: &'a Planes,
    alpha: Option<&'a Planes>,
    mode: Mode,
    luma: Vec<f32>,
    chroma: Vec<f32>,
}

impl<'a> Conversion<'a> {
    /// # Errors
    /// `UnsupportedFormat` for matrices that libavif does not convert.
    pub(super) fn of(picture: &'a Planes, alpha: Option<&'a Planes>, color: Color) -> Result<Self> {
        let gray = picture.is_gray();
        let unknown = || unsupported(&format!("colors by matrix {}", color.matrix));
        let mode = match color.matrix {
            IDENTITY if gray || picture.halved == (false, false) => Mode::Identity,
            YCGCO if color.full_range => Mode::YCgCo,
            YCGCO_RE if color.full_range && picture.depth == 10 => Mode::YCgCoRe,
            BT709 => Mode::Weights { red: 0.2126, blue: 0.0722 },
            4 => Mode::Weights { red: 0.30, blue: 0.11 },
            7 => Mode::Weights { red: 0.212, blue: 0.087 },
            BT2020 => Mode::Weights { red: 0.2627, blue: 0.0593 },
            OF_PRIMARIES => weights(color.primaries),
            UNSPECIFIED => Mode::Weights { red: 0.299, blue: 0.114 },
            matrix if BT601.contains(&matrix) => Mode::Weights { red: 0.299, blue: 0.114 },
            _ => return Err(unknown()),
        };
        let depth = picture.depth;
        let most = ((1u32 << depth) - 1) as f32;
        let limited = |range: u32| (range << (depth - 8)) as f32;
        let (bias, range, chroma_range) =
            if color.full_range { (0.0, most, most) } else { (limited(16), limited(219), limited(224)) };
        let table = |bias: f32, range: f32| (0..1u32 << depth).map(|sample| (sample as f32 - bias) / range).collect();
        let luma: Vec<f32> = table(bias, range);
        let is_identity = matches!(mode, Mode::Identity);
        let chroma = if is_identity { luma.clone() } else { table((1u32 << (depth - 1)) as f32, chroma_range) };
        Ok(Self { picture, alpha, mode, luma, chroma })
    }

    /// Is this what libavif has a short way for, after which libyuv divides by alpha?
    pub(super) fn is_simple(&self) -> bool {
        let whole = self.picture.is_gray() || self.picture.halved == (false, false);
        match self.mode {
            Mode::Weights { .. } => whole,
            Mode::Identity => !self.picture.is_gray() && self.picture.depth == 8 && self.luma[0] == 0.0,
            Mode::YCgCo | Mode::YCgCoRe => false,
        }
    }

    /// Writes gray, RGB, or RGBA where there is alpha; that of a premultiplied picture divides the colors.
    pub(super) fn write(&self, data: &mut [u8], premultiplied: bool) -> Result<()> {
        let (width, height) = self.picture.size();
        let gray = self.picture.is_gray();
        let channels = if self.alpha.is_some() {
            4
        } else if gray {
            1
        } else {
            3
        };
        let (mut luma, mut opacity) = (Vec::new(), Vec::new());
        let mut chroma: [[Vec<u16>; 2]; 2] = Default::default();
        let mut most = [255.0f32; 4];
        most[3] = ((1u32 << self.picture.depth) - 1) as f32;
        for (y, out) in data.chunks_exact_mut(width * channels).enumerate() {
            self.picture.row(0, y, &mut luma)?;
            if !gray {
                let (near, far) = self.rows(y, height);
                for (plane, rows) in chroma.iter_mut().enumerate() {
                    self.picture.row(plane + 1, near, &mut rows[0])?;
                    self.picture.row(plane + 1, far, &mut rows[1])?;
                }
            }
            if let Some(alpha) = self.alpha {
                alpha.alpha_row(y, &mut opacity)?;
            }
            for (x, pixel) in out.chunks_exact_mut(channels).enumerate() {
                let mut rgb = [self.luma[usize::from(luma[x])]; 3];
                if !gray {
                    let [u, v] = [0, 1].map(|plane| self.upsampled(&chroma[plane], x, width));
                    rgb = self.rgb(luma[x], u, v);
                }
                let mut rgb = rgb.map(|value| value.clamp(0.0, 1.0));
                if let Some(&alpha) = opacity.get(x) {
                    pixel[3] = integer::scaled(alpha, self.picture.depth);
                    let share = f32::from(alpha) / most[3];
                    if premultiplied && share < 1.0 {
                        rgb = rgb.map(|value| if share == 0.0 { 0.0 } else { (value / share).min(1.0) });
                    }
                }
                for (to, value) in pixel[..channels.min(3)].iter_mut().zip(rgb) {
                    *to = (0.5 + value * 255.0) as u8;
                }
            }
        }
        Ok(())
    }

    /// The row of chroma that is nearest to row `y`, and the next nearest.
    fn rows(&self, y: usize, height: usize) -> (usize, usize) {
        if !self.picture.halved.1 {
            return (y, y);
        }
        let near = y / 2;
        (near, neighbor(near, y, height))
    }

    /// Chroma at column `x`.
    fn upsampled(&self, rows: &[Vec<u16>; 2], x: usize, width: usize) -> f32 {
        let value = |row: usize, at: usize| self.chroma[usize::from(rows[row][at])];
        if !self.picture.halved.0 {
            return value(0, x);
        }
        let near = x / 2;
        let far = neighbor(near, x, width);
        value(0, near) * (9.0 / 16.0)
            + value(0, far) * (3.0 / 16.0)
            + value(1, near) * (3.0 / 16.0)
            + value(1, far) * (1.0 / 16.0)
    }

    fn rgb(&self, sample: u16, u: f32, v: f32) -> [f32; 3] {
        let y = self.luma[usize::from(sample)];
        match self.mode {
            Mode::Identity => [v, y, u],
            Mode::YCgCo => {
                let rest = y - u;
                [rest + v, y + u, rest - v]
            }
            Mode::YCgCoRe => {
                let most = ((1u32 << self.picture.depth) - 1) as f32;
                let (cg, co) = ((u * most).round() as i32, (v * most).round() as i32);
                let rest = i32::from(sample) - (cg >> 1);
                let clamped = |value: i32| value.clamp(0, 255);
                let blue = clamped(rest - (co >> 1));
                [clamped(blue + co), clamped(rest + cg), blue].map(|value| value as f32 / 255.0)
            }
            Mode::Weights { red, blue } => {
                let green = 1.0 - red - blue;
                let r = y + (2.0 * (1.0 - red)) * v;
                let b = y + (2.0 * (1.0 - blue)) * u;
                let g = y - (2.0 * (red * (1.0 - red) * v + blue * (1.0 - blue) * u)) / green;
                [r, g, b]
            }
        }
    }
}

/// The sample of chroma next to `near` on the side of place `at` of `length`.
fn neighbor(near: usize, at: usize, length: usize) -> usize {
    if at == 0 || at + 1 == length && at % 2 == 1 {
        near
    } else if at % 2 == 1 {
        near + 1
    } else {
        near - 1
    }
}

/// The weights that follow from the primaries (equations 32 to 37 of ITU-T H.273), by the places of red, green, blue and
/// white in x and y.
fn weights(primaries: u16) -> Mode {
    let [rx, ry, gx, gy, bx, by, wx, wy] = match primaries {
        4 => [0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316],
        5 => [0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290],
        6 | 7 => [0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290],
        8 => [0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316],
        9 => [0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290],
        10 => [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.3333, 0.3333],
        11 => [0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351],
        12 => [0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290],
        22 => [0.630, 0.340, 0.295, 0.605, 0.155, 0.077, 0.3127, 0.3290],
        _ => [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329f32],
    };
    let [rz, gz, bz, wz] = [(rx, ry), (gx, gy), (bx, by), (wx, wy)].map(|(x, y): (f32, f32)| 1.0 - (x + y));
    let whole = wy * (rx * (gy * bz - by * gz) + gx * (by * rz - ry * bz) + bx * (ry * gz - gy * rz));
    let red = ry * (wx * (gy * bz - by * gz) + wy * (bx * gz - gx * bz) + wz * (gx * by - bx * gy)) / whole;
    let blue = by * (wx * (ry * gz - gy * rz) + wy * (gx * rz - rx * gz) + wz * (rx * gy - gx * ry)) / whole;
    Mode::Weights { red, blue }
}
