//! How much one picture may cost, checked before memory is taken.

/// Upper bounds on what one picture may cost. They are checked against the header, before memory is taken.
///
/// The defaults suit photographs: nobody's camera is refused, a decompression bomb is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that an encoded picture (a file, a download, a data URL) may have.
    /// Default: 512 MiB, on wasm32 256 MiB.
    pub max_bytes: u64,
    /// The most pixels (width × height) that a picture may have as it comes. Default: 256 million, on wasm32 100 million.
    pub max_pixels: u64,
    /// The most bytes of memory that decoding and the first resize may take together, where it is known beforehand; that
    /// the 8-bit pixels that come of each operation may take; and that the pixel tensor may take, 12 bytes a pixel, beside
    /// the 8-bit pixels that it is made of. Default: 2 GiB, on wasm32 1 GiB.
    pub max_alloc: u64,
}

impl Default for Limits {
    fn default() -> Self {
        if cfg!(target_arch = "wasm32") {
            Self { max_bytes: 256 << 20, max_pixels: 100_000_000, max_alloc: 1 << 30 }
        } else {
            Self { max_bytes: 512 << 20, max_pixels: 256_000_000, max_alloc: 2 << 30 }
        }
    }
}

impl Limits {
    /// No bounds but those of the address space: for input that is trusted.
    pub fn none() -> Self {
        Self { max_bytes: u64::MAX, max_pixels: u64::MAX, max_alloc: u64::MAX }
    }
}
