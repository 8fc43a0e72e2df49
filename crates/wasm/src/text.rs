//! The text tower of a model: its weights stream in a second time, when a text is first asked for; token ids come from the
//! worker's JavaScript tokenizer.

use super::loader::ModelLoader;
use super::vision::ForwardPass;
use super::{Model, answer, thrown};
use clip_vision::model::{Cleaning, EndToken};
use clip_vision::{Error, ErrorKind, Result};
use js_sys::{Float32Array, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What tokenizing has to know of a model. */
export interface WireTextInfo {
  /** Tokens of the longest text, start and end included. */
  maxTokens: number;
  /** The tokenizer's files, as far as the weights carried them along. */
  tokenizer?: Uint8Array;
  vocab?: Uint8Array;
  merges?: Uint8Array;
  /** The file in which the table of tokens was left, by the name that the loader had for it. */
  rowsFile?: string;
  /** The token that texts are filled up with, where they are, as far as the configuration says; a tokenizer's file knows better. */
  filling?: number;
  /** What is done to a text before the tokenizer sees it. */
  cleaning?: "canonicalize" | "lower" | "whitespace";
}
"#;

#[wasm_bindgen]
extern "C" {
    /// What tokenizing has to know of a model.
    #[wasm_bindgen(typescript_type = "WireTextInfo")]
    pub type WireTextInfo;
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TextInfo {
    max_tokens: usize,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    tokenizer: JsValue,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    vocab: JsValue,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    merges: JsValue,
    rows_file: Option<String>,
    filling: Option<u32>,
    cleaning: Option<&'static str>,
}

#[wasm_bindgen]
impl Model {
    /// A loader of this model's text tower.
    #[wasm_bindgen(js_name = textLoader)]
    pub fn text_loader(&self) -> Result<ModelLoader, JsValue> {
        self.0.text_loader().map(ModelLoader).map_err(thrown)
    }

    /// Gives the model its text tower, once all pieces are there.
    #[wasm_bindgen(js_name = setText)]
    pub fn set_text(&self, loader: ModelLoader) -> Result<WireTextInfo, JsValue> {
        let (text, files) = loader.0.finish_text_with_files().map_err(thrown)?;
        let bytes = |file: Option<Vec<u8>>| file.map_or(JsValue::UNDEFINED, |file| Uint8Array::from(&*file).into());
        let [tokenizer, vocab, merges] = files.map(bytes);
        let cleaning = text.config().cleaning.map(Cleaning::name);
        let filling = match text.config().end_token {
            EndToken::FilledUp(id) => Some(id),
            _ => None,
        };
        let rows_file = text.rows_file().map(str::to_owned);
        let info = TextInfo {
            max_tokens: text.config().max_position_embeddings,
            tokenizer,
            vocab,
            merges,
            rows_file,
            filling,
            cleaning,
        };
        self.0.set_text(text);
        answer(&info).map_err(thrown)
    }

    /// The bytes of the table's file that these texts need and that have not been added: first and end of each range.
    #[wasm_bindgen(js_name = wantedRows)]
    pub fn wanted_rows(&self, ids: &[u32]) -> Result<Vec<f64>, JsValue> {
        let text = self.0.text().map_err(thrown)?;
        Ok(text.wanted_rows(&[ids]).into_iter().flat_map(|range| [range.start as f64, range.end as f64]).collect())
    }

    /// Takes the bytes of that file from `at` on.
    #[wasm_bindgen(js_name = addRows)]
    pub fn add_rows(&self, at: f64, bytes: &[u8]) -> Result<(), JsValue> {
        self.0.text().and_then(|text| text.add_rows(at as u64, bytes)).map_err(thrown)
    }

    /// Begins a forward pass over texts, of their token ids, one after the other; `lengths` says how many tokens each has.
    #[wasm_bindgen(js_name = startTexts)]
    pub fn start_texts(&self, ids: &[u32], lengths: &[u32]) -> Result<ForwardPass, JsValue> {
        self.text_pass(ids, lengths).map_err(thrown)
    }

    /// The probability of each label for an image, of the image's embedding and the labels' one after the other.
    pub fn probabilities(&self, image: &[f32], labels: &[f32]) -> Result<Float32Array, JsValue> {
        self.label_probabilities(image, labels).map_err(thrown)
    }
}

impl Model {
    fn text_pass(&self, mut ids: &[u32], lengths: &[u32]) -> Result<ForwardPass> {
        let mut texts = Vec::with_capacity(lengths.len());
        for length in lengths {
            let (text, rest) = ids.split_at_checked(*length as usize).ok_or_else(|| {
                Error::new(ErrorKind::InvalidArgument, "there are fewer token ids than the lengths say")
            })?;
            texts.push(text);
            ids = rest;
        }
        Ok(ForwardPass(self.0.text()?.start(&texts)?))
    }

    fn label_probabilities(&self, image: &[f32], labels: &[f32]) -> Result<Float32Array> {
        let labels: Vec<&[f32]> = labels.chunks(self.0.dimension()).collect();
        let probabilities = self.0.text()?.probabilities(image, &labels)?;
        Ok(Float32Array::from(probabilities.as_slice()))
    }
}
