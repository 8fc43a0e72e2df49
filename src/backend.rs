//! What computes: linear layers, layer norms and attention over [`Tokens`], on the CPU or through candle.
//!
//! The towers in `model/` say what is computed; this is the one place that decides with what. On the CPU it is our
//! kernels, whose weights are packed as they are read, and whose results go into buffers that are used again
//! ([`pool`]); on a GPU it is candle's operations. Each operation has both ways side by side behind one signature, and
//! the towers don't know. In WebAssembly there is no GPU that candle knows of, and its way is not compiled.

use crate::error::{Error, ErrorKind, Result};
use candle_core::{CpuStorage, Storage, Tensor};

mod attention;
mod device;
mod linear;
mod norm;
mod patches;
mod pool;
mod table;
mod tokens;

pub(crate) use attention::{Mask, attention};
pub(crate) use device::Backend;
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) use device::CANDLE_ON_CPU;
pub use device::{Precision, device_from_name};
pub(crate) use kernels::Activation;
pub(crate) use linear::{Linear, Role};
pub(crate) use norm::LayerNorm;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use patches::patches_of_tensor;
pub(crate) use patches::{embed_patches, patches};
pub(crate) use table::{Table, embed_ids};
pub(crate) use tokens::Tokens;

/// The values of f32 tensors on the CPU, without gaps, for `work` on slices.
pub(crate) fn with_values<T>(tensors: &[&Tensor], work: impl FnOnce(&[&[f32]]) -> Result<T>) -> Result<T> {
    let guards: Vec<_> = tensors.iter().map(|tensor| tensor.storage_and_layout()).collect();
    let slices = guards.iter().map(|(storage, layout)| match (&**storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => values.get(start..end),
        _ => None,
    });
    let slices: Option<Vec<&[f32]>> = slices.collect();
    let not_plain = || Error::new(ErrorKind::Compute, "kernels take contiguous f32 tensors on the CPU");
    work(&slices.ok_or_else(not_plain)?)
}

/// Operands that don't go together: some on the CPU, some on a GPU.
fn mixed() -> Error {
    Error::new(ErrorKind::Compute, "tokens and weights of different devices")
}
