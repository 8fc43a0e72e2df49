//! A photo's way through the model, in pieces between which the worker may listen to its messages: decoded and
//! preprocessed by itself, then computed layer by layer, together with others.

use super::{Model, answer, malformed, thrown};
use clip_vision::Image;
use clip_vision::image::{Decode, Measured, PixelTensor};
use clip_vision::model::Pass;
use clip_vision::{Error, ErrorKind, Result};
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
    pixels: PixelTensor,
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
        let photo = Photo::read(photo)?;
        let decoder = photo.decoder();
        let image = photo.image()?;
        let Measured { tensor: pixels, size: (width, height), decode, preprocess, .. } =
            self.0.measured_pixels(image, now)?;
        Ok(PreparedPhoto { pixels, reading: Reading { decoder, width, height, decode, preprocess } })
    }
}
