//! sentencepiece's map of characters, as a `Precompiled` normalizer has it: base64 of a length, of a trie of as many
//! bytes, and of texts that end with a zero.
//!
//! The trie is a double array of 32-bit units (<https://github.com/s-yata/darts-clone>), from the bytes of a character to
//! the place of a text. The crate that reads it trusts it: an index beyond the array or the texts is a panic. So each unit
//! is looked at before. In the worker `web/worker/charsmap.ts` reads the same, and leaves out what leads nowhere.

use super::refused;
use crate::error::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a map; sentencepiece's own has 240,007.
const MOST_BYTES: usize = 4 << 20;
/// Bytes of what one character becomes; in Unicode's tables at most 33.
const LONGEST_TEXT: usize = 256;

/// Bit of a unit that is the end of a key, and holds a place.
const IS_VALUE: u32 = 1 << 31;
/// Bit of a unit that has such an end below it.
const HAS_VALUE: u32 = 1 << 8;

/// An error for a map that leads out of itself.
pub(super) fn check(base64: &str) -> Result<()> {
    let invalid = |why: &str| refused("normalizer", &format!("a Precompiled whose precompiled_charsmap {why}"));
    if base64.len() > MOST_BYTES / 3 * 4 {
        return Err(invalid("is too long"));
    }
    let bytes = STANDARD.decode(base64).map_err(|_| invalid("is not base64"))?;
    let (units, texts) = parts(&bytes).ok_or_else(|| invalid("has not the length that it says"))?;
    let texts = std::str::from_utf8(texts).map_err(|_| invalid("has texts that are not UTF-8"))?;
    if texts.split('\0').any(|text| text.len() > LONGEST_TEXT) {
        return Err(invalid("has a long text"));
    }
    let units: Vec<u32> = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
    let leads_out = |(index, unit): (usize, &u32)| {
        if unit & IS_VALUE != 0 {
            return false;
        }
        let below = index ^ offset(*unit);
        let value = units.get(below).copied().unwrap_or_default() & !IS_VALUE;
        below | 0xff >= units.len() || unit & HAS_VALUE != 0 && !texts.is_char_boundary(value as usize)
    };
    if units.is_empty() || units.iter().enumerate().any(leads_out) {
        return Err(invalid("leads out of itself"));
    }
    Ok(())
}

/// The units of the trie, and the texts.
fn parts(bytes: &[u8]) -> Option<(&[[u8; 4]], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (trie, texts) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (units, more) = trie.as_chunks::<4>();
    more.is_empty().then_some((units, texts))
}

/// What leads from a unit to those below it.
fn offset(unit: u32) -> usize {
    ((unit >> 10) as usize) << ((unit & (1 << 9)) >> 6)
}
