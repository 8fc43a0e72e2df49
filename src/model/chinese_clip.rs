//! Chinese-CLIP: CLIP's vision tower, and a BERT over a text of Chinese: tokens see each other in both directions, norms come
//! after what they norm, and the first token, projected, is the text's embedding.
//! <https://arxiv.org/abs/2211.01335>, <https://arxiv.org/abs/1810.04805>
//!
//! Names and defaults are those of transformers.
//! <https://github.com/huggingface/transformers/blob/main/src/transformers/models/chinese_clip/modeling_chinese_clip.py>

use super::bundle::{TOKENIZER_CONFIG, longest_of};
use super::clip;
use super::config::{
    Activation, ClipConfig, EndToken, Family, Keys, TextConfig, VisionConfig, most, text_sizes, tower, vision_sizes,
};
use super::encoder::{Encoder, LayerNames, NormOrder};
use super::source::Source;
use super::text::{self, TextLayers};
use crate::error::Result;
use crate::weights::{TensorSpec, Use};
use serde_json::{Map, Value};

pub(super) const MODEL_TYPE: &str = "chinese_clip";
/// What its files call the table of its tokens.
pub(super) const TOKENS: &str = "text_model.embeddings.word_embeddings.weight";

const LAYER: LayerNames = LayerNames {
    norms: ["attention.output.LayerNorm", "output.LayerNorm"],
    order: NormOrder::After,
    attention: ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"],
    mlp: ["intermediate.dense", "output.dense"],
    scales: None,
};

/// Of both towers. How long texts may be says the tokenizer's configuration, where it was bundled (`bundle.rs`) and has a limit.
pub(super) fn config(root: &Map<String, Value>) -> Result<ClipConfig> {
    let projection_dim = Keys::whole(root).size("projection_dim", 512, most::CHANNELS)?;
    let vision = VisionConfig { projection_dim: Some(projection_dim), ..vision_default() };
    let vision = vision_sizes(tower(root, "vision_config")?, vision)?;
    let keys = tower(root, "text_config")?;
    let text = text_sizes(keys, TextConfig { projection_dim, ..text_default() })?;
    let token_types = keys.size("type_vocab_size", text.token_types, most::VOCABULARY)?;
    let longest = longest_of(root, TOKENIZER_CONFIG, "model_max_length", text.num_positions)?;
    let longest = longest.unwrap_or(text.num_positions).min(text.num_positions);
    Ok(ClipConfig::of_both(vision, TextConfig { token_types, max_position_embeddings: longest, ..text }))
}

/// Of a vision tower alone, which is saved without `visual_projection`.
pub(super) fn vision_config(root: &Map<String, Value>) -> Result<ClipConfig> {
    let vision = VisionConfig { projection_dim: None, ..vision_default() };
    Ok(ClipConfig::of_vision(vision_sizes(Keys::whole(root), vision)?))
}

fn vision_default() -> VisionConfig {
    VisionConfig { family: Family::ChineseClip, ..VisionConfig::vit_base_patch32() }
}

fn text_default() -> TextConfig {
    TextConfig {
        family: Family::ChineseClip,
        vocab_size: 30_522,
        hidden_size: 768,
        intermediate_size: 3072,
        num_attention_heads: 12,
        max_position_embeddings: 512,
        num_positions: 512,
        token_types: 2,
        activation: Activation::Gelu,
        layer_norm_eps: 1e-12,
        end_token: EndToken::First,
        causal: false,
        ..TextConfig::vit_base_patch32()
    }
}

/// The tensors of the text tower.
pub(super) fn text<S: Source>(source: &mut S, config: &TextConfig) -> Result<TextLayers<S>> {
    let TextConfig { hidden_size: hidden, layer_norm_eps: eps, projection_dim, .. } = *config;
    let table = |part: &str, rows| {
        TensorSpec::new(text::name(&format!("embeddings.{part}.weight")), [rows, hidden], Use::Table)
    };
    let positions = table("position_embeddings", config.num_positions);
    let types = table("token_type_embeddings", config.token_types);
    let projection = TensorSpec::new("text_projection.weight", [projection_dim, hidden], Use::Projection);
    Ok(TextLayers {
        token_embedding: source.tokens(TensorSpec::new(TOKENS, [config.vocab_size, hidden], Use::Table))?,
        position_embedding: source.typed_positions(positions, types)?,
        embedding_norm: Some(source.norm(&text::name("embeddings.LayerNorm"), hidden, eps)?),
        encoder: Encoder::of(source, &text::name("encoder.layer"), &LAYER, &config.into())?,
        final_norm: None,
        projection: Some(source.linear(projection, None)?),
        logit_scale: Some(source.scalar(TensorSpec::new("logit_scale", [], Use::Scalar))?),
        logit_bias: None,
    })
}

/// The tensors of the vision tower, whose names begin with `prefix`: CLIP's.
pub(super) use clip::vision;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_published_base_model_is_read() {
        // What its config.json has of sizes.
        let mut root = json!({
            "model_type": "chinese_clip", "projection_dim": 512, "logit_scale_init_value": 2.6592,
            "text_config": {
                "vocab_size": 21_128, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
                "num_attention_heads": 12, "max_position_embeddings": 512, "type_vocab_size": 2, "pad_token_id": 0,
                "hidden_act": "gelu", "layer_norm_eps": 1e-12,
            },
            "vision_config": { "patch_size": 16, "image_size": 224, "hidden_act": "quick_gelu" },
        });
        let read = |root: &Value| config(root.as_object().unwrap());
        let ClipConfig { vision, text } = read(&root).unwrap();
        let (vision, text) = (vision.unwrap(), text.unwrap());
        assert_eq!((vision.family, vision.patch_size, vision.projection_dim), (Family::ChineseClip, 16, Some(512)));
        let expected = TextConfig { vocab_size: 21_128, projection_dim: 512, ..text_default() };
        assert_eq!(text, expected);
        assert_eq!((text.layer_norm_eps, text.max_position_embeddings, text.num_positions), (1e-12, 512, 512));

        let longest = |root: &Value| read(root).unwrap().text.unwrap().max_position_embeddings;
        for (limit, expected) in [(json!(52), 52), (json!(1024), 512), (json!(1e30), 512), (Value::Null, 512)] {
            root["tokenizer_config.json"] = json!({ "model_max_length": limit });
            assert_eq!(longest(&root), expected, "{limit}");
        }
        root["tokenizer_config.json"] = json!({ "model_max_length": 0 });
        let error = read(&root).unwrap_err().to_string();
        assert!(error.contains("tokenizer_config.json: model_max_length is 0"), "{error}");
    }
}
