//! The npm package's search module: who searches needs no model. With the feature `near` it finds near duplicates too, and is
//! twice as large. Built for WebAssembly alone; elsewhere it is empty.

#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
mod checksum;
#[cfg(target_arch = "wasm32")]
mod module;
#[cfg(all(target_arch = "wasm32", feature = "near"))]
mod near;
