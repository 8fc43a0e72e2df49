//! A model on a disk: a Hugging Face directory, or one file that `clip-vision convert` wrote.

use super::loader::Loader;
use super::plan::TokenizerFiles;
use super::settings::Settings;
use super::text::{ReadRange, TextModel};
use super::{ClipVision, Options, hints};
use crate::error::{Error, ErrorKind, Result};
use crate::image::PreprocessConfig;
use crate::model::bundle::{self, CONFIG};
#[cfg(feature = "tokio")]
use crate::model::config::ClipConfig;
use crate::model::config::TextConfig;
use crate::model::sentence_transformers::{self, MODULES};
use crate::model::word_pieces;
use crate::weights::{FILES, LONGEST_FILE, check_length};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes of a weights file read at a time.
const PIECE: usize = 1 << 20;

/// Where a model is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Directory(PathBuf),
    Converted(PathBuf),
}

impl Place {
    pub(super) fn of(path: &Path) -> Self {
        if path.is_file() { Self::Converted(path.to_owned()) } else { Self::Directory(path.to_owned()) }
    }

    /// Loads the vision tower; the text tower is left for later.
    pub(super) fn load(self, options: Options) -> Result<ClipVision> {
        let place = self.clone();
        self.load_vision(options).map_err(|error| place.hinted(error))
    }

    /// The error of a file that is not there, or what is there in its place.
    pub(super) fn hinted(&self, error: Error) -> Error {
        match self {
            Self::Directory(dir) if error.kind() == ErrorKind::Fetch => match hints::of_directory(dir) {
                Some(hint) => Error::new(ErrorKind::Fetch, format!("{}: {hint}", dir.display())).with_source(error),
                None => error,
            },
            _ => error,
        }
    }

    fn load_vision(self, options: Options) -> Result<ClipVision> {
        let mut loader = match &self {
            Self::Converted(_) => Loader::for_converted(options)?,
            Self::Directory(dir) => Loader::with_settings(read_settings(dir)?, options)?,
        };
        self.read_into(&mut loader, |_| Ok(()))?;
        let clip = loader.finish()?;
        if let Ok(config) = clip.text_config() {
            clip.load_text_later(Box::new(move |options| self.load_text(config.clone(), options)));
        }
        Ok(clip)
    }

    /// Loads the text tower, with the tokenizer's files of the directory or of the converted file.
    fn load_text(&self, config: TextConfig, options: &Options) -> Result<TextModel> {
        let (path, files) = match self {
            Self::Converted(file) => (file, TokenizerFiles::default()),
            Self::Directory(dir) => (dir, tokenizer_files(dir)?),
        };
        let mut loader = Loader::for_text(config, options, files)?;
        if let Some(bytes) = options.table.left_over() {
            loader.leave_table_over(bytes);
        }
        self.read_into(&mut loader, |_| Ok(()))?;
        let text = loader.finish_text().map_err(|error| error.within(path.display()))?;
        match text.rows_file().map(|name| self.weights(name)).transpose()? {
            Some(file) => Ok(text.with_rows(ranges_of(file)?)),
            None => Ok(text),
        }
    }

    /// The path of a file of the weights.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: the name, which may be that of another file's header, leads out of the directory.
    fn weights(&self, name: &str) -> Result<PathBuf> {
        match self {
            Self::Converted(file) => Ok(file.clone()),
            Self::Directory(dir) if is_within(name) => Ok(dir.join(name)),
            Self::Directory(_) => Err(Error::new(
                ErrorKind::Weights,
                format!("the weights name a file {name:?}, outside their directory"),
            )),
        }
    }

