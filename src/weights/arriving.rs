//! One tensor of which the bytes are arriving: converted, packed and recorded value by value or row by row.

use super::recorder::Recorder;
use super::{Floats, Form, TensorSpec, Weights, invalid, stored};
use crate::error::{Error, ErrorKind, Result};
use half::{bf16, f16};
use kernels::{Isa, PackedBuilder, Packing, Quantizer, Rotation};
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;

/// A longer file is not a tokenizer's.
const LONGEST_FILE: usize = 64 << 20;

/// A tensor on its way.
pub(super) enum Arriving {
    Values(Values),
    Rows(Rows),
    File(File),
}

/// Rows in 8 bits without their steps, or the other way round.
pub(super) enum Half {
    Rows(Box<Rows>),
    Steps(Vec<f32>),
}

/// What a tensor has become.
pub(super) enum Arrived {
    Whole,
    /// A part of the tensor of this name.
    Half(String, Half),
}

impl Arriving {
    /// Begins a tensor that stands as `info` in its file.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] for another shape than `spec` has, or a type that is not read; [`ErrorKind::OutOfMemory`].
    pub(super) fn begin(spec: TensorSpec, info: &TensorInfo, recorder: Option<&mut Recorder>) -> Result<Self> {
        match info.dtype {
            Dtype::I8 => Rows::begin(spec, recorder).map(Self::Rows),
            Dtype::U8 => File::begin(spec, info, recorder).map(Self::File),
            dtype => Values::begin(spec, dtype, None, recorder).map(Self::Values),
        }
    }

    /// Begins the steps of the rows of a tensor in 8 bits.
    pub(super) fn begin_steps(of: &TensorSpec, recorder: Option<&mut Recorder>) -> Result<Self> {
        let spec = TensorSpec::new(stored::step_name(&of.name), [of.rows().0]);
        Values::begin(spec, Dtype::F32, Some(of.name.clone()), recorder).map(Self::Values)
    }

    /// Takes what belongs to this tensor and gives back the rest.
    pub(super) fn push<'a>(&mut self, piece: &'a [u8], recorder: Option<&mut Recorder>) -> Result<&'a [u8]> {
        match self {
            Self::Values(values) => values.push(piece, recorder),
            Self::Rows(rows) => rows.push(piece, recorder),
            Self::File(file) => Ok(file.push(piece, recorder)),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Values(values) => &values.spec.name,
            Self::Rows(rows) => &rows.spec.name,
            Self::File(file) => &file.name,
        }
    }

    /// Puts what has arrived whole where it belongs.
    pub(super) fn end(self, weights: &mut Weights, recorder: Option<&mut Recorder>) -> Result<Arrived> {
        if let Some(recorder) = recorder {
            recorder.end();
        }
        match self {
            Self::Values(values) => values.end(weights),
            Self::Rows(rows) => Ok(Arrived::Half(rows.spec.name.clone(), Half::Rows(Box::new(rows)))),
            Self::File(File { name, bytes, .. }) => {
                weights.files.insert(name, bytes);
                Ok(Arrived::Whole)
            }
        }
    }
}

fn reserved<T>(spec: &TensorSpec, len: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|error| {
        let what = format!("no memory for tensor {} of {} bytes", spec.name, len.saturating_mul(size_of::<T>()));
        Error::new(ErrorKind::OutOfMemory, what).with_source(error)
    })?;
    Ok(values)
}

fn builder(spec: &TensorSpec) -> Result<Option<PackedBuilder>> {
    let (rows, columns) = spec.rows();
    match spec.form {
        Form::Packed(packing) => PackedBuilder::new(packing, rows, columns)
            .map(Some)
            .map_err(|error| Error::from(error).within(format_args!("tensor {}", spec.name))),
        _ => Ok(None),
    }
}

/// A tensor of floats.
pub(super) struct Values {
    spec: TensorSpec,
    dtype: Dtype,
    /// The tensor in 8 bits whose steps these are.
    steps_of: Option<String>,
    /// All values so far; where only rows are kept those of the row that is arriving.
    values: Vec<f32>,
    packed: Option<PackedBuilder>,
    /// Quantises rows for the recorder, where they aren't packed in 8 bits anyway.
    quantizer: Option<Quantizer>,
    /// The type that is recorded.
    recorded: Option<Dtype>,
    /// Values that have not arrived.
    left: usize,
    /// The bytes of a value that a piece has cut in two.
    cut: [u8; 4],
    cut_len: usize,
}

