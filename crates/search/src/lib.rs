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
//! Near duplicates are found by comparing every row with every other, in tiles of short sketches that bound the cosine from above
//! (`sketch.rs`); links between rows are kept as a maximum spanning forest (`links.rs`).
//!
//! The npm package has this crate in a module of its own, some twenty kilobytes small (`crates/search/wasm`): who searches
//! needs no model. It calls [`slices`], which is all there is without the feature `std`.

#![cfg_attr(not(feature = "std"), no_std)]

mod best;
#[cfg(feature = "std")]
mod duplicates;
#[cfg(feature = "std")]
mod exact;
mod links;
mod near;
mod products;
mod quantize;
mod sketch;

#[cfg(all(test, feature = "std"))]
mod tests;

/// The steps that a search is made of, over slices that the caller gives: no std, no memory of its own, no errors. Of slices
/// whose lengths don't fit each other the shorter one counts; a dimension of 0 panics.
///
/// ```
/// use search::Match;
/// use search::slices::{Best, scores_f32};
///
/// let (rows, query) = ([1.0, 0.0, 0.0, 1.0, 0.6, 0.8], [0.0, 1.0]); // three rows of two values
/// let mut scores = [0.0; 3];
/// scores_f32(&rows, &query, &mut scores);
/// assert_eq!(scores, [0.0, 1.0, 0.8]);
///
/// let mut memory = [Match::default(); 2];
/// let mut best = Best::new(&mut memory, 0);
/// best.offer(&scores, 0, None, f32::NEG_INFINITY);
/// assert_eq!(best.sort(), 2);
/// assert_eq!(memory.map(|found| found.row), [1, 2]);
/// ```
pub mod slices {
    pub use crate::best::Best;
    pub use crate::links::{Link, Links};
    pub use crate::near::{Sketched, link_panels};
    pub use crate::products::{scale, scores_f32, scores_int8, squares};
    pub use crate::quantize::{quantize_query, quantize_rows};
    pub use crate::sketch::{PANEL, SKETCH, VECTORS, Values, inverse_lengths, make_basis, sketch_rows};
}

pub use best::Match;
#[cfg(feature = "std")]
pub use duplicates::{Group, near_duplicates};
#[cfg(feature = "std")]
pub use exact::{Error, Result, Rows, cosine_similarity, quantize_rows, top_k};
pub use sketch::Values;
