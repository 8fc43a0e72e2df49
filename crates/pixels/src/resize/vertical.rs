//! Resampling across stored rows, while they come: of the picture only as many rows are held as one output row is made
//! of, and what comes meanwhile.

use simd::Isa;

use super::BAND_ROWS;
use super::change::{Change, Rule, Windows};
use super::kernels;
use super::taps::Taps;
use crate::Result;
use crate::memory;

/// Takes the rows of [`Change::inputs`] in their order, and gives those of [`Change::outputs`] as soon as they can be
/// made: from the last one on where the picture is stored upside down.
pub(crate) struct Vertical {
    change: Change,
    windows: Windows,
    /// Output rows that are done.
    done: usize,
    row_length: usize,
    /// Rows from input row `first` on, `filled` of them, with space for `capacity`.
    held: Vec<u8>,
    capacity: usize,
    first: usize,
    filled: usize,
    taps: Taps,
    isa: Isa,
}

impl Vertical {
    /// The bytes that are held for rows of `row_length` bytes.
    pub(crate) fn memory(change: &Change, row_length: usize) -> u64 {
        (Self::capacity(change) as u64).saturating_mul(row_length as u64)
    }

    /// Twice the rows of an output row: so each is moved once at most, to make space.
    fn capacity(change: &Change) -> usize {
        change.widest().saturating_mul(2).saturating_add(BAND_ROWS).min(change.inputs().len())
    }

    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn new(change: Change, row_length: usize, isa: Isa) -> Result<Self> {
        let capacity = Self::capacity(&change);
        Ok(Self {
            windows: Windows::new(&change)?,
            first: change.inputs().start,
            held: memory::zeroed(row_length, capacity, 1)?,
            change,
            done: 0,
            row_length,
            capacity,
            filled: 0,
            taps: Taps::default(),
            isa,
        })
    }

    /// The place of the next `count` input rows, no more than [`BAND_ROWS`]; all rows that are [`ready`](Self::ready)
    /// must have been made.
    pub(crate) fn space(&mut self, count: usize) -> &mut [u8] {
        if self.filled + count > self.capacity {
            let end = self.first + self.filled;
            let needed = self.upcoming().map_or(end, |output| self.windows.of(output).start.clamp(self.first, end));
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
        let outputs = self.change.outputs();
        while self.done < outputs.len() {
            let flipped = self.change.is_flipped();
            let output = if flipped { outputs.end - 1 - self.done } else { outputs.start + self.done };
            if !self.windows.of(output).is_empty() {
                return Some(output);
            }
            self.done += 1;
        }
        None
    }

    /// The place, among the wanted ones, of the next output row, if all that it is made of is there.
    pub(crate) fn ready(&mut self) -> Option<usize> {
        let output = self.upcoming()?;
        let there = self.windows.of(output).end <= self.first + self.filled;
        there.then(|| output - self.change.outputs().start)
    }

    /// Makes the row that is [`ready`](Self::ready), in `output`.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn make(&mut self, place: usize, output: &mut [u8]) -> Result<()> {
        let row = self.change.outputs().start + place;
        let input = &self.held[(self.windows.of(row).start - self.first) * self.row_length..];
        match self.change.rule() {
            Rule::Weighted(axis) => {
                self.taps.set_row(axis, row)?;
                let (input_stride, taps) = (self.row_length, &self.taps);
                self.isa.run_bytes(kernels::Vertical { input, input_stride, taps, output });
            }
            Rule::Copied { .. } | Rule::Nearest { .. } => output.copy_from_slice(&input[..self.row_length]),
        }
        self.done += 1;
        Ok(())
    }

    /// Whether every row has been made.
    pub(crate) fn is_done(&mut self) -> bool {
        self.upcoming().is_none()
    }
}
