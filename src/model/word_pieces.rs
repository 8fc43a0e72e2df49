//! BERT's tokenizer of a `vocab.txt`, a token a line, and of what `tokenizer_config.json` says beside it: as the
//! `tokenizer.json` that transformers makes of them. What is not said is BERT's default.
//! <https://github.com/huggingface/transformers/blob/main/src/transformers/models/bert/tokenization_bert.py>
//!
//! `web/worker/word_pieces.ts` does the same for the worker.

use super::bundle::text_of;
use super::config::{invalid, most};
use crate::error::{Result, shortened};
use crate::json;
use crate::weights::check_length;
use serde_json::{Map, Value, json};

/// The file of the tokens, and the one beside it.
pub(crate) const VOCABULARY: &str = "vocab.txt";
pub(crate) use super::bundle::TOKENIZER_CONFIG;

/// Classes of transformers that make this tokenizer, without the `Fast` at their end.
const CLASSES: [&str; 2] = ["BertTokenizer", "DistilBertTokenizer"];

/// The bytes of a `tokenizer.json`.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config): a file is malformed, lacks a token, or is that of another tokenizer.
pub(crate) fn tokenizer_json(vocabulary: &[u8], config: Option<&[u8]>) -> Result<Vec<u8>> {
    check_length(VOCABULARY, vocabulary.len() as u64)?;
    let text = std::str::from_utf8(vocabulary)
        .map_err(|error| invalid(format!("{VOCABULARY} is not UTF-8 text")).with_source(error))?;
    if text.split('\n').nth(most::VOCABULARY + 1).is_some() {
        return Err(invalid(format!("{VOCABULARY} has more tokens than {}", most::VOCABULARY)));
    }
    // Of a token that stands there twice the last place counts.
    let tokens = text.split('\n').map(str::trim_end).zip(0u32..).filter(|(token, _)| !token.is_empty());
    let vocab: Map<String, Value> = tokens.map(|(token, id)| (token.to_owned(), id.into())).collect();
    let settings = Settings::read(config)?;

    let [unknown, start, end] = ["unk", "cls", "sep"].map(|kind| settings.special(kind));
    let (unknown, start, end) = (unknown?, start?, end?);
    let id = |token: &str| {
        vocab.get(token).cloned().ok_or_else(|| invalid(format!("{VOCABULARY} has no token {:?}", shortened(token))))
    };
    let of_template =
        |token: &str| -> Result<Value> { Ok(json!({ "id": token, "ids": [id(token)?], "tokens": [token] })) };
    let special_tokens = Map::from_iter([(start.clone(), of_template(&start)?), (end.clone(), of_template(&end)?)]);
    id(&unknown)?;
    let added = ["pad", "unk", "cls", "sep", "mask"].map(|kind| -> Result<Option<Value>> {
        let token = settings.special(kind)?;
        Ok(vocab.get(&token).map(|id| {
            json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                "special": true,
            })
        }))
    });
    let added = added.into_iter().filter_map(Result::transpose).collect::<Result<Vec<Value>>>()?;
    let piece = |token: &str, type_id: u32| json!({ "SpecialToken": { "id": token, "type_id": type_id } });
    let sequence = |id: &str, type_id: u32| json!({ "Sequence": { "id": id, "type_id": type_id } });
    let single = [piece(&start, 0), sequence("A", 0), piece(&end, 0)];
    let pair = [single.as_slice(), &[sequence("B", 1), piece(&end, 1)]].concat();
    let file = json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true,
            "handle_chinese_chars": settings.switch("tokenize_chinese_chars")?.unwrap_or(true),
            "strip_accents": settings.switch("strip_accents")?,
            "lowercase": settings.switch("do_lower_case")?.unwrap_or(true),
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special_tokens },
        "model": {
            "type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": vocab,
        },
    });
    Ok(file.to_string().into_bytes())
}

/// What `tokenizer_config.json` says.
struct Settings(Map<String, Value>);

