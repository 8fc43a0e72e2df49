//! A strict, streaming reader of safetensors files, and a writer of our own.
//!
//! The bytes come from a disk or from a network, in pieces of any size, in ascending order; what lies between may be left
//! out. Once a file's header is there, the [`Reader`] says which ranges of the rest it wants. The bytes of each tensor that
//! was asked for become rows of f32 as they arrive (`decode.rs`), and the rows go through sinks, one behind the other
//! (`sinks.rs`): a layer's weight is packed for its kernel, everything else collected. What a tensor is for ([`Use`])
//! decides on that, in one place (`format.rs`); the other tensors are not read. So the whole file never stands in memory beside
//! the model, and a file that cannot be right is refused at its header, before the rest is downloaded.
//!
//! What is read can be recorded on the way (`recorder.rs`), as one file of our own (`stored.rs`): the cache of the npm
//! package, and `clip-vision convert`.
//!
//! The layout of a file: 8 bytes, little-endian, the length `n` of the header; `n` bytes of JSON that give each
//! tensor's type, shape and place; the tensors' bytes without gaps.
//! <https://github.com/huggingface/safetensors#format>

use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

mod data;
mod decode;
mod format;
mod header;
mod layout;
mod left_table;
mod metadata;
mod onnx;
mod reader;
mod recorder;
mod shards;
mod sinks;
mod stored;

use format::Destination;
pub(crate) use format::{Format, Target, Use};
pub(crate) use left_table::TablePlace;
pub(crate) use onnx::OnnxFamily;
pub(crate) use reader::Reader;
pub use recorder::Recorded;
pub(crate) use sinks::Value;
pub use stored::FILES;
pub(crate) use stored::{Stored, ids_of_text, text_of_ids};

/// Bytes between two ranges of a file that are read along rather than left out: less than what one more request costs.
const GAP: u64 = 64 << 10;

/// A tensor that is wanted: its full name in the file, its shape, and what it is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorSpec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) usage: Use,
    /// The rows that a recording has of it, ascending; all where this says nothing.
    pub(crate) kept: Option<Arc<[u32]>>,
    /// The file that it is in, where that is another than the first and the first has none of its name.
    pub(crate) file: Option<Arc<str>>,
}

impl TensorSpec {
    pub(crate) fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>, usage: Use) -> Self {
        Self { name: name.into(), shape: shape.into(), usage, kept: None, file: None }
    }

    /// The same in a file of its own beside the first.
    pub(crate) fn in_file(self, file: &str) -> Self {
        Self { file: Some(file.into()), ..self }
    }

    /// Rows and what is in each.
    fn rows(&self) -> (usize, usize) {
        self.usage.rows(&self.shape)
    }

    /// Values of it as they are after 8 bits, where it can be in 8 bits.
    #[cfg(feature = "gpu")]
    pub(crate) fn restored(&self, values: &[f32]) -> Result<Vec<f32>> {
        let (rows, columns) = self.rows();
        let Some(rotation) = self.usage.rotation() else { return Ok(values.to_vec()) };
        let mut quantizer = kernels::Quantizer::new(kernels::Isa::best(), columns, rotation)?;
        let mut all = Vec::with_capacity(rows * columns);
        for row in values.chunks(columns.max(1)) {
            let (integers, step) = quantizer.quantize(row);
            let integers = integers.to_vec();
            all.extend(quantizer.restore(&integers, step));
        }
        Ok(all)
    }

    /// About the memory that it takes. Shapes come from files: what no address reaches is the largest number.
    pub(crate) fn bytes(&self, target: Target) -> usize {
        let (rows, columns) = self.rows();
        match self.usage.destination(target) {
            Destination::Floats => rows.saturating_mul(columns).saturating_mul(target.float()),
            Destination::Packed(packing) => packing.bytes(rows, columns),
            #[cfg(feature = "gpu")]
            Destination::Matrix { int8 } => {
                rows.saturating_mul(columns).saturating_mul(if int8 { 2 } else { size_of::<f32>() })
            }
            Destination::Bytes | Destination::Nowhere => 0,
        }
    }
}

