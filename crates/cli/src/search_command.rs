//! `search`: what is nearest to texts and images in an index.

use crate::arguments::{Common, Decoding, Outcome};
use crate::collection::{Collection, Found, Result};
use crate::index::walk::has_extension;
use crate::lines::{Answer, Lines, printable, say};
use crate::pictures::check_model;
use crate::thumbnails::{Drawer, Thumbnails, file_of};
use clap::Args;
use clip_vision::ClipVision;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How far apart the scores of one image may be in two indexes whose rows are in f32.
const ROUNDING: f32 = 1e-5;

#[derive(Args)]
pub struct SearchArguments {
    #[command(flatten)]
    common: Common,
    /// The index, as `index` or the npm package wrote it; one of a model with another name is refused. Given more than once: the
    /// best of all, and with --json in which each is. One after the other is in memory. What has one name and one score in several is
    /// one image, told once
    #[arg(long = "in", required = true, value_name = "FILE")]
    indexes: Vec<PathBuf>,
    /// What the index calls the model [default: the last part of --model, its folder's or file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How many are found
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..1_000_000_000), value_name = "N")]
    top: u32,
    #[command(flatten)]
    decoding: Decoding,
    /// Small pictures below the names, on a terminal: auto, in the way that the environment tells, and not with NO_COLOR; never; or
    /// one of the ways, wherever it is printed to: kitty (Ghostty too), iterm (WezTerm too), or blocks in 24-bit colors. An image is
    /// looked for by its name, from here and from the folder of the index
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        value_name = "WAY",
        hide_possible_values = true,
        conflicts_with = "json"
    )]
    thumbnails: Thumbnails,
    /// Texts, or image files
    #[arg(required = true, value_name = "QUERY")]
    queries: Vec<String>,
}

/// What was found for a query.
struct Hits<'a> {
    found: Vec<Hit<'a>>,
    /// Whether there are several indexes.
    of_several: bool,
    drawer: Option<&'a Drawer>,
}

struct Hit<'a> {
    name: String,
    score: f32,
    index: &'a Path,
}

impl Answer for Hits<'_> {
    fn json(&self, line: &mut Map<String, Value>) {
        let found = self.found.iter().map(|Hit { name, score, index }| match self.of_several {
            true => json!({ "id": name, "score": score, "in": index.display().to_string() }),
            false => json!({ "id": name, "score": score }),
        });
        line.insert("found".to_owned(), found.collect());
    }

    fn print(&self, query: &str, out: &mut dyn Write) -> io::Result<()> {
        for Hit { name, score, index } in &self.found {
            let file = self.drawer.and_then(|drawer| Some((drawer, file_of(name, index)?)));
            let picture = file.map(|(drawer, file)| drawer.draw(&file)).unwrap_or_default();
            writeln!(out, "{}\t{score:.4}\t{}{picture}", printable(query), printable(name))?;
            if !picture.is_empty() {
                out.flush()?; // the next one takes a while
            }
        }
        Ok(())
    }
}

/// Answers all queries; false where one of them failed.
pub fn run(asked: &SearchArguments) -> Outcome {
    // Before a model is loaded for nothing.
    asked.indexes.iter().try_for_each(|file| check_is_there(file))?;
    let model = &asked.common.model;
    let clip = model.load(true)?;
    let embedded: Vec<_> = asked.queries.iter().map(|query| (query, embed(&clip, &asked.decoding, query))).collect();
    let vectors: Vec<&[f32]> = embedded.iter().map(|(_, result)| result.as_deref().unwrap_or_default()).collect();
    let name = asked.name.clone().unwrap_or_else(|| model.name());
    let mut found = search(&asked.indexes, &name, &vectors, asked.top as usize)?.into_iter();

    let mut lines = Lines::new("query", asked.common.json);
    let drawer = if asked.common.json { None } else { asked.thumbnails.drawer() };
    for (query, result) in embedded {
        let found = found.next().unwrap_or_default();
        lines.print(
            query,
            result.map(|_| Hits { found, of_several: asked.indexes.len() > 1, drawer: drawer.as_ref() }),
        )?;
        lines.out.flush()?;
    }
    Ok(lines.all_good)
}

fn check_is_there(file: &Path) -> Result<()> {
    File::open(file).map(drop).map_err(|error| format!("cannot read {}: {error}", file.display()).into())
}

/// The embedding of an image, if there is a file of that name, else of a text.
fn embed(clip: &ClipVision, decoding: &Decoding, query: &str) -> clip_vision::Result<Vec<f32>> {
    let is_file = Path::new(query).is_file();
    if !is_file && has_extension(Path::new(query)) {
        say(&format!("there is no file {query}: it is searched for as a text"));
    }
    if is_file { clip.embed(decoding.open(query)) } else { clip.embed_text(query) }
}

/// What is nearest to each vector in all indexes together, the best first; to an empty one nothing.
fn search<'a>(indexes: &'a [PathBuf], name: &str, vectors: &[&[f32]], top: usize) -> Result<Vec<Vec<Hit<'a>>>> {
    let mut all: Vec<Vec<Hit>> = vectors.iter().map(|_| Vec::new()).collect();
    let mut first: Option<(&Path, Value)> = None;
    for index in indexes {
        let collection = Collection::open(index)?;
        check_model(&collection, index, name)?;
        let revision = collection.made.how["revision"].clone();
        match &first {
            Some((file, other)) if !revision.is_null() && *other != revision => {
                let [one, other] = [file, index.as_path()].map(Path::display);
                return Err(
                    format!("{one} and {other} are of different revisions of a model: see clip-vision info").into()
                );
            }
            None if !revision.is_null() => first = Some((index, revision)),
            _ => {}
        }
        for (vector, hits) in vectors.iter().zip(&mut all).filter(|(vector, _)| !vector.is_empty()) {
            let found = collection.search(vector, top).map_err(|error| format!("{}: {error}", index.display()))?;
            hits.extend(found.into_iter().map(|Found { name, score }| Hit { name: name.to_owned(), score, index }));
            // Among the best of all are at most so many of each. Those of one name and one score, but for rounding, are one image: another
            // one of that name, such as the first of another camera, has another.
            hits.sort_by(|one, other| other.score.total_cmp(&one.score));
            let mut told: HashMap<String, f32> = HashMap::new();
            hits.retain(|hit| {
                told.insert(hit.name.clone(), hit.score).is_none_or(|other| (other - hit.score).abs() > ROUNDING)
            });
            hits.truncate(top);
        }
    }
    Ok(all)
}
