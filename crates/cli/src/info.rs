//! `info`: what is in an index, and who made it.

use crate::arguments::Outcome;
use crate::collection::Collection;
use crate::lines::printable;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

#[derive(Args)]
pub struct InfoArguments {
    /// Print a line of JSON
    #[arg(long)]
    json: bool,
    /// An index
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Prints it. The index is read whole, and its checksums are compared.
pub fn run(asked: &InfoArguments) -> Outcome {
    let Collection { names, dimension, made, format, .. } = Collection::open(&asked.file)?;
    let model = if made.model.is_empty() { Value::Null } else { json!(made.model) };
    let mut out = std::io::stdout().lock();
    if asked.json {
        let path = asked.file.to_string_lossy();
        let line = json!({
            "path": path, "format": format, "images": names.len(), "dimension": dimension, "model": model, "made": made.how,
        });
        writeln!(out, "{}", printable(&line.to_string()))?;
        return Ok(true);
    }
    writeln!(out, "format\t{format}\nimages\t{}\ndimension\t{dimension}", names.len())?;
    match made.how.as_object() {
        None => {
            writeln!(out, "model\t{}", if made.model.is_empty() { "not known".into() } else { printable(&made.model) })?
        }
        Some(how) => {
            for (key, value) in how.iter().filter(|(key, value)| *key != "dimension" && !value.is_null()) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                writeln!(out, "{}\t{}", printable(key), printable(&value))?;
            }
        }
    }
    Ok(true)
}
