//! LZW as TIFF has it: codes of 9 to 12 bits, the high bits first, that grow one code early; and the old kind, with the
//! low bits first, that grows when it must. What is wrong with a stream and what is not follows libtiff (`tif_lzw.c`).

const CLEAR: usize = 256;
const END: usize = 257;
const FIRST: usize = 258;
/// Codes of 12 bits, and some that damaged streams go on to.
const CODES: usize = 4095 + 1024;
const MOST_BITS: u32 = 12;

/// A string of bytes: another one, and a byte after it.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// The string before the last byte.
    before: u16,
    length: u16,
    first: u8,
    last: u8,
}

/// A decoder, whose table is used again for each strip.
pub(super) struct Lzw {
    table: Vec<Entry>,
}

/// Why a stream could not be decoded to the end.
pub(super) struct Stopped(pub(super) &'static str);

impl Lzw {
    pub(super) fn new() -> Self {
        let mut table = vec![Entry::default(); CODES];
        for (value, entry) in (0..=255).zip(&mut table) {
            *entry = Entry { before: 0, length: 1, first: value, last: value };
        }
        Self { table }
    }

    /// Fills `out`. Returns the bytes that were read, and what was wrong; what is missing then is zero.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut [u8]) -> (usize, Result<(), Stopped>) {
        let old = matches!(input, [0, second, ..] if second & 1 == 1);
        let mut bits = Bits { input, at: 0, held: 0, count: 0, low_first: old };
        let mut made = 0;
        let result = self.run(&mut bits, out, &mut made, old);
        out[made..].fill(0);
        (bits.at, result)
    }

    fn run(&mut self, bits: &mut Bits<'_>, out: &mut [u8], made: &mut usize, old: bool) -> Result<(), Stopped> {
        // The code at which they get a bit longer: the old kind has one more of each length.
        let full = |width: u32| (1usize << width) - if old { 0 } else { 1 };
        let mut width = 9;
        // None before the first clear code, and when the table is full beyond all codes.
        let mut next = None;
        let mut previous = 0usize;
        while *made < out.len() {
            let mut code = bits.code(width).ok_or(Stopped("its LZW data end early"))?;
            if code == CLEAR {
                (width, next) = (9, Some(FIRST));
                while code == CLEAR {
                    code = bits.code(width).ok_or(Stopped("its LZW data end early"))?;
                }
                match code {
                    END => return Err(Stopped("its LZW data end early")),
                    FIRST.. => return Err(Stopped("an LZW code that is not known yet")),
                    _ => {}
                }
                out[*made] = code as u8;
                *made += 1;
                previous = code;
                continue;
            }
            if code == END {
                return Err(Stopped("its LZW data end early"));
            }
            let Some(free) = next.filter(|&free| code <= free) else {
                return Err(Stopped("an LZW code that is not known yet"));
            };
            let (stem, known) = (self.table[previous], code < free);
            let last = if known { self.table[code].first } else { stem.first };
            let length = stem.length.wrapping_add(1);
            self.table[free] = Entry { before: previous as u16, length, first: stem.first, last };
            let after = free + 1;
            if after >= full(width) {
                width = (width + 1).min(MOST_BITS);
            }
            next = Some(after).filter(|&after| after < CODES);
            *made += self.write(code, &mut out[*made..])?;
            previous = code;
        }
        Ok(())
    }

    /// Writes the string of `code`, or as much of it as there is space for.
    fn write(&self, code: usize, out: &mut [u8]) -> Result<usize, Stopped> {
        if code < CLEAR {
            out[0] = code as u8;
            return Ok(1);
        }
        let length = usize::from(self.table[code].length);
        if length == 0 {
            return Err(Stopped("an LZW code without a string"));
        }
        let written = length.min(out.len());
        let mut entry = self.table[code];
        for _ in written..length {
            entry = self.table[usize::from(entry.before)];
        }
        for value in out[..written].iter_mut().rev() {
            *value = entry.last;
            entry = self.table[usize::from(entry.before)];
        }
        Ok(written)
    }
}

struct Bits<'a> {
    input: &'a [u8],
    at: usize,
    held: u32,
    count: u32,
    low_first: bool,
}

impl Bits<'_> {
    fn code(&mut self, width: u32) -> Option<usize> {
        while self.count < width {
            let byte = u32::from(*self.input.get(self.at)?);
            self.at += 1;
            self.held = if self.low_first { self.held | byte << self.count } else { self.held << 8 | byte };
            self.count += 8;
        }
        self.count -= width;
        let mask = (1u32 << width) - 1;
        if self.low_first {
            let code = self.held & mask;
            self.held >>= width;
            Some(code as usize)
        } else {
            Some((self.held >> self.count & mask) as usize)
        }
    }
}
