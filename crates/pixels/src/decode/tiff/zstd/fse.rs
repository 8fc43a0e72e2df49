//! Finite state entropy: a state stands for a symbol, and the next state follows from it and some bits.

use super::bits::Backward;

/// What a state says.
#[derive(Clone, Copy, Default)]
struct Step {
    symbol: u8,
    bits: u8,
    base: u16,
}

/// A table of states.
pub(super) struct Fse {
    log: u32,
    steps: Vec<Step>,
}

impl Fse {
    /// The table of symbols that come `counts` times in `1 << log`; −1 is less than once.
    pub(super) fn of(counts: &[i16], log: u32) -> Option<Self> {
        let size = 1usize << log;
        let mut steps = vec![Step::default(); size];
        let mut end = size;
        let mut next: Vec<usize> = Vec::with_capacity(counts.len());
        for (symbol, &count) in (0..=u8::MAX).zip(counts) {
            next.push(usize::try_from(count).unwrap_or(1));
            if count < 0 {
                end = end.checked_sub(1)?;
                steps[end].symbol = symbol;
            }
        }
        let mut place = 0;
        for (symbol, &count) in (0..=u8::MAX).zip(counts) {
            for _ in 0..count {
                steps[place].symbol = symbol;
                loop {
                    place = (place + (size >> 1) + (size >> 3) + 3) & (size - 1);
                    if place < end {
                        break;
                    }
                    // All places are taken where this comes round.
                    if end == 0 {
                        return None;
                    }
                }
            }
        }
        for step in &mut steps {
            let number = next.get_mut(usize::from(step.symbol))?;
            let bits = log.checked_sub(number.checked_ilog2()?)?;
            step.bits = bits as u8;
            step.base = u16::try_from((*number << bits).checked_sub(size)?).ok()?;
            *number += 1;
        }
        Some(Self { log, steps })
    }

    /// The table of a symbol that is always the same.
    pub(super) fn one(symbol: u8) -> Self {
        Self { log: 0, steps: vec![Step { symbol, bits: 0, base: 0 }] }
    }

    /// A table that `bytes` begin with, of up to `1 << most.0` states and `most.1` symbols; and its length in bytes.
    pub(super) fn read(bytes: &[u8], most: (u32, usize)) -> Option<(Self, usize)> {
        let mut at = 0;
        let mut peek = |count: usize, used: usize| {
            let value = (0..count).fold(0usize, |value, bit| {
                let place = at + bit;
                let one = bytes.get(place / 8).map_or(0, |byte| byte >> (place % 8) & 1);
                value | usize::from(one) << bit
            });
            at += used;
            value
        };
        let log = peek(4, 4) as u32 + 5;
        if log > most.0 {
            return None;
        }
        let mut counts = Vec::new();
        let mut left = (1usize << log) + 1;
        while left > 1 {
            let width = left.ilog2() as usize + 1;
            let threshold = 1usize << (width - 1);
            // Numbers that need a bit less.
            let short = 2 * threshold - 1 - left;
            let low = peek(width - 1, width - 1);
            let value = if low < short {
                low
            } else {
                let value = low | peek(1, 1) << (width - 1);
                if value >= threshold { value - short } else { value }
            };
            let count = value as i16 - 1;
            left = left.checked_sub(usize::from(count.unsigned_abs()))?;
            counts.push(count);
            if count == 0 {
                loop {
                    let zeros = peek(2, 2);
                    counts.extend(std::iter::repeat_n(0, zeros));
                    if zeros < 3 || counts.len() > most.1 {
                        break;
                    }
                }
            }
            if counts.len() > most.1 {
                return None;
            }
        }
        let length = at.div_ceil(8);
        if left != 1 || length > bytes.len() {
            return None;
        }
        Some((Self::of(&counts, log)?, length))
    }

    pub(super) fn begin(&self, bits: &mut Backward<'_>) -> Option<usize> {
        bits.read(self.log).map(|state| state as usize)
    }

    #[inline]
    pub(super) fn symbol(&self, state: usize) -> u8 {
        self.steps[state].symbol
    }

    #[inline]
    pub(super) fn next(&self, state: usize, bits: &mut Backward<'_>) -> Option<usize> {
        let Step { bits: count, base, .. } = self.steps[state];
        bits.read(u32::from(count)).map(|value| usize::from(base) + value as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::Fse;

    #[test]
    fn there_may_be_as_many_symbols_as_bytes() {
        for symbols in [255, 256] {
            // 64 that come once each, the last ones.
            let counts: Vec<i16> = (0..symbols).map(|symbol| i16::from(symbol >= symbols - 64)).collect();
            let fse = Fse::of(&counts, 6).unwrap();
            assert!((0..64).any(|state| usize::from(fse.symbol(state)) == symbols - 1));
        }
    }
}
