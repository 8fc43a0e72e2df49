//! What can be wrong with a JPEG.

/// An error of this crate; its message says what was wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is broken or cut short.
    #[error("JPEG {0}")]
    Broken(String),
    /// A kind of JPEG that is not read here.
    #[error("JPEG of a kind that is not read: {0}")]
    Unsupported(String),
    /// More pixels or scans than are read.
    #[error("JPEG of {0}")]
    TooLarge(String),
    /// The area that was asked for is empty or not within the picture.
    #[error("no part of {width}x{height} pixels: {area:?}")]
    InvalidArea {
        /// Pixels in a row of the picture, at the scale that was asked for.
        width: usize,
        /// Rows of the picture.
        height: usize,
        /// What was asked for.
        area: crate::Area,
    },
    /// Memory could not be allocated.
    #[error("no memory for {0}")]
    OutOfMemory(String),
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
