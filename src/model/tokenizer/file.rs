//! What of a `tokenizer.json` is let through to the `tokenizers` crate.
//!
//! The file comes from strangers, and the crate trusts it: some components panic on values that make no sense, others
//! double a text as often as they are written, a regular expression may take any time. So only the components and the
//! regular expressions are read that CLIP's tokenizers have, each component once, into the types below, and it is these
//! that the crate gets to see. Everything else that the file says, of padding or of decoding, is left behind.
//!
//! `web/worker/tokenizer_file.ts` is the same for the worker; both are tested by `tests/golden/tokenizers.json`.

use super::invalid;
use crate::error::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::mem::discriminant;

/// What CLIP takes for a word: special tokens, English endings, letters, one digit, or other signs.
pub(super) const WORD: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// The same without the special tokens, as older files have it.
const OLDER_WORD: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// What becomes one space.
pub(super) const SPACES: &str = r"\s+";

/// Pieces of a template, and its special tokens.
const MOST_PARTS: usize = 16;
/// Added tokens, and letters of one. A CLIP has two; those that were taught new words have some hundreds.
const MOST_ADDED: usize = 4096;
const LONGEST_ADDED: usize = 256;
/// Letters of what marks the end of a word, which is copied for each.
const LONGEST_SUFFIX: usize = 64;
/// Ids are below it, and there are no more merges.
const MOST_TOKENS: u32 = 1 << 20;

/// The parts of the file that make ids of texts.
#[derive(Serialize)]
pub(super) struct File {
    version: &'static str,
    added_tokens: Vec<AddedToken>,
    normalizer: Option<Normalizer>,
    pre_tokenizer: Option<PreTokenizer>,
    post_processor: Option<PostProcessor>,
    model: Model,
}

#[derive(Deserialize, Serialize)]
struct AddedToken {
    id: u32,
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum Normalizer {
    Sequence {
        normalizers: Vec<Normalizer>,
    },
    #[serde(rename = "NFC")]
    Nfc,
    #[serde(rename = "NFD")]
    Nfd,
    #[serde(rename = "NFKC")]
    Nfkc,
    #[serde(rename = "NFKD")]
    Nfkd,
    Lowercase,
    StripAccents,
    Replace {
        pattern: Pattern,
        content: String,
    },
}

#[derive(Deserialize, Serialize)]
enum Pattern {
    Regex(String),
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum PreTokenizer {
    Sequence {
        pretokenizers: Vec<PreTokenizer>,
    },
    Split {
        pattern: Pattern,
        behavior: Behavior,
        invert: bool,
    },
    Digits {
        individual_digits: bool,
    },
    ByteLevel {
        add_prefix_space: bool,
        trim_offsets: bool,
        #[serde(default = "yes")]
        use_regex: bool,
    },
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, Serialize)]
enum Behavior {
    Removed,
    Isolated,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum PostProcessor {
    RobertaProcessing { sep: (String, u32), cls: (String, u32), trim_offsets: bool, add_prefix_space: bool },
    TemplateProcessing { single: Vec<Piece>, pair: Vec<Piece>, special_tokens: HashMap<String, Special> },
}

#[derive(Deserialize, Serialize)]
enum Piece {
    Sequence { id: String, type_id: u32 },
    SpecialToken { id: String, type_id: u32 },
}

#[derive(Deserialize, Serialize)]
struct Special {
    id: String,
    ids: Vec<u32>,
    tokens: Vec<String>,
}

/// Byte pair encoding. A prefix of what goes on within a word, and merges that are left out at random, no CLIP has.
#[derive(Deserialize, Serialize)]
struct Model {
    /// Left out in older files.
    #[serde(rename = "type", default)]
    kind: Kind,
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

#[derive(Default, Deserialize, Serialize)]
enum Kind {
    #[default]
    #[serde(rename = "BPE")]
    Bpe,
}

/// Two tokens that become one.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}

impl File {
    /// Reads the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config): a component, an expression or a value that no CLIP has; the message names it.
    pub(super) fn read(json: &[u8]) -> Result<Self> {
        let mut keys: Map<String, Value> = serde_json::from_slice(json)
            .map_err(|error| invalid("tokenizer.json is not a JSON object").with_source(error))?;
        let mut file = Self {
            version: "1.0",
            added_tokens: part::<Option<_>>(&mut keys, "added_tokens")?.unwrap_or_default(),
            normalizer: part(&mut keys, "normalizer")?,
            pre_tokenizer: part(&mut keys, "pre_tokenizer")?,
            post_processor: part(&mut keys, "post_processor")?,
            model: part(&mut keys, "model")?,
        };
        file.model.merges.drain(..usize::from(file.model.begins_with_version()));
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<()> {
        check_added(&self.added_tokens)?;
        self.normalizer.as_ref().map_or(Ok(()), Normalizer::check)?;
        self.pre_tokenizer.as_ref().map_or(Ok(()), PreTokenizer::check)?;
        self.post_processor.as_ref().map_or(Ok(()), PostProcessor::check)?;
        self.model.check()
    }
}

/// One part of the file.
fn part<T: DeserializeOwned>(keys: &mut Map<String, Value>, name: &str) -> Result<T> {
    let value = keys.remove(name).unwrap_or_default();
    serde_json::from_value(value).map_err(|error| refused(name, &error.to_string()))
}

fn refused(part: &str, why: &str) -> crate::error::Error {
    const MOST: usize = 300;
    let why: String = why.chars().take(MOST).collect();
    invalid(format!("tokenizer.json: {part}: {why}"))
}

fn check_added(tokens: &[AddedToken]) -> Result<()> {
    let refused = |why: String| Err(refused("added_tokens", &why));
    if tokens.len() > MOST_ADDED {
        return refused(format!("{} of them, more than {MOST_ADDED}", tokens.len()));
    }
    match tokens.iter().find(|token| is_long(&token.content, LONGEST_ADDED) || token.id >= MOST_TOKENS) {
        Some(AddedToken { id, content, .. }) => refused(format!("token {id} of {} letters", content.chars().count())),
        None => Ok(()),
    }
}

fn is_long(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_some()
}

/// An error where a sequence has a component twice.
fn check_once<T>(part: &str, members: &[T]) -> Result<()> {
    let kinds: HashSet<_> = members.iter().map(discriminant).collect();
    if kinds.len() == members.len() {
        return Ok(());
    }
    Err(refused(part, "a Sequence with a component twice"))
}

/// An error for a regular expression that is none of the `known`.
fn check_expression(part: &str, Pattern::Regex(expression): &Pattern, known: &[&str]) -> Result<()> {
    if known.contains(&expression.as_str()) {
        return Ok(());
    }
    Err(refused(part, &format!("the regular expression {expression:?} is none that CLIP models have")))
}

impl Normalizer {
    const PART: &str = "normalizer";

