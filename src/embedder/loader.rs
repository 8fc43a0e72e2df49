//! How a model is made of weights that stream in; first its vision tower, and its text tower when it is asked for.

use super::text::{TextModel, TextState};
use super::{ClipVision, Options};
use crate::backend::{Backend, Precision};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::{ClipConfig, TextConfig};
use crate::model::text::TextTower;
#[cfg(feature = "text")]
use crate::model::tokenizer::Tokenizer;
use crate::model::vision::VisionNames;
use crate::preprocess::PreprocessConfig;
use crate::weights::{Choose, FILES, Header, Kept, Reader, Recorded, Stored, TensorSpec};
use std::ops::Range;
use std::sync::Mutex;

/// Makes a [`ClipVision`] of weights that arrive in pieces: from a disk, or from a network.
///
/// Only a part of a file that holds both towers is needed: [`wanted`](Self::wanted) says which.
///
/// ```no_run
/// # fn read(file: &str, range: std::ops::Range<u64>) -> Vec<u8> { Vec::new() }
/// use clip_vision::Options;
/// use clip_vision::model::Loader;
/// # let config = Vec::new(); // the bytes of config.json
/// let mut loader = Loader::new(&config, None, Options::default())?;
/// while let Some(range) = loader.wanted() {
///     let bytes = read(loader.file(), range.clone()); // as much as there is
///     loader.push_at(range.start, &bytes)?;
/// }
/// let clip = loader.finish()?;
/// # Ok::<(), clip_vision::Error>(())
/// ```
pub struct Loader {
    reader: Reader<VisionPlan>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("options", &self.reader.plan().options).finish_non_exhaustive()
    }
}

impl Loader {
    /// Reads the configuration: the bytes of `config.json` and `preprocessor_config.json`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]; [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    pub fn new(config: &[u8], preprocessor: Option<&[u8]>, options: Options) -> Result<Self> {
        let model = Model::new(config, preprocessor)?;
        Self::with_model(Some(model), options)
    }

    /// For a file that `clip-vision convert` wrote: it holds the configuration as well.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    pub fn for_converted(options: Options) -> Result<Self> {
        Self::with_model(None, options)
    }

    fn with_model(model: Option<Model>, options: Options) -> Result<Self> {
        // What can't be is refused now; the rest is decided by the weights' header.
        options.backend(options.precision)?;
        let plan = VisionPlan { model, options, source: String::new(), chosen: None };
        Ok(Self { reader: Reader::new(plan) })
    }

    /// Says that the weights are in several files: the bytes of `model.safetensors.index.json`. Before the first piece.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: it is malformed, or lacks a tensor.
    pub fn set_index(&mut self, json: &[u8]) -> Result<()> {
        self.reader.set_index(json)
    }

    /// The name of the file whose pieces come next: `model.safetensors`, or one of the index's.
    pub fn file(&self) -> &str {
        self.reader.file()
    }

    /// The bytes of that file to read next; `None` once all that is needed of it is there. Before the file's header has
    /// come the range may lead beyond its end.
    pub fn wanted(&self) -> Option<Range<u64>> {
        self.reader.wanted()
    }

    /// Bytes of the file that are still wanted, once its header has come.
    pub fn left(&self) -> Option<u64> {
        self.reader.left()
    }

    /// Says how long the file is: one of another length than its header says is refused at once.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`].
    pub fn set_size(&mut self, size: u64) -> Result<()> {
        self.reader.set_size(size)
    }

    /// Takes the next piece of the file, of any length.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`], as soon as the file is seen to be wrong: a tensor that is missing, of another shape or
    /// type, or not finite; a file that is no safetensors. [`ErrorKind::OutOfMemory`].
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.reader.push(piece)
    }

    /// Takes a piece that begins at byte `offset` of the file. Pieces come in ascending order; what is not
    /// [`wanted`](Self::wanted) may be left out between them.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`ErrorKind::InvalidArgument`] where pieces overlap or something wanted was left out.
    pub fn push_at(&mut self, offset: u64, piece: &[u8]) -> Result<()> {
        self.reader.push_at(offset, piece)
    }

    /// Goes on to the next file of the index; false if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: the current one is cut short.
    pub fn next_file(&mut self) -> Result<bool> {
        self.reader.next_file()
    }

    /// Records what is loaded, for [`Loader::for_converted`] to load it again; `source` says what it was made of.
    pub fn record(&mut self, source: &str) {
        self.reader.plan_mut().source = source.to_owned();
        self.reader.record(Kept::AsLoaded, Vec::new());
    }

    /// Computes the CRC-32 of all bytes that come.
    pub fn keep_checksum(&mut self) {
        self.reader.keep_checksum();
    }

    /// The CRC-32 of the bytes so far, if it is kept.
    pub fn checksum(&self) -> Option<u32> {
        self.reader.checksum()
    }

    /// Where in the recorded file its data begins, once it is known.
    pub fn recorded_start(&mut self) -> Option<usize> {
        self.reader.recorder().map(|recorder| recorder.data_start())
    }

    /// The recorded data since the last call.
    pub fn take_recorded(&mut self) -> Vec<u8> {
        self.reader.recorder().map(|recorder| recorder.take()).unwrap_or_default()
    }

    /// Ends the recording, once everything has been read and taken.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where something is missing.
    pub fn finish_recording(&mut self) -> Result<Option<Recorded>> {
        self.reader.finish_recording()
    }

    pub(crate) fn reader(&mut self) -> &mut Reader<impl Choose> {
        &mut self.reader
    }

    /// The model, once all pieces are there.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where a file is cut short.
    pub fn finish(self) -> Result<ClipVision> {
        let (plan, mut weights) = self.reader.finish()?;
        let Some(Chosen { model, backend, names, weight_bytes }) = plan.chosen else {
            return Err(Error::new(ErrorKind::Weights, "the weights have no header"));
        };
        let tower = names.build(model.config.vision, &mut weights, &backend)?;
        let text = Mutex::new(TextState::Absent(model.config.text));
        let options = Options { precision: backend.precision(), ..plan.options };
        Ok(ClipVision { tower, preprocess: model.preprocess, options, weight_bytes, text })
    }
}

