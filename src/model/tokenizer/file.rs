//! What of a `tokenizer.json` is let through to the `tokenizers` crate.
//!
//! The file comes from strangers, and the crate trusts it: some components panic on values that make no sense, others
//! double a text as often as they are written, a regular expression may take any time. So only the components and the
//! regular expressions are read that the tokenizers of CLIP, SigLIP, MetaCLIP 2 and BERT have, each component once, into the
//! types below, and it is these that the crate gets to see. Of padding the token alone is taken; what else the file says is left behind.
//!
//! `web/worker/tokenizer_file.ts` is the same for the worker; both are tested by `tests/golden/tokenizers.json`.

use super::invalid;
use crate::error::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::mem::discriminant;

mod charsmap;
mod model;
mod normalizer;
mod post_processor;
mod pre_tokenizer;

use model::Model;
use normalizer::Normalizer;
use post_processor::PostProcessor;
use pre_tokenizer::PreTokenizer;

/// What CLIP takes for a word: special tokens, English endings, letters, one digit, or other signs.
pub(super) const WORD: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
/// What becomes one space.
pub(super) const SPACES: &str = r"\s+";

/// Added tokens, and letters of one. A CLIP has two; those that were taught new words have some hundreds.
const MOST_ADDED: usize = 4096;
const LONGEST_ADDED: usize = 256;
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
    /// The token that it fills up texts with, which is left to the model.
    #[serde(skip)]
    padding: Option<u32>,
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

impl File {
    /// Reads the bytes of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config): a component, an expression or a value that none of these models has; the
    /// message names it.
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
            padding: keys.get("padding").and_then(|padding| padding.get("pad_id")?.as_u64()?.try_into().ok()),
        };
        if let Model::Bpe(bpe) = &mut file.model {
            bpe.drop_version();
        }
        file.check()?;
        Ok(file)
    }

    /// Whether words are bytes, each written as a letter.
    pub(super) fn is_bytes(&self) -> bool {
        self.pre_tokenizer.as_ref().is_some_and(PreTokenizer::is_bytes)
    }

    /// How many tokens after a text stay where it is cut.
    pub(super) fn ends(&self) -> usize {
        self.post_processor.as_ref().map_or(0, PostProcessor::ends)
    }

    /// The token that it fills up texts with, where it says one.
    pub(super) fn padding(&self) -> Option<u32> {
        self.padding
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

/// What is looked for in a text.
#[derive(Deserialize, Serialize)]
enum Pattern {
    Regex(String),
    String(String),
}

impl Pattern {
    fn text(&self) -> &str {
        match self {
            Self::Regex(text) | Self::String(text) => text,
        }
    }
}

/// An error where a sequence has a component twice, or where two differ in nothing that `more` says of them.
fn check_once<T>(part: &str, members: &[T], more: impl Fn(&T) -> Option<String>) -> Result<()> {
    let kinds: HashSet<_> = members.iter().map(|member| (discriminant(member), more(member))).collect();
    if kinds.len() == members.len() {
        return Ok(());
    }
    Err(refused(part, "a Sequence with a component twice"))
}

/// An error for a regular expression that is none of the `known`.
fn check_expression(part: &str, expression: &str, known: &[&str]) -> Result<()> {
    if known.contains(&expression) {
        return Ok(());
    }
    Err(refused(part, &format!("the regular expression {expression:?} is none that these models have")))
}
