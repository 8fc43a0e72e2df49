//! What a resampling does along one axis: which input pixels, in the order in which they are stored, each output pixel
//! is made of.

use std::ops::Range;

use super::axis::Axis;
use super::{ResizeFilter, nearest};
use crate::Result;

/// A change of size along one axis, of which the outputs `kept` are wanted.
pub(super) enum Change {
    /// None, but the pixels may come in reverse.
    Same { inputs: usize, flipped: bool },
    /// The input pixel of each kept output; `None` where it lies outside.
    Nearest { kept: Range<usize>, positions: Vec<Option<usize>> },
    /// Weighted sums.
    Weighted(Axis),
}

impl Change {
    /// From `inputs` pixels to `outputs`, of which `kept` are wanted.
    pub(super) fn new(
        inputs: usize,
        outputs: usize,
        filter: ResizeFilter,
        kept: &Range<usize>,
        flipped: bool,
    ) -> Result<Self> {
        if inputs == outputs {
            return Ok(Self::Same { inputs, flipped });
        }
        if filter != ResizeFilter::Nearest {
            return Ok(Self::Weighted(Axis::new(inputs, outputs, filter, flipped)));
        }
        let mut positions = nearest::positions(inputs, outputs, kept.clone())?;
        if flipped {
            positions.iter_mut().flatten().for_each(|position| *position = inputs - 1 - *position);
        }
        Ok(Self::Nearest { kept: kept.clone(), positions })
    }

    pub(super) fn is_weighted(&self) -> bool {
        matches!(self, Self::Weighted(_))
    }

    /// The input pixels that a kept output is made of, as they come. None at all make it black.
    pub(super) fn window(&self, output: usize) -> Range<usize> {
        match self {
            Self::Same { inputs, flipped: true } => inputs - 1 - output..inputs - output,
            Self::Same { .. } => output..output + 1,
            Self::Nearest { kept, positions } => match positions.get(output - kept.start).copied().flatten() {
                Some(position) => position..position + 1,
                None => 0..0,
            },
            Self::Weighted(axis) => axis.window(output),
        }
    }

    /// The input pixels that any of the outputs `kept` is made of, as they come; one where there is none.
    pub(super) fn inputs(&self, kept: &Range<usize>) -> Range<usize> {
        match self {
            Self::Same { inputs, flipped: true } => inputs - kept.end..inputs - kept.start,
            Self::Same { .. } => kept.clone(),
            Self::Nearest { positions, .. } => {
                let inside = || positions.iter().flatten().copied();
                match (inside().min(), inside().max()) {
                    (Some(least), Some(most)) => least..most + 1,
                    _ => 0..1,
                }
            }
            Self::Weighted(axis) => axis.inputs(kept),
        }
    }

    /// The most input pixels that an output is made of.
    pub(super) fn widest(&self) -> usize {
        match self {
            Self::Weighted(axis) => axis.widest(),
            Self::Same { .. } | Self::Nearest { .. } => 1,
        }
    }
}
