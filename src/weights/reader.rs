//! Reads a model's weights, from one file or from several; see the module above.

use super::data::{Data, Output};
use super::format::Format;
use super::header::HeaderBytes;
use super::onnx::{OnnxFile, TEXT_TOWER};
use super::recorder::{Recorded, Recorder, SharedRecorder};
use super::shards::Index;
use super::sinks::Recording;
use super::{Header, Selection, TensorRequest, TensorSpec, Use, Weights, check_length, invalid, missing};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// What the one file of a model that is not sharded is called.
const SINGLE: &str = "model.safetensors";

/// Reads one model's weights. After an error every further call is one.
pub(crate) struct Reader<S> {
    plan: S,
    state: State,
    /// The file that is being read, and what is wanted of it; of a single one that is known once its header is there.
    file: String,
    specs: Option<Vec<TensorSpec>>,
    /// Values that are wanted of it, and their bytes, once its header is there.
    wanted: (u64, u64),
    /// The files after it.
    others: VecDeque<(String, Vec<TensorSpec>)>,
    /// The same of ONNX files, of which none says what is in the next one.
    onnx_files: VecDeque<String>,
    /// The names of all tensors that are wanted of ONNX files, once they are known.
    onnx_names: Option<BTreeSet<String>>,
    /// Where in the file the next byte is.
    position: u64,
    /// Length of the file, where it was told.
    size: Option<u64>,
    output: Output,
    recording: Option<RecordingRequest>,
    checksum: Option<crc32fast::Hasher>,
}

/// What was asked to be recorded.
struct RecordingRequest {
    into: Option<Format>,
    files: Vec<(&'static str, Vec<u8>)>,
}

enum State {
    Header(HeaderBytes),
    Data(Box<Data>),
    Onnx(Box<OnnxFile>),
    Failed,
}

impl<S: Selection> Reader<S> {
    /// A reader of what `plan` selects.
    pub(crate) fn new(plan: S) -> Self {
        Self {
            plan,
            state: State::Header(HeaderBytes::default()),
            file: SINGLE.to_owned(),
            specs: None,
            wanted: (0, 0),
            others: VecDeque::new(),
            onnx_files: VecDeque::new(),
            onnx_names: None,
            position: 0,
            size: None,
            output: Output::new(),
            recording: None,
            checksum: None,
        }
    }

    /// Says that the weights are in several files, of a folder if that has a name; before anything else.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: the index is malformed, or lacks a tensor.
    pub(crate) fn set_index(&mut self, folder: &str, json: &[u8]) -> Result<()> {
        check_length("the index of the weights", json.len() as u64)
            .map_err(|error| Error::new(ErrorKind::Weights, error.context()))?;
        let mut weight_map = Index::from_json(json)?.by_tensor(folder);
        let names: BTreeSet<String> = weight_map.keys().cloned().collect();
        let specs = self.select(&Header { names, ..Header::default() })?;
        let mut files: BTreeMap<String, Vec<TensorSpec>> = BTreeMap::new();
        // Of a model of which nothing is wanted the header of one file is read, as it is of a single one.
        let first = weight_map.values().next().filter(|_| specs.is_empty()).cloned();
        files.extend(first.map(|file| (file, Vec::new())));
        for spec in specs {
            let own = spec.file.as_ref().map(|file| file.to_string());
            let file = weight_map.remove(&spec.name).or(own).ok_or_else(|| missing(&spec.name))?;
            files.entry(file).or_default().push(spec);
        }
        self.others = files.into_iter().collect();
        self.open_next()?;
        Ok(())
    }

    /// Says that the weights are in ONNX files of these names: one, or that of the vision tower and that of the text tower.
    /// Before anything else.
    pub(crate) fn set_onnx_files(&mut self, files: Vec<String>) {
        let mut files = VecDeque::from(files);
        if let Some(first) = files.pop_front() {
            self.file = first;
        }
        self.onnx_files = files;
    }

