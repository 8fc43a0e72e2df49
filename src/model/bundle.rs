//! Configurations in several files: what `config.json` leaves unsaid of some families stands in files beside it.
//!
//! Whoever loads such a model [bundles](bundled) these files into one, and that is the model's configuration from then on, in
//! the cache and in converted files too. (`web/worker/bundle.ts` does the same.)

use super::config::{Keys, invalid};
use super::{chinese_clip, distilbert, sentence_transformers, siglip};
use crate::error::Result;
use crate::json;
use serde_json::{Map, Value, json};
use std::cell::Cell;

/// What says what a model is.
pub(crate) const CONFIG: &str = "config.json";
/// The tokenizer's configuration, and its key in a bundle.
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// Bytes of all files together that a bundle is made of. The largest that is known is a tokenizer's configuration of a megabyte.
pub(super) const MOST_BYTES: usize = 8 << 20;

/// Reads a JSON file by its name beside `config.json`; `None` if there is none.
pub(super) type ReadJson<'a> = &'a dyn Fn(&str) -> Result<Option<Value>>;

/// The files of the model, by what `read` finds of their names beside `config.json`, as one configuration; `None` of a model whose
/// `config.json` needs no others.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config): one is not JSON, or lacks, or they are too long; those of `read`.
pub(crate) fn bundled(config: &[u8], read: impl Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<Option<Vec<u8>>> {
    let bytes = config.len();
    let config: Value = json::read(config).unwrap_or_default();
    let sum = Cell::new(bytes);
    let parsed = |name: &str| match read(name)? {
        Some(bytes) => {
            sum.set(sum.get() + bytes.len());
            if sum.get() > MOST_BYTES {
                return Err(invalid(format!("{name} and the files before it have over {MOST_BYTES} bytes together")));
            }
            let wrong = |error| invalid(format!("{name} is not JSON")).with_source(error);
            json::read::<Value>(&bytes).map(Some).map_err(wrong)
        }
        None => Ok(None),
    };
    let bundle = match config.get("model_type").and_then(Value::as_str) {
        Some(distilbert::MODEL_TYPE) => sentence_transformers::bundle(config, &parsed)?,
        Some(chinese_clip::MODEL_TYPE) => with_tokenizers(config, longest, &parsed)?,
        Some(siglip::MODEL_TYPE) => with_tokenizers(config, padding, &parsed)?,
        _ => None,
    };
    Ok(bundle.map(|bundle| bundle.to_string().into_bytes()))
}

/// A configuration with what is taken of the tokenizer's; `None` where that is nothing.
fn with_tokenizers(mut config: Value, taken: fn(&Value) -> Option<Value>, read: ReadJson<'_>) -> Result<Option<Value>> {
    match (taken(&read(TOKENIZER_CONFIG)?.unwrap_or_default()), config.as_object_mut()) {
        (Some(taken), Some(keys)) => {
            keys.insert(TOKENIZER_CONFIG.to_owned(), taken);
            Ok(Some(config))
        }
        _ => Ok(None),
    }
}

/// The tokens that it allows a text, where it has a limit.
fn longest(tokenizer: &Value) -> Option<Value> {
    let limit = tokenizer.get("model_max_length").filter(|limit| limit.is_u64())?;
    Some(json!({ "model_max_length": limit }))
}

/// What it fills up texts with, where it gives that token an id.
fn padding(tokenizer: &Value) -> Option<Value> {
    let pad = text_of(tokenizer.get("pad_token")?)?;
    let added = tokenizer.get("added_tokens_decoder")?.as_object()?;
    let (id, _) = added.iter().find(|(_, token)| text_of(token) == Some(pad))?;
    Some(json!({ "pad_token": pad, "added_tokens_decoder": { id: { "content": pad } } }))
}

/// A token's text: it stands there by itself, or in an object.
pub(super) fn text_of(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}

/// The token that fills up texts, where the bundle says so.
pub(super) fn padding_of(root: &Map<String, Value>) -> Option<u32> {
    let added = root.get(TOKENIZER_CONFIG)?.get("added_tokens_decoder")?.as_object()?;
    added.keys().next()?.parse().ok()
}

/// Tokens of the longest text, where a file of the bundle says so. A tokenizer without a limit has a number beyond all sizes.
pub(super) fn longest_of(
    root: &Map<String, Value>,
    file: &'static str,
    key: &str,
    positions: usize,
) -> Result<Option<usize>> {
    match root.get(file).and_then(Value::as_object) {
        Some(keys) if keys.get(key).is_some_and(Value::is_u64) => {
            Keys { file, ..Keys::whole(keys) }.size(key, positions, usize::MAX).map(Some)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_up_a_siglips_texts_goes_there_with_its_id() {
        let config = br#"{"model_type": "siglip", "text_config": {"vocab_size": 300, "pad_token_id": 1}}"#;
        let with =
            |file: Value| bundled(config, |name| Ok((name == TOKENIZER_CONFIG).then(|| file.to_string().into())));
        let added = json!({ "0": { "content": "<eos>" }, "7": { "content": "<pad>", "special": true } });
        for pad in [json!("<pad>"), json!({ "content": "<pad>", "lstrip": false })] {
            let bundle = with(json!({ "pad_token": pad, "added_tokens_decoder": added, "more": 1 })).unwrap().unwrap();
            let read: Value = json::read(&bundle).unwrap();
            let taken = json!({ "pad_token": "<pad>", "added_tokens_decoder": { "7": { "content": "<pad>" } } });
            assert_eq!(read[TOKENIZER_CONFIG], taken);
            let text = crate::model::ClipConfig::from_json(&bundle).unwrap().text.unwrap();
            assert_eq!(text.end_token, crate::model::EndToken::FilledUp(7));
        }
        for file in
            [json!({}), json!({ "pad_token": "<pad>" }), json!({ "pad_token": "x", "added_tokens_decoder": added })]
        {
            assert_eq!(with(file.clone()).unwrap(), None, "{file}");
        }
        let far = json!({ "pad_token": "x", "added_tokens_decoder": { "300": { "content": "x" } } });
        let bundle = with(far).unwrap().unwrap();
        let text = crate::model::ClipConfig::from_json(&bundle).unwrap().text.unwrap();
        assert_eq!(text.end_token, crate::model::EndToken::FilledUp(1), "there is no token 300");
    }

    #[test]
    fn what_a_bundle_is_made_of_has_a_limit_together() {
        let config = br#"{"model_type": "distilbert"}"#;
        let modules = json!([{ "path": "", "type": "x.Transformer" }, { "path": "1_Pooling" }, { "path": "2_Dense" }]);
        let long = |bytes: usize| format!("{{{}}}", " ".repeat(bytes - 2)).into_bytes();
        // Each of them is within the limit.
        let read = |name: &str| {
            Ok(Some(if name == "modules.json" { modules.to_string().into_bytes() } else { long(MOST_BYTES / 4) }))
        };
        let error = bundled(config, read).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("1_Pooling/config.json and the files before it have over {MOST_BYTES} bytes together")
        );
    }

    #[test]
    fn a_limit_of_the_tokenizer_goes_into_the_configuration() {
        let config = br#"{"model_type": "chinese_clip", "projection_dim": 3}"#;
        let with =
            |file: Value| bundled(config, |name| Ok((name == TOKENIZER_CONFIG).then(|| file.to_string().into())));
        let bundle = with(json!({ "model_max_length": 52, "do_lower_case": true })).unwrap().unwrap();
        let expected = json!({
            "model_type": "chinese_clip", "projection_dim": 3, "tokenizer_config.json": { "model_max_length": 52 },
        });
        assert_eq!(json::read::<Value>(&bundle).unwrap(), expected);
        for file in [json!({}), json!([]), json!({ "model_max_length": 1e30 }), json!({ "model_max_length": "52" })] {
            assert_eq!(with(file.clone()).unwrap(), None, "{file}");
        }
        assert_eq!(bundled(config, |_| Ok(None)).unwrap(), None);
        let error = bundled(config, |_| Ok(Some(b"<html>".to_vec()))).unwrap_err();
        assert_eq!(error.to_string(), "tokenizer_config.json is not JSON");
    }
}
