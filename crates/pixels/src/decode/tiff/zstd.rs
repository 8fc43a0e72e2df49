//! Zstandard (RFC 8878): a frame for each strip or tile.
//!
//! What is unpacked goes where it belongs, and is its own window; this takes no memory but tables and the literals of a
//! block. The check sum is not looked at, since libtiff stops reading where it has what it needs.

mod bits;
mod fse;
mod huffman;

use self::bits::Backward;
use self::fse::Fse;
use self::huffman::Huffman;

/// The most bytes that come of a block, and that it takes.
const MOST_IN_BLOCK: usize = 128 << 10;

/// What the tables of a block take, in bytes read.
const TABLES: usize = 256;

/// Fills `out`. Returns the bytes that were read, with [`TABLES`] more for each packed block after the first; and whether there
/// were enough. What is missing is zero.
pub(super) fn decode(input: &[u8], out: &mut [u8]) -> (usize, bool) {
    let mut reader = Reader { rest: input };
    let (mut made, mut packed) = (0, 0usize);
    let complete = frame(&mut reader, out, &mut made, &mut packed).is_some() && made == out.len();
    out[made..].fill(0);
    let read = input.len() - reader.rest.len();
    (read.saturating_add(packed.saturating_sub(1).saturating_mul(TABLES)), complete)
}

/// A walk through the bytes; past the end there is nothing.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (found, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(found)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).and_then(|one| one.first().copied())
    }

    /// A number of so many bytes, up to 8, the lowest first.
    fn number(&mut self, count: usize) -> Option<u64> {
        Some(self.take(count)?.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }
}

fn frame(reader: &mut Reader<'_>, out: &mut [u8], made: &mut usize, packed: &mut usize) -> Option<()> {
    if reader.number(4)? != 0xfd2f_b528 {
        return None;
    }
    let descriptor = reader.byte()?;
    let single = descriptor & 0x20 != 0;
    if descriptor & 8 != 0 {
        return None;
    }
    let size = match descriptor >> 6 {
        0 => usize::from(single),
        flag => 1 << flag,
    };
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    reader.take(usize::from(!single) + dictionary + size)?;
    let mut state = State::new();
    while *made < out.len() {
        let header = reader.number(3)?;
        let (last, size) = (header & 1 == 1, (header >> 3) as usize);
        match header >> 1 & 3 {
            0 => {
                let bytes = reader.take(size.min(out.len() - *made))?;
                out[*made..][..bytes.len()].copy_from_slice(bytes);
                *made += bytes.len();
            }
            1 => {
                let byte = reader.byte()?;
                let size = size.min(out.len() - *made);
                out[*made..][..size].fill(byte);
                *made += size;
            }
            2 if size <= MOST_IN_BLOCK => {
                let block = reader.take(size)?;
                *packed += 1;
                *made = state.block(block, out, *made)?;
            }
            _ => return None,
        }
        if last {
            break;
        }
    }
    Some(())
}

/// What later blocks may use again.
struct State {
    huffman: Option<Huffman>,
    lengths: Option<Fse>,
    offsets: Option<Fse>,
    matches: Option<Fse>,
    repeats: [usize; 3],
    literals: Vec<u8>,
}

/// The first number of each code of a literals' length, and the bits that are added.
const LITERAL_LENGTHS: [(u32, u32); 20] = [
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1024, 10),
    (2048, 11),
    (4096, 12),
    (8192, 13),
    (16384, 14),
    (32768, 15),
    (65536, 16),
];

/// The same of a match's length.
const MATCH_LENGTHS: [(u32, u32); 21] = [
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1027, 10),
    (2051, 11),
    (4099, 12),
    (8195, 13),
    (16387, 14),
    (32771, 15),
    (65539, 16),
];

/// Codes below `small` are numbers from `first` on, the others are in `table`.
fn base(code: u8, small: u8, first: u32, table: &[(u32, u32)]) -> Option<(u32, u32)> {
    match code.checked_sub(small) {
        None => Some((u32::from(code) + first, 0)),
        Some(index) => table.get(usize::from(index)).copied(),
    }
}

const LITERAL_LENGTH_COUNTS: [i16; 36] =
    [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1];
