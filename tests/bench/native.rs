//! A Rust contender of the native benchmark, as a process that scripts give work to:
//!
//! ```text
//! native clip-vision-f32|clip-vision-int8|candle MODEL PICTURES
//! ```
//!
//! It answers each line of its input, `forward 0 1 2` or `embed 0 1 2` (numbers of pictures in the file PICTURES), with
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

const SIZE: usize = 224;
const MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
const STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

enum Contender {
    ClipVision(Box<ClipVision>),
    Candle(CandleClip),
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
            _ => Err(format!("there is no contender {kind}").into()),
        }
    }

    fn forward(&self, pixels: &[f32], count: usize) -> Result<Vec<f32>> {
        match self {
            Self::ClipVision(clip) => {
                let pixels = Tensor::from_slice(pixels, (count, 3, SIZE, SIZE), &Device::Cpu)?;
                Ok(clip.vision_tower()?.forward(&pixels)?.flatten_all()?.to_vec1()?)
            }
            Self::Candle(clip) => Ok(clip.embed(pixels, count)?),
        }
    }
}

/// Pictures as pixel tensors, one after the other.
fn tensors(pictures: &[u8], indices: &[usize]) -> Result<Vec<f32>> {
    let mut values = Vec::with_capacity(indices.len() * 3 * SIZE * SIZE);
    for &index in indices {
        let picture = pictures.chunks_exact(3 * SIZE * SIZE).nth(index).ok_or("there are fewer pictures")?;
        for channel in 0..3 {
            let plane = picture.iter().skip(channel).step_by(3);
            values.extend(plane.map(|&value| ((f64::from(value) / 255.0 - MEAN[channel]) / STD[channel]) as f32));
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
    let pictures = std::fs::read(pictures)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", json!({ "ready": true }))?;
    for line in std::io::stdin().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let order = words.next().ok_or("an empty line")?;
        let indices = words.map(str::parse).collect::<std::result::Result<Vec<usize>, _>>()?;
        let pixels = tensors(&pictures, &indices)?;
        let begin = Instant::now();
        let embeddings = contender.forward(&pixels, indices.len())?;
        let ms = begin.elapsed().as_secs_f64() * 1e3;
        let answer = match order {
            "forward" => json!({ "ms": ms }),
            "embed" => {
                let rows: Vec<&[f32]> = embeddings.chunks(embeddings.len() / indices.len().max(1)).collect();
                json!({ "embeddings": rows })
            }
            _ => return Err(format!("no order is called {order}").into()),
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}
