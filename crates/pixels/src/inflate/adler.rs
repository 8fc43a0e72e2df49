//! Adler-32, the checksum at the end of a zlib stream (RFC 1950, 8.2).
//!
//! Two sums modulo 65521: one of all bytes and 1, one of what the first one was after each byte. Of a vector of sixteen bytes
//! the second grows by 16 times the first as it was before, and by the bytes times 16, 15, … 1.

use simd::{Bytes, BytesTask, Isa};

const MODULUS: u32 = 65521;
/// So many bytes keep both sums below 2³².
const MOST: usize = 5552;
const VECTOR: usize = 16;
const WEIGHTS: [u8; VECTOR] = [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

/// The checksum of bytes that come in pieces.
#[derive(Clone, Copy)]
pub(super) struct Adler {
    sum: u32,
    sum_of_sums: u32,
}

impl Adler {
    pub(super) fn new() -> Self {
        Self { sum: 1, sum_of_sums: 0 }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        let isa = Isa::best();
        for part in bytes.chunks(MOST) {
            let (vectors, rest) = part.as_chunks::<VECTOR>();
            if !vectors.is_empty() {
                let (sum, weighted, befores) = isa.run_bytes(Sums(vectors));
                self.sum_of_sums += self.sum * (vectors.len() * VECTOR) as u32 + 16 * befores + weighted;
                self.sum += sum;
            }
            for &byte in rest {
                self.sum += u32::from(byte);
                self.sum_of_sums += self.sum;
            }
            self.sum %= MODULUS;
            self.sum_of_sums %= MODULUS;
        }
    }

    pub(super) fn value(self) -> u32 {
        self.sum_of_sums << 16 | self.sum
    }
}

/// Of vectors, no more than [`MOST`] bytes: the sum of their bytes, that of the bytes weighted by [`WEIGHTS`], and that of the
/// sums before each of them.
struct Sums<'a>(&'a [[u8; VECTOR]]);

impl BytesTask for Sums<'_> {
    type Output = (u32, u32, u32);

    #[inline(always)]
    fn run<B: Bytes>(self, bytes: B) -> Self::Output {
        // SAFETY: there are sixteen weights, and each half of them is eight bytes.
        let weights = unsafe { (bytes.load_wide(WEIGHTS.as_ptr()), bytes.load_wide(WEIGHTS.as_ptr().add(8))) };
        let ones = bytes.splat16(1);
        let (mut sum, mut weighted, mut befores) = (bytes.splat32(0), bytes.splat32(0), bytes.splat32(0));
        for vector in self.0 {
            // SAFETY: a vector is sixteen bytes.
            let (first, last) = bytes.widen8(unsafe { bytes.load(vector.as_ptr()) });
            befores = bytes.add32(befores, sum);
            sum = bytes.add32(sum, bytes.dot16(bytes.add16(first, last), ones));
            let products = bytes.add32(bytes.dot16(first, weights.0), bytes.dot16(last, weights.1));
            weighted = bytes.add32(weighted, products);
        }
        let total = |lanes: B::V| {
            let mut out = [0u32; 4];
            // SAFETY: there are sixteen bytes.
            unsafe { bytes.store(out.as_mut_ptr().cast(), lanes) };
            out.into_iter().sum()
        };
        (total(sum), total(weighted), total(befores))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_definition() {
        let bytes: Vec<u8> = (0..20_000u32).map(|i| if i % 3 == 0 { 255 } else { ((i * i) >> 5) as u8 }).collect();
        for length in [0, 1, 15, 16, 17, 5551, 5552, 5553, 20_000] {
            let (mut a, mut b) = (1u64, 0u64);
            for &byte in &bytes[..length] {
                a = (a + u64::from(byte)) % 65521;
                b = (b + a) % 65521;
            }
            for first in [0, length / 3] {
                let mut adler = Adler::new();
                adler.add(&bytes[..first]);
                adler.add(&bytes[first..length]);
                assert_eq!(u64::from(adler.value()), b << 16 | a, "{length} bytes");
            }
        }
        let mut most = Adler::new();
        most.add(&[255; 3 * MOST]);
        assert_eq!(most.value(), 0x29a0_d2b1 /* zlib.adler32 */);
    }
}
