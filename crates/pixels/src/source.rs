//! Where a picture comes from, down to its encoded bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::limits::Limits;
use super::pixels::Pixels;
use super::url_access::UrlAccess;
use crate::{Error, ErrorKind, Result};

#[cfg(feature = "http")]
mod http;

/// What an image is made from. Cloning shares the bytes.
#[derive(Clone)]
pub(crate) enum Source {
    Path(PathBuf),
    Bytes(Arc<Vec<u8>>),
    Base64(Arc<str>),
    Url(Arc<str>),
    /// Raw pixels that turned out not to be pixels; the error is told when the image is used.
    Invalid(Arc<str>),
    Pixels(Arc<Pixels>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "Path({})", path.display()),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Base64(text) => write!(f, "Base64({} characters)", text.len()),
            Self::Url(url) => write!(f, "Url({})", shortened(url)),
            Self::Invalid(why) => write!(f, "Invalid({why})"),
            Self::Pixels(pixels) => {
                let (width, height) = pixels.header().upright_size();
                write!(f, "Pixels({width}x{height})")
            }
        }
    }
}

/// Base64 as it is met in the wild: padded or not, and with bits left over at the end.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// The encoded bytes behind `path`, at most `limits.max_bytes` of them.
pub(crate) fn read_path(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::new(ErrorKind::Fetch, path.display().to_string()).with_source(error);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::Fetch, format!("{} is a directory, not a picture", path.display())));
    }
    check_bytes(metadata.len(), limits).map_err(|error| error.within(path.display()))?;
    read_within(file, metadata.len(), limits).map_err(|error| error.within(path.display()))
}

/// The same of a regular file: opening another may wait forever, and reading it change something.
fn read_regular(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::new(ErrorKind::Fetch, path.display().to_string()).with_source(error);
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::new(ErrorKind::Fetch, format!("{} is not a regular file", path.display())));
    }
    read_path(path, limits)
}

/// All of `reader`, at most `limits.max_bytes`; `expected` bytes are made space for.
fn read_within(reader: impl Read, expected: u64, limits: &Limits) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve(usize::try_from(expected.min(limits.max_bytes)).unwrap_or(usize::MAX)).map_err(|error| {
        Error::new(ErrorKind::OutOfMemory, format!("no memory for {expected} bytes")).with_source(error)
    })?;
    reader
        .take(limits.max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Fetch, "reading failed").with_source(error))?;
    check_bytes(bytes.len() as u64, limits)?;
    Ok(bytes)
}

/// An error where `bytes` encoded bytes are over the limit.
pub(crate) fn check_bytes(bytes: u64, limits: &Limits) -> Result<()> {
    if bytes <= limits.max_bytes {
        return Ok(());
    }
    let context = format!("{bytes} encoded bytes are over the limit of {}", limits.max_bytes);
    Err(Error::new(ErrorKind::TooLarge, context))
}

/// The encoded bytes of base64 `text`: bare or a data URL, of either alphabet, with or without padding and white
/// space.
pub(crate) fn read_base64(text: &str, limits: &Limits) -> Result<Vec<u8>> {
    let text = text.trim_start();
    if is_scheme(text, "data:") { read_data_url(text, limits) } else { decode_base64(text, limits) }
}

fn decode_base64(text: &str, limits: &Limits) -> Result<Vec<u8>> {
    check_bytes(text.len() as u64 / 4 * 3, limits)?;
    let mut clean = Vec::new();
    clean
        .try_reserve_exact(text.len())
        .map_err(|error| Error::new(ErrorKind::OutOfMemory, "no memory for base64 text").with_source(error))?;
    clean.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }));
    STANDARD.decode(clean).map_err(|error| Error::new(ErrorKind::Decode, "no valid base64").with_source(error))
}

/// A data URL (RFC 2397): base64 or percent-encoded.
fn read_data_url(url: &str, limits: &Limits) -> Result<Vec<u8>> {
    let Some((header, data)) = url.split_once(',') else {
        return Err(Error::new(ErrorKind::Decode, "a data URL without a comma"));
    };
    let data = data.split_once('#').map_or(data, |(data, _)| data);
    let data = percent_decoded(data);
    let base64 = header.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
    if !base64 {
        check_bytes(data.len() as u64, limits)?;
        return Ok(data.into_owned());
    }
    match std::str::from_utf8(&data) {
        Ok(text) => decode_base64(text, limits),
        Err(error) => Err(Error::new(ErrorKind::Decode, "no valid base64").with_source(error)),
    }
}

