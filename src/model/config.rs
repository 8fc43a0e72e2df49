//! A model's configuration, read into what the towers need: `config.json` as transformers writes it, or open_clip's
//! `open_clip_config.json`.
//!
//! Which family of models a file describes is said by its `model_type` ([`FAMILIES`]); the family's own file reads the rest.
//! transformers' files come in two forms: the whole model (the towers' settings nested under `vision_config` and
//! `text_config`) and the vision tower alone (the settings at the top). Keys that a file leaves out have the defaults of
//! transformers, and sizes have maxima (`most`); in old files `vision_config_dict`, where it is not null, replaces
//! `vision_config`, as it does in transformers.

use crate::error::{Error, ErrorKind, Result};
use crate::json;
use crate::model::cleaning::Cleaning;
use serde_json::{Map, Value};

mod hints;
mod keys;
pub(super) use keys::{Keys, most};

use super::sentence_transformers::Modules;
use super::{chinese_clip, clip, dinov2, distilbert, open_clip, sentence_transformers, siglip};

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

impl From<Activation> for kernels::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::QuickGelu => Self::QuickGelu,
            Activation::Gelu => Self::Gelu,
            Activation::GeluPytorchTanh => Self::GeluTanh,
        }
    }
}

/// What is computed: the design that a family of models has in common. Each has a file beside this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// CLIP, and MetaCLIP 2. <https://arxiv.org/abs/2103.00020>
    Clip,
    /// SigLIP, and SigLIP 2 of a fixed resolution. <https://arxiv.org/abs/2303.15343>, <https://arxiv.org/abs/2502.14786>
    Siglip,
    /// DINOv2, a vision tower alone. <https://arxiv.org/abs/2304.07193>
    Dinov2,
    /// DistilBERT, a text tower alone, in the files of sentence-transformers. <https://arxiv.org/abs/1910.01108>
    DistilBert,
    /// Chinese-CLIP: CLIP's vision tower, and a BERT for texts. <https://arxiv.org/abs/2211.01335>
    ChineseClip,
}

/// What a photo's scores for texts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scores {
    /// Probabilities that add up to 1: one of the texts is taken to fit.
    Softmax,
    /// Probabilities each by itself, as a SigLIP's: all may be low, or several high.
    Sigmoid,
}

impl Scores {
    /// Its name: `softmax` or `sigmoid`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::Sigmoid => "sigmoid",
        }
    }
}

/// The shape of a vision tower.
///
/// ```
/// use clip_vision::model::VisionConfig;
///
/// let b32 = VisionConfig::vit_base_patch32();
/// assert_eq!((b32.grid_size(), b32.num_tokens(), b32.embedding_dim()), (7, 50, 512));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VisionConfig {
    /// What is computed.
    pub family: Family,
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
    /// Patches along an edge that the weights have positions for: [`grid_size`](Self::grid_size), but for a DINOv2, whose
    /// positions are interpolated to that.
    pub position_grid: usize,
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
            family: Family::Clip,
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: 224,
            patch_size: 32,
            position_grid: 7,
            activation: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            projection_dim: Some(512),
        }
    }

    /// Patches along one edge; what does not fill a patch at the right and bottom is not seen, as in a convolution. Of patches
    /// of size 0 there are none.
    pub fn grid_size(&self) -> usize {
        self.image_size.checked_div(self.patch_size).unwrap_or_default()
    }

    /// Whether there is a token beside those of the patches.
    pub(crate) fn has_class_token(&self) -> bool {
        self.family != Family::Siglip
    }

    /// Tokens that the tower works on: one for each patch, and a class token but in a SigLIP.
    pub fn num_tokens(&self) -> usize {
        self.grid_size().saturating_mul(self.grid_size()).saturating_add(self.has_class_token().into())
    }

    /// The same for images of another size, to whose patches the positions are interpolated.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: there is no patch in them, or there are too many.
    pub(crate) fn seeing(self, image_size: usize) -> Result<Self> {
        let config = Self { image_size, ..self };
        if !(1..=most::GRID).contains(&config.grid_size()) {
            let patch = config.patch_size;
            return Err(invalid(format!("images of {image_size} pixels for patches of {patch}")));
        }
        Ok(config)
    }

    /// Length of an embedding.
    pub fn embedding_dim(&self) -> usize {
        self.projection_dim.unwrap_or(self.hidden_size)
    }
}

