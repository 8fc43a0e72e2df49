//! GIF's kind of LZW, as Pillow reads it (`GifDecode.c`,
//! <https://github.com/python-pillow/Pillow/blob/main/src/libImaging/GifDecode.c>): the first code need not be the one
//! that clears the table, a full table stays as it is, and what follows the last pixel does not count.
//!
//! Every string of the table has been written out already: it is the string before it and the first number of the one
//! that came then, which stand side by side. So the table holds places in the output, and a code is a copy.

use super::broken;
use crate::{Error, ErrorKind, Result};

/// The longest code, in bits, and how many strings there are then.
const LONGEST: u32 = 12;
const TABLE: usize = 1 << LONGEST;
/// Pillow hands so many bytes on at a time.
const PORTION: usize = 1 << 16;

/// Fills `numbers` from the data that begins at `start`.
pub(super) fn decode(bytes: &[u8], start: usize, code_size: u8, numbers: &mut [u8]) -> Result<()> {
    if u32::from(code_size) > LONGEST {
        return Err(broken(format_args!("codes of {code_size} bits")));
    }
    let clear = 1 << code_size;
    let end = clear + 1;
    let mut codes = Codes { bytes, at: start, supplied: start, block: &[], bits: 0, count: 0 };
    // Where in the output each string is, and its length.
    let mut strings = [(0u32, 0u32); TABLE];
    let mut next = clear + 2;
    let mut width = u32::from(code_size) + 1;
    // The string before, if the table hasn't been cleared since.
    let mut before: Option<(usize, usize)> = None;
    let mut filled = 0;
    while filled < numbers.len() {
        let code = codes.code(width)?;
        if code == clear {
            next = clear + 2;
            width = u32::from(code_size) + 1;
            before = None;
            continue;
        }
        if code == end {
            codes.after_end()?;
            continue;
        }
        let left = numbers.len() - filled;
        let length = match before {
            _ if code < clear => {
                numbers[filled] = code as u8;
                1
            }
            // The string before, and its own first number once more.
            Some((start, length)) if code == next && code < TABLE => {
                numbers.copy_within(start..start + length.min(left), filled);
                if length < left {
                    numbers[filled + length] = numbers[start];
                }
                length + 1
            }
            Some(_) if code < next.min(TABLE) => {
                let (start, length) = strings[code];
                let (start, length) = (start as usize, length as usize);
                numbers.copy_within(start..start + length.min(left), filled);
                length
            }
            _ => return Err(broken(format_args!("code {code} where there are {next}, after {filled} pixels"))),
        };
        if let Some((start, length)) = before
            && next < TABLE
        {
            strings[next] = (start as u32, length as u32 + 1);
            if next + 1 == 1 << width && width < LONGEST {
                width += 1;
            }
            next += 1;
        }
        before = Some((filled, length));
        filled += length;
    }
    Ok(())
}

/// The codes in the blocks of a frame's data.
struct Codes<'a> {
    bytes: &'a [u8],
    /// Where the next block begins.
    at: usize,
    /// How far Pillow has read the file.
    supplied: usize,
    /// What is left of this block.
    block: &'a [u8],
    /// Bits that were taken from it, the next one lowest, and how many.
    bits: u64,
    count: u32,
}

impl<'a> Codes<'a> {
    fn code(&mut self, width: u32) -> Result<usize> {
        while self.count < width {
            if self.block.is_empty() {
                self.next_block()?;
            }
            while self.count <= u64::BITS - 8
                && let Some((&byte, rest)) = self.block.split_first()
            {
                self.bits |= u64::from(byte) << self.count;
                self.count += 8;
                self.block = rest;
            }
        }
        let code = self.bits & ((1 << width) - 1);
        self.bits >>= width;
        self.count -= width;
        Ok(code as usize)
    }

    /// An empty block ends nothing, and one that is not whole is not begun.
    fn next_block(&mut self) -> Result<()> {
        self.supply(self.at + 1)?;
        let length = self.bytes.get(self.at).map_or(0, |&length| usize::from(length));
        let start = self.at + 1;
        self.supply(start + length)?;
        self.block = self.bytes.get(start..start + length).unwrap_or_default();
        self.at = start + length;
        Ok(())
    }

    fn supply(&mut self, end: usize) -> Result<()> {
        while self.supplied < end {
            self.read_on("GIF cut short in its first frame")?;
        }
        Ok(())
    }

    /// Pillow leaves off at the code that ends the data. If there is more of the file that it hasn't looked at yet, it
    /// goes on, and otherwise takes the file for cut.
    fn after_end(&mut self) -> Result<()> {
        self.read_on("GIF cut short: the first frame's data ends before its last pixel")
    }

    fn read_on(&mut self, failure: &str) -> Result<()> {
        if self.supplied >= self.bytes.len() {
            return Err(Error::new(ErrorKind::Decode, failure));
        }
        self.supplied = self.supplied.saturating_add(PORTION).min(self.bytes.len());
        Ok(())
    }
}
