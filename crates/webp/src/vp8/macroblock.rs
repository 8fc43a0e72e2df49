//! What is read of a macroblock: its modes and its coefficients (RFC 6386, sections 11 and 13).
//!
//! Almost all of the time that a photograph takes is spent in [`coefficients`], bit by bit. It is written like libwebp's
//! (`GetCoeffsFast` in src/dec/vp8_dec.c): one loop for runs of zeros, signs without a branch, and the state of the
//! arithmetic decoder in registers, for which it has to be a local variable of a small function.

use super::bits::Bits;
use super::header::{Header, Quantizers};
use super::tables::{MODES, ZIGZAG};
use super::transform::walsh_hadamard;

/// How a block is predicted. The first four are for blocks of all sizes, the others for 4x4.
pub(super) mod mode {
    pub(in crate::vp8) const DC: u8 = 0;
    /// True motion: above and left, less the corner.
    pub(in crate::vp8) const TM: u8 = 1;
    pub(in crate::vp8) const VERTICAL: u8 = 2;
    pub(in crate::vp8) const HORIZONTAL: u8 = 3;
    pub(in crate::vp8) const RIGHT_DOWN: u8 = 4;
    pub(in crate::vp8) const VERTICAL_RIGHT: u8 = 5;
    pub(in crate::vp8) const LEFT_DOWN: u8 = 6;
    pub(in crate::vp8) const VERTICAL_LEFT: u8 = 7;
    pub(in crate::vp8) const HORIZONTAL_DOWN: u8 = 8;
    pub(in crate::vp8) const HORIZONTAL_UP: u8 = 9;
}

/// A macroblock, as it is read.
pub(super) struct Macroblock {
    pub(super) segment: usize,
    pub(super) skip: bool,
    /// Has each 4x4 block of brightness a mode of its own?
    pub(super) each: bool,
    /// Those, or the one of all.
    pub(super) modes: [u8; 16],
    pub(super) color_mode: u8,
    /// Sixteen coefficients of each block, times their quantizers: 16 blocks of brightness, 4 of each color.
    pub(super) coefficients: [[i16; 16]; 24],
    /// Two bits for each block of brightness, the first one's the highest: 0 without coefficients, 1 with the first one
    /// alone, 2 with up to three, 3 with more.
    pub(super) brightness: u32,
    /// The same of the colors, 8 bits each.
    pub(super) colors: u32,
}

/// What is known of the neighbors, above or to the left.
#[derive(Clone, Copy, Default)]
pub(super) struct Neighbor {
    /// Modes of the four blocks along the edge.
    modes: [u8; 4],
    /// Have these blocks coefficients: four of brightness, and two of each color, a bit each.
    blocks: u8,
    /// Has the block of first coefficients any?
    y2: u8,
}

impl Macroblock {
    pub(super) fn new() -> Self {
        Self {
            segment: 0,
            skip: false,
            each: false,
            modes: [0; 16],
            color_mode: 0,
            coefficients: [[0; 16]; 24],
            brightness: 0,
            colors: 0,
        }
    }

    /// Reads the modes.
    #[inline(never)]
    pub(super) fn read_modes(&mut self, header: &mut Header<'_>, above: &mut Neighbor, left: &mut Neighbor) {
        let mut bits = header.modes;
        self.segment = match header.segment_map {
            Some([first, low, high]) => match bits.bit(first) {
                false => usize::from(bits.bit(low)),
                true => 2 + usize::from(bits.bit(high)),
            },
            None => 0,
        };
        self.skip = header.skip.is_some_and(|probability| bits.bit(probability));
        self.each = !bits.bit(145);
        if self.each {
            for (y, left) in left.modes.iter_mut().enumerate() {
                for (x, above) in above.modes.iter_mut().enumerate() {
                    let mode = block_mode(&mut bits, &MODES[usize::from(*above)][usize::from(*left)]);
                    (*above, *left) = (mode, mode);
                    self.modes[4 * y + x] = mode;
                }
            }
        } else {
            let mode = match bits.bit(156) {
                true if bits.bit(128) => mode::TM,
                true => mode::HORIZONTAL,
                false if bits.bit(163) => mode::VERTICAL,
                false => mode::DC,
            };
            self.modes[0] = mode;
            (above.modes, left.modes) = ([mode; 4], [mode; 4]);
        }
        self.color_mode = match () {
            () if !bits.bit(142) => mode::DC,
            () if !bits.bit(114) => mode::VERTICAL,
            () if bits.bit(183) => mode::TM,
            () => mode::HORIZONTAL,
        };
        header.modes = bits;
    }

