//! Prefix codes, and the tables that read them.
//!
//! A table has an entry for each value of the next eight bits, or fewer where all codes are shorter; longer codes go on in
//! tables of their own behind it. A code of one symbol takes no bits, and a table of one entry, so that what a file of few
//! bytes can bring about stays in proportion.

use super::bits::Bits;
use crate::{Error, Result};

/// The longest code.
const MOST_BITS: usize = 15;
/// Bits that are looked up at once.
const ROOT_BITS: u32 = 8;

/// Where a code's table is.
#[derive(Clone, Copy, Default)]
pub(super) struct Code {
    start: u32,
    /// For the bits that are looked up at once.
    mask: u32,
}

/// Tables of codes, one after the other. An entry is a symbol, or where a further table begins, times 16; plus how many
/// bits the code has, or 8 more than the further table takes.
#[derive(Default)]
pub(super) struct Tables(Vec<u16>);

impl Tables {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all tables but the first `length` entries.
    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// The next symbol, of at most 15 bits, which have been filled in.
    #[inline(always)]
    pub(super) fn symbol(&self, code: Code, bits: &mut Bits<'_>) -> usize {
        let next = bits.peek();
        let entry = u32::from(self.0[(code.start + (next & code.mask)) as usize]);
        let length = entry & 15;
        if length <= ROOT_BITS {
            bits.spend(length);
            return (entry >> 4) as usize;
        }
        let further = next >> ROOT_BITS & ((1 << (length - ROOT_BITS)) - 1);
        let entry = u32::from(self.0[(code.start + (entry >> 4) + further) as usize]);
        bits.spend(ROOT_BITS + (entry & 15));
        (entry >> 4) as usize
    }

    /// The one symbol of a code that takes no bits.
    pub(super) fn only(&self, code: Code) -> Option<u32> {
        let entry = self.0[code.start as usize];
        (code.mask == 0 && entry & 15 == 0).then_some(u32::from(entry >> 4))
    }

    /// Makes the table of a code of which each symbol's length is known.
    ///
    /// # Errors
    /// For a code that is empty, or does not give every sequence of bits a meaning.
    pub(super) fn add(&mut self, lengths: &[u8]) -> Result<Code> {
        let mut counts = [0usize; MOST_BITS + 1];
        lengths.iter().for_each(|&length| counts[usize::from(length)] += 1);
        let used = lengths.len() - counts[0];
        if used <= 1 {
            let only = lengths.iter().position(|&length| length != 0);
            return only.map(|symbol| self.add_only(symbol)).ok_or_else(|| Error::broken("a code without symbols"));
        }
        let left = counts[1..].iter().try_fold(1usize, |left, &count| (2 * left).checked_sub(count));
        if left != Some(0) {
            return Err(Error::broken("a code that is not complete"));
        }
        // Symbols by length, and within one by number.
        let mut places = [0; MOST_BITS + 2];
        for length in 1..=MOST_BITS {
            places[length + 1] = places[length] + counts[length];
        }
        let mut sorted = vec![0u16; used];
        for (symbol, &length) in lengths.iter().enumerate().filter(|(_, length)| **length != 0) {
            let place = &mut places[usize::from(length)];
            sorted[*place] = symbol as u16;
            *place += 1;
        }
        let longest = counts.iter().rposition(|&count| count != 0).unwrap_or(0) as u32;
        Ok(self.fill(&mut counts, &sorted, longest.min(ROOT_BITS)))
    }

    /// Makes the table of a code of one symbol.
    pub(super) fn add_only(&mut self, symbol: usize) -> Code {
        let start = self.0.len() as u32;
        self.0.push((symbol << 4) as u16);
        Code { start, mask: 0 }
    }

    /// Makes the table of a code of two symbols, the lower one first.
    pub(super) fn add_two(&mut self, low: usize, high: usize) -> Code {
        let start = self.0.len() as u32;
        self.0.extend([low, high].map(|symbol| (symbol << 4 | 1) as u16));
        Code { start, mask: 1 }
    }

