//! Resampling along stored rows: a row in, the wanted part of a row out.

use simd::Isa;

use super::change::{Change, Rule, Windows};
use super::kernels;
use super::taps::Taps;
use crate::Result;
use crate::pixels::Rows;

/// Weights held at a time; more are computed in several rounds.
const MAX_TAPS_HELD: usize = 4 << 20;

/// Turns rows of RGB pixels, those of [`Change::inputs`], into rows of [`Change::outputs`].
pub(crate) struct Horizontal {
    change: Change,
    windows: Windows,
    /// The weights of all outputs, where they can be held.
    taps: Option<Taps>,
    isa: Isa,
}

impl Horizontal {
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn new(change: Change, isa: Isa) -> Result<Self> {
        let outputs = change.outputs();
        let taps = match change.rule() {
            Rule::Weighted(axis) if outputs.len().saturating_mul(change.widest()) <= MAX_TAPS_HELD => {
                Some(Taps::of_columns(axis, outputs, change.inputs().start, MAX_TAPS_HELD)?.0)
            }
            _ => None,
        };
        Ok(Self { windows: Windows::new(&change)?, change, taps, isa })
    }

    /// Bytes of a row that comes out.
    pub(crate) fn row_length(&self) -> usize {
        self.change.outputs().len() * 3
    }

    /// Fills the tightly packed rows of `out`, one for each of `rows`.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub(crate) fn resample(&self, rows: Rows<'_>, out: &mut [u8]) -> Result<()> {
        match self.change.rule() {
            Rule::Weighted(axis) => {
                let (first_input, outputs, output_stride) =
                    (self.change.inputs().start, self.change.outputs(), self.row_length());
                if let Some(taps) = &self.taps {
                    self.isa.run_bytes(kernels::Horizontal { rows, taps, output: out, output_stride });
                    return Ok(());
                }
                let mut done = outputs.start;
                while done < outputs.end {
                    let (taps, next) = Taps::of_columns(axis, done..outputs.end, first_input, MAX_TAPS_HELD)?;
                    let output = &mut out[(done - outputs.start) * 3..];
                    self.isa.run_bytes(kernels::Horizontal { rows, taps: &taps, output, output_stride });
                    done = next;
                }
            }
            Rule::Copied { .. } if !self.change.is_flipped() => {
                for (out, row) in out.chunks_exact_mut(self.row_length()).zip(rows.iter()) {
                    out.copy_from_slice(&row[..out.len()]);
                }
            }
            Rule::Copied { .. } | Rule::Nearest { .. } => {
                for (out, row) in out.chunks_exact_mut(self.row_length()).zip(rows.iter()) {
                    self.pick(row.as_chunks().0, out.as_chunks_mut().0);
                }
            }
        }
        Ok(())
    }

    /// A row whose pixels each are one of `row`, or black.
    fn pick(&self, row: &[[u8; 3]], out: &mut [[u8; 3]]) {
        for (to, output) in out.iter_mut().zip(self.change.outputs()) {
            let window = self.windows.of(output);
            *to = if window.is_empty() { [0; 3] } else { row[window.start - self.change.inputs().start] };
        }
    }
}
