//! From pixels to the first tokens of a vision tower. A convolution whose stride is its kernel's size is a linear layer
//! over patches.

#[cfg(feature = "gpu")]
use super::Activation;
#[cfg(feature = "gpu")]
use super::gpu::{Add, OnGpu, Rows};
use super::linear::multiply;
use super::tokens::{Tokens, Values};
use super::{Backend, Linear, Table};
use crate::error::Result;
use crate::image::PixelTensor;
use kernels::Output;
use std::sync::Arc;

#[cfg(feature = "candle")]
use crate::error::{Error, ErrorKind};
#[cfg(feature = "candle")]
use candle_core::{CpuStorage, IndexOp, Storage, Tensor};

/// Channels of a photo: red, green, blue.
const CHANNELS: usize = 3;

/// The pixel tensors of photos, each (3, size, size): their values, or candle's tensors of f32.
#[derive(Clone, Copy)]
pub(crate) enum Photos<'a> {
    Values(&'a [&'a PixelTensor]),
    #[cfg(feature = "candle")]
    Tensors(&'a [&'a Tensor]),
}

impl<'a> Photos<'a> {
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::Values(photos) => photos.is_empty(),
            #[cfg(feature = "candle")]
            Self::Tensors(photos) => photos.is_empty(),
        }
    }

    /// The shape of each; of values that do not fill their height and width, how many there are.
    pub(crate) fn shapes(self) -> Box<dyn Iterator<Item = Vec<usize>> + 'a> {
        match self {
            Self::Values(photos) => Box::new(photos.iter().map(|PixelTensor { data, height, width, .. }| {
                let whole = CHANNELS.checked_mul(*height).and_then(|rows| rows.checked_mul(*width)) == Some(data.len());
                if whole { vec![CHANNELS, *height, *width] } else { vec![data.len()] }
            })),
            #[cfg(feature = "candle")]
            Self::Tensors(photos) => Box::new(photos.iter().map(|photo| photo.dims().to_vec())),
        }
    }
}

