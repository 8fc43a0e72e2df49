//! Layer norms.

use super::Backend;
use super::tokens::{Tokens, Values};
use crate::error::Result;
use kernels::Isa;

#[cfg(feature = "candle")]
use candle_core::Module;

/// Layer normalization over the channels of each token. <https://arxiv.org/abs/1607.06450>
pub(crate) enum LayerNorm {
    Kernel {
        weight: Vec<f32>,
        bias: Vec<f32>,
        eps: f32,
    },
    #[cfg(feature = "candle")]
    Candle(candle_nn::LayerNorm),
}

impl LayerNorm {
    /// Of `weight` and `bias`, both (channels).
    pub(crate) fn new(weight: Vec<f32>, bias: Vec<f32>, eps: f64, backend: &Backend) -> Result<Self> {
        #[cfg(feature = "candle")]
        if !backend.has_kernels() {
            let shape = [weight.len()];
            let (weight, bias) = (backend.tensor(weight, &shape)?, backend.tensor(bias, &shape)?);
            return Ok(Self::Candle(candle_nn::LayerNorm::new(weight, bias, eps)));
        }
        let _ = backend;
        Ok(Self::Kernel { weight, bias, eps: eps as f32 })
    }

    /// Each token by itself.
    pub(crate) fn forward(&self, x: &Tokens) -> Result<Tokens> {
        match (self, &x.values) {
            (Self::Kernel { weight, bias, eps }, Values::Cpu(values)) => {
                let mut y = x.alike(x.channels)?;
                kernels::layer_norm(
                    Isa::best(),
                    values,
                    [weight, bias],
                    *eps,
                    y.cpu_mut()?,
                    values.buffers().threads(),
                )?;
                Ok(y)
            }
            #[cfg(feature = "gpu")]
            (Self::Kernel { weight, bias, eps }, Values::Gpu(values)) => {
                Ok(x.of_gpu(values.normed(x.gpu_rows(), [weight, bias], *eps)?, x.channels))
            }
            #[cfg(feature = "candle")]
            (Self::Candle(norm), Values::Candle(values)) => {
                Tokens::of_tensor(norm.forward(&values.contiguous()?)?, x.embedding_rows.clone())
            }
            #[cfg(feature = "candle")]
            _ => Err(super::mixed()),
        }
    }
}
