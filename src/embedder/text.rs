//! [`TextModel`]: the text tower of a model and its tokenizer.

use super::plan::TokenizerFiles;
use super::{Pass, normalize};
#[cfg(feature = "wgpu")]
use crate::backend::gpu::Executor;
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::{Scores, TextConfig};
use crate::model::text::TextTower;
use crate::model::token_rows::TokenRows;
#[cfg(feature = "text")]
use crate::model::tokenizer::Tokenizer;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Texts of one forward pass.
const BATCH: usize = 32;

/// A loaded text tower, with its tokenizer where there is one: [`ClipVision::text`](super::ClipVision::text).
///
/// ```
/// # use clip_vision::{ClipVision, Options};
/// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
/// let text = clip.text()?;
/// let ids = text.tokenize("a red circle")?;
/// assert!(ids.len() <= text.config().max_position_embeddings);
/// assert_eq!(text.embed_tokens(&[&ids])?, [clip.embed_text("a red circle")?]);
/// assert!(text.logit_scale() > 1.0);
/// # Ok::<(), clip_vision::Error>(())
/// ```
pub struct TextModel {
    tower: Arc<TextTower>,
    normalize: bool,
    /// Reads of the file that the table of tokens was left in, where it was.
    reads: Option<ReadRange>,
    /// What computes, where it is a GPU.
    #[cfg(feature = "wgpu")]
    executor: Option<Arc<Executor>>,
    /// Bytes that were so read.
    table_bytes: AtomicU64,
    #[cfg(feature = "text")]
    tokenizer: Option<Tokenizer>,
}

/// Reads bytes of a file.
pub(super) type ReadRange = Box<dyn Fn(Range<u64>) -> Result<Vec<u8>> + Send + Sync>;

impl std::fmt::Debug for TextModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextModel").field("config", self.config()).finish_non_exhaustive()
    }
}

impl TextModel {
    pub(super) fn new(tower: TextTower, normalize: bool) -> Self {
        Self {
            tower: Arc::new(tower),
            normalize,
            reads: None,
            #[cfg(feature = "wgpu")]
            executor: None,
            table_bytes: AtomicU64::new(0),
            #[cfg(feature = "text")]
            tokenizer: None,
        }
    }

    /// The same with the tokenizer of a `tokenizer.json`; [`Loader::finish_text`](super::Loader::finish_text) has an example.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: it is not a tokenizer's file. [`ErrorKind::InvalidArgument`]: a pass over texts is under way.
    #[cfg(feature = "text")]
    pub fn with_tokenizer(self, json: &[u8]) -> Result<Self> {
        self.tokenizing(Some(Tokenizer::from_json(json)?))
    }

    /// The same with the tokenizer of these files, if they are there.
    pub(super) fn with_files(self, files: &TokenizerFiles) -> Result<Self> {
        #[cfg(feature = "text")]
        return self.tokenizing(Tokenizer::from_files(files)?);
        #[cfg(not(feature = "text"))]
        {
            let _ = files;
            Ok(self)
        }
    }

    /// The same with the tokenizer of a `vocab.json` and a `merges.txt`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: they are malformed, or lack the start or the end token.
    #[cfg(feature = "text")]
    pub fn with_vocab(self, vocab: &[u8], merges: &[u8]) -> Result<Self> {
        self.tokenizing(Some(Tokenizer::from_vocab(vocab, merges)?))
    }

    /// The same with that tokenizer, whose word on what fills up texts counts more than the configuration's.
    #[cfg(feature = "text")]
    fn tokenizing(mut self, tokenizer: Option<Tokenizer>) -> Result<Self> {
        if let Some(id) = tokenizer.as_ref().and_then(Tokenizer::padding) {
            let under_way =
                || Error::new(ErrorKind::InvalidArgument, "a pass over texts is under way: its tokenizer comes before");
            Arc::get_mut(&mut self.tower).ok_or_else(under_way)?.fill_up_with(id);
        }
        Ok(Self { tokenizer, ..self })
    }

    /// The same, computed by an executor, where there is one.
    #[cfg(feature = "wgpu")]
    pub(super) fn on(self, executor: Option<Arc<Executor>>) -> Self {
        Self { executor, ..self }
    }

    /// The same, which reads the rows of its tokens by itself.
    pub(super) fn with_rows(self, reads: ReadRange) -> Self {
        Self { reads: Some(reads), ..self }
    }

    /// The file, by the name of [`Loader::file`](super::Loader::file), in which the table of tokens was left
    /// ([`Loader::leave_table_over`](super::Loader::leave_table_over)); none of a model that has the whole table.
    pub fn rows_file(&self) -> Option<&str> {
        self.tower.token_rows().map(TokenRows::file)
    }

