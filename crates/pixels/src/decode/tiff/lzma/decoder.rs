//! The LZMA of an LZMA2 chunk, after the specification in the LZMA SDK (<https://www.7-zip.org/sdk.html>, `lzma.txt`).

/// What has been unpacked, and where more goes.
pub(super) struct Window<'a> {
    /// It ends where the chunk does.
    pub(super) out: &'a mut [u8],
    /// Nothing before this is looked back at.
    pub(super) start: usize,
    pub(super) at: usize,
}

impl Window<'_> {
    fn byte_back(&self, distance: usize) -> Option<u8> {
        self.at.checked_sub(distance).filter(|&at| at >= self.start).and_then(|at| self.out.get(at).copied())
    }

    fn push(&mut self, byte: u8) {
        self.out[self.at] = byte;
        self.at += 1;
    }

    fn repeat(&mut self, distance: usize, length: usize) -> Option<()> {
        let from = self.at.checked_sub(distance).filter(|&from| from >= self.start && distance > 0)?;
        let length = length.min(self.out.len() - self.at);
        if distance >= length {
            self.out.copy_within(from..from + length, self.at);
        } else {
            for index in 0..length {
                self.out[self.at + index] = self.out[from + index];
            }
        }
        self.at += length;
        Some(())
    }
}

/// An even chance.
const EVEN: u16 = 1 << 10;

/// The range coder: bits of which each comes with a chance.
struct Coder<'a> {
    input: &'a [u8],
    at: usize,
    range: u32,
    code: u32,
}

impl<'a> Coder<'a> {
    fn new(input: &'a [u8]) -> Option<Self> {
        let code = u32::from_be_bytes(*input.get(1..)?.first_chunk()?);
        (input[0] == 0).then_some(Self { input, at: 5, range: u32::MAX, code })
    }

    #[inline]
    fn refill(&mut self) -> Option<()> {
        if self.range < 1 << 24 {
            self.range <<= 8;
            self.code = self.code << 8 | u32::from(*self.input.get(self.at)?);
            self.at += 1;
        }
        Some(())
    }

    #[inline]
    fn bit(&mut self, chance: &mut u16) -> Option<bool> {
        self.refill()?;
        let bound = (self.range >> 11) * u32::from(*chance);
        if self.code < bound {
            self.range = bound;
            *chance += (2048 - *chance) >> 5;
            Some(false)
        } else {
            self.range -= bound;
            self.code -= bound;
            *chance -= *chance >> 5;
            Some(true)
        }
    }

    /// Bits of even chance.
    fn direct(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            self.refill()?;
            self.range >>= 1;
            let one = self.code >= self.range;
            if one {
                self.code -= self.range;
            }
            value = value << 1 | u32::from(one);
        }
        Some(value)
    }

    /// A number of `width` bits, the highest first, each with a chance that depends on those before.
    fn tree(&mut self, chances: &mut [u16], width: u32) -> Option<usize> {
        let mut node = 1;
        for _ in 0..width {
            node = node << 1 | usize::from(self.bit(&mut chances[node])?);
        }
        Some(node - (1 << width))
    }

    /// The same, the lowest bit first.
    fn tree_reversed(&mut self, chances: &mut [u16], width: u32) -> Option<usize> {
        let (mut node, mut value) = (1, 0);
        for place in 0..width {
            let bit = usize::from(self.bit(&mut chances[node])?);
            node = node << 1 | bit;
            value |= bit << place;
        }
        Some(value)
    }
}

/// The chances of a match's length.
struct Lengths {
    choice: [u16; 2],
    low: [[u16; 8]; 16],
    middle: [[u16; 8]; 16],
    high: [u16; 256],
}

impl Lengths {
    const NEW: Self = Self { choice: [EVEN; 2], low: [[EVEN; 8]; 16], middle: [[EVEN; 8]; 16], high: [EVEN; 256] };

    fn decode(&mut self, coder: &mut Coder<'_>, place: usize) -> Option<usize> {
        if !coder.bit(&mut self.choice[0])? {
            Some(2 + coder.tree(&mut self.low[place], 3)?)
        } else if !coder.bit(&mut self.choice[1])? {
            Some(10 + coder.tree(&mut self.middle[place], 3)?)
        } else {
            Some(18 + coder.tree(&mut self.high, 8)?)
        }
    }
}

/// All chances.
struct Chances {
    is_match: [[u16; 16]; 12],
    is_repeat: [u16; 12],
    is_repeat0: [u16; 12],
    is_repeat1: [u16; 12],
    is_repeat2: [u16; 12],
    is_long: [[u16; 16]; 12],
    slots: [[u16; 64]; 4],
    distances: [u16; 128],
    aligned: [u16; 16],
    matches: Lengths,
    repeats: Lengths,
    literals: Vec<[u16; 0x300]>,
}

/// A decoder, whose state goes on from chunk to chunk.
pub(super) struct Decoder {
    chances: Chances,
    /// How many of the last byte's high bits count for a literal, and of the place's low bits for it and for a match.
    literal_context: u32,
    literal_mask: usize,
    place_mask: usize,
    state: usize,
    repeats: [usize; 4],
}

