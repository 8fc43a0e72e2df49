//! x86-64: AVX2 and AVX-512, found at run time.
//!
//! Three siblings. [`avx2`] has two forms that differ in the dot product alone: with AVX-VNNI it is one instruction, before
//! that three, with the same result (see `relaxed.rs` for why). [`avx512`] has twice the lanes and twice the registers,
//! hence the larger tile.

pub(super) mod avx2;
pub(super) mod avx512;
