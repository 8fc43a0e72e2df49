//! The operations of the model: linear layers, layer norms, attention, activations.
//!
//! The towers in `clip/` say what is computed; this is the one place that decides with what ([`Backend`]): on the CPU with
//! the kernels, whose weights are packed as they are read; on a GPU with candle's operations. Both have the same
//! signatures, and the towers don't know.
//!
//! Tensors are f32. `(b, t, c)` is batch, token, channel.

use crate::error::{Error, ErrorKind, Result};
use crate::model::config::Activation;
use crate::weights::{TensorSpec, Weights};
use candle_core::{CpuStorage, D, Device, IndexOp, Module, Storage, Tensor};
use kernels::{Isa, Layer, Output, Packed, Packing, Rotation, Workspace};
use std::cell::RefCell;
use std::str::FromStr;

/// The arithmetic of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precision {
    /// As the weights are stored: [`Int8`](Self::Int8) for a file that `clip-vision convert` wrote in 8 bits, and else
    /// [`F32`](Self::F32).
    #[default]
    Stored,
    /// Single precision: embeddings equal to Python's.
    F32,
    /// Linear layers in 8-bit integers, everything else in single precision: a quarter of the memory, and faster.
    /// On the CPU only.
    Int8,
}

impl Precision {
    /// The name that the command line and the npm package use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}

impl FromStr for Precision {
    type Err = Error;

    /// Reads `"f32"`, `"int8"` or `"stored"`.
    fn from_str(name: &str) -> Result<Self> {
        let known = [Self::Stored, Self::F32, Self::Int8].into_iter().find(|precision| precision.name() == name);
        known.ok_or_else(|| {
            let what = format!("unknown precision {name:?}: there are \"f32\", \"int8\" and \"stored\"");
            Error::new(ErrorKind::InvalidArgument, what)
        })
    }
}

/// Where the model computes, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    device: Device,
    precision: Precision,
}

impl Backend {
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] where the device does not have the precision.
    pub(crate) fn new(device: &Device, precision: Precision) -> Result<Self> {
        if precision == Precision::Int8 && !device.is_cpu() {
            return Err(Error::new(ErrorKind::InvalidArgument, "precision int8 is computed on the CPU only"));
        }
        Ok(Self { device: device.clone(), precision })
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// How a layer's weight is packed; `None` where candle computes.
    fn packing(&self, role: Role) -> Option<Packing> {
        match (self.device.is_cpu(), self.precision, role.rotation()) {
            (false, ..) => None,
            (true, Precision::Int8, Some(rotation)) => Some(Packing::Int8(rotation)),
            (true, ..) => Some(Packing::F32),
        }
    }
}

/// What a linear layer works on, which decides on its packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Pixels: no channel is far larger than the others.
    Patches,
    /// Tokens inside the encoder, some channels of which are far larger than the others.
    Hidden,
    /// The one token that becomes the embedding: nothing to gain by 8 bits.
    Projection,
}

impl Role {
    /// How the layer's weight is turned in 8 bits; `None` where it never is in 8 bits.
    fn rotation(self) -> Option<Rotation> {
        match self {
            Self::Patches => Some(Rotation::Off),
            Self::Hidden => Some(Rotation::On),
            Self::Projection => None,
        }
    }
}

thread_local! {
    /// The kernels' memory, used again by every call on this thread.
    static WORKSPACE: RefCell<Workspace> = const { RefCell::new(Workspace::new()) };
}

/// Runs kernels with this thread's workspace.
fn with_workspace<T>(work: impl FnOnce(&mut Workspace) -> Result<T>) -> Result<T> {
    WORKSPACE.with(|workspace| match workspace.try_borrow_mut() {
        Ok(mut workspace) => work(&mut workspace),
        // A task that rayon ran on this thread while another waited for its own.
        Err(_) => work(&mut Workspace::new()),
    })
}

