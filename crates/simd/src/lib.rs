//! One SIMD layer: loops are written once over small vector traits, and run on the best instruction set of the machine.
//!
//! # How to use it
//!
//! Work is a [`Task`]: a struct of what the loop needs, with a `run` that is generic over the instruction set. An [`Isa`]
//! runs it in code that is compiled for that set.
//!
//! ```
//! use simd::{Floats, Isa, Simd, Task};
//!
//! /// Doubles values in place.
//! struct Double<'a>(&'a mut [f32]);
//!
//! impl Task for Double<'_> {
//!     type Output = ();
//!
//!     #[inline(always)]
//!     fn run<S: Simd>(self, simd: S) {
//!         let mut vectors = self.0.chunks_exact_mut(S::LANES);
//!         for vector in &mut vectors {
//!             // SAFETY: a chunk is one vector long.
//!             unsafe {
//!                 let x = simd.load(vector.as_ptr());
//!                 simd.store(vector.as_mut_ptr(), simd.add(x, x));
//!             }
//!         }
//!         vectors.into_remainder().iter_mut().for_each(|x| *x *= 2.0);
//!     }
//! }
//!
//! let mut values = [1.0; 19];
//! Isa::best().run(Double(&mut values));
//! assert_eq!(values, [2.0; 19]);
//! ```
//!
//! There are two families of traits, since two kinds of loops want different things:
//!
//! - [`Simd`] for what is generic over the width: [`Floats`] has f32 and i32, [`DotProduct`] extends it by products of bytes
//!   summed in i32, and [`Simd`] itself says how large a tile of sums fits the registers. A [`Task`] gets one.
//! - [`Bytes`] for pixels: vectors of exactly sixteen bytes, since the rows of a JPEG block are that long. A [`BytesTask`] gets
//!   one, through [`Isa::run_bytes`]. Several sets have these in common, and such a task is compiled once for them.
//!
//! # Tokens
//!
//! `simd` above is a token: a value of no size whose type is an instruction set. There is no way to one but through an [`Isa`],
//! and no way to an `Isa` but by detection, so having a token proves that the processor has the instructions. Therefore
//! operations are safe methods of the token; only those that take pointers are unsafe.
//!
//! # How it becomes machine code
//!
//! On x86 and ARM the features are found at run time, and the compiler emits such instructions only inside functions marked
//! `#[target_feature]`. [`Isa::run`] calls one such function for each set, and everything below it has to be
//! `#[inline(always)]`, so that all of it ends up in that function's body. For the same reason hot loops had better have no
//! closures: a closure is compiled with the features of nobody, and is only fast as long as it happens to be inlined.
//!
//! In WebAssembly a module can't ask; what it is built with is there. Each set and task has a function of its own that is
//! never inlined, since a browser compiles whole functions: so it compiles the set that is used, and a task once.
//!
//! # Instruction sets
//!
//! | name | what | f32 lanes | products summed a lane |
//! |---|---|---|---|
//! | `scalar` | arrays of four in plain Rust | 4 | 4 |
//! | `sse4.1` | x86 from 2008 on | 4 | 4 |
//! | `avx2` | x86 from 2013 on, with FMA | 8 | 4 |
//! | `avx-vnni` | the same with a dot product of bytes | 8 | 4 |
//! | `avx512` | with VNNI | 16 | 4 |
//! | `simd128` | WebAssembly SIMD | 4 | 2 |
//! | `relaxed-simd` | with fused multiply-add and dot product | 4 | 4 |
//! | `relaxed-simd-pairs` | the same for processors whose dot product is slow | 4 | 4 |
//! | `neon` | every 64-bit ARM | 4 | 4 |
//! | `neon-dot` | with the dot product of Armv8.2 | 4 | 4 |
//!
//! There is no `scalar` on ARM and in a module built with `simd128`, and no `simd128` in one built with `relaxed-simd`: nothing
//! would choose them, and each would be another copy of every loop. Tests get them back with the feature `testing`.

#![no_std]

// Features are found by std's detection. In WebAssembly there is nothing to be found, and search has no std there.
#[cfg(any(not(target_arch = "wasm32"), feature = "testing", test))]
extern crate std;

mod arch;
mod bytes;
mod dot_product;
mod floats;
mod isa;
mod ops;
#[cfg(any(feature = "testing", test))]
#[doc(hidden)]
pub mod testing;
mod tiles;

#[cfg(test)]
mod tests;

pub use bytes::Bytes;
pub use dot_product::DotProduct;
pub use floats::Floats;
pub use isa::{BytesTask, Isa, Shape, Task};
pub use tiles::{Simd, Tile};
