//! JSON lines, as `embed --json` prints them: `{"path": …, "embedding": […]}`.

use super::{Collection, Result, Rows};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

/// Writes a line each.
pub fn write(file: &mut File, rows: &mut dyn Rows) -> Result<()> {
    let mut out = BufWriter::new(file);
    rows.each(&mut |name, row| Ok(writeln!(out, "{}", json!({ "path": name, "embedding": row }))?))?;
    Ok(out.flush()?)
}

/// Reads the lines; those with an error are passed over.
pub fn read(file: File, path: &Path) -> Result<Collection> {
    let (mut names, mut values, mut dimension) = (Vec::new(), Vec::new(), 0);
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line: Value = serde_json::from_str(&line?).map_err(|error| format!("line {number}: {error}"))?;
        if line.get("error").is_some() {
            continue;
        }
        let (Some(name), Some(embedding)) = (line["path"].as_str(), line["embedding"].as_array()) else {
            return Err(format!("line {number} has no path with an embedding").into());
        };
        if !names.is_empty() && embedding.len() != dimension {
            return Err(format!("line {number} has {} values, and those before {dimension}", embedding.len()).into());
        }
        dimension = embedding.len();
        names.push(name.to_owned());
        values.extend(embedding.iter().map(|x| x.as_f64().unwrap_or(f64::NAN) as f32));
    }
    let mut collection = Collection::of_f32(names, dimension, values, "jsonl")?;
    collection.made = super::npy::read_made(path);
    Ok(collection)
}
