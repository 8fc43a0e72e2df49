//! What a frame begins with: segments, filters, partitions, quantizers and probabilities (RFC 6386, section 9).

use super::bits::Bits;
use super::tables::{AC, BANDS, DC, Probabilities, TOKEN_UPDATES, TOKENS};
use crate::{Error, Result};

/// Bytes before the first partition.
const BEFORE: usize = 10;

/// A frame's header, and its partitions.
pub(crate) struct Header<'a> {
    /// Macroblocks.
    pub(super) wide: usize,
    pub(super) high: usize,
    /// The modes of the macroblocks.
    pub(super) modes: Bits<'a>,
    /// Their coefficients: rows of macroblocks in turn.
    pub(super) partitions: Vec<Bits<'a>>,
    /// Probabilities of a macroblock's segment, where they differ between macroblocks.
    pub(super) segment_map: Option<[u8; 3]>,
    pub(super) quantizers: [Quantizers; 4],
    pub(super) filter: FilterKind,
    /// By segment, and by whether a macroblock has a mode for each 4x4 block.
    pub(super) strengths: [[Strength; 2]; 4],
    /// The probability that a macroblock has coefficients, where some have none.
    pub(super) skip: Option<u8>,
    /// By kind of block and position in it; the last one is never used.
    pub(super) tokens: Box<[[[[u8; 11]; 3]; 17]; 4]>,
}

/// Factors for the first coefficient, and for the others.
#[derive(Clone, Copy, Default)]
pub(super) struct Quantizers {
    pub(super) y: [i16; 2],
    pub(super) y2: [i16; 2],
    pub(super) uv: [i16; 2],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FilterKind {
    None,
    Simple,
    Normal,
}

/// How strongly the edges of a macroblock are smoothed.
#[derive(Clone, Copy, Default)]
pub(super) struct Strength {
    /// Of the edges within; 0 for none at all.
    pub(super) limit: u8,
    pub(super) inner_limit: u8,
    pub(super) high_variance: u8,
    /// Are the edges within filtered?
    pub(super) inner: bool,
}

/// What differs between segments.
#[derive(Default)]
struct Segments {
    used: bool,
    relative: bool,
    quantizers: [i32; 4],
    strengths: [i32; 4],
}

impl<'a> Header<'a> {
    /// Of `data`, which have been looked at already: they begin with a key frame's bytes.
    pub(crate) fn read(data: &'a [u8], width: usize, height: usize) -> Result<Self> {
        let [a, b, c, ..] = *data else { return Err(Error::cut_short("a frame without a header")) };
        let length = (u32::from_le_bytes([a, b, c, 0]) >> 5) as usize;
        let rest = data.get(BEFORE..).unwrap_or_default();
        let (Some(first), Some(rest)) = (rest.get(..length), rest.get(length..)) else {
            let what = format!("the first partition has {length} bytes, of which there are {}", rest.len());
            return Err(Error::cut_short(what));
        };
        let mut bits = Bits::new(first);
        // The kind of color, and whether values have to be clamped: they always are.
        bits.number(2);
        let mut segments = Segments::default();
        let segment_map = segments.read(&mut bits);
        if bits.ended() {
            return Err(Error::broken("the segments' header does not fit"));
        }
        let (filter, strengths) = read_filter(&mut bits, &segments);
        if bits.ended() {
            return Err(Error::broken("the filters' header does not fit"));
        }
        let partitions = split(rest, bits.number(2))?;
        let quantizers = read_quantizers(&mut bits, &segments);
        // Whether the probabilities are for this frame alone: there is no other.
        bits.flag();
        let tokens = read_tokens(&mut bits);
        let skip = bits.flag().then(|| bits.number(8) as u8);
        let (wide, high) = (width.div_ceil(16), height.div_ceil(16));
        let modes = bits;
        Ok(Self { wide, high, modes, partitions, segment_map, quantizers, filter, strengths, skip, tokens })
    }
}

impl Segments {
    /// Gives the probabilities of the map, if there is one.
    fn read(&mut self, bits: &mut Bits<'_>) -> Option<[u8; 3]> {
        self.used = bits.flag();
        if !self.used {
            return None;
        }
        let has_map = bits.flag();
        if bits.flag() {
            self.relative = !bits.flag();
            self.quantizers = [(); 4].map(|()| bits.optional_number(7).unwrap_or(0));
            self.strengths = [(); 4].map(|()| bits.optional_number(6).unwrap_or(0));
        }
        has_map.then(|| [(); 3].map(|()| if bits.flag() { bits.number(8) as u8 } else { 255 }))
    }

