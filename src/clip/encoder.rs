//! The transformer encoder that both towers are made of: layers of attention and MLP, norms first.
//! <https://arxiv.org/abs/1706.03762>, <https://arxiv.org/abs/2002.04745>

use crate::clip::config::Activation;
use crate::error::Result;
use crate::ops::{self, Backend, LayerNorm, Linear, Mask};
use crate::weights::{TensorSpec, Weights};
use candle_core::Tensor;

/// The shape of an encoder.
#[derive(Clone, Debug)]
pub(crate) struct EncoderConfig {
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_layers: usize,
    pub(crate) num_heads: usize,
    pub(crate) activation: Activation,
    pub(crate) layer_norm_eps: f64,
}

/// A stack of layers: (batch, tokens, hidden) to the same.
pub(crate) struct Encoder(Vec<EncoderLayer>);

/// Which tokens come out of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them.
    All,
    /// The first of each: nearly the whole of the last layer is not computed for the others.
    First,
}

impl Encoder {
    /// Runs layer `index` alone, the last one for the `wanted` tokens; nothing where there is no such layer.
    pub(crate) fn forward_layer(&self, index: usize, x: &Tensor, mask: Mask, wanted: Wanted) -> Option<Result<Tensor>> {
        let wanted = if index + 1 == self.0.len() { wanted } else { Wanted::All };
        self.0.get(index).map(|layer| layer.forward(x, mask, wanted))
    }

    /// The tensors of the encoder whose layers are named `{prefix}.0`, `{prefix}.1`, ….
    pub(crate) fn specs(prefix: &str, config: &EncoderConfig, backend: &Backend) -> Vec<TensorSpec> {
        let EncoderConfig { hidden_size: hidden, intermediate_size: intermediate, num_layers, .. } = *config;
        let mut specs = Vec::new();
        for layer in (0..num_layers).map(|index| format!("{prefix}.{index}")) {
            for norm in ["layer_norm1", "layer_norm2"] {
                specs.extend(LayerNorm::specs(&format!("{layer}.{norm}"), hidden));
            }
            for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                specs.extend(Linear::specs(&format!("{layer}.self_attn.{projection}"), hidden, hidden, backend));
            }
            specs.extend(Linear::specs(&format!("{layer}.mlp.fc1"), intermediate, hidden, backend));
            specs.extend(Linear::specs(&format!("{layer}.mlp.fc2"), hidden, intermediate, backend));
        }
        specs
    }

    /// Builds the encoder of tensors read to [`specs`](Self::specs).
    pub(crate) fn take(weights: &mut Weights, prefix: &str, config: &EncoderConfig, backend: &Backend) -> Result<Self> {
        let layers = (0..config.num_layers)
            .map(|index| EncoderLayer::take(weights, &format!("{prefix}.{index}"), config, backend));
        Ok(Self(layers.collect::<Result<_>>()?))
    }
}

/// One layer, norms first: attention and MLP, each added to its input.
struct EncoderLayer {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
}

impl EncoderLayer {
    fn take(weights: &mut Weights, name: &str, config: &EncoderConfig, backend: &Backend) -> Result<Self> {
        let mut linear = |part: &str| Linear::take(weights, &format!("{name}.{part}"), backend);
        let attention = Attention {
            query: linear("self_attn.q_proj")?,
            key: linear("self_attn.k_proj")?,
            value: linear("self_attn.v_proj")?,
            out: linear("self_attn.out_proj")?,
            num_heads: config.num_heads,
        };
        let mlp = Mlp { fc1: linear("mlp.fc1")?, fc2: linear("mlp.fc2")?, activation: config.activation };
        let mut norm = |part: &str| LayerNorm::take(weights, &format!("{name}.{part}"), config.layer_norm_eps, backend);
        Ok(Self { norm1: norm("layer_norm1")?, attention, norm2: norm("layer_norm2")?, mlp })
    }

    fn forward(&self, x: &Tensor, mask: Mask, wanted: Wanted) -> Result<Tensor> {
        let x = self.attention.forward_added(&self.norm1.forward(x)?, mask, wanted, x)?;
        self.mlp.forward_added(&self.norm2.forward(&x)?, &x)
    }
}

struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    num_heads: usize,
}

impl Attention {
    fn forward_added(&self, x: &Tensor, mask: Mask, wanted: Wanted, residual: &Tensor) -> Result<Tensor> {
        let (key, value) = (self.key.forward(x)?, self.value.forward(x)?);
        let first = |x: &Tensor| match wanted {
            Wanted::All => Ok(x.clone()),
            Wanted::First => x.narrow(1, 0, 1),
        };
        let query = self.query.forward(&first(x)?)?;
        let attended = ops::attention(&query, &key, &value, self.num_heads, mask)?;
        self.out.forward_added(&attended, &first(residual)?)
    }
}

struct Mlp {
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Mlp {
    fn forward_added(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.fc2.forward_added(&self.fc1.forward_activated(x, self.activation)?, residual)
    }
}
