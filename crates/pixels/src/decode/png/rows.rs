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
    /// What has not been unpacked of the piece of data at hand, and whether a row has been taken since it was.
    piece: &'a [u8],
    piece_gave: bool,
    /// Where in all the unpacked bytes the piece was used up.
    used_up_at: Option<u64>,
    /// Whether there was less space than the last piece gives.
    was_full: bool,
    window: Vec<u8>,
    /// In the window: where the next row begins, and where unpacked bytes end.
    taken: usize,
    at: usize,
    /// How many bytes the picture still has behind `at`; and how many have been taken.
    left: u64,
    all_taken: u64,
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
        // A small picture has space in it as a whole.
        let space = usize::try_from(all).unwrap_or(usize::MAX).min(memory(length));
        Ok(Self {
            data,
            inflate: Inflate::new(),
            piece: &[],
            piece_gave: false,
            used_up_at: Some(0),
            was_full: false,
            window: memory::zeroed(space, 1, 1)?,
            taken: 0,
            at: 0,
            left: all,
            all_taken: 0,
            count: 0,
        })
    }

    /// The next row, of `length` bytes: its filter, and the filtered bytes. None where the data end before it, as they should
    /// not, but may.
    ///
    /// # Errors
    /// `Decode` for data that are broken, or that end or miss their checksum within a row.
    pub(super) fn next(&mut self, length: usize) -> Result<Option<(u8, &[u8])>> {
        loop {
            let waits = self.waits_for_piece();
            if !waits && self.at - self.taken > length {
                break;
            }
            if !self.unpack(waits || self.used_up_at.is_some() && !self.was_full)? {
                return Ok(None);
            }
        }
        let row = &self.window[self.taken..self.taken + 1 + length];
        self.taken += 1 + length;
        self.all_taken += 1 + length as u64;
        self.count += 1;
        self.piece_gave = true;
        let (filter, row) = (row[0], &row[1..]);
        if filter > 4 {
            return Err(broken(format_args!("row {} has a filter of number {filter}", self.count - 1)));
        }
        Ok(Some((filter, row)))
    }

    /// Whether the next row is none of the current piece, even if all its bytes are there. Pillow unpacks a row at a time, and as
    /// long as there is input: when that has been used up by a row, or by a glance at what follows it, the next row has to wait.
    fn waits_for_piece(&self) -> bool {
        self.used_up_at.is_some_and(|place| place <= self.all_taken && (self.all_taken > 0 || self.at == 0))
    }

    /// Unpacks some more, of the next piece if it is time for that. `false` where the data end behind a row.
    fn unpack(&mut self, takes_piece: bool) -> Result<bool> {
        if self.at == self.window.len() {
            let keep = self.taken.min(self.at.saturating_sub(WINDOW));
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
        if takes_piece {
            let none = || broken(format_args!("its data are cut off in row {}", self.count));
            self.piece = self.data.piece().ok_or_else(none)?;
            self.piece_gave = false;
            self.used_up_at = None;
        }
        let space = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.window.len() - self.at);
        let end = self.at + space;
        let at = self
            .inflate
            .read(&mut self.piece, &mut self.window[..end], self.at)
            .map_err(|what| broken(format_args!("in row {} or the next ones: {what}", self.count)))?;
        self.left -= (at - self.at) as u64;
        self.at = at;
        self.was_full = at == end;
        let place = |place: usize| (self.all_taken + place as u64).saturating_sub(self.taken as u64);
        self.used_up_at = self.used_up_at.or(self.inflate.used_up_at().map(place));
        Ok(true)
    }
}