    fn check(&self) -> Result<()> {
        let Self::Sequence { normalizers } = self else { return self.check_one() };
        check_once(Self::PART, normalizers)?;
        normalizers.iter().try_for_each(Self::check_one)
    }

    fn check_one(&self) -> Result<()> {
        match self {
            Self::Sequence { .. } => Err(refused(Self::PART, "a Sequence in a Sequence")),
            Self::Replace { pattern, content } => {
                check_expression(Self::PART, pattern, &[SPACES])?;
                if content == " " { Ok(()) } else { Err(refused(Self::PART, "a Replace by another text than a space")) }
            }
            _ => Ok(()),
        }
    }
}

impl PreTokenizer {
    const PART: &str = "pre_tokenizer";

    fn check(&self) -> Result<()> {
        let Self::Sequence { pretokenizers } = self else { return self.check_one() };
        check_once(Self::PART, pretokenizers)?;
        pretokenizers.iter().try_for_each(Self::check_one)
    }

    fn check_one(&self) -> Result<()> {
        match self {
            Self::Sequence { .. } => Err(refused(Self::PART, "a Sequence in a Sequence")),
            Self::Split { pattern, .. } => check_expression(Self::PART, pattern, &[WORD, OLDER_WORD]),
            Self::Digits { .. } | Self::ByteLevel { .. } => Ok(()),
        }
    }
}

impl PostProcessor {
    fn check(&self) -> Result<()> {
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

impl Model {
    /// Whether the first line of a `merges.txt` was taken for a merge.
    fn begins_with_version(&self) -> bool {
        matches!(self.merges.first(), Some(Merge::Line(line)) if line.starts_with("#version"))
    }

    fn check(&self) -> Result<()> {
        let refused = |why: &str| Err(refused("model", why));
        if self.dropout.is_some_and(|dropout| dropout != 0.0) {
            return refused("a dropout, which makes ids random");
        }
        if self.continuing_subword_prefix.as_ref().is_some_and(|prefix| !prefix.is_empty()) {
            return refused("a continuing_subword_prefix");
        }
        if self.end_of_word_suffix.as_ref().is_some_and(|suffix| is_long(suffix, LONGEST_SUFFIX)) {
            return refused("a long end_of_word_suffix");
        }
        if self.vocab.len() > MOST_TOKENS as usize || self.vocab.values().any(|id| *id >= MOST_TOKENS) {
            return refused(&format!("ids from {MOST_TOKENS} on"));
        }
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
