//! How a model is read: from a directory, or of weights that stream in; first its vision tower, and its text tower when
//! it is asked for.

use super::text::{TextModel, TextState};
use super::{ClipVision, Options};
use crate::clip::config::{ClipConfig, TextConfig};
use crate::clip::text::TextTower;
use crate::clip::vision::VisionNames;
use crate::error::{Error, ErrorKind, Result};
use crate::ops::Backend;
use crate::preprocess::PreprocessConfig;
use crate::weights::{TensorSpec, WeightsReader};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

/// Bytes of a weights file read at a time.
const PIECE: usize = 1 << 20;

/// Makes a [`ClipVision`] of weights that arrive in pieces: from a disk, or from a network.
///
/// ```no_run
/// # fn next_piece() -> Option<Vec<u8>> { None }
/// use clip_vision::{Loader, Options};
/// # let config = Vec::new(); // the bytes of config.json
/// let mut loader = Loader::new(&config, None, Options::default())?;
/// while let Some(piece) = next_piece() {
///     loader.push(&piece)?;
/// }
/// let clip = loader.finish()?;
/// # Ok::<(), clip_vision::Error>(())
/// ```
pub struct Loader {
    reader: WeightsReader,
    /// Where the tensors are named, once the header has said so.
    names: Receiver<(VisionNames, usize)>,
    config: ClipConfig,
    preprocess: PreprocessConfig,
    options: Options,
    backend: Backend,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("config", &self.config).field("options", &self.options).finish_non_exhaustive()
    }
}

impl Loader {
    /// Reads the configuration: the bytes of `config.json` and `preprocessor_config.json`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]; [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    pub fn new(config: &[u8], preprocessor: Option<&[u8]>, options: Options) -> Result<Self> {
        let config = ClipConfig::from_json(config)?;
        let size = config.vision.image_size;
        let preprocess = match preprocessor {
            Some(json) => PreprocessConfig::from_json(json)?,
            None => PreprocessConfig::clip(size),
        };
        if let Some((height, width)) = preprocess.output_size().filter(|made| *made != (size, size)) {
            let what = format!(
                "preprocessor_config.json makes images of {width}×{height} pixels, the model of config.json takes {size}×{size}"
            );
            return Err(Error::new(ErrorKind::Config, what));
        }
        let backend = Backend::new(&options.device, options.precision)?;
        let (sender, names) = channel();
        let (shape, its_backend) = (config.vision.clone(), backend.clone());
        let reader = WeightsReader::new(move |header| {
            let names = VisionNames::find(header);
            let specs = names.specs(&shape, header, &its_backend)?;
            let weight_bytes = specs.iter().map(TensorSpec::bytes).sum();
            // The receiver lives in the same Loader as the reader.
            let _ = sender.send((names, weight_bytes));
            Ok(specs)
        });
        Ok(Self { reader, names, config, preprocess, options, backend })
    }

    /// Takes the next piece of `model.safetensors`, of any length.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`], as soon as the file is seen to be wrong: a tensor that is missing, of another shape or
    /// type, or not finite; a file that is no safetensors. [`ErrorKind::OutOfMemory`].
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.reader.push(piece)
    }

    /// The model, once all pieces are there.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where the file is cut short.
    pub fn finish(self) -> Result<ClipVision> {
        let mut weights = self.reader.finish()?;
        let header_missing = || Error::new(ErrorKind::Weights, "the weights have no header");
        let (names, weight_bytes) = self.names.try_recv().map_err(|_| header_missing())?;
        let tower = names.build(self.config.vision, &mut weights, &self.backend)?;
        let text = Mutex::new(TextState::Absent(self.config.text));
        Ok(ClipVision { tower, preprocess: self.preprocess, options: self.options, weight_bytes, text })
    }
}

/// Reads the text tower of a model whose weights arrive in pieces; [`ClipVision::text_loader`] makes it.
///
/// The file is the same `model.safetensors`, from its beginning; what belongs to the vision tower passes by.
pub struct TextLoader {
    reader: WeightsReader,
    config: TextConfig,
    backend: Backend,
    normalize: bool,
}

