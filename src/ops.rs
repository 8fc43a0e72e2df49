//! The operations of the model: linear layers, layer norms, attention, activations.
//!
//! The towers in `clip/` say what is computed; this is the one place that decides with what. Each operation is
//! candle's, on any device; a faster kernel for a device enters here, behind the same signature, and the towers do not
//! change.
//!
//! Tensors are f32. `(b, t, c)` is batch, token, channel.

use crate::clip::config::Activation;
use crate::error::{Error, ErrorKind, Result};
use crate::weights::{TensorSpec, Weights};
use candle_core::{D, Device, Module, Tensor};

/// `y = x · Wᵀ + bias`, over the last axis.
pub(crate) struct Linear(candle_nn::Linear);

impl Linear {
    /// The tensors that [`take`](Self::take) takes.
    pub(crate) fn specs(prefix: &str, outputs: usize, inputs: usize) -> [TensorSpec; 2] {
        [
            TensorSpec::new(format!("{prefix}.weight"), [outputs, inputs]),
            TensorSpec::new(format!("{prefix}.bias"), [outputs]),
        ]
    }

    /// Takes `{prefix}.weight` (out, in) and `{prefix}.bias` (out).
    pub(crate) fn take(weights: &mut Weights, prefix: &str, device: &Device) -> Result<Self> {
        let weight = weights.take(&format!("{prefix}.weight"), device)?;
        let bias = weights.take(&format!("{prefix}.bias"), device)?;
        Ok(Self(candle_nn::Linear::new(weight, Some(bias))))
    }

    /// A layer without bias; `weight` has the outputs on its first axis, the inputs on all others.
    pub(crate) fn without_bias(weight: Tensor) -> Result<Self> {
        Ok(Self(candle_nn::Linear::new(weight.flatten_from(1)?, None)))
    }

    /// (…, in) to (…, out).
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.0.forward(x)?)
    }
}

/// Layer normalisation over the last axis. <https://arxiv.org/abs/1607.06450>
pub(crate) struct LayerNorm(candle_nn::LayerNorm);

impl LayerNorm {
    /// The tensors that [`take`](Self::take) takes.
    pub(crate) fn specs(prefix: &str, channels: usize) -> [TensorSpec; 2] {
        ["weight", "bias"].map(|part| TensorSpec::new(format!("{prefix}.{part}"), [channels]))
    }

    /// Takes `{prefix}.weight` and `{prefix}.bias`, both (channels).
    pub(crate) fn take(weights: &mut Weights, prefix: &str, eps: f64, device: &Device) -> Result<Self> {
        let weight = weights.take(&format!("{prefix}.weight"), device)?;
        let bias = weights.take(&format!("{prefix}.bias"), device)?;
        Ok(Self(candle_nn::LayerNorm::new(weight, bias, eps)))
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.0.forward(&x.contiguous()?)?)
    }
}

/// What a token may attend to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// All tokens.
    None,
    /// Itself and those before it.
    Causal,
}

/// Scaled dot-product attention of `num_heads` heads; queries, keys, values and the result are (b, t, c), each head
/// owning `c / num_heads` neighbouring channels. <https://arxiv.org/abs/1706.03762>
pub(crate) fn attention(query: &Tensor, key: &Tensor, value: &Tensor, num_heads: usize, mask: Mask) -> Result<Tensor> {
    let (batch, tokens, channels) = query.dims3()?;
    let head_size = channels / num_heads;
    let heads = |x: &Tensor| x.reshape((batch, tokens, num_heads, head_size))?.transpose(1, 2)?.contiguous();
    let query = (heads(query)? * (head_size as f64).powf(-0.5))?;
    let mut scores = query.matmul(&heads(key)?.transpose(D::Minus2, D::Minus1)?)?;
    if mask == Mask::Causal {
        let later = (0..tokens * tokens).map(|at| if at % tokens > at / tokens { f32::NEG_INFINITY } else { 0.0 });
        let later = Tensor::from_iter(later, query.device())?.reshape((tokens, tokens))?;
        scores = scores.broadcast_add(&later)?;
    }
    let weights = candle_nn::ops::softmax_last_dim(&scores)?;
    Ok(weights.matmul(&heads(value)?)?.transpose(1, 2)?.reshape((batch, tokens, channels))?)
}

/// The activation, elementwise.
pub(crate) fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    Ok(match activation {
        Activation::QuickGelu => (x * candle_nn::ops::sigmoid(&(x * 1.702)?)?)?,
        Activation::Gelu => x.gelu_erf()?,
        Activation::GeluPytorchTanh => x.gelu()?,
    })
}

/// The device that a name stands for: `"cpu"`, `"cuda"` (the first GPU) or `"cuda:N"`.
///
/// # Errors
/// [`ErrorKind::Device`]: the device is not there, or this build has no support for it; the message says how to build
/// one that has. [`ErrorKind::InvalidArgument`]: an unknown name.
pub fn device_from_name(name: &str) -> Result<Device> {
    let ordinal = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
    };
    let Some(ordinal) = ordinal else {
        let what = format!("unknown device {name:?}: there are \"cpu\", \"cuda\" and \"cuda:N\"");
        return Err(Error::new(ErrorKind::InvalidArgument, what));
    };
    if !candle_core::utils::cuda_is_available() {
        let what = format!("device {name:?}: this build has no CUDA; build with `--features cuda` (or `cudnn`)");
        return Err(Error::new(ErrorKind::Device, what));
    }
    Device::new_cuda(ordinal)
        .map_err(|error| Error::new(ErrorKind::Device, format!("device {name:?} does not start")).with_source(error))
}
