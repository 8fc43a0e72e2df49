//! What can go wrong with a picture: a kind that a program can match on, a context that a person can read, and the
//! underlying cause.

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
    /// Memory could not be allocated.
    OutOfMemory,
    /// The caller asked for something impossible: a zero size, an impossible order of operations.
    InvalidArgument,
}

/// The cause of an error.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error of this crate: its [`kind`](Error::kind), what was being done to what, and the cause.
///
/// `Display` prints the context alone, since whoever reports errors prints the causes as well; the alternate form, `{:#}`,
/// prints the context and, after colons, the chain of causes.
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

    /// The kind, the context and the cause, for an error type further out.
    pub fn into_parts(self) -> (ErrorKind, String, Option<Source>) {
        (self.kind, self.context, self.source)
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
        if !f.alternate() {
            return Ok(());
        }
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

impl From<jpeg::Error> for Error {
    fn from(error: jpeg::Error) -> Self {
        let kind = match error.kind() {
            jpeg::ErrorKind::Broken | jpeg::ErrorKind::CutShort => ErrorKind::Decode,
            jpeg::ErrorKind::Unsupported => ErrorKind::UnsupportedFormat,
            jpeg::ErrorKind::TooLarge => ErrorKind::TooLarge,
            jpeg::ErrorKind::OutOfMemory => ErrorKind::OutOfMemory,
            _ => ErrorKind::InvalidArgument,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<webp::Error> for Error {
    fn from(error: webp::Error) -> Self {
        let kind = match error.kind() {
            webp::ErrorKind::Broken | webp::ErrorKind::CutShort => ErrorKind::Decode,
            webp::ErrorKind::TooLarge => ErrorKind::TooLarge,
            webp::ErrorKind::OutOfMemory => ErrorKind::OutOfMemory,
            _ => ErrorKind::InvalidArgument,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_prints_the_context_and_the_alternate_form_the_causes_too() {
        let io = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let error = Error::new(ErrorKind::Fetch, "cat.jpg").with_source(io).within("image 3");
        assert_eq!(error.to_string(), "image 3: cat.jpg");
        assert_eq!(format!("{error:#}"), "image 3: cat.jpg: no such file");
        assert_eq!(error.kind(), ErrorKind::Fetch);
        assert!(std::error::Error::source(&error).is_some());
    }
}
