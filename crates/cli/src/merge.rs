//! `merge`: several indexes of one model as one. They are read one after the other, so that one is in memory at a time.

use crate::arguments::Outcome;
use crate::collection::{self, Collection, Format, Made, Result, RowPrecision, Rows};
use crate::lines::say;
use clap::Args;
use std::collections::HashSet;
use std::path::PathBuf;

#[derive(Args)]
pub struct MergeArguments {
    /// The index to write: .clip-vision, .parquet, .npy or .jsonl
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// How embeddings are kept in a .clip-vision file: f32, or int8 in a quarter of the size
    #[arg(long, value_enum, default_value = "f32")]
    rows: RowPrecision,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
    /// Indexes, in any of these formats
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The rows of several files, each name once.
struct Merged<'a> {
    files: &'a [PathBuf],
    count: usize,
    again: usize,
    dimension: usize,
    made: Made,
}

impl<'a> Merged<'a> {
    /// Looks at all files; those of another model are refused.
    fn new(files: &'a [PathBuf]) -> Result<Self> {
        let mut merged = Self { files, count: 0, again: 0, dimension: 0, made: Made::default() };
        let mut names = HashSet::new();
        let mut first = None;
        for file in files {
            let collection = Collection::open(file)?;
            let (all, before) = (collection.names.len(), names.len());
            names.extend(collection.names);
            merged.again += all - (names.len() - before);
            if all == 0 {
                continue;
            }
            let Some(first) = &first else {
                (merged.dimension, merged.made) = (collection.dimension, collection.made);
                first = Some(file);
                continue;
            };
            if (collection.dimension, &collection.made) != (merged.dimension, &merged.made) {
                let [one, other] = [first, file].map(|file| file.display());
                return Err(format!(
                    "{one} and {other} are not of one model with the same settings: see clip-vision info"
                )
                .into());
            }
        }
        merged.count = names.len();
        Ok(merged)
    }
}

impl Rows for Merged<'_> {
    fn count(&self) -> usize {
        self.count
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn each(&mut self, use_row: &mut dyn FnMut(&str, &[f32]) -> Result<()>) -> Result<()> {
        let mut seen = HashSet::new();
        for file in self.files {
            Collection::open(file)?.each(&mut |name, row| {
                if seen.insert(name.to_owned()) { use_row(name, row) } else { Ok(()) }
            })?;
        }
        Ok(())
    }
}

/// Writes one index of all.
pub fn run(asked: &MergeArguments) -> Outcome {
    let format = Format::of(&asked.out, asked.rows)?;
    // The files are read while that one is written, whose parts are replaced one by one.
    if let Ok(out) = asked.out.canonicalize()
        && asked.files.iter().any(|file| file.canonicalize().is_ok_and(|file| file == out))
    {
        return Err(format!("{} is one of the indexes that are read: write another file", asked.out.display()).into());
    }
    let mut merged = Merged::new(&asked.files)?;
    if merged.count == 0 {
        return Err("there is nothing in these indexes".into());
    }
    let made = merged.made.clone();
    collection::write(&asked.out, format, &mut merged, &made)?;
    if !asked.quiet {
        let Merged { count, again, .. } = merged;
        say(&format!("{count} images in {}; {again} were there more than once", asked.out.display()));
    }
    Ok(true)
}