    /// Sets all coefficients to none.
    pub(super) fn skip_coefficients(&mut self, above: &mut Neighbor, left: &mut Neighbor) {
        (above.blocks, left.blocks) = (0, 0);
        if !self.each {
            (above.y2, left.y2) = (0, 0);
        }
        (self.brightness, self.colors) = (0, 0);
    }

    /// Reads the coefficients.
    #[inline(never)]
    pub(super) fn read_coefficients(
        &mut self,
        bits: &mut Bits<'_>,
        tokens: &[Positions; 4],
        quantizers: &Quantizers,
        above: &mut Neighbor,
        left: &mut Neighbor,
    ) {
        self.coefficients = [[0; 16]; 24];
        let (positions, first) = if self.each {
            (&tokens[3], 0)
        } else {
            let mut firsts = [0; 16];
            let count = block(bits, &tokens[1], above.y2 + left.y2, quantizers.y2, 0, &mut firsts);
            let has_any = u8::from(count > 0);
            (above.y2, left.y2) = (has_any, has_any);
            if count > 1 {
                walsh_hadamard(&firsts, &mut self.coefficients);
            } else {
                let first = ((i32::from(firsts[0]) + 3) >> 3) as i16;
                self.coefficients[..16].iter_mut().for_each(|block| block[0] = first);
            }
            (&tokens[0], 1)
        };

        // Bits are shifted out at the low end, where the next neighbor's is, and the block's own comes in at the high end.
        let (mut above_bits, mut left_bits) = (above.blocks & 15, left.blocks & 15);
        self.brightness = 0;
        for row in self.coefficients[..16].as_chunks_mut::<4>().0 {
            let mut before = left_bits & 1;
            for block in row {
                let context = before + (above_bits & 1);
                let count = self::block(bits, positions, context, quantizers.y, first, block);
                before = u8::from(count > first);
                above_bits = above_bits >> 1 | before << 3;
                self.brightness = self.brightness << 2 | extent(count, block[0]);
            }
            left_bits = left_bits >> 1 | before << 3;
        }
        let (mut above_colors, mut left_colors) = (above.blocks >> 4, left.blocks >> 4);
        self.colors = 0;
        for color in self.coefficients[16..].as_chunks_mut::<4>().0 {
            let (mut above_pair, mut left_pair) = (above_colors & 3, left_colors & 3);
            let mut extents = 0;
            for row in color.as_chunks_mut::<2>().0 {
                let mut before = left_pair & 1;
                for block in row {
                    let context = before + (above_pair & 1);
                    let count = self::block(bits, &tokens[2], context, quantizers.uv, 0, block);
                    before = u8::from(count > 0);
                    above_pair = above_pair >> 1 | before << 1;
                    extents = extents << 2 | extent(count, block[0]);
                }
                left_pair = left_pair >> 1 | before << 1;
            }
            // The second color's bits come above the first one's.
            self.colors = self.colors >> 8 | extents << 8;
            above_colors = above_colors >> 2 | above_pair << 2;
            left_colors = left_colors >> 2 | left_pair << 2;
        }
        above.blocks = above_bits | above_colors << 4;
        left.blocks = left_bits | left_colors << 4;
    }

