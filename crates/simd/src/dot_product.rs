//! Sums of products of small integers.

use crate::Floats;

/// Integer dot products: 8-bit weights times 7-bit activations, as processors have an instruction for it, and 8-bit values
/// times 16-bit ones.
///
/// A *group* is as many neighboring products as are summed in one lane. A group of activations takes four bytes in memory
/// whatever [`GROUP`](Self::GROUP) is: four bytes, or two 16-bit integers.
///
/// # Safety
/// As for [`Floats`]: pointers are valid for what is read or written, and no alignment is asked for.
pub trait DotProduct: Floats {
    /// `LANES` times `GROUP` signed weights.
    type W: Copy;
    /// One group of activations, the same for every lane.
    type A: Copy;

    /// How many neighboring products are summed into one lane: 4 in bytes, or 2 in 16-bit integers.
    const GROUP: usize;
    /// Whether [`dot_pair`](Self::dot_pair) is faster than two dot products.
    const PAIRS: bool = false;

    /// The `LANES · GROUP` weights at `p`, each a byte.
    ///
    /// # Safety
    /// `p` is valid for reading as many.
    unsafe fn load_weights(self, p: *const i8) -> Self::W;
    /// The four bytes at `p`, one group of activations, for every lane.
    ///
    /// # Safety
    /// `p` is valid for reading four bytes.
    unsafe fn load_group(self, p: *const u8) -> Self::A;
    /// Each of the `N` groups at `p`, one at least and four bytes apart, for every lane of a vector of its own.
    ///
    /// # Safety
    /// `p` is valid for reading `4 · N` bytes.
    #[inline(always)]
    unsafe fn load_groups<const N: usize>(self, p: *const u8) -> [Self::A; N] {
        // SAFETY: `i` is below `N`, which is 1 at least.
        unsafe {
            let mut groups = [self.load_group(p); N];
            let mut i = 1;
            while i < N {
                groups[i] = self.load_group(p.add(4 * i));
                i += 1;
            }
            groups
        }
    }
    /// Adds to each lane of `acc` the `GROUP` products of its weights and activations, exactly, provided that
    /// activations are in 0..=127. `unit` is what [`unit`](Self::unit) gave.
    fn dot(self, acc: Self::I, w: Self::W, a: Self::A, unit: Self::I) -> Self::I;
    /// `dot(dot(acc, w[0], a[0]), w[1], a[1])` for weights of which no four that are added in 16 bits can overflow: two
    /// neighbors (the first two, or the last two, of a group of four) and the two at the same places of the other group.
    #[inline(always)]
    fn dot_pair(self, acc: Self::I, w: [Self::W; 2], a: [Self::A; 2], unit: Self::I) -> Self::I {
        self.dot(self.dot(acc, w[0], a[0], unit), w[1], a[1], unit)
    }
    /// A constant for [`dot`](Self::dot), for those that need one: made once before the loop, to stay in a register.
    #[inline(always)]
    fn unit(self) -> Self::I {
        self.splat_int(0)
    }

    /// Values of 14 bits: their upper seven bits, and their lower seven.
    fn split_14(self, x: Self::I) -> [Self::I; 2];
    /// Writes each lane, which must be in 0..=127, as one activation: `LANES / GROUP` groups of four bytes, the first at
    /// `p`, each next one `stride` bytes on.
    ///
    /// # Safety
    /// `p` is valid for writing four bytes there and at each of the next places.
    unsafe fn store_groups(self, p: *mut u8, stride: usize, x: Self::I);

    /// Adds to the lanes of `acc` the products of the `2 · LANES` values at `a` with those at `b`, wrapping around: which lane
    /// a product goes to is up to the set, and only the sum of all lanes means something.
    ///
    /// # Safety
    /// `a` and `b` are valid for reading `2 · LANES` values each.
    unsafe fn dot_16(self, acc: Self::I, a: *const i8, b: *const i16) -> Self::I;
}