/// What the JSON files say, and their texts, for a recording.
pub(super) struct Model {
    pub(super) config: ClipConfig,
    preprocess: PreprocessConfig,
    config_json: Vec<u8>,
    preprocessor_json: Option<Vec<u8>>,
}

impl Model {
    pub(super) fn new(config_json: &[u8], preprocessor_json: Option<&[u8]>) -> Result<Self> {
        let config = ClipConfig::from_json(config_json)?;
        let size = config.vision.image_size;
        let preprocess = match preprocessor_json {
            Some(json) => PreprocessConfig::from_json(json)?,
            None => PreprocessConfig::clip(size),
        };
        if let Some((height, width)) = preprocess.output_size().filter(|made| *made != (size, size)) {
            let what = format!(
                "preprocessor_config.json makes images of {width}×{height} pixels, the model of config.json takes {size}×{size}"
            );
            return Err(Error::new(ErrorKind::Config, what));
        }
        let (config_json, preprocessor_json) = (config_json.to_vec(), preprocessor_json.map(<[u8]>::to_vec));
        Ok(Self { config, preprocess, config_json, preprocessor_json })
    }

    /// Of a file that says it itself.
    fn of_stored(stored: Option<&Stored>) -> Result<Self> {
        let config = stored.and_then(|stored| stored.config.as_ref()).ok_or_else(|| {
            let what =
                "there is no config.json, neither beside the weights nor in them (as clip-vision convert puts it)";
            Error::new(ErrorKind::Config, what)
        })?;
        let preprocessor = stored.and_then(|stored| stored.preprocessor.as_ref());
        Self::new(config.as_bytes(), preprocessor.map(String::as_bytes))
    }

    /// What a recording says of itself.
    pub(super) fn describe(&self, precision: &str, source: &str) -> Stored {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        Stored {
            precision: precision.to_owned(),
            source: source.to_owned(),
            config: Some(text(&self.config_json)),
            preprocessor: self.preprocessor_json.as_ref().map(text),
        }
    }
}

/// The vision tower of a file.
struct VisionPlan {
    /// Absent: it is in the weights.
    model: Option<Model>,
    options: Options,
    source: String,
    chosen: Option<Chosen>,
}

struct Chosen {
    model: Model,
    backend: Backend,
    /// Where the tensors are named.
    names: VisionNames,
    weight_bytes: usize,
}

impl Choose for VisionPlan {
    fn choose(&mut self, header: &Header) -> Result<Vec<TensorSpec>> {
        let model = match self.model.take() {
            Some(model) => model,
            None => Model::of_stored(header.stored())?,
        };
        let backend = self.options.backend(resolved(self.options.precision, header))?;
        let names = VisionNames::find(header);
        let specs = names.specs(&model.config.vision, header, &backend)?;
        let weight_bytes = specs.iter().map(TensorSpec::bytes).sum();
        self.chosen = Some(Chosen { model, backend, names, weight_bytes });
        Ok(specs)
    }

    fn describe(&self) -> Stored {
        match &self.chosen {
            Some(Chosen { model, backend, .. }) => model.describe(backend.precision().name(), &self.source),
            None => Stored::default(),
        }
    }
}

/// The precision that a file's weights are loaded in.
fn resolved(asked: Precision, header: &Header) -> Precision {
    match (asked, header.stored()) {
        (Precision::Stored, Some(stored)) if stored.precision == Precision::Int8.name() => Precision::Int8,
        (Precision::Stored, _) => Precision::F32,
        (asked, _) => asked,
    }
}

