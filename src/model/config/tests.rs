use super::*;

fn read(json: &str) -> Result<VisionConfig> {
    ClipConfig::from_json(json.as_bytes()).map(|config| config.vision.unwrap())
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
        let expected = VisionConfig { position_grid: expected.grid_size(), ..expected };
        assert_eq!(read(json).unwrap(), expected, "{json}");
    }
}

#[test]
fn the_text_tower() {
    let read = |json: &str| ClipConfig::from_json(json.as_bytes()).unwrap().text;
    let b32 = TextConfig::vit_base_patch32();
    assert_eq!(read(r#"{"model_type": "clip"}"#), Some(b32.clone()));
    assert_eq!(read(r#"{"model_type": "clip_vision_model"}"#), None);
    let legacy = r#"{"model_type": "clip", "projection_dim": 768, "text_config": {"eos_token_id": 2, "projection_dim": 5,
        "hidden_size": 768, "num_attention_heads": 12, "max_position_embeddings": 64, "vocab_size": 32000}}"#;
    let expected = TextConfig {
        end_token: EndToken::Largest,
        projection_dim: 768,
        hidden_size: 768,
        num_attention_heads: 12,
        max_position_embeddings: 64,
        num_positions: 64,
        vocab_size: 32000,
        ..b32
    };
    assert_eq!(read(legacy), Some(expected));
}

#[test]
fn errors_name_the_key() {
    let cases = [
        ("", "empty"),
        ("<html>", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "model_type"),
        (r#"{"model_type": "siglip2"}"#, "siglip2"),
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
        (r#"{"model_type": "clip_vision_model", "image_size": 65536, "patch_size": 1}"#, "image_size is 65536"),
        (r#"{"model_type": "clip_vision_model", "image_size": 258, "patch_size": 2}"#, "more than 128 patches"),
        (r#"{"model_type": "clip_vision_model", "num_hidden_layers": 257}"#, "num_hidden_layers is 257"),
        (r#"{"model_type": "clip_vision_model", "num_attention_heads": 257}"#, "num_attention_heads is 257"),
        (r#"{"model_type": "clip_vision_model", "hidden_size": 16385}"#, "from 1 to 16384"),
        (r#"{"model_type": "clip_vision_model", "intermediate_size": 65537}"#, "from 1 to 65536"),
        (r#"{"model_type": "clip_vision_model", "projection_dim": 18446744073709551615}"#, "projection_dim"),
        (r#"{"model_type": "clip", "text_config": {"max_position_embeddings": 4097}}"#, "max_position_embeddings"),
        (r#"{"model_type": "clip", "text_config": {"vocab_size": 1048577}}"#, "vocab_size"),
        (r#"{"model_type": "clip", "text_config": {"eos_token_id": -1}}"#, "text_config.eos_token_id"),
        (r#"{"model_type": "clip", "text_config": {"num_attention_heads": 7}}"#, "text_config.hidden_size"),
    ];
    for (json, part) in cases {
        let error = read(json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{json}");
        assert!(error.to_string().contains(part), "{json}: {error}");
    }
}

#[test]
fn tokens_are_counted_without_a_wrap() {
    let config = |image_size, patch_size| VisionConfig { image_size, patch_size, ..VisionConfig::vit_base_patch32() };
    assert_eq!(config(256, 2).num_tokens(), 16385, "the most that a file may ask for");
    assert_eq!(config(usize::MAX, 1).num_tokens(), usize::MAX);
    assert_eq!(config(224, 0).num_tokens(), 1);
}
