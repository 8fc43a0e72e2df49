//! The inner loops over vectors of sixteen bytes, written once for all instruction sets. Each is a task that
//! [`Isa::run_bytes`](simd::Isa::run_bytes) runs.
//!
//! A loop gives the bytes that its scalar twin gives (`idct/twin.rs`, `upsample.rs`, `color.rs`): sums are the same sums
//! in another order, in integers that wrap around, and what is narrowed is clamped where the twin clamps. The one
//! different formula, the rounded product in [`YccToRgb`], is equal for all 256 inputs.

mod blocks;
mod rows;
#[cfg(test)]
mod tests;

pub(crate) use self::blocks::{Idct4x4, Idct8x8, Idct8x8Corner, Transform};
pub(crate) use self::rows::{Both, Horizontal, Vertical, YccToRgb};
