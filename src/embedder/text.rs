//! The text half of a model: its tower and its tokenizer.

use super::normalize;
use super::plan::TokenizerFiles;
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::TextConfig;
use crate::model::text::{TextPass, TextTower};
#[cfg(feature = "text")]
use crate::model::tokenizer::Tokenizer;

/// Texts of one forward pass.
const BATCH: usize = 32;

/// A loaded text tower, with its tokenizer where there is one.
pub struct TextModel {
    tower: TextTower,
    normalize: bool,
    #[cfg(feature = "text")]
    tokenizer: Option<Tokenizer>,
}

impl std::fmt::Debug for TextModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextModel").field("config", self.config()).finish_non_exhaustive()
    }
}

impl TextModel {
    pub(super) fn new(tower: TextTower, normalize: bool) -> Self {
        Self {
            tower,
            normalize,
            #[cfg(feature = "text")]
            tokenizer: None,
        }
    }

    /// The same with the tokenizer of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    #[cfg(feature = "text")]
    pub fn with_tokenizer(self, json: &[u8]) -> Result<Self> {
        Ok(Self { tokenizer: Some(Tokenizer::from_json(json)?), ..self })
    }

    /// The same with the tokenizer of these files, if they are there.
    pub(super) fn with_files(self, files: &TokenizerFiles) -> Result<Self> {
        #[cfg(feature = "text")]
        return Ok(Self { tokenizer: Tokenizer::from_files(files)?, ..self });
        #[cfg(not(feature = "text"))]
        {
            let _ = files;
            Ok(self)
        }
    }

    /// The same with the tokenizer of a `vocab.json` and a `merges.txt`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    #[cfg(feature = "text")]
    pub fn with_vocab(self, vocab: &[u8], merges: &[u8]) -> Result<Self> {
        Ok(Self { tokenizer: Some(Tokenizer::from_vocab(vocab, merges)?), ..self })
    }

    /// The shape of the text tower.
    pub fn config(&self) -> &TextConfig {
        self.tower.config()
    }

    /// What the model multiplies cosines by before the softmax over them: `exp` of the file's `logit_scale`; 100 in most
    /// published models.
    pub fn logit_scale(&self) -> f32 {
        self.tower.logit_scale()
    }

    /// The token ids of a text, start and end included; of one that is too long for the model the beginning, and the end
    /// token.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: the model has no tokenizer.
    #[cfg(feature = "text")]
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        let tokenizer = self.tokenizer.as_ref().ok_or_else(|| {
            let what = "the model has no tokenizer: neither tokenizer.json nor vocab.json and merges.txt";
            Error::new(ErrorKind::Config, what)
        })?;
        tokenizer.ids(text, self.config().max_position_embeddings)
    }

    /// The embeddings of texts in token ids, start and end token included.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: a text with more tokens than the model takes, with an id that it does not have, or
    /// without an end token.
    pub fn embed_tokens(&self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let mut embeddings = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            let mut pass = self.start(batch)?;
            embeddings.extend(loop {
                if let Some(embeddings) = self.step(&mut pass)? {
                    break embeddings;
                }
            });
        }
        Ok(embeddings)
    }

    /// Begins to embed texts in token ids, at least one, together in one forward pass. [`step`](Self::step) takes it on, a
    /// layer at a time: what lies between is the caller's, who may also drop it.
    ///
    /// # Errors
    /// Those of [`embed_tokens`](Self::embed_tokens), and [`ErrorKind::InvalidArgument`] for no texts.
    pub fn start(&self, texts: &[&[u32]]) -> Result<TextPass> {
        self.tower.start(texts)
    }

    /// Takes a pass one layer on; the embeddings, in the order of the texts, when it was the last.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`], [`ErrorKind::OutOfMemory`].
    pub fn step(&self, pass: &mut TextPass) -> Result<Option<Vec<Vec<f32>>>> {
        let Some(mut embeddings) = self.tower.step(pass)? else { return Ok(None) };
        if self.normalize {
            embeddings.iter_mut().for_each(|embedding| normalize(embedding));
        }
        Ok(Some(embeddings))
    }

    /// The probability of each label for an image, from their embeddings: the softmax over the cosines times
    /// [`logit_scale`](Self::logit_scale), as transformers' `logits_per_image.softmax(-1)`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: an embedding of another length.
    pub fn probabilities(&self, image: &[f32], labels: &[impl AsRef<[f32]>]) -> Result<Vec<f32>> {
        let unit = |embedding: &[f32]| {
            if embedding.len() != self.config().projection_dim {
                let what = format!("an embedding of length {}, not {}", embedding.len(), self.config().projection_dim);
                return Err(Error::new(ErrorKind::InvalidArgument, what));
            }
            let mut unit = embedding.to_vec();
            normalize(&mut unit);
            Ok(unit)
        };
        let image = unit(image)?;
        let logit = |label: Vec<f32>| image.iter().zip(&label).map(|(x, y)| x * y).sum::<f32>() * self.logit_scale();
        let logits: Vec<f32> = labels.iter().map(|label| unit(label.as_ref()).map(logit)).collect::<Result<_>>()?;
        Ok(softmax(&logits))
    }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// The error of asking for texts where there are none.
pub(super) fn no_text_tower() -> Error {
    let what = "this model has no text tower: its config.json describes a vision tower alone";
    Error::new(ErrorKind::InvalidArgument, what)
}
