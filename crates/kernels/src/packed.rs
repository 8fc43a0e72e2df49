//! A linear layer's weight, packed for the arithmetic that was chosen: one type, and one function, for both products.

use super::{Isa, Output, PackedF32, PackedF32Builder, PackedInt8, PackedInt8Builder, Pool, Rotation, Workspace};
use crate::error::{Error, Result};

/// How a weight is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// In single precision.
    F32,
    /// In 8 bits.
    Int8(Rotation),
}

impl Packing {
    /// About the memory that a packed weight takes.
    pub fn bytes(self, outputs: usize, inputs: usize) -> usize {
        match self {
            Self::F32 => outputs * inputs * size_of::<f32>(),
            // A step, a sum and a bias for each output.
            Self::Int8(_) => outputs * (inputs + 3 * size_of::<f32>()),
        }
    }
}

/// A packed weight with its bias.
pub enum Packed {
    /// In single precision.
    F32(PackedF32),
    /// In 8 bits.
    Int8(PackedInt8),
}

/// Takes the rows of a weight one by one, as they come from the file.
pub enum PackedBuilder {
    /// For single precision.
    F32(PackedF32Builder),
    /// For 8 bits.
    Int8(PackedInt8Builder),
}

impl PackedBuilder {
    /// For a weight of `outputs` rows of `inputs` values, on this processor.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(packing: Packing, outputs: usize, inputs: usize) -> Result<Self> {
        let isa = Isa::best();
        Ok(match packing {
            Packing::F32 => Self::F32(PackedF32::builder(isa, outputs, inputs)?),
            Packing::Int8(rotation) => Self::Int8(PackedInt8::builder(isa, outputs, inputs, rotation)?),
        })
    }

    /// The next row: the weights of one output. Where it is packed in 8 bits it is given back so, with its step.
    pub fn push_row(&mut self, row: &[f32]) -> Result<Option<(&[i8], f32)>> {
        match self {
            Self::F32(builder) => builder.push_row(row).map(|()| None),
            Self::Int8(builder) => builder.push_row(row).map(Some),
        }
    }

    /// The next row, in 8 bits already; only for a weight that is packed so.
    pub fn push_quantized(&mut self, row: &[i8]) -> Result<()> {
        match self {
            Self::F32(_) => Err(Error::Compute("a row in 8 bits for a weight in single precision".to_owned())),
            Self::Int8(builder) => builder.push_quantized(row),
        }
    }

    /// The steps of the rows that [`push_quantized`](Self::push_quantized) was given.
    pub fn set_steps(&mut self, steps: &[f32]) -> Result<()> {
        match self {
            Self::F32(_) => Ok(()),
            Self::Int8(builder) => builder.set_steps(steps),
        }
    }

    /// The packed layer, once all rows are there.
    pub fn finish(self, bias: Option<&[f32]>) -> Result<Packed> {
        Ok(match self {
            Self::F32(builder) => Packed::F32(builder.finish(bias)?),
            Self::Int8(builder) => Packed::Int8(builder.finish(bias)?),
        })
    }
}

impl Packed {
    /// Channels out.
    pub fn outputs(&self) -> usize {
        match self {
            Self::F32(packed) => packed.outputs(),
            Self::Int8(packed) => packed.outputs(),
        }
    }
}

/// One of the layers that multiply the same rows.
pub struct Layer<'a, Weight = Packed> {
    /// What the rows are multiplied with.
    pub weight: &'a Weight,
    /// What becomes of the product.
    pub output: Output,
    /// Where it goes: (rows, outputs).
    pub y: &'a mut [f32],
}

/// Multiplies `x` (rows, inputs) with the weight of each layer. Where a weight has 8 bits, the rows of `x` named by
/// `fine`, in order, are taken in twice as many: an embedding is made of them.
///
/// # Errors
/// [`Error::Compute`] for slices of another length, or layers of several kinds; [`Error::OutOfMemory`].
pub fn multiply(
    layers: Vec<Layer<'_>>,
    x: &[f32],
    rows: usize,
    fine: &[usize],
    workspace: &mut Workspace,
    pool: &dyn Pool,
) -> Result<()> {
    let (mut single, mut int8) = (Vec::with_capacity(layers.len()), Vec::with_capacity(layers.len()));
    for Layer { weight, output, y } in layers {
        match weight {
            Packed::F32(weight) => single.push(Layer { weight, output, y }),
            Packed::Int8(weight) => int8.push(Layer { weight, output, y }),
        }
    }
    match (single.is_empty(), int8.is_empty()) {
        (_, true) => PackedF32::multiply(single, x, rows, workspace, pool),
        (true, _) => PackedInt8::multiply(int8, x, rows, fine, workspace, pool),
        _ => Err(Error::Compute("kernels: layers in 8 bits and in single precision at once".to_owned())),
    }
}
