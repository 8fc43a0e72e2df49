//! Writes what passes through a reader as one file of our own (`stored.rs`), without ever having it whole.
//!
//! Tensors come in the order in which they are read. Their sizes are known only then, so the header is written last,
//! into space that was left for it; JSON may end in spaces.

use super::format::Format;
use super::{Stored, TensorSpec, invalid, stored};
use crate::error::Result;
use half::{bf16, f16};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A recording that several write to: tensors as they pass, and whoever takes what they wrote.
#[derive(Clone)]
pub(super) struct SharedRecorder(Arc<Mutex<Recorder>>);

impl SharedRecorder {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self(Arc::new(Mutex::new(recorder)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Recorder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A recording under way.
pub(super) struct Recorder {
    stored: Stored,
    /// Bytes of the file before the data.
    data_start: usize,
    header: Map<String, Value>,
    /// The tensor that is being written: its name, format and shape.
    current: Option<(String, Format, Vec<usize>)>,
    begun_at: usize,
    /// The steps of its rows, if it is in 8 bits.
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
    pub(super) fn new(stored: Stored, specs: &[TensorSpec]) -> Self {
        // Of each tensor: its name twice, with its steps' name, and two times type, shape and place.
        let entries: usize = specs.iter().map(|spec| 2 * Value::from(spec.name.as_str()).to_string().len() + 256).sum();
        let data_start = (8 + stored.metadata().to_string().len() + 64 + entries).next_multiple_of(8);
        Self {
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
    pub(super) fn data_start(&self) -> usize {
        self.data_start
    }

    /// The data that has been added since the last call.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.fresh)
    }

    /// Adds a file that the weights are to carry along.
    pub(super) fn file(&mut self, name: &str, content: &[u8]) {
        self.begin(name, Format::Bytes, &[content.len()]);
        self.bytes(content);
        self.end();
    }

    /// Notes where the table of tokens stands, which is not recorded.
    pub(super) fn leave(&mut self, table: String) {
        self.stored.table = Some(table);
    }

    /// Begins a tensor that is recorded as `format`.
    pub(super) fn begin(&mut self, name: &str, format: Format, shape: &[usize]) {
        self.current = Some((name.to_owned(), format, shape.to_vec()));
        self.begun_at = self.data_len;
    }

    /// The next bytes, as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let from = self.fresh.len();
        self.fresh.extend_from_slice(bytes);
        self.count_from(from);
    }

    /// The next values, as `format`.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): a value is too large for half precision.
    pub(super) fn floats(&mut self, values: &[f32], format: Format) -> Result<()> {
        let from = self.fresh.len();
        match format {
            Format::F16 => {
                for value in values {
                    let half = f16::from_f32(*value);
                    if half.is_infinite() {
                        return Err(invalid(format!("{value} is too large for half precision")));
                    }
                    self.fresh.extend_from_slice(&half.to_le_bytes());
                }
            }
            Format::Bf16 => values.iter().for_each(|v| self.fresh.extend_from_slice(&bf16::from_f32(*v).to_le_bytes())),
            _ => values.iter().for_each(|v| self.fresh.extend_from_slice(&v.to_le_bytes())),
        }
        self.count_from(from);
        Ok(())
    }

    /// The next row in 8 bits, with its step.
    pub(super) fn row(&mut self, row: &[i8], step: f32) {
        let from = self.fresh.len();
        self.fresh.extend(row.iter().map(|q| *q as u8));
        self.count_from(from);
        self.steps.push(step);
    }

    /// Takes account of what was added to `fresh` from there on.
    fn count_from(&mut self, from: usize) {
        let added = self.fresh.get(from..).unwrap_or_default();
        self.checksum.update(added);
        self.data_len += added.len();
    }

    /// Ends the tensor, and adds the steps of its rows, if it has any.
    pub(super) fn end(&mut self) {
        let Some((name, format, shape)) = self.current.take() else { return };
        let place = json!({ "dtype": format.dtype(), "shape": shape, "data_offsets": [self.begun_at, self.data_len] });
        let steps = std::mem::take(&mut self.steps);
        if !steps.is_empty() {
            self.begin(&stored::step_name(&name), Format::F32, &[steps.len()]);
            steps.iter().for_each(|step| self.bytes(&step.to_le_bytes()));
            self.end();
        }
        self.header.insert(name, place);
    }

    /// The header, once everything has been added and taken.
    pub(super) fn finish(&mut self) -> Result<Recorded> {
        self.header.insert("__metadata__".to_owned(), self.stored.metadata());
        let mut header = vec![0; 8];
        header.extend_from_slice(Value::Object(std::mem::take(&mut self.header)).to_string().as_bytes());
        if header.len() > self.data_start {
            return Err(invalid("the header of the recorded weights has outgrown the space left for it"));
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
