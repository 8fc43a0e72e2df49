//! The transformer encoder that both towers are made of: layers of attention and MLP, norms first.
//! <https://arxiv.org/abs/1706.03762>, <https://arxiv.org/abs/2002.04745>

use crate::backend::{self, Linear, Mask};
use crate::error::Result;
use crate::model::config::Activation;
use crate::model::source::{Loaded, Source};
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
pub(crate) struct Encoder<S: Source = Loaded>(Vec<EncoderLayer<S>>);

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
}

impl<S: Source> Encoder<S> {
    /// Of layers that are named `{prefix}.0`, `{prefix}.1`, ….
    pub(crate) fn of(source: &mut S, prefix: &str, config: &EncoderConfig) -> Result<Self> {
        let layers = (0..config.num_layers).map(|index| EncoderLayer::of(source, &format!("{prefix}.{index}"), config));
        Ok(Self(layers.collect::<Result<_>>()?))
    }
}

/// One layer, norms first: attention and MLP, each added to its input.
struct EncoderLayer<S: Source = Loaded> {
    norm1: S::LayerNorm,
    attention: Attention<S>,
    norm2: S::LayerNorm,
    mlp: Mlp<S>,
}

impl<S: Source> EncoderLayer<S> {
    fn of(source: &mut S, name: &str, config: &EncoderConfig) -> Result<Self> {
        let EncoderConfig { hidden_size: hidden, intermediate_size: intermediate, layer_norm_eps: eps, .. } = *config;
        let mut attention = |part: &str| source.hidden(&format!("{name}.self_attn.{part}"), hidden, hidden);
        let attention = Attention {
            query: attention("q_proj")?,
            key: attention("k_proj")?,
            value: attention("v_proj")?,
            out: attention("out_proj")?,
            num_heads: config.num_heads,
        };
        let mlp = Mlp {
            fc1: source.hidden(&format!("{name}.mlp.fc1"), intermediate, hidden)?,
            fc2: source.hidden(&format!("{name}.mlp.fc2"), hidden, intermediate)?,
            activation: config.activation,
        };
        let norm1 = source.norm(&format!("{name}.layer_norm1"), hidden, eps)?;
        let norm2 = source.norm(&format!("{name}.layer_norm2"), hidden, eps)?;
        Ok(Self { norm1, attention, norm2, mlp })
    }
}

impl EncoderLayer {
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

struct Attention<S: Source = Loaded> {
    query: S::Linear,
    key: S::Linear,
    value: S::Linear,
    out: S::Linear,
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

struct Mlp<S: Source = Loaded> {
    fc1: S::Linear,
    fc2: S::Linear,
    activation: Activation,
}

impl Mlp {
    fn forward_added(&self, x: &Tensor, pooled: &[usize], residual: &Tensor) -> Result<Tensor> {
        self.fc2.forward_added(&self.fc1.forward_activated(x, self.activation, pooled)?, residual, pooled)
    }
}
