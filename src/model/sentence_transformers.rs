//! sentence-transformers' files: `modules.json` lists what a text goes through, each with a configuration of its own, and
//! `config.json` is that of the first, a transformer. Read is what `clip-ViT-B-32-multilingual-v1` has: a DistilBERT, the mean of
//! its tokens, and a linear layer into the space of another model's photos; or the first two alone, and a length of 1 after
//! all.
//! <https://github.com/UKPLab/sentence-transformers/tree/master/sentence_transformers>
//!
//! They are [bundled](super::bundle) into one.

use super::bundle::{CONFIG, MOST_BYTES, ReadJson, TOKENIZER_CONFIG, longest_of};
use super::config::{ClipConfig, Keys, TextConfig, invalid, most};
use super::distilbert;
use crate::error::{Result, shortened};
use crate::json;
use serde_json::{Map, Value};

/// What the bundle has for a `model_type`.
pub(super) const MODEL_TYPE: &str = "sentence_transformers";
/// The name of the file that lists the modules, and its key in the bundle.
pub(crate) const MODULES: &str = "modules.json";

/// What follows a text tower's tokens beyond their mean.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Modules {
    /// A linear layer.
    pub dense: Option<Dense>,
    /// Whether embeddings have a length of 1, whatever is asked for.
    pub normalize: bool,
}

/// A linear layer from the mean of the tokens to the embedding.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dense {
    /// The file that has its weights, beside the transformer's.
    pub file: String,
    /// Whether it adds something.
    pub bias: bool,
    /// Whether the hyperbolic tangent is taken of it.
    pub tanh: bool,
}

/// The folder of the transformer, by the bytes of a `modules.json`, where it is not beside that: in files of before the second version.
pub(crate) fn folder(modules: &[u8]) -> Option<String> {
    // A longer one is no list of a few modules.
    let modules: Value = (modules.len() <= MOST_BYTES).then(|| json::read(modules).ok())??;
    let first = modules.get(0)?;
    let is_transformer = text(first, "type").is_some_and(|kind| kind.ends_with(".Transformer"));
    text(first, "path").filter(|path| is_transformer && is_folder(path)).map(str::to_owned)
}

/// The files of the model as one configuration; `None` where there is no `modules.json`.
///
/// # Errors
/// Those of `read`.
pub(super) fn bundle(config: Value, read: ReadJson<'_>) -> Result<Option<Value>> {
    let Some(modules) = read(MODULES)? else { return Ok(None) };
    let transformer = modules.get(0).and_then(|first| text(first, "path")).filter(|path| is_folder(path));
    let beside = transformer.map(|folder| format!("{folder}/")).unwrap_or_default();
    let mut files = Map::from_iter([("model_type".to_owned(), MODEL_TYPE.into())]);
    let folders = modules.as_array().into_iter().flatten().filter_map(|module| text(module, "path"));
    let folders = folders.filter(|path| is_folder(path)).take(MOST_FOLDERS);
    // The transformer's, in whichever folder it is, is `config` as a rule.
    let own = format!("{beside}{CONFIG}");
    let names: Vec<String> = folders.map(|path| format!("{path}/{CONFIG}")).filter(|name| *name != own).collect();
    for name in SEQUENCES.into_iter().chain([TOKENIZER_CONFIG]) {
        files.extend(read(&format!("{beside}{name}"))?.map(|file| (name.to_owned(), file)));
    }
    for name in names {
        files.extend(read(&name)?.map(|file| (name, file)));
    }
    let config = if beside.is_empty() { config } else { read(&own)?.unwrap_or(config) };
    files.extend([(MODULES.to_owned(), modules), (own, config)]);
    Ok(Some(files.into()))
}

/// Folders that are looked into: modules are four at most.
const MOST_FOLDERS: usize = 8;
/// How long texts may be, in tokens, says the first of these that is there before the sixth version, and the tokenizer's file since.
const SEQUENCES: [&str; 2] = ["sentence_bert_config.json", "sentence_distilbert_config.json"];

