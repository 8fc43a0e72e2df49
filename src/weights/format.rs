//! How numbers are stored, what a tensor is for, and what follows from the two: where a tensor's rows go, and in
//! what it is recorded. Each rule stands here, once.

use super::{TensorSpec, invalid};
use crate::error::Result;
use half::{bf16, f16};
use kernels::{Packing, Rotation};
use safetensors::Dtype;

/// How the numbers of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Read only: what is kept is in single precision.
    F64,
    F32,
    F16,
    Bf16,
    /// Rows of 8-bit integers, with a step for each row in a tensor beside them.
    Int8,
    /// No numbers: the bytes of a file that the weights carry along.
    Bytes,
}

impl Format {
    /// `None` for a type that no weights are read of.
    pub(super) fn of(dtype: Dtype) -> Option<Self> {
        Some(match dtype {
            Dtype::F64 => Self::F64,
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::BF16 => Self::Bf16,
            Dtype::I8 => Self::Int8,
            Dtype::U8 => Self::Bytes,
            _ => return None,
        })
    }

    /// What a header calls it.
    pub(super) fn dtype(self) -> Dtype {
        match self {
            Self::F64 => Dtype::F64,
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
            Self::Int8 => Dtype::I8,
            Self::Bytes => Dtype::U8,
        }
    }
}

/// Floats.
impl Format {
    /// Bytes of one; `None` where there are none, or not without the steps of their rows.
    pub(super) fn float_bytes(self) -> Option<usize> {
        match self {
            Self::F64 => Some(8),
            Self::F32 => Some(4),
            Self::F16 | Self::Bf16 => Some(2),
            Self::Int8 | Self::Bytes => None,
        }
    }

    /// Reads the floats that stand in `bytes`, as many as `values` holds; none of a format that has none.
    pub(super) fn read_floats(self, bytes: &[u8], values: &mut [f32]) {
        fn each<const N: usize>(bytes: &[u8], values: &mut [f32], float: fn([u8; N]) -> f32) {
            let (whole, _) = bytes.as_chunks::<N>();
            whole.iter().zip(values).for_each(|(bytes, value)| *value = float(*bytes));
        }
        match self {
            Self::F64 => each(bytes, values, |bytes| f64::from_le_bytes(bytes) as f32),
            Self::F32 => each(bytes, values, f32::from_le_bytes),
            Self::F16 => each(bytes, values, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Self::Bf16 => each(bytes, values, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            Self::Int8 | Self::Bytes => {}
        }
    }
}

/// # Errors
/// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): one of these values, before which a tensor has `before` others, is
/// not finite.
pub(super) fn check_finite(values: &[f32], before: usize) -> Result<()> {
    match values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((at, value)) => Err(invalid(format!("not finite: value {} is {value}", before + at))),
        None => Ok(()),
    }
}

/// What a tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// The weight of the linear layer over patches of pixels: no channel is far larger than the others.
    Patches,
    /// The weight of a linear layer over the tokens of an encoder, some channels of which are far larger than the others.
    Hidden,
    /// The weight of the linear layer over the one token that becomes the embedding: nothing to gain by 8 bits.
    Projection,
    /// Rows that are looked up: embeddings of tokens or of positions.
    Table,
    /// The same, left where they stand, to be read one by one when they are looked up.
    Rows,
    /// A bias, a part of a layer norm, a class token.
    Vector,
    /// One number.
    Scalar,
    /// A file that the weights carry along, of any length.
    File,
}

/// What the tensors of a model are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The kernels of a CPU, in 8 bits where a use allows it.
    Cpu { int8: bool },
    /// A device that candle computes on, in single precision or in 16 bits.
    Candle { half: bool },
    /// A GPU that is given plans: in single precision, or with weights rounded to 8 bits as the kernels of a CPU have them.
    #[cfg(feature = "gpu")]
    Gpu { int8: bool },
    /// Only to be recorded.
    Recording,
}