/// The shape of a text tower.
///
/// ```
/// use clip_vision::model::{EndToken, TextConfig};
///
/// let b32 = TextConfig::vit_base_patch32();
/// assert_eq!((b32.max_position_embeddings, b32.end_token), (77, EndToken::Id(49407)));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TextConfig {
    /// What is computed.
    pub family: Family,
    /// Number of tokens that there are. Default 49408.
    pub vocab_size: usize,
    /// Width of a token. Default 512.
    pub hidden_size: usize,
    /// Width of the MLP between its two linear layers. Default 2048.
    pub intermediate_size: usize,
    /// Number of encoder layers. Default 12.
    pub num_hidden_layers: usize,
    /// Number of attention heads; divides `hidden_size`. Default 8.
    pub num_attention_heads: usize,
    /// Tokens of the longest text, start and end included. Default 77.
    pub max_position_embeddings: usize,
    /// Positions that the weights have: as many, but of a model whose texts are cut shorter.
    pub num_positions: usize,
    /// Kinds of tokens that the weights have a row for, of which all of a text's are the first: BERT's. Default 0: none.
    pub token_types: usize,
    /// The MLP's activation (`hidden_act`). Default QuickGELU.
    pub activation: Activation,
    /// Added to the variance in every layer norm. Default 1e-5.
    pub layer_norm_eps: f64,
    /// How the end of a text is found (`eos_token_id`). Default the token 49407.
    pub end_token: EndToken,
    /// Width of the embedding, the same as the images'. Default 512.
    pub projection_dim: usize,
    /// Whether a token sees only those before it. Default true.
    pub causal: bool,
    /// What is done to a text before the tokenizer sees it, where open_clip's configuration says so.
    pub cleaning: Option<Cleaning>,
    /// What follows the tower, where sentence-transformers' `modules.json` says so.
    pub modules: Modules,
}

impl TextConfig {
    /// What a photo's scores for texts are.
    pub fn scores(&self) -> Scores {
        if self.family == Family::Siglip { Scores::Sigmoid } else { Scores::Softmax }
    }
}

/// Where a text ends: at that token the text's embedding is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndToken {
    /// At the largest id of the sequence. Files from before transformers 4.31 say so by an `eos_token_id` of 2, which is
    /// wrong by itself. <https://github.com/huggingface/transformers/pull/24773>
    Largest,
    /// At the first token with this id.
    Id(u32),
    /// Nowhere: texts are filled up with this token to the longest that there is, and the last one is read.
    FilledUp(u32),
    /// Nowhere: the mean of all tokens is the text's embedding.
    Mean,
    /// Nowhere: the first token, which sees all others, becomes the text's embedding.
    First,
}

impl TextConfig {
    /// The text tower of OpenAI's ViT-B/32: `openai/clip-vit-base-patch32`.
    pub fn vit_base_patch32() -> Self {
        Self {
            family: Family::Clip,
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            num_positions: 77,
            token_types: 0,
            activation: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            end_token: EndToken::Id(49407),
            projection_dim: 512,
            causal: true,
            cleaning: None,
            modules: Modules::default(),
        }
    }
}

/// What `config.json` says of a CLIP model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClipConfig {
    /// The vision tower; `None` where the file is that of a text tower alone.
    pub vision: Option<VisionConfig>,
    /// The text tower; `None` where the file is that of a vision tower alone.
    pub text: Option<TextConfig>,
}

impl ClipConfig {
    /// Of a vision tower alone.
    pub(super) fn of_vision(vision: VisionConfig) -> Self {
        Self { vision: Some(vision), text: None }
    }