/// A longer file is none of a model's JSON files, nor a tokenizer's: 64 MiB. What is made of one takes several times as much.
pub(crate) const LONGEST_FILE: usize = 64 << 20;

/// # Errors
/// [`ErrorKind::Config`]: a file of so many bytes is too long.
pub(crate) fn check_length(name: impl std::fmt::Display, bytes: u64) -> Result<()> {
    if bytes <= LONGEST_FILE as u64 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("{name} has {bytes} bytes, over the limit of {LONGEST_FILE}")))
}

/// What a model finds in its weights: the tensors' names, and what a file of our own says of itself.
#[derive(Default)]
pub(crate) struct Header {
    names: BTreeSet<String>,
    stored: Option<Stored>,
    /// The positions of patches are those of one size of photos, interpolated when the file was made.
    has_fitted_positions: bool,
}

impl Header {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// What the file says of itself, where it is one of our own.
    pub(crate) fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()
    }

    /// Whether positions that the model would interpolate already fit the photos that the file was made for.
    pub(crate) fn has_fitted_positions(&self) -> bool {
        self.has_fitted_positions
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

/// What is wanted of a model's weights, and what for.
pub(crate) struct TensorRequest {
    pub(crate) specs: Vec<TensorSpec>,
    pub(crate) target: Target,
}

/// Selects tensors of a model's weights.
pub(crate) trait Selection {
    /// What to read; called once, as soon as the names are known.
    fn select(&mut self, header: &Header) -> Result<TensorRequest>;

    /// Whose ONNX files may hold the model; asked before any of one is read.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: none may.
    fn onnx_family(&self) -> Result<OnnxFamily> {
        Ok(OnnxFamily::default())
    }

    /// What a recording says of itself; called after [`select`](Self::select).
    fn describe(&self) -> Stored;
}

/// What was read, by name.
#[derive(Default)]
pub(crate) struct Weights(HashMap<String, Value>);

impl Weights {
    /// What a tensor has become.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: it was not read, or taken before.
    pub(crate) fn take(&mut self, name: &str) -> Result<Value> {
        self.0.remove(name).ok_or_else(|| missing(name))
    }

    /// A file that the weights carried along.
    pub(crate) fn take_file(&mut self, name: &str) -> Option<Vec<u8>> {
        match self.0.remove(name) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The weights for a GPU that have arrived since the last call, by name.
    #[cfg(feature = "gpu")]
    pub(crate) fn take_matrices(&mut self) -> Vec<(String, Vec<u8>)> {
        let arrived = self.0.iter_mut().filter_map(|(name, value)| match value {
            Value::Matrix(matrix) if !matrix.bytes.is_empty() => {
                Some((name.clone(), std::mem::take(&mut matrix.bytes)))
            }
            _ => None,
        });
        arrived.collect()
    }

    /// Takes a tensor of these values, as if it had been read.
    #[cfg(feature = "gpu")]
    pub(crate) fn make(&mut self, spec: &TensorSpec, target: Target, values: &[f32]) -> Result<()> {
        let mut sink = sinks::chain(spec, Format::F32, spec.usage.destination(target), None)?;
        let (_, columns) = spec.rows();
        for row in values.chunks(columns.max(1)) {
            sink.push(sinks::Row::Floats(row))?;
        }
        self.insert(spec.name.clone(), sink.end()?);
        Ok(())
    }

    fn insert(&mut self, name: String, value: Value) {
        self.0.insert(name, value);
    }
}

/// The error of doing something with a tensor.
fn named(tensor: &str, error: Error) -> Error {
    error.within(format_args!("tensor {tensor}")).about_tensor(tensor)
}

fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Weights, what)
}

fn missing(name: &str) -> Error {
    invalid(format!("the weights have no tensor {name}")).about_tensor(name)
}

#[cfg(test)]
mod tests;