    fn fill(&mut self, counts: &mut [usize; MOST_BITS + 1], sorted: &[u16], root_bits: u32) -> Code {
        let start = self.0.len();
        let root = 1usize << root_bits;
        self.0.resize(start + root, 0);
        let mut symbols = sorted.iter();
        // The code, its first bit the lowest.
        let mut key = 0usize;
        for length in 1..=root_bits {
            for &symbol in symbols.by_ref().take(counts[length as usize]) {
                let entry = symbol << 4 | length as u16;
                self.0[start + key..start + root].iter_mut().step_by(1 << length).for_each(|to| *to = entry);
                key = next_key(key, length);
            }
        }
        let (mut table, mut size, mut prefix) = (start, root, usize::MAX);
        for length in root_bits + 1..=MOST_BITS as u32 {
            while counts[length as usize] > 0 {
                let Some(&symbol) = symbols.next() else { break };
                if key & (root - 1) != prefix {
                    prefix = key & (root - 1);
                    table += size;
                    let bits = further_bits(counts, length, root_bits);
                    size = 1 << bits;
                    self.0.resize(table + size, 0);
                    self.0[start + prefix] = ((table - start) << 4) as u16 | (ROOT_BITS + bits) as u16;
                }
                let short = length - root_bits;
                let entry = symbol << 4 | short as u16;
                let first = table + (key >> root_bits);
                self.0[first..table + size].iter_mut().step_by(1 << short).for_each(|to| *to = entry);
                key = next_key(key, length);
                counts[length as usize] -= 1;
            }
        }
        Code { start: start as u32, mask: root as u32 - 1 }
    }
}

/// The next code of `length` bits, or of more: 1 is added, from the other side.
fn next_key(key: usize, length: u32) -> usize {
    let mut step = 1 << (length - 1);
    while key & step != 0 {
        step >>= 1;
    }
    if step == 0 { 0 } else { (key & (step - 1)) + step }
}

/// How many bits the table for the codes of `length` and more takes that begin alike.
fn further_bits(counts: &[usize; MOST_BITS + 1], mut length: u32, root_bits: u32) -> u32 {
    let mut left = 1usize << (length - root_bits);
    while (length as usize) < MOST_BITS {
        match left.checked_sub(counts[length as usize]) {
            None | Some(0) => break,
            Some(more) => left = 2 * more,
        }
        length += 1;
    }
    length - root_bits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads bit by bit: the definition.
    fn plain(lengths: &[u8], bits: &mut Bits<'_>) -> usize {
        let (mut code, mut first, mut length) = (0, 0, 0u8);
        loop {
            bits.fill();
            code = code << 1 | bits.take(1) as usize;
            first <<= 1;
            length += 1;
            let symbols = (0..lengths.len()).filter(|&symbol| lengths[symbol] == length);
            let count = symbols.clone().count();
            if code - first < count {
                return symbols.clone().nth(code - first).unwrap();
            }
            first += count;
        }
    }

    #[test]
    fn tables_read_what_the_definition_reads() {
        let mut state = 5u32;
        let mut random = |most: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % most
        };
        let mut tables = Tables::default();
        for size in [2, 3, 19, 40, 256, 280, 2328] {
            for _ in 0..20 {
                // A random tree: leaves are split until there are enough.
                let mut leaves = vec![0u8];
                while leaves.len() < size {
                    let at = random(leaves.len() as u32) as usize;
                    if leaves[at] < 15 {
                        leaves[at] += 1;
                        leaves.push(leaves[at]);
                    }
                }
                let mut lengths = leaves;
                lengths.insert(random(size as u32) as usize, 0);
                let code = tables.add(&lengths).unwrap();
                let data: Vec<u8> = (0..500).map(|_| random(256) as u8).collect();
                let (mut one, mut other) = (Bits::new(&data), Bits::new(&data));
                for _ in 0..250 {
                    one.fill();
                    assert_eq!(tables.symbol(code, &mut one), plain(&lengths, &mut other));
                }
            }
        }
    }

    #[test]
    fn codes_that_are_none_are_refused() {
        let mut tables = Tables::default();
        for lengths in [&[0, 0][..], &[1, 1, 1], &[1, 2], &[2, 2, 2], &[]] {
            assert!(tables.add(lengths).is_err());
        }
        let code = tables.add(&[0, 0, 7]).unwrap();
        assert_eq!(tables.only(code), Some(2));
    }
}