/// The values of tensors on the CPU, without gaps, for `work` on slices.
fn with_values<const N: usize, T>(tensors: [&Tensor; N], work: impl FnOnce([&[f32]; N]) -> Result<T>) -> Result<T> {
    let guards = tensors.map(Tensor::storage_and_layout);
    let mut slices: [&[f32]; N] = [&[]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let values = match (&**storage, layout.contiguous_offsets()) {
            (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => values.get(start..end),
            _ => None,
        };
        let not_plain = || Error::new(ErrorKind::Compute, "kernels take contiguous f32 tensors on the CPU");
        *slice = values.ok_or_else(not_plain)?;
    }
    work(slices)
}

/// `y = x · Wᵀ + bias`, over the last axis.
pub(crate) enum Linear {
    Candle(candle_nn::Linear),
    Packed(Box<Packed>),
}

impl Linear {
    /// The tensors that [`take`](Self::take) takes.
    pub(crate) fn specs(prefix: &str, outputs: usize, inputs: usize, backend: &Backend) -> [TensorSpec; 2] {
        [
            Self::weight_spec(&format!("{prefix}.weight"), [outputs, inputs], Role::Hidden, backend),
            TensorSpec::new(format!("{prefix}.bias"), [outputs]),
        ]
    }

    /// The tensor of a layer without bias: outputs on the first axis, inputs on all others.
    pub(crate) fn weight_spec(name: &str, shape: impl Into<Vec<usize>>, role: Role, backend: &Backend) -> TensorSpec {
        TensorSpec::new(name, shape).packed(backend.packing(role), role.rotation())
    }

    /// Takes `{prefix}.weight` (out, in) and `{prefix}.bias` (out).
    pub(crate) fn take(weights: &mut Weights, prefix: &str, backend: &Backend) -> Result<Self> {
        let bias = weights.take(&format!("{prefix}.bias"), &backend.device)?;
        Self::take_weight(weights, &format!("{prefix}.weight"), Some(bias), backend)
    }

    /// Takes the weight of a layer without bias.
    pub(crate) fn take_without_bias(weights: &mut Weights, name: &str, backend: &Backend) -> Result<Self> {
        Self::take_weight(weights, name, None, backend)
    }

    fn take_weight(weights: &mut Weights, name: &str, bias: Option<Tensor>, backend: &Backend) -> Result<Self> {
        if !backend.device.is_cpu() {
            let weight = weights.take(name, &backend.device)?.flatten_from(1)?;
            return Ok(Self::Candle(candle_nn::Linear::new(weight, bias)));
        }
        let builder = weights.take_packed(name)?;
        let bias = bias.map(|bias| bias.to_vec1::<f32>()).transpose()?;
        Ok(Self::Packed(Box::new(builder.finish(bias.as_deref())?)))
    }

    /// (…, in) to (…, out). Where the weight has 8 bits, the `pooled` ones among the rows of `x`, of which embeddings are
    /// made, are taken more exactly than the rest.
    pub(crate) fn forward(&self, x: &Tensor, pooled: &[usize]) -> Result<Tensor> {
        let [y] = Self::forward_all([self], x, pooled)?;
        Ok(y)
    }

    /// The same by several layers.
    pub(crate) fn forward_all<const N: usize>(layers: [&Self; N], x: &Tensor, pooled: &[usize]) -> Result<[Tensor; N]> {
        let plain = Output::Set(kernels::Activation::None);
        compute(layers.map(|layer| (layer, plain, &[][..])), x, pooled, |linear| Ok(linear.forward(x)?))
    }

    /// The same, and the activation of it.
    pub(crate) fn forward_activated(&self, x: &Tensor, activation: Activation, pooled: &[usize]) -> Result<Tensor> {
        let output = Output::Set(activation.into());
        let [y] = compute([(self, output, &[])], x, pooled, |linear| activate(&linear.forward(x)?, activation))?;
        Ok(y)
    }

    /// The same, added to `residual` (…, out).
    pub(crate) fn forward_added(&self, x: &Tensor, residual: &Tensor, pooled: &[usize]) -> Result<Tensor> {
        let candle = |linear: &candle_nn::Linear| Ok((residual + linear.forward(x)?)?);
        if let Self::Candle(linear) = self {
            return candle(linear);
        }
        let residual = residual.contiguous()?;
        with_values([&residual], |[values]| {
            let [y] = compute([(self, Output::Add, values)], x, pooled, candle)?;
            Ok(y)
        })
    }
}

/// Gives `x` to each layer: to the packed ones together, to candle's by `candle`. The last of each layer is what is added to.
fn compute<const N: usize>(
    layers: [(&Linear, Output, &[f32]); N],
    x: &Tensor,
    pooled: &[usize],
    candle: impl Fn(&candle_nn::Linear) -> Result<Tensor>,
) -> Result<[Tensor; N]> {
    let (mut tensors, mut packed) = (Vec::with_capacity(N), Vec::with_capacity(N));
    for (layer, output, before) in layers {
        match layer {
            Linear::Candle(linear) => tensors.push(candle(linear)?),
            Linear::Packed(weight) => packed.push((&**weight, output, before)),
        }
    }
    if !packed.is_empty() {
        let (&channels, others) = x.dims().split_last().unwrap_or((&1, &[]));
        let rows: usize = others.iter().product();
        debug_assert_eq!(rows * channels, x.elem_count());
        let before = |(weight, output, before): &(&Packed, Output, &[f32])| match output {
            Output::Set(_) => vec![0.0; rows * weight.outputs()],
            Output::Add => before.to_vec(),
        };
        let mut results: Vec<Vec<f32>> = packed.iter().map(before).collect();
        let layers =
            packed.iter().zip(&mut results).map(|((weight, output, _), y)| Layer { weight, output: *output, y });
        with_values([&x.contiguous()?], |[x]| {
            with_workspace(|workspace| {
                Ok(kernels::multiply(layers.collect(), x, rows, pooled, workspace, &kernels::POOL)?)
            })
        })?;
        for (y, (weight, ..)) in results.into_iter().zip(packed) {
            tensors.push(Tensor::from_vec(y, [others, &[weight.outputs()]].concat(), &Device::Cpu)?);
        }
    }
    tensors.try_into().map_err(|_| Error::new(ErrorKind::Compute, "layers of the CPU and of a GPU at once"))
}

impl From<Activation> for kernels::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::QuickGelu => Self::QuickGelu,
            Activation::Gelu => Self::Gelu,
            Activation::GeluPytorchTanh => Self::GeluTanh,
        }
    }
}

