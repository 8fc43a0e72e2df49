//! A strict, streaming reader of safetensors files.
//!
//! The bytes come in pieces of any size, in the order of the file, from a disk or from a network: each tensor that was
//! asked for is converted to f32, and packed for its kernel where it is a layer's weight, as its bytes arrive; the others
//! pass by. So the whole file never stands in memory beside the model, and a file that cannot be right is refused at its header, before the rest is downloaded.
//!
//! The layout of a file: 8 bytes, little-endian, the length `n` of the header; `n` bytes of JSON that give each
//! tensor's type, shape and place; the tensors' bytes without gaps.
//! <https://github.com/huggingface/safetensors#format>

use crate::error::{Error, ErrorKind, Result};
use crate::kernels::{PackedBuilder, Packing};
use candle_core::{Device, Tensor};
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::collections::{HashMap, HashSet};

/// A header is a few hundred bytes a tensor: the largest CLIP's has 120 kB. A longer one is another kind of file.
const MAX_HEADER: u64 = 16 << 20;
/// The 8 bytes of the header's length.
const PREFIX: usize = 8;

/// A tensor that the model needs: its full name in the file, its shape, and how it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorSpec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Packed row by row as it arrives, the first axis being the rows; `None`: as an f32 tensor.
    packing: Option<Packing>,
}

impl TensorSpec {
    pub(crate) fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self { name: name.into(), shape: shape.into(), packing: None }
    }

    /// The same, kept packed where `packing` says how.
    pub(crate) fn packed(self, packing: Option<Packing>) -> Self {
        Self { packing, ..self }
    }

    /// Rows and what is in each: the first axis and all others.
    fn rows(&self) -> (usize, usize) {
        (self.shape.first().copied().unwrap_or(1), self.shape.iter().skip(1).product())
    }

    /// About the memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let (rows, columns) = self.rows();
        self.packing.unwrap_or(Packing::F32).bytes(rows, columns)
    }
}

/// The names in a file, for the model to say what it wants of them.
pub(crate) struct Header<'a>(&'a Metadata);

impl Header<'_> {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.info(name).is_some()
    }

    /// Refuses a file that has a tensor of a tower which is not among the tower's `specs`: it is another model than its
    /// configuration says. The tower's tensors are those whose names begin with `prefix` and one of `parts`.
    pub(crate) fn refuse_others(&self, prefix: &str, parts: &[&str], specs: &[TensorSpec]) -> Result<()> {
        let known: HashSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        let of_tower =
            |name: &str| name.strip_prefix(prefix).is_some_and(|rest| parts.iter().any(|part| rest.starts_with(part)));
        // A buffer that old files hold: 0, 1, 2, …
        let ids = format!("{prefix}embeddings.position_ids");
        match self.0.offset_keys().iter().find(|name| of_tower(name) && !known.contains(name.as_str()) && **name != ids)
        {
            Some(name) => {
                Err(invalid(format!("the weights have a tensor {name}, which a model of this config.json does not")))
            }
            None => Ok(()),
        }
    }
}

