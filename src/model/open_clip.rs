//! open_clip's configuration, `open_clip_config.json`: of a CLIP, or of a SigLIP whose vision tower is timm's.
//! <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/factory.py>,
//! <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/model.py>

use super::cleaning::Cleaning;
use super::config::{
    Activation, ClipConfig, EndToken, Keys, TextConfig, VisionConfig, check_heads, check_patches, invalid, most,
};
use super::siglip;
use crate::error::Result;
use serde_json::{Map, Value, json};

const FILE: &str = "open_clip_config.json";

/// The configurations of the model and of its towers, with the file's own names for errors.
struct Parts<'a> {
    model: Keys<'a>,
    vision: Keys<'a>,
    text: Keys<'a>,
}

impl<'a> Parts<'a> {
    fn of(root: &'a Map<String, Value>) -> Result<Self> {
        let model = object(root, "", "model_cfg")?;
        let part = |keys, path| Keys { keys, path, file: FILE };
        Ok(Self {
            model: part(model, "model_cfg"),
            vision: part(object(model, "model_cfg.", "vision_cfg")?, "model_cfg.vision_cfg"),
            text: part(object(model, "model_cfg.", "text_cfg")?, "model_cfg.text_cfg"),
        })
    }
}

pub(super) fn config(root: &Map<String, Value>) -> Result<ClipConfig> {
    let parts = Parts::of(root)?;
    refuse(parts.vision.keys, parts.text.keys)?;
    let config = match text_of(parts.vision.keys, "timm_model_name") {
        Some(name) => siglip_config(&parts, name),
        None => clip_config(&parts),
    };
    with_text(config?, parts.text)
}

