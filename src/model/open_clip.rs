//! open_clip's configuration, `open_clip_config.json`, as the transformers' one of the same model: a CLIP, or a SigLIP whose
//! vision tower is timm's.
//! <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/factory.py>,
//! <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/model.py>

use super::cleaning::Cleaning;
use super::config::{ClipConfig, EndToken, invalid};
use super::{clip, siglip};
use crate::error::Result;
use serde_json::{Map, Value, json};

pub(super) fn config(root: &Map<String, Value>) -> Result<ClipConfig> {
    let model = object(root, "", "model_cfg")?;
    let (vision, text) = (object(model, "model_cfg.", "vision_cfg")?, object(model, "model_cfg.", "text_cfg")?);
    refuse(vision, text)?;
    let act = if model.get("quick_gelu") == Some(&Value::Bool(true)) { "quick_gelu" } else { "gelu" };
    match text_of(vision, "timm_model_name") {
        Some(name) => siglip_config(model, vision, text, name),
        None => clip_config(model, vision, text, act),
    }
    .and_then(|config| with_text(config, text))
    .map_err(|error| error.within("open_clip_config.json"))
}

/// The same with what only open_clip says of texts.
fn with_text(mut config: ClipConfig, keys: &Map<String, Value>) -> Result<ClipConfig> {
    let Some(text) = &mut config.text else { return Ok(config) };
    if text_of(keys, "pool_type") == Some("eos") {
        let id = keys.get("eos_id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        text.end_token = EndToken::Id(id.ok_or_else(|| invalid("model_cfg.text_cfg.eos_id is not a token"))?);
    }
    // A tokenizer of open_clip's own, which is CLIP's, cleans by itself.
    if text_of(keys, "hf_tokenizer_name").is_some() {
        let kwargs = keys.get("tokenizer_kwargs").and_then(Value::as_object);
        let name = kwargs.and_then(|kwargs| text_of(kwargs, "clean")).unwrap_or("whitespace");
        let cleaning = Cleaning::from_name(name);
        text.cleaning = Some(cleaning.ok_or_else(|| {
            invalid(format!("model_cfg.text_cfg.tokenizer_kwargs.clean is \"{name}\", none that is read"))
        })?);
    }
    Ok(config)
}

fn clip_config(
    model: &Map<String, Value>,
    vision: &Map<String, Value>,
    text: &Map<String, Value>,
    act: &str,
) -> Result<ClipConfig> {
    let get = |from: &Map<String, Value>, key: &str, default: Value| from.get(key).cloned().unwrap_or(default);
    let width = size(vision, "width", 768)?;
    let text_width = size(text, "width", 512)?;
    let of_ratio = |from: &Map<String, Value>, width: usize| {
        let ratio = from.get("mlp_ratio").and_then(Value::as_f64).unwrap_or(4.0);
        (width as f64 * ratio) as usize
    };
    let heads = width / size(vision, "head_width", 64)?.max(1);
    let as_transformers = json!({
        "projection_dim": get(model, "embed_dim", json!(512)),
        "vision_config": {
            "hidden_size": width,
            "intermediate_size": of_ratio(vision, width),
            "num_hidden_layers": get(vision, "layers", json!(12)),
            "num_attention_heads": heads,
            "image_size": get(vision, "image_size", json!(224)),
            "patch_size": get(vision, "patch_size", json!(16)),
            "hidden_act": act,
            "layer_norm_eps": eps(vision),
        },
        "text_config": {
            "vocab_size": get(text, "vocab_size", json!(49408)),
            "hidden_size": text_width,
            "intermediate_size": of_ratio(text, text_width),
            "num_hidden_layers": get(text, "layers", json!(12)),
            "num_attention_heads": get(text, "heads", json!(8)),
            "max_position_embeddings": get(text, "context_length", json!(77)),
            "hidden_act": act,
            "layer_norm_eps": eps(text),
            // The largest id of the sequence.
            "eos_token_id": 2,
        },
    });
    as_transformers.as_object().map_or_else(|| Err(invalid("no configuration")), clip::config)
}

/// What is added to the variance in a tower's norms: PyTorch's default, or what the tower asks for.
fn eps(tower: &Map<String, Value>) -> Value {
    tower.get("norm_kwargs").and_then(|norm| norm.get("eps")).cloned().unwrap_or(json!(1e-5))
}

/// The sizes of timm's vision transformers, by the middle of their names: width, layers, heads, width of the MLP.
const TIMM: [(&str, [usize; 4]); 4] = [
    ("base", [768, 12, 12, 3072]),
    ("large", [1024, 24, 16, 4096]),
    ("so400m", [1152, 27, 16, 4304]),
    ("giantopt", [1536, 40, 16, 6144]),
];

/// Those of them whose MLPs have the GELU by tanh; the others have the exact one, whatever the model was trained with.
const GELU_TANH: [&str; 4] =
    ["vit_base_patch32_", "vit_large_patch16_siglip_512", "vit_so400m_patch16_", "vit_giantopt_"];

fn siglip_config(
    model: &Map<String, Value>,
    vision: &Map<String, Value>,
    text: &Map<String, Value>,
    name: &str,
) -> Result<ClipConfig> {
    let unknown =
        || invalid(format!("model_cfg.vision_cfg.timm_model_name is \"{name}\", which is no SigLIP of timm's"));
    let mut parts = name.split('.').next().unwrap_or_default().split('_');
    let (Some("vit"), Some(kind), Some(patch), Some("siglip")) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unknown());
    };
    let (_, [width, layers, heads, mlp]) = *TIMM.iter().find(|(name, _)| *name == kind).ok_or_else(unknown)?;
    let patch: usize = patch.strip_prefix("patch").and_then(|size| size.parse().ok()).ok_or_else(unknown)?;
    let seen: Option<usize> = parts.next().and_then(|size| size.parse().ok());
    if text_of(vision, "timm_pool") != Some("map") {
        return Err(invalid("model_cfg.vision_cfg.timm_pool is not \"map\", the only one that is read"));
    }
    for (key, only) in [("pool_type", json!("last")), ("no_causal_mask", json!(true)), ("proj_bias", json!(true))] {
        if text.get(key) != Some(&only) {
            return Err(invalid(format!(
                "model_cfg.text_cfg.{key} is not {only}, the only one that is read of a SigLIP"
            )));
        }
    }
    let text_by_tanh = text.get("act_kwargs").and_then(|act| act.get("approximate")) == Some(&json!("tanh"));
    let by_tanh = GELU_TANH.iter().any(|kind| name.starts_with(kind));
    let text_width = size(text, "width", 512)?;
    let as_transformers = json!({
        "vision_config": {
            "hidden_act": if by_tanh { "gelu_pytorch_tanh" } else { "gelu" },
            "hidden_size": width,
            "intermediate_size": mlp,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "image_size": vision.get("image_size").cloned().unwrap_or(json!(seen)),
            "patch_size": patch,
        },
        "text_config": {
            "vocab_size": text.get("vocab_size").cloned().unwrap_or(json!(32_000)),
            "hidden_size": text_width,
            "intermediate_size": (text_width as f64 * text.get("mlp_ratio").and_then(Value::as_f64).unwrap_or(4.0)) as usize,
            "num_hidden_layers": text.get("layers").cloned().unwrap_or(json!(12)),
            "num_attention_heads": text.get("heads").cloned().unwrap_or(json!(8)),
            "max_position_embeddings": text.get("context_length").cloned().unwrap_or(json!(64)),
            "projection_size": model.get("embed_dim").cloned().unwrap_or(json!(text_width)),
            "hidden_act": if text_by_tanh { "gelu_pytorch_tanh" } else { "gelu" },
            "layer_norm_eps": eps(text),
        },
    });
    as_transformers.as_object().map_or_else(|| Err(invalid("no configuration")), siglip::config)
}