type Choose = Box<dyn FnOnce(&Header<'_>) -> Result<Vec<TensorSpec>> + Send>;

/// Reads one file; see the module.
pub(crate) struct WeightsReader {
    state: State,
    /// Bytes taken so far, for messages.
    position: u64,
}

enum State {
    Header {
        bytes: Vec<u8>,
        choose: Choose,
    },
    Data(Box<Data>),
    /// After an error: nothing more is taken.
    Failed,
}

/// The tensors in the order of the file, and how far it has been read.
struct Data {
    /// The last is the next to come.
    pending: Vec<Pending>,
    current: Option<Filling>,
    /// Bytes to pass by before the next tensor that is wanted, or the end.
    skip: u64,
    read: Weights,
    /// Bytes that the header promises after itself, and those that came.
    data_len: u64,
    data_read: u64,
}

struct Pending {
    spec: TensorSpec,
    dtype: Dtype,
    /// Bytes of other tensors before this one.
    gap: u64,
}

/// A tensor of which the bytes are arriving.
struct Filling {
    spec: TensorSpec,
    dtype: Dtype,
    /// All values so far; of a packed tensor those of the row that is arriving.
    values: Vec<f32>,
    packed: Option<PackedBuilder>,
    /// Values that have not arrived.
    left: usize,
    /// The bytes of a value that a piece has cut in two.
    cut: [u8; 4],
    cut_len: usize,
}

/// What was read, by name.
#[derive(Default)]
pub(crate) struct Weights {
    /// f32, on the CPU.
    tensors: HashMap<String, Tensor>,
    packed: HashMap<String, PackedBuilder>,
}

impl Weights {
    /// Takes a tensor out, onto `device`.
    pub(crate) fn take(&mut self, name: &str, device: &Device) -> Result<Tensor> {
        let tensor = self.tensors.remove(name).ok_or_else(|| missing(name))?;
        Ok(tensor.to_device(device)?)
    }

    /// Takes out a tensor that was packed as it came; its bias is still to be added.
    pub(crate) fn take_packed(&mut self, name: &str) -> Result<PackedBuilder> {
        self.packed.remove(name).ok_or_else(|| missing(name))
    }
}

fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Weights, what)
}

fn missing(name: &str) -> Error {
    invalid(format!("the weights have no tensor {name}"))
}

impl WeightsReader {
    /// A reader that, once the header is there, asks `choose` which tensors to keep.
    pub(crate) fn new(choose: impl FnOnce(&Header<'_>) -> Result<Vec<TensorSpec>> + Send + 'static) -> Self {
        Self { state: State::Header { bytes: Vec::new(), choose: Box::new(choose) }, position: 0 }
    }

    /// Takes the next piece of the file.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] as soon as the file is seen to be wrong; [`ErrorKind::OutOfMemory`]. After an error every
    /// further call is one.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.position += piece.len() as u64;
        // A state that an error leaves half done is not to be gone on with.
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Failed => Err(invalid("the weights were refused already")),
            State::Header { bytes, choose } => {
                self.state = push_header(bytes, choose, piece)?;
                Ok(())
            }
            State::Data(mut data) => {
                data.push(piece)?;
                self.state = State::Data(data);
                Ok(())
            }
        }
    }

    /// Whether all tensors that were asked for are there; the rest of the file holds others.
    pub(crate) fn is_complete(&self) -> bool {
        match &self.state {
            State::Data(data) => data.is_complete(),
            State::Header { .. } | State::Failed => false,
        }
    }

    /// Ends the reading and gives out the tensors, though the rest of the file may not have been read.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where a tensor is missing.
    pub(crate) fn finish_early(self) -> Result<Weights> {
        match self.state {
            State::Data(data) if data.is_complete() => Ok(data.read),
            _ => self.finish(),
        }
    }

    /// Ends the file and gives out the tensors.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where bytes are missing.
    pub(crate) fn finish(self) -> Result<Weights> {
        match self.state {
            State::Failed => Err(invalid("the weights were refused already")),
            State::Header { .. } if self.position == 0 => Err(invalid("the weights are empty (0 bytes)")),
            State::Header { .. } => {
                Err(invalid(format!("the weights end after {} bytes, inside their header", self.position)))
            }
            State::Data(mut data) => {
                data.advance()?;
                data.finish(self.position)
            }
        }
    }
}

/// Collects the header; once it is whole, goes on to the data with what `piece` has left.
fn push_header(mut bytes: Vec<u8>, choose: Choose, piece: &[u8]) -> Result<State> {
    // The length first, alone: until it is known to be sane nothing more is kept.
    let (prefix, piece) = piece.split_at(piece.len().min(PREFIX.saturating_sub(bytes.len())));
    bytes.extend_from_slice(prefix);
    let Some(length) = bytes.first_chunk::<PREFIX>().map(|first| u64::from_le_bytes(*first)) else {
        return Ok(State::Header { bytes, choose });
    };
    if length > MAX_HEADER {
        return Err(not_safetensors(&bytes));
    }
    let wanted = length as usize + PREFIX - bytes.len();
    let (header, piece) = piece.split_at(piece.len().min(wanted));
    bytes.extend_from_slice(header);
    if header.len() < wanted {
        return Ok(State::Header { bytes, choose });
    }
    let metadata: Metadata = serde_json::from_slice(bytes.get(PREFIX..).unwrap_or_default())
        .map_err(|error| invalid("the header of the weights is malformed").with_source(error))?;
    let mut data = Data::new(&metadata, choose(&Header(&metadata))?)?;
    data.push(piece)?;
    Ok(State::Data(Box::new(data)))
}

