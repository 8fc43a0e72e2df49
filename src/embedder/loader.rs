//! How a model is made of weights that stream in: its vision tower, its text tower, or both.

use super::plan::{Built, Plan, TokenizerFiles, Towers};
use super::settings::Settings;
use super::text::TextModel;
use super::{ClipVision, ConvertOptions, Options};
#[cfg(feature = "wgpu")]
use crate::backend::gpu::Executor;
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::TextConfig;
use crate::weights::{FILES, Reader, Recorded};
use std::ops::Range;
#[cfg(feature = "wgpu")]
use std::sync::Arc;

/// Makes a [`ClipVision`] of weights that arrive in pieces: from a disk, or from a network.
///
/// Only a part of a file that holds both towers is needed: [`wanted`](Self::wanted) says which. The text tower is read with
/// the other one where [`with_text`](Self::with_text) asks for it, or later by a loader of its own
/// ([`ClipVision::text_loader`]), to which the same files are given from their beginnings.
///
/// ```
/// use clip_vision::Options;
/// use clip_vision::model::Loader;
///
/// # let config = std::fs::read("models/shapes/config.json").unwrap();
/// # let read = |file: &str, range: std::ops::Range<u64>| {
/// #     let file = std::fs::read(format!("models/shapes/{file}")).unwrap();
/// #     file[range.start as usize..file.len().min(range.end as usize)].to_vec()
/// # };
/// let mut loader = Loader::new(&config, None, Options::default())?;
/// loop {
///     while let Some(range) = loader.wanted() {
///         let bytes = read(loader.file(), range.clone()); // as much as there is
///         loader.push_at(range.start, &bytes)?;
///     }
///     if !loader.next_file()? {
///         break;
///     }
/// }
/// let clip = loader.finish()?;
/// # Ok::<(), clip_vision::Error>(())
/// ```
pub struct Loader {
    pub(super) reader: Reader<Plan>,
    /// What computes, where it is a GPU.
    #[cfg(feature = "wgpu")]
    executor: Option<Arc<Executor>>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("options", self.reader.plan().options()).finish_non_exhaustive()
    }
}

