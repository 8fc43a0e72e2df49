//! `classify`: how likely each label is for each image, of files, folders or an index.

use crate::arguments::{Common, Decoding, Labels, Outcome};
use crate::collection::Collection;
use crate::lines::{Lines, Probabilities};
use crate::pictures::{check_model, each};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

#[derive(Args)]
pub struct ClassifyArguments {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    labels: Labels,
    /// An index whose images are labeled, in place of files: they are not decoded again
    #[arg(long = "in", value_name = "FILE", conflicts_with_all = ["images", "decode", "background"])]
    index: Option<PathBuf>,
    /// What the index calls the model [default: the last part of --model]
    #[arg(long, value_name = "NAME", conflicts_with = "images")]
    name: Option<String>,
    #[command(flatten)]
    decoding: Decoding,
    /// Image files; of a folder all images in it
    #[arg(required_unless_present = "index", value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

/// Labels all images; false where one of them failed. The labels are embedded once.
pub fn run(asked: &ClassifyArguments) -> Outcome {
    let clip = asked.common.model.load(true)?;
    let (text, captions) = (clip.text()?, clip.embed_texts(&asked.labels.captions())?);
    let mut lines = Lines::new("path", asked.common.json);
    let probabilities = |embedding: &[f32]| {
        let probabilities = text.probabilities(embedding, &captions)?;
        Ok::<_, Box<dyn std::error::Error>>(Probabilities(&asked.labels.labels, probabilities))
    };
    if let Some(file) = &asked.index {
        let collection = Collection::open(file)?;
        check_model(&collection, file, &asked.name.clone().unwrap_or_else(|| asked.common.model.name()))?;
        for (row, name) in collection.names.iter().enumerate() {
            lines.print(name, probabilities(&collection.row(row)))?;
        }
    } else {
        each(&clip, &asked.decoding, &asked.images, |name, embedding| {
            Ok(lines.print(name, embedding.and_then(|embedding| probabilities(&embedding)))?)
        })?;
    }
    lines.out.flush()?;
    Ok(lines.all_good)
}
