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

impl Encoder {
    /// Runs all layers.
    pub(crate) fn forward(&self, x: Tensor, mask: Mask) -> Result<Tensor> {
        self.0.iter().try_fold(x, |x, layer| layer.forward(&x, mask))
    }

    /// Runs layer `index` alone; nothing where there is no such layer.
    pub(crate) fn forward_layer(&self, index: usize, x: &Tensor, mask: Mask) -> Option<Result<Tensor>> {
        self.0.get(index).map(|layer| layer.forward(x, mask))
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

    fn forward(&self, x: &Tensor, mask: Mask) -> Result<Tensor> {
        let x = self.attention.forward_added(&self.norm1.forward(x)?, mask, x)?;
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
    fn forward_added(&self, x: &Tensor, mask: Mask, residual: &Tensor) -> Result<Tensor> {
        let (query, key, value) = (self.query.forward(x)?, self.key.forward(x)?, self.value.forward(x)?);
        self.out.forward_added(&ops::attention(&query, &key, &value, self.num_heads, mask)?, residual)
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
