//! CLIP: a ViT whose class token, normed and projected, is an image's embedding, and a transformer over a text that reads
//! from left to right, whose end token becomes the text's. MetaCLIP 2 is the same with many languages.
//! <https://arxiv.org/abs/2103.00020>, <https://arxiv.org/abs/2507.22062>
//!
//! Names and defaults are those of transformers.
//! <https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/modeling_clip.py>

use super::config::{ClipConfig, EndToken, Keys, TextConfig, VisionConfig, most, text_sizes, tower, vision_sizes};
use super::encoder::{Encoder, LayerNames, NormOrder};
use super::source::Source;
use super::text::TextLayers;
use super::vision::{Pooling, VisionLayers};
use crate::error::Result;
use crate::weights::{TensorSpec, Use};
use serde_json::{Map, Value};

/// What its files call the parts of an encoder's layer.
pub(super) const LAYER: LayerNames = LayerNames {
    norms: ["layer_norm1", "layer_norm2"],
    order: NormOrder::Before,
    attention: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"],
    mlp: ["mlp.fc1", "mlp.fc2"],
    scales: None,
};

/// Of both towers.
pub(super) fn config(root: &Map<String, Value>) -> Result<ClipConfig> {
    let end_token = |id| if id == 2 { EndToken::Largest } else { EndToken::Id(id) };
    whole(root, (49407, end_token))
}

/// Of a MetaCLIP 2, where an `eos_token_id` of 2 is meant as it stands.
pub(super) fn metaclip_2_config(root: &Map<String, Value>) -> Result<ClipConfig> {
    whole(root, (2, EndToken::Id))
}

fn whole(root: &Map<String, Value>, (default, end_token): (u32, fn(u32) -> EndToken)) -> Result<ClipConfig> {
    let keys = Keys::whole(root);
    let projection_dim = projection_dim(root, keys)?;
    let vision = VisionConfig { projection_dim, ..VisionConfig::vit_base_patch32() };
    let vision = vision_sizes(tower(root, "vision_config")?, vision)?;
    let Some(projection_dim) = projection_dim else { return Ok(ClipConfig::of_vision(vision)) };
    let keys = tower(root, "text_config")?;
    let end_token = end_token(keys.id("eos_token_id", default)?);
    let text = text_sizes(keys, TextConfig { projection_dim, end_token, ..TextConfig::vit_base_patch32() })?;
    Ok(ClipConfig::of_both(vision, text))
}

/// Of a vision tower alone.
pub(super) fn vision_config(root: &Map<String, Value>) -> Result<ClipConfig> {
    let keys = Keys::whole(root);
    let projection_dim = projection_dim(root, keys)?;
    let vision = vision_sizes(keys, VisionConfig { projection_dim, ..VisionConfig::vit_base_patch32() })?;
    Ok(ClipConfig::of_vision(vision))
}

/// `None` for a `CLIPVisionModel`, which is saved without `visual_projection`; every other class has one.
fn projection_dim(root: &Map<String, Value>, keys: Keys<'_>) -> Result<Option<usize>> {
    let without = ["CLIPVisionModel", "MetaClip2VisionModel"];
    match root.get("architectures") {
        Some(Value::Array(names)) if names.iter().any(|name| without.iter().any(|class| name == class)) => Ok(None),
        _ => keys.size("projection_dim", 512, most::CHANNELS).map(Some),
    }
}

/// The tensors of a vision tower, whose names begin with `prefix`.
pub(super) fn vision<S: Source>(source: &mut S, prefix: &str, config: &VisionConfig) -> Result<VisionLayers<S>> {
    let VisionConfig { hidden_size: hidden, patch_size: patch, layer_norm_eps: eps, .. } = *config;
    let name = |part: &str| format!("{prefix}{part}");
    let [class_token, patches, positions] = [
        TensorSpec::new(name("embeddings.class_embedding"), [hidden], Use::Vector),
        TensorSpec::new(name("embeddings.patch_embedding.weight"), [hidden, 3, patch, patch], Use::Patches),
        TensorSpec::new(name("embeddings.position_embedding.weight"), [config.num_tokens(), hidden], Use::Table),
    ];
    let projection = config.projection_dim.map(|dimension| {
        let weight = TensorSpec::new("visual_projection.weight", [dimension, hidden], Use::Projection);
        source.linear(weight, None)
    });
    Ok(VisionLayers {
        projection: projection.transpose()?,
        class_token: Some(source.table(class_token)?),
        patch_embedding: source.linear(patches, None)?,
        positions: source.table(positions)?,
        pre_norm: Some(source.norm(&name("pre_layrnorm"), hidden, eps)?),
        encoder: Encoder::of(source, &name("encoder.layers"), &LAYER, &config.into())?,
        post_norm: source.norm(&name("post_layernorm"), hidden, eps)?,
        pooling: Pooling::ClassToken,
    })
}

/// The tensors of a text tower.
pub(super) fn text<S: Source>(source: &mut S, config: &TextConfig) -> Result<TextLayers<S>> {
    let projection = [config.projection_dim, config.hidden_size];
    let projection = TensorSpec::new("text_projection.weight", projection, Use::Projection);
    let projection = source.linear(projection, None)?;
    TextLayers::of(source, config, projection, None)
}
