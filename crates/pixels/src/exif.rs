//! The one thing that matters here in a picture's metadata: which side is up.
//!
//! As Pillow does it (`Image.getexif`, `ImageOps.exif_transpose`): tag 0x0112 of the first directory, else
//! `tiff:Orientation` in XMP. Metadata that makes no sense means upright, never an error.

use super::pixels::Orientation;

const ORIENTATION: u16 = 0x0112;

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

/// The value of the orientation tag in EXIF data, with or without `Exif\0\0` before it.
fn in_exif(exif: &[u8]) -> Option<u32> {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let big_endian = match tiff.get(..4)? {
        b"II*\0" => false,
        b"MM\0*" => true,
        _ => return None,
    };
    let u16_at = |offset: usize| -> Option<u16> {
        let bytes = tiff.get(offset..offset.checked_add(2)?)?.try_into().ok()?;
        Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let u32_at = |offset: usize| -> Option<u32> {
        let bytes = tiff.get(offset..offset.checked_add(4)?)?.try_into().ok()?;
        Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let directory = u32_at(4)? as usize;
    let entries = usize::from(u16_at(directory)?);
    for entry in 0..entries {
        let at = directory.checked_add(2 + entry * 12)?;
        if u16_at(at)? != ORIENTATION {
            continue;
        }
        let (kind, count) = (u16_at(at + 2)?, u32_at(at + 4)?);
        return match (kind, count) {
            (1, 1) => tiff.get(at + 8).map(|&byte| u32::from(byte)),
            (3, 1) => u16_at(at + 8).map(u32::from),
            (4, 1) => u32_at(at + 8),
            _ => None,
        };
    }
    None
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
        for (tag, kind, value) in [(0x10f, 3, [0; 4]), (ORIENTATION, kind, value)] {
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
        assert_eq!(in_exif(&[b"Exif\0\0".to_vec(), exif(false, 1, [5, 9, 9, 9])].concat()), Some(5));
    }

    #[test]
    fn nonsense_means_upright() {
        let whole = exif(true, 3, [0, 8, 0, 0]);
        for length in 0..whole.len() - 4 {
            assert_eq!(in_exif(&whole[..length]), None);
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