/// How one is made.
impl Loader {
    /// Reads the configuration: the bytes of `config.json` and of the file that
    /// [`PreprocessConfig::file_of`](crate::image::PreprocessConfig::file_of) takes, `preprocessor_config.json` as a rule.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]; [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    pub fn new(config: &[u8], preprocessor: Option<&[u8]>, options: Options) -> Result<Self> {
        Self::with_settings(Settings::new(config, preprocessor)?, options)
    }

    /// The same, of a configuration that has been read.
    pub(super) fn with_settings(settings: Settings, options: Options) -> Result<Self> {
        Self::of(Towers::Vision, Some(settings), options)
    }

    /// For a file that [`convert`](crate::model::convert) wrote: it holds the configuration as well.
    /// [`record`](Self::record) has an example.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    pub fn for_converted(options: Options) -> Result<Self> {
        Self::of(Towers::Vision, None, options)
    }

    /// Reads the text tower along with the vision tower. Its tokenizer is that of `files`, in the order of
    /// [`TOKENIZER_FILES`](crate::model::TOKENIZER_FILES); without any, of those that the weights carry along. A model
    /// without a text tower is refused once the weights' header is there, by [`ErrorKind::InvalidArgument`].
    ///
    /// ```
    /// # use clip_vision::Options;
    /// # use clip_vision::model::Loader;
    /// # let read = |name: &str| std::fs::read(format!("models/shapes/{name}")).unwrap();
    /// let loader = Loader::new(&read("config.json"), None, Options::default())?;
    /// let mut loader = loader.with_text([Some(read("tokenizer.json")), None, None]);
    /// loader.push(&read("model.safetensors"))?;
    /// assert!(loader.finish()?.embed_text("a red circle").is_ok());
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn with_text(mut self, files: [Option<Vec<u8>>; 3]) -> Self {
        self.reader.plan_mut().add_text(files);
        self
    }

    /// For the text tower of a model that has its vision tower.
    pub(super) fn for_text(config: TextConfig, options: &Options, files: TokenizerFiles) -> Result<Self> {
        let mut loader = Self::of(Towers::Text(config), None, options.clone())?;
        loader.reader.plan_mut().add_text(files);
        Ok(loader)
    }

    /// For the settings that a converted file holds, and nothing else of it.
    #[cfg(feature = "tokio")]
    pub(super) fn for_settings() -> Result<Self> {
        Self::of(Towers::None, None, Options::default())
    }

    /// For a model that is recorded as [`convert`](crate::model::convert) writes it, and not kept. `config` and `preprocessor`
    /// are those of [`new`](Self::new); without `config` the weights are a file that `convert` wrote, which is converted again.
    /// `source` says what it is made of, and `files` are those of the tokenizer, in the order of
    /// [`TOKENIZER_FILES`](crate::model::TOKENIZER_FILES); without any, those that the weights carry along.
    ///
    /// ```
    /// # use clip_vision::Options;
    /// # use clip_vision::model::{ConvertOptions, Loader};
    /// # let read = |name: &str| std::fs::read(format!("models/shapes/{name}")).unwrap();
    /// let files = [Some(read("tokenizer.json")), None, None];
    /// let mut loader = Loader::for_conversion(Some(&read("config.json")), None, ConvertOptions::default(), "shapes", files)?;
    /// loader.push(&read("model.safetensors"))?;
    /// let data = loader.take_recorded();
    /// let header = loader.finish_recording()?.unwrap().header;
    ///
    /// let mut again = Loader::for_converted(Options::default())?.with_text([None, None, None]);
    /// again.push(&[header, data].concat())?;
    /// assert!(again.finish()?.embed_text("a red circle").is_ok());
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub fn for_conversion(
        config: Option<&[u8]>,
        preprocessor: Option<&[u8]>,
        options: ConvertOptions,
        source: &str,
        files: [Option<Vec<u8>>; 3],
    ) -> Result<Self> {
        let settings = config.map(|config| Settings::new(config, preprocessor)).transpose()?;
        Self::for_recording(settings, options, source.to_owned(), files)
    }

    /// For what of a model `options` says, to be recorded so, with its tokenizer's files, and not to be kept.
    pub(super) fn for_recording(
        settings: Option<Settings>,
        options: ConvertOptions,
        source: String,
        files: TokenizerFiles,
    ) -> Result<Self> {
        let into = options.precision.format();
        let mut loader = Self::of(Towers::Recorded(options), settings, Options::default())?;
        loader.reader.plan_mut().source = source;
        loader.reader.plan_mut().has_tokenizer = files.iter().any(Option::is_some);
        let files = FILES.into_iter().zip(files).filter_map(|(name, content)| Some((name, content?)));
        loader.reader.record(Some(into), files.collect());
        Ok(loader)
    }

    /// Has a recording leave out the rows of all tokens but these, which ascend.
    pub(super) fn keep_tokens(&mut self, kept: Vec<u32>) {
        self.reader.plan_mut().kept = Some(kept.into());
    }

    fn of(towers: Towers, settings: Option<Settings>, options: Options) -> Result<Self> {
        #[cfg(feature = "wgpu")]
        let executor = options.gpu.clone().map(|gpu| Arc::new(Executor::new(gpu)));
        Ok(Self {
            reader: Reader::new(Plan::new(towers, settings, options)?),
            #[cfg(feature = "wgpu")]
            executor,
        })
    }
}

/// What it reads.
impl Loader {
    /// Leaves the table of a text tower's tokens in its file if it takes more than `bytes` in single precision: it is for
    /// whoever loads the tower to read its rows when a text comes ([`TextModel::wanted_rows`], [`TextModel::add_rows`]).
    ///
    /// The example of [`TextModel::wanted_rows`] uses it.
    pub fn leave_table_over(&mut self, bytes: usize) {
        self.reader.plan_mut().left_over = Some(bytes);
    }