/// What the first bytes are, where they are no safetensors file.
fn not_safetensors(first: &[u8]) -> Error {
    let what = if first.trim_ascii_start().starts_with(b"<") {
        "they look like an HTML or XML page"
    } else if first.starts_with(b"version ") {
        "they are a Git LFS pointer; the file itself has to be fetched with git lfs pull"
    } else if first.starts_with(b"PK") || first.starts_with(b"\x80") {
        "they look like a PyTorch pickle; save the model as safetensors"
    } else {
        "their first 8 bytes give no sensible header length"
    };
    invalid(format!("the weights are no safetensors file: {what}"))
}

impl Data {
    fn new(metadata: &Metadata, specs: Vec<TensorSpec>) -> Result<Self> {
        let mut pending = Vec::with_capacity(specs.len());
        for spec in specs {
            let info = metadata.info(&spec.name).ok_or_else(|| missing(&spec.name))?;
            if info.shape != spec.shape {
                let TensorSpec { name, shape, .. } = &spec;
                return Err(invalid(format!("tensor {name} has shape {:?}, not {shape:?}", info.shape)));
            }
            if !matches!(info.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
                let what = format!("tensor {} is {:?}; this reads F32, F16 and BF16", spec.name, info.dtype);
                return Err(invalid(what));
            }
            pending.push((info.data_offsets, Pending { spec, dtype: info.dtype, gap: 0 }));
        }
        pending.sort_by_key(|((start, _), _)| *start);
        let mut end = 0;
        for ((start, stop), tensor) in &mut pending {
            tensor.gap = (*start - end) as u64;
            end = *stop;
        }
        let data_len = metadata.data_len() as u64;
        let pending = pending.into_iter().rev().map(|(_, tensor)| tensor).collect();
        let read = Weights::default();
        Ok(Self { pending, current: None, skip: 0, read, data_len, data_read: 0 })
    }

    fn push(&mut self, mut piece: &[u8]) -> Result<()> {
        self.data_read += piece.len() as u64;
        if self.data_read > self.data_len {
            let more = self.data_read - self.data_len;
            return Err(invalid(format!("the weights have at least {more} bytes more than their header describes")));
        }
        while !piece.is_empty() {
            let skipped = piece.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= skipped as u64;
            piece = piece.get(skipped..).unwrap_or_default();
            if self.skip > 0 {
                break;
            }
            match &mut self.current {
                Some(filling) => piece = filling.push(piece)?,
                None => self.advance()?,
            }
            if self.current.as_ref().is_some_and(Filling::is_full) {
                self.advance()?;
            }
        }
        Ok(())
    }

