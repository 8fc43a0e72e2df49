//! The command line: `clip-vision embed --model DIR IMAGE…`, `clip-vision embed-text --model DIR TEXT…`,
//! `clip-vision classify --model DIR --labels A,B IMAGE…`, `clip-vision convert --model DIR --out FILE`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clip_vision::image::Decode;
use clip_vision::model::{ConvertOptions, Converted, StoredPrecision, Vocab, convert};
use clip_vision::{ClipVision, Image, Options, Precision};
use serde_json::{Map, Value, json};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// CLIP embeddings of images and texts, equal to Python's, and labels for images.
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
        #[command(flatten)]
        length: Length,
        #[command(flatten)]
        images: Images,
    },
    /// Print the embedding of each text, in the same space as the images'. Exits with 1 if any text failed.
    EmbedText {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        length: Length,
        /// Texts; what is longer than the model takes is cut
        #[arg(required = true, value_name = "TEXT")]
        texts: Vec<String>,
    },
    /// Print how likely each label is for each image, without training for them. Exits with 1 if any image failed.
    Classify {
        #[command(flatten)]
        common: Common,
        /// What an image may show, in words; commas between them
        #[arg(long, required = true, value_delimiter = ',', value_name = "A,B,…")]
        labels: Vec<String>,
        /// The caption that a label stands for; {} is the label
        #[arg(long, default_value = "a photo of a {}", value_parser = template)]
        template: String,
        #[command(flatten)]
        images: Images,
    },
    /// Write a model as one small file to host oneself: --model takes it in place of a directory, and the npm package
    /// its address.
    Convert {
        /// A Hugging Face CLIP directory
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
    },
}