    /// Reads of the weights what is wanted, and calls `after` after each piece.
    pub(super) fn read_into(
        &self,
        loader: &mut Loader,
        mut after: impl FnMut(&mut Loader) -> Result<()>,
    ) -> Result<()> {
        let dir = match self {
            Self::Converted(file) => return read_file(file, loader, &mut after),
            Self::Directory(dir) => dir,
        };
        let folder = transformer(dir)?;
        let is_single = folder.join("model.safetensors").exists();
        let index = folder.join(INDEX);
        let within = folder.strip_prefix(dir).unwrap_or(Path::new("")).display().to_string();
        if is_open_clip(dir) {
            loader.set_file(OPEN_CLIP_WEIGHTS);
        } else if !is_single && index.exists() {
            let json = read(&index)?;
            loader.set_index_in(&within, &json).map_err(|error| error.within(folder.display()))?;
        } else if !within.is_empty() {
            loader.set_file(&format!("{within}/{}", loader.file()));
        } else if let Some(files) = onnx_files(dir, loader).filter(|_| !is_single) {
            loader.set_onnx_files(files);
        }
        loop {
            read_file(&self.weights(loader.file())?, loader, &mut after)?;
            if !loader.next_file()? {
                return Ok(());
            }
        }
    }
}

/// What lists the files of weights that are in several.
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// What open_clip calls its files.
const OPEN_CLIP_WEIGHTS: &str = "open_clip_model.safetensors";
const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";

/// Whether a directory is open_clip's: many hold the same model for transformers as well, and that comes first.
fn is_open_clip(dir: &Path) -> bool {
    let has = |name: &str| dir.join(name).exists();
    has(OPEN_CLIP_CONFIG) && has(OPEN_CLIP_WEIGHTS) && !has("model.safetensors")
}

/// The configuration of a directory; where it is in several files all of them in one.
fn read_config(dir: &Path) -> Result<Vec<u8>> {
    let name = if is_open_clip(dir) { OPEN_CLIP_CONFIG } else { CONFIG };
    let config = read(&transformer(dir)?.join(name))?;
    let bundle = bundle::bundled(&config, |name| read_optional(&dir.join(name)))?;
    Ok(bundle.unwrap_or(config))
}

/// The folder of a model's configuration, weights and tokenizer: the directory itself, or, in old files of sentence-transformers,
/// the one in it that `modules.json` names.
pub(super) fn transformer(dir: &Path) -> Result<PathBuf> {
    if dir.join(CONFIG).exists() {
        return Ok(dir.to_owned());
    }
    let modules = read_optional(&dir.join(MODULES))?;
    let folder = modules.as_deref().and_then(sentence_transformers::folder);
    Ok(folder.map_or_else(|| dir.to_owned(), |folder| dir.join(folder)))
}

/// Whether a path stays in its directory: plain names, with slashes between them.
fn is_within(path: &str) -> bool {
    let is_plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', ':', '\0']);
    path.split('/').all(is_plain)
}

/// The ONNX files of a directory that suit best, where it has any.
fn onnx_files(dir: &Path, loader: &Loader) -> Option<Vec<String>> {
    let is_there = |files: &Vec<String>| files.iter().all(|file| dir.join(file).exists());
    loader.onnx_choices().into_iter().find(is_there)
}

