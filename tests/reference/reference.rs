//! The vision tower against candle-transformers' CLIP, for the configurations that it supports: QuickGELU, eps 1e-5.
#![cfg(test)]

#[path = "../common/basics.rs"]
#[allow(dead_code, reason = "this takes a part of it")]
mod common;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use candle_transformers::models::clip::text_model::{Activation as Act, ClipTextConfig};
use candle_transformers::models::clip::vision_model::ClipVisionConfig;
use candle_transformers::models::clip::{ClipConfig, ClipModel};
use clip_vision::{ClipVision, ModelFiles, Options};
use common::max_difference;

/// A whole random CLIP as candle-transformers builds it, and its tensors as a safetensors file.
fn random_clip(vision: ClipVisionConfig, projection_dim: usize) -> (ClipModel, Vec<u8>) {
    let device = Device::Cpu;
    let text_config = ClipTextConfig {
        vocab_size: 9,
        embed_dim: 8,
        activation: Act::QuickGelu,
        intermediate_size: 8,
        max_position_embeddings: 4,
        pad_with: None,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        projection_dim,
    };
    let config = ClipConfig { text_config, vision_config: vision, logit_scale_init_value: 2.6592, image_size: 0 };
    let vars = VarMap::new();
    // A first pass creates every tensor, the second reads them: by then they are random.
    ClipModel::new(VarBuilder::from_varmap(&vars, DType::F32, &device), &config).unwrap();
    let mut tensors: std::collections::HashMap<String, Tensor> = std::collections::HashMap::new();
    let names = vars.data().lock().unwrap();
    for (seed, (name, var)) in names.iter().enumerate() {
        tensors.insert(name.clone(), random(var.dims(), seed as u64, name.contains("norm")));
    }
    drop(names);
    let hidden = config.vision_config.embed_dim;
    tensors.insert("vision_model.embeddings.class_embedding".into(), random(&[hidden], 977, false));
    let model = ClipModel::new(VarBuilder::from_tensors(tensors.clone(), DType::F32, &device), &config).unwrap();
    let path = std::env::temp_dir().join(format!("clip-vision-reference-{}-{hidden}.safetensors", std::process::id()));
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    (model, bytes)
}

/// Reproducible values: around 1 for a norm's gain, large enough elsewhere that every part shows in the embedding.
fn random(shape: &[usize], seed: u64, norm: bool) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let fan_in = shape.iter().skip(1).product::<usize>().max(1) as f32;
    let scale = if shape.len() > 1 { 4.0 / fan_in.sqrt() } else { 0.5 };
    let offset = if norm { 1.0 } else { 0.0 };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| offset + next() * scale).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn equals_candle_transformers() {
    // (hidden, intermediate, layers, heads, image, patch, projection)
    let shapes = [
        (64, 256, 3, 4, 32, 8, 32),
        (48, 100, 2, 3, 42, 14, 37),
        (30, 53, 4, 2, 35, 7, 11),
        (96, 384, 1, 6, 64, 32, 96),
    ];
    for (hidden, intermediate, layers, heads, image, patch, projection) in shapes {
        let vision = ClipVisionConfig {
            embed_dim: hidden,
            activation: Act::QuickGelu,
            intermediate_size: intermediate,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            projection_dim: projection,
            num_channels: 3,
            image_size: image,
            patch_size: patch,
        };
        let (reference, weights) = random_clip(vision, projection);
        let config = serde_json::json!({
            "model_type": "clip",
            "projection_dim": projection,
            "vision_config": {
                "hidden_size": hidden, "intermediate_size": intermediate, "num_hidden_layers": layers,
                "num_attention_heads": heads, "image_size": image, "patch_size": patch, "hidden_act": "quick_gelu",
            },
        });
        let files = ModelFiles::new(config.to_string(), weights);
        let clip = ClipVision::from_files(files, Options::default().normalize(false)).unwrap();
        let pixels = (random(&[2, 3, image, image], 5, false) * 8.0).unwrap();
        let expected = reference.get_image_features(&pixels).unwrap().to_vec2::<f32>().unwrap();
        let embeddings = clip.vision_tower().unwrap().forward(&pixels).unwrap().to_vec2::<f32>().unwrap();
        for (ours, theirs) in embeddings.iter().zip(&expected) {
            let scale = theirs.iter().fold(0f32, |max, x| max.max(x.abs()));
            assert!(max_difference(ours, theirs) < 1e-4 * scale, "hidden {hidden}: {ours:?}\n{theirs:?}");
        }
        assert!(common::cosine(&embeddings[0], &embeddings[1]) < 0.999, "inputs must show in the embedding");
    }
}
