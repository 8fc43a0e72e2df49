//! Transforms, undone row by row.

use super::bits::Bits;
use super::image::{Image, tiles};
use crate::{Error, Result, memory};

const BLACK: u32 = 0xff00_0000;

/// How rows were changed before they were coded.
pub(super) enum Transform {
    /// Pixels are differences from predictions, whose kind each tile says.
    Predictor { modes: Image, bits: u32, above: Vec<u32> },
    /// Red and blue are differences from parts of green, and of red.
    Color { multipliers: Image, bits: u32 },
    /// Red and blue are differences from green.
    Green,
    /// Green is the number of a color, or of several side by side.
    Palette { colors: Vec<u32>, bits: u32, width: usize },
}

impl Transform {
    /// Reads a transform of rows of `size`; gives with it how wide the rows are that come of it. Each kind may be there
    /// once: `seen` has a bit for each.
    pub(super) fn read(
        bits: &mut Bits<'_>,
        (width, height): (usize, usize),
        seen: &mut u8,
        table_limit: u64,
    ) -> Result<(Self, usize)> {
        let kind = bits.read(2);
        if *seen & 1 << kind != 0 {
            return Err(Error::broken("a transform that is there twice"));
        }
        *seen |= 1 << kind;
        Ok(match kind {
            0 | 1 => {
                let tile_bits = 2 + bits.read(3);
                let size = (tiles(width, tile_bits), tiles(height, tile_bits));
                let image = Image::read_part(bits, size, table_limit)?;
                let transform = match kind {
                    0 => Self::Predictor { modes: image, bits: tile_bits, above: memory::filled(width + 1, 0)? },
                    _ => Self::Color { multipliers: image, bits: tile_bits },
                };
                (transform, width)
            }
            2 => (Self::Green, width),
            _ => {
                let count = bits.read(8) as usize + 1;
                let pack_bits = match count {
                    ..=2 => 3,
                    3..=4 => 2,
                    5..=16 => 1,
                    _ => 0,
                };
                let mut colors = Image::read_part(bits, (count, 1), table_limit)?.pixels;
                for at in 1..count {
                    colors[at] = add(colors[at], colors[at - 1]);
                }
                // What there is no color for is nothing.
                colors.resize(1 << (8 >> pack_bits), 0);
                (Self::Palette { colors, bits: pack_bits, width }, tiles(width, pack_bits))
            }
        })
    }

    /// Undoes it in row `y`.
    pub(super) fn undo(&mut self, y: usize, row: &mut Vec<u32>) {
        match self {
            Self::Predictor { modes, bits, above } => {
                undo_prediction(modes, *bits, y, above, row);
                above[..row.len()].copy_from_slice(row);
            }
            Self::Color { multipliers, bits } => {
                for (row, &multiplier) in row.chunks_mut(1 << *bits).zip(multipliers.row(y >> *bits)) {
                    undo_color(multiplier, row);
                }
            }
            Self::Green => row.iter_mut().for_each(|pixel| *pixel = add_green(*pixel)),
            Self::Palette { colors, bits, width } => expand(colors, *bits, *width, row),
        }
    }
}

/// The sum of each channel.
#[inline(always)]
fn add(a: u32, b: u32) -> u32 {
    const EVEN: u32 = 0x00ff_00ff;
    const ODD: u32 = 0xff00_ff00;
    ((a & EVEN).wrapping_add(b & EVEN) & EVEN) | ((a & ODD).wrapping_add(b & ODD) & ODD)
}

#[inline(always)]
fn add_green(pixel: u32) -> u32 {
    let green = pixel >> 8 & 0xff;
    let red_blue = (pixel & 0x00ff_00ff).wrapping_add(green << 16 | green) & 0x00ff_00ff;
    pixel & 0xff00_ff00 | red_blue
}

fn undo_color(multipliers: u32, row: &mut [u32]) {
    let times = |factor: u32, value: u32| ((i32::from(factor as i8) * i32::from(value as i8)) >> 5) as u32;
    let (green_to_red, green_to_blue, red_to_blue) = (multipliers, multipliers >> 8, multipliers >> 16);
    for pixel in row {
        let green = *pixel >> 8;
        let red = (*pixel >> 16).wrapping_add(times(green_to_red, green)) & 0xff;
        let blue = pixel.wrapping_add(times(green_to_blue, green)).wrapping_add(times(red_to_blue, red)) & 0xff;
        *pixel = *pixel & 0xff00_ff00 | red << 16 | blue;
    }
}

