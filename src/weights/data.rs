//! The data of one file: the tensors that are wanted of it, in the order of the file.

use super::decode::Decoder;
use super::format::{Format, Target, values_in};
use super::header::FileHeader;
use super::layout::Entry;
use super::sinks::{self, Recording, Row, Value, bytes, chain, floats};
use super::{GAP, LONGEST_FILE, TablePlace, TensorSpec, Use, Weights, invalid, missing, named, stored};
use crate::error::{Error, ErrorKind, Result};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

/// Where tensors go.
pub(super) struct Output {
    pub(super) weights: Weights,
    pub(super) target: Target,
    pub(super) recording: Option<Recording>,
    /// Rows in 8 bits that wait for their steps, and the other way round.
    incomplete: HashMap<String, Value>,
    /// The memory of rows that have had their steps, for those of the next tensor.
    spare: Vec<u8>,
}

impl Output {
    pub(super) fn new() -> Self {
        Self {
            weights: Weights::default(),
            target: Target::Recording,
            recording: None,
            incomplete: HashMap::new(),
            spare: Vec::new(),
        }
    }

    /// Begins a tensor, or a part of one.
    fn begin(&mut self, Pending { spec, part, format, transposed, .. }: &Pending) -> Result<Decoder> {
        let (rows, columns) = spec.rows();
        let (size, sink) = match part {
            Part::Whole => {
                let destination = spec.usage.destination(self.target);
                let sink = chain(spec, *format, destination, self.recording.as_ref());
                match transposed {
                    true => ((columns, rows), sink.and_then(|sink| sinks::transposed(rows, columns, sink))),
                    false => ((rows, columns), sink),
                }
            }
            Part::Rows => ((rows, columns), bytes(rows * columns, std::mem::take(&mut self.spare))),
            Part::Steps => ((1, rows), floats(rows)),
        };
        sink.and_then(|sink| Decoder::new(*format, size, sink))
    }

    /// Puts what has arrived where it belongs.
    fn end(&mut self, pending: Pending, decoder: Decoder) -> Result<()> {
        let value = decoder.end().map_err(|error| pending.named(error))?;
        let Pending { spec, part, .. } = pending;
        if part == Part::Whole {
            self.weights.insert(spec.name, value);
            return Ok(());
        }
        let whole = match (self.incomplete.remove(&spec.name), value) {
            (Some(Value::Bytes(rows)), Value::Floats(steps)) | (Some(Value::Floats(steps)), Value::Bytes(rows)) => {
                let whole = self.join(&spec, &rows, &steps).map_err(|error| named(&spec.name, error))?;
                self.spare = rows;
                whole
            }
            (_, part) => {
                self.incomplete.insert(spec.name, part);
                return Ok(());
            }
        };
        self.weights.insert(spec.name, whole);
        Ok(())
    }

    /// What rows in 8 bits become with their steps.
    fn join(&self, spec: &TensorSpec, rows: &[u8], steps: &[f32]) -> Result<Value> {
        let (_, columns) = spec.rows();
        let mut sink = chain(spec, Format::Int8, spec.usage.destination(self.target), self.recording.as_ref())?;
        let mut row = Vec::with_capacity(columns);
        for (bytes, step) in rows.chunks(columns.max(1)).zip(steps) {
            row.clear();
            row.extend(bytes.iter().map(|byte| *byte as i8));
            sink.push(Row::Int8(&row, *step))?;
        }
        sink.end()
    }
}

/// What of a tensor is read: where it is in 8 bits its rows and their steps are two tensors of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Rows,
    Steps,
}

impl Part {
    fn name_of(self, spec: &TensorSpec) -> String {
        if self == Self::Steps { stored::step_name(&spec.name) } else { spec.name.clone() }
    }
}

/// A tensor that has not ended.
struct Pending {
    spec: TensorSpec,
    part: Part,
    format: Format,
    range: Range<u64>,
    transposed: bool,
}

impl Pending {
    fn name(&self) -> String {
        self.part.name_of(&self.spec)
    }

    /// The error of doing something with this tensor.
    fn named(&self, error: Error) -> Error {
        named(&self.name(), error)
    }
}

/// What of a file is still to come.
pub(super) struct Data {
    /// The last is the next.
    pending: Vec<Pending>,
    current: Option<(Pending, Decoder)>,
    pub(super) file_len: u64,
    /// The tables that are left in the file, by name.
    left: Vec<(String, TablePlace)>,
}

impl Data {
    /// # Errors
    /// [`ErrorKind::Weights`]: a tensor is missing, or of another shape.
    pub(super) fn new(header: &FileHeader, specs: Vec<TensorSpec>) -> Result<Self> {
        let mut pending = Vec::with_capacity(specs.len());
        let mut left = Vec::new();
        for mut spec in specs {
            let Some(entry) = header.entry(&spec.name) else {
                let table = header.table().filter(|_| spec.usage == Use::Rows);
                let place = table.and_then(|text| TablePlace::from_text(text, &spec));
                left.push((spec.name.clone(), place.ok_or_else(|| missing(&spec.name))?));
                continue;
            };
            if spec.usage == Use::File {
                spec.shape.clone_from(&entry.shape);
            }
            let format = checked(&spec, entry)?;
            let Entry { range, transposed, .. } = entry.clone();
            if spec.usage == Use::Rows {
                match TablePlace::new(&spec, format, range.start).filter(|_| !transposed) {
                    Some(place) => {
                        left.push((spec.name, place));
                        continue;
                    }
                    // Its rows don't stand by themselves.
                    None => spec.usage = Use::Table,
                }
            }
            let part = if format == Format::Int8 { Part::Rows } else { Part::Whole };
            if part == Part::Rows {
                pending.push(steps_of(&spec, header)?);
            }
            pending.push(Pending { spec, part, format, range, transposed });
        }
        pending.sort_by_key(|tensor| Reverse(tensor.range.start));
        Ok(Self { pending, current: None, file_len: header.file_len(), left })
    }