    /// Says that the weights are in several files: the bytes of `model.safetensors.index.json`. Before the first piece.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: it is malformed, or lacks a tensor.
    ///
    /// ```
    /// # use clip_vision::{Options, model::Loader};
    /// # let config = std::fs::read("models/shapes/config.json").unwrap();
    /// # let mut loader = Loader::new(&config, None, Options::default())?;
    /// let error = loader.set_index(br#"{"weight_map": {}}"#).unwrap_err();
    /// assert!(error.detail().unwrap().tensor.is_some(), "the one that is missing");
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn set_index(&mut self, json: &[u8]) -> Result<()> {
        self.set_index_in("", json)
    }

    /// The same of files in a folder beside `config.json`, or in none.
    pub(super) fn set_index_in(&mut self, folder: &str, json: &[u8]) -> Result<()> {
        self.reader.set_index(folder, json)
    }

    /// Says what the one file of the weights is called, where it is not `model.safetensors`; before the first piece.
    ///
    /// ```
    /// # use clip_vision::{Options, model::Loader};
    /// # let config = std::fs::read("models/shapes/config.json").unwrap();
    /// # let mut loader = Loader::new(&config, None, Options::default())?;
    /// loader.set_file("open_clip_model.safetensors");
    /// assert_eq!(loader.file(), "open_clip_model.safetensors");
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn set_file(&mut self, name: &str) {
        self.reader.set_file(name);
    }

    /// Says that the weights are in ONNX files, which come one after the other: the first of
    /// [`onnx_choices`](Self::onnx_choices) that is there, or any other. Before the first piece.
    ///
    /// A single file needs no word of this: its first bytes tell what it is.
    ///
    /// ```
    /// use clip_vision::{Options, model::Loader};
    ///
    /// let folder = std::path::Path::new("tests/golden/onnx/torchscript");
    /// let config = std::fs::read(folder.join("config.json")).unwrap();
    /// let mut loader = Loader::new(&config, None, Options::default())?;
    /// let is_there = |files: &Vec<String>| files.iter().all(|file| folder.join(file).exists());
    /// loader.set_onnx_files(loader.onnx_choices().into_iter().find(is_there).unwrap());
    /// assert_eq!(loader.file(), "onnx/vision_model.onnx");
    /// loader.push(&std::fs::read(folder.join(loader.file())).unwrap())?;
    /// assert!(!loader.next_file()?, "there is no other");
    /// assert_eq!(loader.finish()?.dimension(), 20);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn set_onnx_files(&mut self, files: Vec<String>) {
        self.reader.set_onnx_files(files);
    }

    /// The ONNX files that the model may have, named as transformers.js' repositories name them: lists of which one is
    /// enough, the best for this loader's precision first.
    pub fn onnx_choices(&self) -> Vec<Vec<String>> {
        self.reader.plan().onnx_choices()
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

    /// Bytes of the file that are still wanted, once its header has come: for a progress bar.
    pub fn left(&self) -> Option<u64> {
        self.reader.left()
    }

    /// Bytes that are wanted of the files after this one, once its header has come: for a progress bar. An estimate, since only
    /// their own headers say it: as many for a value as in this file. Of a model of texts alone, its text tower, which comes by a
    /// loader of its own, is counted too.
    ///
    /// ```
    /// # use clip_vision::{Options, model::Loader};
    /// # let read = |name: &str| std::fs::read(format!("models/shapes/{name}")).unwrap();
    /// # let mut loader = Loader::new(&read("config.json"), None, Options::default())?;
    /// loader.push(&read("model.safetensors"))?;
    /// assert_eq!(loader.left_after(), Some(0), "it is the only one");
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn left_after(&self) -> Option<u64> {
        self.reader.left_after().map(|after| after.saturating_add(self.reader.plan().to_come()))
    }

    /// Says how long the file is: one of another length than its header says is refused at once.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: it is another length.
    ///
    /// ```
    /// # use clip_vision::{Options, model::Loader};
    /// # let read = |name: &str| std::fs::read(format!("models/shapes/{name}")).unwrap();
    /// # let mut loader = Loader::new(&read("config.json"), None, Options::default())?;
    /// # let weights = read("model.safetensors");
    /// loader.set_size(weights.len() as u64 - 1)?;
    /// assert!(loader.push(&weights[..1 << 17]).is_err(), "cut short");
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn set_size(&mut self, size: u64) -> Result<()> {
        self.reader.set_size(size)
    }

    /// Takes the next piece of the file, of any length; [`with_text`](Self::with_text) has an example.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`], as soon as the file is seen to be wrong: a tensor that is missing, of another shape or
    /// type, or not finite; a file that is not safetensors. [`ErrorKind::OutOfMemory`].
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.reader.push(piece)?;
        self.upload()
    }

    /// Takes a piece that begins at byte `offset` of the file. Pieces come in ascending order; what is not
    /// [`wanted`](Self::wanted) may be left out between them.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`ErrorKind::InvalidArgument`] where pieces overlap or something wanted was left out.
    pub fn push_at(&mut self, offset: u64, piece: &[u8]) -> Result<()> {
        self.reader.push_at(offset, piece)?;
        self.upload()
    }

    /// Gives what has arrived to the GPU, where one computes.
    fn upload(&mut self) -> Result<()> {
        #[cfg(feature = "wgpu")]
        if let Some(executor) = &self.executor {
            for (name, bytes) in self.reader.take_matrices() {
                executor.upload(name, &bytes)?;
            }
        }
        Ok(())
    }

    /// Goes on to the next file of the index; false if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: the current one is cut short.
    pub fn next_file(&mut self) -> Result<bool> {
        self.reader.next_file()
    }

    /// The weights of linear layers that have arrived since the last call, by their tensors' names and as a GPU's kernels read
    /// them, where [`Options::plans`] asks for a GPU's. They are kept nowhere else, and all have to be taken before
    /// [`finish`](Self::finish).
    #[cfg(feature = "gpu")]
    pub fn take_matrices(&mut self) -> super::Matrices {
        self.reader.take_matrices()
    }

    /// The shape of the model's vision tower, and in what it computes, in words that are the same for all models of one shape: a key
    /// for what was found of them. `None` while it is not known.
    #[cfg(feature = "gpu")]
    pub fn shape(&self) -> Option<String> {
        self.reader.plan().shape()
    }

    /// Computes the CRC-32 of all bytes that come.
    ///
    /// ```
    /// # use clip_vision::{Options, model::Loader};
    /// # let mut loader = Loader::for_converted(Options::default())?;
    /// loader.keep_checksum();
    /// loader.push(&[0, 1, 0])?;
    /// assert_eq!(loader.checksum(), Some(0xe65a_e853));
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn keep_checksum(&mut self) {
        self.reader.keep_checksum();
    }

    /// The CRC-32 of the bytes so far, if it is kept.
    pub fn checksum(&self) -> Option<u32> {
        self.reader.checksum()
    }

    /// An error that says what is missing, if anything of the current file is.
    pub(super) fn check_complete(&self) -> Result<()> {
        self.reader.check_complete()
    }
}

