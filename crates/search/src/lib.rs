//! Search among embeddings: the rows of a matrix that are nearest to a query.
//!
//! Exhaustive on purpose: a million rows of 512 values in 8 bits are half a gigabyte, which one thread reads in a tenth of
//! a second, and the answer is exact, with nothing to build, tune or keep up to date.
//!
//! A score is the dot product of query and row: the cosine, of embeddings of length 1. **It is the same to the bit on every
//! machine.** f32 products go to sixteen sums in a fixed order, without fused multiply-adds (`products.rs`); rows of
//! 8 bits meet a query of up to 16, and what they add up to is an integer. So a browser ranks as the server does.
//! Of equal scores the lower row comes first. A score that is not a number is no match.
//!
//! The npm package runs the same files in a module of its own, some kilobytes small (`wasm.rs` is its root): who
//! searches needs no model.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod best;
mod products;
mod quantize;
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
// The root of a crate of its own, which scripts/build/search.mjs compiles: named here for `cargo fmt`.
#[cfg(any())]
mod wasm;

#[cfg(test)]
mod tests;

use best::Best;
pub use best::Match;

/// Rows that are scored between two looks at the best ones.
const BLOCK: usize = 256;

/// Embeddings, one after the other without padding.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// In 32 bits.
    F32(&'a [f32]),
    /// In 8 bits, each row with what one step of it is worth: a quarter of the memory. See [`quantize_rows`].
    Int8 {
        /// The values, in steps.
        values: &'a [i8],
        /// One step of each row.
        scales: &'a [f32],
    },
}

/// The `k` rows with the largest dot products with `query`, the best first; fewer if there are fewer rows.
///
/// # Errors
/// [`Error`] for an empty or non-finite query, rows that are not a multiple of it, or scales that are
/// not one a row.
pub fn top_k(query: &[f32], rows: Rows<'_>, k: usize) -> Result<Vec<Match>> {
    let dimension = query.len();
    let values = match rows {
        Rows::F32(values) => values.len(),
        Rows::Int8 { values, .. } => values.len(),
    };
    if dimension == 0 || query.iter().any(|x| !x.is_finite()) {
        return Err(invalid(format!("a query of {dimension} values: it takes one at least, and all of them finite")));
    }
    if !values.is_multiple_of(dimension) {
        return Err(invalid(format!("{values} values are no rows of {dimension}, the length of the query")));
    }
    let count = values / dimension;
    if u32::try_from(count).is_err() {
        return Err(invalid(format!("{count} rows: a search takes {} at most", u32::MAX)));
    }
    let mut heap = vec![Match { row: 0, score: 0.0 }; k.min(count)];
    let mut best = Best::new(&mut heap, 0);
    let mut scores = [0.0; BLOCK];
    let mut first = 0;
    let mut offer = |scores: &[f32]| {
        best.offer(scores, first, None, f32::NEG_INFINITY);
        first += scores.len() as u32;
    };
    match rows {
        Rows::F32(values) => {
            for block in values.chunks(BLOCK * dimension) {
                let scores = &mut scores[..block.len() / dimension];
                scores_f32(block, query, scores);
                offer(scores);
            }
        }
        Rows::Int8 { values, scales } => {
            if scales.len() != count {
                return Err(invalid(format!("{} scales for {count} rows", scales.len())));
            }
            let mut levels = vec![0; dimension];
            let step = quantize::query(query, &mut levels);
            for (block, scales) in values.chunks(BLOCK * dimension).zip(scales.chunks(BLOCK)) {
                let scores = &mut scores[..scales.len()];
                scores_int8(block, &levels, scores);
                products::scale(scores, Some(scales), step);
                offer(scores);
            }
        }
    }
    let len = best.sort();
    heap.truncate(len);
    Ok(heap)
}

/// Rows of f32 in 8 bits: the values in steps of a 127th of each row's largest, and the steps.
///
/// # Errors
/// [`Error`] for values that are no rows of `dimension`, or one that is not finite.
pub fn quantize_rows(rows: &[f32], dimension: usize) -> Result<(Vec<i8>, Vec<f32>)> {
    if dimension == 0 || !rows.len().is_multiple_of(dimension) {
        return Err(invalid(format!("{} values are no rows of {dimension}", rows.len())));
    }
    if let Some(at) = rows.iter().position(|x| !x.is_finite()) {
        return Err(invalid(format!("value {} of row {} is {}", at % dimension, at / dimension, rows[at])));
    }
    let (mut values, mut scales) = (vec![0; rows.len()], vec![0.0; rows.len() / dimension]);
    quantize::rows(rows, dimension, &mut values, &mut scales);
    Ok((values, scales))
}

/// The cosine of the angle between two embeddings, of any length: 1 for the same direction, 0 for nothing in common.
///
/// # Errors
/// [`Error`] for embeddings of different dimensions, or one that is zero or not finite.
pub fn cosine_similarity(a: &[f32], b: &[f32]) -> Result<f32> {
    if a.len() != b.len() {
        return Err(invalid(format!("embeddings of {} and of {} values", a.len(), b.len())));
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    if cosine.is_nan() {
        return Err(invalid("the cosine of an embedding that is zero or not finite".to_owned()));
    }
    Ok(cosine as f32)
}

/// An argument that makes no sense; its message says which, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn invalid(what: String) -> Error {
    Error(what)
}

/// [`products::scores_f32`] with the best instructions here.
fn scores_f32(rows: &[f32], query: &[f32], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was asked.
        return unsafe { avx2::scores_f32(rows, query, out) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    products::scores_f32::<simd128::Simd128>(rows, query, out);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    products::scores_f32::<scalar::Scalar>(rows, query, out);
}

/// [`products::scores_int8`] with the best instructions here.
fn scores_int8(rows: &[i8], query: &[i16], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was asked.
        return unsafe { avx2::scores_int8(rows, query, out) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    products::scores_int8::<simd128::Simd128>(rows, query, out);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    products::scores_int8::<scalar::Scalar>(rows, query, out);
}