#[derive(Args)]
struct Images {
    /// How JPEGs are decoded: exact, every value as Pillow's; or fast, at a fraction of their size
    #[arg(long, value_enum, default_value = "exact")]
    decode: DecodeArgument,
    /// What shows through what is transparent: a color as RRGGBB; or drop, which drops opacity as Pillow's
    /// convert("RGB") does
    #[arg(long, default_value = "ffffff", value_parser = background, value_name = "COLOR")]
    background: Background,
    /// Image files
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum DecodeArgument {
    Exact,
    Fast,
}

/// What shows through what is transparent.
#[derive(Clone, Copy)]
enum Background {
    Color([u8; 3]),
    Drop,
}

fn background(text: &str) -> Result<Background, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let is_color = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    match u32::from_str_radix(digits, 16) {
        _ if text == "drop" => Ok(Background::Drop),
        Ok(number) if is_color => {
            let [_, red, green, blue] = number.to_be_bytes();
            Ok(Background::Color([red, green, blue]))
        }
        _ => Err("it is neither a color like ffffff nor drop".to_owned()),
    }
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
    /// tokenizer.json, or vocab.json and merges.txt. Or a file that `convert` wrote
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The arithmetic of the model: f32, int8, or as the weights are stored
    #[arg(long, default_value = "stored", value_parser = str::parse::<Precision>)]
    precision: Precision,
    /// Where the model runs: cpu, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Print a line of JSON each: {"path": …, "embedding": […]} or {"path": …, "error": …}; of a text {"text": …, …};
    /// of a classified image {"path": …, "label": the likeliest, "probabilities": [one for each label]}
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Length {
    /// Leave the embeddings at their own length, instead of length 1
    #[arg(long)]
    no_normalize: bool,
}

impl Common {
    fn load(&self, normalize: bool) -> clip_vision::Result<ClipVision> {
        let options = Options::default().device_named(&self.device)?;
        let clip = ClipVision::from_dir(&self.model, options.precision(self.precision).normalize(normalize))?;
        if clip.has_default_preprocessing() {
            let model = self.model.display();
            eprintln!(
                "clip-vision: {model} has neither preprocessor_config.json nor a processor_config.json that says how its \
                 images are prepared: CLIP's own preprocessing is used"
            );
        }
        Ok(clip)
    }
}

/// A template, if it has a place for the label.
fn template(text: &str) -> Result<String, String> {
    if text.contains("{}") { Ok(text.to_owned()) } else { Err("it has no {} for the label".to_owned()) }
}

/// Whether all went well; an error is of the model or of what is printed to, not of an image.
type Outcome = Result<bool, Box<dyn std::error::Error>>;

/// Images or texts embedded together: enough to fill the cores, few enough that lines come steadily.
const BATCH: usize = 8;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Embed { common, length, images } => embed_images(&common, &length, &images),
        Command::EmbedText { common, length, texts } => embed_texts(&common, &length, &texts),
        Command::Classify { common, labels, template, images } => classify(&common, &labels, &template, &images),
        Command::Convert { model, precision, vision_only, vocab, out } => {
            let options = ConvertOptions::default().precision(precision).vision_only(vision_only);
            convert_model(&model, &out, options, vocab.as_deref())
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads our output has enough of it.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("clip-vision: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Converts a model, and says what was left out of its vocabulary.
fn convert_model(model: &Path, out: &Path, options: ConvertOptions, vocab: Option<&str>) -> Outcome {
    let vocab = match vocab {
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

/// Embeds all images; false where one of them failed.
fn embed_images(common: &Common, length: &Length, images: &Images) -> Outcome {
    let clip = common.load(!length.no_normalize)?;
    print_images(&clip, common, images, |embedding| Ok(Embedding(embedding)))
}

/// Embeds all texts; false where one of them failed.
fn embed_texts(common: &Common, length: &Length, texts: &[String]) -> Outcome {
    let clip = common.load(!length.no_normalize)?;
    clip.text()?;
    let mut lines = Lines::new("text", common.json);
    for texts in texts.chunks(BATCH) {
        // Should the batch as a whole fail, each text is tried by itself and has its own error.
        let results = match clip.embed_texts(texts) {
            Ok(embeddings) => embeddings.into_iter().map(Ok).collect(),
            Err(_) => texts.iter().map(|text| clip.embed_text(text)).collect::<Vec<_>>(),
        };
        for (text, result) in texts.iter().zip(results) {
            lines.print(text, result.map(Embedding))?;
        }
        lines.out.flush()?;
    }
    Ok(lines.all_good)
}

/// Labels all images; false where one of them failed. The labels are embedded once.
fn classify(common: &Common, labels: &[String], template: &str, images: &Images) -> Outcome {
    let clip = common.load(true)?;
    let captions: Vec<String> = labels.iter().map(|label| template.replace("{}", label)).collect();
    let (text, captions) = (clip.text()?, clip.embed_texts(&captions)?);
    print_images(&clip, common, images, |embedding| {
        Ok(Probabilities(labels, text.probabilities(&embedding, &captions)?))
    })
}

/// Prints what `answer` makes of each image's embedding; false where an image failed.
fn print_images<A: Answer>(
    clip: &ClipVision,
    common: &Common,
    Images { decode, background, images }: &Images,
    answer: impl Fn(Vec<f32>) -> clip_vision::Result<A>,
) -> Outcome {
    let mut lines = Lines::new("path", common.json);
    for paths in images.chunks(BATCH) {
        let batch = paths.iter().map(|path| {
            let image = Image::from_path(path).decode((*decode).into());
            match *background {
                Background::Color(rgb) => image.background(rgb),
                Background::Drop => image.drop_alpha(),
            }
        });
        for (path, embedding) in paths.iter().zip(clip.embed_batch(batch.collect())) {
            lines.print(&path.to_string_lossy(), embedding.and_then(&answer))?;
        }
        lines.out.flush()?;
    }
    Ok(lines.all_good)
}

/// What can be printed of an image or a text.
trait Answer {
    /// Adds to what the line of JSON has.
    fn json(&self, line: &mut Map<String, Value>);
    /// For people.
    fn text(&self) -> String;
}

struct Embedding(Vec<f32>);

impl Answer for Embedding {
    fn json(&self, line: &mut Map<String, Value>) {
        line.insert("embedding".to_owned(), json!(self.0));
    }

    fn text(&self) -> String {
        let values: Vec<String> = self.0.iter().map(f32::to_string).collect();
        values.join(" ")
    }
}

/// Of each label, in their order.
struct Probabilities<'a>(&'a [String], Vec<f32>);

impl Probabilities<'_> {
    /// Labels with their probabilities, the likeliest first.
    fn ranked(&self) -> Vec<(&str, f32)> {
        let mut ranked: Vec<_> = self.0.iter().map(String::as_str).zip(self.1.iter().copied()).collect();
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        ranked
    }
}

impl Answer for Probabilities<'_> {
    fn json(&self, line: &mut Map<String, Value>) {
        line.insert("label".to_owned(), json!(self.ranked().first().map(|(label, _)| label)));
        line.insert("probabilities".to_owned(), json!(self.1));
    }

    fn text(&self) -> String {
        let ranked: Vec<String> = self.ranked().iter().map(|(label, p)| format!("{label} {p:.4}")).collect();
        ranked.join("\t")
    }
}

/// What is printed: a line for each image or text.
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

    fn print(&mut self, name: &str, result: clip_vision::Result<impl Answer>) -> io::Result<()> {
        self.all_good &= result.is_ok();
        let Self { out, key, .. } = self;
        if self.json {
            let mut line = Map::from_iter([((*key).to_owned(), json!(name))]);
            match result {
                Ok(answer) => answer.json(&mut line),
                Err(error) => drop(line.insert("error".to_owned(), json!(format!("{error:#}")))),
            }
            return writeln!(out, "{}", Value::Object(line));
        }
        match result {
            Ok(answer) => writeln!(out, "{name}\t{}", answer.text()),
            Err(error) => {
                eprintln!("clip-vision: {name}: {error:#}");
                Ok(())
            }
        }
    }
}
