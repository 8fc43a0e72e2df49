//! Towers on a GPU: what they compute is written down as a [`Plan`], plain data that a thin executor runs, in a browser by
//! WebGPU and natively by wgpu. Nothing here talks to a GPU.
//!
//! A plan is recorded by the towers themselves: their operations, given tokens that are on a GPU, append a step to the plan in
//! place of computing ([`recording`]). The weights of linear layers are packed as the kernels read them ([`matrix`]) and
//! given out one by one while they arrive; all smaller tensors are constants of the plan.
//!
//! The kernels are WGSL without optional features, in single precision.

mod kernels;
mod matrix;
#[cfg(feature = "wgpu")]
mod native;
mod plan;
mod recording;
#[cfg(all(test, feature = "wgpu", not(target_arch = "wasm32")))]
mod tests;

pub(crate) use matrix::{Matrix, padded_rows};
#[cfg(feature = "wgpu")]
pub use native::{Executor, Gpu};
pub use plan::{Binding, Buffer, Kernel, Plan, Role, Step, Tuning};
pub(crate) use recording::{Add, GpuLinear, OnGpu, Recording, Rows};