    /// Records what is read as one file of our own, which carries `files` along: [`into`](super::format::recorded) a
    /// format, or as it is loaded. Before the first byte.
    pub(crate) fn record(&mut self, into: Option<Format>, files: Vec<(&'static str, Vec<u8>)>) {
        self.recording = Some(RecordingRequest { into, files });
    }

    /// Where in the recorded file its data begins, once that is known.
    pub(crate) fn recorded_start(&self) -> Option<usize> {
        self.output.recording.as_ref().map(|recording| recording.recorder.lock().data_start())
    }

    /// The recorded data since the last call.
    pub(crate) fn take_recorded(&mut self) -> Vec<u8> {
        self.output.recording.as_ref().map(|recording| recording.recorder.lock().take()).unwrap_or_default()
    }

    /// The weights for a GPU that have arrived since the last call, by name.
    #[cfg(feature = "gpu")]
    pub(crate) fn take_matrices(&mut self) -> Vec<(String, Vec<u8>)> {
        self.output.weights.take_matrices()
    }

    /// Computes the CRC-32 of all bytes that come.
    pub(crate) fn keep_checksum(&mut self) {
        self.checksum = Some(crc32fast::Hasher::new());
    }

    /// The CRC-32 of the bytes so far, if it is kept.
    pub(crate) fn checksum(&self) -> Option<u32> {
        self.checksum.clone().map(crc32fast::Hasher::finalize)
    }

    /// What selected the tensors.
    pub(crate) fn plan(&self) -> &S {
        &self.plan
    }

    /// The same, to be changed before the first byte.
    pub(crate) fn plan_mut(&mut self) -> &mut S {
        &mut self.plan
    }

    /// Says what the one file is called.
    pub(crate) fn set_file(&mut self, name: &str) {
        name.clone_into(&mut self.file);
    }

    /// The name of the file whose bytes are to come.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The range of it to read next; `None` once all that is wanted of it is there.
    pub(crate) fn wanted(&self) -> Option<Range<u64>> {
        match &self.state {
            State::Header(header) => Some(header.wanted()),
            State::Data(data) => data.wanted(self.position),
            State::Onnx(file) => file.wanted(),
            State::Failed => None,
        }
    }

    /// Bytes of the file that are still to be read, as far as its header has said.
    pub(crate) fn left(&self) -> Option<u64> {
        match &self.state {
            State::Data(data) => Some(data.all_wanted(self.position).map(|range| range.end - range.start).sum()),
            State::Onnx(file) => file.left(),
            State::Header(_) | State::Failed => None,
        }
    }

    /// About as many of the files after it.
    pub(crate) fn left_after(&self) -> Option<u64> {
        let State::Data(_) = &self.state else { return None };
        let (values, bytes) = self.wanted;
        let after: u64 = self.others.iter().map(|(_, specs)| values_in(specs)).sum();
        Some((u128::from(after) * u128::from(bytes) / u128::from(values.max(1))).try_into().unwrap_or(u64::MAX))
    }

    /// Says how long the file is: one of another length than its header says is refused.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`].
    pub(crate) fn set_size(&mut self, size: u64) -> Result<()> {
        self.size = Some(size);
        match &self.state {
            State::Data(data) => self.check_size(data.file_len),
            State::Onnx(file) => self.check_least_size(file.least_len()),
            State::Header(_) | State::Failed => Ok(()),
        }
    }

    fn check_size(&self, file_len: u64) -> Result<()> {
        self.check_least_size(file_len)?;
        self.size.map_or(Ok(()), |size| surplus(size, file_len))
    }

    fn check_least_size(&self, file_len: u64) -> Result<()> {
        match self.size.filter(|size| *size < file_len) {
            Some(size) => Err(invalid(format!("the weights are cut short: {size} of {file_len} bytes"))),
            None => Ok(()),
        }
    }

    /// Takes the next piece of the file.
    ///
    /// # Errors
    /// Those of [`push_at`](Self::push_at).
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.push_at(self.position, piece)
    }

    /// Takes a piece of the file that begins at `offset`. Pieces come in ascending order; what is not wanted may be left
    /// out between them.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] as soon as the file is seen to be wrong; [`ErrorKind::OutOfMemory`];
    /// [`ErrorKind::InvalidArgument`] for pieces that overlap, or lack something that is wanted between them.
    pub(crate) fn push_at(&mut self, offset: u64, piece: &[u8]) -> Result<()> {
        // After an error the state is inconsistent and must not be used again.
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Failed => Err(invalid("the weights were refused already")),
            State::Header(header) => {
                if offset != self.position {
                    return Err(Error::new(ErrorKind::InvalidArgument, "bytes of the header were left out"));
                }
                self.hash(piece);
                self.push_header(header, piece)
            }
            State::Data(data) => {
                self.check_order(offset)?;
                data.check_jump(self.position, offset)?;
                self.hash(piece);
                self.position = offset;
                self.push_data(data, piece)
            }
            State::Onnx(file) => {
                self.check_order(offset)?;
                self.hash(piece);
                self.position = offset;
                self.push_onnx(file, piece)
            }
        }
    }

