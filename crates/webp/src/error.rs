//! What can be wrong with a WebP: a kind that a program can branch on, and what it was.

use std::borrow::Cow;
use std::fmt;

/// What went wrong, coarsely enough to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file contradicts the format or itself, where libwebp gives up as well.
    Broken,
    /// The file, or a chunk in it, ends before the picture does.
    CutShort,
    /// More memory than the decoder was [allowed](crate::Decoder::with_table_limit).
    TooLarge,
    /// The rows that were asked for are not within the picture.
    InvalidArea,
    /// Memory could not be allocated.
    OutOfMemory,
}

/// An error of this crate: its [`kind`](Error::kind), and [`what`](Error::what) was wrong.
///
/// ```
/// use webp::{Decoder, ErrorKind};
///
/// let error = Decoder::new(b"RIFF\x0c\0\0\0WEBPVP8 ").err().unwrap();
/// assert_eq!(error.kind(), ErrorKind::CutShort);
/// assert_eq!(error.to_string(), "WebP cut short: it says that it has 20 bytes, and has 16");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    what: Cow<'static, str>,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What went wrong, to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was wrong, in words.
    pub fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn new(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, what: what.into() }
    }

    pub(crate) fn broken(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Broken, what)
    }

    pub(crate) fn cut_short(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::CutShort, what)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match self.kind {
            ErrorKind::Broken => write!(f, "WebP broken: {what}"),
            ErrorKind::CutShort => write!(f, "WebP cut short: {what}"),
            ErrorKind::TooLarge => write!(f, "WebP too large: {what}"),
            ErrorKind::InvalidArea | ErrorKind::OutOfMemory => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Error {}