/// A folder beside `config.json`.
fn is_folder(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('.') && path.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

fn text<'a>(keys: &'a Value, key: &str) -> Option<&'a str> {
    keys.get(key).and_then(Value::as_str)
}

/// Of the bundle.
pub(super) fn config(root: &Map<String, Value>) -> Result<ClipConfig> {
    let modules = root.get(MODULES).and_then(Value::as_array).ok_or_else(|| invalid("modules.json is not a list"))?;
    let kind = |module: &Value| text(module, "type").unwrap_or_default().rsplit('.').next().map(shortened);
    let kinds: Vec<String> = modules.iter().filter_map(kind).take(MOST_FOLDERS).collect();
    let names: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let path = |at: usize| modules.get(at).and_then(|module| text(module, "path")).unwrap_or_default();
    let (pooling, dense, normalize) = match names.as_slice() {
        ["Transformer", "Pooling"] => (1, None, false),
        ["Transformer", "Pooling", "Normalize"] => (1, None, true),
        ["Transformer", "Pooling", "Dense"] => (1, Some(2), false),
        ["Transformer", "Pooling", "Dense", "Normalize"] => (1, Some(2), true),
        _ => {
            let what = "a Transformer, a Pooling, and perhaps a Dense and a Normalize are read";
            return Err(invalid(format!("modules.json lists {}; {what}", names.join(", "))));
        }
    };
    check_pooling(&Part::of(root, path(pooling))?)?;
    let mut config = distilbert::config(&Part::of(root, path(0))?.keys())?;
    config.projection_dim = config.hidden_size;
    config.max_position_embeddings = longest(root, config.num_positions)?;
    config.modules.normalize = normalize;
    if let Some(at) = dense {
        let part = Part::of(root, path(at))?;
        config.projection_dim = part.keys().size("out_features", config.hidden_size, most::CHANNELS)?;
        config.modules.dense = Some(dense_of(&part, path(at), &config)?);
    }
    Ok(ClipConfig::of_text(config))
}

/// One file of the bundle.
struct Part<'a> {
    keys: &'a Map<String, Value>,
    name: String,
}

impl<'a> Part<'a> {
    /// The configuration in a folder, or beside it.
    fn of(root: &'a Map<String, Value>, folder: &str) -> Result<Self> {
        let name = if folder.is_empty() { CONFIG.to_owned() } else { format!("{folder}/{CONFIG}") };
        match root.get(&name).and_then(Value::as_object) {
            Some(keys) => Ok(Self { keys, name }),
            None => Err(invalid(format!("there is no {name}, of which modules.json tells"))),
        }
    }

    fn keys(&self) -> Keys<'_> {
        Keys { file: &self.name, ..Keys::whole(self.keys) }
    }

    fn is(&self, key: &str, value: impl Into<Value>) -> bool {
        self.keys.get(key) == Some(&value.into())
    }
}

/// The mean of all tokens, in one key or in a switch for each kind.
fn check_pooling(pooling: &Part<'_>) -> Result<()> {
    let modes: Vec<&str> =
        pooling.keys.iter().filter(|(_, on)| **on == Value::Bool(true)).map(|(key, _)| key.as_str()).collect();
    let modes: Vec<&str> = modes.into_iter().filter(|key| key.starts_with("pooling_mode_")).collect();
    if pooling.is("pooling_mode", "mean") || modes == ["pooling_mode_mean_tokens"] {
        return Ok(());
    }
    Err(pooling.keys().error("pooling_mode", "is not the mean of the tokens, the only one that is read"))
}

/// Tokens of the longest text.
fn longest(root: &Map<String, Value>, positions: usize) -> Result<usize> {
    let of = |file, key| longest_of(root, file, key, positions);
    let sequence = SEQUENCES.into_iter().find(|name| root.contains_key(*name));
    let longest = sequence.map_or(Ok(None), |file| of(file, "max_seq_length"))?;
    let longest = longest.or(of(TOKENIZER_CONFIG, "model_max_length")?);
    let said = sequence.and_then(|name| Some((name, root.get(name)?)));
    if let Some((name, _)) = said.filter(|(_, keys)| keys.get("do_lower_case") == Some(&Value::Bool(true))) {
        return Err(invalid(format!("{name}: do_lower_case is true; only false is read")));
    }
    Ok(longest.unwrap_or(positions).min(positions))
}

