//! Text to token ids, as transformers does it: what `tokenizer.json` says by itself, of CLIP's tokenizer (lower case,
//! byte-level BPE, a start and an end token), of Gemma's (SigLIP 2), of sentencepiece's Unigram (SigLIP, MetaCLIP 2, mT5)
//! and of BERT's WordPiece.
//!
//! Older CLIP models have `vocab.json` and `merges.txt` in its place, which hold
//! the vocabulary alone; what they leave unsaid is the same for every CLIP, and is added here.

use crate::error::{Error, ErrorKind, Result};
use crate::weights::check_length;
use serde_json::{Map, Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokenizers::ModelWrapper;

mod file;
mod vocab;

use file::{File, SPACES, WORD};

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// Letters of a text that are read. The longest context of a CLIP ends long before.
const LONGEST_TEXT: usize = 1 << 16;
/// Tokens of a CLIP that no merge leads to: 256 bytes, each within a word and at its end, and the start and the end token.
const UNMERGED: usize = 514;

/// The tokenizer of a model.
pub(crate) struct Tokenizer {
    tokenizer: tokenizers::Tokenizer,
    /// Special tokens after a text.
    ends: usize,
    /// Whether tokens are bytes, each written as a letter.
    is_bytes: bool,
    /// The token that texts are filled up with by a model that has all of one length, where the file says one.
    padding: Option<u32>,
}

impl Tokenizer {
    /// Reads the bytes of a `tokenizer.json`. What it says of truncation is for batches in Python, and is passed over; so is
    /// what it says of padding, but for the token.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: it is malformed, or has a component or a regular expression that the tokenizers of CLIP,
    /// SigLIP, MetaCLIP 2 and BERT do not; the message names it.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self> {
        check_length("tokenizer.json", json.len() as u64)?;
        let not_a_tokenizer = || invalid("tokenizer.json is not a tokenizer");
        let file = File::read(json)?;
        let known = serde_json::to_vec(&file).map_err(|error| not_a_tokenizer().with_source(error))?;
        let tokenizer = unwinding(|| tokenizers::Tokenizer::from_bytes(known))?;
        let mut tokenizer = tokenizer.map_err(|error| not_a_tokenizer().with_source(error))?;
        forget_words(&mut tokenizer);
        Ok(Self { tokenizer, ends: file.ends(), is_bytes: file.is_bytes(), padding: file.padding() })
    }

    /// The token that it fills up texts with, where it says one.
    pub(crate) fn padding(&self) -> Option<u32> {
        self.padding
    }

    /// Makes the tokenizer of the contents of `vocab.json` and `merges.txt`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub(crate) fn from_vocab(vocab: &[u8], merges: &[u8]) -> Result<Self> {
        check_length("vocab.json", vocab.len() as u64)?;
        check_length("merges.txt", merges.len() as u64)?;
        let vocab: Map<String, Value> = serde_json::from_slice(vocab)
            .map_err(|error| invalid("vocab.json is not an object of ids").with_source(error))?;
        let merges =
            std::str::from_utf8(merges).map_err(|error| invalid("merges.txt is not UTF-8 text").with_source(error))?;
        let special = |token: &str| {
            let id = vocab.get(token).ok_or_else(|| invalid(format!("vocab.json has no token {token}")))?;
            Ok::<_, Error>(json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            }))
        };
        let added = [special(START)?, special(END)?];
        let merges = within(&vocab, merges.lines().filter(|line| !line.is_empty()).collect());
        let json = json!({
            "version": "1.0",
            "normalizer": { "type": "Sequence", "normalizers": [
                { "type": "NFC" },
                { "type": "Replace", "pattern": { "Regex": SPACES }, "content": " " },
                { "type": "Lowercase" },
            ] },
            "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
                { "type": "Split", "pattern": { "Regex": WORD }, "behavior": "Removed", "invert": true },
                { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true },
            ] },
            "post_processor": {
                "type": "RobertaProcessing", "trim_offsets": false, "add_prefix_space": false,
                "cls": [START, vocab.get(START)], "sep": [END, vocab.get(END)],
            },
            "added_tokens": added,
            "model": {
                "type": "BPE", "unk_token": END, "continuing_subword_prefix": "", "end_of_word_suffix": "</w>",
                "fuse_unk": false, "vocab": vocab, "merges": merges,
            },
        });
        let json = json.to_string();
        Self::from_json(json.as_bytes()).map_err(|error| invalid("vocab.json and merges.txt").with_source(error))
    }

    /// Makes the tokenizer of the contents of `tokenizer.json`, or else of `vocab.json` and `merges.txt`; `None` where
    /// there is neither.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub(crate) fn from_files(files: &[Option<Vec<u8>>; 3]) -> Result<Option<Self>> {
        match files {
            [Some(json), ..] => Self::from_json(json).map(Some),
            [None, Some(vocab), Some(merges)] => Self::from_vocab(vocab, merges).map(Some),
            _ => Ok(None),
        }
    }

    /// The ids of a text, special tokens included, at most `longest`: of a longer text the beginning, and the special
    /// tokens after it. What is beyond [`LONGEST_TEXT`] is not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: the tokenizer has no token for a part of the text. [`ErrorKind::Config`]: it panics.
    pub(crate) fn ids(&self, text: &str, longest: usize) -> Result<Vec<u32>> {
        let no_tokens = || Error::new(ErrorKind::InvalidArgument, "the text has no tokens");
        let end = text.char_indices().nth(LONGEST_TEXT).map_or(text.len(), |(end, _)| end);
        let encoding = unwinding(|| self.tokenizer.encode_fast(&text[..end], true))?;
        let encoding = encoding.map_err(|error| no_tokens().with_source(error))?;
        let mut ids = encoding.get_ids().to_vec();
        if ids.len() > longest {
            let ends = ids.split_off(ids.len() - self.ends.min(ids.len()));
            ids.truncate(longest.saturating_sub(ends.len()));
            ids.extend(ends);
        }
        Ok(ids)
    }
}