/// Reads the text tower of a model whose weights arrive in pieces; [`ClipVision::text_loader`] makes it.
///
/// The files are those of the vision tower, from their beginnings; it is used as [`Loader`] is.
pub struct TextLoader {
    reader: Reader<TextPlan>,
    normalize: bool,
}

impl std::fmt::Debug for TextLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextLoader").field("config", &self.reader.plan().config).finish_non_exhaustive()
    }
}

impl TextLoader {
    pub(super) fn new(config: TextConfig, options: &Options) -> Result<Self> {
        let backend = options.backend(options.precision)?;
        let reader = Reader::new(TextPlan { config, backend, source: String::new() });
        Ok(Self { reader, normalize: options.normalize })
    }

    /// As [`Loader::set_index`].
    ///
    /// # Errors
    /// [`ErrorKind::Weights`], also where the files have no text tower.
    pub fn set_index(&mut self, json: &[u8]) -> Result<()> {
        self.reader.set_index(json)
    }

    /// As [`Loader::file`].
    pub fn file(&self) -> &str {
        self.reader.file()
    }

    /// As [`Loader::wanted`].
    pub fn wanted(&self) -> Option<Range<u64>> {
        self.reader.wanted()
    }

    /// As [`Loader::left`].
    pub fn left(&self) -> Option<u64> {
        self.reader.left()
    }

    /// As [`Loader::set_size`].
    ///
    /// # Errors
    /// [`ErrorKind::Weights`].
    pub fn set_size(&mut self, size: u64) -> Result<()> {
        self.reader.set_size(size)
    }

    /// Takes the next piece of the file, of any length.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`], also where the file has no text tower; [`ErrorKind::OutOfMemory`].
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.reader.push(piece)
    }

    /// As [`Loader::push_at`].
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`ErrorKind::InvalidArgument`] where pieces overlap or something wanted was left out.
    pub fn push_at(&mut self, offset: u64, piece: &[u8]) -> Result<()> {
        self.reader.push_at(offset, piece)
    }

    /// As [`Loader::next_file`].
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: the current one is cut short.
    pub fn next_file(&mut self) -> Result<bool> {
        self.reader.next_file()
    }

    /// As [`Loader::record`], with the tokenizer's `files`.
    pub fn record(&mut self, source: &str, files: Vec<(&'static str, Vec<u8>)>) {
        self.reader.plan_mut().source = source.to_owned();
        self.reader.record(Kept::AsLoaded, files);
    }

    /// Computes the CRC-32 of all bytes that come.
    pub fn keep_checksum(&mut self) {
        self.reader.keep_checksum();
    }

    /// The CRC-32 of the bytes so far, if it is kept.
    pub fn checksum(&self) -> Option<u32> {
        self.reader.checksum()
    }

    /// Where in the recorded file its data begins, once it is known.
    pub fn recorded_start(&mut self) -> Option<usize> {
        self.reader.recorder().map(|recorder| recorder.data_start())
    }

    /// The recorded data since the last call.
    pub fn take_recorded(&mut self) -> Vec<u8> {
        self.reader.recorder().map(|recorder| recorder.take()).unwrap_or_default()
    }

    /// Ends the recording, once everything has been read and taken.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where something is missing.
    pub fn finish_recording(&mut self) -> Result<Option<Recorded>> {
        self.reader.finish_recording()
    }

    pub(crate) fn reader(&mut self) -> &mut Reader<impl Choose> {
        &mut self.reader
    }

    /// The text half, once all its pieces are there; with a tokenizer if the weights carry one along.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where a file is cut short; [`ErrorKind::Config`] of the tokenizer.
    pub fn finish(self) -> Result<TextModel> {
        let (text, _files) = self.finish_with_files()?;
        #[cfg(feature = "text")]
        let text = text.with(Tokenizer::from_files(&_files)?);
        Ok(text)
    }

    /// The text half without its tokenizer, and the [`FILES`] of it that the weights carry along.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where a file is cut short.
    pub fn finish_with_files(self) -> Result<(TextModel, [Option<Vec<u8>>; 3])> {
        let (TextPlan { config, backend, .. }, mut weights) = self.reader.finish()?;
        let tower = TextTower::build(config, &mut weights, &backend)?;
        Ok((TextModel::new(tower, self.normalize), FILES.map(|name| weights.take_file(name))))
    }
}

/// The text tower of a file.
struct TextPlan {
    config: TextConfig,
    backend: Backend,
    source: String,
}

impl Choose for TextPlan {
    fn choose(&mut self, header: &Header) -> Result<Vec<TensorSpec>> {
        let mut specs = TextTower::specs(&self.config, header, &self.backend)?;
        specs.extend(FILES.into_iter().filter(|name| header.contains(name)).map(TensorSpec::file));
        Ok(specs)
    }

    fn describe(&self) -> Stored {
        let precision = self.backend.precision().name().to_owned();
        Stored { precision, source: self.source.clone(), config: None, preprocessor: None }
    }
}