impl std::fmt::Debug for TextLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextLoader").field("config", &self.config).finish_non_exhaustive()
    }
}

impl TextLoader {
    pub(super) fn new(config: TextConfig, options: &Options) -> Result<Self> {
        let backend = Backend::new(&options.device, options.precision)?;
        let (shape, its_backend) = (config.clone(), backend.clone());
        let reader = WeightsReader::new(move |header| TextTower::specs(&shape, header, &its_backend));
        Ok(Self { reader, config, backend, normalize: options.normalize })
    }

    /// Takes the next piece of `model.safetensors`, of any length.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`], also where the file has no text tower; [`ErrorKind::OutOfMemory`].
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.reader.push(piece)
    }

    /// Whether the whole text tower has arrived, and the rest of the file need not be read.
    pub fn is_complete(&self) -> bool {
        self.reader.is_complete()
    }

    /// The text half, without a tokenizer, once all its pieces are there.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where the file is cut short.
    pub fn finish(self) -> Result<TextModel> {
        let mut weights = self.reader.finish_early()?;
        let tower = TextTower::build(self.config, &mut weights, &self.backend)?;
        Ok(TextModel::new(tower, self.normalize))
    }
}

/// Loads a directory's vision tower; its text tower is left for later.
pub(super) fn from_dir(dir: &Path, options: Options) -> Result<ClipVision> {
    let (config, preprocessor) = read_configs(dir)?;
    let mut loader =
        Loader::new(&config, preprocessor.as_deref(), options).map_err(|error| error.within(dir.display()))?;
    read_weights(dir, |piece| loader.push(piece).map(|()| true))?;
    let mut clip = loader.finish().map_err(|error| error.within(weights_path(dir).display()))?;
    if let Ok(TextState::Absent(Some(config))) = clip.text.get_mut() {
        let text = TextState::InDir(config.clone(), dir.to_owned());
        clip.text = Mutex::new(text);
    }
    Ok(clip)
}

/// Loads a directory's text tower.
pub(super) fn text_from_dir(config: TextConfig, dir: &Path, options: &Options) -> Result<TextModel> {
    let mut loader = TextLoader::new(config, options)?;
    read_weights(dir, |piece| {
        loader.push(piece)?;
        Ok(!loader.is_complete())
    })?;
    loader.finish().map_err(|error| error.within(weights_path(dir).display()))
}

fn weights_path(dir: &Path) -> PathBuf {
    dir.join("model.safetensors")
}

/// Hands the weights file over in pieces, until its end or until `take` says that it has enough.
fn read_weights(dir: &Path, mut take: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
    let path = weights_path(dir);
    let mut file = File::open(&path).map_err(|error| unreadable(&path, error))?;
    let mut piece = vec![0; PIECE];
    loop {
        let len = file.read(&mut piece).map_err(|error| unreadable(&path, error))?;
        let piece = piece.get(..len).unwrap_or_default();
        if piece.is_empty() || !take(piece).map_err(|error| error.within(path.display()))? {
            return Ok(());
        }
    }
}

/// Length of the embeddings of the model in a directory, from its `config.json` alone.
#[cfg(feature = "tokio")]
pub(crate) fn dimension_of_dir(dir: &Path) -> Result<usize> {
    let (config, _) = read_configs(dir)?;
    Ok(ClipConfig::from_json(&config)?.vision.embedding_dim())
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Fetch, format!("cannot read {}", path.display())).with_source(error)
}

/// `config.json` and, where it is there, `preprocessor_config.json`.
fn read_configs(dir: &Path) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read(&path).map_err(|error| (error.kind(), unreadable(&path, error)))
    };
    let config = read("config.json").map_err(|(_, error)| error)?;
    let preprocessor = match read("preprocessor_config.json") {
        Ok(json) => Some(json),
        Err((std::io::ErrorKind::NotFound, _)) => None,
        Err((_, error)) => return Err(error),
    };
    Ok((config, preprocessor))
}
