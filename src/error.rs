//! One error type for the whole crate: a kind that a program can match on, a context that a person can read,
//! and the underlying cause.
//!
//! The kinds are the same on every side of the product: [`ErrorKind::code`] is the `code` of the npm package's
//! `ClipVisionError`.

use std::fmt;

/// What went wrong, coarsely enough to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are of a known image format but broken: truncated, corrupt, contradictory.
    Decode,
    /// The bytes are no image, or one of a format that this build does not read.
    UnsupportedFormat,
    /// The picture is over a limit on encoded bytes, pixels or memory.
    TooLarge,
    /// A file or an address could not be read.
    Fetch,
    /// `config.json`, `preprocessor_config.json` or a tokenizer file is missing, malformed or of another model type.
    Config,
    /// The weights are missing, malformed, cut short, of a wrong shape, or not finite.
    Weights,
    /// Memory could not be allocated.
    OutOfMemory,
    /// The caller asked for something impossible: a zero size, an impossible order of operations.
    InvalidArgument,
    /// The device is not there, or not compiled in.
    Device,
    /// The computation itself failed, or the runtime stopped before it ended.
    Compute,
}

impl ErrorKind {
    /// The stable, kebab-case name, shared with the npm package's `ClipVisionError.code`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::UnsupportedFormat => "unsupported-format",
            Self::TooLarge => "too-large",
            Self::Fetch => "fetch",
            Self::Config => "config",
            Self::Weights => "weights",
            Self::OutOfMemory => "out-of-memory",
            Self::InvalidArgument => "invalid-argument",
            Self::Device => "device",
            Self::Compute => "compute",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error of this crate: its [`kind`](Error::kind), what was being done to what, and the cause.
///
/// `Display` prints the context and, after a colon, the chain of causes; the kind is for programs.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Source>,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`; `context` names what was wrong and where.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// The same error with `source` as its cause.
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was wrong and where, without the causes.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The same error seen from further out: `outer` is put before the context, kind and source stay.
    pub fn within(mut self, outer: impl fmt::Display) -> Self {
        self.context = format!("{outer}: {}", self.context);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<pixels::Error> for Error {
    fn from(error: pixels::Error) -> Self {
        let (kind, context, source) = error.into_parts();
        let kind = match kind {
            pixels::ErrorKind::Decode => ErrorKind::Decode,
            pixels::ErrorKind::UnsupportedFormat => ErrorKind::UnsupportedFormat,
            pixels::ErrorKind::TooLarge => ErrorKind::TooLarge,
            pixels::ErrorKind::Fetch => ErrorKind::Fetch,
            pixels::ErrorKind::OutOfMemory => ErrorKind::OutOfMemory,
            _ => ErrorKind::InvalidArgument,
        };
        Self { kind, context, source }
    }
}

impl From<kernels::Error> for Error {
    fn from(error: kernels::Error) -> Self {
        let kind = match error {
            kernels::Error::Weights(_) => ErrorKind::Weights,
            kernels::Error::OutOfMemory(_) => ErrorKind::OutOfMemory,
            _ => ErrorKind::Compute,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<search::Error> for Error {
    fn from(error: search::Error) -> Self {
        Self::new(ErrorKind::InvalidArgument, error.to_string())
    }
}

impl From<candle_core::Error> for Error {
    /// A failure inside the tensor library: nothing that a caller's input should be able to cause.
    fn from(error: candle_core::Error) -> Self {
        Self::new(ErrorKind::Compute, "a tensor operation failed").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_prints_context_then_causes() {
        let io = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let error = Error::new(ErrorKind::Fetch, "cat.jpg").with_source(io).within("image 3");
        assert_eq!(error.to_string(), "image 3: cat.jpg: no such file");
        assert_eq!(error.kind().code(), "fetch");
        assert!(std::error::Error::source(&error).is_some());
    }
}
