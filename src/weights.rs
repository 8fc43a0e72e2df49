//! A strict, streaming reader of safetensors files, and a writer of our own.
//!
//! The bytes come from a disk or from a network, in pieces of any size, in ascending order; what lies between may be left
//! out. Once a file's header is there, the [`Reader`] says which ranges of the rest it wants. Each tensor that was asked
//! for is converted to f32, and packed for its kernel where it is a layer's weight, as its bytes arrive; the others pass
//! by. So the whole file never stands in memory beside the model, and a file that cannot be right is refused at its
//! header, before the rest is downloaded.
//!
//! What passes by can be recorded on the way ([`Recorder`]), as one file of our own (`stored.rs`): the cache of the npm
//! package, and `clip-vision convert`.
//!
//! The layout of a file: 8 bytes, little-endian, the length `n` of the header; `n` bytes of JSON that give each
//! tensor's type, shape and place; the tensors' bytes without gaps.
//! <https://github.com/huggingface/safetensors#format>

use crate::error::{Error, ErrorKind, Result};
use kernels::{PackedBuilder, Packing, Rotation};
use std::collections::{BTreeSet, HashMap, HashSet};

mod arriving;
mod data;
mod header;
mod reader;
mod recorder;
mod shards;
mod stored;

pub(crate) use reader::Reader;
pub(crate) use recorder::Kept;
pub use recorder::Recorded;
#[cfg(test)]
use recorder::Recorder;
pub use stored::FILES;
pub(crate) use stored::Stored;

/// What becomes of a tensor's values when they have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// An f32 tensor.
    Tensor,
    /// Rows packed one by one, the first axis being the rows.
    Packed(Packing),
    /// They are only recorded.
    Nothing,
    /// The bytes of a file that the weights carry along, of any length.
    File,
}

/// A tensor that is wanted: its full name in the file, its shape, and how it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorSpec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    form: Form,
    /// How its rows are turned where they are stored in 8 bits; `None` where they never are.
    rotation: Option<Rotation>,
}

impl TensorSpec {
    pub(crate) fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self { name: name.into(), shape: shape.into(), form: Form::Tensor, rotation: None }
    }

    /// A file that the weights carry along.
    pub(crate) fn file(name: impl Into<String>) -> Self {
        Self { form: Form::File, ..Self::new(name, []) }
    }

    /// The same, kept packed where `packing` says how; in 8 bits its rows are turned by `rotation`, if it ever is.
    pub(crate) fn packed(self, packing: Option<Packing>, rotation: Option<Rotation>) -> Self {
        Self { form: packing.map_or(Form::Tensor, Form::Packed), rotation, ..self }
    }

    /// The same, not kept at all.
    pub(crate) fn only_recorded(self) -> Self {
        Self { form: Form::Nothing, ..self }
    }

    /// Rows and what is in each: the first axis and all others.
    fn rows(&self) -> (usize, usize) {
        (self.shape.first().copied().unwrap_or(1), self.shape.iter().skip(1).product())
    }

    /// About the memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let (rows, columns) = self.rows();
        match self.form {
            Form::Tensor => Packing::F32.bytes(rows, columns),
            Form::Packed(packing) => packing.bytes(rows, columns),
            Form::Nothing | Form::File => 0,
        }
    }
}

/// What a model finds in its weights: the tensors' names, and what a file of our own says of itself.
pub(crate) struct Header {
    names: BTreeSet<String>,
    stored: Option<Stored>,
}

impl Header {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// What the file says of itself, where it is one of our own.
    pub(crate) fn stored(&self) -> Option<&Stored> {
        self.stored.as_ref()
    }

    /// Refuses a file that has a tensor of a tower which is not among the tower's `specs`: it is another model than its
    /// configuration says. The tower's tensors are those whose names begin with `prefix` and one of `parts`.
    pub(crate) fn refuse_others(&self, prefix: &str, parts: &[&str], specs: &[TensorSpec]) -> Result<()> {
        let known: HashSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let of_tower =
            |name: &str| name.strip_prefix(prefix).is_some_and(|rest| parts.iter().any(|part| rest.starts_with(part)));
        // A buffer that old files hold: 0, 1, 2, …
        let ids = format!("{prefix}embeddings.position_ids");
        match self.names.iter().find(|name| of_tower(name) && !known.contains(name.as_str()) && **name != ids) {
            Some(name) => {
                Err(invalid(format!("the weights have a tensor {name}, which a model of this config.json does not")))
            }
            None => Ok(()),
        }
    }
}

/// Who says what is wanted of a model's weights.
pub(crate) trait Choose {
    /// The tensors to read; called once, as soon as the names are known.
    fn choose(&mut self, header: &Header) -> Result<Vec<TensorSpec>>;

    /// What a recording says of itself; called after [`choose`](Self::choose).
    fn describe(&self) -> Stored;
}

/// The values of a tensor.
pub(crate) struct Floats {
    pub(crate) values: Vec<f32>,
    pub(crate) shape: Vec<usize>,
}

/// What was read, by name.
#[derive(Default)]
pub(crate) struct Weights {
    tensors: HashMap<String, Floats>,
    packed: HashMap<String, PackedBuilder>,
    files: HashMap<String, Vec<u8>>,
}

impl Weights {
    /// Takes a tensor out.
    pub(crate) fn take(&mut self, name: &str) -> Result<Floats> {
        self.tensors.remove(name).ok_or_else(|| missing(name))
    }

    /// Takes out a tensor that was packed as it came; its bias is still to be added.
    pub(crate) fn take_packed(&mut self, name: &str) -> Result<PackedBuilder> {
        self.packed.remove(name).ok_or_else(|| missing(name))
    }

    /// Takes out a file that the weights carried along.
    pub(crate) fn take_file(&mut self, name: &str) -> Option<Vec<u8>> {
        self.files.remove(name)
    }
}

fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Weights, what)
}

fn missing(name: &str) -> Error {
    invalid(format!("the weights have no tensor {name}"))
}

#[cfg(test)]
mod tests;
