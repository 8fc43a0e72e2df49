//! What a text becomes before it is split.

use super::charsmap;
use super::{Pattern, SPACES, check_expression, check_once, refused};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// What SigLIP's tokenizers leave out: Python's `string.punctuation`, as `re.escape` writes it.
const PUNCTUATION: &str = r##"[!"\#\$%\&'\(\)\*\+,\-\./:;<=>\?@\[\\\]\^_`\{\|\}\~]"##;
/// What T5's kind of tokenizer takes for one space.
const MANY_SPACES: &str = " {2,}";
/// What stands for a space in sentencepiece's tokens.
pub(super) const METASPACE: &str = "▁";
const PART: &str = "normalizer";

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
pub(super) enum Normalizer {
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
    Strip {
        strip_left: bool,
        strip_right: bool,
    },
    Replace {
        pattern: Pattern,
        content: String,
    },
    #[serde(rename = "BertNormalizer")]
    Bert {
        clean_text: bool,
        handle_chinese_chars: bool,
        strip_accents: Option<bool>,
        lowercase: bool,
    },
    /// sentencepiece's, from characters to characters.
    Precompiled {
        precompiled_charsmap: String,
    },
}

impl Normalizer {
    pub(super) fn check(&self) -> Result<()> {
        let Self::Sequence { normalizers } = self else { return self.check_one() };
        let kind = |member: &Self| match member {
            Self::Replace { pattern, .. } => Some(pattern.text().to_owned()),
            _ => None,
        };
        check_once(PART, normalizers, kind)?;
        normalizers.iter().try_for_each(Self::check_one)
    }

    fn check_one(&self) -> Result<()> {
        match self {
            Self::Sequence { .. } => Err(refused(PART, "a Sequence in a Sequence")),
            Self::Replace { pattern, content } => check_replacement(pattern, content),
            Self::Precompiled { precompiled_charsmap } => charsmap::check(precompiled_charsmap),
            _ => Ok(()),
        }
    }
}

/// Nothing becomes longer than it is by more than the bytes of one letter.
fn check_replacement(pattern: &Pattern, content: &str) -> Result<()> {
    let known = match pattern {
        Pattern::String(text) if text == " " => METASPACE,
        Pattern::String(text) => return Err(refused(PART, &format!("a Replace of the String {text:?}"))),
        Pattern::Regex(expression) => {
            check_expression(PART, expression, &[SPACES, MANY_SPACES, PUNCTUATION])?;
            match expression.as_str() {
                SPACES => " ",
                PUNCTUATION => "",
                _ => METASPACE,
            }
        }
    };
    if content == known {
        return Ok(());
    }
    Err(refused(PART, &format!("a Replace of {:?} by another text than {known:?}", pattern.text())))
}
