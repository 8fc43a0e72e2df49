//! Unpacks zlib streams (RFC 1950, RFC 1951) whose bytes come in pieces of any size.
//!
//! In: the stream, as it comes. Out: bytes at a place in a buffer that still holds the last [`WINDOW`] of those before.
//!
//! What is broken is told as zlib tells it, and when: after the last byte that there is space for, the stream is read on for as
//! long as nothing more has to be written, so that a checksum that is there is compared, and one that is missing is not missed.
//! Decoders that are built on zlib (Pillow's among them) accept and refuse the same files for that reason. One can ask as well
//! where in the output the last byte of input was used.
//!
//! Where there is plenty of input and space, symbols are decoded in a loop that looks at neither; near the ends they are taken
//! one at a time.

mod adler;
mod fast;
mod huffman;

use self::adler::Adler;
use self::fast::{FAST_INPUT, FAST_OUTPUT};
use self::huffman::{
    DISTANCE_BITS, DistanceTable, END, Impossible, LITERAL_BITS, LITERALS, LengthTable, LiteralTable, SPECIAL,
};

/// How far back a stream may refer.
pub(crate) const WINDOW: usize = 32 << 10;

/// The order in which the lengths of the lengths' codes stand.
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// What is wrong with a stream.
pub(crate) type Broken = &'static str;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    Block,
    StoredLength,
    Stored,
    Counts,
    LengthCodes,
    Lengths,
    Symbols,
    Copy,
    Checksum,
    Done,
}

/// A stream that is being unpacked.
pub(crate) struct Inflate {
    state: State,
    /// Bits that were read from the input and not used yet, the next one lowest; above `count` of them there are zeros.
    bits: u64,
    count: u32,
    is_last_block: bool,
    is_fixed: bool,
    /// Bytes of a stored block, or of a repetition, that are still to come; and how far back the latter is.
    left: usize,
    distance: usize,
    /// Of a block's own codes: how many of each kind there are, how many lengths have been read, and which.
    literals: usize,
    distances: usize,
    length_codes: usize,
    have: usize,
    lengths: [u8; 320],
    tables: Box<Tables>,
    adler: Adler,
    used_up_at: Option<usize>,
    reached: usize,
}

struct Tables {
    lengths: LengthTable,
    literals: LiteralTable,
    distances: DistanceTable,
}

impl Inflate {
    pub(crate) fn new() -> Self {
        let tables =
            Tables { lengths: LengthTable::new(), literals: LiteralTable::new(), distances: DistanceTable::new() };
        Self {
            state: State::Header,
            bits: 0,
            count: 0,
            is_last_block: false,
            is_fixed: false,
            left: 0,
            distance: 0,
            literals: 0,
            distances: 0,
            length_codes: 0,
            have: 0,
            lengths: [0; 320],
            tables: Box::new(tables),
            adler: Adler::new(),
            used_up_at: None,
            reached: 0,
        }
    }

    /// Begins another stream, with the memory that is there.
    pub(crate) fn restart(&mut self) {
        (self.state, self.is_last_block) = (State::Header, false);
        (self.bits, self.count) = (0, 0);
        self.adler = Adler::new();
        (self.used_up_at, self.reached) = (None, 0);
    }

    /// Whether the stream has come to its end, and its checksum was right.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The place in the output up to which everything had been written when [`read`](Self::read) used the last byte of its input,
    /// if it did: what was written behind it came of a symbol that was there already, or of bits that were left over.
    pub(crate) fn used_up_at(&self) -> Option<usize> {
        self.used_up_at
    }

    /// The place in the output after the last byte that was written before an error.
    pub(crate) fn reached(&self) -> usize {
        self.reached
    }

    /// Unpacks what there is of `input`, into `output` from place `start` on, and returns the place after the last byte written:
    /// `output`'s end, or else all input has been used, or the stream is [done](Self::is_done). The bytes before `start` must be
    /// those that were unpacked before, the last [`WINDOW`] of them at least.
    ///
    /// # Errors
    /// What is wrong with the stream. It can't be read on then.
    pub(crate) fn read(&mut self, input: &mut &[u8], output: &mut [u8], start: usize) -> Result<usize, Broken> {
        let mut at = start;
        let mut summed = start;
        self.used_up_at = None;
        loop {
            self.reached = at;
            let goes_on = match self.state {
                State::Header => self.header(input)?,
                State::Block => self.block(input)?,
                State::StoredLength => self.stored_length(input)?,
                State::Stored => self.stored(input, output, &mut at),
                State::Counts => self.counts(input)?,
                State::LengthCodes => self.length_codes(input)?,
                State::Lengths => self.lengths(input)?,
                State::Symbols => {
                    if input.len() >= FAST_INPUT && output.len() - at >= FAST_OUTPUT {
                        at = self.symbols(input, output, at)?;
                    }
                    self.state != State::Symbols || {
                        let read = self.symbol(input, output, &mut at);
                        self.reached = at;
                        read?
                    }
                }
                State::Copy => {
                    let read = self.copy(output, &mut at);
                    self.reached = at;
                    read?
                }
                State::Checksum => {
                    self.adler.add(&output[summed..at]);
                    summed = at;
                    self.checksum(input)?
                }
                State::Done => false,
            };
            let waits_for_input =
                !goes_on && !matches!(self.state, State::Stored | State::Symbols | State::Copy | State::Done);
            self.note_use(if waits_for_input { self.count } else { 0 }, input, at);
            if !goes_on {
                self.adler.add(&output[summed..at]);
                return Ok(at);
            }
        }
    }