fn expand(colors: &[u32], bits: u32, width: usize, row: &mut Vec<u32>) {
    if bits == 0 {
        row.iter_mut().for_each(|pixel| *pixel = colors[(*pixel >> 8 & 0xff) as usize]);
        return;
    }
    let (mask, size) = ((1u32 << (8 >> bits)) - 1, 8 >> bits);
    row.resize(width, 0);
    // From the end, since the packed pixels are at the beginning.
    for x in (0..width).rev() {
        let packed = row[x >> bits] >> 8 & 0xff;
        let place = (x & ((1 << bits) - 1)) as u32;
        row[x] = colors[(packed >> (place * size) & mask) as usize];
    }
}

/// `above` is the row before this one. Its last entry stands for what lies beyond its end: the row's own first pixel.
fn undo_prediction(modes: &Image, bits: u32, y: usize, above: &mut [u32], row: &mut [u32]) {
    let width = row.len();
    if y == 0 {
        row[0] = add(row[0], BLACK);
        for x in 1..width {
            row[x] = add(row[x], row[x - 1]);
        }
        return;
    }
    row[0] = add(row[0], above[0]);
    above[width] = row[0];
    let above = &above[..=width];
    let modes = modes.row(y >> bits);
    let mut x = 1;
    while x < width {
        let tile = x >> bits;
        let end = ((tile + 1) << bits).min(width);
        let mode = modes[tile] >> 8 & 15;
        // With a function of its own for each kind the compiler makes a loop of each.
        match mode {
            1 => predicted(x..end, row, above, |left, _, _, _| left),
            2 => predicted(x..end, row, above, |_, _, top, _| top),
            3 => predicted(x..end, row, above, |_, _, _, right| right),
            4 => predicted(x..end, row, above, |_, corner, _, _| corner),
            5 => predicted(x..end, row, above, |left, _, top, right| average(average(left, right), top)),
            6 => predicted(x..end, row, above, |left, corner, _, _| average(left, corner)),
            7 => predicted(x..end, row, above, |left, _, top, _| average(left, top)),
            8 => predicted(x..end, row, above, |_, corner, top, _| average(corner, top)),
            9 => predicted(x..end, row, above, |_, _, top, right| average(top, right)),
            10 => predicted(x..end, row, above, |left, corner, top, right| {
                average(average(left, corner), average(top, right))
            }),
            11 => predicted(x..end, row, above, |left, corner, top, _| select(left, corner, top)),
            12 => predicted(x..end, row, above, |left, corner, top, _| {
                each(left, top, corner, |left, top, corner| left + top - corner)
            }),
            13 => predicted(x..end, row, above, |left, corner, top, _| {
                each(average(left, top), corner, 0, |average, corner, _| average + (average - corner) / 2)
            }),
            _ => predicted(x..end, row, above, |_, _, _, _| BLACK),
        }
        x = end;
    }
}

/// Adds what `predict` makes of the pixels to the left, above to the left, above, and above to the right.
#[inline(always)]
fn predicted(
    columns: std::ops::Range<usize>,
    row: &mut [u32],
    above: &[u32],
    predict: impl Fn(u32, u32, u32, u32) -> u32,
) {
    let mut left = row[columns.start - 1];
    let neighbors = above[columns.start - 1..columns.end + 1].windows(3);
    for (pixel, neighbors) in row[columns].iter_mut().zip(neighbors) {
        left = add(*pixel, predict(left, neighbors[0], neighbors[1], neighbors[2]));
        *pixel = left;
    }
}

/// Of each channel, rounded down.
#[inline(always)]
fn average(a: u32, b: u32) -> u32 {
    ((a ^ b) & 0xfefe_fefe) / 2 + (a & b)
}

/// Each channel of three pixels combined, and clamped.
#[inline(always)]
fn each(a: u32, b: u32, c: u32, combine: impl Fn(i32, i32, i32) -> i32) -> u32 {
    let (a, b, c) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
    let channel = |i: usize| combine(i32::from(a[i]), i32::from(b[i]), i32::from(c[i])).clamp(0, 255) as u8;
    u32::from_le_bytes([channel(0), channel(1), channel(2), channel(3)])
}

/// The left pixel or the one above, whichever is nearer to what both and the corner let expect.
#[inline(always)]
fn select(left: u32, corner: u32, top: u32) -> u32 {
    let (l, c, t) = (left.to_le_bytes(), corner.to_le_bytes(), top.to_le_bytes());
    let difference = |a: u8, b: u8| i32::from(a.abs_diff(b));
    let sum: i32 = (0..4).map(|i| difference(l[i], c[i]) - difference(t[i], c[i])).sum();
    if sum <= 0 { top } else { left }
}
