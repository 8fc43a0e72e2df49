//! The kernels: packed matrix products, layer norm, softmax attention and GELU on the CPU, natively and in WebAssembly.
//!
//! A vision transformer spends 95 % of its time in matrix products with constant weights, a few dozen rows high. A general
//! library packs both operands at each call, knows nothing of what follows, and in a browser is compiled for more registers
//! than there are. So here:
//!
//! - **Weights are packed once**, while they are read, into panels in the order in which the innermost loop wants them
//!   ([`PackedF32`], [`PackedInt8`]). A builder takes them row by row, so the model is never in memory twice.
//! - **What follows is fused**: bias, activation, the addition to the residual stream ([`Output`]).
//! - **Results go where the caller says.** No kernel allocates one: a model's buffers are used again layer by layer.
//! - **One algorithm, several instruction sets.** Each kernel is written once, over the vector traits of [`simd`]; an [`Isa`]
//!   is the proof that the processor has the instructions. Weights are packed for one set, and say which.
//! - **Threads don't change the result.** A kernel hands a [`Pool`] tasks that write disjoint parts of the result; a sum
//!   is never split between tasks, so that 1 and 8 threads give the same bits.
//!
//! Everything works on plain row-major slices: `(rows, channels)`, a row a token. Lengths are checked at the entry of each
//! kernel, once; from there on it is pointers.

mod attention;
mod buffer;
mod error;
mod int8;
mod machine;
mod math;
mod matmul;
mod norm;
mod packed;
mod pool;
mod quantize;
mod rotate;
#[cfg(any(not(target_arch = "wasm32"), target_feature = "atomics"))]
mod task_range;
#[cfg(any(all(test, not(target_arch = "wasm32")), all(target_arch = "wasm32", target_feature = "atomics")))]
mod threads;
mod tile;

#[cfg(test)]
mod tests;

pub use attention::Attention;
pub use buffer::Buffer;
pub use int8::{PackedInt8, PackedInt8Builder, Rotation};
pub use machine::POOL;
pub use math::Activation;
pub use matmul::{PackedF32, PackedF32Builder};
pub use norm::layer_norm;
pub use packed::{Layer, Packed, PackedBuilder, Packing, multiply};
pub use pool::{Pool, Serial};
pub use quantize::Quantizer;
#[cfg(any(all(test, not(target_arch = "wasm32")), all(target_arch = "wasm32", target_feature = "atomics")))]
pub use threads::Threads;

pub use error::{Error, Result};
pub use simd::Isa;

use std::ptr::NonNull;

/// What becomes of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// `activation(x · Wᵀ + bias)`, whatever was there before.
    Set(Activation),
    /// `x · Wᵀ + bias`, added to what is there: the residual stream.
    Add,
}

impl Output {
    fn activation(self) -> Activation {
        match self {
            Self::Set(activation) => activation,
            Self::Add => Activation::None,
        }
    }

    /// What the product is added to, where the result is `y`.
    fn addend(self, y: *mut f32) -> Option<NonNull<f32>> {
        match self {
            Self::Set(_) => None,
            Self::Add => NonNull::new(y),
        }
    }
}

/// Memory that kernels need while they run: made once, grown on demand, used again by the next call.
pub struct Workspace {
    floats: Buffer<f32>,
    bytes: Buffer<u8>,
    ints: Buffer<i32>,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// Nothing as yet.
    pub const fn new() -> Self {
        Self { floats: Buffer::new(), bytes: Buffer::new(), ints: Buffer::new() }
    }
}

/// An error unless `len` is `rows · columns`.
fn check(what: &str, len: usize, rows: usize, columns: usize) -> Result<()> {
    if rows.checked_mul(columns) == Some(len) {
        return Ok(());
    }
    Err(Error::Compute(format!("kernels: {what} has {len} values, not {rows} × {columns}")))
}

/// The product of sizes that come from a model's files.
fn product<const N: usize>(sizes: [usize; N]) -> Result<usize> {
    sizes.into_iter().try_fold(1usize, usize::checked_mul).ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::OutOfMemory("sizes beyond the address space".to_owned())
}

/// An error unless all layers of a product were packed for `isa`: another set reads another order, and other lengths.
fn check_same_isa(isa: Isa, layers: impl Iterator<Item = Isa>) -> Result<()> {
    for other in layers {
        if other != isa {
            let (isa, other) = (isa.name(), other.name());
            return Err(Error::Compute(format!("kernels: layers packed for {isa} and for {other} in one product")));
        }
    }
    Ok(())
}
