//! A linear layer's weight, packed for the arithmetic that was chosen: one type for both products.

use super::{Isa, Output, PackedF32, PackedF32Builder, PackedInt8, PackedInt8Builder, Pool, Rotation, Workspace};
use crate::error::Result;

/// How a weight is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// In single precision.
    F32,
    /// In 8 bits.
    Int8(Rotation),
}

impl Packing {
    /// About the memory that a packed weight takes.
    pub(crate) fn bytes(self, outputs: usize, inputs: usize) -> usize {
        match self {
            Self::F32 => outputs * inputs * size_of::<f32>(),
            // A step, a sum and a bias for each output.
            Self::Int8(_) => outputs * (inputs + 3 * size_of::<f32>()),
        }
    }
}

/// A packed weight with its bias.
pub(crate) enum Packed {
    F32(PackedF32),
    Int8(PackedInt8),
}

/// Takes the rows of a weight one by one, as they come from the file.
pub(crate) enum PackedBuilder {
    F32(PackedF32Builder),
    Int8(PackedInt8Builder),
}

impl PackedBuilder {
    /// For a weight of `outputs` rows of `inputs` values, on this processor.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`](crate::error::ErrorKind::OutOfMemory).
    pub(crate) fn new(packing: Packing, outputs: usize, inputs: usize) -> Result<Self> {
        let isa = Isa::best();
        Ok(match packing {
            Packing::F32 => Self::F32(PackedF32::builder(isa, outputs, inputs)?),
            Packing::Int8(rotation) => Self::Int8(PackedInt8::builder(isa, outputs, inputs, rotation)?),
        })
    }

    /// The next row: the weights of one output.
    pub(crate) fn push_row(&mut self, row: &[f32]) -> Result<()> {
        match self {
            Self::F32(builder) => builder.push_row(row),
            Self::Int8(builder) => builder.push_row(row),
        }
    }

    /// The packed layer, once all rows are there.
    pub(crate) fn finish(self, bias: Option<&[f32]>) -> Result<Packed> {
        Ok(match self {
            Self::F32(builder) => Packed::F32(builder.finish(bias)?),
            Self::Int8(builder) => Packed::Int8(builder.finish(bias)?),
        })
    }
}

impl Packed {
    /// Channels out.
    pub(crate) fn outputs(&self) -> usize {
        match self {
            Self::F32(packed) => packed.outputs(),
            Self::Int8(packed) => packed.outputs(),
        }
    }

    /// Multiplies `x` (rows, inputs) into `y` (rows, outputs).
    pub(crate) fn matmul(
        &self,
        x: &[f32],
        rows: usize,
        output: Output,
        y: &mut [f32],
        workspace: &mut Workspace,
        pool: &dyn Pool,
    ) -> Result<()> {
        match self {
            Self::F32(packed) => packed.matmul(x, rows, output, y, workspace, pool),
            Self::Int8(packed) => packed.matmul(x, rows, output, y, workspace, pool),
        }
    }
}
