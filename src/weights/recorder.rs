//! Writes what passes through a reader as one file of our own (`stored.rs`), without ever having it whole.
//!
//! Tensors come in the order in which they are read. Their sizes are known only then, so the header is written last,
//! into room that was left for it; JSON may end in spaces.

use super::{Form, Stored, TensorSpec, invalid, stored};
use crate::error::Result;
use half::{bf16, f16};
use kernels::Packing;
use safetensors::Dtype;
use serde_json::{Map, Value, json};

/// How tensors are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// As they stand in their file, and where they are packed in 8 bits as they are packed: nothing is lost but what
    /// this way of loading loses anyway.
    AsLoaded,
    /// In half precision, all of them.
    F16,
    /// Linear layers in 8 bits; of the others large tables (tokens) in half precision, the rest as they stand.
    Int8,
}

/// Values of a table above which [`Kept::Int8`] halves it: more than any projection has.
const LARGE: usize = 4 << 20;

/// A recording under way.
pub(crate) struct Recorder {
    kept: Kept,
    stored: Stored,
    /// Bytes of the file before the data.
    data_start: usize,
    header: Map<String, Value>,
    /// The tensor that is being written: its name and type, and the steps of its rows.
    current: Option<(String, Dtype, Vec<usize>)>,
    begun_at: usize,
    steps: Vec<f32>,
    /// Data that has not been taken.
    fresh: Vec<u8>,
    data_len: usize,
    checksum: crc32fast::Hasher,
}

/// The end of a recording.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// What belongs at the beginning of the file.
    pub header: Vec<u8>,
    /// CRC-32 of the whole file.
    pub checksum: u32,
}

impl Recorder {
    /// For a file that will hold `specs`.
    pub(super) fn new(kept: Kept, stored: Stored, specs: &[TensorSpec]) -> Self {
        // Of each tensor: its name twice, with its steps' name, and two times type, shape and place.
        let room: usize = specs.iter().map(|spec| 2 * Value::from(spec.name.as_str()).to_string().len() + 256).sum();
        let data_start = (8 + stored.metadata().to_string().len() + 64 + room).next_multiple_of(8);
        Self {
            kept,
            stored,
            data_start,
            header: Map::new(),
            current: None,
            begun_at: 0,
            steps: Vec::new(),
            fresh: Vec::new(),
            data_len: 0,
            checksum: crc32fast::Hasher::new(),
        }
    }

    /// Where in the file the data begins: the first byte of what [`take`](Self::take) gives.
    pub(crate) fn data_start(&self) -> usize {
        self.data_start
    }

    /// The data that has been added since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.fresh)
    }

    /// Adds a file that the weights are to carry along.
    pub(super) fn file(&mut self, name: &str, content: &[u8]) {
        self.open(name.to_owned(), Dtype::U8, vec![content.len()]);
        self.bytes(content);
        self.end();
    }

    /// Begins a tensor that stands as `dtype` in its file; the type that it is recorded in.
    pub(super) fn begin(&mut self, spec: &TensorSpec, dtype: Dtype) -> Dtype {
        let recorded = match (dtype, self.kept) {
            (Dtype::U8, _) => Dtype::U8,
            (_, Kept::AsLoaded) if matches!(spec.form, Form::Packed(Packing::Int8(_))) => Dtype::I8,
            (_, Kept::AsLoaded) => dtype,
            (_, Kept::F16) => Dtype::F16,
            (_, Kept::Int8) if spec.rotation.is_some() && spec.form != Form::Tensor => Dtype::I8,
            (_, Kept::Int8) if spec.shape.iter().product::<usize>() > LARGE => Dtype::F16,
            (_, Kept::Int8) => dtype,
        };
        self.open(spec.name.clone(), recorded, spec.shape.clone());
        recorded
    }

    fn open(&mut self, name: String, dtype: Dtype, shape: Vec<usize>) {
        self.current = Some((name, dtype, shape));
        self.begun_at = self.data_len;
    }

    /// The next bytes, as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.checksum.update(bytes);
        self.data_len += bytes.len();
        self.fresh.extend_from_slice(bytes);
    }

    /// The next values, as `dtype`.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): a value is too large for half precision.
    pub(super) fn values(&mut self, values: &[f32], dtype: Dtype) -> Result<()> {
        let from = self.fresh.len();
        match dtype {
            Dtype::F16 => {
                for value in values {
                    let half = f16::from_f32(*value);
                    if half.is_infinite() {
                        return Err(invalid(format!("{value} is too large for half precision")));
                    }
                    self.fresh.extend_from_slice(&half.to_le_bytes());
                }
            }
            Dtype::BF16 => values.iter().for_each(|v| self.fresh.extend_from_slice(&bf16::from_f32(*v).to_le_bytes())),
            _ => values.iter().for_each(|v| self.fresh.extend_from_slice(&v.to_le_bytes())),
        }
        let added = self.fresh.get(from..).unwrap_or_default();
        self.checksum.update(added);
        self.data_len += added.len();
        Ok(())
    }

    /// The next row in 8 bits.
    pub(super) fn row(&mut self, row: &[i8]) {
        let from = self.fresh.len();
        self.fresh.extend(row.iter().map(|q| *q as u8));
        self.checksum.update(self.fresh.get(from..).unwrap_or_default());
        self.data_len += row.len();
    }

    /// The step of the next row.
    pub(super) fn step(&mut self, step: f32) {
        self.steps.push(step);
    }

    /// Ends the tensor, and adds the steps of its rows, if it has any.
    pub(super) fn end(&mut self) {
        let Some((name, dtype, shape)) = self.current.take() else { return };
        let place = json!({ "dtype": dtype, "shape": shape, "data_offsets": [self.begun_at, self.data_len] });
        let steps = std::mem::take(&mut self.steps);
        if !steps.is_empty() {
            self.open(stored::step_name(&name), Dtype::F32, vec![steps.len()]);
            steps.iter().for_each(|step| self.bytes(&step.to_le_bytes()));
            self.end();
        }
        self.header.insert(name, place);
    }

    /// The header, once everything has been added and taken.
    pub(super) fn finish(mut self) -> Result<Recorded> {
        self.header.insert("__metadata__".to_owned(), self.stored.metadata());
        let mut header = vec![0; 8];
        header.extend_from_slice(Value::Object(self.header).to_string().as_bytes());
        if header.len() > self.data_start {
            return Err(invalid("the header of the recorded weights has outgrown its room"));
        }
        header.resize(self.data_start, b' ');
        let len = (self.data_start - 8) as u64;
        header.splice(..8, len.to_le_bytes());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&header);
        checksum.combine(&self.checksum);
        Ok(Recorded { header, checksum: checksum.finalize() })
    }
}
