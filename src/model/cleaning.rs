//! What open_clip does to a text before its tokenizer sees it (`tokenizer_kwargs.clean` of `open_clip_config.json`).
//! <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/tokenizer.py>
//!
//! Of what the package ftfy mends before that (mojibake, odd widths, HTML's entities) only curly quotes are made straight.

/// How a text is cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cleaning {
    /// Lower case, without ASCII's signs, one space between words: SigLIP's.
    Canonicalize,
    /// Lower case, one space between words.
    Lower,
    /// One space between words.
    Whitespace,
}

impl Cleaning {
    /// By name; `None` for another one.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "canonicalize" => Self::Canonicalize,
            "lower" => Self::Lower,
            "whitespace" => Self::Whitespace,
            _ => return None,
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Canonicalize => "canonicalize",
            Self::Lower => "lower",
            Self::Whitespace => "whitespace",
        }
    }

    /// The text as the tokenizer is to see it.
    #[cfg(feature = "text")]
    pub(crate) fn clean(self, text: &str) -> String {
        let straight = text.replace(is_single_quote, "'").replace(is_double_quote, "\"");
        let cleaned = match self {
            Self::Canonicalize => {
                straight.replace('_', " ").replace(|c: char| c.is_ascii_punctuation(), "").to_lowercase()
            }
            Self::Lower => straight.to_lowercase(),
            Self::Whitespace => straight,
        };
        let words: Vec<&str> = cleaned.split(is_space).filter(|word| !word.is_empty()).collect();
        words.join(" ")
    }
}

#[cfg(feature = "text")]
fn is_single_quote(c: char) -> bool {
    matches!(c, '\u{2bc}' | '\u{2018}'..='\u{201b}')
}

#[cfg(feature = "text")]
fn is_double_quote(c: char) -> bool {
    matches!(c, '\u{201c}'..='\u{201f}')
}

/// What Python splits words at.
#[cfg(feature = "text")]
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

#[cfg(all(test, feature = "text"))]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn texts_are_as_open_clip_cleans_them() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tokenizers/cleaned.json");
        let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let rows = golden["rows"].as_array().unwrap();
        assert!(rows.len() > 300);
        for row in rows {
            for (name, cleaned) in
                ["canonicalize", "lower", "whitespace"].into_iter().zip(&row.as_array().unwrap()[1..])
            {
                let cleaning = Cleaning::from_name(name).unwrap();
                assert_eq!(cleaning.clean(row[0].as_str().unwrap()), cleaned.as_str().unwrap(), "{name} {}", row[0]);
                assert_eq!(cleaning.name(), name);
            }
        }
    }
}
