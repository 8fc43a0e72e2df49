//! The text half of a model: its weights stream in a second time, when a text is first asked for; token ids come from the
//! worker's JavaScript tokenizer.

use super::loader::ModelLoader;
use super::{WasmClipVision, answer, thrown};
use clip_vision::model::{TextModel, TextPass};
use clip_vision::{Error, ErrorKind, Result};
use js_sys::{Float32Array, Uint8Array};
use serde::Serialize;
use std::sync::Arc;
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
}

/// A forward pass over texts under way.
#[wasm_bindgen]
pub struct TextForwardPass {
    model: Arc<TextModel>,
    pass: TextPass,
}

#[wasm_bindgen]
impl TextForwardPass {
    /// Computes the next layer; the texts' embeddings, one after the other, once there is none.
    pub fn step(&mut self) -> Result<Option<Float32Array>, JsValue> {
        let embeddings = self.model.step(&mut self.pass).map_err(thrown)?;
        Ok(embeddings.map(|embeddings| Float32Array::from(embeddings.concat().as_slice())))
    }
}

#[wasm_bindgen]
impl WasmClipVision {
    /// A loader of this model's text half.
    #[wasm_bindgen(js_name = textLoader)]
    pub fn text_loader(&self) -> Result<ModelLoader, JsValue> {
        self.clip.text_loader().map(ModelLoader::of_text).map_err(thrown)
    }

    /// Gives the model its text half, once all pieces are there.
    #[wasm_bindgen(js_name = setText)]
    pub fn set_text(&self, loader: ModelLoader) -> Result<WireTextInfo, JsValue> {
        let (text, files) = loader.loader.finish_text_with_files().map_err(thrown)?;
        let bytes = |file: Option<Vec<u8>>| file.map_or(JsValue::UNDEFINED, |file| Uint8Array::from(&*file).into());
        let [tokenizer, vocab, merges] = files.map(bytes);
        let info = TextInfo { max_tokens: text.config().max_position_embeddings, tokenizer, vocab, merges };
        self.clip.set_text(text);
        answer(&info).map_err(thrown)
    }

    /// Begins a forward pass over texts, of their token ids, one after the other; `lengths` says how many tokens each has.
    #[wasm_bindgen(js_name = startTexts)]
    pub fn start_texts(&self, ids: &[u32], lengths: &[u32]) -> Result<TextForwardPass, JsValue> {
        self.text_pass(ids, lengths).map_err(thrown)
    }

    /// The probability of each label for an image, of the image's embedding and the labels' one after the other.
    pub fn probabilities(&self, image: &[f32], labels: &[f32]) -> Result<Float32Array, JsValue> {
        self.label_probabilities(image, labels).map_err(thrown)
    }
}

impl WasmClipVision {
    fn text_pass(&self, mut ids: &[u32], lengths: &[u32]) -> Result<TextForwardPass> {
        let mut texts = Vec::with_capacity(lengths.len());
        for length in lengths {
            let (text, rest) = ids.split_at_checked(*length as usize).ok_or_else(|| {
                Error::new(ErrorKind::InvalidArgument, "there are fewer token ids than the lengths say")
            })?;
            texts.push(text);
            ids = rest;
        }
        let model = self.clip.text()?;
        let pass = model.start(&texts)?;
        Ok(TextForwardPass { model, pass })
    }

    fn label_probabilities(&self, image: &[f32], labels: &[f32]) -> Result<Float32Array> {
        let labels: Vec<&[f32]> = labels.chunks(self.clip.dimension()).collect();
        let probabilities = self.clip.text()?.probabilities(image, &labels)?;
        Ok(Float32Array::from(probabilities.as_slice()))
    }
}