    /// Of a text tower alone.
    pub(super) fn of_text(text: TextConfig) -> Self {
        Self { vision: None, text: Some(text) }
    }

    /// Of both.
    pub(super) fn of_both(vision: VisionConfig, text: TextConfig) -> Self {
        Self { vision: Some(vision), text: Some(text) }
    }

    /// Length of an embedding.
    pub(crate) fn embedding_dim(&self) -> usize {
        match (&self.vision, &self.text) {
            (Some(vision), _) => vision.embedding_dim(),
            (None, Some(text)) => text.projection_dim,
            (None, None) => 0,
        }
    }

    /// Reads the bytes of a `config.json`.
    ///
    /// ```
    /// use clip_vision::model::ClipConfig;
    ///
    /// let config = ClipConfig::from_json(br#"{"model_type": "clip", "vision_config": {"patch_size": 16}}"#)?;
    /// let vision = config.vision.unwrap();
    /// assert_eq!((vision.patch_size, vision.image_size), (16, 224));
    /// assert!(config.text.is_some());
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: not JSON, another model type, an unknown activation, a value out of range; the message
    /// names the key.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let root: Value = json::read(json).map_err(|error| {
            let what = if json.is_empty() { "config.json is empty" } else { "config.json is not JSON" };
            invalid(what).with_source(error)
        })?;
        let Value::Object(root) = root else { return Err(invalid("config.json is not a JSON object")) };
        if let Some(hint) = hints::unreadable(&root) {
            return Err(invalid(format!("config.json: {hint}")));
        }
        family_of(&root)?(&root)
    }
}

/// Reads the configuration of a family's model.
type ReadFamily = fn(&Map<String, Value>) -> Result<ClipConfig>;

/// The families, by what their files' `model_type` says.
const FAMILIES: [(&str, ReadFamily); 12] = [
    ("clip", clip::config),
    ("clip_vision_model", clip::vision_config),
    ("metaclip_2", clip::metaclip_2_config),
    ("metaclip_2_vision_model", clip::vision_config),
    (chinese_clip::MODEL_TYPE, chinese_clip::config),
    ("chinese_clip_vision_model", chinese_clip::vision_config),
    (siglip::MODEL_TYPE, siglip::config),
    ("siglip_vision_model", siglip::vision_config),
    ("dinov2", dinov2::config),
    ("open_clip", open_clip::config),
    (sentence_transformers::MODEL_TYPE, sentence_transformers::config),
    ("distilbert", distilbert::without_modules),
];

fn family_of(root: &Map<String, Value>) -> Result<ReadFamily> {
    match root.get("model_type") {
        Some(Value::String(kind)) => {
            let known = FAMILIES.iter().find(|(name, _)| name == kind);
            known.map(|(_, read)| *read).ok_or_else(|| {
                let names: Vec<String> = FAMILIES.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                invalid(format!("config.json: model_type is \"{kind}\"; this reads {}", names.join(", ")))
            })
        }
        None | Some(Value::Null) if root.contains_key("model_cfg") => Ok(open_clip::config),
        None | Some(Value::Null) if root.contains_key("vision_config") => Ok(clip::config),
        None | Some(Value::Null) => Err(invalid(
            "config.json has no model_type, no vision_config and no model_cfg: it is not the configuration of a model that is read",
        )),
        Some(other) => Err(invalid(format!("config.json: model_type is {other}, not a string"))),
    }
}

pub(super) fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, what)
}

/// The nested settings of one tower: `{key}_dict` where an old file has it, else `{key}`, else all defaults.
pub(super) fn tower<'a>(root: &'a Map<String, Value>, key: &'static str) -> Result<Keys<'a>> {
    static EMPTY: std::sync::OnceLock<Map<String, Value>> = std::sync::OnceLock::new();
    let old = root.get(&format!("{key}_dict")).filter(|value| !value.is_null());
    match old.or_else(|| root.get(key)) {
        Some(Value::Object(keys)) => Ok(Keys { path: key, ..Keys::whole(keys) }),
        None | Some(Value::Null) => Ok(Keys { path: key, ..Keys::whole(EMPTY.get_or_init(Map::new)) }),
        Some(_) => Err(invalid(format!("config.json: {key} is not an object"))),
    }
}

