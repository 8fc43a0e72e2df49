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
//! The npm package has this crate in a module of its own, some kilobytes small (`module.rs`, built for WebAssembly without the
//! feature `std`): who searches needs no model.

#![cfg_attr(not(feature = "std"), no_std)]

mod best;
#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
mod checksum;
#[cfg(feature = "std")]
mod exact;
#[cfg(all(target_arch = "wasm32", not(feature = "std")))]
mod module;
mod products;
mod quantize;

#[cfg(all(test, feature = "std"))]
mod tests;

pub use best::Match;
#[cfg(feature = "std")]
pub use exact::{Error, Result, Rows, cosine_similarity, quantize_rows, top_k};
