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
    /// About how many bytes of memory a packed weight takes; the largest number for more than there are addresses.
    pub fn bytes(self, outputs: usize, inputs: usize) -> usize {
        match self {
            Self::F32 => outputs.saturating_mul(inputs).saturating_mul(size_of::<f32>()),
            // A step, a sum and a bias for each output.
            Self::Int8(_) => outputs.saturating_mul(inputs.saturating_add(3 * size_of::<f32>())),
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
    /// For a weight of `outputs` rows of `inputs` values, multiplied with the instructions of `isa`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(isa: Isa, packing: Packing, outputs: usize, inputs: usize) -> Result<Self> {
        Ok(match packing {
            Packing::F32 => Self::F32(PackedF32::builder(isa, outputs, inputs)?),
            Packing::Int8(rotation) => Self::Int8(PackedInt8::builder(isa, outputs, inputs, rotation)?),
        })
    }

    /// The next row: the weights of one output. Where it is packed in 8 bits it is given back so, with its step.
    ///
    /// # Errors
    /// [`Error::Weights`] for a row of another length, or one too many.
    pub fn push_row(&mut self, row: &[f32]) -> Result<Option<(&[i8], f32)>> {
        match self {
            Self::F32(builder) => builder.push_row(row).map(|()| None),
            Self::Int8(builder) => builder.push_row(row).map(Some),
        }
    }

    /// The next row, in 8 bits already; only for a weight that is packed so.
    ///
    /// # Errors
    /// [`Error::Weights`] for a row of another length, one too many, or a weight in single precision.
    pub fn push_quantized(&mut self, row: &[i8]) -> Result<()> {
        match self {
            Self::F32(_) => Err(Error::Weights("a row in 8 bits for a weight in single precision".to_owned())),
            Self::Int8(builder) => builder.push_quantized(row),
        }
    }

    /// The steps of the rows that [`push_quantized`](Self::push_quantized) was given; in single precision there are none, and
    /// they are ignored.
    ///
    /// # Errors
    /// [`Error::Weights`] for another number of them.
    pub fn set_steps(&mut self, steps: &[f32]) -> Result<()> {
        match self {
            Self::F32(_) => Ok(()),
            Self::Int8(builder) => builder.set_steps(steps),
        }
    }

    /// The packed layer, once all rows are there; `bias` has one value for each output.
    ///
    /// # Errors
    /// [`Error::Weights`] for missing rows or a bias of another length; [`Error::OutOfMemory`].
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

/// Multiplies `x` (rows, inputs) with the weight of each layer. Where weights have 8 bits, the rows of `x` named by `fine`, in
/// ascending order, are taken in 14 bits instead of seven: those that an embedding is made of.
///
/// ```
/// use kernels::{Activation, Isa, Layer, Output, PackedBuilder, Packing, Serial, Workspace, multiply};
///
/// // Two outputs of three inputs, and a bias.
/// let mut builder = PackedBuilder::new(Isa::best(), Packing::F32, 2, 3)?;
/// builder.push_row(&[1.0, 2.0, 3.0])?;
/// builder.push_row(&[0.0, 0.5, 0.0])?;
/// let weight = builder.finish(Some(&[10.0, 20.0]))?;
///
/// let x = [1.0, 1.0, 1.0, 0.0, 4.0, 0.0]; // two rows
/// let mut y = [0.0; 4];
/// let layer = Layer { weight: &weight, output: Output::Set(Activation::None), y: &mut y };
/// multiply(vec![layer], &x, 2, &[], &mut Workspace::new(), &Serial)?;
/// assert_eq!(y, [16.0, 20.5, 18.0, 22.0]);
/// # Ok::<(), kernels::Error>(())
/// ```
///
/// # Errors
/// [`Error::Compute`] for slices of another length, `fine` rows that don't exist or are out of order, or layers packed in
/// different ways; [`Error::OutOfMemory`].
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
