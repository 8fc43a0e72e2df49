//! `config.json` of a Hugging Face CLIP model, read into what the towers need.
//!
//! Published files come in two forms: the whole model (`"model_type": "clip"`, the towers' settings nested under
//! `vision_config` and `text_config`) and the vision tower alone (`"model_type": "clip_vision_model"`, the settings
//! at the top). Keys that a file leaves out have the defaults of transformers' `CLIPVisionConfig`; in old files
//! `vision_config_dict`, where it is not null, replaces `vision_config`, as it does in transformers.

use crate::clip::encoder::EncoderConfig;
use crate::error::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

/// The activation between the two linear layers of an encoder layer's MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x · sigmoid(1.702 x)`: OpenAI's models. <https://github.com/openai/CLIP/blob/main/clip/model.py>
    QuickGelu,
    /// `x · Φ(x)`, with the error function: LAION's and most later models. <https://arxiv.org/abs/1606.08415>
    Gelu,
    /// `0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))`, PyTorch's `approximate="tanh"`.
    GeluPytorchTanh,
}

impl Activation {
    const NAMES: [(&'static str, Self); 3] =
        [("quick_gelu", Self::QuickGelu), ("gelu", Self::Gelu), ("gelu_pytorch_tanh", Self::GeluPytorchTanh)];
}

/// The shape of a vision tower.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VisionConfig {
    /// Width of a token. Default 768.
    pub hidden_size: usize,
    /// Width of the MLP between its two linear layers. Default 3072.
    pub intermediate_size: usize,
    /// Number of encoder layers. Default 12.
    pub num_hidden_layers: usize,
    /// Number of attention heads; divides `hidden_size`. Default 12.
    pub num_attention_heads: usize,
    /// Height and width of the input in pixels. Default 224.
    pub image_size: usize,
    /// Height and width of a patch in pixels. Default 32.
    pub patch_size: usize,
    /// The MLP's activation (`hidden_act`). Default QuickGELU.
    pub activation: Activation,
    /// Added to the variance in every layer norm. Default 1e-5.
    pub layer_norm_eps: f64,
    /// Width of the embedding; `None` where the file holds a `CLIPVisionModel` without a projection, whose embedding
    /// is the pooled token itself. Default 512.
    pub projection_dim: Option<usize>,
}

impl VisionConfig {
    /// OpenAI's ViT-B/32: `openai/clip-vit-base-patch32`.
    pub fn vit_base_patch32() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: 224,
            patch_size: 32,
            activation: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            projection_dim: Some(512),
        }
    }

    /// Patches along one edge; what does not fill a patch at the right and bottom is not seen, as in a convolution.
    pub fn grid_size(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Tokens that the tower works on: one class token and one for each patch.
    pub fn num_tokens(&self) -> usize {
        self.grid_size() * self.grid_size() + 1
    }

    /// Length of an embedding.
    pub fn embedding_dim(&self) -> usize {
        self.projection_dim.unwrap_or(self.hidden_size)
    }

    pub(crate) fn encoder(&self) -> EncoderConfig {
        EncoderConfig {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_layers: self.num_hidden_layers,
            num_heads: self.num_attention_heads,
            activation: self.activation,
            layer_norm_eps: self.layer_norm_eps,
        }
    }
}

/// What `config.json` says of a CLIP model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClipConfig {
    /// The vision tower.
    pub vision: VisionConfig,
}

impl ClipConfig {
    /// Reads the bytes of a `config.json`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: not JSON, another model type, an unknown activation, a value out of range; the message
    /// names the key.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let root: Value = serde_json::from_slice(json).map_err(|error| {
            let what = if json.is_empty() { "config.json is empty" } else { "config.json is not JSON" };
            invalid(what).with_source(error)
        })?;
        let Value::Object(root) = root else { return Err(invalid("config.json is not a JSON object")) };
        let whole = is_whole_model(&root)?;
        let vision = if whole { tower(&root, "vision_config")? } else { Settings { keys: &root, path: "" } };
        let projection_dim = if without_projection(&root) {
            None
        } else {
            let settings = if whole { Settings { keys: &root, path: "" } } else { vision };
            Some(settings.size("projection_dim", 512)?)
        };
        Ok(Self { vision: vision_config(vision, projection_dim)? })
    }
}

fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, what)
}

