//! The inner loops, for whatever processor this runs on.
//!
//! Each is a plain function over slices. The scalar ones are in `idct.rs`, `upsample.rs` and `color.rs`; their SIMD
//! siblings give the same bytes for all input, which the tests below check over odd sizes and wild values.

use super::{color, idct, upsample};

/// Brightness and the two colour differences of a row, and the row of RGB that they become.
type YccToRgb = fn(&[u8], &[u8], &[u8], &mut [u8]);

/// The functions that take most of the time.
#[derive(Clone, Copy)]
pub(super) struct Kernels {
    /// Coefficients, quantisers, to 8x8 samples in rows a stride apart.
    pub(super) idct_8x8: fn(&[i16; 64], &[i16; 64], &mut [u8], usize),
    /// The same where only the first four coefficients of the first four rows are other than 0.
    pub(super) idct_8x8_corner: fn(&[i16; 64], &[i16; 64], &mut [u8], usize),
    /// Coefficients, quantisers, to 4x4 samples.
    pub(super) idct_4x4: fn(&[i16; 64], &[i16; 64], &mut [u8], usize),
    /// See [`upsample::horizontal`].
    pub(super) horizontal: fn(&[u8], &mut [u8]),
    /// See [`upsample::vertical`].
    pub(super) vertical: fn(&[u8], &[u8], bool, &mut [u8]),
    /// See [`upsample::both`].
    pub(super) both: fn(&[u8], &[u8], &mut [u8]),
    /// See [`color::ycc_to_rgb`].
    pub(super) ycc_to_rgb: YccToRgb,
}

impl Kernels {
    /// Plain Rust.
    #[allow(dead_code)] // where every processor has SIMD only tests compare with it
    pub(super) const SCALAR: Self = Self {
        idct_8x8: idct::idct_8x8,
        idct_8x8_corner: idct::idct_8x8,
        idct_4x4: idct::idct_4x4,
        horizontal: upsample::horizontal,
        vertical: upsample::vertical,
        both: upsample::both,
        ycc_to_rgb: color::ycc_to_rgb,
    };

    /// The fastest ones that this processor has.
    pub(super) fn best() -> Self {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        return super::x86::kernels().unwrap_or(Self::SCALAR);
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        return super::simd128::KERNELS;
        #[cfg(not(any(
            target_arch = "x86",
            target_arch = "x86_64",
            all(target_arch = "wasm32", target_feature = "simd128")
        )))]
        Self::SCALAR
    }
}
