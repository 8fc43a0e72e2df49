//! What a model that was loaded for a GPU gives its executor: plans, their input, and embeddings of their output.

use super::{ClipVision, TextModel, normalize};
use crate::backend::Photos;
#[cfg(feature = "wgpu")]
use crate::backend::gpu::Executor;
use crate::backend::gpu::{Plan, Tuning};
use crate::error::{Error, ErrorKind, Result};
use crate::image::PixelTensor;

impl ClipVision {
    /// The plan of a pass over `batch` photos, at least one; of a model that [`Options::plans`](crate::Options::plans) was asked
    /// for. Its weights are those that [`Loader::take_matrices`](crate::model::Loader::take_matrices) gave.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: no photos, or the model has no vision tower, or was not loaded for a GPU.
    /// [`ErrorKind::OutOfMemory`]: more than a GPU's numbers reach.
    pub fn plan(&self, batch: usize, tuning: Tuning) -> Result<Plan> {
        check(self.options.plans)?;
        if batch == 0 {
            return Err(Error::new(ErrorKind::InvalidArgument, "a plan for no photos"));
        }
        self.vision()?.tower.plan(batch, tuning)
    }

    /// What a plan for as many photos begins with: rows of [`Plan::input_columns`] values.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for pixel tensors of another shape, as [`start_pixels`](Self::start_pixels).
    pub fn plan_input(&self, pixels: &[&PixelTensor]) -> Result<Vec<f32>> {
        self.vision()?.tower.plan_input(Photos::Values(pixels))
    }

    /// The embeddings of what a plan gave, of length 1 unless [`Options::normalize`](crate::Options::normalize) is off.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`]: the values are no embeddings: too few, not finite, or all zero, as of a GPU that failed silently.
    pub fn plan_output(&self, plan: &Plan, values: &[f32]) -> Result<Vec<Vec<f32>>> {
        embeddings(plan, values, self.dimension, self.options.normalize)
    }
}

#[cfg(feature = "wgpu")]
impl ClipVision {
    /// The embeddings of photos, computed at once.
    pub(super) fn on_gpu(&self, executor: &Executor, photos: Photos<'_>) -> Result<Vec<Vec<f32>>> {
        let batch = photos.shapes().count();
        if batch == 0 {
            return Err(Error::new(ErrorKind::InvalidArgument, "a forward pass over no images"));
        }
        let input = self.vision()?.tower.plan_input(photos)?;
        let ready = executor.ready(batch, || self.plan(batch, executor.tuning()))?;
        self.plan_output(&ready.plan, &executor.pass(&ready, &input)?)
    }
}

#[cfg(feature = "wgpu")]
impl TextModel {
    /// The embeddings of texts in token ids, computed at once, one after the other.
    pub(super) fn on_gpu(&self, executor: &Executor, texts: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        if texts.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "a forward pass over no texts"));
        }
        let embed = |ids: &&[u32]| {
            let (tokens, input) = self.plan_input(ids)?;
            let ready = executor.ready(tokens, || self.plan(tokens, executor.tuning()))?;
            self.plan_output(&ready.plan, &executor.pass(&ready, &input)?)
        };
        texts.iter().map(embed).collect()
    }
}

impl TextModel {
    /// The plan of a pass over a text of so many tokens: as many as [`plan_input`](Self::plan_input) says.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: no tokens, or the model was not loaded for a GPU.
    pub fn plan(&self, tokens: usize, tuning: Tuning) -> Result<Plan> {
        if tokens == 0 {
            return Err(Error::new(ErrorKind::InvalidArgument, "a plan for a text without tokens"));
        }
        self.tower().plan(tokens, tuning)
    }

    /// What a plan begins with, for a text in token ids; and the tokens that the plan is to be for.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn plan_input(&self, ids: &[u32]) -> Result<(usize, Vec<f32>)> {
        self.read_rows(&[ids])?;
        self.tower().plan_input(ids)
    }

    /// The embedding of what a plan gave.
    ///
    /// # Errors
    /// As [`ClipVision::plan_output`].
    pub fn plan_output(&self, plan: &Plan, values: &[f32]) -> Result<Vec<f32>> {
        super::only(embeddings(plan, values, self.config().projection_dim, self.normalizes())?)
    }
}

fn check(plans: bool) -> Result<()> {
    if plans {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, "the model was not loaded for a GPU: Options::plans"))
}

fn embeddings(plan: &Plan, values: &[f32], dimension: usize, unit: bool) -> Result<Vec<Vec<f32>>> {
    let Plan { output_rows: rows, output_columns: columns, .. } = *plan;
    let wrong = |what: String| Error::new(ErrorKind::Compute, format!("the GPU gave no embeddings: {what}"));
    if values.len() < rows * columns || columns < dimension {
        return Err(wrong(format!("{} values, not {rows} rows of {columns}", values.len())));
    }
    let rows = values.chunks_exact(columns).take(rows).filter_map(|row| row.get(..dimension));
    rows.map(|row| {
        if let Some(value) = row.iter().find(|value| !value.is_finite()) {
            return Err(wrong(format!("one has the value {value}")));
        }
        if row.iter().all(|value| *value == 0.0) {
            return Err(wrong("one is all zero".to_owned()));
        }
        let mut embedding = row.to_vec();
        if unit {
            normalize(&mut embedding);
        }
        Ok(embedding)
    })
    .collect()
}