    /// Notes that all input is used up at place `at`, once `count` more bits have been taken, if it is.
    fn note_use(&mut self, count: u32, input: &[u8], at: usize) {
        if input.is_empty() && self.count < count + 8 && self.used_up_at.is_none() {
            self.used_up_at = Some(at);
        }
    }

    /// Sees to it that there are `count` bits, no more than 56, if the input has them.
    fn has(&mut self, count: u32, input: &mut &[u8]) -> bool {
        while self.count < count {
            let Some((&byte, rest)) = input.split_first() else { return false };
            self.bits |= u64::from(byte) << self.count;
            self.count += 8;
            *input = rest;
        }
        true
    }

    /// Takes bits that are there.
    fn take(&mut self, count: u32) -> usize {
        let bits = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        self.count -= count;
        bits as usize
    }

    fn header(&mut self, input: &mut &[u8]) -> Result<bool, Broken> {
        if !self.has(16, input) {
            return Ok(false);
        }
        let (method, flags) = (self.take(8), self.take(8));
        if (method << 8 | flags) % 31 != 0 || method & 15 != 8 || method >> 4 > 7 {
            return Err("what should be a zlib stream is none");
        }
        if flags & 0x20 != 0 {
            return Err("a zlib stream that asks for a dictionary");
        }
        self.state = State::Block;
        Ok(true)
    }

    fn block(&mut self, input: &mut &[u8]) -> Result<bool, Broken> {
        if self.is_last_block {
            self.take(self.count % 8);
            self.state = State::Checksum;
            return Ok(true);
        }
        if !self.has(3, input) {
            return Ok(false);
        }
        self.is_last_block = self.take(1) == 1;
        self.state = match self.take(2) {
            0 => {
                self.take(self.count % 8);
                State::StoredLength
            }
            1 => {
                self.use_fixed_codes().map_err(|Impossible| "impossible codes")?;
                State::Symbols
            }
            2 => State::Counts,
            _ => return Err("a deflate block of no known kind"),
        };
        Ok(true)
    }

    fn stored_length(&mut self, input: &mut &[u8]) -> Result<bool, Broken> {
        if !self.has(32, input) {
            return Ok(false);
        }
        let (length, inverse) = (self.take(16), self.take(16));
        if length ^ inverse != 0xffff {
            return Err("a stored deflate block whose length contradicts itself");
        }
        self.left = length;
        self.state = State::Stored;
        Ok(true)
    }

    fn stored(&mut self, input: &mut &[u8], output: &mut [u8], at: &mut usize) -> bool {
        while self.left > 0 && self.count >= 8 && *at < output.len() {
            output[*at] = self.take(8) as u8;
            *at += 1;
            self.left -= 1;
        }
        if self.left > 0 && self.count == 0 {
            let length = self.left.min(input.len()).min(output.len() - *at);
            let (bytes, rest) = input.split_at(length);
            output[*at..*at + length].copy_from_slice(bytes);
            *at += length;
            *input = rest;
            self.left -= length;
        }
        if self.left == 0 {
            self.state = State::Block;
        }
        self.left == 0
    }

    fn use_fixed_codes(&mut self) -> Result<(), Impossible> {
        if !self.is_fixed {
            let mut lengths = [8; 288];
            lengths[144..256].fill(9);
            lengths[256..280].fill(7);
            self.tables.literals.of(&lengths)?;
            self.tables.distances.of(&[5; 32])?;
            self.is_fixed = true;
        }
        Ok(())
    }

    fn counts(&mut self, input: &mut &[u8]) -> Result<bool, Broken> {
        if !self.has(14, input) {
            return Ok(false);
        }
        self.literals = self.take(5) + 257;
        self.distances = self.take(5) + 1;
        self.length_codes = self.take(4) + 4;
        if self.literals > 286 || self.distances > 30 {
            return Err("a deflate block with more codes than there are symbols");
        }
        self.lengths = [0; 320];
        self.have = 0;
        self.state = State::LengthCodes;
        Ok(true)
    }

