//! DINOv2: a ViT that was taught by images alone. Its class token, normed, is the embedding, which finds what looks alike:
//! duplicates, "more like this". <https://arxiv.org/abs/2304.07193>
//!
//! Layers scale what they add channel by channel (LayerScale), and positions are those of a larger image, interpolated to
//! the one that is seen. Names and defaults are those of transformers.
//! <https://github.com/huggingface/transformers/blob/main/src/transformers/models/dinov2/modeling_dinov2.py>

use super::config::{Activation, ClipConfig, Family, Keys, VisionConfig, most, vision_sizes};
use super::encoder::{Encoder, LayerNames, NormOrder};
use super::source::Source;
use super::vision::{Pooling, VisionLayers};
use crate::error::Result;
use crate::weights::{TensorSpec, Use};
use serde_json::{Map, Value};

const LAYER: LayerNames = LayerNames {
    norms: ["norm1", "norm2"],
    order: NormOrder::Before,
    attention: [
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
        "attention.output.dense",
    ],
    mlp: ["mlp.fc1", "mlp.fc2"],
    scales: Some(["layer_scale1.lambda1", "layer_scale2.lambda1"]),
};

/// Its configuration.
pub(super) fn config(root: &Map<String, Value>) -> Result<ClipConfig> {
    let keys = Keys::whole(root);
    for (key, only) in [("use_swiglu_ffn", false), ("qkv_bias", true)] {
        if root.get(key).is_some_and(|value| *value == Value::Bool(!only)) {
            return Err(keys.error(key, format!("is {}; only {only} is supported", !only)));
        }
    }
    let default = VisionConfig {
        family: Family::Dinov2,
        patch_size: 14,
        activation: Activation::Gelu,
        layer_norm_eps: 1e-6,
        projection_dim: None,
        ..VisionConfig::vit_base_patch32()
    };
    let config = vision_sizes(keys, default)?;
    let intermediate_size = keys.multiple("mlp_ratio", 4.0, config.hidden_size, most::INTERMEDIATE)?;
    Ok(ClipConfig::of_vision(VisionConfig { intermediate_size, ..config }))
}

/// The tensors of the tower, whose names begin with `prefix`.
pub(super) fn vision<S: Source>(source: &mut S, prefix: &str, config: &VisionConfig) -> Result<VisionLayers<S>> {
    let VisionConfig { hidden_size: hidden, patch_size: patch, layer_norm_eps: eps, position_grid: grid, .. } = *config;
    let name = |part: &str| format!("{prefix}{part}");
    let [class_token, patches, bias, positions] = [
        TensorSpec::new(name("embeddings.cls_token"), [hidden], Use::Vector),
        TensorSpec::new(name("embeddings.patch_embeddings.projection.weight"), [hidden, 3, patch, patch], Use::Patches),
        TensorSpec::new(name("embeddings.patch_embeddings.projection.bias"), [hidden], Use::Vector),
        TensorSpec::new(name("embeddings.position_embeddings"), [grid * grid + 1, hidden], Use::Table),
    ];
    Ok(VisionLayers {
        class_token: Some(source.table(class_token)?),
        patch_embedding: source.linear(patches, None)?,
        positions: source.patch_positions(positions, bias, config)?,
        pre_norm: None,
        encoder: Encoder::of(source, &name("encoder.layer"), &LAYER, &config.into())?,
        post_norm: source.norm(&name("layernorm"), hidden, eps)?,
        pooling: Pooling::ClassToken,
        projection: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_mlp_is_as_wide_as_its_ratio_says() {
        let read = |ratio: Value| {
            let root = json!({ "model_type": "dinov2", "hidden_size": 24, "mlp_ratio": ratio });
            config(root.as_object().unwrap())
        };
        let width = |ratio| read(ratio).unwrap().vision.unwrap().intermediate_size;
        assert_eq!([width(json!(null)), width(json!(2)), width(json!(4.0)), width(json!(2.6))], [96, 48, 96, 62]);
        for ratio in [json!(0), json!(0.01), json!(-4), json!("4"), json!(1e300), json!(65536)] {
            assert!(read(ratio.clone()).unwrap_err().to_string().contains("mlp_ratio"), "{ratio}");
        }
    }
}