/// The sizes of a vision tower, of a file that leaves them at `default` where it has none.
pub(super) fn vision_sizes(keys: Keys<'_>, default: VisionConfig) -> Result<VisionConfig> {
    let config = VisionConfig {
        hidden_size: keys.size("hidden_size", default.hidden_size, most::CHANNELS)?,
        intermediate_size: keys.size("intermediate_size", default.intermediate_size, most::INTERMEDIATE)?,
        num_hidden_layers: keys.size("num_hidden_layers", default.num_hidden_layers, most::LAYERS)?,
        num_attention_heads: keys.size("num_attention_heads", default.num_attention_heads, most::HEADS)?,
        image_size: keys.edge("image_size", default.image_size)?,
        patch_size: keys.edge("patch_size", default.patch_size)?,
        activation: keys.activation("hidden_act", default.activation)?,
        layer_norm_eps: keys.eps("layer_norm_eps", default.layer_norm_eps)?,
        ..default
    };
    let channels = keys.size("num_channels", 3, most::CHANNELS)?;
    if channels != 3 {
        return Err(keys.error("num_channels", format!("is {channels}; only 3 (red, green, blue) is supported")));
    }
    check_heads(keys, ("hidden_size", config.hidden_size), ("num_attention_heads", config.num_attention_heads))?;
    check_patches(keys, config)
}

/// A vision tower whose patches are not larger than its images, nor too many.
pub(super) fn check_patches(keys: Keys<'_>, config: VisionConfig) -> Result<VisionConfig> {
    if config.patch_size > config.image_size {
        let VisionConfig { patch_size, image_size, .. } = config;
        return Err(keys.error("patch_size", format!("is {patch_size}, larger than image_size, {image_size}")));
    }
    if config.grid_size() > most::GRID {
        let what = format!(
            "is {}: more than {} patches along image_size, {}",
            config.patch_size,
            most::GRID,
            config.image_size
        );
        return Err(keys.error("patch_size", what));
    }
    Ok(VisionConfig { position_grid: config.grid_size(), ..config })
}

/// The sizes of a text tower, likewise.
pub(super) fn text_sizes(keys: Keys<'_>, default: TextConfig) -> Result<TextConfig> {
    let config = TextConfig {
        vocab_size: keys.size("vocab_size", default.vocab_size, most::VOCABULARY)?,
        hidden_size: keys.size("hidden_size", default.hidden_size, most::CHANNELS)?,
        intermediate_size: keys.size("intermediate_size", default.intermediate_size, most::INTERMEDIATE)?,
        num_hidden_layers: keys.size("num_hidden_layers", default.num_hidden_layers, most::LAYERS)?,
        num_attention_heads: keys.size("num_attention_heads", default.num_attention_heads, most::HEADS)?,
        max_position_embeddings: keys.size(
            "max_position_embeddings",
            default.max_position_embeddings,
            most::POSITIONS,
        )?,
        activation: keys.activation("hidden_act", default.activation)?,
        layer_norm_eps: keys.eps("layer_norm_eps", default.layer_norm_eps)?,
        ..default
    };
    check_heads(keys, ("hidden_size", config.hidden_size), ("num_attention_heads", config.num_attention_heads))?;
    Ok(TextConfig { num_positions: config.max_position_embeddings, ..config })
}

/// Channels are shared out among heads; both with the keys that say them.
pub(super) fn check_heads(keys: Keys<'_>, width: (&str, usize), heads: (&str, usize)) -> Result<()> {
    if width.1.is_multiple_of(heads.1) {
        return Ok(());
    }
    Err(keys.error(width.0, format!("is {}, which {}, {}, does not divide", width.1, heads.0, heads.1)))
}

#[cfg(test)]
mod tests;
