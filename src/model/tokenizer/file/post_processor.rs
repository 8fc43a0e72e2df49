//! What is put around a text's tokens.

use super::{MOST_TOKENS, refused};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Pieces of a template, and its special tokens.
const MOST_PARTS: usize = 16;

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
pub(super) enum PostProcessor {
    RobertaProcessing { sep: (String, u32), cls: (String, u32), trim_offsets: bool, add_prefix_space: bool },
    TemplateProcessing { single: Vec<Piece>, pair: Vec<Piece>, special_tokens: HashMap<String, Special> },
}

#[derive(Deserialize, Serialize)]
pub(super) enum Piece {
    Sequence { id: String, type_id: u32 },
    SpecialToken { id: String, type_id: u32 },
}

#[derive(Deserialize, Serialize)]
pub(super) struct Special {
    id: String,
    ids: Vec<u32>,
    tokens: Vec<String>,
}

impl PostProcessor {
    /// The special tokens after a text, which stay where it is cut.
    pub(super) fn ends(&self) -> usize {
        match self {
            Self::RobertaProcessing { .. } => 1,
            Self::TemplateProcessing { single, .. } => {
                single.iter().rev().take_while(|piece| matches!(piece, Piece::SpecialToken { .. })).count()
            }
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let refused = |why: &str| Err(refused("post_processor", why));
        let (single, pair, special_tokens) = match self {
            Self::RobertaProcessing { sep, cls, .. } if sep.1.max(cls.1) < MOST_TOKENS => return Ok(()),
            Self::RobertaProcessing { .. } => return refused("a RobertaProcessing without its tokens"),
            Self::TemplateProcessing { single, pair, special_tokens } => (single, pair, special_tokens),
        };
        if single.len().max(pair.len()).max(special_tokens.len()) > MOST_PARTS {
            return refused("a TemplateProcessing of too many pieces");
        }
        let is_known = |piece: &Piece, sequences: &[&str]| match piece {
            Piece::Sequence { id, .. } => sequences.contains(&id.as_str()),
            Piece::SpecialToken { id, .. } => special_tokens.contains_key(id),
        };
        if !(single.iter().all(|piece| is_known(piece, &["A"]))
            && pair.iter().all(|piece| is_known(piece, &["A", "B"])))
        {
            return refused("a TemplateProcessing with a piece that it does not say");
        }
        if single.iter().filter(|piece| matches!(piece, Piece::Sequence { .. })).count() != 1 {
            return refused("a TemplateProcessing that has its text not once");
        }
        // Several ids for one token only this crate would have.
        let is_one = |(name, token): (&String, &Special)| {
            token.id == *name && token.tokens == [name.as_str()] && matches!(*token.ids, [id] if id < MOST_TOKENS)
        };
        if !special_tokens.iter().all(is_one) {
            return refused("a TemplateProcessing whose special tokens have other ids");
        }
        Ok(())
    }
}
