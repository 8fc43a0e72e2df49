//! 64-bit ARM: NEON, which every such processor has, and the dot product of Armv8.2 where it is found.
//!
//! **Why not `i8mm`.** Its `smmla` multiplies two rows of eight bytes with two columns of eight at once, twice what `sdot` does
//! in an instruction. It wants another packing of both operands, pairs of rows and pairs of columns with eight bytes of the
//! depth side by side, and gives tiles of 2 × 2 sums, which have to be untangled before they are written. That would be another
//! matrix product beside the one that all other sets have in common.

mod bytes;
mod neon;

pub(crate) use bytes::NeonBytes;
pub(crate) use neon::{Neon, NeonDot};