/// An error for what open_clip has and this does not compute.
fn refuse(vision: &Map<String, Value>, text: &Map<String, Value>) -> Result<()> {
    if vision.get("layers").is_some_and(Value::is_array) {
        return Err(invalid("open_clip_config.json describes a ResNet; only vision transformers are read"));
    }
    for key in ["hf_model_name"] {
        if let Some(name) = text_of(text, key) {
            return Err(invalid(format!(
                "open_clip_config.json: the text tower is {name}, of another package; only open_clip's own are read"
            )));
        }
    }
    if text_of(vision, "timm_model_name").is_some() {
        return Ok(());
    }
    let no = json!(false);
    let of_vision = [
        ("pool_type", json!("tok")),
        ("attentional_pool", no.clone()),
        ("no_ln_pre", no.clone()),
        ("final_ln_after_pool", no.clone()),
        ("output_tokens", no.clone()),
        ("pos_embed_type", json!("learnable")),
        ("ls_init_value", Value::Null),
        ("act_kwargs", Value::Null),
    ];
    let of_text = [
        ("embed_cls", no.clone()),
        ("no_causal_mask", no.clone()),
        ("proj_bias", no.clone()),
        ("proj_type", json!("linear")),
        ("ls_init_value", Value::Null),
        ("act_kwargs", Value::Null),
    ];
    let pooled = text_of(text, "pool_type").unwrap_or("argmax");
    if !["argmax", "eos"].contains(&pooled) {
        let what =
            format!("open_clip_config.json: model_cfg.text_cfg.pool_type is \"{pooled}\"; argmax and eos are read");
        return Err(invalid(what));
    }
    let towers = [("vision_cfg", vision, &of_vision[..]), ("text_cfg", text, &of_text[..])];
    for (tower, config, known) in towers {
        let other =
            |(key, only): &&(&str, Value)| config.get(*key).is_some_and(|value| !value.is_null() && value != only);
        if let Some((key, only)) = known.iter().find(other) {
            let value = config.get(*key).unwrap_or(&Value::Null);
            return Err(invalid(format!(
                "open_clip_config.json: model_cfg.{tower}.{key} is {value}; only {only} is read"
            )));
        }
    }
    Ok(())
}

