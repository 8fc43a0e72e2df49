//! The one thing that matters here in a picture's metadata: which side is up.
//!
//! As Pillow does it (`Image.getexif`, `ImageOps.exif_transpose`): tag 0x0112 of the first directory, whatever kind of
//! number it is and however many there are, else `tiff:Orientation` in XMP. A tag that is there but no number from 2 to 8
//! means upright, whatever XMP says; so does EXIF that is no TIFF. Metadata that makes no sense means upright, never an error.

use super::pixels::Orientation;

const ORIENTATION: u64 = 0x0112;

/// What a decoder found beside the pixels.
#[derive(Default)]
pub(super) struct Metadata {
    pub(super) exif: Option<Vec<u8>>,
    pub(super) xmp: Option<Vec<u8>>,
}

impl Metadata {
    /// The orientation in EXIF, else in XMP, else upright.
    pub(super) fn orientation(&self) -> Orientation {
        let in_exif = self.exif.as_deref().and_then(in_exif);
        let found = in_exif.or_else(|| self.xmp.as_deref().and_then(in_xmp));
        Orientation::from_exif(found.unwrap_or(1))
    }
}

#[cfg(feature = "avif")]
impl Metadata {
    /// The orientation where the file itself says that pictures are to be turned by `transform`: that stands over EXIF's
    /// in Pillow's plugin for AVIF, and only where neither says anything, XMP is asked.
    pub(super) fn orientation_under(&self, transform: Orientation) -> Orientation {
        let in_exif = self.exif.as_deref().and_then(in_exif);
        if transform != Orientation::Upright || in_exif.is_some() { transform } else { self.orientation() }
    }
}

/// What the orientation tag says in EXIF data, with or without `Exif\0\0` before it, once or twice. None where there is
/// no such tag, 0 where it is not a number from 1 to 8, or where the data are no TIFF.
fn in_exif(exif: &[u8]) -> Option<u32> {
    const PREFIX: &[u8] = b"Exif\0\0";
    let tiff = exif.strip_prefix(PREFIX).unwrap_or(exif);
    let tiff = tiff.strip_prefix(PREFIX).unwrap_or(tiff);
    if tiff.is_empty() {
        return None;
    }
    // The number after the byte order may be in the other one.
    let big_endian = match tiff.get(..4) {
        Some(b"II*\0" | b"II\0*" | b"II+\0") => false,
        Some(b"MM\0*" | b"MM*\0") => true,
        // Pillow gives up when it opens a JPEG without a density, and doesn't look at XMP then. (Elsewhere it raises an
        // error in `exif_transpose`.)
        _ => return Some(0),
    };
    Directory { tiff, big_endian, is_big_tiff: tiff.starts_with(b"II+\0") }.orientation()
}

/// The first directory of a TIFF file, as Pillow reads it (`ImageFileDirectory_v2.load`,
/// <https://github.com/python-pillow/Pillow/blob/main/src/PIL/TiffImagePlugin.py>).
struct Directory<'a> {
    tiff: &'a [u8],
    big_endian: bool,
    /// Are counts and offsets 8 bytes long?
    is_big_tiff: bool,
}

impl Directory<'_> {
    /// The orientation tag's first value.
    fn orientation(&self) -> Option<u32> {
        let word = if self.is_big_tiff { 8 } else { 4 };
        let start = usize::try_from(self.uint(word, word)?).ok()?;
        let count_length = if self.is_big_tiff { 8 } else { 2 };
        let entries = self.uint(start, count_length)?;
        let mut out_of_line = 0u64;
        let mut at = start.checked_add(count_length)?;
        for _ in 0..entries {
            let (tag, kind) = (self.uint(at, 2)?, self.uint(at.checked_add(2)?, 2)?);
            let count = self.uint(at.checked_add(4)?, word)?;
            let field = at.checked_add(4 + word)?;
            at = field.checked_add(word)?;
            // A directory that is cut within this entry ends before it.
            self.tiff.get(field..at)?;
            let Some(kind) = Kind::of(kind) else { continue };
            let size = count.checked_mul(kind.size())?;
            let mut value = field;
            if size > word as u64 {
                // Values that take more than the file has are left out; one that reaches over its end ends the reading.
                out_of_line = out_of_line.saturating_add(size);
                if out_of_line > self.tiff.len() as u64 {
                    continue;
                }
                value = usize::try_from(self.uint(field, word)?).ok()?;
                self.tiff.get(value..value.checked_add(usize::try_from(size).ok()?)?)?;
            }
            if tag == ORIENTATION && count > 0 {
                let number = self.number(kind, value).unwrap_or(0.0);
                return Some(if number.fract() == 0.0 && (1.0..=8.0).contains(&number) { number as u32 } else { 0 });
            }
        }
        None
    }

    /// The number at `at`; None for what is none.
    fn number(&self, kind: Kind, at: usize) -> Option<f64> {
        // Signed ones below zero are no orientation, as whatever large number.
        let uint = |at, length| self.uint(at, length).map(|value| value as f64);
        match kind {
            Kind::Bytes => None,
            Kind::Integer(length) => uint(at, length),
            Kind::Rational => Some(uint(at, 4)? / uint(at.checked_add(4)?, 4)?),
            Kind::SignedRational => {
                let signed = |at| self.uint(at, 4).map(|value| f64::from(value as u32 as i32));
                Some(signed(at)? / signed(at.checked_add(4)?)?)
            }
            Kind::Float => self.uint(at, 4).map(|bits| f64::from(f32::from_bits(bits as u32))),
            Kind::Double => self.uint(at, 8).map(f64::from_bits),
        }
    }

    /// The unsigned integer of `length` bytes at `at`.
    fn uint(&self, at: usize, length: usize) -> Option<u64> {
        let bytes = self.tiff.get(at..at.checked_add(length)?)?;
        let append = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        Some(if self.big_endian { bytes.iter().fold(0, append) } else { bytes.iter().rev().fold(0, append) })
    }
}

