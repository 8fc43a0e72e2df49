//! Strips and tiles unpacked, whatever they are packed with.

use super::directory::{Directory, broken, tag};
use super::fax::{Coding, Fax};
use super::kind::{Kind, unsupported};
use super::lzw::Lzw;
use super::{lzma, packbits, zstd};
use crate::Result;
use crate::inflate::Inflate;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Fax(Coding),
    Lzw,
    OldJpeg,
    Jpeg,
    Deflate,
    PackBits,
    Lzma,
    Zstd,
    WebP,
}

impl Compression {
    /// That of `directory`.
    ///
    /// # Errors
    /// `UnsupportedFormat` for one that is not read.
    pub(super) fn of(directory: &Directory<'_>, by_libtiff: &Directory<'_>) -> Result<Self> {
        let options = by_libtiff.number(tag::T4_OPTIONS).and_then(|options| u32::try_from(options).ok());
        let two_dimensional = options.is_some_and(|options| options & 1 == 1);
        let name = match directory.number(tag::COMPRESSION).unwrap_or(1) {
            1 => return Ok(Self::None),
            2 => return Ok(Self::Fax(Coding::Bytes)),
            3 => return Ok(Self::Fax(Coding::Group3 { two_dimensional })),
            4 => return Ok(Self::Fax(Coding::Group4)),
            5 => return Ok(Self::Lzw),
            6 => return Ok(Self::OldJpeg),
            7 => return Ok(Self::Jpeg),
            8 | 32946 => return Ok(Self::Deflate),
            32771 => return Ok(Self::Fax(Coding::Words)),
            32773 => return Ok(Self::PackBits),
            34925 => return Ok(Self::Lzma),
            50000 => return Ok(Self::Zstd),
            50001 => return Ok(Self::WebP),
            32809 => "ThunderScan",
            34676 | 34677 => "SGI Log",
            50002 => "JPEG XL",
            34712 => "JPEG 2000",
            other => return Err(unsupported(format_args!("compression {other}"))),
        };
        Err(unsupported(format_args!("{name} compression")))
    }

    /// Can differences between samples be stored?
    pub(super) fn has_predictor(self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Lzma | Self::Zstd)
    }

    /// Work that a strip or tile takes, however small, in bytes. A sound file can always pay for it: sixteen times its bytes
    /// are more, for a strip or tile has ten at the least, and six where it is listed.
    pub(super) fn least_work(self) -> usize {
        match self {
            // It takes tens of microseconds, and has more bytes, but for a small blank tile.
            Self::WebP => 1024,
            Self::Jpeg | Self::OldJpeg | Self::Lzma | Self::Zstd | Self::Deflate => 256,
            _ => 64,
        }
    }
}

/// What unpacks strips and tiles one after the other.
pub(super) enum Codec {
    Fax(Box<Fax>),
    Lzw(Lzw),
    Deflate(Box<Inflate>),
    PackBits,
    Lzma,
    Zstd,
}

/// What was read, in bytes, with other work that was done counted in; and what was wrong.
pub(super) struct Unpacked {
    pub(super) read: usize,
    pub(super) result: Result<()>,
}

impl Codec {
    /// For chunks of `width` pixels a row.
    ///
    /// # Errors
    /// `UnsupportedFormat` for what is not read, `Decode` for rows that are too wide, `OutOfMemory`.
    pub(super) fn new(compression: Compression, kind: Kind, width: usize) -> Result<Self> {
        Ok(match compression {
            Compression::Fax(coding) => {
                if kind.bits != 1 || kind.samples != 1 {
                    return Err(unsupported("fax coding of more than one bit a pixel"));
                }
                Self::Fax(Box::new(Fax::new(coding, width)?))
            }
            Compression::Lzw => Self::Lzw(Lzw::new()),
            Compression::Deflate => Self::Deflate(Box::new(Inflate::new())),
            Compression::PackBits => Self::PackBits,
            Compression::Lzma => Self::Lzma,
            Compression::Zstd => Self::Zstd,
            other => return Err(unsupported(format_args!("{other:?} compression"))),
        })
    }

    /// Does it read bytes whose bits are stored from the lowest to the highest? For the others they are turned round before.
    pub(super) fn reads_reversed(&self) -> bool {
        matches!(self, Self::Fax(_))
    }

    /// Fills `out` from `input`, whose first byte is byte `start` of the file. What is missing is zero, but for fax, where
    /// it stays as it was.
    pub(super) fn unpack(&mut self, input: &[u8], start: usize, reversed: bool, out: &mut [u8]) -> Unpacked {
        let short = |(read, complete): (usize, bool), what: &str| Unpacked {
            read,
            result: if complete { Ok(()) } else { Err(broken(format_args!("its {what} data end early"))) },
        };
        match self {
            Self::Fax(fax) => short(fax.decode(input, start, reversed, out), "fax"),
            Self::Lzw(lzw) => {
                let (read, result) = lzw.decode(input, out);
                Unpacked { read, result: result.map_err(|stopped| broken(stopped.0)) }
            }
            Self::Deflate(stream) => inflate(stream, input, out),
            Self::PackBits => short(packbits::decode(input, out), "PackBits"),
            Self::Lzma => short(lzma::decode(input, out), "LZMA"),
            Self::Zstd => short(zstd::decode(input, out), "Zstandard"),
        }
    }
}

/// Like libtiff, stops where `out` is full, whether the data end there or not; if they do, their checksum counts, should there
/// be one.
fn inflate(inflate: &mut Inflate, mut input: &[u8], out: &mut [u8]) -> Unpacked {
    let length = input.len();
    inflate.restart();
    let (made, result) = match inflate.read(&mut input, out, 0) {
        Ok(made) if made == out.len() => (made, Ok(())),
        Ok(made) => (made, Err(broken("its deflate data end early"))),
        Err(what) => (inflate.reached(), Err(broken(format_args!("its deflate data: {what}")))),
    };
    out[made..].fill(0);
    Unpacked { read: length - input.len(), result }
}