/// What it records.
impl Loader {
    /// Records what is loaded as one file, for [`Loader::for_converted`] to load it again; before the first piece. `source`
    /// says what it was made of, and `files` are those of the tokenizer that it is to carry along, by
    /// [name](crate::model::TOKENIZER_FILES).
    ///
    /// ```
    /// # use clip_vision::{Image, Options, model::Loader};
    /// # let read = |name: &str| std::fs::read(format!("models/shapes/{name}")).unwrap();
    /// let mut loader = Loader::new(&read("config.json"), None, Options::default())?;
    /// loader.record("models/shapes", Vec::new());
    /// let mut data = Vec::new();
    /// for piece in read("model.safetensors").chunks(1 << 16) {
    ///     loader.push(piece)?;
    ///     data.extend(loader.take_recorded()); // to be written from `recorded_start` on
    /// }
    /// let header = loader.finish_recording()?.unwrap().header; // to be written at the beginning
    /// assert_eq!(loader.recorded_start(), None, "it has ended");
    /// let file = [header, data].concat();
    ///
    /// let mut again = Loader::for_converted(Options::default())?;
    /// again.push(&file)?;
    /// let photo = || Image::from_path("tests/golden/images/photo-420.jpg");
    /// assert_eq!(again.finish()?.embed(photo())?, loader.finish()?.embed(photo())?);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn record(&mut self, source: &str, files: Vec<(&'static str, Vec<u8>)>) {
        self.reader.plan_mut().source = source.to_owned();
        self.reader.record(None, files);
    }

    /// Where in the recorded file its data begins, once it is known.
    pub fn recorded_start(&self) -> Option<usize> {
        self.reader.recorded_start()
    }

    /// The recorded data since the last call.
    pub fn take_recorded(&mut self) -> Vec<u8> {
        self.reader.take_recorded()
    }

    /// Ends the recording, once everything has been read and taken.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where something is missing.
    pub fn finish_recording(&mut self) -> Result<Option<Recorded>> {
        self.reader.finish_recording()
    }
}

