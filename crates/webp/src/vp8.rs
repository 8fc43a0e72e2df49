//! Lossy pictures: one key frame of VP8 (RFC 6386), decoded to the pixels of libwebp 1.6.
//!
//! A row of macroblocks at a time: each macroblock is read, predicted from its neighbors and corrected; then the row's
//! edges are smoothed, and finished rows become pixels and are handed on. Nothing is held but one such row.
//!
//! ```text
//! header.rs      what a frame begins with    bits.rs       the arithmetic decoder
//! macroblock.rs  modes and coefficients      work.rs       a macroblock and the samples around it
//! predict.rs     predictions                 transform.rs  from coefficients to differences
//! planes.rs      a row of macroblocks        filter.rs     smoothing of edges
//! pixels.rs      samples to RGB              tables.rs     the format's tables
//! ```

mod bits;
mod filter;
mod header;
mod macroblock;
mod pixels;
mod planes;
mod predict;
mod tables;
mod transform;
mod work;

use std::ops::Range;

use simd::{Bytes, BytesTask, Isa};

use self::filter::Smooth;
pub(crate) use self::header::Header;
use self::header::{FilterKind, Strength};
use self::macroblock::{Macroblock, Neighbor};
use self::pixels::Pixels;
use self::planes::{LAG, Planes};
use self::predict::Sides;
use self::work::{STRIDE, U, V, Work, Y};
use crate::{Error, Result, memory};

/// Rows that are handed on at a time.
const BATCH: usize = 8;

/// How many bytes decoding takes, besides the alpha.
pub(crate) fn memory(width: usize, channels: usize) -> u64 {
    let wide = width.div_ceil(16);
    let row = Planes::size(wide) + wide * (size_of::<Above>() + size_of::<Neighbor>() + size_of::<Strength>());
    (row + BATCH * width * channels) as u64
}

/// A picture's size, what is wanted of it, and its alpha.
pub(crate) struct Wanted<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) rows: Range<usize>,
    /// A byte for each pixel, and how far apart rows of them are; where there are any, pixels have four bytes.
    pub(crate) alpha: Option<(&'a [u8], usize)>,
    pub(crate) isa: Isa,
}

/// Unfiltered samples of the last rows above.
#[derive(Clone, Copy)]
struct Above {
    y: [u8; 16],
    u: [u8; 8],
    v: [u8; 8],
}

/// Decodes the frame, and hands on rows of RGB, or of RGBA.
pub(crate) fn decode<E: From<Error>>(
    mut header: Header<'_>,
    wanted: &Wanted<'_>,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (wide, high) = (header.wide, header.high);
    let mut planes = Planes::new(wide)?;
    let mut above = memory::filled(wide, Above { y: [0; 16], u: [0; 8], v: [0; 8] })?;
    let mut neighbors = memory::filled(wide, Neighbor::default())?;
    let mut strengths = memory::filled(wide, Strength::default())?;
    let mut output = Output::new(wanted)?;
    let (mut macroblock, mut work) = (Macroblock::new(), Work::new());
    for row in 0..high {
        // What comes after the last row that is wanted is read all the same: errors in it count.
        let is_needed = 16 * row < wanted.rows.end + LAG;
        let partition = row % header.partitions.len();
        let mut left = Neighbor::default();
        work.begin_row(row == 0);
        for (x, above_modes) in neighbors.iter_mut().enumerate() {
            macroblock.read_modes(&mut header, above_modes, &mut left);
            if macroblock.skip {
                macroblock.skip_coefficients(above_modes, &mut left);
            } else {
                let quantizers = &header.quantizers[macroblock.segment];
                let bits = &mut header.partitions[partition];
                macroblock.read_coefficients(bits, &header.tokens, quantizers, above_modes, &mut left);
            }
            let mut strength = header.strengths[macroblock.segment][usize::from(macroblock.each)];
            strength.inner |= macroblock.has_coefficients();
            strengths[x] = strength;
            if is_needed {
                let reconstruct = Reconstruct {
                    macroblock: &macroblock,
                    work: &mut work,
                    above: &mut above[x..],
                    planes: &mut planes,
                    x,
                    is_first_row: row == 0,
                };
                wanted.isa.run_bytes(reconstruct);
            }
        }
        if header.modes.ended() || header.partitions[partition].ended() {
            return Err(Error::cut_short(format!("the picture ends in its row {}", 16 * row)).into());
        }
        if is_needed {
            if header.filter != FilterKind::None {
                let (kind, strengths) = (header.filter, &strengths[..]);
                wanted.isa.run_bytes(Smooth { planes: &mut planes, kind, strengths, is_first: row == 0 });
            }
            output.hand_on(&planes, row, row + 1 == high, wanted, sink)?;
            planes.advance();
        }
    }
    Ok(())
}

/// A macroblock to be predicted and corrected.
struct Reconstruct<'a> {
    macroblock: &'a Macroblock,
    work: &'a mut Work,
    /// Of this macroblock's column and those to the right.
    above: &'a mut [Above],
    planes: &'a mut Planes,
    x: usize,
    is_first_row: bool,
}