    fn check_order(&self, offset: u64) -> Result<()> {
        if offset >= self.position {
            return Ok(());
        }
        let what = format!("a piece at byte {offset} after one that ended at {}", self.position);
        Err(Error::new(ErrorKind::InvalidArgument, what))
    }

    fn hash(&mut self, piece: &[u8]) {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(piece);
        }
    }

    fn push_header(&mut self, mut header: HeaderBytes, piece: &[u8]) -> Result<()> {
        if let Some(before) = header.of_onnx(piece) {
            let mut file = Box::new(OnnxFile::new(self.plan.onnx_family()?));
            file.push(0, before, &mut self.output)?;
            return self.push_onnx(file, piece);
        }
        let (parsed, rest) = header.push(piece)?;
        self.position += (piece.len() - rest.len()) as u64;
        let Some(parsed) = parsed else {
            self.state = State::Header(header);
            return Ok(());
        };
        let specs = match self.specs.take() {
            Some(specs) => {
                refuse_others(&parsed.contents(), &specs)?;
                specs
            }
            None => {
                let header = parsed.contents();
                let specs = self.select(&header)?;
                self.without_others(&header, specs)
            }
        };
        let values = values_in(&specs);
        let mut data = Box::new(Data::new(&parsed, specs)?);
        data.leave(&self.file, &mut self.output);
        self.wanted = (values, data.all_wanted(self.position).map(|range| range.end - range.start).sum());
        self.check_size(data.file_len)?;
        self.push_data(data, rest)
    }

    fn push_data(&mut self, mut data: Box<Data>, piece: &[u8]) -> Result<()> {
        let at = self.position;
        self.position += piece.len() as u64;
        surplus(self.position, data.file_len)?;
        data.push(at, piece, &mut self.output)?;
        self.state = State::Data(data);
        Ok(())
    }

    fn push_onnx(&mut self, mut file: Box<OnnxFile>, piece: &[u8]) -> Result<()> {
        let rest = file.push(self.position, piece, &mut self.output)?;
        self.position += (piece.len() - rest.len()) as u64;
        if let Some(header) = file.unselected() {
            self.select_onnx(&mut file, header)?;
            file.push(self.position, rest, &mut self.output)?;
            self.position += rest.len() as u64;
        }
        self.check_least_size(file.least_len())?;
        self.state = State::Onnx(file);
        Ok(())
    }

    fn select_onnx(&mut self, file: &mut OnnxFile, mut header: Header) -> Result<()> {
        let is_last = self.onnx_files.is_empty();
        let known = self.onnx_names.take();
        let mut specs = match self.specs.take() {
            Some(specs) => specs,
            None => {
                header.names.extend((!is_last).then(|| TEXT_TOWER.to_owned()));
                self.select(&header)?
            }
        };
        let names = specs.iter().map(|spec| spec.name.clone()).collect();
        file.select(&mut specs, known.as_ref(), is_last, &mut self.output)?;
        (self.specs, self.onnx_names) = (Some(specs), known.or(Some(names)));
        Ok(())
    }

    /// Of tensors those of this file; the others are read of theirs, after it.
    fn without_others(&mut self, header: &Header, specs: Vec<TensorSpec>) -> Vec<TensorSpec> {
        let mut files: BTreeMap<Arc<str>, Vec<TensorSpec>> = BTreeMap::new();
        let mut own = Vec::new();
        for spec in specs {
            match spec.file.clone().filter(|_| !header.contains(&spec.name)) {
                Some(file) => files.entry(file).or_default().push(spec),
                None => own.push(spec),
            }
        }
        self.others = files.into_iter().map(|(file, specs)| (file.to_string(), specs)).collect();
        own
    }

    fn select(&mut self, header: &Header) -> Result<Vec<TensorSpec>> {
        let TensorRequest { specs, target } = self.plan.select(header)?;
        self.output.target = target;
        if let Some(RecordingRequest { into, files }) = self.recording.take() {
            let carried = files.iter().map(|(name, _)| TensorSpec::new(*name, [], Use::File));
            let all: Vec<TensorSpec> = specs.iter().cloned().chain(carried).collect();
            let mut recorder = Recorder::new(self.plan.describe(), &all);
            files.iter().for_each(|(name, content)| recorder.file(name, content));
            self.output.recording = Some(Recording { recorder: SharedRecorder::new(recorder), into });
        }
        Ok(specs)
    }

    /// Goes on to the next file; false if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: the current one is cut short.
    pub(crate) fn next_file(&mut self) -> Result<bool> {
        self.check_complete()?;
        self.open_next()
    }

    fn open_next(&mut self) -> Result<bool> {
        if let State::Onnx(file) = &mut self.state
            && let Some(name) = file.open_external()?
        {
            let folder = self.file.rfind('/').and_then(|end| self.file.get(..=end)).unwrap_or_default();
            self.file = format!("{folder}{name}");
        } else if let Some((file, specs)) = self.others.pop_front() {
            self.file = file;
            self.specs = Some(specs);
            self.state = State::Header(HeaderBytes::default());
        } else if let Some(file) = self.onnx_files.pop_front() {
            self.file = file;
            self.state = State::Header(HeaderBytes::default());
        } else {
            return Ok(false);
        }
        (self.position, self.size) = (0, None);
        Ok(true)
    }

    /// An error that says what is missing, if anything of this file is.
    pub(crate) fn check_complete(&self) -> Result<()> {
        let position = self.position;
        match &self.state {
            State::Failed => Err(invalid("the weights were refused already")),
            State::Header(_) if position == 0 => Err(invalid("the weights are empty (0 bytes)")),
            State::Header(_) => Err(invalid(format!("the weights end after {position} bytes, inside their header"))),
            State::Data(data) if data.is_complete() => Ok(()),
            State::Onnx(file) if file.is_complete() => Ok(()),
            State::Onnx(file) => {
                let within = file.inside().map(|name| format!(", inside {name}")).unwrap_or_default();
                Err(invalid(format!("the weights are cut short after {position} bytes{within}")).at_offset(position))
            }
            State::Data(data) => {
                let within = data.inside().map(|name| format!(", inside tensor {name}")).unwrap_or_default();
                let what = format!("the weights are cut short: {position} of {} bytes{within}", data.file_len);
                let error = invalid(what).at_offset(position);
                Err(match data.inside() {
                    Some(name) => error.about_tensor(&name),
                    None => error,
                })
            }
        }
    }

    /// Ends the reading and gives out plan and tensors.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where something is missing.
    pub(crate) fn finish(mut self) -> Result<(S, Weights)> {
        match self.next_file()? {
            true => Err(invalid(format!("the weights in {} were not read", self.file))),
            false => Ok((self.plan, self.output.weights)),
        }
    }

    /// Ends the recording, once everything has been read and taken.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where something is missing.
    pub(crate) fn finish_recording(&mut self) -> Result<Option<Recorded>> {
        self.check_complete()?;
        self.output.recording.take().map(|recording| recording.recorder.lock().finish()).transpose()
    }
}

/// Values of tensors; none of the files among them, whose lengths their specs do not say.
fn values_in(specs: &[TensorSpec]) -> u64 {
    let values = |spec: &TensorSpec| spec.shape.iter().fold(1u64, |all, side| all.saturating_mul(*side as u64));
    specs.iter().filter(|spec| !spec.shape.is_empty()).map(values).fold(0, u64::saturating_add)
}

/// Refuses a file of its own for some tensors that has others too: it is another module than its configuration says.
fn refuse_others(header: &Header, specs: &[TensorSpec]) -> Result<()> {
    let is_own = specs.iter().any(|spec| spec.file.is_some());
    match header.names().find(|name| is_own && specs.iter().all(|spec| spec.name != *name)) {
        Some(name) => Err(invalid(format!("tensor {name} has no place in the model")).about_tensor(name)),
        None => Ok(()),
    }
}

fn surplus(len: u64, file_len: u64) -> Result<()> {
    if len <= file_len {
        return Ok(());
    }
    let more = len - file_len;
    Err(invalid(format!("the weights have at least {more} bytes more than their header describes")))
}