/// Whether the file describes both towers; an error where it describes no CLIP vision tower at all.
fn is_whole_model(root: &Map<String, Value>) -> Result<bool> {
    match root.get("model_type") {
        Some(Value::String(kind)) if kind == "clip" => Ok(true),
        Some(Value::String(kind)) if kind == "clip_vision_model" => Ok(false),
        None | Some(Value::Null) if root.contains_key("vision_config") => Ok(true),
        None | Some(Value::Null) => Err(invalid(
            "config.json has no model_type and no vision_config: it is not the configuration of a CLIP model",
        )),
        Some(Value::String(kind)) => Err(invalid(format!(
            "config.json: model_type is \"{kind}\"; this reads \"clip\" and \"clip_vision_model\""
        ))),
        Some(other) => Err(invalid(format!("config.json: model_type is {other}, not a string"))),
    }
}

/// A `CLIPVisionModel` was saved without `visual_projection`; every other class has one.
fn without_projection(root: &Map<String, Value>) -> bool {
    match root.get("architectures") {
        Some(Value::Array(names)) => names.iter().any(|name| name == "CLIPVisionModel"),
        _ => false,
    }
}

/// The nested settings of one tower: `{key}_dict` where an old file has it, else `{key}`, else all defaults.
fn tower<'a>(root: &'a Map<String, Value>, key: &'static str) -> Result<Settings<'a>> {
    static EMPTY: std::sync::OnceLock<Map<String, Value>> = std::sync::OnceLock::new();
    let old = root.get(&format!("{key}_dict")).filter(|value| !value.is_null());
    match old.or_else(|| root.get(key)) {
        Some(Value::Object(keys)) => Ok(Settings { keys, path: key }),
        None | Some(Value::Null) => Ok(Settings { keys: EMPTY.get_or_init(Map::new), path: key }),
        Some(_) => Err(invalid(format!("config.json: {key} is not an object"))),
    }
}

fn vision_config(settings: Settings<'_>, projection_dim: Option<usize>) -> Result<VisionConfig> {
    let config = VisionConfig {
        hidden_size: settings.size("hidden_size", 768)?,
        intermediate_size: settings.size("intermediate_size", 3072)?,
        num_hidden_layers: settings.size("num_hidden_layers", 12)?,
        num_attention_heads: settings.size("num_attention_heads", 12)?,
        image_size: settings.square("image_size", 224)?,
        patch_size: settings.square("patch_size", 32)?,
        activation: settings.activation()?,
        layer_norm_eps: settings.eps()?,
        projection_dim,
    };
    let channels = settings.size("num_channels", 3)?;
    if channels != 3 {
        return Err(settings.error("num_channels", format!("is {channels}; pictures have 3")));
    }
    if !config.hidden_size.is_multiple_of(config.num_attention_heads) {
        let VisionConfig { hidden_size, num_attention_heads, .. } = config;
        let what = format!("is {hidden_size}, which num_attention_heads, {num_attention_heads}, does not divide");
        return Err(settings.error("hidden_size", what));
    }
    if config.patch_size > config.image_size {
        let VisionConfig { patch_size, image_size, .. } = config;
        return Err(settings.error("patch_size", format!("is {patch_size}, larger than image_size, {image_size}")));
    }
    Ok(config)
}

/// The keys of one tower, and the key in the file under which they stand, for messages.
#[derive(Clone, Copy)]
struct Settings<'a> {
    keys: &'a Map<String, Value>,
    path: &'static str,
}

