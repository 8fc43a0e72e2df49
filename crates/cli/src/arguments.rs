//! What several commands take: a model, how pictures are decoded.

use crate::lines::say;
use clap::{Args, ValueEnum};
use clip_vision::image::Decode;
use clip_vision::{ClipVision, Image, Options, Precision};
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

/// Whether all went well; an error is of the model or of what is printed to, not of an image.
pub type Outcome = Result<bool, Box<dyn std::error::Error>>;

/// Images or texts embedded together: enough to fill the cores, few enough that lines come steadily.
pub const BATCH: usize = 8;

/// A model, and what is printed.
#[derive(Args)]
pub struct Common {
    #[command(flatten)]
    pub model: Model,
    /// Print a line of JSON each: {"path": …, "embedding": […]} or {"path": …, "error": …}; of a text {"text": …, …};
    /// of a classified image {"path": …, "label": the likeliest, "probabilities": [one for each label]}
    #[arg(long)]
    pub json: bool,
}

/// A model, and how it computes.
#[derive(Args)]
pub struct Model {
    /// A directory of transformers' (config.json, model.safetensors, preprocessor_config.json; for texts tokenizer.json, or
    /// vocab.json and merges.txt, or vocab.txt), of open_clip's, or of ONNX files. Or a file that `convert` wrote
    #[arg(id = "model", long = "model", value_name = "DIR")]
    pub path: PathBuf,
    #[command(flatten)]
    pub computing: Computing,
}

/// How a model computes.
#[derive(Args)]
pub struct Computing {
    /// The arithmetic of the model: f32, int8, or as the weights are stored; with --device cuda, of a build that has it, f16 and bf16 too
    #[arg(long, default_value = "stored", value_parser = str::parse::<Precision>)]
    pub precision: Precision,
    /// Where the model runs: cpu, gpu or gpu:N, cuda or cuda:N
    #[arg(long, default_value = "cpu")]
    pub device: String,
}

impl Computing {
    /// Loads a model, and says on stderr if it had to guess.
    pub fn load(&self, model: &Path, normalize: bool) -> clip_vision::Result<ClipVision> {
        let options = Options::default().device_named(&self.device)?;
        let clip = ClipVision::from_dir(model, options.precision(self.precision).normalize(normalize))?;
        if clip.has_default_preprocessing() {
            let model = model.display();
            say(&format!(
                "{model} has neither preprocessor_config.json nor a processor_config.json that says how its \
                 images are prepared: CLIP's own preprocessing is used"
            ));
        }
        Ok(clip)
    }
}

impl Model {
    /// Loads it, and says on stderr if it had to guess.
    pub fn load(&self, normalize: bool) -> clip_vision::Result<ClipVision> {
        self.computing.load(&self.path, normalize)
    }

    /// What a collection calls the model unless it is told a name: its folder's or file's; of a folder of the Hub's cache
    /// (`models--owner--name/snapshots/COMMIT`) what the Hub calls it.
    pub fn name(&self) -> String {
        let whole = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let part = |depth: usize| whole.ancestors().nth(depth)?.file_name()?.to_str();
        if let (Some("snapshots"), Some(id)) = (part(1), part(2).and_then(|folder| folder.strip_prefix("models--"))) {
            return id.replace("--", "/");
        }
        whole.file_name().unwrap_or(whole.as_os_str()).to_string_lossy().into_owned()
    }
}

/// Whether embeddings are made as long as 1.
#[derive(Args)]
pub struct Length {
    /// Leave the embeddings at their own length, instead of length 1
    #[arg(long)]
    pub no_normalize: bool,
}

/// How pictures are decoded.
#[derive(Args)]
pub struct Decoding {
    /// How JPEGs are decoded: exact, every value as Pillow's; or fast, at a fraction of their size
    #[arg(long, value_enum, default_value = "exact")]
    pub decode: DecodeArgument,
    /// What shows through what is transparent: a color as RRGGBB; or drop, which drops opacity as Pillow's
    /// convert("RGB") does
    #[arg(long, default_value = "ffffff", value_parser = background, value_name = "COLOR")]
    pub background: Background,
}

impl Decoding {
    /// The picture of a file.
    pub fn open(&self, path: impl AsRef<Path>) -> Image {
        let image = Image::from_path(path).decode(self.decode.into());
        match self.background {
            Background::Color(rgb) => image.background(rgb),
            Background::Drop => image.drop_alpha(),
        }
    }
}

/// Pictures that are named.
#[derive(Args)]
pub struct Images {
    #[command(flatten)]
    pub decoding: Decoding,
    /// Image files; - reads their names from standard input, one a line
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
}

impl Images {
    /// Their paths, in batches. Names from standard input are read as they are needed: there may be any number of them.
    pub fn batches(&self) -> impl Iterator<Item = io::Result<Vec<PathBuf>>> {
        let mut paths = self.images.iter().flat_map(|path| -> Box<dyn Iterator<Item = io::Result<PathBuf>>> {
            if path.as_os_str() != "-" {
                return Box::new(std::iter::once(Ok(path.clone())));
            }
            let names = io::stdin().lock().lines().filter(|name| !matches!(name, Ok(name) if name.is_empty()));
            Box::new(names.map(|name| name.map(PathBuf::from)))
        });
        std::iter::from_fn(move || {
            let batch: io::Result<Vec<PathBuf>> = paths.by_ref().take(BATCH).collect();
            if matches!(&batch, Ok(batch) if batch.is_empty()) { None } else { Some(batch) }
        })
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum DecodeArgument {
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

/// What shows through what is transparent.
#[derive(Clone, Copy)]
pub enum Background {
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

/// What an image may show.
#[derive(Args)]
pub struct Labels {
    /// What an image may show, in words; commas between them
    #[arg(long, required = true, value_delimiter = ',', value_name = "A,B,…", value_parser = trimmed)]
    pub labels: Vec<String>,
    /// The caption that a label stands for; {} is the label
    #[arg(long, default_value = "a photo of a {}", value_parser = template)]
    pub template: String,
}

impl Labels {
    /// The captions of the labels.
    pub fn captions(&self) -> Vec<String> {
        self.labels.iter().map(|label| self.template.replace("{}", label)).collect()
    }
}

/// A label without the spaces around it. Never an error.
fn trimmed(label: &str) -> Result<String, std::convert::Infallible> {
    Ok(label.trim().to_owned())
}

/// A template, if it has a place for the label.
fn template(text: &str) -> Result<String, String> {
    if text.contains("{}") { Ok(text.to_owned()) } else { Err("it has no {} for the label".to_owned()) }
}
