//! What can be wrong with a JPEG: a kind that a program can branch on, what it was, and where in the file.

use std::borrow::Cow;
use std::fmt;

/// What went wrong, coarsely enough to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file contradicts the standard or itself, where libjpeg gives up as well.
    Broken,
    /// The file ends before the picture does.
    CutShort,
    /// A kind of JPEG that is not read here, such as one of 12 bits.
    Unsupported,
    /// More pixels than libjpeg reads, more scans than any picture needs, or more blocks without data.
    TooLarge,
    /// The area that was asked for is empty or not within the picture.
    InvalidArea,
    /// Memory could not be allocated.
    OutOfMemory,
}

/// An error of this crate: its [`kind`](Error::kind), [`what`](Error::what) was wrong, and where it is known the
/// [`offset`](Error::offset) in the file.
///
/// ```
/// use jpeg::{Decoder, ErrorKind};
///
/// let error = Decoder::new(b"\xff\xd8\xff\xe0\x00\x10JF").err().unwrap();
/// assert_eq!(error.kind(), ErrorKind::CutShort);
/// assert_eq!(error.offset(), Some(2));
/// assert_eq!(error.to_string(), "JPEG cut short: the file ends in a marker segment (byte 2)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    what: Cow<'static, str>,
    offset: Option<usize>,
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

    /// The byte of the file at which it was found: of a broken header the first one of its marker, of coded data about
    /// where the decoder was.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    pub(crate) fn new(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, what: what.into(), offset: None }
    }

    pub(crate) fn broken(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Broken, what)
    }

    pub(crate) fn cut_short(what: &'static str) -> Self {
        Self::new(ErrorKind::CutShort, what)
    }

    pub(crate) fn unsupported(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, what)
    }

    /// The same error, found at byte `offset` if its place was not known.
    pub(crate) fn at(self, offset: usize) -> Self {
        Self { offset: self.offset.or(Some(offset)), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match self.kind {
            ErrorKind::Broken => write!(f, "JPEG broken: {what}"),
            ErrorKind::CutShort => write!(f, "JPEG cut short: {what}"),
            ErrorKind::Unsupported => write!(f, "JPEG of a kind that is not read: {what}"),
            ErrorKind::TooLarge => write!(f, "JPEG of {what}"),
            ErrorKind::InvalidArea | ErrorKind::OutOfMemory => write!(f, "{what}"),
        }?;
        self.offset.map_or(Ok(()), |offset| write!(f, " (byte {offset})"))
    }
}

impl std::error::Error for Error {}