/// What comes of it.
impl Loader {
    /// The model, once all pieces are there.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where a file is cut short; [`ErrorKind::InvalidArgument`] of a loader that
    /// [`text_loader`](ClipVision::text_loader) made.
    pub fn finish(self) -> Result<ClipVision> {
        let Built { clip, text } = self.build()?;
        let clip = clip.ok_or_else(|| other_tower("text tower only: call finish_text()"))?;
        if let Some((text, files)) = text {
            clip.set_text(text.with_files(&files)?);
        }
        Ok(clip)
    }

    /// The text tower, once all its pieces are there; with its tokenizer where the weights carry one along, or one was given.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, ModelFiles, Options};
    /// # let read = |name: &str| std::fs::read(format!("models/shapes/{name}")).unwrap();
    /// # let files = ModelFiles::new(read("config.json"), read("model.safetensors"));
    /// let clip = ClipVision::from_files(files, Options::default())?;
    /// let mut loader = clip.text_loader()?;
    /// loader.push(&read("model.safetensors"))?;
    /// let text = loader.finish_text()?.with_vocab(&read("vocab.json"), &read("merges.txt"))?;
    /// # let text = text.with_tokenizer(&read("tokenizer.json"))?;
    /// clip.set_text(text);
    /// assert!(clip.embed_text("a red circle").is_ok());
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where a file is cut short; [`ErrorKind::Config`] of the tokenizer;
    /// [`ErrorKind::InvalidArgument`] of a loader that reads no text tower.
    pub fn finish_text(self) -> Result<TextModel> {
        let (text, files) = self.finish_text_with_files()?;
        text.with_files(&files)
    }

    /// The text tower without its tokenizer, and the [files](crate::model::TOKENIZER_FILES) of one that the weights carry along:
    /// for a program that has another tokenizer.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Options, model::TOKENIZER_FILES};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let mut loader = clip.text_loader()?;
    /// loader.push(&std::fs::read("models/shapes/model.safetensors").unwrap())?;
    /// let (text, files) = loader.finish_text_with_files()?;
    /// assert!(text.tokenize("a red circle").is_err() && files.iter().all(Option::is_none));
    /// # assert_eq!(files.len(), TOKENIZER_FILES.len());
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where a file is cut short; [`ErrorKind::InvalidArgument`] of a loader that reads no text tower.
    pub fn finish_text_with_files(self) -> Result<(TextModel, TokenizerFiles)> {
        self.build()?.text.ok_or_else(|| other_tower("vision tower only: call finish()"))
    }

    /// What was read for [`for_settings`](Self::for_settings).
    #[cfg(feature = "tokio")]
    pub(super) fn finish_settings(self) -> Result<Settings> {
        let settings = self.reader.finish()?.0.into_settings();
        settings.ok_or_else(|| Error::new(ErrorKind::Weights, "the weights have no header"))
    }

    fn build(self) -> Result<Built> {
        let (plan, weights) = self.reader.finish()?;
        let built = plan.build(weights)?;
        #[cfg(feature = "wgpu")]
        let built = built.on(self.executor);
        Ok(built)
    }
}

impl ClipVision {
    /// A loader of this model's text tower, for weights that arrive in pieces; [`set_text`](Self::set_text) takes what its
    /// [`finish_text`](Loader::finish_text) gives. The example is there.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: the model is a vision tower alone.
    pub fn text_loader(&self) -> Result<Loader> {
        Loader::for_text(self.text_config()?, self.options(), TokenizerFiles::default())
    }
}

fn other_tower(what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("this loader reads the {what}"))
}
