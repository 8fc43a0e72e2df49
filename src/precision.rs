//! The arithmetic of a model, and in what its weights are stored.

use crate::error::{Error, ErrorKind, Result};
use crate::weights::Format;
use std::str::FromStr;

/// The arithmetic of the model.
///
/// ```
/// use clip_vision::Precision;
///
/// assert_eq!("int8".parse::<Precision>()?, Precision::Int8);
/// assert_eq!(Precision::default().name(), "stored");
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precision {
    /// As the weights are stored: [`Int8`](Self::Int8) for a file that `clip-vision convert` wrote in 8 bits, and else
    /// [`F32`](Self::F32).
    #[default]
    Stored,
    /// Single precision: embeddings equal to Python's.
    F32,
    /// Linear layers in 8-bit integers, everything else in single precision: a quarter of the memory, and faster.
    /// On the CPU only.
    Int8,
    /// Half precision, all of it but the softmax and the mean of tokens: half of the memory, on an NVIDIA GPU, which is the only device that
    /// has it.
    F16,
    /// The same with the exponents of single precision and three bits less: for weights whose activations half precision can't hold.
    Bf16,
}

impl Precision {
    /// The name that the command line and the npm package use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

impl FromStr for Precision {
    type Err = Error;

    /// Reads `"f32"`, `"int8"`, `"stored"`, `"f16"` or `"bf16"`.
    fn from_str(name: &str) -> Result<Self> {
        let known = [Self::F32, Self::Int8, Self::Stored, Self::F16, Self::Bf16];
        named(name, &known, Self::name)
    }
}

/// In what a converted file's weights are stored.
///
/// ```
/// use clip_vision::model::StoredPrecision;
///
/// assert_eq!("f16".parse::<StoredPrecision>()?, StoredPrecision::F16);
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredPrecision {
    /// Half precision, all of them.
    F16,
    /// Linear layers in 8 bits: loaded as [`Precision::Int8`] they give exactly what the original weights give so.
    Int8,
}

impl StoredPrecision {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    pub(crate) fn format(self) -> Format {
        match self {
            Self::F16 => Format::F16,
            Self::Int8 => Format::Int8,
        }
    }
}

impl FromStr for StoredPrecision {
    type Err = Error;

    /// Reads `"f16"` or `"int8"`.
    fn from_str(name: &str) -> Result<Self> {
        named(name, &[Self::F16, Self::Int8], Self::name)
    }
}

/// The one of `known` with this name.
fn named<T: Copy>(name: &str, known: &[T], name_of: fn(T) -> &'static str) -> Result<T> {
    known.iter().copied().find(|precision| name_of(*precision) == name).ok_or_else(|| {
        let known: Vec<_> = known.iter().map(|precision| format!("\"{}\"", name_of(*precision))).collect();
        let what = format!("unknown precision {name:?}: there are {}", known.join(", "));
        Error::new(ErrorKind::InvalidArgument, what)
    })
}
