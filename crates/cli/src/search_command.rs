//! `search`: what is nearest to texts and images in an index.

use crate::arguments::{Common, Decoding, Outcome};
use crate::collection::{Collection, Found};
use crate::index::walk::has_extension;
use crate::lines::{Answer, Lines};
use crate::pictures::check_model;
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct SearchArguments {
    #[command(flatten)]
    common: Common,
    /// The index, as `index` or the npm package wrote it; one of a model with another name is refused
    #[arg(long = "in", value_name = "FILE")]
    index: PathBuf,
    /// What the index calls the model [default: the last part of --model, its folder's or file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How many are found
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..1_000_000_000), value_name = "N")]
    top: u32,
    #[command(flatten)]
    decoding: Decoding,
    /// Texts, or image files
    #[arg(required = true, value_name = "QUERY")]
    queries: Vec<String>,
}

/// What was found for a query.
struct Hits<'a>(&'a str, Vec<Found<'a>>);

impl Answer for Hits<'_> {
    fn json(&self, line: &mut Map<String, Value>) {
        let found = self.1.iter().map(|found| json!({ "id": found.name, "score": found.score }));
        line.insert("found".to_owned(), found.collect());
    }

    fn text(&self) -> String {
        let lines = self.1.iter().map(|found| format!("{:.4}\t{}", found.score, found.name));
        lines.collect::<Vec<_>>().join(&format!("\n{}\t", self.0))
    }
}

/// Answers all queries; false where one of them failed.
pub fn run(asked: &SearchArguments) -> Outcome {
    let collection = Collection::open(&asked.index)?;
    let model = &asked.common.model;
    check_model(&collection, &asked.index, &asked.name.clone().unwrap_or_else(|| model.name()))?;
    let clip = model.load(true)?;
    let mut lines = Lines::new("query", asked.common.json);
    for query in &asked.queries {
        let is_file = Path::new(query).is_file();
        if !is_file && has_extension(Path::new(query)) {
            eprintln!("clip-vision: there is no file {query}: it is searched for as a text");
        }
        let embedding = if is_file { clip.embed(asked.decoding.open(query)) } else { clip.embed_text(query) };
        let hits = match embedding {
            Ok(embedding) => Ok(Hits(query, collection.search(&embedding, asked.top as usize)?)),
            Err(error) => Err(error),
        };
        lines.print(query, hits)?;
        lines.out.flush()?;
    }
    Ok(lines.all_good)
}
