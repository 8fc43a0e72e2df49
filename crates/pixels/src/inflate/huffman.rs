//! Tables that turn the next bits of a deflate stream into symbols.
//!
//! A table is indexed by the next bits, as many as its width, the first in the lowest place. An entry says all that there is
//! to know of a symbol, so that one look-up and a shift or two decode it:
//!
//! ```text
//! bits  0–7   how many bits the symbol takes, extra bits included
//! bits  8–11  how many of them are the code
//! bits 12–13  how many literals the entry stands for; 0: none
//! bit  14     neither literal nor length nor distance: the block's end, no code at all, or what the next bit says
//! bit  15     the code is longer than the table is wide: bits 16–31 are a place in the table of long codes
//! bits 16–31  the literals, the first one lowest; or the least length or distance; or 1 for the block's end
//! ```
//!
//! Two short literals in a row share an entry: of a photograph most are.

/// The longest code.
const MAX_BITS: usize = 15;
/// How wide the table of literals and lengths is, and that of distances.
pub(super) const LITERAL_BITS: usize = 12;
pub(super) const DISTANCE_BITS: usize = 9;

pub(super) const LITERALS: u32 = 3 << 12;
pub(super) const SPECIAL: u32 = 1 << 14;
pub(super) const LONG: u32 = 1 << 15;
/// The value of the entry that ends a block.
pub(super) const END: u32 = 1;

/// Least length and number of extra bits of the symbols from 257 on (RFC 1951, 3.2.5).
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// A code that no table can be made of: too many codes of a length, or too few.
pub(super) struct Impossible;

/// What a symbol of an alphabet stands for: the entry's upper half, how many extra bits there are, and flags.
struct Meaning {
    value: u32,
    extra: u32,
    flags: u32,
}

const NO_CODE: u32 = SPECIAL | 1 | 1 << 8;

fn literal_or_length(symbol: usize) -> Meaning {
    match symbol {
        0..256 => Meaning { value: symbol as u32, extra: 0, flags: 1 << 12 },
        256 => Meaning { value: END, extra: 0, flags: SPECIAL },
        _ => match LENGTHS.get(symbol - 257) {
            Some(&(least, extra)) => Meaning { value: u32::from(least), extra: u32::from(extra), flags: 0 },
            None => Meaning { value: 0, extra: 0, flags: SPECIAL },
        },
    }
}

fn distance(symbol: usize) -> Meaning {
    match symbol {
        0..4 => Meaning { value: symbol as u32 + 1, extra: 0, flags: 0 },
        4..30 => {
            let extra = symbol as u32 / 2 - 1;
            Meaning { value: ((2 + symbol as u32 % 2) << extra) + 1, extra, flags: 0 }
        }
        _ => Meaning { value: 0, extra: 0, flags: SPECIAL },
    }
}

fn plain(symbol: usize) -> Meaning {
    Meaning { value: symbol as u32, extra: 0, flags: 0 }
}

/// A table of `SIZE` entries, and a second one for codes that are longer than the first is wide.
pub(super) struct Table<const SIZE: usize, const LONG_SIZE: usize> {
    pub(super) entries: [u32; SIZE],
    pub(super) long: [u32; LONG_SIZE],
}

/// Each prefix of long codes has at least two of them, and so the 286 symbols, of which two have no codes, at most 143 times
/// 8 entries, and the 30 distances 15 times 64.
pub(super) type LiteralTable = Table<{ 1 << LITERAL_BITS }, 2048>;
pub(super) type DistanceTable = Table<{ 1 << DISTANCE_BITS }, 1024>;
/// Of the codes in which the lengths of other codes are written, none of which is longer than 7 bits.
pub(super) type LengthTable = Table<{ 1 << 7 }, 1>;

impl<const SIZE: usize, const LONG_SIZE: usize> Table<SIZE, LONG_SIZE> {
    pub(super) const fn new() -> Self {
        Self { entries: [0; SIZE], long: [0; LONG_SIZE] }
    }

    /// The entry of the symbol that `bits` begin with, in a table that is `width` bits wide. Its bits may not all be there.
    pub(super) fn entry(&self, bits: u64, width: usize) -> u32 {
        let entry = self.entries[bits as usize & (SIZE - 1)];
        if entry & LONG != 0 { self.long_entry(entry, bits, width) } else { entry }
    }

    /// The same, where the entry in the table itself says that the code is longer.
    #[inline(always)]
    pub(super) fn long_entry(&self, entry: u32, bits: u64, width: usize) -> u32 {
        let more = (bits >> width) as usize & ((1 << (MAX_BITS - width)) - 1);
        self.long[((entry >> 16) as usize + more) & (LONG_SIZE - 1)]
    }

