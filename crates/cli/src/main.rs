//! The command line. Each command is a file of its own; `clip-vision --help` lists them.

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;

mod arguments;
mod classify;
mod collection;
mod convert;
mod duplicates;
mod embed;
mod index;
mod info;
mod lines;
mod merge;
mod pictures;
mod progress;
mod search_command;
mod shell;
mod thumbnails;

/// CLIP embeddings of images and texts, equal to Python's, labels for images, indexes of folders, and search.
#[derive(Parser)]
#[command(version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  clip-vision index --model clip-vit-base-patch32 ~/photos -o photos.clip-vision
  clip-vision search --model clip-vit-base-patch32 --in photos.clip-vision \"a dog on a beach\"
  clip-vision duplicates --in photos.clip-vision
  find . -name '*.jpg' | clip-vision embed --model clip-vit-base-patch32 --json -";

#[derive(Subcommand)]
enum Command {
    /// Print the embedding of each image. Exits with 1 if any image failed
    #[command(after_help = "Example:\n  find . -name '*.jpg' | clip-vision embed --model DIR --json - > photos.jsonl")]
    Embed(embed::EmbedArguments),
    /// Print the embedding of each text, in the same space as the images'. Exits with 1 if any text failed
    #[command(after_help = "Example:\n  clip-vision embed-text --model DIR --json \"a dog\" \"a cat\"")]
    EmbedText(embed::EmbedTextArguments),
    /// Print how likely each label is for each image, without training for them. Exits with 1 if any image failed
    #[command(after_help = "Examples:
  clip-vision classify --model DIR --labels dog,cat,bird ~/photos
  clip-vision classify --model DIR --labels dog,cat,bird --in photos.clip-vision --json")]
    Classify(classify::ClassifyArguments),
    /// Write an index of images, and of all images in folders. What is there already is not computed again, and a run that was
    /// killed goes on. Exits with 1 if any image failed, with 3 if the index could not be written
    #[command(after_help = "Examples:
  clip-vision index --model DIR ~/photos -o photos.clip-vision
  clip-vision index --model DIR --rows int8 ~/photos -o photos.clip-vision
  clip-vision index --model DIR ~/photos -o photos.parquet")]
    Index(index::IndexArguments),
    /// Find what is nearest to each query in an index: to an image, if there is a file of that name, else to a text. Exits with 1
    /// if any query failed
    #[command(after_help = "Examples:
  clip-vision search --model DIR --in photos.clip-vision \"a dog on a beach\"
  clip-vision search --model DIR --in photos.clip-vision --top 3 --json dog.jpg
  clip-vision search --model DIR --in photos.clip-vision --thumbnails blocks \"a dog\" | less -R")]
    Search(search_command::SearchArguments),
    /// Find groups of images that are nearly the same
    #[command(after_help = "Examples:
  clip-vision duplicates --in photos.clip-vision --threshold 0.97
  clip-vision duplicates --model DIR ~/photos")]
    Duplicates(duplicates::DuplicatesArguments),
    /// Print what is in an index, and which model made it
    Info(info::InfoArguments),
    /// Write several indexes of one model as one. Of an image that is in more than one, the first counts
    #[command(after_help = "Example:\n  clip-vision merge shards/*.parquet -o photos.clip-vision")]
    Merge(merge::MergeArguments),
    /// Write a model as one small file to host oneself: --model takes it in place of a directory, and the npm package
    /// its address
    #[command(after_help = "Example:\n  clip-vision convert --model DIR --precision int8 --out model.safetensors")]
    Convert(convert::ConvertArguments),
    /// Print what completes commands in a shell
    #[command(
        after_help = "Example:\n  clip-vision completions bash > ~/.local/share/bash-completion/completions/clip-vision"
    )]
    Completions(shell::CompletionsArguments),
    /// Print a page for man: of all, or of one command
    #[command(after_help = "Example:\n  clip-vision man index | man -l -")]
    Man(shell::ManArguments),
}

/// An index could not be written; 1 says that it could, and some of its images failed.
const NOT_WRITTEN: u8 = 3;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let failure = if matches!(command, Command::Index(_)) { ExitCode::from(NOT_WRITTEN) } else { ExitCode::FAILURE };
    let outcome = match &command {
        Command::Embed(asked) => embed::images(asked),
        Command::EmbedText(asked) => embed::texts(asked),
        Command::Classify(asked) => classify::run(asked),
        Command::Index(asked) => index::run(asked),
        Command::Search(asked) => search_command::run(asked),
        Command::Duplicates(asked) => duplicates::run(asked),
        Command::Info(asked) => info::run(asked),
        Command::Merge(asked) => merge::run(asked),
        Command::Convert(asked) => convert::run(asked),
        Command::Completions(asked) => shell::completions(asked),
        Command::Man(asked) => shell::man(asked),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads our output has enough of it.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            lines::complain(&format!("{error:#}"));
            failure
        }
    }
}
