//! Layer norms.

use super::Backend;
use super::tokens::{Tokens, Values};
use crate::error::Result;
use crate::weights::{TensorSpec, Weights};
use kernels::Isa;

#[cfg(not(target_arch = "wasm32"))]
use candle_core::Module;

/// Layer normalisation over the channels of each token. <https://arxiv.org/abs/1607.06450>
pub(crate) enum LayerNorm {
    Kernel {
        weight: Vec<f32>,
        bias: Vec<f32>,
        eps: f32,
    },
    #[cfg(not(target_arch = "wasm32"))]
    Candle(candle_nn::LayerNorm),
}

impl LayerNorm {
    /// The tensors that [`take`](Self::take) takes.
    pub(crate) fn specs(prefix: &str, channels: usize) -> [TensorSpec; 2] {
        ["weight", "bias"].map(|part| TensorSpec::new(format!("{prefix}.{part}"), [channels]))
    }

    /// Takes `{prefix}.weight` and `{prefix}.bias`, both (channels).
    pub(crate) fn take(weights: &mut Weights, prefix: &str, eps: f64, backend: &Backend) -> Result<Self> {
        let weight = weights.take(&format!("{prefix}.weight"), backend.device())?;
        let bias = weights.take(&format!("{prefix}.bias"), backend.device())?;
        #[cfg(not(target_arch = "wasm32"))]
        if !backend.has_kernels() {
            return Ok(Self::Candle(candle_nn::LayerNorm::new(weight, bias, eps)));
        }
        Ok(Self::Kernel { weight: weight.to_vec1()?, bias: bias.to_vec1()?, eps: eps as f32 })
    }

    /// Tokens to as many.
    pub(crate) fn forward(&self, x: &Tokens) -> Result<Tokens> {
        match (self, &x.values) {
            (Self::Kernel { weight, bias, eps }, Values::Cpu(values)) => {
                let mut y = x.alike(x.channels)?;
                kernels::layer_norm(Isa::best(), values, [weight, bias], *eps, y.cpu_mut()?, &kernels::POOL)?;
                Ok(y)
            }
            #[cfg(not(target_arch = "wasm32"))]
            (Self::Candle(norm), Values::Candle(values)) => {
                Tokens::of_tensor(norm.forward(&values.contiguous()?)?, x.fine.clone())
            }
            #[cfg(not(target_arch = "wasm32"))]
            _ => Err(super::mixed()),
        }
    }
}