    /// Fills the table for codes of these lengths, 0 for a symbol that has none; with pairs of literals, if they are wanted.
    /// Returns of how many bits it is then.
    fn fill(
        &mut self,
        lengths: &[u8],
        may_be_incomplete: bool,
        pairs: bool,
        meaning: fn(usize) -> Meaning,
    ) -> Result<usize, Impossible> {
        let width = SIZE.trailing_zeros() as usize;
        let mut counts = [0usize; MAX_BITS + 1];
        lengths.iter().for_each(|&length| counts[usize::from(length) & MAX_BITS] += 1);
        let longest = (1..=MAX_BITS).rev().find(|&length| counts[length] > 0).unwrap_or(0);
        // How many codes of a length are still free.
        let mut free = 1i32;
        for &count in &counts[1..] {
            free = free * 2 - count as i32;
            if free < 0 {
                return Err(Impossible);
            }
        }
        // As zlib has it: one code of one bit may stand alone, and there may be none.
        if free > 0 && !(may_be_incomplete && longest <= 1) {
            return Err(Impossible);
        }
        if longest <= 1 && free > 0 {
            self.entries.fill(NO_CODE);
        }
        if longest == 0 {
            return Ok(width);
        }

        // Symbols by length, in their own order.
        let mut starts = [0usize; MAX_BITS + 2];
        for length in 1..=MAX_BITS {
            starts[length + 1] = starts[length] + counts[length];
        }
        let mut sorted = [0u16; 288];
        let mut next = starts;
        for (symbol, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let place = &mut next[usize::from(length) & MAX_BITS];
            sorted[*place] = symbol as u16;
            *place += 1;
        }

        let entry = |symbol: u16, length: usize| {
            let Meaning { value, extra, flags } = meaning(usize::from(symbol));
            value << 16 | flags | (length as u32) << 8 | (length as u32 + extra)
        };
        // The code, its first bit lowest.
        let mut code = 0usize;
        let mut filled = 1usize;
        // Long codes that share a prefix follow each other.
        let (mut last_prefix, mut start, mut long_used) = (usize::MAX, 0, 0);
        let part = 1 << (MAX_BITS - width);
        let mut codes = [0u16; 288];
        for length in 1..=longest {
            if length <= width {
                // A table that is one bit wider holds all that it held twice.
                self.entries.copy_within(..filled, filled);
                filled *= 2;
            }
            for &symbol in &sorted[starts[length]..starts[length] + counts[length]] {
                if length <= width {
                    self.entries[code] = entry(symbol, length);
                } else {
                    let prefix = code & (SIZE - 1);
                    if prefix != last_prefix {
                        (last_prefix, start) = (prefix, long_used);
                        long_used += part;
                        self.entries[prefix] = SPECIAL | LONG | (start as u32) << 16;
                    }
                    let value = entry(symbol, length);
                    let places = self.long.get_mut(start..start + part).ok_or(Impossible)?;
                    places[code >> width..].iter_mut().step_by(1 << (length - width)).for_each(|place| *place = value);
                }
                codes[usize::from(symbol)] = code as u16;
                code = next_code(code, length);
            }
            if pairs && length <= width {
                for first in 1..length {
                    let of_length = |length: usize| &sorted[starts[length]..starts[length] + counts[length]];
                    self.pair(of_length(first), first, of_length(length - first), length, &codes);
                }
            }
        }
        Ok(filled.trailing_zeros() as usize)
    }

    /// Enters each literal of `firsts`, whose codes are of `length` bits, followed by each of `seconds`; together they take `both`.
    fn pair(&mut self, firsts: &[u16], length: usize, seconds: &[u16], both: usize, codes: &[u16; 288]) {
        // Literals are the lowest symbols.
        let literals = |symbols: &[u16]| symbols.partition_point(|&symbol| symbol < 256);
        for &first in &firsts[..literals(firsts)] {
            let entry = u32::from(first) << 16 | 2 << 12 | (length as u32) << 8 | both as u32;
            for &second in &seconds[..literals(seconds)] {
                let place = usize::from(codes[usize::from(first)]) | usize::from(codes[usize::from(second)]) << length;
                self.entries[place & (SIZE - 1)] = entry | u32::from(second) << 24;
            }
        }
    }

    /// Repeats the first `1 << bits` entries up to the table's end.
    fn repeat(&mut self, bits: usize) {
        let mut filled = 1usize << bits;
        while filled < SIZE {
            self.entries.copy_within(..filled, filled);
            filled *= 2;
        }
    }
}

/// The code after `code`, both with their first bit lowest: one is added at the other end.
fn next_code(code: usize, length: usize) -> usize {
    let mut bit = 1 << (length - 1);
    while code & bit != 0 {
        bit >>= 1;
    }
    if bit == 0 { 0 } else { code & (bit - 1) | bit }
}

impl LiteralTable {
    pub(super) fn of(&mut self, lengths: &[u8]) -> Result<(), Impossible> {
        let bits = self.fill(lengths, true, true, literal_or_length)?;
        self.repeat(bits);
        Ok(())
    }
}

impl DistanceTable {
    pub(super) fn of(&mut self, lengths: &[u8]) -> Result<(), Impossible> {
        let bits = self.fill(lengths, true, false, distance)?;
        self.repeat(bits);
        Ok(())
    }
}

impl LengthTable {
    pub(super) fn of(&mut self, lengths: &[u8; 19]) -> Result<(), Impossible> {
        let bits = self.fill(lengths, false, false, plain)?;
        self.repeat(bits);
        Ok(())
    }
}
