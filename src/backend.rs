//! What computes: linear layers, layer norms and attention over [`Tokens`], on the CPU or through candle.
//!
//! The towers in `model/` say what is computed; this is the one place that decides with what. On the CPU it is our
//! kernels, whose weights are packed as they are read, and whose results go into buffers that are used again
//! ([`buffers`]); on CUDA it is candle's operations; for any other GPU the operations are written down as a plan (`gpu.rs`). Each
//! operation has its ways side by side behind one signature, and the towers don't know. Without the features `candle` and
//! `gpu` their ways are not there.

use crate::error::{Error, ErrorKind};

mod attention;
mod buffers;
mod device;
#[cfg(feature = "gpu")]
pub(crate) mod gpu;
mod linear;
mod norm;
mod patches;
mod table;
mod threads;
mod tokens;

pub(crate) use attention::{Mask, attention};
pub(crate) use device::Backend;
#[cfg(all(test, feature = "candle", not(target_arch = "wasm32")))]
pub(crate) use device::CANDLE_ON_CPU;
#[cfg(not(feature = "candle"))]
pub(crate) use device::check_device_name;
#[cfg(feature = "candle")]
pub use device::device_from_name;
#[cfg(feature = "wgpu")]
pub(crate) use device::wgpu_number;
pub(crate) use kernels::Activation;
pub(crate) use linear::Linear;
pub(crate) use norm::LayerNorm;
pub(crate) use patches::{Photos, embed_patches, patches, repeated};
pub(crate) use table::{Table, embed_ids};
pub(crate) use threads::Threads;
pub(crate) use tokens::Tokens;

/// Operands that don't go together: some on the CPU, some on a GPU.
fn mixed() -> Error {
    Error::new(ErrorKind::Compute, "tokens and weights of different devices")
}
