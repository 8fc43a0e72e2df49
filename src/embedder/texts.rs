//! What a [`ClipVision`] does with texts. Its [`TextModel`] is read when it is first used, or handed over by whoever streams
//! the weights.

use super::text::{TextModel, no_text_tower};
use super::{ClipVision, Options, only};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "text")]
use crate::image::Image;
use crate::model::config::TextConfig;
use std::sync::{Arc, PoisonError};

/// Reads a text model.
pub(super) type LoadText = Box<dyn Fn(&Options) -> Result<TextModel> + Send + Sync>;

/// Where the text model is.
pub(super) enum TextState {
    /// Nowhere, as yet; the configuration, where the model has a text tower at all.
    Absent(Option<TextConfig>),
    /// Where the vision tower came from.
    Later(TextConfig, LoadText),
    Loaded(Arc<TextModel>),
}

/// Texts; the text tower and its tokenizer are read when the first of these is called.
impl ClipVision {
    /// The embedding of a text, in the same space as the images': [`dimension`](Self::dimension) values, of length 1
    /// unless [`Options::normalize`](super::Options::normalize) is off. What is longer than the model takes is cut.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let [red, rouge] = ["a red circle", "red circle"].map(|text| clip.embed_text(text));
    /// let cosine: f32 = red?.iter().zip(&rouge?).map(|(x, y)| x * y).sum();
    /// assert!(cosine > 0.5);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`text`](Self::text) and of [`tokenize`](super::TextModel::tokenize).
    #[cfg(feature = "text")]
    pub fn embed_text(&self, text: &str) -> Result<Vec<f32>> {
        let model = self.text()?;
        self.embed_tokens(&model.tokenize(text)?)
    }

    /// The embeddings of many texts, computed together.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let embeddings = clip.embed_texts(&["a red circle", "a blue square"])?;
    /// assert_eq!(embeddings.len(), 2);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`embed_text`](Self::embed_text).
    #[cfg(feature = "text")]
    pub fn embed_texts(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Vec<f32>>> {
        let model = self.text()?;
        let ids: Vec<Vec<u32>> = texts.iter().map(|text| model.tokenize(text.as_ref())).collect::<Result<_>>()?;
        model.embed_tokens(&ids.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// The embedding of a text in token ids, start and end token included.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let ids = clip.text()?.tokenize("a red circle")?;
    /// assert_eq!(clip.embed_tokens(&ids)?, clip.embed_text("a red circle")?);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`text`](Self::text) and of [`TextModel::embed_tokens`].
    pub fn embed_tokens(&self, ids: &[u32]) -> Result<Vec<f32>> {
        only(self.text()?.embed_tokens(&[ids])?)
    }

    /// The probability of each label for an image, in the labels' order (of no labels, none): zero-shot classification. Labels are best
    /// written as captions: `"a photo of a dog"`. For many images, embed the labels once
    /// ([`embed_texts`](Self::embed_texts)) and ask [`TextModel::probabilities`] of each.
    ///
    /// ```
    /// # use clip_vision::{ClipVision, Options};
    /// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let drawing = clip_vision::Image::from_rgb8(1, 1, vec![230, 30, 40]);
    /// let probabilities = clip.classify(drawing, &["something red", "something blue"])?;
    /// assert!(probabilities[0] > probabilities[1]);
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed) and [`embed_text`](Self::embed_text).
    #[cfg(feature = "text")]
    pub fn classify(&self, image: Image, labels: &[impl AsRef<str>]) -> Result<Vec<f32>> {
        self.text()?.probabilities(&self.embed(image)?, &self.embed_texts(labels)?)
    }

    /// The text tower with its tokenizer. Of a model from a directory it is read at the first call, once, however many threads ask; after an
    /// error the next call tries again.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: the model is a vision tower alone, or it was made without its text tower.
    /// [`ErrorKind::Fetch`], [`ErrorKind::Weights`], [`ErrorKind::Config`] of its files; [`ErrorKind::OutOfMemory`].
    pub fn text(&self) -> Result<Arc<TextModel>> {
        let mut state = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = match &*state {
            TextState::Loaded(model) => return Ok(model.clone()),
            TextState::Absent(config) => return Err(absent(config.as_ref())),
            TextState::Later(_, load) => Arc::new(load(&self.options)?),
        };
        *state = TextState::Loaded(loaded.clone());
        Ok(loaded)
    }

    /// The shape of the text tower.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: the model is a vision tower alone.
    pub(super) fn text_config(&self) -> Result<TextConfig> {
        match &*self.text.lock().unwrap_or_else(PoisonError::into_inner) {
            TextState::Absent(None) => Err(no_text_tower()),
            TextState::Absent(Some(config)) | TextState::Later(config, _) => Ok(config.clone()),
            TextState::Loaded(model) => Ok(model.config().clone()),
        }
    }

    /// Has the text model read by `load` when it is first used, if the model has one.
    pub(super) fn load_text_later(&self, load: LoadText) {
        let mut state = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if let TextState::Absent(Some(config)) = &*state {
            *state = TextState::Later(config.clone(), load);
        }
    }

    /// Gives the model its text tower; [`text_loader`](Self::text_loader) has an example.
    pub fn set_text(&self, text: TextModel) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = TextState::Loaded(Arc::new(text));
    }
}

fn absent(config: Option<&TextConfig>) -> Error {
    if config.is_none() {
        return no_text_tower();
    }
    let what = "the text tower of this model was not loaded: of files in memory it is read with their tokenizer";
    Error::new(ErrorKind::InvalidArgument, what)
}
