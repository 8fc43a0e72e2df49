//! Bits that are read from the end: the last byte's highest one marks where they begin.

/// A stream of bits, of which some have been read.
pub(super) struct Backward<'a> {
    bytes: &'a [u8],
    /// How many are left.
    left: usize,
}

impl<'a> Backward<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let last = *bytes.last()?;
        let mark = last.checked_ilog2()? as usize;
        Some(Self { bytes, left: (bytes.len() - 1) * 8 + mark })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The next `count` bits, up to 56; where there are fewer, zeros follow them.
    #[inline]
    pub(super) fn peek(&self, count: u32) -> u64 {
        let (start, missing) = match self.left.checked_sub(count as usize) {
            Some(start) => (start, 0),
            None => (0, count - self.left as u32),
        };
        let from = self.bytes.get(start / 8..).unwrap_or_default();
        let word = match from.first_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => from.iter().take(8).rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        let wanted = count - missing;
        ((word >> (start % 8)) & ((1 << wanted) - 1)) << missing
    }

    /// Passes bits; false where there are not as many.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) -> bool {
        let enough = self.left >= count as usize;
        self.left = self.left.saturating_sub(count as usize);
        enough
    }

    #[inline]
    pub(super) fn read(&mut self, count: u32) -> Option<u64> {
        let value = self.peek(count);
        self.skip(count).then_some(value)
    }
}