/// Keeps the crate's BPE from remembering the words that it has seen. It would on each thread, up to 10,000 of them, and
/// until the thread ends, whether or not the tokenizer still lives. The model is copied, as it can only be replaced.
fn forget_words(tokenizer: &mut tokenizers::Tokenizer) {
    if let ModelWrapper::BPE(bpe) = tokenizer.get_model() {
        let mut bpe = bpe.clone();
        bpe.resize_cache(0);
        tokenizer.with_model(bpe);
    }
}

/// The lines of a `merges.txt` that make up a vocabulary. OpenAI's own file goes on beyond it; of a file that never makes it
/// up nothing is left out, and the first token that the vocabulary has not is an error.
fn within<'a>(vocab: &Map<String, Value>, mut merges: Vec<&'a str>) -> Vec<&'a str> {
    if merges.first().is_some_and(|line| line.starts_with("#version")) {
        merges.remove(0);
    }
    let fits =
        |line: &&&str| line.split_once(' ').is_some_and(|(left, right)| vocab.contains_key(&[left, right].concat()));
    let fitting = merges.iter().take_while(fits).count();
    if fitting + UNMERGED >= vocab.len() {
        merges.truncate(fitting);
    }
    merges
}

/// What the crate `tokenizers` makes of a stranger's file, or an error where it panics. No file is known that gets so far;
/// the panic's own message goes to the program's hook, as always.
fn unwinding<T>(work: impl FnOnce() -> T) -> Result<T> {
    // Whatever state a panic leaves behind is dropped, or is a cache.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| invalid("tokenizer.json makes the tokenizer panic"))
}

fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_fault_of_the_file() {
        let error = unwinding(|| panic!("as a tokenizer may")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}