/// What a tag's values are. Bytes and text are never an orientation, whatever they say.
#[derive(Clone, Copy)]
enum Kind {
    Bytes,
    Integer(usize),
    Rational,
    SignedRational,
    Float,
    Double,
}

impl Kind {
    /// Of TIFF's number for it; Pillow passes over tags of every other.
    fn of(number: u64) -> Option<Self> {
        Some(match number {
            1 | 2 | 7 => Self::Bytes,
            6 => Self::Integer(1),
            3 | 8 => Self::Integer(2),
            4 | 9 | 13 => Self::Integer(4),
            16 => Self::Integer(8),
            5 => Self::Rational,
            10 => Self::SignedRational,
            11 => Self::Float,
            12 => Self::Double,
            _ => return None,
        })
    }

    /// Bytes of a value.
    fn size(self) -> u64 {
        match self {
            Self::Bytes => 1,
            Self::Integer(length) => length as u64,
            Self::Float => 4,
            Self::Rational | Self::SignedRational | Self::Double => 8,
        }
    }
}

/// The first `tiff:Orientation="6"` or `<tiff:Orientation>6` in XMP data.
fn in_xmp(xmp: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"tiff:Orientation";
    let mut rest = xmp;
    while let Some(at) = rest.windows(NAME.len()).position(|part| part == NAME) {
        rest = &rest[at + NAME.len()..];
        let value = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"));
        if let Some([digit @ b'0'..=b'9', ..]) = value {
            return Some(u32::from(digit - b'0'));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(big_endian: bool, kind: u16, value: [u8; 4]) -> Vec<u8> {
        let u16 = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let u32 = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let mut out = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        out.extend(u32(8));
        out.extend(u16(2));
        for (tag, kind, value) in [(0x10f, 3, [0; 4]), (ORIENTATION as u16, kind, value)] {
            out.extend(u16(tag));
            out.extend(u16(kind));
            out.extend(u32(1));
            out.extend(value);
        }
        out
    }

    #[test]
    fn the_tag_is_found() {
        assert_eq!(in_exif(&exif(false, 3, [6, 0, 0, 0])), Some(6));
        assert_eq!(in_exif(&exif(true, 3, [0, 8, 0, 0])), Some(8));
        assert_eq!(in_exif(&exif(true, 4, [0, 0, 0, 3])), Some(3));
        assert_eq!(in_exif(&[b"Exif\0\0".to_vec(), exif(false, 9, [5, 0, 0, 0])].concat()), Some(5));
        assert_eq!(in_exif(&exif(false, 1, [5, 9, 9, 9])), Some(0), "a byte is there, but no orientation");
    }

    #[test]
    fn nonsense_means_upright() {
        let whole = exif(true, 3, [0, 8, 0, 0]);
        for length in 0..whole.len() - 4 {
            assert!(matches!(in_exif(&whole[..length]), None | Some(0)), "{length}");
        }
        for data in [&b""[..], b"II*\0\xff\xff\xff\xff", b"GIF89a"] {
            let metadata = Metadata { exif: Some(data.to_vec()), xmp: Some(data.to_vec()) };
            assert_eq!(metadata.orientation(), Orientation::Upright);
        }
    }

    #[test]
    fn xmp_speaks_where_exif_is_silent() {
        for xmp in ["<rdf:Description tiff:Orientation=\"6\"/>", "tiff:Orientation <tiff:Orientation>6<"] {
            let xmp = Some(xmp.as_bytes().to_vec());
            assert_eq!(Metadata { exif: None, xmp: xmp.clone() }.orientation(), Orientation::Rotate90);
            let exif = Some(exif(false, 3, [3, 0, 0, 0]));
            assert_eq!(Metadata { exif, xmp }.orientation(), Orientation::Rotate180);
        }
    }
}
