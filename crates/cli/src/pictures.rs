//! Pictures of files, folders or an index: what `classify` and `duplicates` go through.

use crate::arguments::{BATCH, Decoding};
use crate::collection::{Collection, Result};
use crate::index::walk::{Picture, name_of, pictures};
use clip_vision::ClipVision;
use std::collections::HashSet;
use std::path::PathBuf;

/// Hands over the embedding of each picture, of folders of all that are in them, in order.
pub fn each(
    clip: &ClipVision,
    decoding: &Decoding,
    paths: &[PathBuf],
    mut use_one: impl FnMut(&str, Result<Vec<f32>>) -> Result<()>,
) -> Result<()> {
    // A picture that two of the paths lead to counts once.
    let mut seen = HashSet::new();
    let is_new = |picture: &Picture| match picture {
        Picture::File { path, .. } => seen.insert(name_of(path).unwrap_or_else(|| path.to_string_lossy().into_owned())),
        Picture::Failed { .. } => true,
    };
    let mut pictures = pictures(paths).filter(is_new).peekable();
    while pictures.peek().is_some() {
        let batch: Vec<Picture> = pictures.by_ref().take(BATCH).collect();
        let images = batch.iter().filter_map(|picture| match picture {
            Picture::File { path, .. } => Some(decoding.open(path)),
            Picture::Failed { .. } => None,
        });
        let mut embeddings = clip.embed_batch(images.collect()).into_iter();
        for picture in batch {
            let (path, result) = match picture {
                Picture::Failed { path, why } => (path, Err(why.into())),
                Picture::File { path, .. } => {
                    let embedding = embeddings.next().ok_or("the model returned too few embeddings")?;
                    (path, embedding.map_err(Into::into))
                }
            };
            use_one(&name_of(&path).unwrap_or_else(|| path.to_string_lossy().into_owned()), result)?;
        }
    }
    Ok(())
}

/// Throws for a collection of a model with another name: embeddings of two models can't be compared.
pub fn check_model(collection: &Collection, file: &std::path::Path, name: &str) -> Result<()> {
    let model = collection.made.model.as_str();
    // A page may have saved the whole address.
    let last = model.split(['?', '#']).next().unwrap_or_default();
    let last = last.split(['/', '\\']).rfind(|part| !part.is_empty()).unwrap_or_default();
    if model.is_empty() || model == name || last == name {
        return Ok(());
    }
    let file = file.display();
    Err(format!(
        "{file} is of the model \"{model}\", not of \"{name}\": their embeddings can't be compared. If it is the same model, \
         give --name \"{model}\""
    )
    .into())
}
