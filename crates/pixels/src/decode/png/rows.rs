//! The pixels' data, unpacked into filtered rows.
//!
//! A window holds what later bytes may refer to, and the rows that have not been taken yet; rows are unfiltered on their way out
//! of it, since unpacking needs the bytes as they were.

use super::chunks::{Data, broken};
use crate::Result;
use crate::inflate::{Inflate, WINDOW};
use crate::memory;

/// What is unpacked at a time, if rows are no longer.
const SPACE: usize = 128 << 10;

/// Filtered rows, one after the other.
pub(super) struct Rows<'a> {
    data: Data<'a>,
    inflate: Inflate,
    /// What has not been unpacked of the piece of data at hand, and whether anything has come out of it.
    piece: &'a [u8],
    needs_piece: bool,
    piece_gave: bool,
    window: Vec<u8>,
    /// In the window: where the next row begins, and where unpacked bytes end.
    taken: usize,
    at: usize,
    /// How many bytes the picture still has behind `at`.
    left: u64,
    /// How many rows have been taken.
    count: usize,
}

/// How many bytes the window has for rows of up to `length` bytes.
pub(super) fn memory(length: usize) -> usize {
    WINDOW.saturating_add(SPACE.max(length.saturating_add(1)))
}

impl<'a> Rows<'a> {
    /// Rows of up to `length` bytes, and of `all` bytes together, filters counted in.
    pub(super) fn new(data: Data<'a>, length: usize, all: u64) -> Result<Self> {
        Ok(Self {
            data,
            inflate: Inflate::new(),
            piece: &[],
            needs_piece: true,
            piece_gave: false,
            window: memory::zeroed(memory(length), 1, 1)?,
            taken: 0,
            at: 0,
            left: all,
            count: 0,
        })
    }

    /// The next row, of `length` bytes: its filter, and the filtered bytes. None where the data end before it, as they should
    /// not, but may.
    ///
    /// # Errors
    /// `Decode` for data that are broken, or that end or miss their checksum within a row.
    pub(super) fn next(&mut self, length: usize) -> Result<Option<(u8, &[u8])>> {
        while self.at - self.taken <= length {
            if !self.unpack()? {
                return Ok(None);
            }
        }
        let row = &self.window[self.taken..self.taken + 1 + length];
        self.taken += 1 + length;
        self.count += 1;
        let (filter, row) = (row[0], &row[1..]);
        if filter > 4 {
            return Err(broken(format_args!("row {} has a filter of number {filter}", self.count - 1)));
        }
        Ok(Some((filter, row)))
    }

    /// Unpacks some more. `false` where the data end behind a row.
    fn unpack(&mut self) -> Result<bool> {
        if self.at == self.window.len() {
            let keep = self.taken.min(self.at - WINDOW);
            self.window.copy_within(keep..self.at, 0);
            self.taken -= keep;
            self.at -= keep;
        }
        if self.inflate.is_done() {
            // As Pillow has it: the stream's end must have come with the last bytes before it.
            if self.piece_gave && self.at == self.taken {
                return Ok(false);
            }
            return Err(broken(format_args!("its data end in row {}", self.count)));
        }
        if self.needs_piece {
            let none = || broken(format_args!("its data are cut off in row {}", self.count));
            self.piece = self.data.piece().ok_or_else(none)?;
            self.needs_piece = false;
            self.piece_gave = false;
        }
        let space = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.window.len() - self.at);
        let end = self.at + space;
        let at = self
            .inflate
            .read(&mut self.piece, &mut self.window[..end], self.at)
            .map_err(|what| broken(format_args!("in row {} or the next ones: {what}", self.count)))?;
        self.left -= (at - self.at) as u64;
        self.piece_gave |= at > self.at;
        self.needs_piece = at < end;
        self.at = at;
        Ok(true)
    }
}