const MATCH_LENGTH_COUNTS: [i16; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OFFSET_COUNTS: [i16; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];

impl State {
    fn new() -> Self {
        Self { huffman: None, lengths: None, offsets: None, matches: None, repeats: [1, 4, 8], literals: Vec::new() }
    }

    /// Unpacks a block to where `made` is. Returns where that is then.
    fn block(&mut self, block: &[u8], out: &mut [u8], made: usize) -> Option<usize> {
        let mut reader = Reader { rest: block };
        self.read_literals(&mut reader)?;
        let count = match usize::from(reader.byte()?) {
            low @ 0..128 => low,
            high @ 128..255 => ((high - 128) << 8) + usize::from(reader.byte()?),
            _ => reader.number(2)? as usize + 0x7f00,
        };
        let mut window = Window { out, at: made, literals: &self.literals };
        if count > 0 {
            let modes = reader.byte()?;
            let table = |mode: u8, known: &mut Option<Fse>, usual: &[i16], log, most, reader: &mut Reader<'_>| {
                match mode & 3 {
                    0 => *known = Some(Fse::of(usual, log)?),
                    1 => *known = Some(Fse::one(reader.byte()?)),
                    2 => {
                        let (fse, length) = Fse::read(reader.rest, most)?;
                        reader.take(length)?;
                        *known = Some(fse);
                    }
                    _ => {}
                }
                Some(())
            };
            table(modes >> 6, &mut self.lengths, &LITERAL_LENGTH_COUNTS, 6, (9, 36), &mut reader)?;
            table(modes >> 4, &mut self.offsets, &OFFSET_COUNTS, 5, (8, 32), &mut reader)?;
            table(modes >> 2, &mut self.matches, &MATCH_LENGTH_COUNTS, 6, (9, 53), &mut reader)?;
            let tables = (self.lengths.as_ref()?, self.offsets.as_ref()?, self.matches.as_ref()?);
            sequences(count, tables, &mut self.repeats, Backward::new(reader.rest)?, &mut window)?;
        }
        window.copy(window.literals.len())?;
        Some(window.at)
    }

    fn read_literals(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let head = *reader.rest.first()?;
        let (kind, format) = (head & 3, head >> 2 & 3);
        self.literals.clear();
        if kind < 2 {
            let (bytes, shift) = match format {
                0 | 2 => (1, 3),
                1 => (2, 4),
                _ => (3, 4),
            };
            let size = (reader.number(bytes)? >> shift) as usize;
            if size > MOST_IN_BLOCK {
                return None;
            }
            match kind {
                0 => self.literals.extend_from_slice(reader.take(size)?),
                _ => self.literals.resize(size, reader.byte()?),
            }
            return Some(());
        }
        let (bytes, width) = match format {
            0 | 1 => (3, 10),
            2 => (4, 14),
            _ => (5, 18),
        };
        let header = reader.number(bytes)? >> 4;
        let mask = (1 << width) - 1;
        let (size, packed) = ((header & mask) as usize, (header >> width & mask) as usize);
        if size > MOST_IN_BLOCK {
            return None;
        }
        let mut data = reader.take(packed)?;
        if kind == 2 {
            let (huffman, length) = Huffman::read(data)?;
            data = data.get(length..)?;
            self.huffman = Some(huffman);
        }
        let huffman = self.huffman.as_ref()?;
        if format == 0 {
            return huffman.decode(data, size, &mut self.literals);
        }
        let mut sizes = Reader { rest: data.get(..6)? };
        let mut streams = Reader { rest: &data[6..] };
        let quarter = size.div_ceil(4);
        for _ in 0..3 {
            let length = sizes.number(2)? as usize;
            huffman.decode(streams.take(length)?, quarter, &mut self.literals)?;
        }
        huffman.decode(streams.rest, size.checked_sub(3 * quarter)?, &mut self.literals)
    }
}

/// Literals and matches by turns.
fn sequences(
    count: usize,
    (lengths, offsets, matches): (&Fse, &Fse, &Fse),
    repeats: &mut [usize; 3],
    mut bits: Backward<'_>,
    window: &mut Window<'_>,
) -> Option<()> {
    let mut length_state = lengths.begin(&mut bits)?;
    let mut offset_state = offsets.begin(&mut bits)?;
    let mut match_state = matches.begin(&mut bits)?;
    for left in (0..count).rev() {
        let code = u32::from(offsets.symbol(offset_state));
        if code > 31 {
            return None;
        }
        let value = (1u64 << code) + bits.read(code)?;
        let (first, more) = base(matches.symbol(match_state), 32, 3, &MATCH_LENGTHS)?;
        let match_length = first as usize + bits.read(more)? as usize;
        let (first, more) = base(lengths.symbol(length_state), 16, 0, &LITERAL_LENGTHS)?;
        let literals = first as usize + bits.read(more)? as usize;
        let offset = match (value, literals) {
            (4.., _) => {
                repeats.rotate_right(1);
                repeats[0] = usize::try_from(value - 3).ok()?;
                repeats[0]
            }
            (3, 0) => {
                repeats.rotate_right(1);
                repeats[0] = repeats[1].checked_sub(1)?;
                repeats[0]
            }
            (value, literals) => {
                let which = value as usize - usize::from(literals > 0);
                repeats[..=which].rotate_right(1);
                repeats[0]
            }
        };
        window.copy(literals)?;
        window.repeat(offset, match_length)?;
        if left > 0 {
            length_state = lengths.next(length_state, &mut bits)?;
            match_state = matches.next(match_state, &mut bits)?;
            offset_state = offsets.next(offset_state, &mut bits)?;
        }
    }
    bits.is_empty().then_some(())
}

/// What has been unpacked, and the literals to come.
struct Window<'a> {
    out: &'a mut [u8],
    at: usize,
    literals: &'a [u8],
}

impl Window<'_> {
    /// The next literals; those that there is no space for are passed over.
    fn copy(&mut self, count: usize) -> Option<()> {
        let (now, later) = self.literals.split_at_checked(count)?;
        let length = now.len().min(self.out.len() - self.at);
        self.out[self.at..][..length].copy_from_slice(&now[..length]);
        (self.literals, self.at) = (later, self.at + length);
        Some(())
    }

    /// So many bytes from as far back.
    fn repeat(&mut self, offset: usize, length: usize) -> Option<()> {
        let from = self.at.checked_sub(offset).filter(|_| offset > 0)?;
        let length = length.min(self.out.len() - self.at);
        if offset >= length {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_blocks_are_work() {
        const COUNT: usize = 100;
        // A literal, and no sequences.
        let block = [2 << 1 | 3 << 3, 0, 0, 1 << 3, b'A', 0];
        let stream = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x50][..], &block.repeat(COUNT)].concat();
        let mut out = [0; COUNT];
        assert_eq!(decode(&stream, &mut out), (stream.len() + (COUNT - 1) * TABLES, true));
        assert_eq!(out, [b'A'; COUNT]);
    }
}
