//! CLIP image embeddings, in a web page or on a server: a photo's bytes in, a vector out that equals Python's.
//!
//! ```
//! use clip_vision::{ClipVision, Image, Options};
//!
//! let clip = ClipVision::from_dir("models/shapes", Options::default())?;
//! let a = clip.embed(Image::from_path("tests/golden/images/photo-420.jpg"))?;
//! let b = clip.embed(Image::from_path("tests/golden/images/rgb-photo.png"))?;
//! let cosine: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
//! # Ok::<(), clip_vision::Error>(())
//! ```
//!
//! # How it is built
//! **The whole way from bytes to embedding is plain synchronous Rust; asynchrony is added once, at the edge.** An
//! [`Image`] is a source and a queue of operations; [`ClipVision`] is a model with the preprocessing of its files.
//! Neither knows of futures. Natively the `tokio` feature puts `spawn_blocking` around them
//! (`LoadedClipVisionModel`, `ClipVisionEmbeddingModel`, `Image::to_tensor`); in a browser the npm package puts a
//! Web Worker around them (`crates/wasm`).
//!
//! A model is a directory as people publish it: a CLIP, SigLIP, DINOv2 or their relatives for transformers (`config.json`,
//! `preprocessor_config.json` or `processor_config.json`, `model.safetensors`), for open_clip, or as ONNX files. Sizes, activation, crop, mean and std all come from the files, and a tensor that is missing, of another shape or not finite
//! is an error that names it.
//!
//! # Features
//! It compiles with Rust 1.92 and later; `candle` needs a newer one (1.95 compiles it).
//!
//! | feature | adds |
//! |---|---|
//! | `text` (default) | the tokenizer: [`ClipVision::embed_text`], [`ClipVision::classify`] |
//! | `candle` | [`Tensor`] and [`Device`]: [`Image::to_tensor_sync`], observed stages, candle's backend for GPUs; long to compile |
//! | `tokio` | the asynchronous layer for native programs |
//! | `http` | `http(s)` addresses in [`Image::from_url`] |
//! | `avif`, `jxl`, `heif` | photos in AVIF, JPEG XL and (by the system's libheif) HEIC |
//! | `gpu` | towers as plans for an executor on any GPU: [`gpu::Plan`] |
//! | `wgpu` | any GPU, by Vulkan, Metal or DirectX 12: [`gpu::Gpu`] |
//! | `cuda`, `cudnn` | NVIDIA GPUs, through candle: see [`device_from_name`] |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod embedder;
mod error;
pub mod image;
mod json;
pub mod model;
#[cfg(feature = "tokio")]
mod native;
mod precision;
mod weights;

#[cfg(feature = "candle")]
pub use backend::device_from_name;
#[cfg(feature = "candle")]
pub use candle_core::{Device, Tensor};
pub use embedder::{ClipVision, ModelFiles, Options};
pub use error::{Detail, Error, ErrorKind, Result};
pub use image::{Image, ResizeFilter};
#[cfg(feature = "tokio")]
pub use native::{BoxFuture, ClipVisionEmbeddingModel, ImageEmbeddingCapable, LoadedClipVisionModel};
pub use precision::Precision;

/// Exact search among embeddings, the same to the bit on every machine: the crate `search`.
///
/// ```
/// use clip_vision::search::{Rows, top_k};
///
/// let embeddings = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8]; // three of two values
/// let found = top_k(&[0.0, 1.0], Rows::F32(&embeddings), 2)?;
/// assert_eq!(found.iter().map(|found| found.row).collect::<Vec<_>>(), [1, 2]);
/// # Ok::<(), clip_vision::search::Error>(())
/// ```
pub mod search {
    pub use ::search::{Error, Group, Match, Result, Rows, Values};
    pub use ::search::{cosine_similarity, near_duplicates, quantize_rows, top_k};
}

/// What a model that was loaded for a GPU ([`Options::plans`]) is to be computed by: plain data for an executor.
#[cfg(feature = "gpu")]
pub mod gpu {
    pub use crate::backend::gpu::{Binding, Buffer, Kernel, Plan, Role, Step, Tuning};
    #[cfg(feature = "wgpu")]
    pub use crate::backend::gpu::{Executor, Gpu};
    pub use crate::embedder::{Matrices, Probe, Verdict};
}

/// The examples of docs/rust.md, compiled as tests of the documentation.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../docs/rust.md")]
mod readme {}
