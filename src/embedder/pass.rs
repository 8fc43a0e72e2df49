//! [`Pass`]: a forward pass that its caller takes from layer to layer.

use super::normalize;
use crate::error::Result;
use crate::model::text::{TextPass, TextTower};
use crate::model::vision::{VisionPass, VisionTower};
use std::sync::Arc;

/// A forward pass under way, over photos ([`ClipVision::start_pixels`](crate::ClipVision::start_pixels)) or over texts
/// ([`TextModel::start`](crate::model::TextModel::start)).
///
/// What lies between two steps is the caller's, who may also give the pass up by dropping it; clones go on by themselves.
///
/// ```
/// # use clip_vision::{ClipVision, Image, Options};
/// # let clip = ClipVision::from_dir("models/shapes", Options::default())?;
/// let text = clip.text()?;
/// let ids = text.tokenize("a red circle")?;
/// let mut pass = text.start(&[&ids])?;
/// assert!(pass.step()?.is_none(), "one layer");
/// assert_eq!(pass.finish()?, [clip.embed_text("a red circle")?]);
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Clone)]
pub struct Pass {
    tower: Tower,
    normalize: bool,
}

#[derive(Clone)]
enum Tower {
    Vision(Arc<VisionTower>, VisionPass),
    Text(Arc<TextTower>, TextPass),
    /// A GPU has computed all of it.
    #[cfg(feature = "wgpu")]
    Ended(Vec<Vec<f32>>),
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.tower {
            Tower::Vision(_, pass) => f.debug_tuple("Pass").field(pass).finish(),
            Tower::Text(_, pass) => f.debug_tuple("Pass").field(pass).finish(),
            #[cfg(feature = "wgpu")]
            Tower::Ended(_) => f.debug_tuple("Pass").finish_non_exhaustive(),
        }
    }
}

impl Pass {
    pub(super) fn of_photos(tower: Arc<VisionTower>, pass: VisionPass, normalize: bool) -> Self {
        Self { tower: Tower::Vision(tower, pass), normalize }
    }

    pub(super) fn of_texts(tower: Arc<TextTower>, pass: TextPass, normalize: bool) -> Self {
        Self { tower: Tower::Text(tower, pass), normalize }
    }

    /// One whose embeddings are there, as they are to be.
    #[cfg(feature = "wgpu")]
    pub(super) fn ended(embeddings: Vec<Vec<f32>>) -> Self {
        Self { tower: Tower::Ended(embeddings), normalize: false }
    }

    /// Computes the next part, which for the most part is a layer. When it was the last one: the embeddings, in the order of
    /// the photos or texts, of length 1 unless [`Options::normalize`](crate::Options::normalize) is off. A pass that has
    /// ended gives them again.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`](crate::ErrorKind::Compute), [`ErrorKind::OutOfMemory`](crate::ErrorKind::OutOfMemory); after
    /// an error the pass is of no use any more.
    pub fn step(&mut self) -> Result<Option<Vec<Vec<f32>>>> {
        let more = match &mut self.tower {
            Tower::Vision(tower, pass) => tower.step(pass)?,
            Tower::Text(tower, pass) => tower.step(pass)?,
            #[cfg(feature = "wgpu")]
            Tower::Ended(_) => false,
        };
        if more {
            return Ok(None);
        }
        let mut embeddings = match &self.tower {
            Tower::Vision(_, pass) => pass.tokens.get()?.to_rows()?,
            Tower::Text(_, pass) => pass.embeddings()?,
            #[cfg(feature = "wgpu")]
            Tower::Ended(embeddings) => embeddings.clone(),
        };
        if self.normalize {
            embeddings.iter_mut().for_each(|embedding| normalize(embedding));
        }
        Ok(Some(embeddings))
    }

    /// Computes all that is left: the embeddings, in the order of the photos or texts.
    ///
    /// # Errors
    /// Those of [`step`](Self::step).
    pub fn finish(mut self) -> Result<Vec<Vec<f32>>> {
        loop {
            if let Some(embeddings) = self.step()? {
                return Ok(embeddings);
            }
        }
    }
}
