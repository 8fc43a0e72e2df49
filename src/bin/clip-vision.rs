//! The command line: `clip-vision embed --model DIR IMAGE…`.

use clap::{Args, Parser, Subcommand};
use clip_vision::{ClipVision, Image, Options, Precision, device_from_name};
use serde_json::json;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// CLIP image embeddings, equal to Python's.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the embedding of each image. Exits with 1 if any image failed.
    Embed(Embed),
}

#[derive(Args)]
struct Embed {
    /// A Hugging Face CLIP directory: config.json, model.safetensors and preprocessor_config.json
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The arithmetic of the model: f32
    #[arg(long, default_value = "f32", value_parser = str::parse::<Precision>)]
    precision: Precision,
    /// Where the model runs: cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Print a line of JSON an image: {"path": …, "embedding": […]} or {"path": …, "error": …}
    #[arg(long)]
    json: bool,
    /// Leave the embeddings at their own length, instead of length 1
    #[arg(long)]
    no_normalize: bool,
    /// Image files
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

/// Images embedded together: enough to fill the cores, few enough that lines come steadily.
const BATCH: usize = 8;

fn main() -> ExitCode {
    let Cli { command: Command::Embed(embed) } = Cli::parse();
    match run(&embed) {
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
fn run(args: &Embed) -> Result<bool, Box<dyn std::error::Error>> {
    let device = device_from_name(&args.device)?;
    let options = Options { precision: args.precision, device, normalize: !args.no_normalize };
    let clip = ClipVision::from_dir(&args.model, options)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut all_good = true;
    for paths in args.images.chunks(BATCH) {
        let images = paths.iter().map(Image::from_path).collect();
        for (path, result) in paths.iter().zip(clip.embed_batch(images)) {
            all_good &= result.is_ok();
            print(&mut out, path, result, args.json)?;
        }
        out.flush()?;
    }
    Ok(all_good)
}

fn print(out: &mut impl Write, path: &Path, result: clip_vision::Result<Vec<f32>>, json: bool) -> io::Result<()> {
    let name = path.to_string_lossy();
    match (result, json) {
        (Ok(embedding), true) => writeln!(out, "{}", json!({ "path": name, "embedding": embedding })),
        (Err(error), true) => writeln!(out, "{}", json!({ "path": name, "error": error.to_string() })),
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
