//! The literals' Huffman codes.

use super::bits::Backward;
use super::fse::Fse;

/// The longest code.
const MOST_BITS: u32 = 11;
/// The longest list of weights: the last of 256 symbols follows from the others.
const MOST_WEIGHTS: usize = 255;

/// A table that the next bits are looked up in.
pub(super) struct Huffman {
    log: u32,
    /// A symbol, and the length of its code.
    codes: Vec<(u8, u8)>,
}

impl Huffman {
    /// The table that `bytes` begin with, and its length.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = usize::from(*bytes.first()?);
        let (weights, length) = if head < 128 {
            (packed_weights(bytes.get(1..1 + head)?)?, 1 + head)
        } else {
            let count = head - 127;
            let halves = bytes.get(1..1 + count.div_ceil(2))?;
            let weights = halves.iter().flat_map(|&byte| [byte >> 4, byte & 15]).take(count).collect();
            (weights, 1 + halves.len())
        };
        Some((Self::of(weights)?, length))
    }

    fn of(mut weights: Vec<u8>) -> Option<Self> {
        let share = |&weight: &u8| if weight == 0 { 0 } else { 1usize << (weight - 1) };
        if weights.iter().any(|&weight| u32::from(weight) > MOST_BITS) {
            return None;
        }
        let sum: usize = weights.iter().map(share).sum();
        let log = sum.checked_ilog2()? + 1;
        let rest = (1usize << log) - sum;
        if log > MOST_BITS || !rest.is_power_of_two() {
            return None;
        }
        weights.push(rest.ilog2() as u8 + 1);
        let mut codes = Vec::with_capacity(1 << log);
        for wanted in 1..=log as u8 {
            for (symbol, weight) in (0..=255).zip(&weights) {
                if *weight == wanted {
                    let code = (symbol, log as u8 + 1 - wanted);
                    codes.extend(std::iter::repeat_n(code, share(weight)));
                }
            }
        }
        (codes.len() == 1 << log).then_some(Self { log, codes })
    }

    /// Appends `count` symbols to `out`.
    pub(super) fn decode(&self, bytes: &[u8], count: usize, out: &mut Vec<u8>) -> Option<()> {
        let mut bits = Backward::new(bytes)?;
        for _ in 0..count {
            let (symbol, length) = self.codes[bits.peek(self.log) as usize];
            if !bits.skip(u32::from(length)) {
                return None;
            }
            out.push(symbol);
        }
        bits.is_empty().then_some(())
    }
}

/// Weights that are packed themselves, by two states that take turns, until the bits end.
fn packed_weights(bytes: &[u8]) -> Option<Vec<u8>> {
    let (fse, length) = Fse::read(bytes, (6, MOST_WEIGHTS))?;
    let mut bits = Backward::new(bytes.get(length..)?)?;
    let mut states = [fse.begin(&mut bits)?, fse.begin(&mut bits)?];
    let mut weights = Vec::new();
    loop {
        for turn in [0, 1] {
            weights.push(fse.symbol(states[turn]));
            if weights.len() > MOST_WEIGHTS - 1 {
                return None;
            }
            match fse.next(states[turn], &mut bits) {
                Some(state) => states[turn] = state,
                None => {
                    weights.push(fse.symbol(states[1 - turn]));
                    return Some(weights);
                }
            }
        }
    }
}
