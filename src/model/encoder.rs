//! The transformer encoder that both towers are made of: layers of attention and MLP, norms first.
//! <https://arxiv.org/abs/1706.03762>, <https://arxiv.org/abs/2002.04745>

use crate::backend::{self, Backend, LayerNorm, Linear, Mask};
use crate::error::Result;
use crate::model::config::Activation;
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
    /// Runs layer `index` alone, the last one for the `wanted` tokens; nothing where there is no such layer. `pooled` names
    /// the tokens that become embeddings, one of each picture or text, among the tokens of all.
    pub(crate) fn forward_layer(
        &self,
        index: usize,
        x: &Tensor,
        mask: Mask,
        wanted: Wanted,
        pooled: &[usize],
    ) -> Option<Result<Tensor>> {
        let wanted = if index + 1 == self.0.len() { wanted } else { Wanted::All };
        self.0.get(index).map(|layer| layer.forward(x, mask, wanted, pooled))
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

    fn forward(&self, x: &Tensor, mask: Mask, wanted: Wanted, pooled: &[usize]) -> Result<Tensor> {
        let left: Vec<usize> = match wanted {
            Wanted::All => pooled.to_vec(),
            Wanted::First => (0..pooled.len()).collect(), // nothing else is left
        };
        let normed = self.norm1.forward(x)?;
        let x = self.attention.forward_added(&normed, mask, wanted, [pooled, &left], x)?;
        self.mlp.forward_added(&self.norm2.forward(&x)?, &left, &x)
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
    /// `pooled` are the tokens that become embeddings, among all tokens and among the wanted ones.
    fn forward_added(
        &self,
        x: &Tensor,
        mask: Mask,
        wanted: Wanted,
        [pooled, left]: [&[usize]; 2],
        residual: &Tensor,
    ) -> Result<Tensor> {
        let (attended, residual) = match wanted {
            Wanted::All => {
                let [query, key, value] = Linear::forward_all([&self.query, &self.key, &self.value], x, pooled)?;
                (backend::attention(&query, &key, &value, self.num_heads, mask)?, residual.clone())
            }
            Wanted::First => {
                let [key, value] = Linear::forward_all([&self.key, &self.value], x, pooled)?;
                let query = self.query.forward(&x.narrow(1, 0, 1)?, left)?;
                (backend::attention(&query, &key, &value, self.num_heads, mask)?, residual.narrow(1, 0, 1)?)
            }
        };
        self.out.forward_added(&attended, &residual, left)
    }
}

struct Mlp {
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Mlp {
    fn forward_added(&self, x: &Tensor, pooled: &[usize], residual: &Tensor) -> Result<Tensor> {
        self.fc2.forward_added(&self.fc1.forward_activated(x, self.activation, pooled)?, residual, pooled)
    }
}
