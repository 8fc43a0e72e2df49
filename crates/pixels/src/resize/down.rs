//! Resampling across stored rows, while they come: of the picture only as many rows are held as one output row is made
//! of, and what comes meanwhile.

use std::ops::Range;

use super::axis::Taps;
use super::change::Change;
use super::passes;
use crate::Result;
use crate::memory;

/// Takes the input rows that the outputs `kept` are made of, in their order, and gives output rows as soon as they can
/// be made.
pub(super) struct Down {
    change: Change,
    kept: Range<usize>,
    /// Do the last outputs come first?
    flipped: bool,
    /// Output rows that are done.
    done: usize,
    row_length: usize,
    /// Rows from input row `first` on, `filled` of them, with room for `capacity`.
    held: Vec<u8>,
    capacity: usize,
    first: usize,
    filled: usize,
    taps: Taps,
}

impl Down {
    /// The bytes that are held for rows of `row_length` bytes, which come up to `band` at a time.
    pub(super) fn memory(change: &Change, kept: &Range<usize>, row_length: usize, band: usize) -> u64 {
        (Self::capacity(change, kept, band) as u64).saturating_mul(row_length as u64)
    }

    /// Twice the rows of an output row: so each is moved once at most, to make room.
    fn capacity(change: &Change, kept: &Range<usize>, band: usize) -> usize {
        change.widest().saturating_mul(2).saturating_add(band).min(change.inputs(kept).len())
    }

    pub(super) fn new(
        change: Change,
        kept: Range<usize>,
        flipped: bool,
        row_length: usize,
        band: usize,
    ) -> Result<Self> {
        let capacity = Self::capacity(&change, &kept, band);
        Ok(Self {
            first: change.inputs(&kept).start,
            held: memory::zeroed(row_length, capacity, 1)?,
            change,
            kept,
            flipped,
            done: 0,
            row_length,
            capacity,
            filled: 0,
            taps: Taps::default(),
        })
    }

    /// The place of the next `count` input rows, no more than `band`; all rows that are [`ready`](Self::ready) must
    /// have been made.
    pub(super) fn room(&mut self, count: usize) -> &mut [u8] {
        if self.filled + count > self.capacity {
            let end = self.first + self.filled;
            let needed = self.upcoming().map_or(end, |output| self.change.window(output).start.clamp(self.first, end));
            let dropped = needed - self.first;
            self.held.copy_within(dropped * self.row_length..self.filled * self.row_length, 0);
            self.first += dropped;
            self.filled -= dropped;
        }
        let start = self.filled * self.row_length;
        self.filled += count;
        &mut self.held[start..start + count * self.row_length]
    }

    /// The next output row that is not black.
    fn upcoming(&mut self) -> Option<usize> {
        while self.done < self.kept.len() {
            let output = if self.flipped { self.kept.end - 1 - self.done } else { self.kept.start + self.done };
            if !self.change.window(output).is_empty() {
                return Some(output);
            }
            self.done += 1;
        }
        None
    }

    /// The place, among the kept ones, of the next output row, if all that it is made of is there.
    pub(super) fn ready(&mut self) -> Option<usize> {
        let output = self.upcoming()?;
        let there = self.change.window(output).end <= self.first + self.filled;
        there.then(|| output - self.kept.start)
    }

    /// Makes the row that is [`ready`](Self::ready), in `out`.
    pub(super) fn make(&mut self, place: usize, out: &mut [u8]) -> Result<()> {
        let output = self.kept.start + place;
        let start = (self.change.window(output).start - self.first) * self.row_length;
        match &self.change {
            Change::Weighted(axis) => {
                self.taps.set_row(axis, output)?;
                passes::vertical(&self.held[start..], self.row_length, &self.taps, out);
            }
            Change::Same { .. } | Change::Nearest { .. } => {
                out.copy_from_slice(&self.held[start..start + self.row_length]);
            }
        }
        self.done += 1;
        Ok(())
    }

    /// Whether every row has been made.
    pub(super) fn is_done(&mut self) -> bool {
        self.upcoming().is_none()
    }
}
