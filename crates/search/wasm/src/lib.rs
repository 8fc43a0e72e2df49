//! The npm package's search module, some twenty kilobytes small: who searches needs no model. Built for WebAssembly alone; elsewhere it
//! is empty.

#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
mod checksum;
#[cfg(target_arch = "wasm32")]
mod module;