/// The same with what only open_clip says of texts.
fn with_text(mut config: ClipConfig, keys: Keys<'_>) -> Result<ClipConfig> {
    let Some(text) = &mut config.text else { return Ok(config) };
    if text_of(keys.keys, "pool_type") == Some("eos") {
        let id = keys.keys.get("eos_id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        text.end_token = EndToken::Id(id.ok_or_else(|| keys.error("eos_id", "is not a token"))?);
    }
    // A tokenizer of open_clip's own, which is CLIP's, cleans by itself.
    if text_of(keys.keys, "hf_tokenizer_name").is_some() {
        let kwargs = keys.keys.get("tokenizer_kwargs").and_then(Value::as_object);
        let name = kwargs.and_then(|kwargs| text_of(kwargs, "clean")).unwrap_or("whitespace");
        let cleaning = Cleaning::from_name(name);
        let unknown = || keys.error("tokenizer_kwargs.clean", format!("is \"{name}\", none that is read"));
        text.cleaning = Some(cleaning.ok_or_else(unknown)?);
    }
    Ok(config)
}

fn clip_config(Parts { model, vision, text }: &Parts<'_>) -> Result<ClipConfig> {
    let quick = model.keys.get("quick_gelu") == Some(&Value::Bool(true));
    let activation = if quick { Activation::QuickGelu } else { Activation::Gelu };
    let projection_dim = model.size("embed_dim", 512, most::CHANNELS)?;
    let width = vision.size("width", 768, most::CHANNELS)?;
    let heads = (width / vision.size("head_width", 64, most::CHANNELS)?).max(1);
    let of_vision = VisionConfig {
        hidden_size: width,
        intermediate_size: mlp(*vision, width)?,
        num_hidden_layers: vision.size("layers", 12, most::LAYERS)?,
        num_attention_heads: heads,
        image_size: vision.edge("image_size", 224)?,
        patch_size: vision.edge("patch_size", 16)?,
        activation,
        layer_norm_eps: eps(*vision, 1e-5)?,
        projection_dim: Some(projection_dim),
        ..VisionConfig::vit_base_patch32()
    };
    if heads > most::HEADS {
        return Err(
            vision.error("head_width", format!("makes {heads} heads of {width} channels, more than {}", most::HEADS))
        );
    }
    if !width.is_multiple_of(heads) {
        return Err(vision.error("width", format!("is {width}, which {heads} heads (head_width) do not divide")));
    }
    let width = text.size("width", 512, most::CHANNELS)?;
    let of_text = TextConfig {
        activation,
        layer_norm_eps: eps(*text, 1e-5)?,
        end_token: EndToken::Largest,
        projection_dim,
        ..text_sizes(*text, width, TextConfig::vit_base_patch32())?
    };
    Ok(ClipConfig::of_both(check_patches(*vision, of_vision)?, of_text))
}

/// The sizes of a text tower whose tokens are `width` wide.
fn text_sizes(text: Keys<'_>, width: usize, default: TextConfig) -> Result<TextConfig> {
    let heads = text.size("heads", 8, most::HEADS)?;
    check_heads(text, ("width", width), ("heads", heads))?;
    let longest = text.size("context_length", default.max_position_embeddings, most::POSITIONS)?;
    Ok(TextConfig {
        vocab_size: text.size("vocab_size", default.vocab_size, most::VOCABULARY)?,
        hidden_size: width,
        intermediate_size: mlp(text, width)?,
        num_hidden_layers: text.size("layers", 12, most::LAYERS)?,
        num_attention_heads: heads,
        max_position_embeddings: longest,
        num_positions: longest,
        ..default
    })
}

/// The width of a tower's MLPs.
fn mlp(tower: Keys<'_>, width: usize) -> Result<usize> {
    tower.multiple("mlp_ratio", 4.0, width, most::INTERMEDIATE)
}

/// What is added to the variance in a tower's norms: what it asks for, or the default.
fn eps(tower: Keys<'_>, default: f64) -> Result<f64> {
    match tower.keys.get("norm_kwargs").and_then(Value::as_object) {
        Some(keys) => Keys { keys, path: &format!("{}.norm_kwargs", tower.path), file: FILE }.eps("eps", default),
        None => Ok(default),
    }
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

fn siglip_config(Parts { model, vision, text }: &Parts<'_>, name: &str) -> Result<ClipConfig> {
    let unknown = || vision.error("timm_model_name", format!("is \"{name}\"; of timm's towers SigLIP's are read"));
    let mut parts = name.split('.').next().unwrap_or_default().split('_');
    let (Some("vit"), Some(kind), Some(patch), Some("siglip")) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unknown());
    };
    let (_, [width, layers, heads, mlp]) = *TIMM.iter().find(|(name, _)| *name == kind).ok_or_else(unknown)?;
    let edge = |size: &str| size.parse().ok().filter(|size| (1..=most::EDGE).contains(size));
    let patch_size = patch.strip_prefix("patch").and_then(edge).ok_or_else(unknown)?;
    let seen = parts.next().filter(|size| size.bytes().all(|digit| digit.is_ascii_digit()));
    let seen = seen.map(|size| edge(size).ok_or_else(unknown)).transpose()?;
    for (tower, key, only) in [
        (vision, "timm_pool", json!("map")),
        (text, "pool_type", json!("last")),
        (text, "no_causal_mask", json!(true)),
        (text, "proj_bias", json!(true)),
    ] {
        if tower.keys.get(key) != Some(&only) {
            return Err(tower.error(key, format!("is not {only}, the only one that is read of a SigLIP")));
        }
    }
    let by_tanh = |tanh| if tanh { Activation::GeluPytorchTanh } else { Activation::Gelu };
    let of_vision = VisionConfig {
        hidden_size: width,
        intermediate_size: mlp,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        image_size: vision.edge("image_size", seen.unwrap_or(224))?,
        patch_size,
        activation: by_tanh(GELU_TANH.iter().any(|kind| name.starts_with(kind))),
        ..siglip::vision_default()
    };
    let tanh = text.keys.get("act_kwargs").and_then(|act| act.get("approximate")) == Some(&json!("tanh"));
    let width = text.size("width", 512, most::CHANNELS)?;
    let of_text = text_sizes(*text, width, siglip::text_default())?;
    let of_text = TextConfig {
        activation: by_tanh(tanh),
        layer_norm_eps: eps(*text, 1e-5)?,
        end_token: EndToken::FilledUp(siglip::filling(None, of_text.vocab_size)),
        projection_dim: model.size("embed_dim", width, most::CHANNELS)?,
        ..of_text
    };
    Ok(ClipConfig::of_both(check_patches(*vision, of_vision)?, of_text))
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

#[cfg(test)]
mod tests {
    use super::*;
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
            (
                model(json!({ "timm_model_name": "eva02_base_patch16_clip_224" }), json!({})),
                "eva02_base_patch16_clip_224",
            ),
            (json!({ "model_cfg": {} }), "vision_cfg"),
        ];
        for (root, part) in cases {
            let error = config(root.as_object().unwrap()).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.to_string().matches("open_clip_config.json").count(), 1, "{error}");
        }
    }

    #[test]
    fn errors_name_the_files_own_keys() {
        let model = |vision: Value, text: Value| json!({ "model_cfg": { "vision_cfg": vision, "text_cfg": text } });
        let cases = [
            (model(json!({ "width": "wide" }), json!({})), "vision_cfg.width is \"wide\""),
            (model(json!({ "width": 100, "head_width": 30 }), json!({})), "vision_cfg.width is 100"),
            (model(json!({ "mlp_ratio": -1 }), json!({})), "vision_cfg.mlp_ratio is -1, which makes no size"),
            (model(json!({ "width": 16_384, "head_width": 1 }), json!({})), "vision_cfg.head_width makes 16384 heads"),
            (
                model(json!({ "timm_model_name": "vit_base_patch0_siglip_224" }), json!({})),
                "vision_cfg.timm_model_name is",
            ),
            (
                model(json!({ "timm_model_name": "vit_base_patch16_siglip_9999" }), json!({})),
                "vision_cfg.timm_model_name is",
            ),
            (model(json!({ "patch_size": 500 }), json!({})), "vision_cfg.patch_size is 500"),
            (model(json!({ "image_size": [224, 336] }), json!({})), "vision_cfg.image_size is not square"),
            (model(json!({}), json!({ "heads": 7 })), "text_cfg.width is 512, which heads, 7"),
            (model(json!({}), json!({ "context_length": 0 })), "text_cfg.context_length is 0"),
            (model(json!({}), json!({ "norm_kwargs": { "eps": 2 } })), "text_cfg.norm_kwargs.eps is 2"),
            (json!({ "model_cfg": { "embed_dim": 0, "vision_cfg": {}, "text_cfg": {} } }), "embed_dim is 0"),
        ];
        for (root, part) in cases {
            let error = config(root.as_object().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("open_clip_config.json: model_cfg.{part}")), "{error}");
        }
    }
}
