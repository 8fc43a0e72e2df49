//! Bits, the lowest of a byte first.
//!
//! Behind the end there are zeros, as in libwebp, which refuses a picture only when it is done with it; and a window of
//! 64 bits may be used up even where the data are shorter.

/// How many bits can be read after [`fill`](Bits::fill).
pub(super) const FILLED: u32 = 56;

pub(super) struct Bits<'a> {
    data: &'a [u8],
    value: u64,
    /// Bits in `value`.
    count: u32,
    /// How many of all that were put there are not from the data, less those that may be.
    made_up: i64,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, value: 0, count: 0, made_up: -(64i64 - 8 * data.len().min(8) as i64) }
    }

    /// Were bits read that are not there?
    #[inline(always)]
    pub(super) fn ended(&self) -> bool {
        self.made_up > i64::from(self.count)
    }

    /// Makes sure that there are [`FILLED`] bits.
    #[inline(always)]
    pub(super) fn fill(&mut self) {
        if self.count >= FILLED {
            return;
        }
        if let Some(next) = self.data.first_chunk::<8>() {
            self.value |= u64::from_le_bytes(*next) << self.count;
            let bytes = (63 - self.count) / 8;
            self.data = &self.data[bytes as usize..];
            self.count += 8 * bytes;
        } else {
            self.fill_last();
        }
    }

    #[cold]
    fn fill_last(&mut self) {
        while self.count < FILLED {
            match self.data.split_first() {
                Some((&byte, rest)) => {
                    self.value |= u64::from(byte) << self.count;
                    self.data = rest;
                }
                None => self.made_up = self.made_up.saturating_add(8),
            }
            self.count += 8;
        }
    }

    /// The next bits, as many as there are.
    #[inline(always)]
    pub(super) fn peek(&self) -> u32 {
        self.value as u32
    }

    /// Spends `count` bits, which are there.
    #[inline(always)]
    pub(super) fn spend(&mut self, count: u32) {
        self.value >>= count;
        self.count -= count;
    }

    /// The next `count` bits, up to 24, which have been [filled](Self::fill) in.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let bits = self.peek() & ((1 << count) - 1);
        self.spend(count);
        bits
    }

    /// The same, wherever they are.
    pub(super) fn read(&mut self, count: u32) -> u32 {
        self.fill();
        self.take(count)
    }

    pub(super) fn flag(&mut self) -> bool {
        self.read(1) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_known_to_the_bit() {
        for length in [0, 1, 7, 8, 9, 16, 23] {
            let data = vec![0x5a; length];
            let mut bits = Bits::new(&data);
            for at in 0..(8 * length).max(64) {
                let expected = if at < 8 * length { 0x5a >> (at % 8) & 1 } else { 0 };
                assert_eq!((bits.read(1), bits.ended()), (expected, false), "{at} of {length}");
            }
            (0..300).for_each(|_| assert_eq!((bits.read(1), bits.ended()), (0, true)));
        }
    }
}
