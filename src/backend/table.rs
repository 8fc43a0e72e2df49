//! Learned rows that are looked up and not multiplied: the embeddings of tokens and of positions.

use super::Backend;
use super::tokens::Tokens;
use crate::error::{Error, ErrorKind, Result};
use std::iter::repeat_n;
use std::sync::Arc;

#[cfg(feature = "candle")]
use candle_core::Tensor;

/// Rows of `channels` values each, or one such row.
pub(crate) struct Table {
    pub(super) channels: usize,
    rows: Rows,
}

enum Rows {
    Cpu(Vec<f32>),
    #[cfg(feature = "candle")]
    Candle(Tensor),
}

impl Table {
    /// Of values of that shape: (rows, channels) or (channels).
    pub(crate) fn new(values: Vec<f32>, shape: &[usize], backend: &Backend) -> Result<Self> {
        let channels = shape.last().copied().unwrap_or(1);
        #[cfg(feature = "candle")]
        if !backend.has_kernels() {
            return Ok(Self { channels, rows: Rows::Candle(backend.tensor(values, shape)?) });
        }
        let _ = backend;
        Ok(Self { channels, rows: Rows::Cpu(values) })
    }

    /// The rows on the CPU, one after the other.
    pub(super) fn cpu(&self) -> Result<&[f32]> {
        match &self.rows {
            Rows::Cpu(values) => Ok(values),
            #[cfg(feature = "candle")]
            Rows::Candle(_) => Err(super::mixed()),
        }
    }

    /// The rows where candle computes: (rows, channels) or (channels).
    #[cfg(feature = "candle")]
    pub(super) fn candle(&self) -> Result<&Tensor> {
        match &self.rows {
            Rows::Candle(values) => Ok(values),
            Rows::Cpu(_) => Err(super::mixed()),
        }
    }
}

/// The tokens of texts, with their positions added, each padded to the length of the longest. The last token of each
/// text becomes its embedding, and what stands after it is never looked at.
pub(crate) fn embed_ids(texts: &[&[u32]], ids: &Table, positions: &Table, backend: &Backend) -> Result<Tokens> {
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or_default();
    let embedding_rows: Arc<[usize]> =
        texts.iter().enumerate().map(|(row, text)| row * longest + text.len() - 1).collect();
    let filled = texts.iter().flat_map(|text| text.iter().copied().chain(repeat_n(0, longest - text.len())));
    #[cfg(feature = "candle")]
    if !backend.has_kernels() {
        let filled = Tensor::from_vec(filled.collect(), texts.len() * longest, backend.device())?;
        let tokens = ids.candle()?.index_select(&filled, 0)?.reshape((texts.len(), longest, ids.channels))?;
        return Tokens::of_tensor(tokens.broadcast_add(&positions.candle()?.narrow(0, 0, longest)?)?, embedding_rows);
    }
    let channels = ids.channels;
    let mut tokens = Tokens::unwritten(backend.buffers()?, [texts.len(), longest, channels], embedding_rows)?;
    let y = tokens.cpu_mut()?;
    let (ids, positions) = (ids.cpu()?, positions.cpu()?);
    let places = y.chunks_exact_mut(channels).zip(filled);
    for ((place, id), position) in places.zip(positions.chunks_exact(channels).take(longest).cycle()) {
        let row = ids.chunks_exact(channels).nth(id as usize);
        let row = row.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, format!("there is no token {id}")))?;
        for ((y, value), position) in place.iter_mut().zip(row).zip(position) {
            *y = value + position;
        }
    }
    Ok(tokens)
}