fn object<'a>(from: &'a Map<String, Value>, path: &str, key: &str) -> Result<&'a Map<String, Value>> {
    match from.get(key) {
        Some(Value::Object(object)) => Ok(object),
        _ => Err(invalid(format!("open_clip_config.json has no {path}{key}"))),
    }
}

fn text_of<'a>(from: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    from.get(key).and_then(Value::as_str)
}

fn size(from: &Map<String, Value>, key: &str, default: usize) -> Result<usize> {
    match from.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => {
            let size =
                value.as_u64().and_then(|size| usize::try_from(size).ok()).filter(|size| (1..=1 << 16).contains(size));
            size.ok_or_else(|| invalid(format!("open_clip_config.json: {key} is {value}, not a size")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::{Activation, TextConfig, VisionConfig};
    use serde_json::from_str;

    fn named(name: &Value) -> Activation {
        let names = [("gelu", Activation::Gelu), ("gelu_pytorch_tanh", Activation::GeluPytorchTanh)];
        names.into_iter().find(|(known, _)| name == known).unwrap().1
    }

    /// What open_clip makes of the SigLIPs that it names (`tests/golden/siglip_configs.json`).
    #[test]
    fn siglips_are_what_open_clip_makes_of_them() {
        let all: Map<String, Value> = from_str(include_str!("../../tests/golden/siglip_configs.json")).unwrap();
        let mut read = 0;
        for (name, expected) in &all {
            let Some(given) = expected.get("model_cfg") else { continue };
            let root = json!({ "model_cfg": given });
            let found = match config(root.as_object().unwrap()) {
                Ok(found) => found,
                Err(error) => {
                    assert_eq!(name, "ViT-SO400M-16-SigLIP-i18n-256", "{error}");
                    continue;
                }
            };
            let (vision, text) = (found.vision.unwrap(), found.text.unwrap());
            let sizes = |of: &str, keys: &[&str]| {
                keys.iter().map(|key| expected[of][key].as_u64().unwrap() as usize).collect::<Vec<_>>()
            };
            let keys = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"];
            let VisionConfig { hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, .. } = vision;
            assert_eq!(
                sizes("vision", &keys),
                [hidden_size, intermediate_size, num_hidden_layers, num_attention_heads],
                "{name}"
            );
            assert_eq!(
                sizes("vision", &["image_size", "patch_size"]),
                [vision.image_size, vision.patch_size],
                "{name}"
            );
            assert_eq!(vision.activation, named(&expected["vision"]["hidden_act"]), "{name}");
            assert_eq!(Some(vision.layer_norm_eps), expected["vision"]["layer_norm_eps"].as_f64(), "{name}");
            let TextConfig { hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, .. } = text;
            assert_eq!(
                sizes("text", &keys),
                [hidden_size, intermediate_size, num_hidden_layers, num_attention_heads],
                "{name}"
            );
            assert_eq!(
                sizes("text", &["vocab_size", "max_position_embeddings", "projection_size"]),
                [text.vocab_size, text.max_position_embeddings, text.projection_dim],
                "{name}"
            );
            assert_eq!(text.activation, named(&expected["text"]["hidden_act"]), "{name}");
            assert_eq!(Some(text.layer_norm_eps), expected["text"]["layer_norm_eps"].as_f64(), "{name}");
            read += 1;
        }
        assert_eq!(read, 25);
    }

    /// As open_clip's `ViT-*-worldwide` have it.
    #[test]
    fn metaclip_2_ends_at_its_own_token() {
        let text = json!({ "pool_type": "eos", "eos_id": 2, "hf_tokenizer_name": "facebook/xlm-v-base", "vocab_size": 901_629 });
        let root = json!({ "model_cfg": { "quick_gelu": true, "vision_cfg": {}, "text_cfg": text } });
        let text = config(root.as_object().unwrap()).unwrap().text.unwrap();
        assert_eq!((text.end_token, text.vocab_size), (EndToken::Id(2), 901_629));
    }

    #[test]
    fn what_is_not_computed_is_refused() {
        let model = |vision: Value, text: Value| json!({ "model_cfg": { "vision_cfg": vision, "text_cfg": text } });
        let cases = [
            (model(json!({ "layers": [3, 4, 6, 3] }), json!({})), "ResNet"),
            (model(json!({}), json!({ "hf_model_name": "roberta-base" })), "roberta-base"),
            (model(json!({ "attentional_pool": true }), json!({})), "attentional_pool"),
            (model(json!({}), json!({ "pool_type": "last" })), "text_cfg.pool_type"),
            (model(json!({}), json!({ "pool_type": "eos" })), "eos_id"),
            (model(json!({ "timm_model_name": "resnet50" }), json!({})), "resnet50"),
            (json!({ "model_cfg": {} }), "vision_cfg"),
        ];
        for (root, part) in cases {
            let error = config(root.as_object().unwrap()).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
