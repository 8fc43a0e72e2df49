//! The JavaScript side of the façade: conversions, and nothing else. What fetches, queues and reports is the worker's
//! TypeScript (`web/`).
//!
//! Structured values cross through serde-wasm-bindgen; bytes, pixels and embeddings as typed arrays, which the worker
//! transfers on to the page. An error is thrown as `Error` with a `code`; a panic ends the instance, after its message
//! has been given to `globalThis.__clipVisionPanic`, where the worker has put one.

use crate::embedder::{ClipVision, Loader, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::image::{Decode, Image, Limits, Measured};
use crate::ops;
use js_sys::{Float32Array, Function, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

mod loader;
mod text;
#[cfg(target_feature = "atomics")]
mod threads;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a model is loaded with; the bytes are those of the model's JSON files, or its weights carry them along. */
export interface LoaderOptions {
  config?: Uint8Array;
  preprocessor?: Uint8Array;
  precision?: string;
  normalize?: boolean;
  /** Limits on a picture: encoded bytes and decoded pixels. Absent: the defaults. */
  maxBytes?: number;
  maxPixels?: number;
}
/** A picture: an image file's bytes, or rows of 8-bit pixels without padding. */
export type WirePhoto =
  | { kind: "encoded"; bytes: Uint8Array; decode?: "exact" | "fast" }
  | { kind: "pixels"; data: Uint8Array | Uint8ClampedArray; width: number; height: number; channels: 1 | 3 | 4 };
/** Milliseconds of each stage. */
export interface WireTimings { decode: number; preprocess: number; forward: number }
export interface WireEmbedding {
  embedding: Float32Array;
  timings: WireTimings;
  decoder: "rust" | "raw";
  width: number;
  height: number;
}
export interface WireTensor { data: Float32Array; shape: [3, number, number] }
export interface WireInfo {
  dimension: number;
  imageSize: number;
  precision: string;
  simd: "none" | "simd128" | "relaxed";
  threads: number;
  modelBytes: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "LoaderOptions")]
    pub type LoaderOptions;
    #[wasm_bindgen(typescript_type = "WirePhoto")]
    pub type WirePhoto;
    #[wasm_bindgen(typescript_type = "WireEmbedding")]
    pub type WireEmbedding;
    #[wasm_bindgen(typescript_type = "WireTensor")]
    pub type WireTensor;
    #[wasm_bindgen(typescript_type = "WireInfo")]
    pub type WireInfo;

    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
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
    let value = js_sys::Error::new(&error.to_string());
    value.set_name("ClipVisionError");
    // Setting a property of a fresh object does not fail.
    let _ = Reflect::set(&value, &"code".into(), &error.kind().code().into());
    value.into()
}