    /// A segment's value, which may be relative to the frame's.
    fn value(&self, values: &[i32; 4], segment: usize, frame: i32) -> i32 {
        match (self.used, self.relative) {
            (false, _) => frame,
            (true, false) => values[segment],
            (true, true) => values[segment] + frame,
        }
    }
}

fn read_filter(bits: &mut Bits<'_>, segments: &Segments) -> (FilterKind, [[Strength; 2]; 4]) {
    let simple = bits.flag();
    let level = bits.number(6) as i32;
    let sharpness = bits.number(3) as i32;
    // Of the kinds of frames and modes that there are, one each is of use here: key frames, and a mode a block.
    let (mut key_frame, mut mode_each) = (0, 0);
    let has_deltas = bits.flag();
    if has_deltas && bits.flag() {
        for i in 0..4 {
            let delta = bits.optional_number(6);
            key_frame = if i == 0 { delta.unwrap_or(0) } else { key_frame };
        }
        for i in 0..4 {
            let delta = bits.optional_number(6);
            mode_each = if i == 0 { delta.unwrap_or(0) } else { mode_each };
        }
    }
    let kind = match (level, simple) {
        (0, _) => FilterKind::None,
        (_, true) => FilterKind::Simple,
        (_, false) => FilterKind::Normal,
    };
    let mut strengths = [[Strength::default(); 2]; 4];
    for (segment, pair) in strengths.iter_mut().enumerate() {
        let level = segments.value(&segments.strengths, segment, level) + key_frame;
        *pair = [Strength::new(level, sharpness, false), Strength::new(level + mode_each, sharpness, true)];
    }
    (kind, strengths)
}

impl Strength {
    fn new(level: i32, sharpness: i32, inner: bool) -> Self {
        let level = level.clamp(0, 63);
        if level == 0 {
            return Self { inner, ..Self::default() };
        }
        let limit = match sharpness {
            0 => level,
            1..=4 => (level >> 1).min(9 - sharpness),
            _ => (level >> 2).min(9 - sharpness),
        };
        let inner_limit = limit.max(1);
        let high_variance = u8::from(level >= 15) + u8::from(level >= 40);
        Self { limit: (2 * level + inner_limit) as u8, inner_limit: inner_limit as u8, high_variance, inner }
    }
}

/// 2^`log` partitions: the lengths of all but the last come first. One that is too long is cut.
fn split(data: &[u8], log: u32) -> Result<Vec<Bits<'_>>> {
    let last = (1 << log) - 1;
    let Some((lengths, mut rest)) = data.split_at_checked(3 * last) else {
        return Err(Error::cut_short("it ends in the partitions' lengths"));
    };
    let mut partitions = Vec::with_capacity(last + 1);
    for length in lengths.as_chunks::<3>().0 {
        let length = u32::from_le_bytes([length[0], length[1], length[2], 0]) as usize;
        let (partition, after) = rest.split_at(length.min(rest.len()));
        partitions.push(Bits::new(partition));
        rest = after;
    }
    if rest.is_empty() {
        return Err(Error::cut_short("it ends before the last partition"));
    }
    partitions.push(Bits::new(rest));
    Ok(partitions)
}

fn read_quantizers(bits: &mut Bits<'_>, segments: &Segments) -> [Quantizers; 4] {
    let base = bits.number(7) as i32;
    let [y_dc, y2_dc, y2_ac, uv_dc, uv_ac] = [(); 5].map(|()| bits.optional_number(4).unwrap_or(0));
    let mut quantizers = [Quantizers::default(); 4];
    for (segment, quantizers) in quantizers.iter_mut().enumerate() {
        let base = segments.value(&segments.quantizers, segment, base);
        let dc = |delta: i32, most: i32| DC[(base + delta).clamp(0, most) as usize];
        let ac = |delta: i32| AC[(base + delta).clamp(0, 127) as usize];
        quantizers.y = [dc(y_dc, 127), ac(0)];
        quantizers.y2 = [dc(y2_dc, 127) * 2, ((i32::from(ac(y2_ac)) * 155 / 100) as i16).max(8)];
        quantizers.uv = [dc(uv_dc, 117), ac(uv_ac)];
    }
    quantizers
}

fn read_tokens(bits: &mut Bits<'_>) -> Box<[[[[u8; 11]; 3]; 17]; 4]> {
    let mut bands: Probabilities = TOKENS;
    for (bands, updates) in bands.iter_mut().flatten().flatten().zip(TOKEN_UPDATES.iter().flatten().flatten()) {
        for (probability, &update) in bands.iter_mut().zip(updates) {
            if bits.bit(update) {
                *probability = bits.number(8) as u8;
            }
        }
    }
    let mut tokens = Box::new([[[[0; 11]; 3]; 17]; 4]);
    for (tokens, bands) in tokens.iter_mut().zip(&bands) {
        for (position, &band) in tokens.iter_mut().zip(&BANDS) {
            *position = bands[band];
        }
    }
    tokens
}
