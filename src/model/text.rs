//! The text tower: a transformer, one of whose tokens, normed and projected, is the text's embedding, in the same space as the
//! images'. In CLIP a token sees itself and those before it, so that the end token has seen the whole text; in SigLIP each sees
//! all, and the last one is taken; in a DistilBERT each sees all, and their mean is taken; in a Chinese-CLIP the first.

#[cfg(feature = "gpu")]
use crate::backend::gpu::{Plan, Tuning};
use crate::backend::{Backend, Mask, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::model::config::{EndToken, Family, TextConfig};
use crate::model::encoder::{Encoder, PassTokens, Wanted};
use crate::model::source::{Declared, Loaded, Source};
use crate::model::token_rows::TokenRows;
use crate::model::{chinese_clip, clip, distilbert, siglip};
use crate::weights::{Header, TensorSpec, Use, ids_of_text};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::iter::repeat_n;
use std::ops::Range;
use std::sync::Arc;

/// Where the tower's tensors are in the file of a whole model.
const PREFIX: &str = "text_model.";
const TOKENS: &str = "text_model.embeddings.token_embedding.weight";

/// A forward pass over texts under way.
#[derive(Clone, Debug)]
pub(crate) struct TextPass {
    /// Parts that were computed: the layers, and after them the embedding.
    done: usize,
    groups: Vec<Group>,
}

/// Texts that are computed together.
#[derive(Clone, Debug)]
struct Group {
    /// Their places among those of the pass.
    texts: Vec<usize>,
    /// What the last part gave: (texts, tokens of the longest, hidden), and at last (texts, 1, dimension).
    tokens: PassTokens,
}

impl TextPass {
    /// The embeddings, in the order of the texts, once all parts have been computed.
    pub(crate) fn embeddings(&self) -> Result<Vec<Vec<f32>>> {
        let mut all = vec![Vec::new(); self.groups.iter().map(|group| group.texts.len()).sum()];
        for group in &self.groups {
            for (text, embedding) in group.texts.iter().zip(group.tokens.get()?.to_rows()?) {
                if let Some(place) = all.get_mut(*text) {
                    *place = embedding;
                }
            }
        }
        Ok(all)
    }
}

/// A loaded text tower: token ids in, embeddings out.
pub(crate) struct TextTower {
    config: TextConfig,
    backend: Backend,
    layers: TextLayers,
}

/// What a text tower is made of. A family's own file says how it is projected.
pub(super) struct TextLayers<S: Source = Loaded> {
    /// (vocabulary, hidden)
    pub(super) token_embedding: S::Tokens,
    /// (most tokens, hidden)
    pub(super) position_embedding: S::Table,
    /// Of tokens with their positions.
    pub(super) embedding_norm: Option<S::LayerNorm>,
    pub(super) encoder: Encoder<S>,
    /// Of the token that becomes the embedding.
    pub(super) final_norm: Option<S::LayerNorm>,
    pub(super) projection: Option<S::Linear>,
    /// The logarithm of what cosines are multiplied by.
    pub(super) logit_scale: Option<S::Scalar>,
    /// What is added to that.
    pub(super) logit_bias: Option<S::Scalar>,
}

impl<S: Source> TextLayers<S> {
    fn of_family(source: &mut S, config: &TextConfig) -> Result<Self> {
        match config.family {
            Family::Siglip => siglip::text(source, config),
            Family::DistilBert => distilbert::text(source, config),
            Family::ChineseClip => chinese_clip::text(source, config),
            Family::Clip | Family::Dinov2 => clip::text(source, config),
        }
    }

    /// The tensors that CLIP and SigLIP have.
    pub(super) fn of(
        source: &mut S,
        config: &TextConfig,
        projection: S::Linear,
        logit_bias: Option<S::Scalar>,
    ) -> Result<Self> {
        let TextConfig { hidden_size: hidden, vocab_size, num_positions: positions, .. } = *config;
        let positions = TensorSpec::new(name("embeddings.position_embedding.weight"), [positions, hidden], Use::Table);
        Ok(Self {
            token_embedding: source.tokens(TensorSpec::new(TOKENS, [vocab_size, hidden], Use::Table))?,
            position_embedding: source.table(positions)?,
            embedding_norm: None,
            encoder: Encoder::of(source, &name("encoder.layers"), &clip::LAYER, &config.into())?,
            final_norm: Some(source.norm(&name("final_layer_norm"), hidden, config.layer_norm_eps)?),
            projection: Some(projection),
            logit_scale: Some(source.scalar(TensorSpec::new("logit_scale", [], Use::Scalar))?),
            logit_bias,
        })
    }
}

/// The name of the table of tokens.
fn tokens_of(family: Family) -> &'static str {
    match family {
        Family::DistilBert => distilbert::TOKENS,
        Family::ChineseClip => chinese_clip::TOKENS,
        _ => TOKENS,
    }
}

