//! One error type for the whole crate: a kind that a program can match on, a context that a person can read,
//! and the underlying cause. The crates below have types of their own, so that they can be used without this one; their errors
//! become this one, nothing of them lost.
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
    /// The bytes are not an image, or one of a format that this build does not read.
    UnsupportedFormat,
    /// The photo is over a limit on encoded bytes, pixels or memory.
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
    ///
    /// ```
    /// assert_eq!(clip_vision::ErrorKind::OutOfMemory.code(), "out-of-memory");
    /// ```
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
/// ```
/// use clip_vision::{ClipVision, ErrorKind, Options};
///
/// let error = ClipVision::from_dir("no/such/folder", Options::default()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Fetch);
/// eprintln!("{error:#}"); // the context, and after colons the causes
/// ```
///
/// `Display` prints the context alone, since whoever reports errors prints the causes as well; the alternate form, `{:#}`,
/// prints the context and, after colons, the chain of causes.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    detail: Option<Box<Detail>>,
    source: Option<Source>,
}

/// What an error is about, where a program may want to know: see [`Error::detail`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Detail {
    /// The tensor's full name in the weights.
    pub tensor: Option<String>,
    /// The shape that the configuration asks for.
    pub expected_shape: Option<Vec<usize>>,
    /// The shape that was found.
    pub actual_shape: Option<Vec<usize>>,
    /// The byte of the weights' file at which reading ended.
    pub offset: Option<u64>,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The beginning of a stranger's text, which an error repeats.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Error {
    /// An error of `kind`; `context` names what was wrong and where.
    ///
    /// ```
    /// use clip_vision::{Error, ErrorKind};
    ///
    /// let cause = std::fs::read("no/such/file").unwrap_err();
    /// let error = Error::new(ErrorKind::Fetch, "cannot read the labels").with_source(cause).within("cats.toml");
    /// assert_eq!((error.kind(), error.context()), (ErrorKind::Fetch, "cats.toml: cannot read the labels"));
    /// ```
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), detail: None, source: None }
    }

    /// The same error with `source` as its cause.
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error, about the tensor of this name.
    pub(crate) fn about_tensor(mut self, name: &str) -> Self {
        self.detail_mut().tensor = Some(name.to_owned());
        self
    }

    /// The same error, about a shape that is not the expected one.
    pub(crate) fn about_shape(mut self, expected: &[usize], actual: &[usize]) -> Self {
        let detail = self.detail_mut();
        (detail.expected_shape, detail.actual_shape) = (Some(expected.to_vec()), Some(actual.to_vec()));
        self
    }

    /// The same error, at this byte of the file.
    pub(crate) fn at_offset(mut self, offset: u64) -> Self {
        self.detail_mut().offset = Some(offset);
        self
    }

    fn detail_mut(&mut self) -> &mut Detail {
        self.detail.get_or_insert_default()
    }

    /// The tensor, the shapes and the place that the error is about, as far as it is about any.
    ///
    /// ```
    /// use clip_vision::{ClipVision, Image, Options};
    ///
    /// let clip = ClipVision::from_dir("models/shapes", Options::default())?;
    /// let small = Image::from_rgb8(5, 5, vec![0; 75]).normalize_unsigned().to_pixel_tensor()?;
    /// let error = clip.start_pixels(&[&small]).unwrap_err();
    /// assert_eq!(error.detail().unwrap().actual_shape.as_deref(), Some(&[3, 5, 5][..]));
    /// # Ok::<(), clip_vision::Error>(())
    /// ```
    pub fn detail(&self) -> Option<&Detail> {
        self.detail.as_deref()
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
        Self { kind, context, detail: None, source }
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

#[cfg(feature = "candle")]
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
    fn display_prints_the_context_and_the_alternate_form_the_causes_too() {
        let io = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let error = Error::new(ErrorKind::Fetch, "cat.jpg").with_source(io).within("image 3");
        assert_eq!(error.to_string(), "image 3: cat.jpg");
        assert_eq!(format!("{error:#}"), "image 3: cat.jpg: no such file");
        assert_eq!(error.kind().code(), "fetch");
        assert!(std::error::Error::source(&error).is_some());
    }
}
