//! A model on a disk: a Hugging Face directory, or one file that `clip-vision convert` wrote.

use super::loader::{Loader, TextLoader};
use super::text::{TextModel, TextState};
use super::{ClipVision, Options};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "tokio")]
use crate::model::config::ClipConfig;
use crate::model::config::TextConfig;
#[cfg(feature = "text")]
use crate::model::tokenizer::Tokenizer;
use crate::weights::{Choose, FILES, Reader};
#[cfg(feature = "tokio")]
use crate::weights::{Header, Stored, TensorSpec};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

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
        let mut loader = match &self {
            Self::Converted(_) => Loader::for_converted(options)?,
            Self::Directory(dir) => {
                let (config, preprocessor) = read_configs(dir)?;
                Loader::new(&config, preprocessor.as_deref(), options).map_err(|error| error.within(dir.display()))?
            }
        };
        self.read_into(loader.reader(), |_| Ok(()))?;
        let mut clip = loader.finish()?;
        if let Ok(TextState::Absent(Some(config))) = clip.text.get_mut() {
            let text = TextState::OnDisk(config.clone(), self);
            clip.text = Mutex::new(text);
        }
        Ok(clip)
    }

    /// Loads the text tower.
    pub(super) fn load_text(&self, config: TextConfig, options: &Options) -> Result<TextModel> {
        let mut loader = TextLoader::new(config, options)?;
        self.read_into(loader.reader(), |_| Ok(()))?;
        let text = loader.finish()?;
        #[cfg(feature = "text")]
        if let Self::Directory(dir) = self {
            return Ok(text.with(tokenizer_of(dir)?));
        }
        Ok(text)
    }

    /// Reads of the weights what is wanted, and calls `after` after each piece.
    pub(super) fn read_into<C: Choose>(
        &self,
        reader: &mut Reader<C>,
        mut after: impl FnMut(&mut Reader<C>) -> Result<()>,
    ) -> Result<()> {
        let dir = match self {
            Self::Converted(file) => return read_file(file, reader, &mut after),
            Self::Directory(dir) => dir,
        };
        let index = dir.join("model.safetensors.index.json");
        if !dir.join("model.safetensors").exists() && index.exists() {
            let json = read(&index)?;
            reader.set_index(&json).map_err(|error| error.within(dir.display()))?;
        }
        loop {
            read_file(&dir.join(reader.file()), reader, &mut after)?;
            if !reader.next_file()? {
                return Ok(());
            }
        }
    }
}

/// Reads of one file what is wanted.
fn read_file<C: Choose>(
    path: &Path,
    reader: &mut Reader<C>,
    after: &mut impl FnMut(&mut Reader<C>) -> Result<()>,
) -> Result<()> {
    let failed = |error| unreadable(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut piece = vec![0; PIECE];
    let mut read = || {
        reader.set_size(size)?;
        while let Some(range) = reader.wanted() {
            file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
            let mut at = range.start;
            while at < range.end {
                let most = usize::try_from(range.end - at).unwrap_or(PIECE).min(PIECE);
                let len = file.read(piece.get_mut(..most).unwrap_or_default()).map_err(failed)?;
                if len == 0 {
                    // The header's range may lead beyond the end; anything else that is missing is said by name.
                    return reader.check_complete();
                }
                reader.push_at(at, piece.get(..len).unwrap_or_default())?;
                at += len as u64;
                after(reader)?;
            }
        }
        Ok(())
    };
    read().map_err(|error: Error| if error.kind() == ErrorKind::Fetch { error } else { error.within(path.display()) })
}

/// The tokenizer's files of a directory, in the order of [`FILES`].
pub(super) fn tokenizer_files(dir: &Path) -> Result<[Option<Vec<u8>>; 3]> {
    let [tokenizer, vocab, merges] = FILES.map(|name| read_optional(&dir.join(name)));
    Ok([tokenizer?, vocab?, merges?])
}

#[cfg(feature = "text")]
fn tokenizer_of(dir: &Path) -> Result<Option<Tokenizer>> {
    Tokenizer::from_files(&tokenizer_files(dir)?).map_err(|error| error.within(dir.display()))
}

/// Length of the embeddings of the model at a path, from its configuration alone.
#[cfg(feature = "tokio")]
pub(crate) fn dimension_at(path: &Path) -> Result<usize> {
    let config = match Place::of(path) {
        Place::Directory(dir) => read_configs(&dir)?.0,
        Place::Converted(file) => stored_config(&file)?,
    };
    Ok(ClipConfig::from_json(&config)?.vision.embedding_dim())
}

/// `config.json` of a converted file.
#[cfg(feature = "tokio")]
fn stored_config(path: &Path) -> Result<Vec<u8>> {
    struct Nothing(Option<Vec<u8>>);
    impl Choose for Nothing {
        fn choose(&mut self, header: &Header) -> Result<Vec<TensorSpec>> {
            self.0 = header.stored().and_then(|stored| stored.config.clone()).map(String::into_bytes);
            Ok(Vec::new())
        }
        fn describe(&self) -> Stored {
            Stored::default()
        }
    }
    let mut reader = Reader::new(Nothing(None));
    read_file(path, &mut reader, &mut |_| Ok(()))?;
    let missing = || Error::new(ErrorKind::Config, format!("{} holds no config.json", path.display()));
    reader.finish()?.0.0.ok_or_else(missing)
}

/// A whole small file.
fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Fetch, format!("cannot read {}", path.display())).with_source(error)
}

/// A file of a directory, where it is there.
fn read_optional(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// `config.json` and, where it is there, `preprocessor_config.json`.
pub(super) fn read_configs(dir: &Path) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
    Ok((read(&dir.join("config.json"))?, read_optional(&dir.join("preprocessor_config.json"))?))
}