/// The name of one of the tower's tensors.
pub(super) fn name(part: &str) -> String {
    format!("{PREFIX}{part}")
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
        let texts: Vec<Cow<'_, [u32]>> = texts.iter().map(|ids| self.seen(ids)).collect::<Result<_>>()?;
        let groups = self.groups(&texts).into_iter().map(|places| {
            let together: Vec<&[u32]> = places.iter().filter_map(|place| texts.get(*place)).map(|ids| &**ids).collect();
            Ok(Group { tokens: PassTokens::new(self.embed_tokens(&together)?), texts: places })
        });
        Ok(TextPass { done: 0, groups: groups.collect::<Result<_>>()? })
    }

    /// Texts that can be computed together. Where tokens see those after them too, what fills up a shorter text would be seen: so
    /// these are of one length.
    fn groups(&self, texts: &[Cow<'_, [u32]>]) -> Vec<Vec<usize>> {
        if self.config.causal {
            return vec![(0..texts.len()).collect()];
        }
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        texts.iter().enumerate().for_each(|(place, ids)| groups.entry(ids.len()).or_default().push(place));
        groups.into_values().collect()
    }

    fn embed_tokens(&self, texts: &[&[u32]]) -> Result<Tokens> {
        let TextLayers { token_embedding, position_embedding, .. } = &self.layers;
        self.normed(token_embedding.embed(texts, position_embedding, &self.backend)?)
    }

    fn normed(&self, mut tokens: Tokens) -> Result<Tokens> {
        match self.config.end_token {
            EndToken::Mean => tokens.all_become_embeddings(),
            EndToken::First => tokens.first_become_embeddings(),
            _ => {}
        }
        match &self.layers.embedding_norm {
            Some(norm) => norm.forward(&tokens),
            None => Ok(tokens),
        }
    }

    /// The plan of a pass over a text of so many tokens, at least one: tokens with their positions in, the embedding out.
    #[cfg(feature = "gpu")]
    pub(crate) fn plan(&self, tokens: usize, tuning: Tuning) -> Result<Plan> {
        let tokens = self.normed(Tokens::recorded(tuning, [1, tokens, self.config.hidden_size]))?;
        let group = Group { texts: vec![0], tokens: PassTokens::new(tokens) };
        let mut pass = TextPass { done: 0, groups: vec![group] };
        while self.step(&mut pass)? {}
        let group = pass.groups.pop().ok_or_else(|| Error::new(ErrorKind::Compute, "a pass over no texts"))?;
        group.tokens.into_inner()?.into_plan()
    }

    /// What such a plan begins with, for a text in token ids, filled up as it says; and the tokens that the plan is to be for.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    #[cfg(feature = "gpu")]
    pub(crate) fn plan_input(&self, ids: &[u32]) -> Result<(usize, Vec<f32>)> {
        let TextLayers { token_embedding, position_embedding, .. } = &self.layers;
        let seen = self.seen(ids)?;
        let tokens = token_embedding.embed(&[&seen], position_embedding, &self.backend)?;
        Ok((seen.len(), tokens.to_padded()?))
    }

    /// Computes the next part of a pass; true while there is another one after it. A pass that has ended stays as it is;
    /// after an error it is of no use any more. What comes out at last are the embeddings, not normalized.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`], [`ErrorKind::OutOfMemory`].
    pub(crate) fn step(&self, pass: &mut TextPass) -> Result<bool> {
        let encoder = &self.layers.encoder;
        let mask = if self.config.causal { Mask::Causal } else { Mask::None };
        let part = pass.done;
        if part > encoder.len() {
            return Ok(false);
        }
        for Group { tokens, .. } in &mut pass.groups {
            tokens.replace(|x| match part < encoder.len() {
                true => encoder.forward_layer(part, x, mask, Wanted::All),
                false => self.embedding(&x),
            })?;
        }
        pass.done += 1;
        Ok(part < encoder.len())
    }

    /// What becomes of the tokens in the end: (texts, 1, dimension).
    fn embedding(&self, x: &Tokens) -> Result<Tokens> {
        let TextLayers { final_norm, projection, .. } = &self.layers;
        let mut x = if self.config.end_token == EndToken::Mean { x.mean()? } else { x.pooled()? };
        if let Some(norm) = final_norm {
            x = norm.forward(&x)?;
        }
        if let Some(projection) = projection {
            x = projection.forward(&x)?;
        }
        if self.config.modules.dense.as_ref().is_some_and(|dense| dense.tanh) {
            x = x.tanh()?;
        }
        Ok(x)
    }

    /// The tower's shape.
    pub(crate) fn config(&self) -> &TextConfig {
        &self.config
    }

    /// Takes another token to fill up texts with, where they are filled up, and there is such a token.
    #[cfg(feature = "text")]
    pub(crate) fn fill_up_with(&mut self, id: u32) {
        if matches!(self.config.end_token, EndToken::FilledUp(_)) && (id as usize) < self.config.vocab_size {
            self.config.end_token = EndToken::FilledUp(id);
        }
    }

    /// The bytes of its table's file that texts need and that have not been read, where the table was left there.
    pub(crate) fn wanted_rows(&self, texts: &[&[u32]]) -> Vec<Range<u64>> {
        let Some(rows) = self.token_rows() else { return Vec::new() };
        let filling = match self.config.end_token {
            EndToken::FilledUp(with) => vec![with],
            _ => Vec::new(),
        };
        rows.wanted(&[texts, &[&filling]].concat())
    }

    /// The rows of its table, where it was left in its file.
    pub(crate) fn token_rows(&self) -> Option<&TokenRows> {
        self.layers.token_embedding.rows()
    }

    /// What the model multiplies cosines by before the softmax over them: `exp` of the file's `logit_scale`; of a tower that has
    /// none, and was taught another model's space, the 100 at which CLIP's training ends; 0 where it is not known.
    pub(crate) fn logit_scale(&self) -> f32 {
        self.layers.logit_scale.map_or(100.0, f32::exp)
    }

    /// What is added to that; 0 where the family has nothing of the kind.
    pub(crate) fn logit_bias(&self) -> f32 {
        self.layers.logit_bias.unwrap_or_default()
    }

    /// The ids that the tower sees of a text: those up to the end token, since no token sees a later one; or, where there is
    /// no such end, all of them, filled up.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`], as [`start`](Self::start).
    pub(crate) fn seen<'a>(&self, ids: &'a [u32]) -> Result<Cow<'a, [u32]>> {
        let invalid = |what: String| Err(Error::new(ErrorKind::InvalidArgument, what));
        let TextConfig { vocab_size, max_position_embeddings: longest, end_token, .. } = self.config;
        if ids.is_empty() {
            return invalid("a text without tokens: even an empty one has a start and an end token".to_owned());
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
            EndToken::FilledUp(with) => {
                let rest = repeat_n(with, longest - ids.len());
                return Ok(ids.iter().copied().chain(rest).collect());
            }
            EndToken::Mean | EndToken::First => return Ok(Cow::Borrowed(ids)),
        };
        match end.and_then(|end| ids.get(..=end)) {
            Some(ids) => Ok(Cow::Borrowed(ids)),
            None => invalid(format!("a text without the end token ({end_token:?})")),
        }
    }

    /// About the bytes of its weights, in single precision.
    pub(crate) fn bytes(config: &TextConfig) -> u64 {
        let mut declared = Declared::default();
        let values = |spec: &TensorSpec| spec.shape.iter().fold(1u64, |all, side| all.saturating_mul(*side as u64));
        // Nothing can go wrong where nothing is read.
        let _ = TextLayers::of_family(&mut declared, config);
        declared.0.iter().map(values).fold(0, u64::saturating_add).saturating_mul(size_of::<f32>() as u64)
    }

    /// Whether a file has the text tower of a model of this family.
    pub(crate) fn is_in(header: &Header, family: Family) -> bool {
        header.contains(tokens_of(family))
    }

    /// The tensors that a tower of this shape is made of; the table of its tokens is left in its file if it takes more than
    /// `left_over` bytes in single precision, or has the rows of the tokens that are `kept` alone.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] where the file has no text tower, or one with a tensor that this one does not have.
    pub(crate) fn declare(
        config: &TextConfig,
        header: &Header,
        left_over: Option<usize>,
        kept: Option<&Arc<[u32]>>,
    ) -> Result<Vec<TensorSpec>> {
        let left = header.stored().is_some_and(|stored| stored.table.is_some());
        let tokens = tokens_of(config.family);
        if !left && !Self::is_in(header, config.family) {
            let what = format!("the weights have no text tower (no tensor {tokens})");
            let what =
                if config.family == Family::DistilBert { what } else { what + ": they hold the vision tower alone" };
            return Err(Error::new(ErrorKind::Weights, what));
        }
        let mut declared = Declared::default();
        TextLayers::of_family(&mut declared, config)?;
        match config.family {
            Family::DistilBert => declared.refuse_others(header, "", &distilbert::PARTS)?,
            _ => declared.refuse_others(header, PREFIX, &[""])?,
        }
        let mut specs = declared.0;
        let bytes = config.vocab_size.saturating_mul(config.hidden_size).saturating_mul(size_of::<f32>());
        if left || left_over.is_some_and(|most| bytes > most) {
            specs.iter_mut().filter(|spec| spec.name == tokens).for_each(|spec| spec.usage = Use::Rows);
        }
        if let (Some(kept), Some(spec)) = (kept, specs.iter_mut().find(|spec| spec.name == tokens)) {
            spec.usage = Use::Table;
            match Self::kept(config, header)?.is_some() {
                true => spec.shape = vec![kept.len(), config.hidden_size],
                false => spec.kept = Some(kept.clone()),
            }
        }
        Ok(specs)
    }

    /// The tokens whose rows a file of ours has, where it leaves some out.
    pub(crate) fn kept(config: &TextConfig, header: &Header) -> Result<Option<Arc<[u32]>>> {
        let Some(text) = header.stored().and_then(|stored| stored.vocab.as_deref()) else { return Ok(None) };
        match ids_of_text(text, config.vocab_size) {
            Some(ids) => Ok(Some(ids.into())),
            None => Err(Error::new(ErrorKind::Weights, "clip_vision.vocab has no ascending tokens of the model")),
        }
    }

    /// The tower, once they are loaded.
    pub(crate) fn build(config: TextConfig, loaded: &mut Loaded) -> Result<Self> {
        let layers = TextLayers::of_family(loaded, &config)?;
        Ok(Self { config, backend: loaded.backend.clone(), layers })
    }
}
