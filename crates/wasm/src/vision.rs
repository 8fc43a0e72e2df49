//! A photo's way through the model, in pieces between which the worker may listen to its messages: decoded and
//! preprocessed by itself, then computed layer by layer, together with others.

use super::loader::limits;
use super::{Model, answer, malformed, thrown};
use clip_vision::Image;
use clip_vision::image::{Decode, Measured, PixelTensor};
use clip_vision::model::{Pass, Preparer as PhotoPreparer};
use clip_vision::{Error, ErrorKind, Options, Result};
use js_sys::{Float32Array, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/**
 * A photo: an image file's bytes, or rows of 8-bit pixels without padding. What is transparent is composited over
 * `background` (red, green, blue: 0 to 255; white by default), or opacity is dropped.
 */
export type WirePhoto = { background?: readonly [number, number, number] | "drop" } & (
  | { kind: "encoded"; bytes: Uint8Array; decode?: "exact" | "fast" }
  | { kind: "pixels"; data: Uint8Array | Uint8ClampedArray; width: number; height: number; channels: 1 | 3 | 4 }
);
/** How a photo was read; milliseconds of decoding and preprocessing. */
export interface WirePrepared {
  decoder: "rust" | "raw";
  width: number;
  height: number;
  decode: number;
  preprocess: number;
}
export interface WireTensor { data: Float32Array; shape: [3, number, number] }
/** A model's files that say how its photos are prepared. */
export interface WireSettings { config: Uint8Array; preprocessor?: Uint8Array }
"#;

#[wasm_bindgen]
extern "C" {
    /// A photo.
    #[wasm_bindgen(typescript_type = "WirePhoto")]
    pub type WirePhoto;
    /// How a photo was read.
    #[wasm_bindgen(typescript_type = "WirePrepared")]
    pub type WirePrepared;
    /// A pixel tensor.
    #[wasm_bindgen(typescript_type = "WireTensor")]
    pub type WireTensor;
    /// What prepares a model's photos is made of.
    #[wasm_bindgen(typescript_type = "WireSettings")]
    pub type WireSettings;

    // By hand, for web-sys asks for it of a Window or a WorkerGlobalScope, and a thread of Node's is neither.
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
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
    background: Option<WireBackground>,
}

/// Red, green and blue, or the word `drop`.
#[derive(Deserialize)]
#[serde(untagged)]
enum WireBackground {
    Color([u8; 3]),
    Drop(Drop),
}

#[derive(Deserialize)]
enum Drop {
    #[serde(rename = "drop")]
    Alpha,
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
    background: Option<WireBackground>,
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

    /// Decoded, and prepared by `measure`.
    fn prepared(self, measure: impl FnOnce(Image) -> Result<Measured<PixelTensor>>) -> Result<PreparedPhoto> {
        let decoder = self.decoder();
        let Measured { tensor: pixels, size: (width, height), decode, preprocess, .. } = measure(self.image()?)?;
        Ok(PreparedPhoto { pixels, reading: Reading { decoder, width, height, decode, preprocess } })
    }

    fn image(self) -> Result<Image> {
        let (image, background) = match self {
            Self::Encoded(EncodedPhoto { bytes, decode, background }) => {
                let decode = match decode {
                    WireDecode::Exact => Decode::Exact,
                    WireDecode::Fast => Decode::Fast,
                };
                (Image::from_bytes(bytes.to_vec()).decode(decode), background)
            }
            Self::Pixels(PixelPhoto { data, width, height, channels, background }) => {
                let pixels = Uint8Array::new(&data).to_vec();
                let image = match channels {
                    1 => Image::from_rgb8(width, height, pixels.into_iter().flat_map(|gray| [gray; 3]).collect()),
                    3 => Image::from_rgb8(width, height, pixels),
                    4 => Image::from_rgba8(width, height, pixels),
                    _ => {
                        let what = format!("pixels of {channels} channels: there are 1, 3 and 4");
                        return Err(Error::new(ErrorKind::InvalidArgument, what));
                    }
                };
                (image, background)
            }
        };
        Ok(match background {
            Some(WireBackground::Color(rgb)) => image.background(rgb),
            Some(WireBackground::Drop(_)) => image.drop_alpha(),
            None => image,
        })
    }
}

#[derive(Clone, Copy, Serialize)]
struct Reading {
    decoder: &'static str,
    width: usize,
    height: usize,
    decode: f64,
    preprocess: f64,
}

#[derive(Serialize)]
struct TensorAnswer {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    data: Float32Array,
    shape: [usize; 3],
}

/// A photo as the model sees it.
#[wasm_bindgen]
pub struct PreparedPhoto {
    pub(super) pixels: PixelTensor,
    reading: Reading,
}

#[wasm_bindgen]
impl PreparedPhoto {
    /// How it was read.
    pub fn reading(&self) -> Result<WirePrepared, JsValue> {
        answer(&self.reading).map_err(thrown)
    }

    /// The pixel tensor.
    pub fn tensor(&self) -> Result<WireTensor, JsValue> {
        self.values().map_err(thrown)
    }
}

impl PreparedPhoto {
    fn values(&self) -> Result<WireTensor> {
        let PixelTensor { data, height, width, .. } = &self.pixels;
        answer(&TensorAnswer { data: Float32Array::from(data.as_slice()), shape: [3, *height, *width] })
    }
}

/// A forward pass under way, over photos or texts.
#[wasm_bindgen]
pub struct ForwardPass(pub(super) Pass);

#[wasm_bindgen]
impl ForwardPass {
    /// Computes the next layer; the photos' or texts' embeddings, one after the other, when it was the last.
    pub fn step(&mut self) -> Result<Option<Float32Array>, JsValue> {
        let embeddings = self.0.step().map_err(thrown)?;
        Ok(embeddings.map(|embeddings| Float32Array::from(embeddings.concat().as_slice())))
    }
}

#[wasm_bindgen]
impl Model {
    /// Decodes and preprocesses a photo.
    pub fn prepare(&self, photo: WirePhoto) -> Result<PreparedPhoto, JsValue> {
        self.prepare_photo(photo).map_err(thrown)
    }

    /// Begins a forward pass over photos, which it takes away.
    pub fn start(&self, photos: Vec<PreparedPhoto>) -> Result<ForwardPass, JsValue> {
        let pixels: Vec<&PixelTensor> = photos.iter().map(|photo| &photo.pixels).collect();
        self.0.start_pixels(&pixels).map(ForwardPass).map_err(thrown)
    }
}

impl Model {
    fn prepare_photo(&self, photo: WirePhoto) -> Result<PreparedPhoto> {
        Photo::read(photo)?.prepared(|image| self.0.measured_pixels(image, now))
    }
}

#[derive(Serialize, Deserialize)]
struct Settings {
    #[serde(with = "serde_wasm_bindgen::preserve")]
    config: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve", skip_serializing_if = "JsValue::is_undefined")]
    preprocessor: JsValue,
}

#[wasm_bindgen]
impl Model {
    /// What another worker's `Preparer` is made of; undefined of a model of texts alone.
    pub fn settings(&self) -> Result<Option<WireSettings>, JsValue> {
        let Some((config, preprocessor)) = self.0.settings() else { return Ok(None) };
        let bytes = |bytes: &[u8]| JsValue::from(Uint8Array::from(bytes));
        let settings = Settings { config: bytes(config), preprocessor: preprocessor.map_or(JsValue::UNDEFINED, bytes) };
        answer(&settings).map(Some).map_err(thrown)
    }

    /// A photo that a `Preparer` made: the values of its pixel tensor.
    pub fn prepared(&self, data: &[f32]) -> Result<PreparedPhoto, JsValue> {
        let pixels = self.0.prepared_pixels(data.to_vec()).map_err(thrown)?;
        let (width, height) = (pixels.width, pixels.height);
        Ok(PreparedPhoto { pixels, reading: Reading { decoder: "raw", width, height, decode: 0.0, preprocess: 0.0 } })
    }
}

/// Prepares photos for a model of another worker.
#[wasm_bindgen]
pub struct Preparer(PhotoPreparer);

#[wasm_bindgen]
impl Preparer {
    /// Of the files that the model gave; the limits are those on a photo's encoded bytes and decoded pixels.
    #[wasm_bindgen(constructor)]
    pub fn new(settings: WireSettings, max_bytes: Option<f64>, max_pixels: Option<f64>) -> Result<Self, JsValue> {
        let Settings { config, preprocessor } =
            serde_wasm_bindgen::from_value(settings.into()).map_err(malformed).map_err(thrown)?;
        let bytes = |value: &JsValue| value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec);
        let options = Options::default().limits(limits(max_bytes, max_pixels));
        let config = bytes(&config).unwrap_or_default();
        PhotoPreparer::new(&config, bytes(&preprocessor).as_deref(), options).map(Self).map_err(thrown)
    }

    /// Width and height of the photos that the model takes.
    #[wasm_bindgen(js_name = imageSize)]
    pub fn image_size(&self) -> usize {
        self.0.image_size()
    }

    /// Decodes and preprocesses a photo.
    pub fn prepare(&self, photo: WirePhoto) -> Result<PreparedPhoto, JsValue> {
        Photo::read(photo).and_then(|photo| photo.prepared(|image| self.0.measured_pixels(image, now))).map_err(thrown)
    }
}