impl Values {
    fn begin(
        spec: TensorSpec,
        dtype: Dtype,
        steps_of: Option<String>,
        recorder: Option<&mut Recorder>,
    ) -> Result<Self> {
        if !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) || spec.form == Form::File {
            let what = format!("tensor {} is {dtype:?}; this reads F32, F16 and BF16", spec.name);
            return Err(invalid(what));
        }
        let (rows, columns) = spec.rows();
        let packed = builder(&spec)?;
        let recorded = recorder.map(|recorder| recorder.begin(&spec, dtype));
        let packed_in_8_bits = matches!(spec.form, Form::Packed(Packing::Int8(_)));
        let quantizer = match (recorded, spec.rotation) {
            (Some(Dtype::I8), Some(rotation)) if !packed_in_8_bits => {
                Some(Quantizer::new(Isa::best(), columns, rotation)?)
            }
            _ => None,
        };
        let left = rows * columns;
        let values = reserved(&spec, if spec.form == Form::Tensor { left } else { columns })?;
        Ok(Self { spec, dtype, steps_of, values, packed, quantizer, recorded, left, cut: [0; 4], cut_len: 0 })
    }

    fn push<'a>(&mut self, piece: &'a [u8], recorder: Option<&mut Recorder>) -> Result<&'a [u8]> {
        match self.dtype {
            Dtype::F16 => self.convert::<2>(piece, |bytes| f16::from_le_bytes(bytes).to_f32(), recorder),
            Dtype::BF16 => self.convert::<2>(piece, |bytes| bf16::from_le_bytes(bytes).to_f32(), recorder),
            _ => self.convert::<4>(piece, f32::from_le_bytes, recorder),
        }
    }

    fn convert<'a, const N: usize>(
        &mut self,
        mut piece: &'a [u8],
        value: fn([u8; N]) -> f32,
        mut recorder: Option<&mut Recorder>,
    ) -> Result<&'a [u8]> {
        while self.cut_len > 0 && self.cut_len < N {
            let Some((byte, after)) = piece.split_first() else { return Ok(piece) };
            self.cut[self.cut_len] = *byte;
            self.cut_len += 1;
            piece = after;
        }
        if let (true, Some(bytes)) = (self.cut_len == N, self.cut.first_chunk::<N>()) {
            let first = value(*bytes);
            self.cut_len = 0;
            self.keep([first].into_iter(), recorder.as_deref_mut())?;
        }
        let (mine, rest) = piece.split_at(piece.len().min(self.left * N));
        let (mut whole, tail) = mine.as_chunks::<N>();
        while !whole.is_empty() {
            // Tensors are kept all at once, everything else a row at a time.
            let room =
                if self.spec.form == Form::Tensor { whole.len() } else { self.spec.rows().1 - self.values.len() };
            let (now, later) = whole.split_at(whole.len().min(room));
            self.keep(now.iter().map(|bytes| value(*bytes)), recorder.as_deref_mut())?;
            whole = later;
        }
        self.cut[..tail.len()].copy_from_slice(tail);
        self.cut_len = tail.len();
        Ok(rest)
    }

    /// Keeps values that go no further than the current row, and ends the row if they do.
    fn keep(&mut self, values: impl ExactSizeIterator<Item = f32>, recorder: Option<&mut Recorder>) -> Result<()> {
        let before = self.values.len();
        let index = self.spec.shape.iter().product::<usize>() - self.left;
        self.left -= values.len();
        self.values.extend(values);
        let fresh = self.values.get(before..).unwrap_or_default();
        if let Some((at, value)) = fresh.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            let what = format!("tensor {} is not finite: value {} is {value}", self.spec.name, index + at);
            return Err(invalid(what));
        }
        if let (Some(recorder), Some(dtype)) = (recorder, self.recorded) {
            if dtype != Dtype::I8 {
                recorder
                    .values(fresh, dtype)
                    .map_err(|error| error.within(format_args!("tensor {}", self.spec.name)))?;
            } else if self.values.len() == self.spec.rows().1 {
                return self.end_row(Some(recorder));
            }
        }
        if self.spec.form != Form::Tensor && self.values.len() == self.spec.rows().1 {
            self.end_row(None)?;
        }
        Ok(())
    }

    /// Packs the row that is whole, and records it in 8 bits if there is a recorder.
    fn end_row(&mut self, recorder: Option<&mut Recorder>) -> Result<()> {
        let packed = self.packed.as_mut().map(|packed| packed.push_row(&self.values)).transpose()?.flatten();
        if let Some(recorder) = recorder {
            let quantized = packed.or_else(|| Some(self.quantizer.as_mut()?.quantize(&self.values)));
            if let Some((row, step)) = quantized {
                recorder.row(row);
                recorder.step(step);
            }
        }
        self.values.clear();
        Ok(())
    }

    fn end(self, weights: &mut Weights) -> Result<Arrived> {
        let TensorSpec { name, shape, form, .. } = self.spec;
        if let Some(of) = self.steps_of {
            return Ok(Arrived::Half(of, Half::Steps(self.values)));
        }
        match self.packed {
            Some(packed) => {
                weights.packed.insert(name, packed);
            }
            None if form == Form::Tensor => {
                weights.tensors.insert(name, Floats { values: self.values, shape });
            }
            None => {}
        }
        Ok(Arrived::Whole)
    }
}

