//! LZW as TIFF has it: codes of 9 to 12 bits, the high bits first, that grow one code early; and the old kind, with the
//! low bits first, that grows when it must. What is wrong with a stream and what is not follows libtiff (`tif_lzw.c`).
//!
//! A code's string is that of an earlier code and the byte that came after it, so it lies in what has been written
//! already: the table keeps where.

const CLEAR: usize = 256;
const END: usize = 257;
const FIRST: usize = 258;
/// Codes of 12 bits, and some that damaged streams go on to.
const CODES: usize = 4095 + 1024;
const MOST_BITS: u32 = 12;

/// A decoder, whose table is used again for each strip.
pub(super) struct Lzw {
    /// Where the string of each code from [`FIRST`] on begins, and its length.
    strings: Vec<(usize, usize)>,
}

/// Why a stream could not be decoded to the end.
pub(super) struct Stopped(pub(super) &'static str);

const ENDED: Stopped = Stopped("its LZW data end early");
const UNKNOWN: Stopped = Stopped("an LZW code that is not known yet");

impl Lzw {
    pub(super) fn new() -> Self {
        Self { strings: vec![(0, 0); CODES - FIRST] }
    }

    /// Fills `out`. Returns the bytes that were read, and what was wrong; what is missing then is zero.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut [u8]) -> (usize, Result<(), Stopped>) {
        let old = matches!(input, [0, second, ..] if second & 1 == 1);
        let mut made = 0;
        let mut bits = Bits { input, at: 0, held: 0, count: 0 };
        let result = if old {
            self.run::<true>(&mut bits, out, &mut made)
        } else {
            self.run::<false>(&mut bits, out, &mut made)
        };
        out[made..].fill(0);
        (bits.at, result)
    }

    fn run<const OLD: bool>(&mut self, bits: &mut Bits<'_>, out: &mut [u8], made: &mut usize) -> Result<(), Stopped> {
        // The code at which they get a bit longer: the old kind has one more of each length.
        let full = |width: u32| (1usize << width) - if OLD { 0 } else { 1 };
        let mut width = 9;
        // Codes that are known: none before the first clear code, nor when the table is full beyond all codes.
        let mut known = None;
        // The last string.
        let mut last = (0, 0);
        while *made < out.len() {
            let mut code = bits.code::<OLD>(width).ok_or(ENDED)?;
            if code == CLEAR {
                (width, known) = (9, Some(FIRST));
                while code == CLEAR {
                    code = bits.code::<OLD>(width).ok_or(ENDED)?;
                }
                match code {
                    END => return Err(ENDED),
                    FIRST.. => return Err(UNKNOWN),
                    _ => {}
                }
                out[*made] = code as u8;
                last = (*made, 1);
                *made += 1;
                continue;
            }
            if code == END {
                return Err(ENDED);
            }
            let free = known.filter(|&free| code <= free).ok_or(UNKNOWN)?;
            self.strings[free - FIRST] = (last.0, last.1 + 1);
            if free + 1 >= full(width) {
                width = (width + 1).min(MOST_BITS);
            }
            known = Some(free + 1).filter(|&free| free < CODES);
            let start = *made;
            if code < CLEAR {
                out[start] = code as u8;
                last = (start, 1);
            } else {
                let (from, length) = self.strings[code - FIRST];
                let length = length.min(out.len() - start);
                if from + length <= start {
                    out.copy_within(from..from + length, start);
                } else {
                    // It ends with its own first byte.
                    for index in 0..length {
                        out[start + index] = out[from + index];
                    }
                }
                last = (start, length);
            }
            *made += last.1;
        }
        Ok(())
    }
}

struct Bits<'a> {
    input: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
}

impl Bits<'_> {
    #[inline]
    fn code<const OLD: bool>(&mut self, width: u32) -> Option<usize> {
        if self.count < width {
            self.refill::<OLD>();
            if self.count < width {
                return None;
            }
        }
        self.count -= width;
        let mask = (1u64 << width) - 1;
        if OLD {
            let code = self.held & mask;
            self.held >>= width;
            Some(code as usize)
        } else {
            Some((self.held >> self.count & mask) as usize)
        }
    }

    /// Holds as many bits as there is space for.
    fn refill<const OLD: bool>(&mut self) {
        while self.count <= 56 {
            let Some(&byte) = self.input.get(self.at) else { return };
            self.at += 1;
            if OLD {
                self.held |= u64::from(byte) << self.count;
            } else {
                self.held = self.held << 8 | u64::from(byte);
            }
            self.count += 8;
        }
    }
}
