//! Predictions from the samples above and to the left (RFC 6386, section 12).

use simd::Bytes;

use super::macroblock::mode;
use super::work::{STRIDE, Work};

/// Which sides there are beside a macroblock.
#[derive(Clone, Copy)]
pub(super) struct Sides {
    pub(super) above: bool,
    pub(super) left: bool,
}

/// Predicts 16x16 samples.
#[inline(always)]
pub(super) fn whole<B: Bytes>(bytes: B, mode: u8, sides: Sides, work: &mut Work, at: usize) {
    match mode {
        mode::DC => {
            let value = bytes.splat8(average::<16>(sides, work, at));
            (0..16).for_each(|y| work.store(bytes, at + y * STRIDE, value));
        }
        mode::TM => {
            let (low, high) = (work.load_wide(bytes, at - STRIDE), work.load_wide(bytes, at - STRIDE + 8));
            for y in 0..16 {
                let delta = bytes.splat16(corner_delta(work, at, y));
                let row = bytes.narrow16_unsigned(bytes.add16(low, delta), bytes.add16(high, delta));
                work.store(bytes, at + y * STRIDE, row);
            }
        }
        mode::VERTICAL => {
            let above = work.load(bytes, at - STRIDE);
            (0..16).for_each(|y| work.store(bytes, at + y * STRIDE, above));
        }
        _ => (0..16).for_each(|y| {
            let at = at + y * STRIDE;
            work.store(bytes, at, bytes.splat8(work.0[at - 1]));
        }),
    }
}

/// Predicts 8x8 samples of a color.
#[inline(always)]
pub(super) fn color<B: Bytes>(bytes: B, mode: u8, sides: Sides, work: &mut Work, at: usize) {
    match mode {
        mode::DC => {
            let value = average::<8>(sides, work, at);
            (0..8).for_each(|y| work.set(at + y * STRIDE, [value; 8]));
        }
        mode::TM => {
            let above = work.load_wide(bytes, at - STRIDE);
            for y in [0, 2, 4, 6] {
                let upper = bytes.add16(above, bytes.splat16(corner_delta(work, at, y)));
                let lower = bytes.add16(above, bytes.splat16(corner_delta(work, at, y + 1)));
                work.store_halves(bytes, at + y * STRIDE, bytes.narrow16_unsigned(upper, lower));
            }
        }
        mode::VERTICAL => {
            let above = work.at::<8>(at - STRIDE);
            (0..8).for_each(|y| work.set(at + y * STRIDE, above));
        }
        _ => (0..8).for_each(|y| {
            let at = at + y * STRIDE;
            work.set(at, [work.0[at - 1]; 8]);
        }),
    }
}

/// The average of the sides that there are.
#[inline(always)]
fn average<const SIZE: usize>(sides: Sides, work: &Work, at: usize) -> u8 {
    let size = SIZE as u32;
    let above = || work.at::<SIZE>(at - STRIDE).into_iter().map(u32::from).sum::<u32>();
    let left = || (0..SIZE).map(|y| u32::from(work.0[at + y * STRIDE - 1])).sum::<u32>();
    let value = match (sides.above, sides.left) {
        (true, true) => (above() + left() + size) / (2 * size),
        (true, false) => (above() + size / 2) / size,
        (false, true) => (left() + size / 2) / size,
        (false, false) => 128,
    };
    value as u8
}

/// What the sample to the left of row `y` has more than the corner.
#[inline(always)]
fn corner_delta(work: &Work, at: usize, y: usize) -> i16 {
    i16::from(work.0[at + y * STRIDE - 1]) - i16::from(work.0[at - STRIDE - 1])
}

