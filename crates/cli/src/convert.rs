//! `convert`: a model as one file.

use crate::arguments::Outcome;
use clap::Args;
use clip_vision::model::{ConvertOptions, Converted, StoredPrecision, Vocab, convert};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct ConvertArguments {
    /// The directory of a model
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// In what the weights are stored: f16, or int8, a quarter of f32's size
    #[arg(long, default_value = "f16", value_parser = str::parse::<StoredPrecision>)]
    precision: StoredPrecision,
    /// Leave out the text tower and the tokenizer
    #[arg(long)]
    vision_only: bool,
    /// Leave out of a multilingual model what these scripts don't need (Latin,Cyrillic,Han; Unicode's names), or what the
    /// texts of a file don't, one a line: a text that needs more is an error then
    #[arg(long, value_name = "FILE|SCRIPTS")]
    vocab: Option<String>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Converts a model, and says what was left out of its vocabulary.
pub fn run(asked: &ConvertArguments) -> Outcome {
    let ConvertArguments { model, precision, vision_only, vocab, out } = asked;
    let options = ConvertOptions::default().precision(*precision).vision_only(*vision_only);
    let vocab = match vocab.as_deref() {
        None => Vocab::All,
        Some(file) if Path::new(file).is_file() => {
            let texts = std::fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?;
            Vocab::Texts(texts.lines().map(str::to_owned).collect())
        }
        Some(scripts) => Vocab::Scripts(scripts.split(',').map(|script| script.trim().to_owned()).collect()),
    };
    let all = vocab == Vocab::All;
    let converted = convert(model, out, &options.vocab(vocab))?;
    if !all {
        let Converted { tokens, left_out, .. } = converted;
        eprintln!("{} of {tokens} tokens have rows; {left_out} were left out", tokens - left_out);
    }
    Ok(true)
}
