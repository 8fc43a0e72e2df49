//! Linear layers: nineteen parts in twenty of a model's time.

#[cfg(feature = "candle")]
use super::Backend;
#[cfg(feature = "gpu")]
use super::gpu::{Add, GpuLinear, Matrix};
use super::tokens::{Tokens, Values};
use super::{Activation, mixed};
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::error::{Error, ErrorKind};
use kernels::{Layer, Output, Packed, PackedBuilder};

#[cfg(feature = "candle")]
use candle_core::{Module, Tensor};

/// `y = x · Wᵀ + bias`, over the channels of each token.
pub(crate) enum Linear {
    Packed(Box<Packed>),
    #[cfg(feature = "candle")]
    Candle(candle_nn::Linear),
    /// The weight is on a GPU.
    #[cfg(feature = "gpu")]
    Gpu(GpuLinear),
}

impl Linear {
    /// Of a weight that was packed as it was read.
    pub(crate) fn packed(weight: PackedBuilder, bias: Option<&[f32]>) -> Result<Self> {
        Ok(Self::Packed(Box::new(weight.finish(bias)?)))
    }

    /// Of a weight that was given to a GPU, outputs on the first axis of its shape and inputs on all others.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`](crate::error::ErrorKind::Compute): it was not.
    #[cfg(feature = "gpu")]
    pub(crate) fn gpu(name: String, shape: &[usize], matrix: &Matrix, bias: Option<Vec<f32>>) -> Result<Self> {
        if !matrix.bytes.is_empty() {
            let what = format!("tensor {name} was not taken to the GPU: Loader::take_matrices gives it");
            return Err(Error::new(ErrorKind::Compute, what));
        }
        let (outputs, inputs) = (shape.first().copied().unwrap_or(1), shape.iter().skip(1).product());
        Ok(Self::Gpu(GpuLinear { name, half: matrix.half, outputs, inputs, bias }))
    }

    /// Of the values of a weight, outputs on the first axis and inputs on all others.
    #[cfg(feature = "candle")]
    pub(crate) fn candle(weight: Vec<f32>, shape: &[usize], bias: Option<Vec<f32>>, backend: &Backend) -> Result<Self> {
        let weight = backend.tensor(weight, shape)?.flatten_from(1)?;
        let bias = bias.map(|bias| backend.tensor(bias, &[weight.dim(0)?])).transpose()?;
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
            #[cfg(feature = "gpu")]
            Values::Gpu(values) => {
                let layers = layers.iter().map(|layer| layer.as_gpu()).collect::<Result<Vec<_>>>()?;
                let all = values.multiplied(&layers, x.rows(), activation)?;
                results.extend(all.into_iter().zip(&layers).map(|(y, layer)| x.of_gpu(y, layer.outputs)));
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
            #[cfg(feature = "gpu")]
            Values::Gpu(values) => {
                let rows = sum.rows();
                values.multiply(&[self.as_gpu()?], rows, sum.gpu_mut()?, Activation::None, &Add::Itself)
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
            #[cfg(any(feature = "candle", feature = "gpu"))]
            _ => Err(mixed()),
        }
    }

    #[cfg(feature = "candle")]
    pub(super) fn as_candle(&self) -> Result<&candle_nn::Linear> {
        match self {
            Self::Candle(linear) => Ok(linear),
            _ => Err(mixed()),
        }
    }

    #[cfg(feature = "gpu")]
    pub(super) fn as_gpu(&self) -> Result<&GpuLinear> {
        match self {
            Self::Gpu(linear) => Ok(linear),
            _ => Err(mixed()),
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
