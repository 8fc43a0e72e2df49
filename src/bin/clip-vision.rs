//! The command line: `clip-vision embed --model DIR IMAGE…`, `clip-vision embed-text --model DIR TEXT…`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clip_vision::{ClipVision, Decode, Image, Options, Precision, device_from_name};
use serde_json::json;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// CLIP embeddings of images and texts, equal to Python's.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the embedding of each image. Exits with 1 if any image failed.
    Embed {
        #[command(flatten)]
        common: Common,
        /// How JPEGs are decoded: exact, every value as Pillow's; or fast, at a fraction of their size
        #[arg(long, value_enum, default_value = "exact")]
        decode: DecodeArgument,
        /// Image files
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<PathBuf>,
    },
    /// Print the embedding of each text, in the same space as the images'. Exits with 1 if any text failed.
    EmbedText {
        #[command(flatten)]
        common: Common,
        /// Texts; what is longer than the model takes is cut
        #[arg(required = true, value_name = "TEXT")]
        texts: Vec<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum DecodeArgument {
    Exact,
    Fast,
}

impl From<DecodeArgument> for Decode {
    fn from(argument: DecodeArgument) -> Self {
        match argument {
            DecodeArgument::Exact => Self::Exact,
            DecodeArgument::Fast => Self::Fast,
        }
    }
}

#[derive(Args)]
struct Common {
    /// A Hugging Face CLIP directory: config.json, model.safetensors and preprocessor_config.json; for texts
    /// tokenizer.json, or vocab.json and merges.txt
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The arithmetic of the model: f32
    #[arg(long, default_value = "f32", value_parser = str::parse::<Precision>)]
    precision: Precision,
    /// Where the model runs: cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Print a line of JSON each: {"path": …, "embedding": […]} or {"path": …, "error": …}; of a text {"text": …, …}
    #[arg(long)]
    json: bool,
    /// Leave the embeddings at their own length, instead of length 1
    #[arg(long)]
    no_normalize: bool,
}

impl Common {
    fn load(&self) -> clip_vision::Result<ClipVision> {
        let device = device_from_name(&self.device)?;
        let options = Options { precision: self.precision, device, normalize: !self.no_normalize };
        ClipVision::from_dir(&self.model, options)
    }
}

/// Images or texts embedded together: enough to fill the cores, few enough that lines come steadily.
const BATCH: usize = 8;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Embed { common, decode, images } => embed_images(&common, decode.into(), &images),
        Command::EmbedText { common, texts } => embed_texts(&common, &texts),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads our output has enough of it.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("clip-vision: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Embeds all images; false where one of them failed.
fn embed_images(common: &Common, decode: Decode, images: &[PathBuf]) -> Result<bool, Box<dyn std::error::Error>> {
    let clip = common.load()?;
    let mut lines = Lines::new("path", common.json);
    for paths in images.chunks(BATCH) {
        let results = clip.embed_batch(paths.iter().map(|path| Image::from_path(path).decode(decode)).collect());
        for (path, result) in paths.iter().zip(results) {
            lines.print(&path.to_string_lossy(), result)?;
        }
        lines.out.flush()?;
    }
    Ok(lines.all_good)
}

/// Embeds all texts; false where one of them failed.
fn embed_texts(common: &Common, texts: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let clip = common.load()?;
    clip.text()?;
    let mut lines = Lines::new("text", common.json);
    for texts in texts.chunks(BATCH) {
        for text in texts {
            lines.print(text, clip.embed_text(text))?;
        }
        lines.out.flush()?;
    }
    Ok(lines.all_good)
}

/// What is printed: a line for each thing that was to be embedded.
struct Lines {
    out: BufWriter<io::StdoutLock<'static>>,
    /// What the things are, as a key of the JSON.
    key: &'static str,
    json: bool,
    all_good: bool,
}

impl Lines {
    fn new(key: &'static str, json: bool) -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), key, json, all_good: true }
    }

    fn print(&mut self, name: &str, result: clip_vision::Result<Vec<f32>>) -> io::Result<()> {
        self.all_good &= result.is_ok();
        let Self { out, key, .. } = self;
        match (result, self.json) {
            (Ok(embedding), true) => writeln!(out, "{}", json!({ *key: name, "embedding": embedding })),
            (Err(error), true) => writeln!(out, "{}", json!({ *key: name, "error": error.to_string() })),
            (Ok(embedding), false) => {
                let values: Vec<String> = embedding.iter().map(f32::to_string).collect();
                writeln!(out, "{name}\t{}", values.join(" "))
            }
            (Err(error), false) => {
                eprintln!("clip-vision: {name}: {error}");
                Ok(())
            }
        }
    }
}