fn dense_of(part: &Part<'_>, folder: &str, config: &TextConfig) -> Result<Dense> {
    let inputs = part.keys().size("in_features", config.hidden_size, most::CHANNELS)?;
    if inputs != config.hidden_size {
        let what = format!("is {inputs}, but the transformer's tokens have {} channels", config.hidden_size);
        return Err(part.keys().error("in_features", what));
    }
    let tanh = match part.keys.get("activation_function").map(Value::as_str) {
        Some(Some("torch.nn.modules.linear.Identity")) => false,
        None | Some(Some("torch.nn.modules.activation.Tanh")) => true,
        Some(other) => {
            let what = format!(
                "is {}; torch.nn.modules.linear.Identity and torch.nn.modules.activation.Tanh are read",
                other.map_or("no name".to_owned(), shortened)
            );
            return Err(part.keys().error("activation_function", what));
        }
    };
    let bias = part.keys.get("bias").map_or(Some(true), Value::as_bool);
    let bias = bias.ok_or_else(|| part.keys().error("bias", "must be true or false"))?;
    Ok(Dense { file: format!("{folder}/model.safetensors"), bias, tanh })
}

#[cfg(test)]
mod tests {
    use super::super::bundle::bundled;
    use super::*;
    use serde_json::json;

    fn modules(kinds: &[(&str, &str)]) -> Value {
        kinds
            .iter()
            .map(|(kind, path)| json!({ "type": format!("sentence_transformers.models.{kind}"), "path": path }))
            .collect()
    }

