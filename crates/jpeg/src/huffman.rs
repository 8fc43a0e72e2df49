//! Huffman codes, and the tables that decode them.
//!
//! A [`Table`] answers with one look at the next [`LOOKAHEAD`] bits: where a whole code *and* the bits of the value
//! that follow it fit into them, the entry holds the finished value; else the symbol; else, for the rare long code,
//! nothing, and the code is found by its length (ITU-T T.81, F.2.2.3; libjpeg-turbo's `jdhuff.c`).

use std::cell::OnceCell;
use std::rc::Rc;

use crate::bits::{Bits, Window};
use crate::{Error, Result};

/// Bits that are looked up at once.
const LOOKAHEAD: u32 = 10;

/// A Huffman code as a file defines it.
pub(crate) struct Code {
    /// How many codes there are of each length, from 1 bit.
    counts: [u8; 16],
    symbols: [u8; 256],
    total: usize,
    /// Its tables, one a [`Kind`]: made once, for whatever number of scans and pictures it serves.
    tables: [OnceCell<Rc<Table>>; 4],
}

impl Code {
    /// `counts` of 16 lengths; None for more than 256 symbols.
    pub(crate) fn new(counts: &[u8], symbols: &[u8]) -> Option<Self> {
        let (counts, tables) = (*counts.first_chunk()?, Default::default());
        let mut code = Self { counts, symbols: [0; 256], total: symbols.len(), tables };
        code.symbols.get_mut(..symbols.len())?.copy_from_slice(symbols);
        Some(code)
    }

    /// Its table for what is coded with it.
    pub(crate) fn table(&self, kind: Kind) -> Result<Rc<Table>> {
        let known = &self.tables[kind as usize];
        if let Some(table) = known.get() {
            return Ok(table.clone());
        }
        let table = Rc::new(Table::new(self, kind)?);
        Ok(known.get_or_init(|| table).clone())
    }

