//! Inputs of several parts: what the first bytes choose, then each part with its length before it, and the rest.
//!
//! A plain mutation would mostly break a length. So the mutations are made within one part, and the input is put together
//! again.

use libfuzzer_sys::fuzzer_mutate;

/// Bytes of choices at the front.
pub const CHOICES: usize = 4;

/// An input taken apart: its choices, and `N` parts, the last of which is what remains.
pub struct Parts<const N: usize> {
    pub choices: [u8; CHOICES],
    pub parts: [Vec<u8>; N],
}

impl<const N: usize> Parts<N> {
    /// Of any bytes: what is missing is empty.
    pub fn of(mut bytes: &[u8]) -> Self {
        let mut take = |len: usize| {
            let (taken, rest) = bytes.split_at(len.min(bytes.len()));
            bytes = rest;
            taken
        };
        let mut choices = [0; CHOICES];
        let given = take(CHOICES);
        choices[..given.len()].copy_from_slice(given);
        let parts = std::array::from_fn(|part| {
            if part + 1 == N {
                return take(usize::MAX).to_vec();
            }
            let len = take(2).iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
            take(len).to_vec()
        });
        Self { choices, parts }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.choices.to_vec();
        for (at, part) in self.parts.iter().enumerate() {
            if at + 1 < N {
                let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
                bytes.extend(len.to_be_bytes());
                bytes.extend(&part[..usize::from(len)]);
            } else {
                bytes.extend(part);
            }
        }
        bytes
    }

    /// Mutates one part, or the choices, as `weights` says how often each part is taken. `change` is given the part's index,
    /// its bytes, and how many of them there may be.
    pub fn mutate(
        data: &mut [u8],
        size: usize,
        max_size: usize,
        seed: u32,
        weights: [u32; N],
        change: impl Fn(usize, &mut Vec<u8>, usize, &mut Random),
    ) -> usize {
        let mut input = Self::of(&data[..size]);
        let mut random = Random(u64::from(seed) | 1 << 40);
        let mut at = random.below(weights.iter().sum::<u32>() + 1);
        match weights.iter().position(|weight| {
            let is_it = at < *weight;
            at = at.wrapping_sub(*weight);
            is_it
        }) {
            None => {
                let choice = random.below(CHOICES as u32) as usize;
                input.choices[choice] = random.next() as u8;
            }
            Some(part) => {
                let others = size.saturating_sub(input.parts[part].len());
                let most = max_size.saturating_sub(others).min(usize::from(u16::MAX));
                change(part, &mut input.parts[part], most, &mut random);
            }
        }
        let bytes = input.to_bytes();
        let len = bytes.len().min(max_size);
        data[..len].copy_from_slice(&bytes[..len]);
        len
    }
}

/// Numbers that are at the edge of something.
const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "-1",
    "255",
    "4096",
    "65536",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "1e308",
    "0.5",
    "null",
    "[]",
];

/// Half of the time a number of a part's JSON text, if there is one, becomes another; or else any bytes change.
pub fn change(_: usize, part: &mut Vec<u8>, most: usize, random: &mut Random) {
    let digits: Vec<usize> = (0..part.len())
        .filter(|&at| part[at].is_ascii_digit() && (at == 0 || !part[at - 1].is_ascii_digit()))
        .collect();
    if !digits.is_empty() && random.below(2) == 0 {
        let start = digits[random.below(digits.len() as u32) as usize];
        let len = part[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number: u64 = std::str::from_utf8(&part[start..start + len]).unwrap().parse().unwrap_or(u64::MAX);
        let other = match random.below(4) {
            0 => number.wrapping_add(1).to_string(),
            1 => number.saturating_sub(1).to_string(),
            2 => number.saturating_mul(2).to_string(),
            _ => NUMBERS[random.below(NUMBERS.len() as u32) as usize].to_owned(),
        };
        part.splice(start..start + len, other.bytes());
        part.truncate(most);
        return;
    }
    let len = part.len().min(most);
    part.resize(most.max(1), 0);
    let changed = fuzzer_mutate(part, len, most.max(1));
    part.truncate(changed);
}

/// Numbers by xorshift.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    /// From 0 up to, and without, `end`.
    pub fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end.max(1))) as u32
    }
}
