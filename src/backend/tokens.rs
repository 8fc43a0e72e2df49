//! [`Tokens`]: the activations of a forward pass, between one operation and the next.

use super::buffers::{BufferValues, Buffers};
use super::{Table, mixed};
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;

#[cfg(feature = "gpu")]
use super::gpu::{OnGpu, Plan, Recording, Rows, Tuning, padded_rows};
#[cfg(feature = "candle")]
use candle_core::{DType, Device, Tensor};

/// Activations: `channels` values for each of `tokens` tokens of each photo or text of a batch, row by row.
///
/// Some of the tokens become embeddings: one of each photo or text mostly, all of them where the mean is taken. Which they are
/// travels with them: in 8 bits those are computed more finely than the rest, which gains most of the accuracy.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(super) values: Values,
    pub(super) batch: usize,
    pub(super) tokens: usize,
    pub(super) channels: usize,
    /// The rows that become embeddings, ascending, among those of the whole batch.
    pub(super) embedding_rows: Arc<[usize]>,
}

/// Where the values are.
#[derive(Clone)]
pub(super) enum Values {
    /// In a buffer of the CPU's; clones share it until one of them is written to.
    Cpu(Arc<BufferValues>),
    /// Where candle put them: (batch, tokens, channels).
    #[cfg(feature = "candle")]
    Candle(Tensor),
    /// Where a GPU will put them.
    #[cfg(feature = "gpu")]
    Gpu(OnGpu),
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { batch, tokens, channels, .. } = self;
        f.debug_tuple("Tokens").field(&[batch, tokens, channels]).finish()
    }
}