    /// Gives the places of the tables that are left in this file, of that name.
    pub(super) fn leave(&mut self, file: &str, output: &mut Output) {
        for (name, place) in self.left.drain(..) {
            // What a recording of ours says of a table is of another file.
            let place = if place.file.is_empty() { place.in_file(file) } else { place };
            if let Some(recording) = &output.recording {
                recording.recorder.lock().leave(place.to_text());
            }
            output.weights.insert(name, Value::Left(place));
        }
    }

    /// The bytes to read next, from `position` on; `None` once everything is there. Small gaps are read along.
    pub(super) fn wanted(&self, position: u64) -> Option<Range<u64>> {
        self.all_wanted(position).next()
    }

    /// All such ranges.
    pub(super) fn all_wanted(&self, position: u64) -> impl Iterator<Item = Range<u64>> {
        let current = self.current.as_ref().map(|(pending, _)| position..pending.range.end);
        let mut ranges = current.into_iter().chain(self.pending.iter().rev().map(|p| p.range.clone())).peekable();
        std::iter::from_fn(move || {
            let mut joined = ranges.next()?;
            while let Some(next) = ranges.next_if(|next| next.start <= joined.end.saturating_add(GAP)) {
                joined.end = next.end;
            }
            Some(joined.start.max(position)..joined.end)
        })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.pending.is_empty() && self.current.is_none()
    }

    /// The tensor that is arriving.
    pub(super) fn inside(&self) -> Option<String> {
        self.current.as_ref().map(|(tensor, _)| tensor.name())
    }

    /// Takes the bytes at `at`; what lies before them and after what came so far is left out.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: something that is wanted was left out.
    pub(super) fn push(&mut self, mut at: u64, mut piece: &[u8], output: &mut Output) -> Result<()> {
        loop {
            let (tensor, decoder) = match &mut self.current {
                Some(current) => current,
                None => {
                    let Some(next) = self.pending.last() else { return Ok(()) };
                    let Some(skipped) = next.range.start.checked_sub(at) else {
                        return Err(left_out(&next.spec.name));
                    };
                    let skipped = piece.len().min(usize::try_from(skipped).unwrap_or(usize::MAX));
                    at += skipped as u64;
                    piece = piece.get(skipped..).unwrap_or_default();
                    if at < next.range.start || (piece.is_empty() && !next.range.is_empty()) {
                        return Ok(());
                    }
                    let Some(next) = self.pending.pop() else { return Ok(()) };
                    let decoder = output.begin(&next).map_err(|error| next.named(error))?;
                    self.current.insert((next, decoder))
                }
            };
            let before = piece.len();
            piece = decoder.push(piece).map_err(|error| tensor.named(error))?;
            at += (before - piece.len()) as u64;
            if at < tensor.range.end {
                return Ok(());
            }
            if let Some((tensor, decoder)) = self.current.take() {
                output.end(tensor, decoder)?;
            }
        }
    }

    /// An error if the file's next bytes are not at `position` or after it.
    pub(super) fn check_jump(&self, position: u64, to: u64) -> Result<()> {
        match self.inside() {
            Some(name) if to != position => Err(left_out(&name)),
            _ => Ok(()),
        }
    }
}

/// The format of a tensor, if its shape and type are what is read.
fn checked(spec: &TensorSpec, entry: &Entry) -> Result<Format> {
    let TensorSpec { name, shape, usage, .. } = spec;
    let called = entry.called(name);
    let refused = |what: String| Err(invalid(format!("{called} {what}")).about_tensor(&entry.origin));
    if !entry.has_shape(shape) {
        let what = format!("{called} has shape {:?}, not {shape:?}", entry.shape);
        return Err(invalid(what).about_tensor(&entry.origin).about_shape(shape, &entry.shape));
    }
    match (&entry.format, usage) {
        (Ok(Format::Bytes), Use::File) if values_in(&entry.shape) <= LONGEST_FILE => Ok(Format::Bytes),
        (Ok(Format::Bytes), _) => refused(format!("is U8 of shape {shape:?}")),
        (Ok(Format::Int8), _) if usage.rotation().is_none() => {
            refused("is I8; only the weights of linear layers can be".to_owned())
        }
        (Ok(format), Use::File) => refused(format!("is {:?}; this reads F64, F32, F16 and BF16", format.dtype())),
        (Ok(format), _) => Ok(*format),
        (Err(format), _) => refused(format!("is {format}; this reads F64, F32, F16 and BF16")),
    }
}

/// The steps of the rows of a tensor in 8 bits.
fn steps_of(spec: &TensorSpec, header: &FileHeader) -> Result<Pending> {
    let name = Part::Steps.name_of(spec);
    let Entry { format, shape, range, .. } = header.entry(&name).cloned().ok_or_else(|| missing(&name))?;
    let (rows, _) = spec.rows();
    if format != Ok(Format::F32) || shape != [rows] {
        let format = format.map_or_else(|format| format, |format| format!("{:?}", format.dtype()));
        return Err(invalid(format!("tensor {name} is {format} of shape {shape:?}, not F32 of [{rows}]")));
    }
    Ok(Pending { spec: spec.clone(), part: Part::Steps, format: Format::F32, range, transposed: false })
}

fn left_out(name: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("bytes of tensor {name} were left out"))
}
