//! The texts of a PNG that say which side is up: EXIF, and XMP, by any of the names that Pillow asks for.
//!
//! Texts can be packed, and many: so chunks are noted as they come, and unpacked when all have been seen, none but the last that
//! can be unpacked.

use crate::exif::Metadata;
use crate::inflate::Inflate;

/// How large Pillow lets an unpacked text become.
const MAX_UNPACKED: usize = 1 << 20;
/// How many texts of a name are tried where the last ones can't be unpacked.
const TRIED: usize = 4;

/// What has been seen of texts so far.
#[derive(Default)]
pub(super) struct Texts<'a> {
    /// EXIF as it is, after a prefix, once it has been met.
    exif: Option<(&'static [u8], &'a [u8])>,
    /// ImageMagick's `Raw profile type exif`.
    raw_profile: Candidates<'a>,
    /// XMP that is a text, and XMP that may be none.
    xmp: Candidates<'a>,
    xmp_bytes: Candidates<'a>,
}

/// A text as it lies in its chunk.
#[derive(Clone, Copy)]
enum Text<'a> {
    Plain(&'a [u8]),
    /// Packed; what can't be unpacked is empty.
    Packed(&'a [u8]),
    /// Packed; what can't be unpacked does not count, nor what is no UTF-8 if it has to be.
    International {
        packed: &'a [u8],
        is_utf8: bool,
    },
}

/// The last texts of a name.
#[derive(Default)]
struct Candidates<'a>(Vec<Text<'a>>);

impl<'a> Candidates<'a> {
    fn push(&mut self, text: Text<'a>) {
        if !matches!(text, Text::International { .. }) {
            self.0.clear();
        } else if self.0.len() == TRIED {
            self.0.remove(0);
        }
        self.0.push(text);
    }

    /// The last one that counts.
    fn last(&self) -> Option<Vec<u8>> {
        self.0.iter().rev().find_map(|text| match *text {
            Text::Plain(text) => Some(text.to_vec()),
            Text::Packed(packed) => Some(unpacked(packed).unwrap_or_default()),
            Text::International { packed, is_utf8 } => {
                unpacked(packed).filter(|text| !is_utf8 || std::str::from_utf8(text).is_ok())
            }
        })
    }
}

impl<'a> Texts<'a> {
    /// Notes a chunk, if it is one that matters and `is_intact`.
    pub(super) fn take(&mut self, name: &[u8; 4], data: &'a [u8], is_intact: impl Fn() -> bool) {
        if name == b"eXIf" {
            if is_intact() {
                self.exif = Some((b"Exif\0\0", data));
            }
            return;
        }
        let (keyword, text) = match data.iter().position(|&byte| byte == 0) {
            Some(end) => (&data[..end], &data[end + 1..]),
            None => (data, &data[data.len()..]),
        };
        if ![&b"exif"[..], b"Raw profile type exif", b"XML:com.adobe.xmp"].contains(&keyword) || !is_intact() {
            return;
        }
        match name {
            b"tEXt" if keyword == b"exif" => self.exif = Some((b"", text)),
            b"tEXt" => self.named(keyword, Text::Plain(text)),
            // The byte before the text names the packing, of which there is one.
            b"zTXt" => match text.split_first() {
                Some((0, packed)) => self.named(keyword, Text::Packed(packed)),
                Some(_) => {}
                None => self.named(keyword, Text::Plain(text)),
            },
            b"iTXt" => self.international(keyword, text),
            _ => {}
        }
    }

    fn named(&mut self, keyword: &[u8], text: Text<'a>) {
        match keyword {
            b"Raw profile type exif" => self.raw_profile.push(text),
            b"XML:com.adobe.xmp" => self.xmp.push(text),
            _ => {}
        }
    }

    /// The text of an iTXt chunk after its keyword: a flag, a packing, a language, the keyword in it, the text.
    fn international(&mut self, keyword: &[u8], text: &'a [u8]) {
        let [is_packed, packing, rest @ ..] = text else { return };
        let mut parts = rest.splitn(3, |&byte| byte == 0);
        let (Some(language), Some(translated), Some(text)) = (parts.next(), parts.next(), parts.next()) else { return };
        let is_xmp = keyword == b"XML:com.adobe.xmp";
        let is_utf8 = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
        let is_text = is_utf8(language) && is_utf8(translated);
        match (is_packed, packing) {
            (0, _) => {
                if is_xmp {
                    self.xmp_bytes.push(Text::Plain(text));
                }
                if is_text && is_utf8(text) {
                    self.named(keyword, Text::Plain(text));
                }
            }
            (_, 0) => {
                if is_xmp {
                    self.xmp_bytes.push(Text::International { packed: text, is_utf8: false });
                }
                if is_text {
                    self.named(keyword, Text::International { packed: text, is_utf8: true });
                }
            }
            _ => {}
        }
    }

    /// EXIF and XMP, unpacked.
    pub(super) fn metadata(&self) -> Metadata {
        let exif = match self.exif {
            Some((prefix, exif)) => Some([prefix, exif].concat()),
            None => self.raw_profile.last().and_then(|profile| raw_profile(&profile)),
        };
        let xmp = self.xmp.last().filter(|xmp| !xmp.is_empty()).or_else(|| self.xmp_bytes.last());
        Metadata { exif, xmp }
    }
}

/// An unpacked text, whole or as much of it as there is; none where it is broken, or too large.
fn unpacked(mut packed: &[u8]) -> Option<Vec<u8>> {
    let mut inflate = Inflate::new();
    let mut text = vec![0; 1 << 14];
    let mut at = 0;
    loop {
        at = inflate.read(&mut packed, &mut text, at).ok()?;
        if at < text.len() || inflate.is_done() || packed.is_empty() && text.len() >= MAX_UNPACKED {
            text.truncate(at);
            return Some(text);
        }
        if text.len() >= MAX_UNPACKED {
            return None;
        }
        text.resize(text.len() * 4, 0);
    }
}

/// The bytes of ImageMagick's `\nexif\n    1234\n4578…`: after three lines hexadecimal digits.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.splitn(4, |&byte| byte == b'\n').nth(3).unwrap_or_default();
    let mut digits = digits.iter().filter(|byte| !byte.is_ascii_whitespace()).map(|&byte| (byte as char).to_digit(16));
    let mut bytes = Vec::new();
    while let Some(high) = digits.next() {
        bytes.push((high? * 16 + digits.next()??) as u8);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_texts_the_last_ones_are_kept() {
        let mut texts = Texts::default();
        for count in 1..100 {
            texts.take(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0packed", || true);
            assert_eq!((texts.xmp.0.len(), texts.xmp_bytes.0.len()), (count.min(TRIED), count.min(TRIED)));
        }
        // What counts whether it can be unpacked or not takes the place of all.
        texts.take(b"zTXt", b"XML:com.adobe.xmp\0\0packed", || true);
        assert_eq!(texts.xmp.0.len(), 1);
    }
}
