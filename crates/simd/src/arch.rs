//! The instruction sets, a folder for each architecture and in it siblings that implement the same traits. Which of them
//! a build has is said here, and once more in the table of [`isa`](crate::isa), which can't take a module that isn't there.

#[cfg(any(
    not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128"))),
    feature = "testing",
    test
))]
pub(crate) mod scalar;

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) mod wasm32;

#[cfg(target_arch = "aarch64")]
pub(crate) mod aarch64;
