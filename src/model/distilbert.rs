//! DistilBERT: BERT with half of its layers. Tokens see each other in both directions, norms come after what they norm, and
//! the mean of all tokens is the text's embedding, or becomes it by a linear layer (`sentence_transformers.rs`).
//! <https://arxiv.org/abs/1910.01108>, <https://arxiv.org/abs/1810.04805>
//!
//! Names and defaults are those of transformers.
//! <https://github.com/huggingface/transformers/blob/main/src/transformers/models/distilbert/modeling_distilbert.py>

use super::config::{Activation, ClipConfig, EndToken, Family, Keys, TextConfig, check_heads, invalid, most};
use super::encoder::{Encoder, LayerNames, NormOrder};
use super::source::Source;
use super::text::TextLayers;
use crate::error::Result;
use crate::weights::{TensorSpec, Use};
use serde_json::{Map, Value};

pub(super) const MODEL_TYPE: &str = "distilbert";
/// What its files call the table of its tokens.
pub(super) const TOKENS: &str = "embeddings.word_embeddings.weight";
/// What the names of its tensors begin with.
pub(super) const PARTS: [&str; 3] = ["embeddings.", "transformer.", "linear."];

const LAYER: LayerNames = LayerNames {
    norms: ["sa_layer_norm", "output_layer_norm"],
    order: NormOrder::After,
    attention: ["attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"],
    mlp: ["ffn.lin1", "ffn.lin2"],
    scales: None,
};

/// Of a `config.json` that stands by itself: what becomes of the tokens it does not say.
pub(super) fn without_modules(_: &Map<String, Value>) -> Result<ClipConfig> {
    Err(invalid(
        "config.json: model_type is \"distilbert\", which is read of a folder of sentence-transformers alone, with modules.json \
         beside it, which says what becomes of the tokens",
    ))
}

/// Of the tower.
pub(super) fn config(keys: &Keys<'_>) -> Result<TextConfig> {
    let activation = keys.activation("activation", Activation::Gelu)?;
    let positions = keys.size("max_position_embeddings", 512, most::POSITIONS)?;
    let config = TextConfig {
        family: Family::DistilBert,
        vocab_size: keys.size("vocab_size", 30_522, most::VOCABULARY)?,
        hidden_size: keys.size("dim", 768, most::CHANNELS)?,
        intermediate_size: keys.size("hidden_dim", 3072, most::INTERMEDIATE)?,
        num_hidden_layers: keys.size("n_layers", 6, most::LAYERS)?,
        num_attention_heads: keys.size("n_heads", 12, most::HEADS)?,
        max_position_embeddings: positions,
        num_positions: positions,
        activation,
        layer_norm_eps: 1e-12,
        end_token: EndToken::Mean,
        causal: false,
        ..TextConfig::vit_base_patch32()
    };
    check_heads(*keys, ("dim", config.hidden_size), ("n_heads", config.num_attention_heads))?;
    Ok(config)
}

/// The tensors of the tower.
pub(super) fn text<S: Source>(source: &mut S, config: &TextConfig) -> Result<TextLayers<S>> {
    let TextConfig { hidden_size: hidden, layer_norm_eps: eps, num_positions, .. } = *config;
    let tokens = TensorSpec::new(TOKENS, [config.vocab_size, hidden], Use::Table);
    let positions = TensorSpec::new("embeddings.position_embeddings.weight", [num_positions, hidden], Use::Table);
    let dense = config.modules.dense.as_ref().map(|dense| {
        let weight = TensorSpec::new("linear.weight", [config.projection_dim, hidden], Use::Projection);
        let bias = dense.bias.then(|| TensorSpec::new("linear.bias", [config.projection_dim], Use::Vector));
        source.linear(weight.in_file(&dense.file), bias.map(|bias| bias.in_file(&dense.file)))
    });
    Ok(TextLayers {
        projection: dense.transpose()?,
        token_embedding: source.tokens(tokens)?,
        position_embedding: source.table(positions)?,
        embedding_norm: Some(source.norm("embeddings.LayerNorm", hidden, eps)?),
        encoder: Encoder::of(source, "transformer.layer", &LAYER, &config.into())?,
        final_norm: None,
        logit_scale: None,
        logit_bias: None,
    })
}
