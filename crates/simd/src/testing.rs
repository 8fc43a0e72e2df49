//! What the tests and benches share of this crate and of those above it.

use std::vec::Vec;

/// A small generator of numbers that are the same everywhere, from its seed.
pub struct Rng(pub u64);

impl Rng {
    /// Any 32 bits.
    pub fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// In `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.bits() as usize % n
    }

    /// One of `all`, every other time, else something random.
    pub fn one_of<T: Copy>(&mut self, all: &[T], random: impl FnOnce(u32) -> T) -> T {
        let bits = self.bits();
        if bits & 1 == 0 { all[bits as usize / 2 % all.len()] } else { random(self.bits()) }
    }

    /// `n` values in -1..1.
    pub fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.bits() >> 8) as f32 / 8_388_608.0 - 1.0).collect()
    }
}