fn malformed(error: serde_wasm_bindgen::Error) -> Error {
    Error::new(ErrorKind::InvalidArgument, error.to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoaderArguments {
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    config: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    preprocessor: JsValue,
    precision: Option<String>,
    normalize: Option<bool>,
    max_bytes: Option<f64>,
    max_pixels: Option<f64>,
}

impl LoaderArguments {
    fn options(&self) -> Result<Options> {
        let precision = self.precision.as_deref().map(str::parse).transpose()?.unwrap_or_default();
        let Options { device, normalize, .. } = Options::default();
        Ok(Options { precision, device, normalize: self.normalize.unwrap_or(normalize) })
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(bytes) = self.max_bytes {
            limits.max_bytes = bytes as u64;
        }
        if let Some(pixels) = self.max_pixels {
            limits.max_pixels = pixels as u64;
        }
        limits
    }
}

/// Makes a model of weights that stream in.
#[wasm_bindgen]
pub struct ModelLoader {
    loader: Loader,
    limits: Limits,
}

#[wasm_bindgen]
impl ModelLoader {
    /// Reads the configuration.
    #[wasm_bindgen(constructor)]
    pub fn new(options: LoaderOptions) -> Result<Self, JsValue> {
        let arguments: LoaderArguments =
            serde_wasm_bindgen::from_value(options.into()).map_err(malformed).map_err(thrown)?;
        let bytes = |value: &JsValue| value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec);
        let (config, preprocessor) = (bytes(&arguments.config), bytes(&arguments.preprocessor));
        let loader = arguments.options().and_then(|options| match config {
            Some(config) => Loader::new(&config, preprocessor.as_deref(), options),
            None => Loader::for_converted(options),
        });
        Ok(Self { loader: loader.map_err(thrown)?, limits: arguments.limits() })
    }

    /// Records what is loaded, for a loader without configuration to load it again.
    pub fn record(&mut self, source: &str) {
        self.loader.record(source);
    }

    /// The model, once all pieces are there.
    pub fn finish(self) -> Result<WasmClipVision, JsValue> {
        let clip = self.loader.finish().map_err(thrown)?;
        Ok(WasmClipVision { clip, limits: self.limits })
    }
}

/// A loaded model.
#[wasm_bindgen]
pub struct WasmClipVision {
    clip: ClipVision,
    limits: Limits,
}

/// Read one at a time, by `kind`: serde buffers an enum that is tagged inside, and JavaScript's objects don't survive it.
enum Photo {
    Encoded(EncodedPhoto),
    Pixels(PixelPhoto),
}

#[derive(Deserialize)]
struct EncodedPhoto {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    bytes: Uint8Array,
    #[serde(default)]
    decode: WireDecode,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum WireDecode {
    #[default]
    Exact,
    Fast,
}

#[derive(Deserialize)]
struct PixelPhoto {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    data: Object,
    width: usize,
    height: usize,
    channels: usize,
}

impl Photo {
    fn read(photo: WirePhoto) -> Result<Self> {
        let photo = JsValue::from(photo);
        let kind = Reflect::get(&photo, &"kind".into()).ok().and_then(|kind| kind.as_string());
        match kind.as_deref() {
            Some("encoded") => serde_wasm_bindgen::from_value(photo).map(Self::Encoded).map_err(malformed),
            Some("pixels") => serde_wasm_bindgen::from_value(photo).map(Self::Pixels).map_err(malformed),
            _ => Err(Error::new(ErrorKind::InvalidArgument, "a photo is \"encoded\" or \"pixels\"")),
        }
    }

    fn decoder(&self) -> &'static str {
        match self {
            Self::Encoded(_) => "rust",
            Self::Pixels(_) => "raw",
        }
    }

    fn image(self) -> Result<Image> {
        match self {
            Self::Encoded(EncodedPhoto { bytes, decode }) => {
                let decode = match decode {
                    WireDecode::Exact => Decode::Exact,
                    WireDecode::Fast => Decode::Fast,
                };
                Ok(Image::from_bytes(bytes.to_vec()).decode(decode))
            }
            Self::Pixels(PixelPhoto { data, width, height, channels }) => {
                let pixels = Uint8Array::new(&data).to_vec();
                match channels {
                    1 => Ok(Image::from_rgb8(width, height, pixels.into_iter().flat_map(|gray| [gray; 3]).collect())),
                    3 => Ok(Image::from_rgb8(width, height, pixels)),
                    4 => Ok(Image::from_rgba8(width, height, pixels)),
                    _ => {
                        let what = format!("pixels of {channels} channels: there are 1, 3 and 4");
                        Err(Error::new(ErrorKind::InvalidArgument, what))
                    }
                }
            }
        }
    }
}

#[derive(Serialize)]
struct Timings {
    decode: f64,
    preprocess: f64,
    forward: f64,
}

#[derive(Serialize)]
struct EmbeddingAnswer {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    embedding: Float32Array,
    timings: Timings,
    decoder: &'static str,
    width: usize,
    height: usize,
}

#[derive(Serialize)]
struct TensorAnswer {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    data: Float32Array,
    shape: Vec<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    dimension: usize,
    image_size: usize,
    precision: &'static str,
    simd: &'static str,
    threads: usize,
    model_bytes: usize,
}

fn answer<T: JsCast>(value: &impl Serialize) -> Result<T> {
    Ok(serde_wasm_bindgen::to_value(value).map_err(malformed)?.unchecked_into())
}

/// The time that `work` takes, in milliseconds, beside what it gives.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = now();
    let result = work()?;
    Ok((result, now() - start))
}

#[wasm_bindgen]
impl WasmClipVision {
    /// The embedding of a picture, with the time of each stage.
    pub fn embed(&self, photo: WirePhoto) -> Result<WireEmbedding, JsValue> {
        self.embed_photo(photo).map_err(thrown)
    }

    /// The pixel tensor that the model sees of a picture.
    pub fn tensor(&self, photo: WirePhoto) -> Result<WireTensor, JsValue> {
        self.photo_tensor(photo).map_err(thrown)
    }

    /// What the model is.
    pub fn info(&self) -> Result<WireInfo, JsValue> {
        let simd = match () {
            _ if cfg!(target_feature = "relaxed-simd") => "relaxed",
            _ if cfg!(target_feature = "simd128") => "simd128",
            _ => "none",
        };
        let info = Info {
            dimension: self.clip.dimension(),
            image_size: self.clip.image_size(),
            precision: self.clip.options().precision.name(),
            simd,
            threads: ops::threads(),
            model_bytes: self.clip.weight_bytes(),
        };
        answer(&info).map_err(thrown)
    }
}

impl WasmClipVision {
    fn embed_photo(&self, photo: WirePhoto) -> Result<WireEmbedding> {
        let photo = Photo::read(photo)?;
        let decoder = photo.decoder();
        let image = photo.image()?.limits(self.limits);
        let Measured { tensor, size: (width, height), decode, preprocess } =
            self.clip.measured_pixel_tensor(image, now)?;
        let (embedding, forward) = timed(|| self.clip.embed_tensor(&tensor))?;
        answer(&EmbeddingAnswer {
            embedding: Float32Array::from(embedding.as_slice()),
            timings: Timings { decode, preprocess, forward },
            decoder,
            width,
            height,
        })
    }

    fn photo_tensor(&self, photo: WirePhoto) -> Result<WireTensor> {
        let pixels = self.clip.pixel_tensor(Photo::read(photo)?.image()?.limits(self.limits))?;
        let shape = pixels.dims().to_vec();
        let values = pixels.flatten_all()?.to_vec1::<f32>()?;
        answer(&TensorAnswer { data: Float32Array::from(values.as_slice()), shape })
    }
}
