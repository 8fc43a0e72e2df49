//! How a model is made of weights that stream in: its vision tower, its text tower, or both.

use super::plan::{Made, Plan, TokenizerFiles, Towers};
use super::settings::Settings;
use super::text::TextModel;
use super::{ClipVision, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::TextConfig;
use crate::weights::{Format, Reader, Recorded};
use std::ops::Range;

/// Makes a [`ClipVision`] of weights that arrive in pieces: from a disk, or from a network.
///
/// Only a part of a file that holds both towers is needed: [`wanted`](Self::wanted) says which. The text tower is read with
/// the other one where [`with_text`](Self::with_text) asks for it, or later by a loader of its own
/// ([`ClipVision::text_loader`]), to which the same files are given from their beginnings.
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
    reader: Reader<Plan>,
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

    /// For a file that `clip-vision convert` wrote: it holds the configuration as well.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    pub fn for_converted(options: Options) -> Result<Self> {
        Self::of(Towers::Vision, None, options)
    }

    /// Reads the text tower along with the vision tower. A model without one is refused once the weights' header is there,
    /// by [`ErrorKind::InvalidArgument`].
    pub fn with_text(mut self) -> Self {
        self.reader.plan_mut().add_text();
        self
    }

    /// For the text tower of a model that has its vision tower.
    pub(super) fn for_text(config: TextConfig, options: &Options) -> Result<Self> {
        Self::of(Towers::Text(config), None, options.clone())
    }

    /// For the settings that a converted file holds, and nothing else of it.
    #[cfg(feature = "tokio")]
    pub(super) fn for_settings() -> Result<Self> {
        Self::of(Towers::None, None, Options::default())
    }

    /// For all of a model that `towers` says, to be recorded `into` a format with its tokenizer's files, and not to be kept.
    pub(super) fn for_recording(
        towers: Towers,
        settings: Settings,
        source: String,
        into: Format,
        files: Vec<(&'static str, Vec<u8>)>,
    ) -> Result<Self> {
        let mut loader = Self::of(towers, Some(settings), Options::default())?;
        loader.reader.plan_mut().source = source;
        loader.reader.record(Some(into), files);
        Ok(loader)
    }

    fn of(towers: Towers, settings: Option<Settings>, options: Options) -> Result<Self> {
        Ok(Self { reader: Reader::new(Plan::new(towers, settings, options)?) })
    }
}

/// What it reads.
impl Loader {
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

    /// Computes the CRC-32 of all bytes that come.
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
        let Made { clip, text } = self.make()?;
        let clip = clip.ok_or_else(|| other_tower("the text tower, which finish_text gives"))?;
        if let Some((text, files)) = text {
            clip.set_text(text.with_files(&files)?);
        }
        Ok(clip)
    }

    /// The text half, once all its pieces are there; with a tokenizer if the weights carry one along.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where a file is cut short; [`ErrorKind::Config`] of the tokenizer;
    /// [`ErrorKind::InvalidArgument`] of a loader that reads no text tower.
    pub fn finish_text(self) -> Result<TextModel> {
        let (text, files) = self.finish_text_with_files()?;
        text.with_files(&files)
    }

    /// The text half without its tokenizer, and the [files](crate::model::TOKENIZER_FILES) of it that the weights carry along.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where a file is cut short; [`ErrorKind::InvalidArgument`] of a loader that reads no text tower.
    pub fn finish_text_with_files(self) -> Result<(TextModel, [Option<Vec<u8>>; 3])> {
        self.make()?.text.ok_or_else(|| other_tower("the vision tower, which finish gives"))
    }

    /// Vision and text half, of a loader of [both](Self::with_text).
    pub(super) fn finish_both(self) -> Result<(ClipVision, TextModel, TokenizerFiles)> {
        match self.make()? {
            Made { clip: Some(clip), text: Some((text, files)) } => Ok((clip, text, files)),
            _ => Err(other_tower("one tower alone")),
        }
    }

    /// What was read for [`for_settings`](Self::for_settings).
    #[cfg(feature = "tokio")]
    pub(super) fn finish_settings(self) -> Result<Settings> {
        let settings = self.reader.finish()?.0.into_settings();
        settings.ok_or_else(|| Error::new(ErrorKind::Weights, "the weights have no header"))
    }

    fn make(self) -> Result<Made> {
        let (plan, weights) = self.reader.finish()?;
        plan.make(weights)
    }
}

impl ClipVision {
    /// A loader of this model's text tower, for weights that arrive in pieces; [`set_text`](Self::set_text) takes what its
    /// [`finish_text`](Loader::finish_text) gives.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: the model is a vision tower alone.
    pub fn text_loader(&self) -> Result<Loader> {
        Loader::for_text(self.text_config()?, &self.options)
    }
}

fn other_tower(what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("this loader reads {what}"))
}