impl Chances {
    fn new() -> Self {
        Self {
            is_match: [[EVEN; 16]; 12],
            is_repeat: [EVEN; 12],
            is_repeat0: [EVEN; 12],
            is_repeat1: [EVEN; 12],
            is_repeat2: [EVEN; 12],
            is_long: [[EVEN; 16]; 12],
            slots: [[EVEN; 64]; 4],
            distances: [EVEN; 128],
            aligned: [EVEN; 16],
            matches: Lengths::NEW,
            repeats: Lengths::NEW,
            literals: Vec::new(),
        }
    }
}

impl Decoder {
    /// For the properties that `code` stands for.
    pub(super) fn new(code: u8) -> Option<Self> {
        let chances = Chances::new();
        let mut decoder =
            Self { chances, literal_context: 0, literal_mask: 0, place_mask: 0, state: 0, repeats: [1; 4] };
        decoder.restart(code)?;
        Some(decoder)
    }

    /// Begins anew, with other properties, in the memory that there is.
    pub(super) fn restart(&mut self, code: u8) -> Option<()> {
        let (literal_context, rest) = (u32::from(code % 9), code / 9);
        let (literal_place, place) = (u32::from(rest % 5), u32::from(rest / 5));
        if place > 4 || literal_context + literal_place > 4 {
            return None;
        }
        self.literal_context = literal_context;
        self.literal_mask = (1 << literal_place) - 1;
        self.place_mask = (1 << place) - 1;
        self.chances.literals.resize(1 << (literal_context + literal_place), [EVEN; 0x300]);
        self.reset();
        Some(())
    }

    /// Forgets what it learned.
    pub(super) fn reset(&mut self) {
        let mut literals = std::mem::take(&mut self.chances.literals);
        literals.iter_mut().for_each(|all| all.fill(EVEN));
        self.chances = Chances { literals, ..Chances::new() };
        (self.state, self.repeats) = (0, [1; 4]);
    }

    /// Fills the window. `None` for what is broken.
    pub(super) fn decode(&mut self, input: &[u8], window: &mut Window<'_>) -> Option<()> {
        let coder = &mut Coder::new(input)?;
        while window.at < window.out.len() {
            let place = (window.at - window.start) & self.place_mask;
            let state = self.state;
            if !coder.bit(&mut self.chances.is_match[state][place])? {
                self.literal(coder, window)?;
                continue;
            }
            let length = if coder.bit(&mut self.chances.is_repeat[state])? {
                if !coder.bit(&mut self.chances.is_repeat0[state])? {
                    if !coder.bit(&mut self.chances.is_long[state][place])? {
                        self.state = if state < 7 { 9 } else { 11 };
                        window.repeat(self.repeats[0], 1)?;
                        continue;
                    }
                } else {
                    let which = match coder.bit(&mut self.chances.is_repeat1[state])? {
                        false => 1,
                        true => 2 + usize::from(coder.bit(&mut self.chances.is_repeat2[state])?),
                    };
                    self.repeats[..=which].rotate_right(1);
                }
                self.state = if state < 7 { 8 } else { 11 };
                self.chances.repeats.decode(coder, place)?
            } else {
                self.state = if state < 7 { 7 } else { 10 };
                let length = self.chances.matches.decode(coder, place)?;
                self.repeats.rotate_right(1);
                self.repeats[0] = self.distance(coder, length)?;
                length
            };
            window.repeat(self.repeats[0], length)?;
        }
        Some(())
    }

    fn literal(&mut self, coder: &mut Coder<'_>, window: &mut Window<'_>) -> Option<()> {
        let before = if window.at > window.start { window.out[window.at - 1] } else { 0 };
        let place = (window.at - window.start) & self.literal_mask;
        let context = (place << self.literal_context) + (usize::from(before) >> (8 - self.literal_context));
        let chances = &mut self.chances.literals[context];
        let mut symbol = 1;
        if self.state >= 7 {
            let mut byte = usize::from(window.byte_back(self.repeats[0])?);
            while symbol < 0x100 {
                let expected = byte >> 7 & 1;
                byte <<= 1;
                let bit = usize::from(coder.bit(&mut chances[((1 + expected) << 8) + symbol])?);
                symbol = symbol << 1 | bit;
                if bit != expected {
                    break;
                }
            }
        }
        while symbol < 0x100 {
            symbol = symbol << 1 | usize::from(coder.bit(&mut chances[symbol])?);
        }
        window.push(symbol as u8);
        self.state = match self.state {
            0..4 => 0,
            4..10 => self.state - 3,
            _ => self.state - 6,
        };
        Some(())
    }

    /// How far back a match of `length` lies.
    fn distance(&mut self, coder: &mut Coder<'_>, length: usize) -> Option<usize> {
        let slot = coder.tree(&mut self.chances.slots[(length - 2).min(3)], 6)?;
        if slot < 4 {
            return Some(slot + 1);
        }
        let bits = (slot / 2 - 1) as u32;
        let base = (2 | slot & 1) << bits;
        if slot < 14 {
            let chances = &mut self.chances.distances[base - slot..];
            return Some(base + coder.tree_reversed(chances, bits)? + 1);
        }
        let high = coder.direct(bits - 4)? as usize;
        let low = coder.tree_reversed(&mut self.chances.aligned, 4)?;
        // 2^32 is the mark of an end, which LZMA2 does not have.
        base.checked_add(high << 4)?.checked_add(low)?.checked_add(1)
    }
}