/// Layer normalisation over the last axis. <https://arxiv.org/abs/1607.06450>
pub(crate) enum LayerNorm {
    Candle(candle_nn::LayerNorm),
    Kernel { weight: Vec<f32>, bias: Vec<f32>, eps: f32 },
}

impl LayerNorm {
    /// The tensors that [`take`](Self::take) takes.
    pub(crate) fn specs(prefix: &str, channels: usize) -> [TensorSpec; 2] {
        ["weight", "bias"].map(|part| TensorSpec::new(format!("{prefix}.{part}"), [channels]))
    }

    /// Takes `{prefix}.weight` and `{prefix}.bias`, both (channels).
    pub(crate) fn take(weights: &mut Weights, prefix: &str, eps: f64, backend: &Backend) -> Result<Self> {
        let weight = weights.take(&format!("{prefix}.weight"), &backend.device)?;
        let bias = weights.take(&format!("{prefix}.bias"), &backend.device)?;
        if !backend.device.is_cpu() {
            return Ok(Self::Candle(candle_nn::LayerNorm::new(weight, bias, eps)));
        }
        Ok(Self::Kernel { weight: weight.to_vec1()?, bias: bias.to_vec1()?, eps: eps as f32 })
    }

    /// (…, channels) to the same.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.contiguous()?;
        let (weight, bias, eps) = match self {
            Self::Candle(norm) => return Ok(norm.forward(&x)?),
            Self::Kernel { weight, bias, eps } => (weight, bias, *eps),
        };
        let mut y = vec![0.0; x.elem_count()];
        with_values([&x], |[x]| Ok(kernels::layer_norm(Isa::best(), x, [weight, bias], eps, &mut y, &kernels::POOL)?))?;
        Ok(Tensor::from_vec(y, x.dims(), &Device::Cpu)?)
    }
}

