//! The transformer encoder that both towers are made of: layers of attention and MLP, norms before or after each.
//! <https://arxiv.org/abs/1706.03762>, <https://arxiv.org/abs/2002.04745>

use crate::backend::{self, Activation, LayerNorm, Linear, Mask, Table, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::{TextConfig, VisionConfig};
use crate::model::source::{Loaded, Source};
use crate::weights::{TensorSpec, Use};

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

/// Both towers' configurations call these things alike.
macro_rules! encoder_of {
    ($($tower:ty),+) => {$(
        impl From<&$tower> for EncoderConfig {
            fn from(tower: &$tower) -> Self {
                Self {
                    hidden_size: tower.hidden_size,
                    intermediate_size: tower.intermediate_size,
                    num_layers: tower.num_hidden_layers,
                    num_heads: tower.num_attention_heads,
                    activation: tower.activation.into(),
                    layer_norm_eps: tower.layer_norm_eps,
                }
            }
        }
    )+};
}

encoder_of!(VisionConfig, TextConfig);

/// A stack of layers, each of which maps tokens to the same number of tokens.
pub(crate) struct Encoder<S: Source = Loaded>(Vec<EncoderLayer<S>>);

/// What a forward pass has come to. A step that fails loses it, and the pass is of no use any more.
#[derive(Clone, Debug)]
pub(crate) struct PassTokens(Option<Tokens>);

impl PassTokens {
    pub(crate) fn new(tokens: Tokens) -> Self {
        Self(Some(tokens))
    }

    /// # Errors
    /// [`ErrorKind::Compute`] after a step that failed.
    pub(crate) fn get(&self) -> Result<&Tokens> {
        self.0.as_ref().ok_or_else(has_failed)
    }

    /// # Errors
    /// [`ErrorKind::Compute`] after a step that failed.
    #[cfg(feature = "gpu")]
    pub(crate) fn into_inner(self) -> Result<Tokens> {
        self.0.ok_or_else(has_failed)
    }

    /// Does a step.
    ///
    /// # Errors
    /// Those of `step`; [`ErrorKind::Compute`] after a step that failed.
    pub(crate) fn replace(&mut self, step: impl FnOnce(Tokens) -> Result<Tokens>) -> Result<()> {
        let before = self.0.take().ok_or_else(has_failed)?;
        self.0 = Some(step(before)?);
        Ok(())
    }
}

fn has_failed() -> Error {
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
}

impl<S: Source> Encoder<S> {
    /// Of layers that are named `{prefix}.0`, `{prefix}.1`, ….
    pub(crate) fn of(source: &mut S, prefix: &str, names: &LayerNames, config: &EncoderConfig) -> Result<Self> {
        let layer = |index| EncoderLayer::of(source, &format!("{prefix}.{index}"), names, config);
        let layers = (0..config.num_layers).map(layer);
        Ok(Self(layers.collect::<Result<_>>()?))
    }
}

/// What a family's files call the parts of a layer.
pub(crate) struct LayerNames {
    /// Of attention and of the MLP.
    pub(crate) norms: [&'static str; 2],
    pub(crate) order: NormOrder,
    /// Query, key, value, and what is made of them.
    pub(crate) attention: [&'static str; 4],
    pub(crate) mlp: [&'static str; 2],
    /// What the channels of attention and of the MLP are multiplied by before they are added, where they are.
    pub(crate) scales: Option<[&'static str; 2]>,
}

/// Where in a layer its norms stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormOrder {
    /// Before attention and before the MLP: what they give is added to what was not normed.
    Before,
    /// After each, of the sum: BERT's.
    After,
}

/// One layer: attention and MLP, each added to its input.
struct EncoderLayer<S: Source = Loaded> {
    order: NormOrder,
    norm1: S::LayerNorm,
    attention: Attention<S>,
    norm2: S::LayerNorm,
    mlp: Mlp<S>,
    /// (hidden) each: LayerScale. <https://arxiv.org/abs/2103.17239>
    scales: Option<[S::Table; 2]>,
}

impl<S: Source> EncoderLayer<S> {
    fn of(source: &mut S, name: &str, names: &LayerNames, config: &EncoderConfig) -> Result<Self> {
        let EncoderConfig { hidden_size: hidden, intermediate_size: intermediate, layer_norm_eps: eps, .. } = *config;
        let part = |part: &str| format!("{name}.{part}");
        let [query, key, value, out] = names.attention.map(|one| source.hidden(&part(one), hidden, hidden));
        let attention = Attention { query: query?, key: key?, value: value?, out: out?, num_heads: config.num_heads };
        let [fc1, fc2] = names.mlp;
        let mlp = Mlp {
            fc1: source.hidden(&part(fc1), intermediate, hidden)?,
            fc2: source.hidden(&part(fc2), hidden, intermediate)?,
            activation: config.activation,
        };
        let [norm1, norm2] = names.norms.map(|one| source.norm(&part(one), hidden, eps));
        let scales = match names.scales {
            Some(names) => {
                let [first, second] = names.map(|one| source.table(TensorSpec::new(part(one), [hidden], Use::Vector)));
                Some([first?, second?])
            }
            None => None,
        };
        Ok(Self { order: names.order, norm1: norm1?, attention, norm2: norm2?, mlp, scales })
    }
}

impl EncoderLayer {
    fn forward(&self, mut x: Tokens, mask: Mask, wanted: Wanted) -> Result<Tokens> {
        let [scale1, scale2] = self.scales.as_ref().map_or([None, None], |[first, second]| [Some(first), Some(second)]);
        let seen = self.before(&self.norm1, &x)?;
        let attended = self.attention.forward(seen, mask, wanted)?;
        if wanted == Wanted::First {
            x = x.pooled()?;
        }
        add(&self.attention.out, &attended, scale1, &mut x)?;
        drop(attended);
        x = self.after(&self.norm1, x)?;
        let hidden = self.mlp.fc1.forward_activated(&self.before(&self.norm2, &x)?, self.mlp.activation)?;
        add(&self.mlp.fc2, &hidden, scale2, &mut x)?;
        self.after(&self.norm2, x)
    }

    fn before(&self, norm: &LayerNorm, x: &Tokens) -> Result<Tokens> {
        if self.order == NormOrder::Before { norm.forward(x) } else { Ok(x.clone()) }
    }

    fn after(&self, norm: &LayerNorm, x: Tokens) -> Result<Tokens> {
        if self.order == NormOrder::After { norm.forward(&x) } else { Ok(x) }
    }
}

/// Adds to `sum` what a layer gives of `x`, scaled where it is.
fn add(layer: &Linear, x: &Tokens, scale: Option<&Table>, sum: &mut Tokens) -> Result<()> {
    match scale {
        None => layer.add_forward(x, sum),
        Some(scale) => sum.add_scaled(&layer.forward(x)?, scale),
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
    /// What the wanted tokens gather from all; `out` is still to be applied.
    fn forward(&self, x: Tokens, mask: Mask, wanted: Wanted) -> Result<Tokens> {
        let [query, key, value] = match wanted {
            // A text has few words, over whose errors attention would average, and so they cost little: of those of 12
            // tokens a tenth of the time.
            Wanted::All if mask == Mask::Causal => {
                Linear::forward_all_finely([&self.query, &self.key, &self.value], &x)?
            }
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

struct Mlp<S: Source = Loaded> {
    fc1: S::Linear,
    fc2: S::Linear,
    activation: Activation,
}