impl Settings {
    fn read(config: Option<&[u8]>) -> Result<Self> {
        let Some(bytes) = config else { return Ok(Self(Map::new())) };
        let keys: Map<String, Value> = json::read(bytes)
            .map_err(|error| invalid(format!("{TOKENIZER_CONFIG} is not a JSON object")).with_source(error))?;
        match keys.get("tokenizer_class").and_then(Value::as_str) {
            Some(class) if !CLASSES.contains(&class.strip_suffix("Fast").unwrap_or(class)) => Err(invalid(format!(
                "{TOKENIZER_CONFIG}: tokenizer_class is {:?}; without a tokenizer.json {} are read",
                shortened(class),
                CLASSES.join(" and ")
            ))),
            _ => Ok(Self(keys)),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn switch(&self, key: &str) -> Result<Option<bool>> {
        let wrong = || invalid(format!("{TOKENIZER_CONFIG}: {key} must be true or false"));
        self.get(key).map(|value| value.as_bool().ok_or_else(wrong)).transpose()
    }

    /// A token by what it is for: its text, or an object that has it.
    fn special(&self, kind: &str) -> Result<String> {
        let key = format!("{kind}_token");
        let Some(value) = self.get(&key) else { return Ok(format!("[{}]", kind.to_uppercase())) };
        text_of(value).map(str::to_owned).ok_or_else(|| invalid(format!("{TOKENIZER_CONFIG}: {key} is no token")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\r\n##b\n狗 \n\na\n";

    fn made(vocabulary: &[u8], config: Option<Value>) -> Result<Value> {
        let config = config.map(|config| config.to_string().into_bytes());
        tokenizer_json(vocabulary, config.as_deref()).map(|file| serde_json::from_slice(&file).unwrap())
    }

    #[test]
    fn lines_are_tokens_and_their_places_ids() {
        let file = made(TOKENS.as_bytes(), None).unwrap();
        let vocab = json!({ "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "##b": 6, "狗": 7, "a": 9 });
        assert_eq!(file["model"]["vocab"], vocab);
        assert_eq!(file["normalizer"]["lowercase"], true);
        assert_eq!(file["added_tokens"].as_array().unwrap().len(), 5);
    }

    #[test]
    fn the_configuration_counts() {
        let config = json!({
            "do_lower_case": false, "tokenize_chinese_chars": false, "strip_accents": true, "tokenizer_class": "BertTokenizerFast",
            "cls_token": { "content": "a", "special": true }, "mask_token": "gone",
        });
        let file = made(TOKENS.as_bytes(), Some(config)).unwrap();
        let normalizer = json!({
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": false, "strip_accents": true, "lowercase": false,
        });
        assert_eq!(file["normalizer"], normalizer);
        assert_eq!(file["post_processor"]["special_tokens"]["a"]["ids"], json!([9]));
        assert_eq!(file["added_tokens"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let tokens = TOKENS.as_bytes();
        let many = "a\n".repeat(most::VOCABULARY + 1);
        let cases: [(&[u8], Option<Value>, &str); 8] = [
            (many.as_bytes(), None, "vocab.txt has more tokens than 1048576"),
            (b"\xff", None, "vocab.txt is not UTF-8"),
            (b"[UNK]\n[CLS]\n", None, "vocab.txt has no token \"[SEP]\""),
            (b"", None, "vocab.txt has no token"),
            (tokens, Some(json!([])), "tokenizer_config.json is not a JSON object"),
            (tokens, Some(json!({ "do_lower_case": "yes" })), "do_lower_case must be true or false"),
            (tokens, Some(json!({ "unk_token": 3 })), "unk_token is no token"),
            (tokens, Some(json!({ "tokenizer_class": "BertJapaneseTokenizer" })), "BertJapaneseTokenizer"),
        ];
        for (vocabulary, config, part) in cases {
            let error = made(vocabulary, config).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