/// The rows of a linear layer's weight in 8 bits.
pub(super) struct Rows {
    spec: TensorSpec,
    rotation: Rotation,
    /// Takes the rows where they stay in 8 bits.
    packed: Option<PackedBuilder>,
    /// All rows, or of packed ones the one that is arriving.
    rows: Vec<i8>,
    left: usize,
}

impl Rows {
    fn begin(spec: TensorSpec, recorder: Option<&mut Recorder>) -> Result<Self> {
        let Some(rotation) = spec.rotation else {
            return Err(invalid(format!("tensor {} is I8; only the weights of linear layers can be", spec.name)));
        };
        if recorder.is_some_and(|recorder| recorder.begin(&spec, Dtype::I8) != Dtype::I8) {
            return Err(invalid(format!("tensor {} is in 8 bits already", spec.name)));
        }
        let (rows, columns) = spec.rows();
        let packed = match spec.form {
            Form::Packed(Packing::Int8(_)) => builder(&spec)?,
            _ => None,
        };
        let left = rows * columns;
        let rows = reserved(&spec, if packed.is_some() { columns } else { left })?;
        Ok(Self { spec, rotation, packed, rows, left })
    }

    fn push<'a>(&mut self, piece: &'a [u8], recorder: Option<&mut Recorder>) -> Result<&'a [u8]> {
        let (mut mine, rest) = piece.split_at(piece.len().min(self.left));
        self.left -= mine.len();
        if let Some(recorder) = recorder {
            recorder.bytes(mine);
        }
        while !mine.is_empty() {
            let room = if self.packed.is_some() { self.spec.rows().1 - self.rows.len() } else { mine.len() };
            let (now, later) = mine.split_at(mine.len().min(room));
            self.rows.extend(now.iter().map(|byte| *byte as i8));
            mine = later;
            if let Some(packed) = &mut self.packed
                && self.rows.len() == self.spec.rows().1
            {
                packed.push_quantized(&self.rows)?;
                self.rows.clear();
            }
        }
        Ok(rest)
    }

    /// Makes of rows and their steps what was asked for.
    pub(super) fn join(self, steps: &[f32], weights: &mut Weights) -> Result<()> {
        let name = self.spec.name.clone();
        if let Some(mut packed) = self.packed {
            packed.set_steps(steps)?;
            weights.packed.insert(name, packed);
            return Ok(());
        }
        let mut packed = builder(&self.spec)?;
        let (_, columns) = self.spec.rows();
        let mut values = Vec::new();
        if self.spec.form == Form::Tensor {
            values = reserved(&self.spec, self.rows.len())?;
        }
        let mut quantizer = Quantizer::new(Isa::best(), columns, self.rotation)?;
        for (row, step) in self.rows.chunks(columns.max(1)).zip(steps) {
            match (&mut packed, self.spec.form) {
                (Some(packed), _) => drop(packed.push_row(&quantizer.restore(row, *step))?),
                (None, Form::Tensor) => values.extend(quantizer.restore(row, *step)),
                (None, _) => {}
            }
        }
        match packed {
            Some(packed) => drop(weights.packed.insert(name, packed)),
            None if self.spec.form == Form::Tensor => {
                weights.tensors.insert(name, Floats { values, shape: self.spec.shape });
            }
            None => {}
        }
        Ok(())
    }
}

/// A file that the weights carry along.
pub(super) struct File {
    name: String,
    bytes: Vec<u8>,
    left: usize,
}

impl File {
    fn begin(spec: TensorSpec, info: &TensorInfo, recorder: Option<&mut Recorder>) -> Result<Self> {
        let len: usize = info.shape.iter().product();
        if spec.form != Form::File || len > LONGEST_FILE {
            return Err(invalid(format!("tensor {} is U8 of shape {:?}", spec.name, info.shape)));
        }
        if let Some(recorder) = recorder {
            recorder.begin(&TensorSpec { shape: vec![len], ..spec.clone() }, Dtype::U8);
        }
        Ok(Self { bytes: reserved(&spec, len)?, name: spec.name, left: len })
    }

    fn push<'a>(&mut self, piece: &'a [u8], recorder: Option<&mut Recorder>) -> &'a [u8] {
        let (mine, rest) = piece.split_at(piece.len().min(self.left));
        self.left -= mine.len();
        self.bytes.extend_from_slice(mine);
        if let Some(recorder) = recorder {
            recorder.bytes(mine);
        }
        rest
    }
}
