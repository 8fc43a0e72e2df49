//! Dot products of a query with rows, written once; a machine's instructions are a sibling file.
//!
//! The order of additions is fixed, so that every machine gets the same bits: value `i` of an f32 row is multiplied,
//! rounded, and added to sum `i % 16`; the sixteen sums are added in halves. Sixteen is four vectors in wasm and two with
//! AVX2, enough to hide the latency of the additions in both. Rows of 8 bits give integers, which have no order.

/// Values that a step of the loops takes.
pub(super) const LANES: usize = 16;

/// The inner loops of a machine.
pub(super) trait Products {
    /// The sixteen sums of products of two slices, of one length and a multiple of [`LANES`].
    fn f32(a: &[f32], b: &[f32]) -> [f32; LANES];
    /// The sum of products of two slices, of one length and a multiple of [`LANES`], wrapping.
    fn int8(a: &[i8], b: &[i16]) -> i32;
}

/// The dot product of `query` with each row of `rows`.
#[inline(always)]
pub(super) fn scores_f32<P: Products>(rows: &[f32], query: &[f32], out: &mut [f32]) {
    for (row, score) in rows.chunks_exact(query.len()).zip(out) {
        *score = dot_f32::<P>(row, query);
    }
}

/// The same of 8-bit rows and a quantised query, in steps of both.
#[inline(always)]
pub(super) fn scores_int8<P: Products>(rows: &[i8], query: &[i16], out: &mut [f32]) {
    let whole = query.len() - query.len() % LANES;
    let (query, query_rest) = query.split_at(whole);
    for (row, score) in rows.chunks_exact(whole + query_rest.len()).zip(out) {
        let (row, rest) = row.split_at(whole);
        let mut sum = P::int8(row, query);
        for (&a, &b) in rest.iter().zip(query_rest) {
            sum = sum.wrapping_add(i32::from(a) * i32::from(b));
        }
        *score = sum as f32;
    }
}

/// The dot product of two slices of one length.
#[inline(always)]
pub(super) fn dot_f32<P: Products>(a: &[f32], b: &[f32]) -> f32 {
    let whole = a.len() - a.len() % LANES;
    let (a, a_rest) = a.split_at(whole);
    let (b, b_rest) = b.split_at(whole);
    let mut sums = P::f32(a, b);
    for ((sum, &a), &b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += a * b;
    }
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}

/// Multiplies scores by their rows' scales, or by 1, and by `factor`.
pub(super) fn scale(scores: &mut [f32], scales: Option<&[f32]>, factor: f32) {
    match scales {
        Some(scales) => scores.iter_mut().zip(scales).for_each(|(score, scale)| *score *= scale * factor),
        None => scores.iter_mut().for_each(|score| *score *= factor),
    }
}
