//! Reads the weights of an ONNX file as a stream. Nothing of it is run: the graph says which initializer is which tensor of
//! the model, and the towers are those of the other layouts.
//!
//! A file is one message (`fields.rs`): the graph's operations (`graph.rs`) come first, then its initializers (`tensor.rs`), each
//! with its bytes, or with the place of them in another file beside it (`external.rs`). Once the first initializer begins, the
//! weighted parts of the graph are known (`parts.rs`, `finder.rs`), and with them the model's tensors by name (`names.rs`). The
//! initializers that are wanted become tensors as they arrive (`intake.rs`, `matrix.rs`); long ones that are not are left out.
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>

use super::data::Output;
use super::format::Format;
use super::sinks::{Row, chain};
use super::{GAP, Header, TensorSpec, invalid, missing};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::ops::Range;

mod chains;
mod external;
mod fields;
mod finder;
mod graph;
mod intake;
mod matrix;
mod names;
mod parts;
mod tensor;
mod wire;

use external::ExternalFiles;
use graph::Graph;
use intake::{Arriving, Intake};
pub(crate) use names::OnnxFamily;
use names::{LOGIT_BIAS, LOGIT_SCALE, Names, dinov2};
use tensor::Tensor;

/// What is asked for at first, and after a part that was left out.
const FIRST_RANGE: u64 = 128 << 10;
/// The most that is asked for beyond what is known to be wanted.
const LOOKAHEAD: u64 = 8 << 20;
/// The logarithm of what a CLIP multiplies cosines by: its training ends at 100, and the two files of the towers don't say.
const DEFAULT_LOGIT_SCALE: f32 = 4.605_170_2;
/// The same of a SigLIP, whose training ends anywhere: a logarithm whose exponential is 0 stands for one that is not known.
const UNKNOWN_LOGIT_SCALE: f32 = -1000.0;

/// Says that a second file, after that of the vision tower, has the text tower.
pub(super) const TEXT_TOWER: &str = "text_model.embeddings.token_embedding.weight";

/// Whether the beginning of a file is that of an ONNX file, and not the length of a safetensors file's header: a
/// first field that is the version of the format.
pub(super) fn is_onnx(first: [u8; 8]) -> bool {
    let [tag, version, next, ..] = first;
    tag == 0x08 && (1..64).contains(&version) && matches!(next & 7, 0 | 2) && u64::from_le_bytes(first) > 1 << 32
}

/// One file, and the files beside it that hold its weights.
pub(super) struct OnnxFile {
    /// Where in the file the next byte is.
    at: u64,
    /// The beginning of what is arriving.
    buffer: Vec<u8>,
    place: Place,
    graph: Graph,
    /// End of the graph and of the initializer, where one is arriving.
    graph_end: Option<u64>,
    tensor: Option<(Tensor, u64)>,
    family: OnnxFamily,
    names: Option<Names>,
    is_selected: bool,
    intake: Intake,
    external: ExternalFiles,
    /// Where the last part that was left out has ended.
    wanted_since: u64,
    /// Whether all of its weights are wanted.
    is_all_wanted: bool,
}

/// What comes next.
enum Place {
    /// The beginning of a field: of the file, the graph or an initializer.
    Field,
    /// A field that is collected up to this length.
    Whole(Whole, usize),
    /// Bytes of an initializer, and where they end.
    Data(Arriving, u64),
    /// Nothing that is wanted, up to there.
    Skip(u64),
    /// An initializer begins, and nobody has selected yet: its length.
    Unselected(u64),
    End,
}

/// What is collected.
#[derive(Clone, Copy)]
enum Whole {
    Node,
    Tensor,
    /// A field of an initializer.
    TensorField(u32),
}

impl OnnxFile {
    /// A file of a model of this family.
    pub(super) fn new(family: OnnxFamily) -> Self {
        Self {
            family,
            at: 0,
            buffer: Vec::new(),
            place: Place::Field,
            graph: Graph::default(),
            graph_end: None,
            tensor: None,
            names: None,
            is_selected: false,
            intake: Intake::default(),
            external: ExternalFiles::default(),
            wanted_since: 0,
            is_all_wanted: false,
        }
    }