    /// The bytes of that file that texts in token ids need, and that have not been added yet.
    ///
    /// ```
    /// use clip_vision::{ClipVision, Options};
    ///
    /// let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let weights = std::fs::read("models/shapes/model.safetensors").unwrap();
    /// let mut loader = clip.text_loader()?;
    /// loader.leave_table_over(0);
    /// while let Some(range) = loader.wanted() {
    ///     loader.push_at(range.start, &weights[range.start as usize..weights.len().min(range.end as usize)])?;
    /// }
    /// let text = loader.finish_text()?;
    /// let ids = clip.text()?.tokenize("a red circle")?;
    /// for range in text.wanted_rows(&[&ids]) {
    ///     text.add_rows(range.start, &weights[range.start as usize..range.end as usize])?;
    /// }
    /// assert_eq!(text.embed_tokens(&[&ids])?, [clip.embed_text("a red circle")?]);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn wanted_rows(&self, texts: &[&[u32]]) -> Vec<Range<u64>> {
        self.tower.wanted_rows(texts)
    }

    /// Takes the bytes of that file from `at` on, and keeps the rows in them.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: a value is not finite.
    pub fn add_rows(&self, at: u64, bytes: &[u8]) -> Result<()> {
        self.table_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.tower.token_rows().map_or(Ok(()), |rows| rows.add(at, bytes))
    }

    /// Bytes of the table of tokens that were read by rows so far.
    pub fn table_bytes(&self) -> u64 {
        self.table_bytes.load(Ordering::Relaxed)
    }

    /// The shape of the text tower.
    pub fn config(&self) -> &TextConfig {
        self.tower.config()
    }

    /// What the model multiplies cosines by before the softmax over them: `exp` of the file's `logit_scale`; 100 in most
    /// published models, and of those that have none, since they were taught another model's space. 0 of a SigLIP whose files do
    /// not say it: ONNX files of the towers alone.
    pub fn logit_scale(&self) -> f32 {
        self.tower.logit_scale()
    }

    /// The token ids of a text, start and end included; of one that is too long for the model the beginning, and the end
    /// token. What comes after 65,536 letters is not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: the model has no tokenizer, or it fails. [`ErrorKind::InvalidArgument`]: it has no token for a
    /// part of the text.
    #[cfg(feature = "text")]
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        let tokenizer = self.tokenizer.as_ref().ok_or_else(|| {
            let what =
                "the model has no tokenizer: neither tokenizer.json, nor vocab.json and merges.txt, nor vocab.txt";
            Error::new(ErrorKind::Config, what)
        })?;
        let TextConfig { max_position_embeddings: longest, cleaning, .. } = *self.config();
        match cleaning {
            Some(cleaning) => tokenizer.ids(&cleaning.clean(text), longest),
            None => tokenizer.ids(text, longest),
        }
    }

    /// The embeddings of texts in token ids, start and end token included.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: a text with more tokens than the model takes, with an id that it does not have, or
    /// without an end token.
    pub fn embed_tokens(&self, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let mut embeddings = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            embeddings.extend(self.start(batch)?.finish()?);
        }
        Ok(embeddings)
    }

    /// Begins to embed texts in token ids, at least one, together in one forward pass; [`Pass`] has an example.
    ///
    /// # Errors
    /// Those of [`embed_tokens`](Self::embed_tokens), and [`ErrorKind::InvalidArgument`] for no texts.
    pub fn start(&self, texts: &[&[u32]]) -> Result<Pass> {
        self.read_rows(texts)?;
        #[cfg(feature = "wgpu")]
        if let Some(executor) = &self.executor {
            return Ok(Pass::ended(self.on_gpu(executor, texts)?));
        }
        Ok(Pass::of_texts(self.tower.clone(), self.tower.start(texts)?, self.normalizes()))
    }

    /// Reads the rows of tokens that texts need, where they are read by rows.
    pub(super) fn read_rows(&self, texts: &[&[u32]]) -> Result<()> {
        let Some(read) = &self.reads else { return Ok(()) };
        for range in self.wanted_rows(texts) {
            self.add_rows(range.start, &read(range)?)?;
        }
        Ok(())
    }

    /// Whether embeddings are given length 1.
    pub(super) fn normalizes(&self) -> bool {
        self.normalize || self.config().modules.normalize
    }

    #[cfg(feature = "gpu")]
    pub(super) fn tower(&self) -> &TextTower {
        &self.tower
    }

    /// The probability of each label for an image, from their embeddings: the softmax over the cosines times
    /// [`logit_scale`](Self::logit_scale), as transformers' `logits_per_image.softmax(-1)`. Of a SigLIP
    /// each by itself, the sigmoid of that and the model's bias: they do not add up to 1.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let labels = clip.embed_texts(&["a red circle", "a blue square"])?;
    /// let photo = clip.embed(clip_vision::Image::from_rgb8(1, 1, vec![230, 30, 40]))?;
    /// let probabilities = clip.text()?.probabilities(&photo, &labels)?;
    /// assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: an embedding of another length. [`ErrorKind::Weights`]: the files do not say what a SigLIP
    /// multiplies cosines by.
    pub fn probabilities(&self, image: &[f32], labels: &[impl AsRef<[f32]>]) -> Result<Vec<f32>> {
        if self.config().scores() == Scores::Sigmoid && self.logit_scale() == 0.0 {
            let what = "these ONNX files of the towers alone do not hold logit_scale and logit_bias, which a SigLIP's probabilities need: \
                        onnx/model.onnx, of both towers, does";
            return Err(Error::new(ErrorKind::Weights, what));
        }
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
        let cosine = |label: Vec<f32>| image.iter().zip(&label).map(|(x, y)| x * y).sum::<f32>();
        let logit = |label| cosine(label) * self.logit_scale() + self.tower.logit_bias();
        let logits: Vec<f32> = labels.iter().map(|label| unit(label.as_ref()).map(logit)).collect::<Result<_>>()?;
        Ok(match self.config().scores() {
            Scores::Sigmoid => logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
            Scores::Softmax => softmax(&logits),
        })
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
