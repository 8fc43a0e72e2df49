//! What can go wrong in a kernel: wrong arguments, or no memory.

/// An error of this crate; its message says what was wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Slices of a wrong length, or layers that can't be multiplied together.
    #[error("{0}")]
    Compute(String),
    /// Rows of a weight that are too many, too few or of a wrong length.
    #[error("{0}")]
    Weights(String),
    /// Memory could not be allocated.
    #[error("no memory for {0}")]
    OutOfMemory(String),
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