    /// Takes the bytes at `at`; gives back those that it can't take before [`select`](Self::select).
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]; [`ErrorKind::InvalidArgument`]: something that is wanted was left out.
    pub(super) fn push<'a>(&mut self, at: u64, mut piece: &'a [u8], output: &mut Output) -> Result<&'a [u8]> {
        if self.external.is_open() {
            return self.external.push(at, piece, &mut self.intake, output);
        }
        self.check_jump(at)?;
        self.at = at;
        loop {
            if let Place::Unselected(_) = self.place {
                return Ok(piece);
            }
            piece = self.step(piece, output)?;
            if self.is_selected && self.intake.is_complete() {
                self.place = Place::End;
            }
            if matches!(self.place, Place::End) {
                return Ok(&[]);
            }
            if piece.is_empty() && !self.goes_on() {
                return Ok(&[]);
            }
        }
    }

    /// What the model finds in it, once that is known and until [`select`](Self::select) was called.
    pub(super) fn unselected(&self) -> Option<Header> {
        let names = self.names.as_ref().filter(|_| !self.is_selected)?;
        let has_fitted_positions = names.get(dinov2::POSITIONS).is_some_and(|positions| !positions.is_resized);
        Some(Header { names: names.keys().cloned().collect(), stored: None, has_fitted_positions })
    }

    /// Says what is wanted: takes of `specs` what this file has. In a second file there is nothing but what is `known`;
    /// `is_last` says that no other file follows.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: the file has a tensor for which the model has no place, or lacks one.
    pub(super) fn select(
        &mut self,
        specs: &mut Vec<TensorSpec>,
        known: Option<&BTreeSet<String>>,
        is_last: bool,
        output: &mut Output,
    ) -> Result<()> {
        self.is_selected = true;
        let mut names = self.names.take().unwrap_or_default();
        // A SigLIP's scale without its bias, which stands where it is not looked for, gives wrong probabilities: then neither is known.
        if self.family == OnnxFamily::Siglip && !names.contains_key(LOGIT_BIAS) {
            names.remove(LOGIT_SCALE);
        }
        if let Some(name) = known.and_then(|known| names.keys().find(|name| !known.contains(*name))) {
            let what = format!("the weights contain tensor {name}, which config.json leaves no place for");
            return Err(invalid(what).about_tensor(name));
        }
        let before = specs.len();
        self.intake.take(specs, &names);
        self.is_all_wanted = before - specs.len() == names.len();
        if is_last {
            take_defaults(specs, self.family, output)?;
            if let Some(spec) = specs.first() {
                return Err(missing(&spec.name));
            }
        }
        for (name, mut constant) in self.graph.take_constants() {
            if self.intake.is_wanted(&name)
                && let Some(bytes) = constant.take_data()?
            {
                constant.name = name;
                self.whole_tensor(constant, &bytes, output)?;
            }
        }
        self.graph = Graph::default();
        if let Place::Unselected(len) = self.place {
            self.begin_tensor(len)?;
        }
        Ok(())
    }

    /// The bytes to read next.
    pub(super) fn wanted(&self) -> Option<Range<u64>> {
        if self.external.is_open() {
            return self.external.wanted();
        }
        let ahead = match self.is_all_wanted {
            true => u64::MAX,
            false => self.at.saturating_sub(self.wanted_since).clamp(FIRST_RANGE, LOOKAHEAD),
        };
        let (start, known) = match &self.place {
            Place::End => return None,
            Place::Skip(to) if *to - self.at > GAP => (*to, *to),
            Place::Skip(to) | Place::Data(_, to) => (self.at, *to),
            _ => (self.at, self.at),
        };
        let end = known.saturating_add(ahead);
        Some(start..self.graph_end.map_or(end, |graph_end| end.min(graph_end)))
    }

    /// Bytes that are still to be read, as far as that is known.
    pub(super) fn left(&self) -> Option<u64> {
        if self.external.is_open() {
            return Some(self.external.left());
        }
        match self.place {
            Place::End => Some(0),
            _ => self.graph_end.map(|end| end.saturating_sub(self.at)),
        }
    }

    /// How long the file is at least.
    pub(super) fn least_len(&self) -> u64 {
        if self.external.is_open() { self.external.least_len() } else { self.graph_end.unwrap_or_default() }
    }

    /// What is arriving, for errors.
    pub(super) fn inside(&self) -> Option<&str> {
        match &self.place {
            Place::Data(arriving, _) => Some(arriving.name()),
            _ => self.external.inside(),
        }
    }

    /// Whether all that is wanted of the file has come.
    pub(super) fn is_complete(&self) -> bool {
        if self.external.is_open() { self.external.is_complete() } else { matches!(self.place, Place::End) }
    }

    /// Goes on to the next file that holds weights of this one: its name.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: all have been read, and a tensor is missing.
    pub(super) fn open_external(&mut self) -> Result<Option<String>> {
        match self.external.open_next() {
            Some(location) => Ok(Some(location)),
            None => self.intake.missing().map_or(Ok(None), Err),
        }
    }

    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: something that is wanted lies before `to`.
    fn check_jump(&self, to: u64) -> Result<()> {
        let is_fine = match self.place {
            Place::Skip(end) => to <= end,
            Place::End => true,
            _ => to == self.at,
        };
        if is_fine {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::InvalidArgument, "bytes of the ONNX file were left out"))
        }
    }
}

/// What the file of a text tower alone does not say.
fn take_defaults(specs: &mut Vec<TensorSpec>, family: OnnxFamily, output: &mut Output) -> Result<()> {
    let scale = if family == OnnxFamily::Siglip { UNKNOWN_LOGIT_SCALE } else { DEFAULT_LOGIT_SCALE };
    for (name, value) in [(LOGIT_SCALE, scale), (LOGIT_BIAS, 0.0)] {
        let Some(at) = specs.iter().position(|spec| spec.name == name) else { continue };
        let spec = specs.remove(at);
        let mut sink = chain(&spec, Format::F32, spec.usage.destination(output.target), output.recording.as_ref())?;
        sink.push(Row::Floats(&[value]))?;
        output.weights.insert(spec.name, sink.end()?);
    }
    Ok(())
}
