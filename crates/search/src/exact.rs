//! Search in slices: what Rust programs call.

use crate::best::{Best, Match};
use crate::{products, quantize};

/// Rows that are scored between two looks at the best ones.
const BLOCK: usize = 256;

/// Embeddings, one after the other without padding.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Rows<'a> {
    /// In 32 bits.
    F32(&'a [f32]),
    /// In 8 bits, each row with a step of its own: a quarter of the memory. See [`quantize_rows`].
    Int8 {
        /// The values, in steps.
        values: &'a [i8],
        /// What a step of each row is worth.
        steps: &'a [f32],
    },
}

/// The `k` rows with the largest dot products with `query`, the best first; fewer if there are fewer rows.
///
/// ```
/// use search::{Rows, top_k};
///
/// let embeddings = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8]; // three of two values
/// let found = top_k(&[0.0, 1.0], Rows::F32(&embeddings), 2)?;
/// assert_eq!(found.iter().map(|found| found.row).collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), search::Error>(())
/// ```
///
/// # Errors
/// [`Error`] for an empty or non-finite query, values that can't be divided into rows of its length, or another number of
/// steps than of rows.
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
        return Err(invalid(format!(
            "{values} values cannot be divided into rows of {dimension}, the length of the query"
        )));
    }
    let count = values / dimension;
    if u32::try_from(count).is_err() {
        return Err(invalid(format!("{count} rows: a search takes {} at most", u32::MAX)));
    }
    let mut heap = vec![Match::default(); k.min(count)];
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
                products::scores_f32(block, query, scores);
                offer(scores);
            }
        }
        Rows::Int8 { values, steps } => {
            if steps.len() != count {
                return Err(invalid(format!("{} steps for {count} rows", steps.len())));
            }
            let mut levels = vec![0; dimension];
            let step = quantize::quantize_query(query, &mut levels);
            for (block, steps) in values.chunks(BLOCK * dimension).zip(steps.chunks(BLOCK)) {
                let scores = &mut scores[..steps.len()];
                products::scores_int8(block, &levels, scores);
                products::scale(scores, Some(steps), step);
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
/// ```
/// use search::{Rows, quantize_rows, top_k};
///
/// let (values, steps) = quantize_rows(&[1.0, 0.0, 0.6, 0.8], 2)?;
/// assert_eq!(values, [127, 0, 95, 127]);
/// let found = top_k(&[0.0, 1.0], Rows::Int8 { values: &values, steps: &steps }, 1)?;
/// assert_eq!(found[0].row, 1);
/// # Ok::<(), search::Error>(())
/// ```
///
/// # Errors
/// [`Error`] for values that can't be divided into rows of `dimension`, or one that is not finite.
pub fn quantize_rows(rows: &[f32], dimension: usize) -> Result<(Vec<i8>, Vec<f32>)> {
    if dimension == 0 || !rows.len().is_multiple_of(dimension) {
        return Err(invalid(format!("{} values cannot be divided into rows of {dimension}", rows.len())));
    }
    if let Some(at) = rows.iter().position(|x| !x.is_finite()) {
        return Err(invalid(format!("value {} of row {} is {}", at % dimension, at / dimension, rows[at])));
    }
    let (mut values, mut steps) = (vec![0; rows.len()], vec![0.0; rows.len() / dimension]);
    quantize::quantize_rows(rows, dimension, &mut values, &mut steps);
    Ok((values, steps))
}

/// The cosine of the angle between two embeddings, of any length: 1 for the same direction, 0 for nothing in common.
///
/// ```
/// assert_eq!(search::cosine_similarity(&[3.0, 4.0], &[6.0, 8.0])?, 1.0);
/// # Ok::<(), search::Error>(())
/// ```
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

pub(crate) fn invalid(what: String) -> Error {
    Error(what)
}