    /// Puts the tensor that is full away and makes room for the next; past the last, skips to the end.
    fn advance(&mut self) -> Result<()> {
        if let Some(full) = self.current.take_if(|filling| filling.is_full()) {
            let TensorSpec { name, shape, .. } = full.spec;
            match full.packed {
                Some(packed) => {
                    self.read.packed.insert(name, packed);
                }
                None => {
                    self.read.tensors.insert(name, Tensor::from_vec(full.values, shape, &Device::Cpu)?);
                }
            }
        }
        if self.current.is_none() {
            match self.pending.pop() {
                Some(next) => {
                    self.skip = next.gap;
                    self.current = Some(Filling::new(next.spec, next.dtype)?);
                }
                None => self.skip = u64::MAX,
            }
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.pending.is_empty() && self.current.is_none()
    }

    fn finish(self, position: u64) -> Result<Weights> {
        if self.data_read < self.data_len {
            let within = match &self.current {
                Some(filling) if self.skip == 0 => format!(", inside tensor {}", filling.spec.name),
                _ => String::new(),
            };
            let total = position - self.data_read + self.data_len;
            return Err(invalid(format!("the weights are cut short: {position} of {total} bytes{within}")));
        }
        Ok(self.read)
    }
}

impl Filling {
    fn new(spec: TensorSpec, dtype: Dtype) -> Result<Self> {
        let (rows, columns) = spec.rows();
        let packed = spec.packing.map(|packing| PackedBuilder::new(packing, rows, columns)).transpose();
        let packed = packed.map_err(|error| error.within(format_args!("tensor {}", spec.name)))?;
        let left = rows * columns;
        let kept = if packed.is_some() { columns } else { left };
        let mut values = Vec::new();
        values.try_reserve_exact(kept).map_err(|error| {
            let what = format!("no memory for tensor {} of {} bytes", spec.name, kept.saturating_mul(4));
            Error::new(ErrorKind::OutOfMemory, what).with_source(error)
        })?;
        Ok(Self { spec, dtype, values, packed, left, cut: [0; 4], cut_len: 0 })
    }

    fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Takes what belongs to this tensor and gives back the rest.
    fn push<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8]> {
        match self.dtype {
            Dtype::F16 => self.convert::<2>(piece, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Dtype::BF16 => self.convert::<2>(piece, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            _ => self.convert::<4>(piece, f32::from_le_bytes),
        }
    }

    fn convert<'a, const N: usize>(&mut self, mut piece: &'a [u8], value: fn([u8; N]) -> f32) -> Result<&'a [u8]> {
        while self.cut_len > 0 && self.cut_len < N {
            let Some((byte, after)) = piece.split_first() else { return Ok(piece) };
            self.cut[self.cut_len] = *byte;
            self.cut_len += 1;
            piece = after;
        }
        if let (true, Some(bytes)) = (self.cut_len == N, self.cut.first_chunk::<N>()) {
            let first = value(*bytes);
            self.cut_len = 0;
            self.keep([first].into_iter())?;
        }
        let (mine, rest) = piece.split_at(piece.len().min(self.left * N));
        let (mut whole, tail) = mine.as_chunks::<N>();
        while !whole.is_empty() {
            // A row at a time where rows are packed; else all at once.
            let room = if self.packed.is_some() { self.spec.rows().1 - self.values.len() } else { whole.len() };
            let (now, later) = whole.split_at(whole.len().min(room));
            self.keep(now.iter().map(|bytes| value(*bytes)))?;
            whole = later;
        }
        self.cut[..tail.len()].copy_from_slice(tail);
        self.cut_len = tail.len();
        Ok(rest)
    }

