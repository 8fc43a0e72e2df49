//! The pictures of files and folders, one after the other: of folders all that are in them, by their names.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// What is taken from a folder: files whose names end in one of these.
const EXTENSIONS: &[&str] = &[
    "jpg",
    "jpeg",
    "png",
    "webp",
    "gif",
    "bmp",
    "tif",
    "tiff",
    "ico",
    #[cfg(feature = "avif")]
    "avif",
    #[cfg(feature = "jxl")]
    "jxl",
    #[cfg(feature = "heif")]
    "heic",
];

/// A file that may be a picture; or what can't be looked at, and why.
pub enum Picture {
    File { path: PathBuf, metadata: Metadata },
    Failed { path: PathBuf, why: String },
}

/// The pictures of `paths`. A file that is named counts whatever its name ends in; hidden files and folders are passed over.
pub fn pictures(paths: &[PathBuf]) -> impl Iterator<Item = Picture> + '_ {
    paths.iter().flat_map(|root| {
        let is_folder = root.is_dir();
        WalkDir::new(root)
            .sort_by(|a, b| sort_key(a).cmp(&sort_key(b)))
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()))
            .filter_map(move |entry| found(entry, is_folder))
    })
}

fn found(entry: walkdir::Result<DirEntry>, is_folder: bool) -> Option<Picture> {
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => {
            let path = error.path().map(Path::to_owned).unwrap_or_default();
            return Some(Picture::Failed { path, why: error.to_string() });
        }
    };
    if entry.file_type().is_dir() || is_folder && !has_extension(entry.path()) {
        return None;
    }
    let path = entry.into_path();
    // Of what a link leads to: a link to a folder is passed over, so that there are no circles.
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => Some(Picture::File { path, metadata }),
        Ok(_) if is_folder => None,
        Ok(_) => Some(Picture::Failed { path, why: "it is neither a file nor a folder".to_owned() }),
        Err(error) => Some(Picture::Failed { path, why: error.to_string() }),
    }
}

/// As if whole paths were compared: `a.jpg` before `a/b.jpg`.
fn sort_key(entry: &DirEntry) -> Vec<u8> {
    let mut key = entry.file_name().as_encoded_bytes().to_vec();
    if entry.file_type().is_dir() {
        key.push(b'/');
    }
    key
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Whether a name ends as a picture's does.
pub fn has_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    EXTENSIONS.contains(&extension.as_str())
}

/// What a picture is called in an index: its path as it was given, with slashes and without `./`; the same as the npm
/// package calls it. None if it is not UTF-8.
pub fn name_of(path: &Path) -> Option<String> {
    let clean: PathBuf = path.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    let name = clean.to_str()?;
    Some(if cfg!(windows) { name.replace('\\', "/") } else { name.to_owned() })
}
