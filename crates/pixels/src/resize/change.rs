//! A change of size along one axis of the stored picture: a plan of it, and the input pixels of each output.

use std::ops::Range;

use super::axis::Axis;
use super::{ResizeFilter, nearest};
use crate::Result;

/// A change of size along one axis, and which of its outputs are wanted.
///
/// Outputs are counted from the upright picture's first one; inputs as they are stored, in reverse where `flipped`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    rule: Rule,
    flipped: bool,
    outputs: Range<usize>,
    inputs: Range<usize>,
}

/// How outputs are made of inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rule {
    /// One of one, as many as there are.
    Copied { length: usize },
    /// One of the nearest one.
    Nearest { inputs: usize, outputs: usize },
    /// Weighted sums.
    Weighted(Axis),
}

impl Change {
    /// From `inputs` pixels to `outputs`, of which those in `wanted` are needed, one at least.
    pub(crate) fn new(
        inputs: usize,
        outputs: usize,
        filter: ResizeFilter,
        wanted: Range<usize>,
        flipped: bool,
    ) -> Self {
        let (rule, needed) = match filter {
            _ if inputs == outputs => {
                let needed = if flipped { inputs - wanted.end..inputs - wanted.start } else { wanted.clone() };
                (Rule::Copied { length: inputs }, needed)
            }
            ResizeFilter::Nearest => {
                let Range { start, end } = nearest::inputs(inputs, outputs, wanted.clone());
                let needed = if flipped { inputs - end..inputs - start } else { start..end };
                (Rule::Nearest { inputs, outputs }, needed)
            }
            _ => {
                let axis = Axis::new(inputs, outputs, filter, flipped);
                (Rule::Weighted(axis), axis.inputs(&wanted))
            }
        };
        Self { rule, flipped, outputs: wanted, inputs: needed }
    }

    pub(crate) fn is_weighted(&self) -> bool {
        matches!(self.rule, Rule::Weighted(_))
    }

    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }

    pub(super) fn is_flipped(&self) -> bool {
        self.flipped
    }

    /// The outputs that are wanted.
    pub(crate) fn outputs(&self) -> Range<usize> {
        self.outputs.clone()
    }

    /// The inputs that any of these is made of.
    pub(crate) fn inputs(&self) -> Range<usize> {
        self.inputs.clone()
    }

    /// The most inputs that an output is made of.
    pub(super) fn widest(&self) -> usize {
        match &self.rule {
            Rule::Weighted(axis) => axis.widest(),
            Rule::Copied { .. } | Rule::Nearest { .. } => 1,
        }
    }
}

/// The inputs of each output of a [`Change`].
pub(super) struct Windows {
    rule: Rule,
    flipped: bool,
    first: usize,
    /// Of `Nearest` alone.
    positions: Vec<usize>,
}

impl Windows {
    /// # Errors
    /// `OutOfMemory`.
    pub(super) fn new(change: &Change) -> Result<Self> {
        let positions = match change.rule {
            Rule::Nearest { inputs, outputs } => nearest::positions(inputs, outputs, change.outputs())?,
            Rule::Copied { .. } | Rule::Weighted(_) => Vec::new(),
        };
        Ok(Self { rule: change.rule, flipped: change.flipped, first: change.outputs.start, positions })
    }

    /// The inputs that a wanted output is made of. None at all make it black.
    pub(super) fn of(&self, output: usize) -> Range<usize> {
        let (length, position) = match &self.rule {
            Rule::Weighted(axis) => return axis.window(output),
            Rule::Copied { length } => (*length, Some(output)),
            Rule::Nearest { inputs, .. } => (*inputs, self.positions.get(output - self.first).copied()),
        };
        match position {
            None => 0..0,
            Some(position) if self.flipped => length - 1 - position..length - position,
            Some(position) => position..position + 1,
        }
    }
}
