//! The text tower: a transformer in which each token sees itself and those before it, so that the end token has seen
//! the whole text; that token, normed and projected, is the text's embedding, in the same space as the images'.
//! <https://arxiv.org/abs/2103.00020>

use crate::backend::{self, Backend, LayerNorm, Linear, Mask, Role, Table, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::{EndToken, TextConfig};
use crate::model::encoder::{Encoder, EncoderConfig, Wanted, take_tokens};
use crate::weights::{Header, TensorSpec, Weights};

/// Where the tower's tensors are in the file of a whole CLIP.
const PREFIX: &str = "text_model.";
const PROJECTION: &str = "text_projection.weight";
const LOGIT_SCALE: &str = "logit_scale";
const TOKENS: &str = "embeddings.token_embedding.weight";

/// A forward pass over texts under way: made by [`TextModel::start`](crate::model::TextModel::start), taken on by
/// [`TextModel::step`](crate::model::TextModel::step), given up by dropping it.
#[derive(Clone, Debug)]
pub struct TextPass {
    /// Layers that were computed.
    layers: usize,
    /// What the last of them gave: (texts, tokens of the longest, hidden). `None` once a layer has failed: what it was
    /// working on is lost.
    tokens: Option<Tokens>,
}

/// A loaded text tower: token ids in, embeddings out.
pub(crate) struct TextTower {
    config: TextConfig,
    backend: Backend,
    token_embedding: Table,
    position_embedding: Table,
    encoder: Encoder,
    final_norm: LayerNorm,
    projection: Linear,
    logit_scale: f32,
}

impl TextTower {
    /// Begins a forward pass over texts in token ids, start and end token included; at least one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: no text, one without tokens, with more than the model takes, without an end token,
    /// or with an id that the model does not have.
    pub(crate) fn start(&self, texts: &[&[u32]]) -> Result<TextPass> {
        if texts.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "a forward pass over no texts"));
        }
        let texts: Vec<&[u32]> = texts.iter().map(|ids| self.up_to_end(ids)).collect::<Result<_>>()?;
        let tokens = backend::embed_ids(&texts, &self.token_embedding, &self.position_embedding, &self.backend)?;
        Ok(TextPass { layers: 0, tokens: Some(tokens) })
    }

    /// Computes the next layer; once there is none, the embedding of each text, not normalised. After an error the pass is
    /// of no use any more.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`], [`ErrorKind::OutOfMemory`].
    pub(crate) fn step(&self, pass: &mut TextPass) -> Result<Option<Vec<Vec<f32>>>> {
        let x = take_tokens(&mut pass.tokens)?;
        if pass.layers < self.encoder.len() {
            pass.tokens = Some(self.encoder.forward_layer(pass.layers, x, Mask::Causal, Wanted::All)?);
            pass.layers += 1;
            return Ok(None);
        }
        let pooled = self.final_norm.forward(&x.pooled()?)?;
        pass.tokens = Some(x);
        self.projection.forward(&pooled)?.to_rows().map(Some)
    }

    /// The tower's shape.
    pub(crate) fn config(&self) -> &TextConfig {
        &self.config
    }

    /// What the model multiplies cosines by before the softmax over them: `exp` of the file's `logit_scale`.
    pub(crate) fn logit_scale(&self) -> f32 {
        self.logit_scale
    }

    /// The ids up to the end token. No token sees a later one, so what follows it changes nothing.
    fn up_to_end<'a>(&self, ids: &'a [u32]) -> Result<&'a [u32]> {
        let invalid = |what: String| Err(Error::new(ErrorKind::InvalidArgument, what));
        let TextConfig { vocab_size, max_position_embeddings: longest, end_token, .. } = self.config;
        if ids.is_empty() {
            return invalid("a text of no tokens: even an empty one has a start and an end token".to_owned());
        }
        if ids.len() > longest {
            return invalid(format!("a text of {} tokens; the model takes {longest}", ids.len()));
        }
        if let Some(id) = ids.iter().find(|id| **id as usize >= vocab_size) {
            return invalid(format!("there is no token {id}; the model has {vocab_size}"));
        }
        let end = match end_token {
            // The first of the largest, as torch's argmax finds it.
            EndToken::Largest => ids.iter().enumerate().rev().max_by_key(|(_, id)| **id).map(|(at, _)| at),
            EndToken::Id(end) => ids.iter().position(|id| *id == end),
        };
        match end.and_then(|end| ids.get(..=end)) {
            Some(ids) => Ok(ids),
            None => invalid(format!("a text without the end token ({end_token:?})")),
        }
    }

    /// Whether a file has a text tower.
    pub(crate) fn is_in(header: &Header) -> bool {
        header.contains(&name(TOKENS))
    }

    /// The tensors that a tower of this shape consists of; with the encoder's, all that is said of shapes is said here.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where the file has no text tower, or one with a tensor that this one does not have.
    pub(crate) fn specs(config: &TextConfig, header: &Header, backend: &Backend) -> Result<Vec<TensorSpec>> {
        let TextConfig { hidden_size: hidden, vocab_size, max_position_embeddings: positions, .. } = *config;
        let tokens = name(TOKENS);
        if !Self::is_in(header) {
            let what = format!("the weights have no text tower (no tensor {tokens}): they hold the vision tower alone");
            return Err(Error::new(ErrorKind::Weights, what));
        }
        let mut specs = vec![
            TensorSpec::new(tokens, [vocab_size, hidden]),
            TensorSpec::new(name("embeddings.position_embedding.weight"), [positions, hidden]),
        ];
        specs.extend(Encoder::specs(&name("encoder.layers"), &encoder_config(config), backend));
        specs.extend(LayerNorm::specs(&name("final_layer_norm"), hidden));
        header.refuse_others(PREFIX, &[""], &specs)?;
        specs.push(Linear::weight_spec(PROJECTION, [config.projection_dim, hidden], Role::Projection, backend));
        specs.push(TensorSpec::new(LOGIT_SCALE, []));
        Ok(specs)
    }

    /// Builds the tower of tensors read to [`specs`](Self::specs).
    pub(crate) fn build(config: TextConfig, weights: &mut Weights, backend: &Backend) -> Result<Self> {
        Ok(Self {
            token_embedding: Table::take(weights, &name(TOKENS), backend)?,
            position_embedding: Table::take(weights, &name("embeddings.position_embedding.weight"), backend)?,
            encoder: Encoder::take(weights, &name("encoder.layers"), &encoder_config(&config), backend)?,
            final_norm: LayerNorm::take(weights, &name("final_layer_norm"), config.layer_norm_eps, backend)?,
            projection: Linear::take_without_bias(weights, PROJECTION, backend)?,
            logit_scale: weights.take(LOGIT_SCALE)?.values.first().copied().unwrap_or_default().exp(),
            backend: backend.clone(),
            config,
        })
    }
}

/// The shape of the tower's encoder.
fn encoder_config(config: &TextConfig) -> EncoderConfig {
    EncoderConfig {
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        num_layers: config.num_hidden_layers,
        num_heads: config.num_attention_heads,
        activation: config.activation.into(),
        layer_norm_eps: config.layer_norm_eps,
    }
}

fn name(part: &str) -> String {
    format!("{PREFIX}{part}")
}
