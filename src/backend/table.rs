//! Learned rows that are looked up and not multiplied: the embeddings of tokens and of positions.

use super::tokens::Tokens;
use super::{Backend, mixed, with_values};
use crate::error::Result;
use crate::weights::Weights;
use candle_core::Tensor;
use std::iter::repeat_n;
use std::sync::Arc;

/// Rows of `channels` values each, or one such row.
pub(crate) struct Table(Tensor);

impl Table {
    /// Takes the tensor of that name: (rows, channels) or (channels).
    pub(crate) fn take(weights: &mut Weights, name: &str, backend: &Backend) -> Result<Self> {
        weights.take(name, backend.device()).map(Self)
    }

    pub(super) fn tensor(&self) -> &Tensor {
        &self.0
    }

    pub(super) fn channels(&self) -> usize {
        self.0.dims().last().copied().unwrap_or_default()
    }
}

/// The tokens of texts, with their positions added, in as many rows for each as the longest has. The last token of each
/// text becomes its embedding, and what stands after it is never looked at.
pub(crate) fn embed_ids(texts: &[&[u32]], ids: &Table, positions: &Table, backend: &Backend) -> Result<Tokens> {
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or_default();
    let fine: Arc<[usize]> = texts.iter().enumerate().map(|(row, text)| row * longest + text.len() - 1).collect();
    let filled = texts.iter().flat_map(|text| text.iter().copied().chain(repeat_n(0, longest - text.len())));
    #[cfg(not(target_arch = "wasm32"))]
    if !backend.has_kernels() {
        let filled = Tensor::from_vec(filled.collect(), texts.len() * longest, backend.device())?;
        let tokens = ids.0.index_select(&filled, 0)?.reshape((texts.len(), longest, ids.channels()))?;
        return Tokens::of_tensor(tokens.broadcast_add(&positions.0.narrow(0, 0, longest)?)?, fine);
    }
    let channels = ids.channels();
    let mut tokens = Tokens::unwritten(backend.pool()?, [texts.len(), longest, channels], fine)?;
    let y = tokens.cpu_mut()?;
    with_values(&[&ids.0, &positions.0], |learned| {
        let &[ids, positions] = learned else { return Err(mixed()) };
        let places = y.chunks_exact_mut(channels).zip(filled);
        for ((place, id), position) in places.zip(positions.chunks_exact(channels).take(longest).cycle()) {
            let row = ids.chunks_exact(channels).nth(id as usize).ok_or_else(mixed)?;
            for ((y, value), position) in place.iter_mut().zip(row).zip(position) {
                *y = value + position;
            }
        }
        Ok(())
    })?;
    Ok(tokens)
}
