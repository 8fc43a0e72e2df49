//! The form of our own files, which the npm package's cache holds and `clip-vision convert` writes.
//!
//! They are safetensors files of a CLIP, with the names of Hugging Face's. The weights of linear layers are F16, or I8:
//! then the rows are those of `crates/kernels/src/quantize.rs`, and beside a tensor `x` stands `x_step`, an F32 for each of its rows.
//! The header's metadata have `clip_vision.version`, `clip_vision.precision`, `clip_vision.source` (what it was made of)
//! and, whole, `config.json` and `preprocessor_config.json`; a tokenizer's files are U8 tensors of their names, so that
//! who wants no text need not read them. In the cache `clip_vision.table` may say where the table of tokens stands in the
//! published file: `F32 1208 model.safetensors`, its type, its first byte, and the file's name. `clip_vision.vocab` says of which tokens the
//! table has rows, where `convert` left some out: `0-259 300 512-600`.

use super::format::Format;
use super::invalid;
use crate::error::Result;
use serde_json::Value;
use std::collections::HashMap;

/// Goes up whenever older readers would misread a file. That `crates/kernels/src/quantize.rs` chooses other steps is no reason: each
/// file says which ones it has.
const VERSION: &str = "1";

const VERSION_KEY: &str = "clip_vision.version";
const PRECISION_KEY: &str = "clip_vision.precision";
const SOURCE_KEY: &str = "clip_vision.source";
const CONFIG_KEY: &str = "config.json";
const VOCAB_KEY: &str = "clip_vision.vocab";
const TABLE_KEY: &str = "clip_vision.table";
const PREPROCESSOR_KEY: &str = "preprocessor_config.json";

/// The files that weights may carry along as tensors: a tokenizer's.
pub const FILES: [&str; 3] = ["tokenizer.json", "vocab.json", "merges.txt"];

/// What a file of our own says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stored {
    /// The precision that it was made for: "f32", "f16" or "int8".
    pub(crate) precision: String,
    /// What it was made of.
    pub(crate) source: String,
    pub(crate) config: Option<String>,
    pub(crate) preprocessor: Option<String>,
    /// Where the table of tokens stands, if it was left in the file that this one was made of.
    pub(crate) table: Option<String>,
    /// The tokens whose rows the table of tokens has, where not all are: [`ids_of_text`].
    pub(crate) vocab: Option<String>,
}

impl Stored {
    /// `None` where the file is none of our own.
    pub(super) fn from_metadata(metadata: &HashMap<String, String>) -> Result<Option<Self>> {
        match metadata.get(VERSION_KEY).map(String::as_str) {
            None => return Ok(None),
            Some(VERSION) => {}
            Some(other) => {
                let what = format!(
                    "the weights are of version {other:?} of clip-vision's file format; this reads version {VERSION}"
                );
                return Err(invalid(what));
            }
        }
        let text = |key: &str| metadata.get(key).cloned();
        Ok(Some(Self {
            precision: text(PRECISION_KEY).unwrap_or_default(),
            source: text(SOURCE_KEY).unwrap_or_default(),
            config: text(CONFIG_KEY),
            preprocessor: text(PREPROCESSOR_KEY),
            table: text(TABLE_KEY),
            vocab: text(VOCAB_KEY),
        }))
    }

    /// The header's metadata.
    pub(super) fn metadata(&self) -> Value {
        let Self { precision, source, config, preprocessor, table, vocab } = self;
        let texts = [
            (VERSION_KEY, Some(VERSION)),
            (PRECISION_KEY, Some(precision.as_str())),
            (SOURCE_KEY, Some(source.as_str())),
            (CONFIG_KEY, config.as_deref()),
            (PREPROCESSOR_KEY, preprocessor.as_deref()),
            (TABLE_KEY, table.as_deref()),
            (VOCAB_KEY, vocab.as_deref()),
        ];
        texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Value::from(text?)))).collect()
    }
}

/// Ascending ids as a text: ranges, and what stands alone.
pub(crate) fn text_of_ids(ids: &[u32]) -> String {
    let ranges = ids.chunk_by(|a, b| a + 1 == *b).filter_map(|range| Some((range.first()?, range.last()?)));
    let texts = ranges.map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    texts.collect::<Vec<_>>().join(" ")
}

/// The ids of such a text; `None` where they don't ascend, or are not all below `most`.
pub(crate) fn ids_of_text(text: &str, most: usize) -> Option<Vec<u32>> {
    let mut ids: Vec<u32> = Vec::new();
    for range in text.split(' ') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if last as usize >= most || first > last || ids.last().is_some_and(|before| *before >= first) {
            return None;
        }
        ids.extend(first..=last);
    }
    Some(ids)
}

/// The tensor of the steps of a tensor's rows.
pub(super) fn step_name(name: &str) -> String {
    format!("{name}_step")
}

/// Whether a tensor holds the steps of another one's rows.
pub(super) fn is_step(name: &str, format_of: impl Fn(&str) -> Option<Format>) -> bool {
    name.strip_suffix("_step").and_then(format_of) == Some(Format::Int8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ranges_and_back() {
        let ids = [0, 1, 2, 5, 7, 8];
        assert_eq!(text_of_ids(&ids), "0-2 5 7-8");
        assert_eq!(ids_of_text("0-2 5 7-8", 9).as_deref(), Some(&ids[..]));
        for wrong in ["", "a", "3-1", "5 4", "0-3 3", "0-9", "-1", "1-"] {
            assert_eq!(ids_of_text(wrong, 9), None, "{wrong}");
        }
    }
}
