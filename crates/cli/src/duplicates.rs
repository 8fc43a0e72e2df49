//! `duplicates`: groups of images that are nearly the same, of an index or of folders.

use crate::arguments::{Computing, Decoding, Outcome};
use crate::collection::{Collection, Values};
use crate::lines::{printable, printed_error};
use crate::pictures::each;
use clap::Args;
use search::near_duplicates;
use serde_json::json;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// What says how images are embedded.
const EMBEDDING: [&str; 6] = ["paths", "model", "precision", "device", "decode", "background"];

#[derive(Args)]
pub struct DuplicatesArguments {
    /// An index. It has its embeddings already: what says how they are made is for images and folders alone
    #[arg(long = "in", value_name = "FILE", required_unless_present = "paths", conflicts_with_all = EMBEDDING)]
    index: Option<PathBuf>,
    /// The cosine from which two images are nearly the same
    #[arg(long, default_value = "0.95", value_parser = threshold)]
    threshold: f32,
    /// Print a line of JSON each: {"ids": […], "similarity": …}
    #[arg(long)]
    json: bool,
    /// The model that embeds images: a directory, or a file that `convert` wrote. An index needs none
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    #[command(flatten)]
    computing: Computing,
    #[command(flatten)]
    decoding: Decoding,
    /// Images and folders, in place of an index: they are embedded by --model
    #[arg(requires = "model", value_name = "PATH")]
    paths: Vec<PathBuf>,
}

fn threshold(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(cosine) if (-1.0..=1.0).contains(&cosine) => Ok(cosine),
        _ => Err("it is no cosine, from -1 to 1".to_owned()),
    }
}

/// Prints a line for each group, the largest first; false where an image failed.
pub fn run(asked: &DuplicatesArguments) -> Outcome {
    let (mut names, mut values, mut all_good) = (Vec::new(), Vec::new(), true);
    let dimension;
    let values = if let Some(file) = &asked.index {
        let collection = Collection::open(file)?;
        (names, dimension) = (collection.names, collection.dimension);
        collection.values
    } else {
        let model = asked.model.as_ref().ok_or("--model says by what images are embedded")?;
        let clip = asked.computing.load(model, true)?;
        dimension = clip.dimension();
        each(&clip, &asked.decoding, &asked.paths, |name, embedding| {
            match embedding {
                Ok(embedding) => {
                    names.push(name.to_owned());
                    values.extend(embedding);
                }
                Err(error) => {
                    all_good = false;
                    printed_error(name, &format!("{error:#}"));
                }
            }
            Ok(())
        })?;
        Values::F32(values)
    };
    let rows = match &values {
        Values::F32(values) => search::Values::F32(values),
        Values::Int8(values) => search::Values::Int8(values),
    };
    if names.is_empty() {
        return Ok(all_good);
    }
    let groups = near_duplicates(rows, dimension, asked.threshold, |_, _| ControlFlow::Continue(()))?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for group in groups.unwrap_or_default() {
        let ids: Vec<&str> = group.rows.iter().filter_map(|row| names.get(*row as usize)).map(String::as_str).collect();
        if asked.json {
            let line = json!({ "ids": ids, "similarity": group.similarity }).to_string();
            writeln!(out, "{}", printable(&line))?;
        } else {
            let ids: Vec<_> = ids.into_iter().map(printable).collect();
            writeln!(out, "{:.4}\t{}", group.similarity, ids.join("\t"))?;
        }
    }
    out.flush()?;
    Ok(all_good)
}
