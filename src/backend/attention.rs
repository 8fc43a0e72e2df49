//! Attention: what the tokens gather from each other, between a layer's projections. In: queries, keys and values, each
//! (batch, tokens, channels). Out: as many tokens as there are queries.

#[cfg(feature = "gpu")]
use super::gpu::OnGpu;
use super::tokens::{Tokens, Values};
use crate::error::Result;
use kernels::Isa;

#[cfg(feature = "candle")]
use candle_core::{D, DType, Tensor};

/// What a token may attend to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// All tokens.
    None,
    /// Itself and those before it.
    Causal,
}

/// Scaled dot-product attention of `num_heads` heads, each of which owns `channels / num_heads` neighboring channels.
/// Queries, and with them the results, are of all tokens or of the first few of each photo or text.
/// <https://arxiv.org/abs/1706.03762>
pub(crate) fn attention([query, key, value]: [&Tokens; 3], num_heads: usize, mask: Mask) -> Result<Tokens> {
    let head_size = query.channels / num_heads;
    let sizes = kernels::Attention {
        batch: query.batch,
        tokens: key.tokens,
        queries: query.tokens,
        heads: num_heads,
        head_size,
        causal: mask == Mask::Causal,
    };
    match (&query.values, &key.values, &value.values) {
        (Values::Cpu(queries), Values::Cpu(keys), Values::Cpu(values)) => {
            let mut attended = query.alike(query.channels)?;
            let y = attended.cpu_mut()?;
            queries.buffers().with_workspace(|workspace, threads| {
                sizes.run(Isa::best(), [queries, keys, values], y, workspace, threads)
            })?;
            Ok(attended)
        }
        #[cfg(feature = "gpu")]
        (Values::Gpu(queries), Values::Gpu(keys), Values::Gpu(values)) => {
            Ok(query.of_gpu(OnGpu::attention([queries, keys, values], &sizes)?, query.channels))
        }
        #[cfg(feature = "candle")]
        (Values::Candle(queries), Values::Candle(keys), Values::Candle(values)) => {
            let attended = by_candle([queries, keys, values], num_heads, mask)?;
            Tokens::of_tensor(attended, query.embedding_rows.clone())
        }
        #[cfg(any(feature = "candle", feature = "gpu"))]
        _ => Err(super::mixed()),
    }
}

#[cfg(feature = "candle")]
fn by_candle([query, key, value]: [&Tensor; 3], num_heads: usize, mask: Mask) -> Result<Tensor> {
    let (batch, queries, channels) = query.dims3()?;
    let (tokens, head_size) = (key.dim(1)?, channels / num_heads);
    let heads = |x: &Tensor| x.reshape((batch, (), num_heads, head_size))?.transpose(1, 2)?.contiguous();
    let scaled = (heads(query)? * (head_size as f64).powf(-0.5))?;
    // The softmax is taken in single precision: half of it would lose what it makes of small differences.
    let dtype = query.dtype();
    let mut scores = scaled.matmul(&heads(key)?.transpose(D::Minus2, D::Minus1)?)?.to_dtype(DType::F32)?;
    if mask == Mask::Causal {
        let later = (0..queries * tokens).map(|at| if at % tokens > at / tokens { f32::NEG_INFINITY } else { 0.0 });
        let later = Tensor::from_iter(later, query.device())?.reshape((queries, tokens))?;
        scores = scores.broadcast_add(&later)?;
    }
    let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(dtype)?;
    Ok(weights.matmul(&heads(value)?)?.transpose(1, 2)?.reshape((batch, queries, channels))?)
}
