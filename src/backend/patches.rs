//! From pixels to the first tokens of a vision tower. A convolution whose stride is its kernel's size is a linear layer
//! over patches.

use super::linear::multiply;
use super::tokens::{Tokens, Values};
use super::{Backend, Linear, Table};
use crate::error::Result;
use kernels::Output;
use std::sync::Arc;

#[cfg(feature = "candle")]
use crate::error::{Error, ErrorKind};
#[cfg(feature = "candle")]
use candle_core::{CpuStorage, IndexOp, Storage, Tensor};

/// Channels of a photo: red, green, blue.
const CHANNELS: usize = 3;

/// Cuts photos, each (3, size, size), into patches, from the upper left: (photos, grid², 3 · patch²), each with its
/// channels one after the other, rows of pixels in each. What does not fill a patch at the right and below is left out.
pub(crate) fn patches(photos: &[&[f32]], size: usize, patch: usize, backend: &Backend) -> Result<Tokens> {
    #[cfg(feature = "candle")]
    if !backend.has_kernels() {
        let tensors = photos.iter().map(|photo| Tensor::from_slice(photo, (CHANNELS, size, size), backend.device()));
        return patches_of_tensor(&Tensor::stack(&tensors.collect::<candle_core::Result<Vec<_>>>()?, 0)?, patch);
    }
    let grid = size / patch;
    let shape = [photos.len(), grid * grid, CHANNELS * patch * patch];
    let mut patches = Tokens::unwritten(backend.pool()?, shape, Arc::default())?;
    let mut places = patches.cpu_mut()?.chunks_exact_mut(patch);
    for photo in photos {
        for (top, left) in (0..grid * grid).map(|at| (at / grid * patch, at % grid * patch)) {
            for plane in photo.chunks_exact(size * size) {
                for (row, place) in plane.chunks_exact(size).skip(top).zip(places.by_ref().take(patch)) {
                    place.copy_from_slice(&row[left..left + patch]);
                }
            }
        }
    }
    Ok(patches)
}

/// The same of a tensor (photos, 3, size, size), by candle.
#[cfg(feature = "candle")]
pub(crate) fn patches_of_tensor(photos: &Tensor, patch: usize) -> Result<Tokens> {
    let (batch, channels, size, _) = photos.dims4()?;
    let grid = size / patch;
    let seen = photos.i((.., .., ..grid * patch, ..grid * patch))?;
    let cut = seen.reshape((batch, channels, grid, patch, grid, patch))?.permute([0, 2, 4, 1, 3, 5])?;
    Tokens::of_tensor(cut.reshape((batch, grid * grid, channels * patch * patch))?, Arc::default())
}

/// The values of f32 tensors on the CPU, without gaps, for `work` on slices.
#[cfg(feature = "candle")]
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

/// The tokens of photos: the class token, and of each patch what `weight` makes of it, all with their `positions` added.
/// The class tokens become embeddings.
pub(crate) fn embed_patches(
    patches: &Tokens,
    weight: &Linear,
    class_token: &Table,
    positions: &Table,
) -> Result<Tokens> {
    let Tokens { batch, tokens: count, .. } = *patches;
    let tokens = count + 1;
    let fine: Arc<[usize]> = (0..batch).map(|photo| photo * tokens).collect();
    match &patches.values {
        Values::Cpu(values) => {
            let (class_token, positions) = (class_token.cpu()?, positions.cpu()?);
            let channels = class_token.len();
            let mut embedded = Tokens::unwritten(values.pool(), [batch, tokens, channels], fine)?;
            let y = embedded.cpu_mut()?;
            let (class_position, positions) = positions.split_at(channels);
            // All products stand at the end, without gaps, until each photo's move up, its class token before them.
            let products = &mut y[batch * channels..];
            products.chunks_exact_mut(count * channels).for_each(|photo| photo.copy_from_slice(positions));
            multiply(vec![weight.layer(Output::Add, products)?], patches)?;
            for photo in 0..batch {
                let (from, to) = ((batch + photo * count) * channels, photo * tokens * channels);
                y.copy_within(from..from + count * channels, to + channels);
                for ((y, token), position) in y[to..].iter_mut().zip(class_token).zip(class_position) {
                    *y = token + position;
                }
            }
            Ok(embedded)
        }
        #[cfg(feature = "candle")]
        Values::Candle(patches) => {
            let (positions, channels) = (positions.candle()?, class_token.channels);
            let class_token = (class_token.candle()? + positions.i(0)?)?.expand((batch, 1, channels))?;
            let positions = positions.i(1..)?.expand((batch, count, channels))?;
            let patches = (positions + candle_core::Module::forward(weight.as_candle()?, patches)?)?;
            Tokens::of_tensor(Tensor::cat(&[&class_token, &patches], 1)?, fine)
        }
    }
}