impl Tokens {
    /// Tokens on the CPU whose values are still to be written.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub(super) fn unwritten(
        buffers: &Arc<Buffers>,
        [batch, tokens, channels]: [usize; 3],
        embedding_rows: Arc<[usize]>,
    ) -> Result<Self> {
        let len = batch.checked_mul(tokens).and_then(|rows| rows.checked_mul(channels)).ok_or_else(|| {
            let what = format!("no memory for {batch} × {tokens} tokens of {channels} values");
            Error::new(ErrorKind::OutOfMemory, what)
        })?;
        let values = Values::Cpu(Arc::new(buffers.take(len)?));
        Ok(Self { values, batch, tokens, channels, embedding_rows })
    }

    /// As many, with `channels` channels, still to be written.
    pub(super) fn alike(&self, channels: usize) -> Result<Self> {
        Self::unwritten(self.cpu()?.buffers(), [self.batch, self.tokens, channels], self.embedding_rows.clone())
    }

    /// As many, of a tensor (batch, tokens, channels).
    #[cfg(feature = "candle")]
    pub(super) fn of_tensor(values: Tensor, embedding_rows: Arc<[usize]>) -> Result<Self> {
        let (batch, tokens, channels) = values.dims3()?;
        Ok(Self { values: Values::Candle(values), batch, tokens, channels, embedding_rows })
    }

    /// Tokens of the whole batch.
    pub(super) fn rows(&self) -> usize {
        self.batch * self.tokens
    }

    /// The values on the CPU.
    pub(super) fn cpu(&self) -> Result<&BufferValues> {
        match &self.values {
            Values::Cpu(values) => Ok(values),
            #[cfg(any(feature = "candle", feature = "gpu"))]
            _ => Err(mixed()),
        }
    }

    /// The same to write to; whoever shares them keeps what they are.
    pub(super) fn cpu_mut(&mut self) -> Result<&mut [f32]> {
        match &mut self.values {
            Values::Cpu(values) => {
                if Arc::get_mut(values).is_none() {
                    let mut own = values.buffers().take(values.len())?;
                    own.copy_from_slice(values);
                    *values = Arc::new(own);
                }
                Arc::get_mut(values).map(|values| &mut **values).ok_or_else(mixed)
            }
            #[cfg(any(feature = "candle", feature = "gpu"))]
            _ => Err(mixed()),
        }
    }

    /// The values where candle computes.
    #[cfg(feature = "candle")]
    pub(super) fn candle(&self) -> Result<&Tensor> {
        match &self.values {
            Values::Candle(values) => Ok(values),
            _ => Err(mixed()),
        }
    }

    /// What a plan begins with: tokens that will be written to a GPU. The last of each photo or text becomes its embedding.
    #[cfg(feature = "gpu")]
    pub(crate) fn recorded(tuning: Tuning, [batch, tokens, channels]: [usize; 3]) -> Self {
        let (_, values) = Recording::new(tuning, Rows { rows: batch.saturating_mul(tokens), channels });
        let embedding_rows = (1..=batch).map(|text| text * tokens - 1).collect();
        Self { values: Values::Gpu(values), batch, tokens, channels, embedding_rows }
    }

    /// The plan that gives these.
    #[cfg(feature = "gpu")]
    pub(crate) fn into_plan(self) -> Result<Plan> {
        let rows = self.gpu_rows();
        match self.values {
            Values::Gpu(values) => values.recording().clone().finish(values, rows),
            _ => Err(mixed()),
        }
    }

    /// Where on a GPU the values are, to write to; whoever shares them keeps what they are.
    #[cfg(feature = "gpu")]
    pub(super) fn gpu_mut(&mut self) -> Result<&OnGpu> {
        let rows = self.gpu_rows();
        match &mut self.values {
            Values::Gpu(values) => {
                values.own(rows)?;
                Ok(values)
            }
            _ => Err(mixed()),
        }
    }

    #[cfg(feature = "gpu")]
    pub(super) fn gpu_rows(&self) -> Rows {
        Rows { rows: self.rows(), channels: self.channels }
    }

    /// As many, with `channels` channels, on a GPU.
    #[cfg(feature = "gpu")]
    pub(super) fn of_gpu(&self, values: OnGpu, channels: usize) -> Self {
        Self { values: Values::Gpu(values), channels, ..self.clone() }
    }

    /// The tokens that become embeddings alone: (batch, 1, channels).
    pub(crate) fn pooled(&self) -> Result<Self> {
        let (count, channels) = (self.embedding_rows.len(), self.channels);
        let embedding_rows: Arc<[usize]> = (0..count).collect();
        match &self.values {
            Values::Cpu(values) => {
                let mut pooled = Self::unwritten(values.buffers(), [count, 1, channels], embedding_rows)?;
                let places = pooled.cpu_mut()?.chunks_exact_mut(channels);
                for (place, row) in places.zip(self.embedding_rows.iter()) {
                    place.copy_from_slice(&values[row * channels..][..channels]);
                }
                Ok(pooled)
            }
            #[cfg(feature = "candle")]
            Values::Candle(values) => {
                let rows: Vec<u32> = self.embedding_rows.iter().map(|&row| row as u32).collect();
                let rows = Tensor::from_vec(rows, count, values.device())?;
                let pooled = values.flatten_to(1)?.index_select(&rows, 0)?;
                Self::of_tensor(pooled.reshape((count, 1, channels))?, embedding_rows)
            }
            #[cfg(feature = "gpu")]
            Values::Gpu(values) => {
                // One of each photo or text, all at the same place.
                let first = self.embedding_rows.first().copied().unwrap_or_default();
                let is_regular =
                    self.embedding_rows.iter().enumerate().all(|(at, row)| *row == first + at * self.tokens);
                if count != self.batch || !is_regular {
                    return Err(mixed());
                }
                let values = Values::Gpu(values.every(first, self.tokens));
                Ok(Self { values, batch: count, tokens: 1, channels, embedding_rows })
            }
        }
    }

    /// Takes it that all of them become embeddings.
    pub(crate) fn all_become_embeddings(&mut self) {
        self.embedding_rows = (0..self.rows()).collect();
    }

    /// Takes it that the first of each photo or text becomes its embedding.
    pub(crate) fn first_become_embeddings(&mut self) {
        self.embedding_rows = (0..self.batch).map(|at| at * self.tokens).collect();
    }

    /// The mean of the tokens of each text: (batch, 1, channels).
    pub(crate) fn mean(&self) -> Result<Self> {
        let embedding_rows: Arc<[usize]> = (0..self.batch).collect();
        match &self.values {
            Values::Cpu(values) => {
                let mut mean = Self::unwritten(values.buffers(), [self.batch, 1, self.channels], embedding_rows)?;
                let texts = values.chunks_exact((self.tokens * self.channels).max(1));
                for (place, text) in mean.cpu_mut()?.chunks_exact_mut(self.channels).zip(texts) {
                    place.fill(0.0);
                    for token in text.chunks_exact(self.channels) {
                        place.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
                    }
                    place.iter_mut().for_each(|sum| *sum /= self.tokens as f32);
                }
                Ok(mean)
            }
            #[cfg(feature = "candle")]
            Values::Candle(values) => {
                // Half precision would lose what a sum of many adds last.
                let mean = values.to_dtype(DType::F32)?.mean_keepdim(1)?.to_dtype(values.dtype())?;
                Self::of_tensor(mean, embedding_rows)
            }
            #[cfg(feature = "gpu")]
            Values::Gpu(values) => {
                let values = values.mean(Rows { rows: self.batch, channels: self.channels }, self.tokens)?;
                Ok(Self { values: Values::Gpu(values), tokens: 1, embedding_rows, ..*self })
            }
        }
    }

    /// The hyperbolic tangent of each value.
    pub(crate) fn tanh(mut self) -> Result<Self> {
        match &self.values {
            Values::Cpu(_) => self.cpu_mut()?.iter_mut().for_each(|value| *value = value.tanh()),
            #[cfg(feature = "candle")]
            Values::Candle(values) => self.values = Values::Candle(values.tanh()?),
            #[cfg(feature = "gpu")]
            Values::Gpu(_) => {
                let rows = self.gpu_rows();
                self.gpu_mut()?.tanh(rows)?;
            }
        }
        Ok(self)
    }

    /// Adds as many others, each of whose channels is multiplied by a value of `scale`.
    pub(crate) fn add_scaled(&mut self, others: &Self, scale: &Table) -> Result<()> {
        match &others.values {
            Values::Cpu(others) => {
                let scale = scale.cpu()?;
                let rows =
                    self.cpu_mut()?.chunks_exact_mut(scale.len().max(1)).zip(others.chunks_exact(scale.len().max(1)));
                for (row, others) in rows {
                    row.iter_mut().zip(others).zip(scale).for_each(|((value, other), scale)| *value += other * scale);
                }
                Ok(())
            }
            #[cfg(feature = "candle")]
            Values::Candle(others) => {
                self.values = Values::Candle((self.candle()? + others.broadcast_mul(scale.candle()?)?)?);
                Ok(())
            }
            #[cfg(feature = "gpu")]
            Values::Gpu(others) => {
                let rows = self.gpu_rows();
                self.gpu_mut()?.add_scaled(others, scale.cpu()?, rows)
            }
        }
    }

    /// A tensor of the values: (batch, tokens, channels).
    #[cfg(feature = "candle")]
    pub(crate) fn to_tensor(&self) -> Result<Tensor> {
        match &self.values {
            Values::Cpu(values) => {
                let shape = (self.batch, self.tokens, self.channels);
                Ok(Tensor::from_slice(values, shape, &Device::Cpu)?)
            }
            Values::Candle(values) => Ok(values.to_dtype(DType::F32)?),
            #[cfg(feature = "gpu")]
            Values::Gpu(_) => Err(mixed()),
        }
    }

    /// The values, each token's filled up with zeros to a multiple of four.
    #[cfg(feature = "gpu")]
    pub(crate) fn to_padded(&self) -> Result<Vec<f32>> {
        Ok(padded_rows(self.cpu()?, self.channels).into_owned())
    }

    /// The values of each token by themselves.
    pub(crate) fn to_rows(&self) -> Result<Vec<Vec<f32>>> {
        match &self.values {
            Values::Cpu(values) => Ok(values.chunks(self.channels.max(1)).map(<[f32]>::to_vec).collect()),
            #[cfg(feature = "candle")]
            Values::Candle(values) => Ok(values.flatten_to(1)?.to_dtype(DType::F32)?.to_vec2()?),
            #[cfg(feature = "gpu")]
            Values::Gpu(_) => Err(mixed()),
        }
    }
}