    /// Keeps values that go no further than the current row, and packs the row if that ends it.
    fn keep(&mut self, values: impl ExactSizeIterator<Item = f32>) -> Result<()> {
        let before = self.values.len();
        let index = self.spec.shape.iter().product::<usize>() - self.left;
        self.left -= values.len();
        self.values.extend(values);
        let fresh = self.values.get(before..).unwrap_or_default();
        if let Some((at, value)) = fresh.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            let what = format!("tensor {} is not finite: value {} is {value}", self.spec.name, index + at);
            return Err(invalid(what));
        }
        if let Some(packed) = &mut self.packed
            && self.values.len() == self.spec.rows().1
        {
            packed.push_row(&self.values)?;
            self.values.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    /// Two wanted tensors (f16 and f32) with others of other types around them.
    fn file() -> Vec<u8> {
        let half: Vec<u8> = (0..6).flat_map(|i| f16::from_f32(i as f32 / 4.0).to_le_bytes()).collect();
        let brain: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect();
        let full: Vec<u8> = [1f32, -2.5, 3.25].iter().flat_map(|v| v.to_le_bytes()).collect();
        let ids: Vec<u8> = (0..4i64).flat_map(i64::to_le_bytes).collect();
        let tensors = [
            ("ids", TensorView::new(Dtype::I64, vec![4], &ids).unwrap()),
            ("half", TensorView::new(Dtype::F16, vec![2, 3], &half).unwrap()),
            ("brain", TensorView::new(Dtype::BF16, vec![2], &brain).unwrap()),
            ("full", TensorView::new(Dtype::F32, vec![3], &full).unwrap()),
            ("other", TensorView::new(Dtype::F32, vec![1, 3], &full).unwrap()),
        ];
        safetensors::serialize(tensors, None).unwrap()
    }

    fn specs() -> Vec<TensorSpec> {
        vec![TensorSpec::new("full", [3]), TensorSpec::new("half", [2, 3]), TensorSpec::new("brain", [2])]
    }

    fn read(file: &[u8], piece: usize, specs: Vec<TensorSpec>) -> Result<Weights> {
        let mut reader = WeightsReader::new(move |_| Ok(specs));
        for piece in file.chunks(piece) {
            reader.push(piece)?;
        }
        reader.finish()
    }

    #[test]
    fn pieces_of_any_size_give_the_same_tensors() {
        let file = file();
        for piece in (1..40).chain([file.len()]) {
            let mut weights = read(&file, piece, specs()).unwrap();
            let mut take = |name| {
                let tensor = weights.take(name, &Device::Cpu).unwrap();
                tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            };
            assert_eq!(take("half"), [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
            assert_eq!(take("brain"), [1.5, -2.0]);
            assert_eq!(take("full"), [1.0, -2.5, 3.25]);
        }
    }

    #[test]
    fn every_cut_is_an_error_and_every_surplus_too() {
        let file = file();
        for len in 0..file.len() {
            let error = read(&file[..len], 7, specs()).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Weights, "{len}");
        }
        for more in 1..20 {
            let longer = [file.as_slice(), &vec![0; more]].concat();
            assert!(read(&longer, 5, specs()).is_err(), "{more}");
        }
    }

    #[test]
    fn reading_can_end_with_the_last_tensor_that_is_wanted() {
        let file = file();
        let wanted = || vec![TensorSpec::new("full", [3])];
        let mut reader = WeightsReader::new(move |_| Ok(wanted()));
        let enough = file.iter().position(|byte| reader.push(&[*byte]).is_ok() && reader.is_complete()).unwrap();
        assert!(enough + 1 < file.len());
        assert!(reader.finish_early().unwrap().take("full", &Device::Cpu).is_ok());
        let mut reader = WeightsReader::new(move |_| Ok(wanted()));
        reader.push(&file[..enough]).unwrap();
        assert_eq!(reader.finish_early().err().unwrap().kind(), ErrorKind::Weights);
    }

    #[test]
    fn errors_name_the_tensor() {
        let nan: Vec<u8> = [0f32, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
        let not_finite =
            safetensors::serialize([("w", TensorView::new(Dtype::F32, vec![2], &nan).unwrap())], None).unwrap();
        let file = file();
        let cases: [(&[u8], TensorSpec, &[&str]); 5] = [
            (&file, TensorSpec::new("absent", [1]), &["no tensor absent"]),
            (&file, TensorSpec::new("half", [3, 2]), &["half", "[2, 3]", "[3, 2]"]),
            (&file, TensorSpec::new("ids", [4]), &["ids", "I64"]),
            (&not_finite, TensorSpec::new("w", [2]), &["tensor w", "value 1 is NaN"]),
            (b"<!doctype html><html>", TensorSpec::new("w", [2]), &["HTML"]),
        ];
        for (file, spec, parts) in cases {
            let error = read(file, 3, vec![spec]).err().unwrap().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn a_header_that_lies_is_refused() {
        let header = |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
        let cases = [
            header("{"),
            header(r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#),
            header(r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#),
            header(r#"{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#),
            vec![0xff; 32],
        ];
        for file in cases {
            assert!(read(&file, 4, vec![TensorSpec::new("w", [2])]).is_err(), "{file:?}");
        }
    }
}
