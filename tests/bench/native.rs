//! A Rust contender of the native benchmark, as a process that scripts give work to:
//!
//! ```text
//! native clip-vision-f32|clip-vision-int8|candle MODEL PICTURES
//! native roof-f32|roof-int8 MODEL PICTURES
//! ```
//!
//! Of a roof (`roof.rs`) the milliseconds are those of 10⁹ multiplications, and there are no embeddings. It answers each line of its input, `forward 0 1 2` or `embed 0 1 2` (numbers of pictures in the file PICTURES), with
//! a line of JSON: `{"ms": …}` or `{"embeddings": [[…], …]}`. The number of threads comes from RAYON_NUM_THREADS.

use candle_core::{Device, Tensor};
use clip_vision::{ClipVision, Options, Precision};
use serde_json::json;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

#[path = "candle/src/model.rs"]
mod candle_clip;
use candle_clip::CandleClip;
#[path = "roof.rs"]
mod roof;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

enum Contender {
    ClipVision(Box<ClipVision>),
    Candle(CandleClip),
    Roof { int8: bool, threads: usize },
}

/// How the model's pictures are made tensors: `image` of its about.json.
struct Normalization {
    size: usize,
    mean: [f64; 3],
    std: [f64; 3],
}

impl Normalization {
    fn read(model: &Path) -> Result<Self> {
        let about: serde_json::Value = serde_json::from_slice(&std::fs::read(model.join("about.json"))?)?;
        let image = &about["image"];
        let three = |name: &str| serde_json::from_value(image[name].clone());
        Ok(Self { size: serde_json::from_value(image["size"].clone())?, mean: three("mean")?, std: three("std")? })
    }
}

impl Contender {
    fn load(kind: &str, model: &Path) -> Result<Self> {
        let ours = |precision| -> Result<Self> {
            let options = Options::default().precision(precision);
            Ok(Self::ClipVision(Box::new(ClipVision::from_dir(model, options)?)))
        };
        match kind {
            "clip-vision-f32" => ours(Precision::F32),
            "clip-vision-int8" => ours(Precision::Int8),
            "candle" => {
                let config = std::fs::read(model.join("config.json"))?;
                let weights = std::fs::read(model.join("model.safetensors"))?;
                Ok(Self::Candle(CandleClip::load(&config, weights)?))
            }
            "roof-f32" | "roof-int8" => {
                let threads = std::env::var("RAYON_NUM_THREADS")?.parse()?;
                Ok(Self::Roof { int8: kind == "roof-int8", threads })
            }
            _ => Err(format!("there is no contender {kind}").into()),
        }
    }

    /// Milliseconds, and the embeddings.
    fn forward(&self, pixels: &[f32], count: usize, size: usize) -> Result<(f64, Vec<f32>)> {
        let begin = Instant::now();
        let embeddings = match self {
            Self::ClipVision(clip) => {
                let pixels = Tensor::from_slice(pixels, (count, 3, size, size), &Device::Cpu)?;
                clip.vision_tower()?.forward(&pixels)?.flatten_all()?.to_vec1()?
            }
            Self::Candle(clip) => clip.embed(pixels, count)?,
            Self::Roof { int8, threads } => {
                let ms = roof::milliseconds(*int8, *threads).ok_or("no roof is known of this processor")?;
                return Ok((ms, Vec::new()));
            }
        };
        Ok((begin.elapsed().as_secs_f64() * 1e3, embeddings))
    }
}

/// Pictures as pixel tensors, one after the other.
fn tensors(pictures: &[u8], indices: &[usize], Normalization { size, mean, std }: &Normalization) -> Result<Vec<f32>> {
    let len = 3 * size * size;
    let mut values = Vec::with_capacity(indices.len() * len);
    for &index in indices {
        let picture = pictures.chunks_exact(len).nth(index).ok_or("there are fewer pictures")?;
        for channel in 0..3 {
            let plane = picture.iter().skip(channel).step_by(3);
            values.extend(plane.map(|&value| ((f64::from(value) / 255.0 - mean[channel]) / std[channel]) as f32));
        }
    }
    Ok(values)
}

fn main() -> Result<()> {
    // `cargo bench` adds flags of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [kind, model, pictures] = arguments.as_slice() else {
        println!("this is a part of `npm run bench`: see scripts/bench.mjs");
        return Ok(());
    };
    let contender = Contender::load(kind, Path::new(model))?;
    let normalization = Normalization::read(Path::new(model))?;
    let pictures = std::fs::read(pictures)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", json!({ "ready": true }))?;
    for line in std::io::stdin().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let order = words.next().ok_or("an empty line")?;
        let indices = words.map(str::parse).collect::<std::result::Result<Vec<usize>, _>>()?;
        let pixels = tensors(&pictures, &indices, &normalization)?;
        let (ms, embeddings) = contender.forward(&pixels, indices.len(), normalization.size)?;
        let answer = match order {
            "forward" => json!({ "ms": ms }),
            "embed" => {
                let rows: Vec<&[f32]> = embeddings.chunks((embeddings.len() / indices.len().max(1)).max(1)).collect();
                json!({ "embeddings": rows })
            }
            _ => return Err(format!("no order is called {order}").into()),
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}
