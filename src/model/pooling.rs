//! [`AttentionHead`]: how a SigLIP makes one embedding of all tokens of a photo.

use super::config::VisionConfig;
use super::source::{Loaded, Source};
use crate::backend::{self, Activation, Linear, Mask, Tokens};
use crate::error::Result;
use crate::weights::{TensorSpec, Use};

/// A learned probe attends to all tokens; an MLP follows, added to what it gathered.
/// <https://arxiv.org/abs/1810.00825>
pub(crate) struct AttentionHead<S: Source = Loaded> {
    /// (hidden)
    probe: S::Table,
    query: S::Linear,
    key: S::Linear,
    value: S::Linear,
    out: S::Linear,
    norm: S::LayerNorm,
    fc1: S::Linear,
    fc2: S::Linear,
    num_heads: usize,
    activation: Activation,
}

impl<S: Source> AttentionHead<S> {
    pub(super) fn of(source: &mut S, name: &str, config: &VisionConfig) -> Result<Self> {
        let VisionConfig { hidden_size: hidden, intermediate_size: intermediate, .. } = *config;
        let mut attention = |part: &str| source.hidden(&format!("{name}.attention.{part}"), hidden, hidden);
        Ok(Self {
            query: attention("q_proj")?,
            key: attention("k_proj")?,
            value: attention("v_proj")?,
            out: attention("out_proj")?,
            probe: source.table(TensorSpec::new(format!("{name}.probe"), [hidden], Use::Vector))?,
            norm: source.norm(&format!("{name}.layernorm"), hidden, config.layer_norm_eps)?,
            fc1: source.hidden(&format!("{name}.mlp.fc1"), intermediate, hidden)?,
            fc2: source.hidden(&format!("{name}.mlp.fc2"), hidden, intermediate)?,
            num_heads: config.num_attention_heads,
            activation: config.activation.into(),
        })
    }
}

impl AttentionHead {
    /// (batch, tokens, hidden) to (batch, 1, hidden).
    pub(super) fn forward(&self, x: &Tokens) -> Result<Tokens> {
        let query = self.query.forward(&backend::repeated(&self.probe, x)?)?;
        let [key, value] = Linear::forward_all([&self.key, &self.value], x)?;
        let attended = backend::attention([&query, &key, &value], self.num_heads, Mask::None)?;
        let mut gathered = self.out.forward(&attended)?;
        let hidden = self.fc1.forward_activated(&self.norm.forward(&gathered)?, self.activation)?;
        self.fc2.add_forward(&hidden, &mut gathered)?;
        Ok(gathered)
    }
}
