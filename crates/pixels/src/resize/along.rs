//! Resampling along stored rows: a row in, the kept part of a row out.

use std::ops::Range;

use super::axis::Taps;
use super::change::Change;
use super::passes;
use crate::Result;

/// Weights held at a time; more are computed in several rounds.
const MAX_TAPS_HELD: usize = 4 << 20;

/// Turns RGB rows, of the input pixels `needed`, into rows of the outputs `kept`.
pub(super) struct Along {
    change: Change,
    kept: Range<usize>,
    needed: Range<usize>,
    /// The weights of all outputs, where they can be held.
    taps: Option<Taps>,
}

impl Along {
    pub(super) fn new(change: Change, kept: Range<usize>) -> Result<Self> {
        let needed = change.inputs(&kept);
        let taps = match &change {
            Change::Weighted(axis) if kept.len().saturating_mul(change.widest()) <= MAX_TAPS_HELD => {
                Some(Taps::of_columns(axis, kept.clone(), needed.start, MAX_TAPS_HELD)?.0)
            }
            _ => None,
        };
        Ok(Self { change, kept, needed, taps })
    }

    /// How many pixels come of a row.
    pub(super) fn width(&self) -> usize {
        self.kept.len()
    }

    /// Fills the tightly packed rows of `out` from `input`, whose rows begin `stride` bytes after each other.
    pub(super) fn apply(&self, input: &[u8], stride: usize, out: &mut [u8]) -> Result<()> {
        let row_length = self.width() * 3;
        match &self.change {
            Change::Weighted(axis) => {
                let rows = out.len() / row_length;
                if let Some(taps) = &self.taps {
                    passes::horizontal(input, stride, rows, taps, out, row_length);
                    return Ok(());
                }
                let mut done = self.kept.start;
                while done < self.kept.end {
                    let round = done..self.kept.end;
                    let (taps, next) = Taps::of_columns(axis, round, self.needed.start, MAX_TAPS_HELD)?;
                    let out = &mut out[(done - self.kept.start) * 3..];
                    passes::horizontal(input, stride, rows, &taps, out, row_length);
                    done = next;
                }
            }
            Change::Same { flipped: false, .. } => {
                for (out, row) in out.chunks_exact_mut(row_length).zip(input.chunks(stride)) {
                    out.copy_from_slice(&row[..row_length]);
                }
            }
            Change::Same { .. } | Change::Nearest { .. } => {
                for (out, row) in out.chunks_exact_mut(row_length).zip(input.chunks(stride)) {
                    let (pixels, _) = row.as_chunks::<3>();
                    for (to, output) in out.as_chunks_mut::<3>().0.iter_mut().zip(self.kept.clone()) {
                        let window = self.change.window(output);
                        *to = if window.is_empty() { [0; 3] } else { pixels[window.start - self.needed.start] };
                    }
                }
            }
        }
        Ok(())
    }
}