/// Predicts 4x4 samples.
///
/// But for two modes, every sample is an average of two or three neighbors along the edge, which are computed eight at a
/// time in a word of 64 bits, the first one in its lowest byte.
#[inline(always)]
pub(super) fn block<B: Bytes>(bytes: B, mode: u8, work: &mut Work, at: usize) {
    let above = u64::from_le_bytes(work.at::<8>(at - STRIDE));
    let corner = u64::from(work.0[at - STRIDE - 1]);
    let left = [0, 1, 2, 3].map(|y| u64::from(work.0[at + y * STRIDE - 1]));
    let [i, j, k, l] = left;
    // Up the left side, around the corner, and three samples along.
    let around = || l | k << 8 | j << 16 | i << 24 | corner << 32 | above << 40;
    let fourth = above >> 24 & 255;
    // Averages of three along the same way.
    let bends = || {
        let around = around();
        threes(around, around >> 8 | fourth << 56, around >> 16 | fourth << 48)
    };
    let rows: [u64; 4] = match mode {
        mode::DC => {
            let sum = (above.to_le_bytes()[..4].iter().map(|&x| u64::from(x)).sum::<u64>() + i + j + k + l + 4) >> 3;
            [sum * 0x0101_0101; 4]
        }
        mode::TM => {
            let above = work.load_wide(bytes, at - STRIDE);
            let row = |y: usize| bytes.add16(above, bytes.splat16(left[y] as i16 - corner as i16));
            let upper = bytes.narrow16_unsigned(row(0), row(1));
            let lower = bytes.narrow16_unsigned(row(2), row(3));
            let (even, odd) = bytes.zip32(upper, lower);
            return work.store_quarters(bytes, at, bytes.zip32(even, odd).0);
        }
        mode::VERTICAL => [threes(above << 8 | corner, above, above >> 8); 4],
        mode::HORIZONTAL => {
            let sides = corner | i << 8 | j << 16 | k << 24 | l << 32 | l << 40;
            let rows = threes(sides, sides >> 8, sides >> 16);
            [0, 8, 16, 24].map(|shift| (rows >> shift & 255) * 0x0101_0101)
        }
        mode::RIGHT_DOWN => {
            let bends = bends();
            [bends >> 24, bends >> 16, bends >> 8, bends]
        }
        mode::VERTICAL_RIGHT => {
            let bends = bends();
            let (first, second) = (twos(above << 8 | corner, above), bends >> 24);
            [first, second, bends >> 16 & 255 | first << 8, bends >> 8 & 255 | second << 8]
        }
        mode::LEFT_DOWN => {
            let last = above >> 56;
            let bends = threes(above, above >> 8 | last << 56, above >> 16 | last << 48);
            [bends, bends >> 8, bends >> 16, bends >> 24]
        }
        mode::VERTICAL_LEFT => {
            let (first, second) = (twos(above, above >> 8), threes(above, above >> 8, above >> 16));
            let third = first >> 8 & 0xff_ffff | (second >> 32 & 255) << 24;
            [first, second, third, second >> 8 & 0xff_ffff | (second >> 40 & 255) << 24]
        }
        mode::HORIZONTAL_DOWN => {
            let (pairs, bends) = (twos(around(), around() >> 8), bends());
            // From the lower left: an average of two, then one of three, and so on up to the corner.
            let ladder = zipped(pairs as u32, bends as u32);
            [ladder >> 48 & 0xffff | (bends >> 32 & 0xffff) << 16, ladder >> 32, ladder >> 16, ladder]
        }
        _ => {
            let sides = i | j << 8 | k << 16 | l << 24 | l << 32 | l << 40;
            let (pairs, bends) = (twos(sides, sides >> 8), threes(sides, sides >> 8, sides >> 16));
            let ladder = zipped(pairs as u32, bends as u32);
            let end = l * 0x0101_0101;
            [ladder, ladder >> 16, ladder >> 32 & 0xffff | end << 16, end]
        }
    };
    for (y, row) in rows.into_iter().enumerate() {
        work.set(at + y * STRIDE, (row as u32).to_le_bytes());
    }
}

const HALVES: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// `(a + b + 1) / 2` of each byte.
#[inline(always)]
fn twos(a: u64, b: u64) -> u64 {
    (a | b) - ((a ^ b) >> 1 & HALVES)
}

/// `(a + 2b + c + 2) / 4` of each byte.
#[inline(always)]
fn threes(a: u64, b: u64, c: u64) -> u64 {
    let rounded_down = (a & c) + ((a ^ c) >> 1 & HALVES);
    twos(rounded_down, b)
}

/// Bytes of both in turn.
#[inline(always)]
fn zipped(a: u32, b: u32) -> u64 {
    let spread = |x: u32| {
        let x = u64::from(x);
        let x = (x | x << 16) & 0x0000_ffff_0000_ffff;
        (x | x << 8) & 0x00ff_00ff_00ff_00ff
    };
    spread(a) | spread(b) << 8
}