    /// The codes of ITU-T T.81, K.3, which Motion JPEG leaves out: those of DC or AC coefficients, for luminance or
    /// chrominance.
    pub(crate) fn standard(kind: Kind, chrominance: bool) -> Option<Self> {
        const DC: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        // The symbols with short codes; all others follow in numerical order.
        const LUMINANCE: &[u8] = b"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\
            \x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0\x24\x33\x62\x72\x82";
        const CHROMINANCE: &[u8] = b"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\
            \x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1";
        let (dc_counts, ac_counts, short) = if chrominance {
            (
                [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
                [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
                CHROMINANCE,
            )
        } else {
            (
                [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
                [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
                LUMINANCE,
            )
        };
        let all = (0..16u8).flat_map(|run| (1..=10).map(move |size| run << 4 | size));
        let mut ac = short.to_vec();
        ac.extend(all.filter(|symbol| !short.contains(symbol)));
        if kind.is_dc() { Self::new(&dc_counts, &DC) } else { Self::new(&ac_counts, &ac) }
    }
}

/// What the next bits say, packed: see the functions.
#[derive(Clone, Copy, Default)]
struct Entry(u32);

impl Entry {
    const VALUE: u32 = 1 << 7;

    fn value(bits: u32, run: u8, value: i16) -> Self {
        Self(bits | Self::VALUE | u32::from(run) << 8 | u32::from(value as u16) << 16)
    }

    fn symbol(bits: u32, symbol: u8) -> Self {
        Self(bits | u32::from(symbol) << 8)
    }

    /// Does the entry hold a finished value?
    #[inline(always)]
    fn has_value(self) -> bool {
        self.0 & Self::VALUE != 0
    }

    /// How many bits are used up: 0 where the code is longer than the look-ahead.
    #[inline(always)]
    fn bits(self) -> u32 {
        self.0 & 31
    }

    /// The zeros before the value.
    #[inline(always)]
    fn run(self) -> usize {
        (self.0 >> 8 & 15) as usize
    }

    /// The value.
    #[inline(always)]
    fn get(self) -> i16 {
        (self.0 >> 16) as i16
    }

    /// The symbol of an entry without value.
    #[inline(always)]
    fn get_symbol(self) -> u8 {
        (self.0 >> 8) as u8
    }
}

/// What is coded with a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Differences of DC coefficients.
    Dc,
    /// AC coefficients of baseline scans.
    Ac,
    /// Those of progressive scans, where symbols mean more than a run and a size: entries hold no values.
    AcBand,
    /// Differences of samples, modulo 2^16.
    Lossless,
}

impl Kind {
    /// Is it coded with the tables of DC coefficients?
    pub(crate) fn is_dc(self) -> bool {
        matches!(self, Self::Dc | Self::Lossless)
    }
}

/// What a code of a baseline scan's AC coefficients says.
pub(crate) enum Ac {
    /// As many zeros, then this value.
    Value(usize, i16),
    /// Just zeros.
    SixteenZeros,
    /// All further coefficients are zeros.
    EndOfBlock,
}

/// A Huffman code made ready to be decoded.
pub(crate) struct Table {
    lookup: [Entry; 1 << LOOKAHEAD],
    /// The greatest code of each length, −1 where there is none; beyond 16 bits anything ends the search.
    greatest: [i32; 18],
    /// What to add to a code of each length for its place in `symbols`.
    offset: [i32; 18],
    symbols: [u8; 256],
}

impl Table {
    /// The table of `code` for what is coded with it.
    pub(crate) fn new(code: &Code, kind: Kind) -> Result<Self> {
        let mut table = Self {
            lookup: [Entry::default(); 1 << LOOKAHEAD],
            greatest: [-1; 18],
            offset: [0; 18],
            symbols: code.symbols,
        };
        table.greatest[17] = i32::MAX;
        let most = if kind == Kind::Lossless { 16 } else { 15 };
        if kind.is_dc() && code.symbols[..code.total].iter().any(|&symbol| symbol > most) {
            return Err(Error::broken(format!("a Huffman table of differences over {most} bits")));
        }
        let (mut next, mut place) = (0i32, 0usize);
        for length in 1..=16u32 {
            let count = usize::from(code.counts[length as usize - 1]);
            if count > 0 {
                table.offset[length as usize] = place as i32 - next;
                for &symbol in &code.symbols[place..place + count] {
                    // Checked first: what does not fit must not be written either.
                    if next >= 1 << length {
                        break;
                    }
                    table.enter(next as usize, length, symbol, kind);
                    next += 1;
                }
                place += count;
                table.greatest[length as usize] = next - 1;
            }
            // No code may be all ones: each has to leave room for a longer one.
            if count > 0 && next >= 1 << length {
                return Err(Error::broken("a Huffman table that is no prefix code"));
            }
            next <<= 1;
        }
        Ok(table)
    }

    /// Writes the entries for all bits that begin with `code`.
    fn enter(&mut self, code: usize, length: u32, symbol: u8, kind: Kind) {
        let Some(spare) = LOOKAHEAD.checked_sub(length) else {
            return;
        };
        let (run, size) = (symbol >> 4, u32::from(symbol & 15));
        let has_value = match kind {
            Kind::Dc => true,
            // 2^15 alone has 16 bits, and none of them is written.
            Kind::Lossless => symbol != 16,
            Kind::Ac => size > 0,
            Kind::AcBand => false,
        };
        let first = code << spare;
        for (rest, entry) in self.lookup[first..first + (1 << spare)].iter_mut().enumerate() {
            *entry = if has_value && size <= spare {
                Entry::value(length + size, run, extend((rest >> (spare - size)) as u32, size) as i16)
            } else {
                Entry::symbol(length, symbol)
            };
        }
    }

    #[inline(always)]
    fn entry(&self, window: Window) -> Entry {
        self.lookup[(window.peek() >> (64 - LOOKAHEAD)) as usize]
    }

    /// The symbol that `entry` or, where it has none, the window begins with; moves on past its code.
    #[inline(always)]
    fn symbol_of(&self, entry: Entry, window: &mut Window) -> u8 {
        let (symbol, bits) = match entry.bits() {
            0 => self.long(window.peek()),
            bits => (entry.get_symbol(), bits),
        };
        window.skip(bits);
        symbol
    }

    /// Decodes the next symbol, of a table without values.
    #[inline(always)]
    pub(crate) fn symbol(&self, bits: &mut Bits<'_, '_>) -> u8 {
        bits.refill();
        self.symbol_of(self.entry(bits.window), &mut bits.window)
    }

    /// Decodes the next difference of DC coefficients.
    #[inline(always)]
    pub(crate) fn difference(&self, bits: &mut Bits<'_, '_>) -> i32 {
        bits.refill();
        let entry = self.entry(bits.window);
        if entry.has_value() {
            bits.window.skip(entry.bits());
            return i32::from(entry.get());
        }
        let size = u32::from(self.symbol_of(entry, &mut bits.window) & 15);
        extend(bits.take(size), size)
    }

    /// Decodes the next difference of samples (T.81, H.1.2.2).
    #[inline(always)]
    pub(crate) fn wrapping_difference(&self, bits: &mut Bits<'_, '_>) -> u16 {
        bits.refill();
        let entry = self.entry(bits.window);
        if entry.has_value() {
            bits.window.skip(entry.bits());
            return entry.get() as u16;
        }
        match u32::from(self.symbol_of(entry, &mut bits.window)) {
            16 => 1 << 15,
            size => extend(bits.take(size), size) as u16,
        }
    }

    /// Decodes the next AC coefficient of a baseline scan: how many zeros stand before it, and its value. What is none is
    /// an [`Ac`] of another kind.
    #[inline(always)]
    pub(crate) fn coefficient(&self, bits: &mut Bits<'_, '_>) -> Ac {
        bits.refill();
        let entry = self.entry(bits.window);
        if entry.has_value() {
            bits.window.skip(entry.bits());
            return Ac::Value(entry.run(), entry.get());
        }
        let symbol = self.symbol_of(entry, &mut bits.window);
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        match (size, run) {
            (0, 15) => Ac::SixteenZeros,
            (0, _) => Ac::EndOfBlock,
            _ => Ac::Value(run, extend(bits.take(size), size) as i16),
        }
    }

    /// The symbol at the head of `next` (left-aligned), whose code is longer than the look-ahead, and its length. Bits
    /// that are no code at all count as 17 bits of symbol 0, as in libjpeg.
    #[cold]
    #[inline(never)]
    fn long(&self, next: u64) -> (u8, u32) {
        let mut length = LOOKAHEAD + 1;
        while (next >> (64 - length)) as i32 > self.greatest[length as usize] {
            length += 1;
        }
        let code = (next >> (64 - length)) as i32;
        let place = code.wrapping_add(self.offset[length as usize]);
        let symbol = if length > 16 { 0 } else { self.symbols[(place & 255) as usize] };
        (symbol, length)
    }
}

/// The value that `size` bits stand for (T.81, figure F.12): negative where the first bit is 0.
#[inline(always)]
pub(crate) fn extend(bits: u32, size: u32) -> i32 {
    let half = (1u32 << size) >> 1;
    if bits < half { bits as i32 - (1i32 << size) + 1 } else { bits as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_are_none_are_refused() {
        let code = |counts: [u8; 16], symbols: &[u8]| Code::new(&counts, symbols).unwrap();
        let table = |counts, symbols: &[u8], kind| Table::new(&code(counts, symbols), kind).is_ok();
        let counts = |short: &[u8]| std::array::from_fn(|i| short.get(i).copied().unwrap_or(0));
        assert!(table(counts(&[1, 1, 1]), &[1, 2, 3], Kind::Dc));
        // Two codes of one bit, one of them all ones; three of one bit; more than four of two.
        for short in [&[2][..], &[3], &[0, 5], &[1, 2]] {
            assert!(!table(counts(short), &[1, 2, 3, 4, 5][..short.iter().sum::<u8>().into()], Kind::Ac), "{short:?}");
        }
        assert!(!table(counts(&[1]), &[16], Kind::Dc));
        assert!(table(counts(&[1]), &[16], Kind::Ac));
        assert!(table(counts(&[]), &[], Kind::Ac));
    }
}
