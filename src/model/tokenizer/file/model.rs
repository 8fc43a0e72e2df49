//! How words become tokens: byte pair encoding, Unigram, WordPiece.

use super::{MOST_TOKENS, is_long, refused};
use crate::error::Result;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

/// Letters of what marks the end of a word, or its continuation, which is copied for each.
const LONGEST_SUFFIX: usize = 64;
/// Letters of a token of Unigram, of which those are looked for that begin at each letter of a text; sentencepiece's own
/// limit is 16, unless its user says otherwise.
const LONGEST_PIECE: usize = 256;
/// Letters of a word, of which WordPiece looks at all beginnings of all endings; BERT's limit.
const LONGEST_WORD: usize = 100;
const PART: &str = "model";

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Model {
    #[serde(rename = "BPE")]
    Bpe(Bpe),
    Unigram(Unigram),
    WordPiece(WordPiece),
}

impl<'de> Deserialize<'de> for Model {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // The type is left out in older files of BPE.
        let kind = value.get("type").unwrap_or(&Value::Null).clone();
        let read = match &kind {
            Value::Null => serde_json::from_value(value).map(Self::Bpe),
            Value::String(kind) if kind == "BPE" => serde_json::from_value(value).map(Self::Bpe),
            Value::String(kind) if kind == "Unigram" => serde_json::from_value(value).map(Self::Unigram),
            Value::String(kind) if kind == "WordPiece" => serde_json::from_value(value).map(Self::WordPiece),
            _ => return Err(Error::custom(format!("{kind} is none that these models have: BPE, Unigram, WordPiece"))),
        };
        read.map_err(Error::custom)
    }
}

impl Model {
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Bpe(bpe) => bpe.check(),
            Self::Unigram(unigram) => unigram.check(),
            Self::WordPiece(words) => words.check(),
        }
    }
}

fn check_ids(vocab: &HashMap<String, u32>) -> Result<()> {
    if vocab.len() > MOST_TOKENS as usize || vocab.values().any(|id| *id >= MOST_TOKENS) {
        return Err(refused(PART, &format!("ids from {MOST_TOKENS} on")));
    }
    Ok(())
}

/// Byte pair encoding. A prefix of what goes on within a word, and merges that are left out at random, no CLIP has.
#[derive(Deserialize, Serialize)]
pub(super) struct Bpe {
    unk_token: Option<String>,
    #[serde(skip_serializing)]
    dropout: Option<f32>,
    #[serde(skip_serializing)]
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: bool,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
}

/// Two tokens that become one.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}

/// sentencepiece's Unigram: the tokens of the best sum of scores.
#[derive(Deserialize, Serialize)]
pub(super) struct Unigram {
    unk_id: Option<u32>,
    /// Tokens with their scores; an id is a place in it.
    vocab: Vec<(String, f64)>,
    #[serde(default)]
    byte_fallback: bool,
}

/// BERT's WordPiece: the longest token that a word begins with, and so on.
#[derive(Deserialize, Serialize)]
pub(super) struct WordPiece {
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<String, u32>,
}

impl Bpe {
    /// Leaves out the first line of a `merges.txt`, where it was taken for a merge.
    pub(super) fn drop_version(&mut self) {
        let is_version = matches!(self.merges.first(), Some(Merge::Line(line)) if line.starts_with("#version"));
        self.merges.drain(..usize::from(is_version));
    }

    fn check(&self) -> Result<()> {
        let refused = |why: &str| Err(refused(PART, why));
        if self.dropout.is_some_and(|dropout| dropout != 0.0) {
            return refused("a dropout, which makes ids random");
        }
        if self.continuing_subword_prefix.as_ref().is_some_and(|prefix| !prefix.is_empty()) {
            return refused("a continuing_subword_prefix");
        }
        if self.end_of_word_suffix.as_ref().is_some_and(|suffix| is_long(suffix, LONGEST_SUFFIX)) {
            return refused("a long end_of_word_suffix");
        }
        check_ids(&self.vocab)?;
        if self.merges.len() > MOST_TOKENS as usize {
            return refused(&format!("more merges than {MOST_TOKENS}"));
        }
        // The crate panics where what two tokens become is longer than every token.
        let mut merged = String::new();
        for merge in &self.merges {
            let (left, right) = merge.sides();
            merged.clear();
            merged.extend([left, right]);
            if let Some(token) = [left, right, &merged].into_iter().find(|token| !self.vocab.contains_key(*token)) {
                return refused(&format!("its merges have {token:?}, which its vocab has not"));
            }
        }
        Ok(())
    }
}

impl Merge {
    fn sides(&self) -> (&str, &str) {
        match self {
            Self::Pair(left, right) => (left, right),
            Self::Line(line) => line.split_once(' ').unwrap_or((line, "")),
        }
    }
}

impl Unigram {
    fn check(&self) -> Result<()> {
        let refused = |why: &str| Err(refused(PART, &format!("a Unigram {why}")));
        if self.vocab.len() > MOST_TOKENS as usize {
            return refused(&format!("of more tokens than {MOST_TOKENS}"));
        }
        if self.unk_id.is_none_or(|id| id as usize >= self.vocab.len()) {
            return refused("without its unk_id");
        }
        if self.byte_fallback {
            return refused("with byte_fallback");
        }
        if self.vocab.iter().any(|(token, score)| !score.is_finite() || is_long(token, LONGEST_PIECE)) {
            return refused("with a long token, or one without a score");
        }
        Ok(())
    }
}

impl WordPiece {
    fn check(&self) -> Result<()> {
        let refused = |why: &str| Err(refused(PART, &format!("a WordPiece {why}")));
        if !self.vocab.contains_key(&self.unk_token) {
            return refused("without its unk_token");
        }
        if is_long(&self.continuing_subword_prefix, LONGEST_SUFFIX) {
            return refused("with a long continuing_subword_prefix");
        }
        if self.max_input_chars_per_word > LONGEST_WORD {
            return refused(&format!("of words of more letters than {LONGEST_WORD}"));
        }
        check_ids(&self.vocab)
    }
}