/// The encoded bytes behind a data:, file: or, with feature `http`, http(s): URL, as far as `access` allows it.
pub(crate) fn read_url(url: &str, limits: &Limits, access: &UrlAccess) -> Result<Vec<u8>> {
    let url = url.trim();
    if is_scheme(url, "data:") {
        read_data_url(url, limits)
    } else if is_scheme(url, "file:") {
        if !access.file {
            let context = format!("{}: file: URLs are read only where UrlAccess::file allows it", shortened(url));
            return Err(Error::new(ErrorKind::Fetch, context));
        }
        read_regular(&file_path(url)?, limits)
    } else if is_scheme(url, "http:") || is_scheme(url, "https:") {
        #[cfg(feature = "http")]
        return http::read(url, limits, access);
        #[cfg(not(feature = "http"))]
        read_http(url)
    } else {
        let context = format!("{} is no data:, file:, http: or https: URL", shortened(url));
        Err(Error::new(ErrorKind::InvalidArgument, context))
    }
}

fn is_scheme(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// The path that a file: URL names (RFC 8089): `file:///a/b`, `file://localhost/a/b` or `file:/a/b`.
fn file_path(url: &str) -> Result<PathBuf> {
    let rest = &url["file:".len()..];
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = match rest.strip_prefix("//") {
        Some(after) => {
            let (host, path) = after.split_at(after.find('/').unwrap_or(after.len()));
            if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
                let context = format!("{} names another host's file", shortened(url));
                return Err(Error::new(ErrorKind::InvalidArgument, context));
            }
            path
        }
        None => rest,
    };
    if path.is_empty() {
        return Err(Error::new(ErrorKind::InvalidArgument, format!("{} names no file", shortened(url))));
    }
    native_path(percent_decoded(path).into_owned(), url)
}

#[cfg(unix)]
fn native_path(path: Vec<u8>, _url: &str) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::OsString::from_vec(path).into())
}

#[cfg(not(unix))]
fn native_path(path: Vec<u8>, url: &str) -> Result<PathBuf> {
    let path = String::from_utf8(path).map_err(|error| {
        Error::new(ErrorKind::InvalidArgument, format!("{} names a file that is not UTF-8", shortened(url)))
            .with_source(error)
    })?;
    // `/C:/pictures` is a drive's path with a slash before it.
    let drive = path.as_bytes().get(2) == Some(&b':') && path.starts_with('/');
    Ok(if drive { path[1..].into() } else { path.into() })
}

/// `text` with every `%xx` replaced by the byte; a percent sign that starts no escape stays.
fn percent_decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = |digit: u8| (digit as char).to_digit(16);
        match (byte, after) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push((hex(*high).unwrap_or_default() * 16 + hex(*low).unwrap_or_default()) as u8);
                rest = after;
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    Cow::Owned(bytes)
}

#[cfg(not(feature = "http"))]
fn read_http(url: &str) -> Result<Vec<u8>> {
    let context = format!("{}: http(s) URLs need the crate's feature `http`", shortened(url));
    Err(Error::new(ErrorKind::Fetch, context))
}

/// An address as it is fit for a message: without what may be secret in it, a name with its password and the query, and
/// without the data of a data: URL.
pub(crate) fn shortened(url: &str) -> String {
    const MOST: usize = 120;
    let url = url.trim();
    let (before, rest) = around_credentials(url);
    let end = if is_scheme(url, "data:") { rest.find(',').map(|comma| comma + 1) } else { rest.find(['?', '#']) };
    let mut cut = end.is_some();
    let mut text = format!("{before}{}", &rest[..end.unwrap_or(rest.len())]);
    if let Some((end, _)) = text.char_indices().nth(MOST) {
        text.truncate(end);
        cut = true;
    }
    if cut { text + "…" } else { text }
}

