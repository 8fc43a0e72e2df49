//! The arithmetic decoder of RFC 6386, section 7: bits, each with a probability.
//!
//! As libwebp has it (`src/utils/bit_reader_inl_utils.h`): a window of 64 bits is filled seven bytes at a time, and a
//! bit costs a multiplication, a comparison and a count of leading zeros. Whether the data have ended is known to the
//! bit, since libwebp refuses what reads on.

/// Bits of one partition.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// What has been loaded and not yet been used up: the lowest `left` + 8 bits.
    value: u64,
    /// The size of the interval, less one: 127 to 254.
    range: u32,
    left: i32,
    /// Were more bytes wanted than there are?
    ended: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        let mut bits = Self { data, value: 0, range: 254, left: -8, ended: false };
        bits.fill();
        bits
    }

    /// Were bits read that are not there?
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    #[inline(always)]
    fn fill(&mut self) {
        if let Some(&[a, b, c, d, e, f, g, _]) = self.data.first_chunk::<8>() {
            self.value = self.value << 56 | u64::from_be_bytes([0, a, b, c, d, e, f, g]);
            self.left += 56;
            self.data = &self.data[7..];
        } else if let Some((&byte, rest)) = self.data.split_first() {
            self.value = self.value << 8 | u64::from(byte);
            self.left += 8;
            self.data = rest;
        } else if self.ended {
            self.left = 0;
        } else {
            self.value <<= 8;
            self.left += 8;
            self.ended = true;
        }
    }

    /// The next bit, which is 0 with a probability of `probability` in 256.
    ///
    /// For a bit that decides what is read next. Each way has its own copy of what comes after, so that the compiler has
    /// no reason to make both results and choose: the processor goes on along the way that it expects, and does not wait.
    #[inline(always)]
    pub(super) fn bit(&mut self, probability: u8) -> bool {
        if self.left < 0 {
            self.fill();
        }
        let split = (self.range * u32::from(probability)) >> 8;
        if (self.value >> self.left) as u32 > split {
            self.value -= u64::from(split + 1) << self.left;
            self.narrow(self.range - split);
            true
        } else {
            self.narrow(split + 1);
            false
        }
    }

    /// The same as a number, for a bit that is as good as random: without a branch.
    #[inline(always)]
    pub(super) fn digit(&mut self, probability: u8) -> i32 {
        if self.left < 0 {
            self.fill();
        }
        let split = (self.range * u32::from(probability)) >> 8;
        let is_one = (self.value >> self.left) as u32 > split;
        let taken = if is_one { split + 1 } else { 0 };
        self.value -= u64::from(taken) << self.left;
        self.narrow(if is_one { self.range - split } else { split + 1 });
        i32::from(is_one)
    }

    /// Makes the interval one of `size`, and that as large as it was.
    #[inline(always)]
    fn narrow(&mut self, size: u32) {
        // 7 less the number of the highest bit.
        let shift = 7 ^ (31 ^ (size | 1).leading_zeros());
        self.left -= shift as i32;
        self.range = (size << shift) - 1;
    }

    /// `value` with the sign of the next bit, whose probability is a half.
    #[inline(always)]
    pub(super) fn signed(&mut self, value: i32) -> i32 {
        if self.left < 0 {
            self.fill();
        }
        let split = self.range >> 1;
        // All bits, where the sign is minus.
        let mask = (split as i32).wrapping_sub((self.value >> self.left) as i32) >> 31;
        self.value -= u64::from((split + 1) & mask as u32) << self.left;
        self.left -= 1;
        self.range = self.range.wrapping_add(mask as u32) | 1;
        (value ^ mask) - mask
    }

    /// One bit with a probability of a half.
    pub(super) fn flag(&mut self) -> bool {
        self.bit(128)
    }

    /// `count` such bits, the highest first.
    pub(super) fn number(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |number, _| number << 1 | u32::from(self.flag()))
    }

    /// The same, then a sign.
    pub(super) fn signed_number(&mut self, count: u32) -> i32 {
        let number = self.number(count) as i32;
        if self.flag() { -number } else { number }
    }

    /// A [signed number](Self::signed_number), where a flag says that there is one.
    pub(super) fn optional_number(&mut self, count: u32) -> Option<i32> {
        self.flag().then(|| self.signed_number(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_known_to_the_bit() {
        for length in [1, 2, 7, 8, 9, 20] {
            let data = vec![0x5a; length];
            let mut bits = Bits::new(&data);
            // Eight bits are taken for the comparison. A sign is always one bit more.
            (0..8 * length - 7).for_each(|_| _ = bits.signed(1));
            assert!(!bits.ended());
            bits.signed(1);
            assert!(bits.ended());
            (0..1000).for_each(|_| _ = bits.bit(3));
        }
        assert!(Bits::new(&[]).ended());
    }

    #[test]
    fn a_sign_is_a_bit_of_one_half() {
        let data: Vec<u8> = (0..200u32).map(|i| (i * i * 37 + i) as u8).collect();
        let (mut one, mut other) = (Bits::new(&data), Bits::new(&data));
        for probability in [7, 128, 240].into_iter().cycle().take(600) {
            assert_eq!(i32::from(one.bit(probability)), other.digit(probability));
            assert_eq!(one.signed(5) < 0, other.flag());
        }
    }
}
