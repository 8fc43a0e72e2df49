//! Dot products of a query with rows.
//!
//! The order of additions is fixed, so that every machine gets the same bits: value `i` of an f32 row is multiplied,
//! rounded, and added to sum `i % 16`; the sixteen sums are added in halves. Sixteen is four vectors in wasm and two with
//! AVX2, enough to hide the latency of the additions in both. There is no fused multiply-add: it rounds once where the others
//! round twice, and this is bound by memory anyway. Rows of 8 bits give integers, which have no order.

use simd::{Isa, Simd, Task};

/// Sums that an f32 dot product has.
const SUMS: usize = 16;

/// The instructions that rows are scored with: vectors of eight at most, since one of sixteen would wait for itself.
pub(crate) fn isa() -> Isa {
    Isa::available().filter(|isa| isa.shape().lanes <= 8).last().unwrap_or_else(Isa::best)
}

/// The dot product of `query` with each of `rows`, which are as long as it.
pub fn scores_f32(rows: &[f32], query: &[f32], out: &mut [f32]) {
    isa().run(ScoresF32 { rows, query, out });
}

/// The dot product of a quantized `query` with each of `rows` in 8 bits, in steps of both.
pub fn scores_int8(rows: &[i8], query: &[i16], out: &mut [f32]) {
    isa().run(ScoresInt8 { rows, query, out });
}

/// The dot product of each of `rows` with itself.
pub fn squares(rows: &[f32], dimension: usize, out: &mut [f32]) {
    isa().run(Squares { rows, dimension, out });
}

/// See [`scores_f32`].
pub(crate) struct ScoresF32<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) query: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

impl Task for ScoresF32<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (row, score) in self.rows.chunks_exact(self.query.len()).zip(self.out) {
            *score = dot_f32(simd, row, self.query);
        }
    }
}

/// See [`squares`].
pub(crate) struct Squares<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) dimension: usize,
    pub(crate) out: &'a mut [f32],
}

impl Task for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (row, square) in self.rows.chunks_exact(self.dimension).zip(self.out) {
            *square = dot_f32(simd, row, row);
        }
    }
}

/// See [`scores_int8`].
pub(crate) struct ScoresInt8<'a> {
    pub(crate) rows: &'a [i8],
    pub(crate) query: &'a [i16],
    pub(crate) out: &'a mut [f32],
}

impl Task for ScoresInt8<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (row, score) in self.rows.chunks_exact(self.query.len()).zip(self.out) {
            *score = dot_int8(simd, row, self.query) as f32;
        }
    }
}

/// The dot product of two slices of one length.
#[inline(always)]
fn dot_f32<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    let mut vectors = [simd.splat(0.0); 4];
    for (a, b) in a.iter().zip(b) {
        let mut i = 0;
        while i < SUMS / S::LANES {
            let at = i * S::LANES;
            // SAFETY: a vector from `at` on ends within the sixteen values.
            let (a, b) = unsafe { (simd.load(a.as_ptr().add(at)), simd.load(b.as_ptr().add(at))) };
            vectors[i] = simd.add(vectors[i], simd.mul(a, b));
            i += 1;
        }
    }
    let mut sums = [0.0; SUMS];
    let mut i = 0;
    while i < SUMS / S::LANES {
        // SAFETY: as above.
        unsafe { simd.store(sums.as_mut_ptr().add(i * S::LANES), vectors[i]) };
        i += 1;
    }
    for ((sum, &a), &b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += a * b;
    }
    let mut half = SUMS / 2;
    while half >= S::LANES {
        let mut i = 0;
        while i < half {
            let p = sums.as_mut_ptr();
            // SAFETY: a vector from `i + half` on ends within the sixteen sums.
            unsafe { simd.store(p.add(i), simd.add(simd.load(p.add(i)), simd.load(p.add(i + half)))) };
            i += S::LANES;
        }
        half /= 2;
    }
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}

/// The same of integers, wrapping.
#[inline(always)]
fn dot_int8<S: Simd>(simd: S, a: &[i8], b: &[i16]) -> i32 {
    // Narrow vectors two at a time, so that one addition does not wait for the other.
    let vectors = if S::LANES == 4 { 2 } else { 1 };
    let step = vectors * 2 * S::LANES;
    let mut sums = [simd.splat_int(0); 2];
    let (a_steps, b_steps) = (a.chunks_exact(step), b.chunks_exact(step));
    let (a_rest, b_rest) = (a_steps.remainder(), b_steps.remainder());
    for (a, b) in a_steps.zip(b_steps) {
        let mut i = 0;
        while i < vectors {
            let at = i * 2 * S::LANES;
            // SAFETY: twice as many values as lanes, from `at` on, end within the step.
            sums[i] = unsafe { simd.dot_16(sums[i], a.as_ptr().add(at), b.as_ptr().add(at)) };
            i += 1;
        }
    }
    let mut lanes = [0i32; 16];
    let mut i = 0;
    while i < vectors {
        // SAFETY: two vectors of four lanes, or one of sixteen at most.
        unsafe { simd.store_int(lanes.as_mut_ptr().add(i * S::LANES), sums[i]) };
        i += 1;
    }
    let mut sum = lanes[..vectors * S::LANES].iter().fold(0, |sum: i32, &lane| sum.wrapping_add(lane));
    // That they are fewer than a step keeps the compiler from making a vector loop of them, which would be half a kilobyte.
    for (&a, &b) in a_rest.iter().zip(b_rest).take(step - 1) {
        sum = sum.wrapping_add(i32::from(a) * i32::from(b));
    }
    sum
}

/// Multiplies scores by `factor` and, if there are some, by their rows' `scales`: a row's step, or one over its length.
pub fn scale(scores: &mut [f32], scales: Option<&[f32]>, factor: f32) {
    match scales {
        Some(scales) => scores.iter_mut().zip(scales).for_each(|(score, scale)| *score *= scale * factor),
        None => scores.iter_mut().for_each(|score| *score *= factor),
    }
}