impl BytesTask for Reconstruct<'_> {
    type Output = ();

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) {
        let Self { macroblock, work, above, planes, x, is_first_row } = self;
        if x > 0 {
            work.move_right();
        }
        if !is_first_row {
            work.set(Y - STRIDE, above[0].y);
            work.set(U - STRIDE, above[0].u);
            work.set(V - STRIDE, above[0].v);
        }
        let sides = Sides { above: !is_first_row, left: x > 0 };
        let blocks = &macroblock.coefficients;
        let extents = macroblock.brightness;
        if macroblock.each {
            if !is_first_row {
                let right = match above.get(1) {
                    Some(next) => [next.y[0], next.y[1], next.y[2], next.y[3]],
                    None => [above[0].y[15]; 4],
                };
                work.set(Y - STRIDE + 16, right);
            }
            // The blocks along the right edge all have the samples above the macroblock for those above them to the right.
            let right = work.at::<4>(Y - STRIDE + 16);
            [3, 7, 11].iter().for_each(|row| work.set(Y + row * STRIDE + 16, right));
            for (i, mode) in macroblock.modes.iter().enumerate() {
                let at = place(i);
                predict::block(bytes, *mode, work, at);
                correct(bytes, extents << (2 * i) >> 30, &blocks[i], work, at);
            }
        } else {
            predict::whole(bytes, macroblock.modes[0], sides, work, Y);
            if extents != 0 {
                for (i, block) in blocks[..16].iter().enumerate() {
                    correct(bytes, extents << (2 * i) >> 30, block, work, place(i));
                }
            }
        }
        for (color, at) in [U, V].into_iter().enumerate() {
            predict::color(bytes, macroblock.color_mode, sides, work, at);
            let extents = macroblock.colors >> (8 * color) & 0xff;
            let blocks = blocks[16 + 4 * color..].as_chunks::<2>().0;
            if extents & 0xaa != 0 {
                transform::add_pair(bytes, &blocks[0], work, at);
                transform::add_pair(bytes, &blocks[1], work, at + 4 * STRIDE);
            } else if extents != 0 {
                for (i, block) in blocks[..2].iter().flatten().enumerate().filter(|(_, block)| block[0] != 0) {
                    transform::add_first(bytes, block[0], work, at + i / 2 * 4 * STRIDE + i % 2 * 4);
                }
            }
        }
        above[0] = Above { y: work.at(Y + 15 * STRIDE), u: work.at(U + 7 * STRIDE), v: work.at(V + 7 * STRIDE) };
        planes.put(x, &work.0[Y..], &work.0[U..], &work.0[V..], STRIDE);
    }
}

/// Where block `i` of brightness is.
#[inline(always)]
fn place(i: usize) -> usize {
    Y + i / 4 * 4 * STRIDE + i % 4 * 4
}

/// Adds a block's coefficients, of which there are as many as `extent` says.
#[inline(always)]
fn correct<B: Bytes>(bytes: B, extent: u32, block: &[i16; 16], work: &mut Work, at: usize) {
    match extent {
        0 => {}
        1 => transform::add_first(bytes, block[0], work, at),
        2 => transform::add_corner(bytes, block, work, at),
        _ => transform::add(bytes, block, work, at),
    }
}

/// Finished pixels.
struct Output {
    rows: Vec<u8>,
    row_length: usize,
    count: usize,
}

impl Output {
    fn new(wanted: &Wanted<'_>) -> Result<Self> {
        let row_length = wanted.width * if wanted.alpha.is_some() { 4 } else { 3 };
        Ok(Self { rows: memory::filled(BATCH * row_length, 0)?, row_length, count: 0 })
    }

    /// Hands on the rows that are finished, now that row `row` of macroblocks is.
    fn hand_on<E>(
        &mut self,
        planes: &Planes,
        row: usize,
        is_last: bool,
        wanted: &Wanted<'_>,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = (16 * row).saturating_sub(LAG).max(wanted.rows.start);
        let end = if is_last { wanted.height } else { 16 * row + 16 - LAG }.min(wanted.rows.end);
        let last_color = wanted.height.div_ceil(2) - 1;
        for y in start..end {
            let near = y / 2;
            let far = if y % 2 == 1 { (near + 1).min(last_color) } else { near.saturating_sub(1) };
            let [near, far] = [near, far].map(|y| planes.color_rows(y as isize - 8 * row as isize));
            let pixels = Pixels {
                y: &planes.row(y as isize - 16 * row as isize)[..wanted.width],
                near,
                far,
                alpha: wanted.alpha.map(|(alpha, stride)| &alpha[y * stride..][..wanted.width]),
                out: &mut self.rows[self.count * self.row_length..][..self.row_length],
            };
            wanted.isa.run_bytes(pixels);
            self.count += 1;
            if self.count == BATCH || y + 1 == wanted.rows.end {
                sink(&self.rows[..self.count * self.row_length])?;
                self.count = 0;
            }
        }
        Ok(())
    }
}