impl Settings<'_> {
    /// No published tower comes near it; it keeps products of a few sizes far from overflow.
    const MAX_SIZE: u64 = 1 << 16;

    fn error(&self, key: &str, what: impl std::fmt::Display) -> Error {
        let dot = if self.path.is_empty() { "" } else { "." };
        invalid(format!("config.json: {}{dot}{key} {what}", self.path))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).filter(|value| !value.is_null())
    }

    fn size(&self, key: &str, default: usize) -> Result<usize> {
        self.get(key).map_or(Ok(default), |value| self.positive(key, value))
    }

    fn positive(&self, key: &str, value: &Value) -> Result<usize> {
        match value.as_u64() {
            Some(size @ 1..=Self::MAX_SIZE) => Ok(size as usize),
            _ => Err(self.error(key, format!("is {value}, not a whole number from 1 to {}", Self::MAX_SIZE))),
        }
    }

    /// A size that may be written as one number or as `[height, width]`.
    fn square(&self, key: &str, default: usize) -> Result<usize> {
        match self.get(key) {
            Some(Value::Array(sides)) => match sides.as_slice() {
                [height, width] if height == width => self.positive(key, height),
                _ => Err(self.error(key, "is not square")),
            },
            _ => self.size(key, default),
        }
    }

    fn activation(&self) -> Result<Activation> {
        let Some(value) = self.get("hidden_act") else { return Ok(Activation::QuickGelu) };
        let known = Activation::NAMES.iter().find(|(name, _)| value == name);
        known.map(|(_, activation)| *activation).ok_or_else(|| {
            let names = Activation::NAMES.map(|(name, _)| name).join(", ");
            self.error("hidden_act", format!("is {value}; this knows {names}"))
        })
    }

    fn eps(&self) -> Result<f64> {
        let Some(value) = self.get("layer_norm_eps") else { return Ok(1e-5) };
        match value.as_f64() {
            Some(eps) if eps > 0.0 && eps < 1.0 => Ok(eps),
            _ => Err(self.error("layer_norm_eps", format!("is {value}, not a number between 0 and 1"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<VisionConfig> {
        ClipConfig::from_json(json.as_bytes()).map(|config| config.vision)
    }

    #[test]
    fn both_published_forms() {
        let b32 = VisionConfig::vit_base_patch32();
        let cases = [
            (r#"{"model_type": "clip"}"#, b32.clone()),
            (r#"{"model_type": "clip_vision_model"}"#, b32.clone()),
            (r#"{"vision_config": {}, "projection_dim": 512}"#, b32.clone()),
            (
                r#"{"model_type": "clip", "projection_dim": 768, "vision_config": {"patch_size": 14, "projection_dim": 5,
                    "hidden_act": "gelu", "layer_norm_eps": 1e-6, "image_size": [336, 336], "vision_config": null}}"#,
                VisionConfig {
                    patch_size: 14,
                    image_size: 336,
                    activation: Activation::Gelu,
                    layer_norm_eps: 1e-6,
                    projection_dim: Some(768),
                    ..b32.clone()
                },
            ),
            (
                r#"{"model_type": "clip", "vision_config_dict": {"hidden_size": 96}, "vision_config": {"patch_size": 2}}"#,
                VisionConfig { hidden_size: 96, ..b32.clone() },
            ),
            (
                r#"{"model_type": "clip", "vision_config_dict": null, "vision_config": {"patch_size": 16}}"#,
                VisionConfig { patch_size: 16, ..b32.clone() },
            ),
            (
                r#"{"model_type": "clip_vision_model", "projection_dim": 640, "hidden_act": "gelu_pytorch_tanh"}"#,
                VisionConfig { projection_dim: Some(640), activation: Activation::GeluPytorchTanh, ..b32.clone() },
            ),
            (
                r#"{"model_type": "clip_vision_model", "architectures": ["CLIPVisionModel"]}"#,
                VisionConfig { projection_dim: None, ..b32 },
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(read(json).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn errors_name_the_key() {
        let cases = [
            ("", "empty"),
            ("<html>", "not JSON"),
            ("[]", "not a JSON object"),
            ("{}", "model_type"),
            (r#"{"model_type": "siglip"}"#, "siglip"),
            (r#"{"model_type": "clip_text_model"}"#, "clip_text_model"),
            (r#"{"model_type": "clip", "vision_config": 3}"#, "vision_config is not an object"),
            (r#"{"model_type": "clip", "vision_config": {"hidden_act": "relu"}}"#, "vision_config.hidden_act"),
            (r#"{"model_type": "clip_vision_model", "hidden_size": 0}"#, "hidden_size"),
            (r#"{"model_type": "clip_vision_model", "hidden_size": -5}"#, "hidden_size"),
            (r#"{"model_type": "clip_vision_model", "num_attention_heads": 7}"#, "does not divide"),
            (r#"{"model_type": "clip_vision_model", "num_hidden_layers": 1e12}"#, "num_hidden_layers"),
            (r#"{"model_type": "clip_vision_model", "patch_size": 225}"#, "larger than image_size"),
            (r#"{"model_type": "clip_vision_model", "image_size": [224, 112]}"#, "not square"),
            (r#"{"model_type": "clip_vision_model", "num_channels": 1}"#, "num_channels"),
            (r#"{"model_type": "clip_vision_model", "layer_norm_eps": 0}"#, "layer_norm_eps"),
        ];
        for (json, part) in cases {
            let error = read(json).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{json}");
            assert!(error.to_string().contains(part), "{json}: {error}");
        }
    }
}
