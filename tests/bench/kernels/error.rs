//! As much of the crate's error as the kernels use.
use std::fmt;

/// A result.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ErrorKind {
    Compute,
    OutOfMemory,
    Weights,
}

/// What went wrong.
#[derive(Debug)]
pub struct Error(ErrorKind, String);

impl Error {
    /// Of a kind.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self(kind, what.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0, self.1)
    }
}
