//! `clip-vision convert`: a model's directory becomes one small file to host oneself.
//!
//! The tensors are read, converted and written piece by piece; none of them is ever whole in memory.

use super::files::{Place, read_settings, tokenizer_files};
use super::loader::Loader;
use super::plan::TokenizerFiles;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Cleaning;
#[cfg(feature = "text")]
use crate::model::tokenizer::Tokenizer;
use crate::precision::StoredPrecision;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// How a model is converted.
///
/// ```
/// use clip_vision::model::{ConvertOptions, StoredPrecision};
///
/// let options = ConvertOptions::default().precision(StoredPrecision::Int8).vision_only(true);
/// assert_eq!(options.precision, StoredPrecision::Int8);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConvertOptions {
    /// In what the weights are stored. Default [`StoredPrecision::F16`].
    pub precision: StoredPrecision,
    /// Whether the text tower and the tokenizer are left out. Default false.
    pub vision_only: bool,
    /// Of which tokens the file has rows in the table of its text tower. Default [`Vocab::All`].
    pub vocab: Vocab,
}

/// Tokens of a text tower.
///
/// A multilingual model has some for a hundred languages, and the table of them is most of its file. A text that needs a
/// token which was left out is an [`ErrorKind::InvalidArgument`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vocab {
    /// All.
    #[default]
    All,
    /// Those that have no letters but of these scripts, by their names in Unicode: `Latin`, `Cyrillic`, `Han`.
    Scripts(Vec<String>),
    /// Those of these texts.
    Texts(Vec<String>),
}

/// What was converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted {
    /// Tokens of the model's vocabulary; 0 without a text tower.
    pub tokens: usize,
    /// Those of them whose rows were left out.
    pub left_out: usize,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self { precision: StoredPrecision::F16, vision_only: false, vocab: Vocab::All }
    }
}

impl ConvertOptions {
    /// The same with weights stored in another precision.
    pub fn precision(mut self, precision: StoredPrecision) -> Self {
        self.precision = precision;
        self
    }

    /// The same with rows of these tokens alone.
    pub fn vocab(mut self, vocab: Vocab) -> Self {
        self.vocab = vocab;
        self
    }

    /// The same with or without the text tower and the tokenizer.
    pub fn vision_only(mut self, vision_only: bool) -> Self {
        self.vision_only = vision_only;
        self
    }
}

/// Writes the model of a Hugging Face directory as one file, which holds everything that loading needs:
/// [`ClipVision::from_file`](super::ClipVision::from_file), or its address in the npm package.
///
/// Until it is whole the file has another name, with `.part` at its end.
///
/// ```
/// use clip_vision::model::{ConvertOptions, StoredPrecision, convert};
/// use clip_vision::{ClipVision, Options};
///
/// let file = std::env::temp_dir().join(format!("shapes-{}.safetensors", std::process::id()));
/// convert("models/shapes", &file, &ConvertOptions::default().precision(StoredPrecision::Int8))?;
/// let clip = ClipVision::from_file(&file, Options::default())?;
/// assert_eq!(clip.options().precision.name(), "int8");
/// # std::fs::remove_file(file).unwrap();
/// # Ok::<(), clip_vision::Error>(())
/// ```
///
/// # Errors
/// Those of [`ClipVision::from_dir`](super::ClipVision::from_dir); [`ErrorKind::Fetch`] where the file cannot be written.
pub fn convert(model: impl AsRef<Path>, file: impl AsRef<Path>, options: &ConvertOptions) -> Result<Converted> {
    let (dir, path) = (model.as_ref(), file.as_ref());
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    let place = Place::Directory(dir.to_owned());
    let written = write(dir, part, options)
        .map_err(|error| place.hinted(error))
        .and_then(|converted| std::fs::rename(part, path).map_err(|e| unwritable(path, e)).map(|()| converted));
    if written.is_err() {
        // What is left of it is of no use, and the error that led here counts more than one of removing it.
        let _ = std::fs::remove_file(part);
    }
    written
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Fetch, format!("cannot write {}", path.display())).with_source(error)
}

fn write(dir: &Path, path: &Path, options: &ConvertOptions) -> Result<Converted> {
    let settings = read_settings(dir)?;
    let source = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let files = if options.vision_only { TokenizerFiles::default() } else { tokenizer_files(dir)? };
    let tokens = settings.config.text.as_ref().filter(|_| !options.vision_only).map_or(0, |text| text.vocab_size);
    let cleaning = settings.config.text.as_ref().and_then(|text| text.cleaning);
    let kept = kept(&options.vocab, &files, tokens, cleaning)?;
    let left_out = kept.as_ref().map_or(0, |kept| tokens - kept.len());
    let mut loader = Loader::for_recording(Some(settings), options.clone(), source, files)?;
    if let Some(kept) = kept {
        loader.keep_tokens(kept);
    }

    let failed = |error| unwritable(path, error);
    let mut out = File::create(path).map_err(failed)?;
    let mut begun = false;
    Place::Directory(dir.to_owned()).read_into(&mut loader, |loader| {
        let Some(start) = loader.recorded_start() else { return Ok(()) };
        if !begun {
            out.seek(SeekFrom::Start(start as u64)).map_err(failed)?;
            begun = true;
        }
        out.write_all(&loader.take_recorded()).map_err(failed)
    })?;
    if let Some(recorded) = loader.finish_recording()? {
        out.seek(SeekFrom::Start(0)).map_err(failed)?;
        out.write_all(&recorded.header).map_err(failed)?;
    }
    out.sync_all().map_err(failed)?;
    Ok(Converted { tokens, left_out })
}

/// The tokens below `tokens` that are kept, of texts that are cleaned as the model's are; `None` for all.
fn kept(vocab: &Vocab, files: &TokenizerFiles, tokens: usize, cleaning: Option<Cleaning>) -> Result<Option<Vec<u32>>> {
    if *vocab == Vocab::All {
        return Ok(None);
    }
    #[cfg(feature = "text")]
    {
        let tokenizer = Tokenizer::from_files(files)?.filter(|_| tokens > 0).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                "without a text tower and its tokenizer there is no vocabulary to leave out of",
            )
        })?;
        let ids = match vocab {
            Vocab::All => return Ok(None),
            Vocab::Scripts(scripts) => tokenizer.ids_of_scripts(scripts)?,
            Vocab::Texts(texts) => {
                let clean = |text: &String| cleaning.map_or_else(|| text.clone(), |cleaning| cleaning.clean(text));
                let texts: Vec<String> = texts.iter().map(clean).collect();
                tokenizer.ids_of_texts(texts.iter().map(String::as_str))?
            }
        };
        Ok(Some(ids.into_iter().filter(|id| (*id as usize) < tokens).collect()))
    }
    #[cfg(not(feature = "text"))]
    {
        let _ = (files, tokens, cleaning);
        Err(Error::new(ErrorKind::InvalidArgument, "this build has no tokenizer: its feature \"text\" is off"))
    }
}
