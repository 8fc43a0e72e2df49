//! Linear layers: nineteen parts in twenty of a model's time.

#[cfg(feature = "candle")]
use super::Backend;
use super::tokens::{Tokens, Values};
use super::{Activation, mixed};
use crate::error::Result;
use kernels::{Layer, Output, Packed, PackedBuilder};

#[cfg(feature = "candle")]
use candle_core::{Module, Tensor};

/// `y = x · Wᵀ + bias`, over the channels of each token.
pub(crate) enum Linear {
    Packed(Box<Packed>),
    #[cfg(feature = "candle")]
    Candle(candle_nn::Linear),
}

impl Linear {
    /// Of a weight that was packed as it was read.
    pub(crate) fn packed(weight: PackedBuilder, bias: Option<&[f32]>) -> Result<Self> {
        Ok(Self::Packed(Box::new(weight.finish(bias)?)))
    }

    /// Of the values of a weight, outputs on the first axis and inputs on all others.
    #[cfg(feature = "candle")]
    pub(crate) fn candle(weight: Vec<f32>, shape: &[usize], bias: Option<Vec<f32>>, backend: &Backend) -> Result<Self> {
        let weight = Tensor::from_vec(weight, shape, backend.device())?.flatten_from(1)?;
        let bias = bias.map(|bias| Tensor::new(bias, backend.device())).transpose()?;
        Ok(Self::Candle(candle_nn::Linear::new(weight, bias)))
    }

    /// Tokens of `in` channels to the same number of tokens of `out` channels.
    pub(crate) fn forward(&self, x: &Tokens) -> Result<Tokens> {
        let [y] = Self::forward_all([self], x)?;
        Ok(y)
    }

    /// The same by several layers.
    pub(crate) fn forward_all<const N: usize>(layers: [&Self; N], x: &Tokens) -> Result<[Tokens; N]> {
        Self::activated(layers, x, Activation::None)
    }

    /// The same; in 8 bits all tokens are computed as finely as those that become embeddings.
    pub(crate) fn forward_all_finely<const N: usize>(layers: [&Self; N], x: &Tokens) -> Result<[Tokens; N]> {
        let mut fine = x.clone();
        fine.all_become_embeddings();
        let mut results = Self::forward_all(layers, &fine)?;
        results.iter_mut().for_each(|result| result.embedding_rows = x.embedding_rows.clone());
        Ok(results)
    }

    /// The same, and the activation of it.
    pub(crate) fn forward_activated(&self, x: &Tokens, activation: Activation) -> Result<Tokens> {
        let [y] = Self::activated([self], x, activation)?;
        Ok(y)
    }

    fn activated<const N: usize>(layers: [&Self; N], x: &Tokens, activation: Activation) -> Result<[Tokens; N]> {
        let mut results = Vec::with_capacity(N);
        match &x.values {
            Values::Cpu(_) => {
                for layer in layers {
                    results.push(x.alike(layer.as_packed()?.outputs())?);
                }
                let output = Output::Set(activation);
                let layers = layers.iter().zip(&mut results);
                multiply(layers.map(|(layer, y)| layer.layer(output, y.cpu_mut()?)).collect::<Result<_>>()?, x)?;
            }
            #[cfg(feature = "candle")]
            Values::Candle(values) => {
                for layer in layers {
                    let y = activate(&layer.as_candle()?.forward(values)?, activation)?;
                    results.push(Tokens::of_tensor(y, x.embedding_rows.clone())?);
                }
            }
        }
        results.try_into().map_err(|_| mixed())
    }

    /// Adds to `sum`, tokens of `out` channels, what [`forward`](Self::forward) gives of `x`.
    pub(crate) fn add_forward(&self, x: &Tokens, sum: &mut Tokens) -> Result<()> {
        match &x.values {
            Values::Cpu(_) => multiply(vec![self.layer(Output::Add, sum.cpu_mut()?)?], x),
            #[cfg(feature = "candle")]
            Values::Candle(x) => {
                sum.values = Values::Candle((sum.candle()? + self.as_candle()?.forward(x)?)?);
                Ok(())
            }
        }
    }

    /// This layer for the kernels, with its result's place.
    pub(super) fn layer<'a>(&'a self, output: Output, y: &'a mut [f32]) -> Result<Layer<'a>> {
        Ok(Layer { weight: self.as_packed()?, output, y })
    }

    fn as_packed(&self) -> Result<&Packed> {
        match self {
            Self::Packed(packed) => Ok(packed),
            #[cfg(feature = "candle")]
            Self::Candle(_) => Err(mixed()),
        }
    }

    #[cfg(feature = "candle")]
    pub(super) fn as_candle(&self) -> Result<&candle_nn::Linear> {
        match self {
            Self::Candle(linear) => Ok(linear),
            Self::Packed(_) => Err(mixed()),
        }
    }
}

/// Gives `x`, which is on the CPU, to layers.
pub(super) fn multiply(layers: Vec<Layer<'_>>, x: &Tokens) -> Result<()> {
    let values = x.cpu()?;
    let (rows, embedding_rows) = (x.rows(), &x.embedding_rows);
    Ok(values.buffers().with_workspace(|workspace, threads| {
        kernels::multiply(layers, values, rows, embedding_rows, workspace, threads)
    })?)
}

/// The activation, elementwise, by candle.
#[cfg(feature = "candle")]
fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    Ok(match activation {
        Activation::None => x.clone(),
        Activation::QuickGelu => (x * candle_nn::ops::sigmoid(&(x * 1.702)?)?)?,
        Activation::Gelu => x.gelu_erf()?,
        Activation::GeluTanh => x.gelu()?,
    })
}
