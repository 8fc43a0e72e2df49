//! The instruction sets, a folder for each architecture and in it siblings that implement the same traits.

#[cfg(any(
    not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128"))),
    feature = "all-sets",
    test
))]
mod scalar;
#[cfg(any(
    not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128"))),
    feature = "all-sets",
    test
))]
pub(crate) use scalar::{Scalar, ScalarBytes};

#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx2Bytes, Avx512, AvxVnni, Sse41, Sse41Bytes, has_avx2, has_avx512};

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm32;
#[cfg(all(
    target_arch = "wasm32",
    target_feature = "simd128",
    any(not(target_feature = "relaxed-simd"), feature = "all-sets", test)
))]
pub(crate) use wasm32::Simd128;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use wasm32::Simd128Bytes;
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
pub(crate) use wasm32::{Relaxed, RelaxedPairs, has_dot_product};

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::{Neon, NeonBytes, NeonDot};