/// What stands before a name and its password, and what stands behind: the host, mostly.
fn around_credentials(url: &str) -> (&str, &str) {
    let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let colon = url.find(':').filter(|&colon| url[..colon].bytes().all(is_of_scheme));
    let (scheme, behind) = url.split_at(colon.map_or(0, |colon| colon + 1));
    // Browsers take any slashes for the two.
    let rest = behind.trim_start_matches(['/', '\\', '\t', '\r', '\n']);
    let slashes = behind.len() - rest.len();
    let is_network = ["http:", "https:"].iter().any(|network| scheme.eq_ignore_ascii_case(network));
    if scheme.eq_ignore_ascii_case("file:") || !is_network && slashes < 2 {
        return ("", url);
    }
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host = &authority[authority.rfind('@').map_or(0, |at| at + 1)..];
    // What has no port after the colon was a name, and a password follows that has a sign in it which ends a host.
    let port = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map_or("0", |(_, port)| port);
    let is_host = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let secret = if is_host { authority.rfind('@') } else { rest.rfind('@') }.map_or(0, |at| at + 1);
    (&url[..scheme.len() + slashes], &rest[secret..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_every_form() {
        let bytes: Vec<u8> = vec![0xfb, 0xff, 0xbf, 0x00];
        let forms = [
            "+/+/AA==",
            "+/+/AA",
            "-_-_AA==",
            "-_-_AA",
            " +/+/\r\nAA= =\n",
            "data:image/png;base64,+/+/AA==",
            "DATA:;base64,-_-_AA",
            "data:image/png;name=a.png;base64,%2B%2F%2B/AA%3D%3D",
            "data:,%fb%ff%bf%00",
        ];
        for form in forms {
            assert_eq!(read_base64(form, &Limits::default()).unwrap(), bytes, "{form}");
        }
        for broken in ["+/+/A", "+/+*AA==", "data:image/png;base64", "data:;base64,%ff%fe"] {
            assert_eq!(read_base64(broken, &Limits::default()).unwrap_err().kind(), ErrorKind::Decode, "{broken}");
        }
    }

    #[test]
    fn file_urls_name_paths() {
        let cases = [
            ("file:///a/b%20c.png", "/a/b c.png"),
            ("FILE://localhost/a", "/a"),
            ("file:/a/100%.png", "/a/100%.png"),
            ("file:///a?b#c", "/a"),
        ];
        for (url, path) in cases {
            assert_eq!(file_path(url).unwrap(), PathBuf::from(path), "{url}");
        }
        for url in ["file://elsewhere/a", "file:", "file://"] {
            assert_eq!(file_path(url).unwrap_err().kind(), ErrorKind::InvalidArgument, "{url}");
        }
    }

    #[test]
    fn addresses_in_messages_keep_their_secrets() {
        let cases = [
            ("https://a.example/b.jpg", "https://a.example/b.jpg"),
            (" https://a.example/b.jpg?token=secret#c", "https://a.example/b.jpg…"),
            ("https://user:secret@a.example:8/b", "https://a.example:8/b"),
            ("https://user:se/cret@a.example/b", "https://a.example/b"),
            ("https://user:/secret@a.example/b", "https://a.example/b"),
            ("https://us@er:se/cret@a.example/b", "https://a.example/b"),
            ("https:/user:secret@a.example/b", "https:/a.example/b"),
            ("https:\\\\user:secret@a.example\\b", "https:\\\\a.example\\b"),
            ("https:/\t/user:secret@a.example", "https:/\t/a.example"),
            ("http:/user:secret@a.example//b", "http:/a.example//b"),
            ("https:user:secret@a.example", "https:a.example"),
            ("https://a.example:8/@b/c@2.jpg", "https://a.example:8/@b/c@2.jpg"),
            ("https://[::1]/@b", "https://[::1]/@b"),
            ("https://user:secret@[::1]:8/@b", "https://[::1]:8/@b"),
            ("https://user:se?cret@a.example/b", "https://a.example/b"),
            ("https://user:se#cret@a.example:8/b?c", "https://a.example:8/b…"),
            ("//secret@a?b", "//a…"),
            ("picture@2x.jpg", "picture@2x.jpg"),
            ("file:///home/a@b/c", "file:///home/a@b/c"),
            ("data:image/png;base64,c2VjcmV0", "data:image/png;base64,…"),
            ("picture.jpg", "picture.jpg"),
        ];
        for (url, shown) in cases {
            assert_eq!(shortened(url), shown);
        }
        assert_eq!(shortened(&"ä".repeat(200)), "ä".repeat(120) + "…");
    }

    #[test]
    fn files_are_read_where_that_is_allowed() {
        let read = |path: &str, access: &UrlAccess| read_url(&format!("file://{path}"), &Limits::default(), access);
        let (default, files) = (UrlAccess::default(), UrlAccess::default().file(true));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(read(path, &files).is_ok());
        let error = read(path, &default).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fetch);
        assert!(error.context().ends_with("UrlAccess::file allows it"), "{error}");
        let devices: &[&str] = if cfg!(unix) { &["/dev/zero", "/dev/null"] } else { &[] };
        for path in [&[env!("CARGO_MANIFEST_DIR")], devices].concat() {
            let error = read(path, &files).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Fetch);
            assert!(error.context().ends_with("is not a regular file"), "{error}");
        }
    }

    #[test]
    fn limits_hold_for_every_source() {
        let limits = Limits { max_bytes: 3, ..Limits::default() };
        let too_large = |result: Result<Vec<u8>>| assert_eq!(result.unwrap_err().kind(), ErrorKind::TooLarge);
        too_large(read_base64("AAAAAAAA", &limits));
        too_large(read_base64("data:,abcd", &limits));
        too_large(read_path(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")), &limits));
        too_large(read_within(std::io::repeat(0), 0, &limits));
    }
}