/// Reads of one file what is wanted.
fn read_file(path: &Path, loader: &mut Loader, after: &mut impl FnMut(&mut Loader) -> Result<()>) -> Result<()> {
    let failed = |error| unreadable(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut piece = vec![0; PIECE];
    let mut read = || {
        loader.set_size(size)?;
        while let Some(range) = loader.wanted() {
            file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
            let mut at = range.start;
            while at < range.end {
                let most = usize::try_from(range.end - at).unwrap_or(PIECE).min(PIECE);
                let len = file.read(piece.get_mut(..most).unwrap_or_default()).map_err(failed)?;
                if len == 0 {
                    // The header's range may lead beyond the end; anything else that is missing is said by name.
                    return loader.check_complete();
                }
                loader.push_at(at, piece.get(..len).unwrap_or_default())?;
                at += len as u64;
                after(loader)?;
            }
        }
        Ok(())
    };
    read().map_err(|error: Error| if error.kind() == ErrorKind::Fetch { error } else { error.within(path.display()) })
}

/// Reads ranges of a file, which stays open: whatever takes its place is another one.
fn ranges_of(path: PathBuf) -> Result<ReadRange> {
    let file = Mutex::new(File::open(&path).map_err(|error| unreadable(&path, error))?);
    Ok(Box::new(move |range| {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        let length = range.end - range.start;
        let read =
            file.seek(SeekFrom::Start(range.start)).and_then(|_| (&mut *file).take(length).read_to_end(&mut bytes));
        match read.map_err(|error| unreadable(&path, error))? as u64 == length {
            true => Ok(bytes),
            false => Err(Error::new(ErrorKind::Weights, format!("{} has become shorter", path.display()))),
        }
    }))
}

/// The tokenizer's files of a directory.
pub(super) fn tokenizer_files(dir: &Path) -> Result<TokenizerFiles> {
    let dir = transformer(dir)?;
    tokenizer_of(|name| read_optional(&dir.join(name))).map_err(|error| match error.kind() {
        ErrorKind::Fetch => error,
        _ => error.within(dir.display()),
    })
}

/// The tokenizer's files in the order of [`FILES`], by what `read` finds of their names; of a `vocab.txt` the `tokenizer.json` that it
/// stands for.
pub(super) fn tokenizer_of(read: impl Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<TokenizerFiles> {
    let [tokenizer, vocab, merges] = FILES.map(&read);
    let files = [tokenizer?, vocab?, merges?];
    if !matches!(files, [None, None, _] | [None, _, None]) {
        return Ok(files);
    }
    let Some(vocabulary) = read(word_pieces::VOCABULARY)? else { return Ok(files) };
    let config = read(word_pieces::TOKENIZER_CONFIG)?;
    Ok([Some(word_pieces::tokenizer_json(&vocabulary, config.as_deref())?), None, None])
}

/// Length of the embeddings of the model at a path, from its configuration alone.
#[cfg(feature = "tokio")]
pub(crate) fn dimension_at(path: &Path) -> Result<usize> {
    let config = match Place::of(path) {
        Place::Directory(dir) => ClipConfig::from_json(&read_config(&dir)?)?,
        Place::Converted(file) => {
            let mut loader = Loader::for_settings()?;
            read_file(&file, &mut loader, &mut |_| Ok(()))?;
            loader.finish_settings()?.config
        }
    };
    Ok(config.embedding_dim())
}

/// A whole small file.
fn read(path: &Path) -> Result<Vec<u8>> {
    read_opened(path, File::open(path).map_err(|error| unreadable(path, error))?)
}

/// A whole file that is at most [`LONGEST_FILE`] long.
fn read_opened(path: &Path, file: File) -> Result<Vec<u8>> {
    let unreadable = |error| unreadable(path, error);
    check_length(path.display(), file.metadata().map_err(unreadable)?.len())?;
    // A device says nothing of its length.
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    check_length(path.display(), bytes.len() as u64)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Fetch, format!("cannot read {}", path.display())).with_source(error)
}

/// A file of a directory, where it is there.
pub(super) fn read_optional(path: &Path) -> Result<Option<Vec<u8>>> {
    match File::open(path) {
        Ok(file) => read_opened(path, file).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// What `config.json` and, where one is there, `preprocessor_config.json` or `processor_config.json` say.
pub(super) fn read_settings(dir: &Path) -> Result<Settings> {
    let config = read_config(dir)?;
    let [preprocessor, processor] =
        ["preprocessor_config.json", "processor_config.json"].map(|name| read_optional(&dir.join(name)));
    let (preprocessor, processor) = (preprocessor?, processor?);
    let preprocessor = PreprocessConfig::file_of(processor.as_deref(), preprocessor.as_deref());
    // open_clip's own file says how it prepares images.
    let preprocessor = preprocessor.filter(|_| !is_open_clip(dir));
    Settings::new(&config, preprocessor).map_err(|error| error.within(dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_weights_are_in_their_directory() {
        let dir = Place::Directory(PathBuf::from("model"));
        assert_eq!(dir.weights("onnx/model.onnx").unwrap(), Path::new("model/onnx/model.onnx"));
        for name in ["/etc/passwd", "../secret", "a/../../b", "", "a//b", "C:x", "a\\b", "."] {
            assert_eq!(dir.weights(name).unwrap_err().kind(), ErrorKind::Weights, "{name}");
        }
    }
}