impl Target {
    /// Bytes of a number that is not packed for a kernel.
    pub(super) fn float(self) -> usize {
        if self == (Self::Candle { half: true }) { 2 } else { size_of::<f32>() }
    }
}

/// What becomes of a tensor's rows when they have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// They are packed one by one, for a kernel.
    Packed(Packing),
    /// They are packed as a whole, for a GPU; rounded to 8 bits before, or as they are.
    #[cfg(feature = "gpu")]
    Matrix { int8: bool },
    /// They are collected in single precision.
    Floats,
    /// They are collected as they are.
    Bytes,
    /// They are discarded.
    Nowhere,
}

impl Destination {
    /// Whether rows arrive there in 8 bits, or as those were restored.
    pub(super) fn is_int8(self) -> bool {
        match self {
            Self::Packed(packing) => matches!(packing, Packing::Int8(_)),
            #[cfg(feature = "gpu")]
            Self::Matrix { int8 } => int8,
            Self::Floats | Self::Bytes | Self::Nowhere => false,
        }
    }
}

impl Use {
    /// How rows are rotated before they are quantized; `None` where they never are.
    pub(super) fn rotation(self) -> Option<Rotation> {
        match self {
            Self::Patches => Some(Rotation::Off),
            Self::Hidden => Some(Rotation::On),
            _ => None,
        }
    }

    /// What becomes of the rows.
    pub(super) fn destination(self, target: Target) -> Destination {
        match (self, target) {
            (Self::Rows, _) | (_, Target::Recording) => Destination::Nowhere,
            (Self::File, _) => Destination::Bytes,
            (Self::Patches | Self::Hidden | Self::Projection, Target::Cpu { int8 }) => {
                Destination::Packed(self.rotation().filter(|_| int8).map_or(Packing::F32, Packing::Int8))
            }
            #[cfg(feature = "gpu")]
            (Self::Patches | Self::Hidden | Self::Projection, Target::Gpu { int8 }) => {
                Destination::Matrix { int8: int8 && self.rotation().is_some() }
            }
            _ => Destination::Floats,
        }
    }

    /// Rows of a tensor and the values in each: the first axis and all others.
    pub(super) fn rows(self, shape: &[usize]) -> (usize, usize) {
        match (self, shape) {
            (Self::Vector | Self::Scalar | Self::File, _) | (_, []) => (1, values_in(shape)),
            (_, [rows, columns @ ..]) => (*rows, values_in(columns)),
        }
    }
}

/// Values in a shape; the largest number for more. A tensor that is read has fewer: safetensors checks it.
pub(super) fn values_in(shape: &[usize]) -> usize {
    shape.iter().fold(1, |values, length| values.saturating_mul(*length))
}

/// Values of a table above which a recording in 8 bits halves it: more than any projection has.
const LARGE: usize = 4 << 20;

/// The format that a tensor is recorded in, which `stands` so in its file. The recording is `into` F16, all of it; into
/// Int8: linear layers in 8 bits, of the others large tables (tokens) in half precision, the rest as it stands; or, by
/// default, as the model is loaded: nothing is lost but what this way of loading loses anyway.
///
/// # Errors
/// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights) where 8 bits would have to become 16.
pub(super) fn recorded(
    into: Option<Format>,
    spec: &TensorSpec,
    stands: Format,
    destination: Destination,
) -> Result<Format> {
    Ok(match (stands, into) {
        (Format::Bytes, _) => Format::Bytes,
        (Format::Int8, Some(Format::F16)) => {
            return Err(invalid("it is in 8 bits already"));
        }
        (Format::Int8, _) => Format::Int8,
        (_, Some(Format::F16)) => Format::F16,
        (_, Some(Format::Int8)) if spec.usage.rotation().is_some() => Format::Int8,
        (_, Some(Format::Int8)) if values_in(&spec.shape) > LARGE => Format::F16,
        (_, None) if destination.is_int8() => Format::Int8,
        (Format::F64, _) => Format::F32,
        _ => stands,
    })
}