    /// Are there any coefficients?
    pub(super) fn has_coefficients(&self) -> bool {
        self.brightness | self.colors != 0
    }
}

/// Probabilities of tokens at each position of a block.
type Positions = [[[u8; 11]; 3]; 17];

/// How much of a block there is, of its `count` coefficients up to the last.
#[inline(always)]
fn extent(count: usize, first: i16) -> u32 {
    match count {
        0 | 1 => u32::from(first != 0),
        2 | 3 => 2,
        _ => 3,
    }
}

fn block_mode(bits: &mut Bits<'_>, p: &[u8; 9]) -> u8 {
    match () {
        () if !bits.bit(p[0]) => mode::DC,
        () if !bits.bit(p[1]) => mode::TM,
        () if !bits.bit(p[2]) => mode::VERTICAL,
        () if !bits.bit(p[3]) => match () {
            () if !bits.bit(p[4]) => mode::HORIZONTAL,
            () if !bits.bit(p[5]) => mode::RIGHT_DOWN,
            () => mode::VERTICAL_RIGHT,
        },
        () if !bits.bit(p[6]) => mode::LEFT_DOWN,
        () if !bits.bit(p[7]) => mode::VERTICAL_LEFT,
        () if !bits.bit(p[8]) => mode::HORIZONTAL_DOWN,
        () => mode::HORIZONTAL_UP,
    }
}

/// Reads the coefficients of a block from the one at `first` on. Gives how many there are up to the last that is not 0.
///
/// A function of its own: in a larger one, the compilers of browsers run out of registers.
#[inline(never)]
fn block(
    partition: &mut Bits<'_>,
    positions: &Positions,
    context: u8,
    quantizers: [i16; 2],
    first: usize,
    out: &mut [i16; 16],
) -> usize {
    let mut bits = *partition;
    let count = coefficients(&mut bits, positions, context, quantizers, first, out);
    *partition = bits;
    count
}

#[inline(always)]
fn coefficients(
    bits: &mut Bits<'_>,
    positions: &Positions,
    context: u8,
    quantizers: [i16; 2],
    first: usize,
    out: &mut [i16; 16],
) -> usize {
    let mut at = first;
    let mut p = &positions[at][usize::from(context.min(2))];
    while at < 16 {
        if !bits.bit(p[0]) {
            return at;
        }
        while !bits.bit(p[1]) {
            at += 1;
            if at == 16 {
                return 16;
            }
            p = &positions[at][0];
        }
        let next = &positions[at + 1];
        let value = if bits.bit(p[2]) {
            let value = large(bits, p);
            p = &next[2];
            value
        } else {
            p = &next[1];
            1
        };
        let quantizer = quantizers[usize::from(at > 0)];
        // Sixteen bits are kept of what damage makes larger.
        out[usize::from(ZIGZAG[at] & 15)] = (bits.signed(value) * i32::from(quantizer)) as i16;
        at += 1;
    }
    16
}

/// A value of 2 or more.
#[inline(always)]
fn large(bits: &mut Bits<'_>, p: &[u8; 11]) -> i32 {
    if !bits.bit(p[3]) {
        if !bits.bit(p[4]) {
            return 2;
        }
        return 3 + bits.digit(p[5]);
    }
    if !bits.bit(p[6]) {
        if !bits.bit(p[7]) {
            return 5 + bits.digit(159);
        }
        return 7 + 2 * bits.digit(165) + bits.digit(145);
    }
    const EXTRA: [&[u8]; 4] = [
        &[173, 148, 140],
        &[176, 155, 140, 135],
        &[180, 157, 141, 134, 130],
        &[254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129],
    ];
    let high = bits.digit(p[8]) as usize;
    let category = 2 * high + bits.digit(p[9 + high]) as usize;
    let mut value = 0;
    for &probability in EXTRA[category] {
        value = 2 * value + bits.digit(probability);
    }
    value + 3 + (8 << category)
}
