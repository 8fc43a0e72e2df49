//! Chunks: four letters, a length, so many bytes, and one more where the length is odd.

use crate::{Error, Result};

/// Bytes of the letters and the length.
pub(crate) const HEADER: usize = 8;
/// The longest that libwebp takes.
const MOST: u32 = u32::MAX - 9;

/// A chunk that is whole, padding included.
#[derive(Clone, Copy)]
pub(crate) struct Chunk<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) data: &'a [u8],
    /// The same with the padding: what a decoder of pixels may read.
    pub(crate) padded: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// The first of `bytes`, and what follows it.
    pub(crate) fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(Error::cut_short(format!("{} bytes are no chunk", bytes.len())));
        };
        let [a, b, c, d, length @ ..] = *header;
        let (name, length) = ([a, b, c, d], u32::from_le_bytes(length));
        let padded = u64::from(length) + u64::from(length % 2);
        if length > MOST || padded > rest.len() as u64 {
            let what =
                format!("the chunk \"{}\" of {length} bytes, of which there are {}", name.escape_ascii(), rest.len());
            return Err(Error::cut_short(what));
        }
        let (padded, rest) = rest.split_at(padded as usize);
        Ok((Self { name, data: &padded[..length as usize], padded }, rest))
    }
}

/// 24 bits at `at`.
pub(crate) fn u24(bytes: &[u8], at: usize) -> u32 {
    let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or_default());
    byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16
}