    fn length_codes(&mut self, input: &mut &[u8]) -> Result<bool, Broken> {
        while self.have < self.length_codes {
            if !self.has(3, input) {
                return Ok(false);
            }
            self.lengths[usize::from(ORDER[self.have])] = self.take(3) as u8;
            self.have += 1;
        }
        let Some(lengths) = self.lengths.first_chunk::<19>() else { return Ok(false) };
        self.tables.lengths.of(lengths).map_err(|Impossible| "a deflate block with impossible lengths of codes")?;
        self.is_fixed = false;
        self.have = 0;
        self.state = State::Lengths;
        Ok(true)
    }

    fn lengths(&mut self, input: &mut &[u8]) -> Result<bool, Broken> {
        let all = self.literals + self.distances;
        while self.have < all {
            // A code of 7 bits and 7 more; at the input's end there may be fewer.
            self.has(14, input);
            let entry = self.tables.lengths.entries[(self.bits & 127) as usize];
            let (code, symbol) = (entry & 0xff, entry >> 16);
            let (extra, least) = match symbol {
                0..16 => (0, 1),
                16 => (2, 3),
                17 => (3, 3),
                _ => (7, 11),
            };
            if self.count < code + extra {
                return Ok(false);
            }
            self.take(code);
            let times = least + self.take(extra);
            let length = match symbol {
                0..16 => symbol as u8,
                16 if self.have == 0 => return Err("a deflate block that repeats a length before the first"),
                16 => self.lengths[self.have - 1],
                _ => 0,
            };
            if self.have + times > all {
                return Err("a deflate block with more lengths than codes");
            }
            self.lengths[self.have..self.have + times].fill(length);
            self.have += times;
        }
        let (literals, distances) = self.lengths[..all].split_at(self.literals);
        if literals[256] == 0 {
            return Err("a deflate block without an end");
        }
        let Tables { literals: of_literals, distances: of_distances, .. } = &mut *self.tables;
        of_literals
            .of(literals)
            .and_then(|()| of_distances.of(distances))
            .map_err(|Impossible| "a deflate block with impossible codes")?;
        self.state = State::Symbols;
        Ok(true)
    }

    /// Takes a symbol, where all of it is there.
    fn symbol(&mut self, input: &mut &[u8], output: &mut [u8], at: &mut usize) -> Result<bool, Broken> {
        self.has(48, input);
        let Tables { literals, distances, .. } = &*self.tables;
        let entry = literals.entry(self.bits, LITERAL_BITS);
        let code = entry >> 8 & 15;
        if code > self.count {
            self.note_use(self.count, input, *at);
            return Ok(false);
        }
        if entry & LITERALS != 0 {
            // Its first literal alone. Its code is used whether there is space for it or not.
            self.note_use(code, input, *at);
            let Some(place) = output.get_mut(*at) else { return Ok(false) };
            *place = (entry >> 16) as u8;
            *at += 1;
            self.take(code);
            return Ok(true);
        }
        if entry & SPECIAL != 0 {
            self.end_block(entry)?;
            self.take(code);
            return Ok(true);
        }
        let used = entry & 0xff;
        let second = distances.entry(self.bits >> used, DISTANCE_BITS);
        if used + (second >> 8 & 15) <= self.count && second & SPECIAL != 0 {
            return Err(NO_SUCH_DISTANCE);
        }
        if used + (second & 0xff) > self.count {
            self.note_use(self.count, input, *at);
            return Ok(false);
        }
        self.left = (entry >> 16) as usize + (self.take(used) >> code);
        self.distance = (second >> 16) as usize + (self.take(second & 0xff) >> (second >> 8 & 15));
        self.state = State::Copy;
        Ok(true)
    }

    /// Acts upon an entry that is neither literal nor length.
    fn end_block(&mut self, entry: u32) -> Result<(), Broken> {
        if entry >> 16 != END {
            return Err("a code of deflate that stands for nothing");
        }
        self.state = State::Block;
        Ok(())
    }

    fn copy(&mut self, output: &mut [u8], at: &mut usize) -> Result<bool, Broken> {
        while self.left > 0 && *at < output.len() {
            // Where there is no space for it zlib does not look where it comes from.
            let from = at.checked_sub(self.distance).ok_or(TOO_FAR)?;
            output[*at] = output[from];
            *at += 1;
            self.left -= 1;
        }
        if self.left == 0 {
            self.state = State::Symbols;
        }
        Ok(self.left == 0)
    }

    fn checksum(&mut self, input: &mut &[u8]) -> Result<bool, Broken> {
        if !self.has(32, input) {
            return Ok(false);
        }
        if (self.take(32) as u32).swap_bytes() != self.adler.value() {
            return Err("a checksum that is not that of the data");
        }
        self.state = State::Done;
        Ok(true)
    }
}

const TOO_FAR: Broken = "a repetition of what is before the beginning";
const NO_SUCH_DISTANCE: Broken = "a repetition from no known distance";

#[cfg(test)]
mod tests;
