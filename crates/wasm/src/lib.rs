//! The JavaScript side of the façade: conversions, the allocator, threads and a checksum. What fetches, queues and reports is
//! the worker's TypeScript (`web/`).
//!
//! Structured values cross through serde-wasm-bindgen; bytes, pixels and embeddings as typed arrays, which the worker
//! transfers on to the page. An error is thrown as `Error` with a `code`; a panic ends the instance, after its message
//! has been given to `globalThis.__clipVisionPanic`, where the worker has put one.
//!
//! Of a browser's interfaces this needs a clock alone, so that it does without `web-sys`; what it reads by reflection are names
//! of our own (`kind`, `code`, the panic's listener), which no crate has.
// Elsewhere there is nothing to bind to.
#![cfg(target_arch = "wasm32")]

use clip_vision::ClipVision;
use clip_vision::model::Scores;
use clip_vision::{Error, ErrorKind, Result};
use js_sys::{Function, Reflect};
use kernels::Pool;
use serde::Serialize;
use wasm_bindgen::prelude::*;

/// Tokens of one forward pass in a browser, beyond which more images gain nothing: as wasm, four images of ViT-B/32 (50
/// tokens each) took 5 to 7 % less time together than one by one, those of TinyCLIP-ViT-8M/16 (197) 4 to 6 % more
/// (docs/recipes.md).
const BATCH_TOKENS: usize = 200;
/// Images of one forward pass in a browser at most: a layer of more would keep the worker from listening for too long.
const MOST_TOGETHER: usize = 4;

mod checksum;
mod gpu;
mod loader;
mod memory;
mod text;
#[cfg(target_feature = "atomics")]
mod threads;
mod vision;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a model is loaded with; the bytes are those of the model's JSON files, or its weights carry them along. */
export interface LoaderOptions {
  config?: Uint8Array;
  preprocessor?: Uint8Array;
  processor?: Uint8Array;
  precision?: string;
  normalize?: boolean;
  /** Whether the weights are for a GPU, and passes are plans. Default false. */
  plans?: boolean;
  /** Limits on a photo: encoded bytes and decoded pixels. Absent: the defaults. */
  maxBytes?: number;
  maxPixels?: number;
}
/** What a model is. */
export interface WireInfo {
  dimension: number;
  imageSize: number;
  task: "photos and texts" | "photos" | "texts";
  /** Absent of a model without texts. */
  scores?: "softmax" | "sigmoid";
  precision: string;
  simd: "none" | "simd128" | "relaxed";
  threads: number;
  modelBytes: number;
  /** Photos that are worth computing together. */
  batch: number;
  /** No file said how images are prepared: it is CLIP's own way. */
  defaultPreprocessing: boolean;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// What a model is loaded with.
    #[wasm_bindgen(typescript_type = "LoaderOptions")]
    pub type LoaderOptions;
    /// What a model is.
    #[wasm_bindgen(typescript_type = "WireInfo")]
    pub type WireInfo;
}

/// Runs once, when the module is instantiated.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| {
        console_error_panic_hook::hook(panic);
        let listener = Reflect::get(&js_sys::global(), &"__clipVisionPanic".into()).ok();
        if let Some(listener) = listener.and_then(|value| value.dyn_into::<Function>().ok()) {
            // A listener that throws changes nothing: the instance is lost either way.
            let _ = listener.call1(&JsValue::UNDEFINED, &panic.to_string().into());
        }
    }));
}

fn thrown(error: Error) -> JsValue {
    let value = js_sys::Error::new(&format!("{error:#}"));
    value.set_name("ClipVisionError");
    // Setting a property of a fresh object does not fail.
    let _ = Reflect::set(&value, &"code".into(), &error.kind().code().into());
    value.into()
}

fn malformed(error: serde_wasm_bindgen::Error) -> Error {
    Error::new(ErrorKind::InvalidArgument, error.to_string())
}

/// A loaded model.
#[wasm_bindgen]
pub struct Model(ClipVision);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    dimension: usize,
    image_size: usize,
    task: &'static str,
    scores: Option<&'static str>,
    precision: &'static str,
    simd: &'static str,
    threads: usize,
    model_bytes: usize,
    batch: usize,
    default_preprocessing: bool,
}

fn answer<T: JsCast>(value: &impl Serialize) -> Result<T> {
    Ok(serde_wasm_bindgen::to_value(value).map_err(malformed)?.unchecked_into())
}

#[wasm_bindgen]
impl Model {
    /// What the model is.
    pub fn info(&self) -> Result<WireInfo, JsValue> {
        let simd = match () {
            _ if cfg!(target_feature = "relaxed-simd") => "relaxed",
            _ if cfg!(target_feature = "simd128") => "simd128",
            _ => "none",
        };
        let info = Info {
            dimension: self.0.dimension(),
            image_size: self.0.image_size(),
            task: task(&self.0),
            scores: self.0.scores().map(Scores::name),
            precision: self.0.options().precision.name(),
            simd,
            threads: kernels::POOL.threads(),
            model_bytes: self.0.weight_bytes(),
            batch: batch(&self.0),
            default_preprocessing: self.0.has_default_preprocessing(),
        };
        answer(&info).map_err(thrown)
    }
}

/// What it embeds.
fn task(clip: &ClipVision) -> &'static str {
    match (clip.config().is_ok(), clip.scores().is_some()) {
        (true, false) => "photos",
        (false, true) => "texts",
        _ => "photos and texts",
    }
}

/// Images that are worth computing together; 1 where that gains nothing.
fn batch(clip: &ClipVision) -> usize {
    let tokens = clip.config().map_or(BATCH_TOKENS, |config| config.num_tokens());
    (BATCH_TOKENS / tokens).clamp(1, MOST_TOGETHER)
}
