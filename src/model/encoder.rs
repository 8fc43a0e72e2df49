//! The transformer encoder that both towers are made of: layers of attention and MLP, norms first.
//! <https://arxiv.org/abs/1706.03762>, <https://arxiv.org/abs/2002.04745>

use crate::backend::{self, Activation, Backend, LayerNorm, Linear, Mask, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::weights::{TensorSpec, Weights};

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

/// A stack of layers, each of which makes tokens of as many.
pub(crate) struct Encoder(Vec<EncoderLayer>);

/// What a step of a forward pass works on. Where the step fails it is lost, and the pass is of no use any more.
///
/// # Errors
/// [`ErrorKind::Compute`] after a step that failed.
pub(crate) fn take_tokens(tokens: &mut Option<Tokens>) -> Result<Tokens> {
    tokens.take().ok_or_else(has_failed)
}

/// A pass after a step that failed.
pub(crate) fn has_failed() -> Error {
    Error::new(ErrorKind::Compute, "a step of this forward pass has failed before")
}

/// Which tokens come out of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them.
    All,
    /// The first of each, which are those that become embeddings: nearly the whole of the last layer is not computed for
    /// the others.
    First,
}

impl Encoder {
    /// The number of layers.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Runs layer `index` alone, the last one for the `wanted` tokens. After the last one nothing is left to be done.
    pub(crate) fn forward_layer(&self, index: usize, x: Tokens, mask: Mask, wanted: Wanted) -> Result<Tokens> {
        let wanted = if index + 1 == self.0.len() { wanted } else { Wanted::All };
        match self.0.get(index) {
            Some(layer) => layer.forward(x, mask, wanted),
            None => Ok(x),
        }
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

    fn forward(&self, mut x: Tokens, mask: Mask, wanted: Wanted) -> Result<Tokens> {
        let attended = self.attention.forward(self.norm1.forward(&x)?, mask, wanted)?;
        if wanted == Wanted::First {
            x = x.pooled()?;
        }
        self.attention.out.add_forward(&attended, &mut x)?;
        drop(attended);
        let hidden = self.mlp.fc1.forward_activated(&self.norm2.forward(&x)?, self.mlp.activation)?;
        self.mlp.fc2.add_forward(&hidden, &mut x)?;
        Ok(x)
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
    /// What the wanted tokens gather from all; `out` is still to be applied.
    fn forward(&self, x: Tokens, mask: Mask, wanted: Wanted) -> Result<Tokens> {
        let [query, key, value] = match wanted {
            Wanted::All => Linear::forward_all([&self.query, &self.key, &self.value], &x)?,
            Wanted::First => {
                let [key, value] = Linear::forward_all([&self.key, &self.value], &x)?;
                [self.query.forward(&x.pooled()?)?, key, value]
            }
        };
        drop(x); // its memory is what the result is written to
        backend::attention([&query, &key, &value], self.num_heads, mask)
    }
}

struct Mlp {
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}
