//! Unfiltered rows to pixels of 8 bits a channel, as Pillow's modes and their conversions have it.
//!
//! 16 bits are cut to the upper 8, but those of gray without alpha are clipped at 255; small gray samples are spread over 0 to
//! 255; color numbers become colors, black where the palette has none. Transparency by a color is looked for in the 8 bits.

use super::chunks::{Chunks, Color, Samples, Transparency};
use crate::pixels::Layout;

/// What becomes of rows.
pub(super) struct Expand {
    samples: Samples,
    /// The transparent color, of gray thrice the same.
    transparent: Option<[u8; 3]>,
    /// Of a palette.
    colors: Option<Box<[[u8; 4]; 256]>>,
    pub(super) layout: Layout,
}

impl Expand {
    pub(super) fn new(chunks: &Chunks<'_>) -> Self {
        let samples = chunks.samples;
        let transparent = match (samples.color, chunks.transparency) {
            (Color::Gray, Some(Transparency::Gray(gray))) => Some([gray; 3]),
            (Color::Rgb, Some(Transparency::Rgb(rgb))) => Some(rgb),
            _ => None,
        };
        let colors = (samples.color == Color::Palette).then(|| Box::new(colors(chunks)));
        let has_alpha = colors.as_ref().is_some_and(|colors| colors.iter().any(|color| color[3] != 255));
        let layout = match samples.color {
            Color::Gray if transparent.is_some() => Layout::GrayAlpha,
            Color::Gray => Layout::Gray,
            Color::GrayAlpha => Layout::GrayAlpha,
            Color::Rgb if transparent.is_some() => Layout::Rgba,
            Color::Palette if has_alpha => Layout::Rgba,
            Color::Rgb | Color::Palette => Layout::Rgb,
            Color::Rgba => Layout::Rgba,
        };
        Self { samples, transparent, colors, layout }
    }

    /// Whether rows are pixels already.
    pub(super) fn is_nothing(&self) -> bool {
        self.samples.bits == 8 && self.transparent.is_none() && self.colors.is_none()
    }

    /// Writes `out`, whole pixels, of the first samples of `row`.
    pub(super) fn row(&self, row: &[u8], out: &mut [u8]) {
        let Samples { color, bits } = self.samples;
        if let Some(colors) = &self.colors {
            return if bits == 8 {
                self.colored(colors, row.iter().copied(), out);
            } else {
                self.colored(colors, numbers(row, bits), out);
            };
        }
        let Some(rgb) = self.transparent else {
            return match (color, bits) {
                (_, 8) => out.copy_from_slice(&row[..out.len()]),
                (Color::Gray, 16) => each(wide(row).map(clipped), out, |gray| [gray]),
                (_, 16) => each(wide(row).map(|[high, _]| high), out, |sample| [sample]),
                (_, _) => each(numbers(row, bits).map(spread(bits)), out, |gray| [gray]),
            };
        };
        let alpha = |is_transparent: bool| if is_transparent { 0 } else { 255 };
        let gray = |gray: u8| [gray, alpha(gray == rgb[0])];
        let colored = |color: [u8; 3]| [color[0], color[1], color[2], alpha(color == rgb)];
        match (color, bits) {
            (Color::Rgb, 8) => each(row.as_chunks::<3>().0.iter().copied(), out, colored),
            (Color::Rgb, _) => {
                let high = |&[red, _, green, _, blue, _]: &[u8; 6]| [red, green, blue];
                each(row.as_chunks::<6>().0.iter().map(high), out, colored);
            }
            (_, 8) => each(row.iter().copied(), out, gray),
            (_, 16) => each(wide(row).map(clipped), out, gray),
            (_, _) => each(numbers(row, bits).map(spread(bits)), out, gray),
        }
    }

    fn colored(&self, colors: &[[u8; 4]; 256], numbers: impl Iterator<Item = u8>, out: &mut [u8]) {
        match self.layout {
            Layout::Rgba => each(numbers, out, |number| colors[usize::from(number)]),
            _ => each(numbers, out, |number| {
                let [red, green, blue, _] = colors[usize::from(number)];
                [red, green, blue]
            }),
        }
    }
}

/// Turns samples into pixels, as many as there is space for.
fn each<T, const CHANNELS: usize>(
    samples: impl Iterator<Item = T>,
    out: &mut [u8],
    mut pixel: impl FnMut(T) -> [u8; CHANNELS],
) {
    for (to, sample) in out.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(samples) {
        *to = pixel(sample);
    }
}

/// The samples of a row, of 1, 2 or 4 bits, the first ones highest.
fn numbers(row: &[u8], bits: u8) -> impl Iterator<Item = u8> {
    let most = u8::MAX >> (8 - bits);
    row.iter().flat_map(move |byte| (1..=8 / bits).map(move |place| byte >> (8 - place * bits) & most))
}

fn spread(bits: u8) -> impl Fn(u8) -> u8 {
    let factor = u8::MAX / (u8::MAX >> (8 - bits));
    move |sample| sample * factor
}

fn wide(row: &[u8]) -> impl Iterator<Item = [u8; 2]> {
    row.as_chunks::<2>().0.iter().copied()
}

fn clipped([high, low]: [u8; 2]) -> u8 {
    if high == 0 { low } else { 255 }
}

/// The colors of all 256 numbers.
fn colors(chunks: &Chunks<'_>) -> [[u8; 4]; 256] {
    let mut colors = [[0, 0, 0, 255]; 256];
    let palette = chunks.palette.unwrap_or_default().as_chunks::<3>().0;
    for (color, &[red, green, blue]) in colors.iter_mut().zip(palette) {
        *color = [red, green, blue, 255];
    }
    match chunks.transparency {
        Some(Transparency::Number(number)) => {
            if let Some(color) = colors.get_mut(number) {
                color[3] = 0;
            }
        }
        Some(Transparency::Alphas(alphas)) => {
            colors.iter_mut().zip(alphas).for_each(|(color, alpha)| color[3] = *alpha);
        }
        _ => {}
    }
    colors
}
