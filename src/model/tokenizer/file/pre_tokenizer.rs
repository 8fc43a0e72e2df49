//! How a text is split into words.

use super::normalizer::METASPACE;
use super::{Pattern, WORD, check_expression, check_once, refused};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// [`WORD`] without the special tokens, as older files have it.
const OLDER_WORD: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
const PART: &str = "pre_tokenizer";

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
pub(super) enum PreTokenizer {
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
    WhitespaceSplit,
    /// BERT's: at spaces, and around each sign.
    #[serde(rename = "BertPreTokenizer")]
    Bert,
    /// sentencepiece's: a sign for each space, and one before the text.
    Metaspace {
        replacement: String,
        /// Older files have this in place of the scheme.
        #[serde(skip_serializing_if = "Option::is_none")]
        add_prefix_space: Option<bool>,
        #[serde(default)]
        prepend_scheme: PrependScheme,
        #[serde(default = "yes")]
        split: bool,
    },
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Deserialize, PartialEq, Serialize)]
pub(super) enum Behavior {
    Removed,
    Isolated,
    MergedWithPrevious,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PrependScheme {
    #[default]
    Always,
    First,
    Never,
}

impl PreTokenizer {
    /// Whether it makes bytes of words.
    pub(super) fn is_bytes(&self) -> bool {
        match self {
            Self::Sequence { pretokenizers } => pretokenizers.iter().any(Self::is_bytes),
            Self::ByteLevel { .. } => true,
            _ => false,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let Self::Sequence { pretokenizers } = self else { return self.check_one() };
        check_once(PART, pretokenizers, |_| None)?;
        pretokenizers.iter().try_for_each(Self::check_one)
    }

    fn check_one(&self) -> Result<()> {
        match self {
            Self::Sequence { .. } => Err(refused(PART, "a Sequence in a Sequence")),
            Self::Split { pattern: Pattern::Regex(expression), behavior, .. } => {
                check_expression(PART, expression, &[WORD, OLDER_WORD])?;
                if *behavior != Behavior::MergedWithPrevious {
                    return Ok(());
                }
                Err(refused(PART, "a Split at an expression of behavior MergedWithPrevious"))
            }
            // Gemma's.
            Self::Split { pattern: Pattern::String(text), behavior: Behavior::MergedWithPrevious, invert: false }
                if text == " " =>
            {
                Ok(())
            }
            Self::Split { .. } => Err(refused(PART, "a Split at a String that is none of Gemma's")),
            Self::Metaspace { replacement, .. } if replacement != METASPACE => {
                Err(refused(PART, "a Metaspace of another sign than sentencepiece's"))
            }
            _ => Ok(()),
        }
    }
}
