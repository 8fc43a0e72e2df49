//! What a tensor's rows pass through, one sink behind the other: they are quantized, recorded, restored, and at last
//! packed or collected. [`chain`] says which of these a tensor needs.

use super::format::{Destination, Format, recorded};
use super::recorder::SharedRecorder;
use super::{TablePlace, TensorSpec, invalid};
#[cfg(feature = "gpu")]
use crate::backend::gpu::Matrix;
use crate::error::{Error, ErrorKind, Result};
use kernels::{Isa, PackedBuilder, Packing, Quantizer};
use std::sync::Arc;

/// A row of a tensor.
#[derive(Clone, Copy)]
pub(super) enum Row<'a> {
    Floats(&'a [f32]),
    /// In 8 bits, with its step.
    Int8(&'a [i8], f32),
    /// A piece of a file, or of what is only to be collected.
    Bytes(&'a [u8]),
}

/// Takes the rows of one tensor, in order.
pub(super) trait RowSink: Send + Sync {
    fn push(&mut self, row: Row<'_>) -> Result<()>;

    /// What the rows have become, once all have been pushed.
    fn end(self: Box<Self>) -> Result<Value>;
}

/// What a tensor has become.
pub(crate) enum Value {
    Floats(Vec<f32>),
    /// Without its bias.
    Packed(PackedBuilder),
    /// The same, for a GPU.
    #[cfg(feature = "gpu")]
    Matrix(Matrix),
    Bytes(Vec<u8>),
    /// Left where it stands.
    Left(TablePlace),
    Nothing,
}

/// Where, and in what, the rows of a tensor are recorded.
pub(super) struct Recording {
    pub(super) recorder: SharedRecorder,
    pub(super) into: Option<Format>,
}

/// The sinks of a tensor that stands as `stands` in its file.
///
/// # Errors
/// [`ErrorKind::OutOfMemory`], and those of [`recorded`].
pub(super) fn chain(
    spec: &TensorSpec,
    stands: Format,
    destination: Destination,
    recording: Option<&Recording>,
) -> Result<Box<dyn RowSink>> {
    let (rows, columns) = spec.rows();
    let quantizer = || match spec.usage.rotation() {
        Some(rotation) => Ok(Quantizer::new(Isa::best(), columns, rotation)?),
        None => Err(invalid("only weights of linear layers can be stored in 8 bits")),
    };
    let recording = match recording {
        Some(Recording { recorder, into }) => Some((recorder, recorded(*into, spec, stands, destination)?)),
        None => None,
    };
    let packed_int8 = matches!(destination, Destination::Packed(Packing::Int8(_)));
    let int8 =
        stands == Format::Int8 || destination.is_int8() || recording.is_some_and(|(_, format)| format == Format::Int8);

    // From the last one to the first.
    let mut sink: Box<dyn RowSink> = match destination {
        Destination::Packed(packing) => Box::new(Pack::new(packing, rows, columns)?),
        #[cfg(feature = "gpu")]
        Destination::Matrix { int8 } => Box::new(Whole { values: reserved(rows * columns)?, columns, rounded: int8 }),
        Destination::Floats => floats(rows * columns)?,
        Destination::Bytes => bytes(rows * columns, Vec::new())?,
        Destination::Nowhere => Box::new(Discard),
    };
    if int8 && !packed_int8 && destination != Destination::Nowhere {
        sink = Box::new(Restore { quantizer: quantizer()?, to: sink });
    }
    if let Some((recorder, format)) = recording {
        let mut shape = spec.shape.clone();
        if let (Some(kept), Some(rows)) = (&spec.kept, shape.first_mut()) {
            *rows = kept.len();
        }
        recorder.lock().begin(&spec.name, format, &shape);
        sink = Box::new(Record { recorder: recorder.clone(), format, kept: spec.kept.clone(), row: 0, to: sink });
    }
    if int8 && stands != Format::Int8 {
        sink = Box::new(Quantize { quantizer: quantizer()?, to: sink });
    }
    Ok(sink)
}

/// A sink that collects `len` floats.
pub(super) fn floats(len: usize) -> Result<Box<dyn RowSink>> {
    Ok(Box::new(Collect { values: reserved(len)? }))
}

/// A sink that collects `len` bytes, in memory that may have been used before.
pub(super) fn bytes(len: usize, mut used: Vec<u8>) -> Result<Box<dyn RowSink>> {
    used.clear();
    reserve(&mut used, len)?;
    Ok(Box::new(CollectBytes { bytes: used }))
}

/// A sink that takes the `columns` columns of a tensor, one after the other, and hands on its `rows` rows at the end.
///
/// # Errors
/// [`ErrorKind::OutOfMemory`].
pub(super) fn transposed(rows: usize, columns: usize, to: Box<dyn RowSink>) -> Result<Box<dyn RowSink>> {
    Ok(Box::new(Transpose { columns, values: reserved(rows.saturating_mul(columns))?, to }))
}

/// Rows that come in another form than [`chain`] made the sink for.
fn unexpected() -> Error {
    Error::new(ErrorKind::Compute, "rows in another form than their sink takes")
}

/// Memory for `len` values, as yet empty.
///
/// # Errors
/// [`ErrorKind::OutOfMemory`].
pub(super) fn reserved<T>(len: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    reserve(&mut values, len)?;
    Ok(values)
}

fn reserve<T>(values: &mut Vec<T>, len: usize) -> Result<()> {
    values.try_reserve_exact(len).map_err(|error| {
        let what = format!("no memory for {} bytes", len.saturating_mul(size_of::<T>()));
        Error::new(ErrorKind::OutOfMemory, what).with_source(error)
    })
}

/// Floats to 8 bits.
struct Quantize {
    quantizer: Quantizer,
    to: Box<dyn RowSink>,
}

impl RowSink for Quantize {
    fn push(&mut self, row: Row<'_>) -> Result<()> {
        let Row::Floats(row) = row else { return Err(unexpected()) };
        let (row, step) = self.quantizer.quantize(row);
        self.to.push(Row::Int8(row, step))
    }

    fn end(self: Box<Self>) -> Result<Value> {
        self.to.end()
    }
}

/// 8 bits to floats.
struct Restore {
    quantizer: Quantizer,
    to: Box<dyn RowSink>,
}

impl RowSink for Restore {
    fn push(&mut self, row: Row<'_>) -> Result<()> {
        let Row::Int8(row, step) = row else { return Err(unexpected()) };
        self.to.push(Row::Floats(&self.quantizer.restore(row, step)))
    }

    fn end(self: Box<Self>) -> Result<Value> {
        self.to.end()
    }
}

/// Writes rows into a recording, and hands them on.
struct Record {
    recorder: SharedRecorder,
    format: Format,
    /// The rows that are recorded, if not all.
    kept: Option<Arc<[u32]>>,
    /// The row that comes next.
    row: u32,
    to: Box<dyn RowSink>,
}

impl RowSink for Record {
    fn push(&mut self, row: Row<'_>) -> Result<()> {
        let at = self.row;
        self.row += 1;
        if self.kept.as_ref().is_some_and(|kept| kept.binary_search(&at).is_err()) {
            return self.to.push(row);
        }
        let mut recorder = self.recorder.lock();
        match row {
            Row::Floats(row) => recorder.floats(row, self.format)?,
            Row::Int8(row, step) => recorder.row(row, step),
            Row::Bytes(bytes) => recorder.bytes(bytes),
        }
        drop(recorder);
        self.to.push(row)
    }

    fn end(self: Box<Self>) -> Result<Value> {
        self.recorder.lock().end();
        self.to.end()
    }
}

/// Packs a linear layer's weight for its kernel.
struct Pack {
    builder: PackedBuilder,
    /// The steps of rows in 8 bits.
    steps: Vec<f32>,
}

impl Pack {
    fn new(packing: Packing, rows: usize, columns: usize) -> Result<Self> {
        Ok(Self { builder: PackedBuilder::new(Isa::best(), packing, rows, columns)?, steps: Vec::new() })
    }
}

impl RowSink for Pack {
    fn push(&mut self, row: Row<'_>) -> Result<()> {
        match row {
            Row::Floats(row) => drop(self.builder.push_row(row)?),
            Row::Int8(row, step) => {
                self.builder.push_quantized(row)?;
                self.steps.push(step);
            }
            Row::Bytes(_) => return Err(unexpected()),
        }
        Ok(())
    }

    fn end(mut self: Box<Self>) -> Result<Value> {
        if !self.steps.is_empty() {
            self.builder.set_steps(&self.steps)?;
        }
        Ok(Value::Packed(self.builder))
    }
}

/// Packs a linear layer's weight for a GPU.
#[cfg(feature = "gpu")]
struct Whole {
    values: Vec<f32>,
    columns: usize,
    /// Whether they have been in 8 bits, and may be rounded to half precision.
    rounded: bool,
}

#[cfg(feature = "gpu")]
impl RowSink for Whole {
    fn push(&mut self, row: Row<'_>) -> Result<()> {
        let Row::Floats(row) = row else { return Err(unexpected()) };
        self.values.extend_from_slice(row);
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<Value> {
        Ok(Value::Matrix(Matrix::new(&self.values, self.columns, self.rounded)?))
    }
}

/// Collects all values.
struct Collect {
    values: Vec<f32>,
}

impl RowSink for Collect {
    fn push(&mut self, row: Row<'_>) -> Result<()> {
        let Row::Floats(row) = row else { return Err(unexpected()) };
        self.values.extend_from_slice(row);
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<Value> {
        Ok(Value::Floats(self.values))
    }
}

/// Columns to rows.
struct Transpose {
    columns: usize,
    values: Vec<f32>,
    to: Box<dyn RowSink>,
}

impl RowSink for Transpose {
    fn push(&mut self, row: Row<'_>) -> Result<()> {
        let Row::Floats(column) = row else { return Err(unexpected()) };
        self.values.extend_from_slice(column);
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<Value> {
        let Self { columns, values, mut to } = *self;
        let rows = values.len() / columns.max(1);
        for index in 0..rows {
            let row: Vec<f32> = values.iter().skip(index).step_by(rows).copied().collect();
            to.push(Row::Floats(&row))?;
        }
        to.end()
    }
}

/// Collects bytes.
struct CollectBytes {
    bytes: Vec<u8>,
}

impl RowSink for CollectBytes {
    fn push(&mut self, row: Row<'_>) -> Result<()> {
        let Row::Bytes(bytes) = row else { return Err(unexpected()) };
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<Value> {
        Ok(Value::Bytes(self.bytes))
    }
}

/// Discards everything.
struct Discard;

impl RowSink for Discard {
    fn push(&mut self, _: Row<'_>) -> Result<()> {
        Ok(())
    }

    fn end(self: Box<Self>) -> Result<Value> {
        Ok(Value::Nothing)
    }
}
