//! Which of a tokenizer's tokens some scripts need, or some texts.

use super::{Tokenizer, invalid};
use crate::error::{Error, ErrorKind, Result};
use regex::Regex;
use std::collections::BTreeSet;

/// Marks of sentencepiece, of BERT and of CLIP that a token has beside its letters.
const MARKS: [&str; 3] = ["▁", "##", "</w>"];

impl Tokenizer {
    /// The ids of all tokens that have no letters but those of Unicode's `scripts` ("Latin", "Han"), or none at all: signs,
    /// digits, bytes, special tokens; ascending.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: Unicode has no such script.
    pub(crate) fn ids_of_scripts(&self, scripts: &[impl AsRef<str>]) -> Result<BTreeSet<u32>> {
        let mut classes = String::from(r"\p{scx=Common}\p{scx=Inherited}");
        for script in scripts.iter().map(AsRef::as_ref) {
            let class = format!(r"\p{{scx={}}}", script.trim());
            let is_name =
                !script.trim().is_empty() && script.chars().all(|c| c.is_ascii_alphabetic() || c == ' ' || c == '_');
            if !is_name || Regex::new(&class).is_err() {
                let what =
                    format!("there is no script {script:?}: Unicode's have names as Latin, Cyrillic, Han, Devanagari");
                return Err(Error::new(ErrorKind::InvalidArgument, what));
            }
            classes.push_str(&class);
        }
        let fits = Regex::new(&format!(r"^(?:[^\p{{L}}\p{{M}}]|[{classes}])*$"));
        let fits = fits.map_err(|error| invalid("scripts that make no expression").with_source(error))?;
        let vocab = self.tokenizer.get_vocab(true);
        let fitting =
            vocab.into_iter().filter(|(token, _)| self.text_of(token).is_none_or(|text| fits.is_match(&text)));
        Ok(fitting.map(|(_, id)| id).chain(self.special_ids()).collect())
    }

    /// The ids of all tokens of texts, and of special tokens; ascending.
    ///
    /// # Errors
    /// As [`ids`](Self::ids).
    pub(crate) fn ids_of_texts<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Result<BTreeSet<u32>> {
        let mut ids: BTreeSet<u32> = self.special_ids().collect();
        for text in texts {
            ids.extend(self.ids(text, usize::MAX)?);
        }
        Ok(ids)
    }

    /// Tokens that stand for no text: added ones, and such as "<unk>", "[UNK]" and "<0x0A>". Token 0 fills up short texts.
    fn special_ids(&self) -> impl Iterator<Item = u32> {
        let is_special = |token: &str| {
            token.len() > 2
                && (token.starts_with('<') && token.ends_with('>') || token.starts_with('[') && token.ends_with(']'))
        };
        let added: Vec<u32> = self.tokenizer.get_added_tokens_decoder().keys().copied().collect();
        let named = self.tokenizer.get_vocab(true).into_iter().filter(move |(token, _)| is_special(token));
        added.into_iter().chain(named.map(|(_, id)| id)).chain([0])
    }

    /// What a token stands for; `None` for a part of a letter.
    fn text_of(&self, token: &str) -> Option<String> {
        let bare = MARKS.iter().fold(token.to_owned(), |token, mark| token.replace(mark, ""));
        if !self.is_bytes {
            return Some(bare);
        }
        let bytes: Option<Vec<u8>> = bare.chars().map(byte_of).collect();
        String::from_utf8(bytes?).ok()
    }
}

/// The byte that a letter of a byte-level token stands for: those that can be seen stand for themselves, the others follow
/// from 256 on.
fn byte_of(letter: char) -> Option<u8> {
    let seen = |byte: &u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(letter) {
        code @ 0..256 => u8::try_from(code).ok().filter(seen),
        code => (0..=u8::MAX).filter(|byte| !seen(byte)).nth(code as usize - 256),
    }
}