    /// As `clip-ViT-B-32-multilingual-v1` has it.
    fn multilingual() -> Value {
        json!({
            "model_type": MODEL_TYPE,
            "modules.json": modules(&[("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")]),
            "config.json": { "model_type": "distilbert", "vocab_size": 119_547, "max_position_embeddings": 512 },
            "sentence_bert_config.json": { "max_seq_length": 128, "do_lower_case": false },
            "1_Pooling/config.json": { "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false },
            "2_Dense/config.json": {
                "in_features": 768, "out_features": 512, "bias": false, "activation_function": "torch.nn.modules.linear.Identity",
            },
        })
    }

    #[test]
    fn the_multilingual_clip_is_read() {
        let root = multilingual();
        let found = config(root.as_object().unwrap()).unwrap();
        assert!(found.vision.is_none());
        let text = found.text.unwrap();
        assert_eq!((text.max_position_embeddings, text.num_positions, text.projection_dim), (128, 512, 512));
        let dense = Dense { file: "2_Dense/model.safetensors".into(), bias: false, tanh: false };
        assert_eq!(text.modules, Modules { dense: Some(dense), normalize: false });
    }

    #[test]
    fn a_transformer_in_a_folder_of_its_own_is_found() {
        let modules = |kind: &str, path: &str| modules(&[(kind, path), ("Pooling", "1_Pooling")]).to_string();
        assert_eq!(folder(modules("Transformer", "0_Transformer").as_bytes()).as_deref(), Some("0_Transformer"));
        for (kind, path) in [("Transformer", ""), ("CLIPModel", "0_CLIPModel"), ("Transformer", "../x")] {
            assert_eq!(folder(modules(kind, path).as_bytes()), None, "{kind} {path}");
        }
        assert_eq!(folder(b"[]"), None);
        assert_eq!(folder(b"<html>"), None);
    }

    #[test]
    fn how_long_texts_may_be_says_the_first_file_that_is_there() {
        let longest =
            |root: &Value| config(root.as_object().unwrap()).map(|found| found.text.unwrap().max_position_embeddings);
        let mut root = multilingual();
        root["sentence_distilbert_config.json"] = json!({ "max_seq_length": 64, "do_lower_case": true });
        root["tokenizer_config.json"] = json!({ "model_max_length": 32 });
        assert_eq!(longest(&root).unwrap(), 128);
        root.as_object_mut().unwrap().remove("sentence_bert_config.json");
        assert!(longest(&root).unwrap_err().to_string().contains("sentence_distilbert_config.json: do_lower_case"));
        root["sentence_distilbert_config.json"] = json!({ "max_seq_length": 64, "do_lower_case": false });
        assert_eq!(longest(&root).unwrap(), 64);
        root.as_object_mut().unwrap().remove("sentence_distilbert_config.json");
        assert_eq!(longest(&root).unwrap(), 32);
    }

    #[test]
    fn a_strangers_list_of_modules_costs_no_more_than_a_sound_one() {
        let many: Value = (0..100_000).map(|at| json!({ "path": format!("{at}") })).collect();
        let many = many.to_string().into_bytes();
        let reads = std::cell::Cell::new(0);
        let read = |name: &str| {
            reads.set(reads.get() + 1);
            Ok(Some(if name == MODULES { many.clone() } else { b"{}".to_vec() }))
        };
        let bundle = bundled(br#"{"model_type": "distilbert"}"#, read).unwrap().unwrap();
        assert!(reads.get() <= 4 + MOST_FOLDERS, "{} files are read", reads.get());
        let error = config(crate::json::read::<Value>(&bundle).unwrap().as_object().unwrap()).unwrap_err();
        assert!(error.to_string().len() < 1000, "{} letters", error.to_string().len());
    }

    #[test]
    fn what_is_not_computed_is_refused_by_its_file_and_key() {
        let cases: [(&str, Value, &[&str]); 10] = [
            ("modules.json", modules(&[("Transformer", ""), ("CNN", "1_CNN")]), &["modules.json", "CNN"]),
            (
                "modules.json",
                modules(&[("Transformer", "0_Transformer"), ("Pooling", "1_Pooling")]),
                &["there is no 0_Transformer/config.json"],
            ),
            ("1_Pooling/config.json", json!({ "pooling_mode": "cls" }), &["1_Pooling/config.json", "pooling_mode"]),
            ("1_Pooling/config.json", Value::Null, &["1_Pooling/config.json"]),
            ("2_Dense/config.json", json!({ "in_features": 384 }), &["2_Dense/config.json", "in_features"]),
            (
                "2_Dense/config.json",
                json!({ "activation_function": "torch.nn.ReLU" }),
                &["activation_function", "ReLU"],
            ),
            ("2_Dense/config.json", json!({ "activation_function": 3 }), &["activation_function", "no name"]),
            ("2_Dense/config.json", json!({ "bias": "false" }), &["2_Dense/config.json", "bias"]),
            ("sentence_bert_config.json", json!({ "do_lower_case": true }), &["do_lower_case"]),
            ("config.json", json!({ "n_heads": 5 }), &["config.json", "dim", "n_heads"]),
        ];
        for (file, content, parts) in cases {
            let mut root = multilingual();
            root[file] = content;
            let error = config(root.as_object().unwrap()).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn files_are_bundled_where_a_configuration_needs_them() {
        let read = |name: &str| Ok(multilingual().get(name).map(|file| file.to_string().into_bytes()));
        let bundle = bundled(br#"{"model_type": "distilbert", "vocab_size": 9}"#, read).unwrap().unwrap();
        let bundle: Value = serde_json::from_slice(&bundle).unwrap();
        assert_eq!(bundle["2_Dense/config.json"]["out_features"], 512);
        assert_eq!(config(bundle.as_object().unwrap()).unwrap().text.unwrap().vocab_size, 9);
        assert_eq!(bundled(br#"{"model_type": "clip"}"#, read).unwrap(), None);
        assert_eq!(bundled(br#"{"model_type": "distilbert"}"#, |_| Ok(None)).unwrap(), None);
    }
}