/// Cuts photos into patches, from the upper left: (photos, grid², 3 · patch²), each with its channels one after the other,
/// rows of pixels in each. What does not fill a patch at the right and below is left out.
pub(crate) fn patches(photos: Photos<'_>, patch: usize, backend: &Backend) -> Result<Tokens> {
    match photos {
        #[cfg(feature = "candle")]
        _ if !backend.has_kernels() => patches_by_candle(photos, patch, backend),
        Photos::Values(photos) => {
            let values: Vec<&[f32]> = photos.iter().map(|photo| photo.data.as_slice()).collect();
            patches_of_values(&values, photos.first().map_or(0, |photo| photo.height), patch, backend)
        }
        #[cfg(feature = "candle")]
        Photos::Tensors(photos) => {
            let size = photos.first().map_or(Ok(0), |photo| photo.dim(1))?;
            let photos = photos.iter().map(|photo| photo.contiguous()).collect::<candle_core::Result<Vec<_>>>()?;
            let guards: Vec<_> = photos.iter().map(Tensor::storage_and_layout).collect();
            let slices = guards.iter().map(|(storage, layout)| match (&**storage, layout.contiguous_offsets()) {
                (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => values.get(start..end),
                _ => None,
            });
            let not_plain = || Error::new(ErrorKind::InvalidArgument, "this model takes f32 tensors on the CPU");
            let slices: Vec<&[f32]> = slices.collect::<Option<_>>().ok_or_else(not_plain)?;
            patches_of_values(&slices, size, patch, backend)
        }
    }
}

fn patches_of_values(photos: &[&[f32]], size: usize, patch: usize, backend: &Backend) -> Result<Tokens> {
    let grid = size / patch;
    let shape = [photos.len(), grid * grid, CHANNELS * patch * patch];
    let mut patches = Tokens::unwritten(backend.buffers()?, shape, Arc::default())?;
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

#[cfg(feature = "candle")]
fn patches_by_candle(photos: Photos<'_>, patch: usize, backend: &Backend) -> Result<Tokens> {
    let tensors: Vec<Tensor> = match photos {
        Photos::Tensors(photos) => photos.iter().map(|photo| (*photo).clone()).collect(),
        Photos::Values(photos) => {
            let tensor = |PixelTensor { data, height, width, .. }: &PixelTensor| {
                Tensor::from_slice(data, (CHANNELS, *height, *width), backend.device())
            };
            photos.iter().map(|photo| tensor(photo)).collect::<candle_core::Result<_>>()?
        }
    };
    let photos = Tensor::stack(&tensors, 0)?.to_dtype(backend.dtype())?;
    let (batch, channels, size, _) = photos.dims4()?;
    let grid = size / patch;
    let seen = photos.i((.., .., ..grid * patch, ..grid * patch))?;
    let cut = seen.reshape((batch, channels, grid, patch, grid, patch))?.permute([0, 2, 4, 1, 3, 5])?;
    Tokens::of_tensor(cut.reshape((batch, grid * grid, channels * patch * patch))?, Arc::default())
}

/// The tokens of photos: the class token, where there is one, and of each patch what `weight` makes of it, all with their
/// `positions` added. The class tokens become embeddings.
pub(crate) fn embed_patches(
    patches: &Tokens,
    weight: &Linear,
    class_token: Option<&Table>,
    positions: &Table,
) -> Result<Tokens> {
    let Tokens { batch, tokens: count, .. } = *patches;
    let first = usize::from(class_token.is_some());
    let tokens = count + first;
    let embedding_rows: Arc<[usize]> = (0..batch * first).map(|photo| photo * tokens).collect();
    match &patches.values {
        Values::Cpu(values) => {
            let (channels, positions) = (positions.channels, positions.cpu()?);
            let mut embedded = Tokens::unwritten(values.buffers(), [batch, tokens, channels], embedding_rows)?;
            let y = embedded.cpu_mut()?;
            let (class_position, positions) = positions.split_at(first * channels);
            // All products stand at the end, without gaps, until each photo's move up, its class token before them.
            let products = &mut y[batch * first * channels..];
            products.chunks_exact_mut(count * channels).for_each(|photo| photo.copy_from_slice(positions));
            multiply(vec![weight.layer(Output::Add, products)?], patches)?;
            let Some(class_token) = class_token else { return Ok(embedded) };
            let class_token = class_token.cpu()?;
            for photo in 0..batch {
                let (from, to) = ((batch + photo * count) * channels, photo * tokens * channels);
                y.copy_within(from..from + count * channels, to + channels);
                for ((y, token), position) in y[to..].iter_mut().zip(class_token).zip(class_position) {
                    *y = token + position;
                }
            }
            Ok(embedded)
        }
        #[cfg(feature = "gpu")]
        Values::Gpu(patches) => {
            let (channels, positions) = (positions.channels, positions.cpu()?);
            let (class_position, positions) = positions.split_at(first * channels);
            let rows = Rows { rows: batch * tokens, channels };
            let y = OnGpu::unwritten(patches.recording(), rows);
            let add = Add::Positions { values: positions, stride: tokens, first };
            patches.multiply(&[weight.as_gpu()?], batch * count, &y, Activation::None, &add)?;
            if let Some(class_token) = class_token {
                let token: Vec<f32> = class_token.cpu()?.iter().zip(class_position).map(|(x, y)| x + y).collect();
                y.every(0, tokens).fill(&token, Rows { rows: batch, channels })?;
            }
            Ok(Tokens { values: Values::Gpu(y), batch, tokens, channels, embedding_rows })
        }
        #[cfg(feature = "candle")]
        Values::Candle(patches) => {
            let (positions, channels) = (positions.candle()?, positions.channels);
            let of_patches = positions.i(first..)?.expand((batch, count, channels))?;
            let patches = (of_patches + candle_core::Module::forward(weight.as_candle()?, patches)?)?;
            let Some(class_token) = class_token else { return Tokens::of_tensor(patches, embedding_rows) };
            let class_token = (class_token.candle()? + positions.i(0)?)?.expand((batch, 1, channels))?;
            Tokens::of_tensor(Tensor::cat(&[&class_token, &patches], 1)?, embedding_rows)
        }
    }
}

/// One token for each photo of `x`, the same for all: (batch, 1, channels). They become embeddings.
pub(crate) fn repeated(token: &Table, x: &Tokens) -> Result<Tokens> {
    let embedding_rows: Arc<[usize]> = (0..x.batch).collect();
    match &x.values {
        Values::Cpu(values) => {
            let shape = [x.batch, 1, token.channels];
            let mut repeated = Tokens::unwritten(values.buffers(), shape, embedding_rows)?;
            let token = token.cpu()?;
            repeated.cpu_mut()?.chunks_exact_mut(token.len().max(1)).for_each(|place| place.copy_from_slice(token));
            Ok(repeated)
        }
        #[cfg(feature = "gpu")]
        Values::Gpu(values) => {
            let values = OnGpu::repeated(values.recording(), token.cpu()?, x.batch)?;
            Ok(Tokens {
                values: Values::Gpu(values),
                batch: x.batch,
                tokens: 1,
                channels: token.channels,
                embedding_rows,
            })
        }
        #[cfg(feature = "candle")]
        Values::Candle(_) => {
            let token = token.candle()?.expand((x.batch, 1, token.channels))?.contiguous()?;
            Tokens::of_tensor(token, embedding_rows)
        }
    }
}
