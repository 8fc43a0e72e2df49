//! SigLIP, and SigLIP 2 of a fixed resolution: CLIP without a class token, whose image embedding a head gathers from all
//! patches, and whose texts are read in both directions and filled up to one length. A photo fits a text or not, whatever the
//! other texts are: scores go through a sigmoid. <https://arxiv.org/abs/2303.15343>, <https://arxiv.org/abs/2502.14786>
//!
//! Names and defaults are those of transformers.
//! <https://github.com/huggingface/transformers/blob/main/src/transformers/models/siglip/modeling_siglip.py>

use super::bundle::padding_of;
use super::clip::LAYER;
use super::config::{
    Activation, ClipConfig, EndToken, Family, Keys, TextConfig, VisionConfig, most, text_sizes, tower, vision_sizes,
};
use super::encoder::Encoder;
use super::pooling::AttentionHead;
use super::source::Source;
use super::text::{self, TextLayers};
use super::vision::{Pooling, VisionLayers};
use crate::error::Result;
use crate::weights::{TensorSpec, Use};
use serde_json::{Map, Value};

pub(super) const MODEL_TYPE: &str = "siglip";

/// Of both towers. What fills up texts the tokenizer's configuration knows better, where it was bundled (`bundle.rs`).
pub(super) fn config(root: &Map<String, Value>) -> Result<ClipConfig> {
    let vision = vision_sizes(tower(root, "vision_config")?, vision_default())?;
    let keys = tower(root, "text_config")?;
    let text = text_sizes(keys, text_default())?;
    let projection_dim = keys.size("projection_size", text.hidden_size, most::CHANNELS)?;
    let guessed = filling(Some(keys.id("pad_token_id", 1)?), text.vocab_size);
    let known = padding_of(root).filter(|id| (*id as usize) < text.vocab_size);
    let end_token = EndToken::FilledUp(known.unwrap_or(guessed));
    Ok(ClipConfig::of_both(vision, TextConfig { projection_dim, end_token, ..text }))
}

/// Of a vision tower alone.
pub(super) fn vision_config(root: &Map<String, Value>) -> Result<ClipConfig> {
    Ok(ClipConfig::of_vision(vision_sizes(Keys::whole(root), vision_default())?))
}

/// The token that fills up texts, by what a configuration says of it, where the tokenizer does not. Gemma's tokenizer, which
/// SigLIP 2 has, fills up with its token 0; SigLIP's own with 1. That is also what transformers writes into any configuration
/// that it saves: of a vocabulary like Gemma's it means nothing.
pub(super) fn filling(said: Option<u32>, vocab_size: usize) -> u32 {
    match (said.unwrap_or(1), vocab_size >= GEMMA) {
        (1, true) => 0,
        (id, _) => id,
    }
}

/// Tokens of Gemma's vocabulary.
const GEMMA: usize = 256_000;

pub(super) fn vision_default() -> VisionConfig {
    VisionConfig {
        family: Family::Siglip,
        patch_size: 16,
        activation: Activation::GeluPytorchTanh,
        layer_norm_eps: 1e-6,
        projection_dim: None,
        ..VisionConfig::vit_base_patch32()
    }
}

pub(super) fn text_default() -> TextConfig {
    TextConfig {
        family: Family::Siglip,
        vocab_size: 32_000,
        hidden_size: 768,
        intermediate_size: 3072,
        num_attention_heads: 12,
        max_position_embeddings: 64,
        activation: Activation::GeluPytorchTanh,
        layer_norm_eps: 1e-6,
        causal: false,
        ..TextConfig::vit_base_patch32()
    }
}

/// The tensors of a vision tower, whose names begin with `prefix`.
pub(super) fn vision<S: Source>(source: &mut S, prefix: &str, config: &VisionConfig) -> Result<VisionLayers<S>> {
    let VisionConfig { hidden_size: hidden, patch_size: patch, layer_norm_eps: eps, .. } = *config;
    let name = |part: &str| format!("{prefix}{part}");
    let [patches, bias, positions] = [
        TensorSpec::new(name("embeddings.patch_embedding.weight"), [hidden, 3, patch, patch], Use::Patches),
        TensorSpec::new(name("embeddings.patch_embedding.bias"), [hidden], Use::Vector),
        TensorSpec::new(name("embeddings.position_embedding.weight"), [config.num_tokens(), hidden], Use::Table),
    ];
    Ok(VisionLayers {
        class_token: None,
        patch_embedding: source.linear(patches, None)?,
        positions: source.patch_positions(positions, bias, config)?,
        pre_norm: None,
        encoder: Encoder::of(source, &name("encoder.layers"), &LAYER, &config.into())?,
        post_norm: source.norm(&name("post_layernorm"), hidden, eps)?,
        pooling: Pooling::Attention(AttentionHead::of(source, &name("head"), config)?),
        projection: None,
    })
}

/// The tensors of a text tower.
pub(super) fn text<S: Source>(source: &mut S, config: &TextConfig) -> Result<TextLayers<S>> {
    let shape = [config.projection_dim, config.hidden_size];
    let weight = TensorSpec::new(text::name("head.weight"), shape, Use::Projection);
    let bias = TensorSpec::new(text::name("head.bias"), [config.projection_dim], Use::Vector);
    let projection = source.linear(weight, Some(bias))?;
    let logit_bias = source.scalar(TensorSpec::new("logit_bias", [], Use::Scalar))?;
    TextLayers::of(source, config, projection, Some(logit_bias))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_filled_up_as_their_tokenizer_does_it() {
        let cases = [
            (json!({}), 1),
            (json!({ "vocab_size": 256_000 }), 0),
            (json!({ "vocab_size": 256_000, "pad_token_id": 1 }), 0),
            (json!({ "vocab_size": 256_000, "pad_token_id": 7 }), 7),
            (json!({ "vocab_size": 300, "pad_token_id": 0 }), 0),
        ];
        for (text, expected) in cases {
            let root = json!({ "model_type": "siglip", "text_config": text });
            let found = config(root.as_object().unwrap()).unwrap().text.unwrap();
            assert_eq!(found.end_token, EndToken::FilledUp(expected), "{text}");
        }
    }
}