/// Cuts pictures (b, 3, height, width) into patches, `grid` by `grid` from the upper left: (b, grid², 3 · patch²), each
/// with its channels one after the other, rows of pixels in each.
pub(crate) fn patches(pixels: &Tensor, grid: usize, patch: usize) -> Result<Tensor> {
    let (batch, channels, height, width) = pixels.dims4()?;
    let shape = (batch, grid * grid, channels * patch * patch);
    if !pixels.device().is_cpu() {
        let seen = pixels.i((.., .., ..grid * patch, ..grid * patch))?;
        let cut = seen.reshape((batch, channels, grid, patch, grid, patch))?.permute([0, 2, 4, 1, 3, 5])?;
        return Ok(cut.reshape(shape)?);
    }
    let patches = with_values([&pixels.contiguous()?], |[pixels]| {
        let mut patches = Vec::with_capacity(batch * grid * grid * channels * patch * patch);
        for image in pixels.chunks_exact(channels * height * width) {
            for (top, left) in (0..grid * grid).map(|at| (at / grid * patch, at % grid * patch)) {
                for plane in image.chunks_exact(height * width) {
                    for row in plane.chunks_exact(width).skip(top).take(patch) {
                        patches.extend_from_slice(&row[left..left + patch]);
                    }
                }
            }
        }
        Ok(patches)
    })?;
    Ok(Tensor::from_vec(patches, shape, &Device::Cpu)?)
}

/// What a token may attend to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// All tokens.
    None,
    /// Itself and those before it.
    Causal,
}

/// Scaled dot-product attention of `num_heads` heads; keys and values are (b, t, c), each head owning `c / num_heads`
/// neighbouring channels. Queries and the result are of all tokens or of the first few. <https://arxiv.org/abs/1706.03762>
pub(crate) fn attention(query: &Tensor, key: &Tensor, value: &Tensor, num_heads: usize, mask: Mask) -> Result<Tensor> {
    let (batch, queries, channels) = query.dims3()?;
    let tokens = key.dim(1)?;
    let head_size = channels / num_heads;
    if query.device().is_cpu() {
        let causal = mask == Mask::Causal;
        let sizes = kernels::Attention { batch, tokens, queries, heads: num_heads, head_size, causal };
        let parts = [&query.contiguous()?, &key.contiguous()?, &value.contiguous()?];
        let mut y = vec![0.0; query.elem_count()];
        with_values(parts, |parts| {
            with_workspace(|workspace| Ok(sizes.run(Isa::best(), parts, &mut y, workspace, &kernels::POOL)?))
        })?;
        return Ok(Tensor::from_vec(y, (batch, queries, channels), &Device::Cpu)?);
    }
    let heads = |x: &Tensor| x.reshape((batch, (), num_heads, head_size))?.transpose(1, 2)?.contiguous();
    let scaled = (heads(query)? * (head_size as f64).powf(-0.5))?;
    let mut scores = scaled.matmul(&heads(key)?.transpose(D::Minus2, D::Minus1)?)?;
    if mask == Mask::Causal {
        let later = (0..queries * tokens).map(|at| if at % tokens > at / tokens { f32::NEG_INFINITY } else { 0.0 });
        let later = Tensor::from_iter(later, query.device())?.reshape((queries, tokens))?;
        scores = scores.broadcast_add(&later)?;
    }
    let weights = candle_nn::ops::softmax_last_dim(&scores)?;
    Ok(weights.matmul(&heads(value)?)?.transpose(1, 2)?.reshape((batch, queries, channels))?)
}

/// The activation, elementwise, by candle.
fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
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
