//! What a file is, told by its first bytes and never by its name.

/// A file format that the first bytes give away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Jpeg,
    Png,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Ico,
    Cur,
    /// Read where the feature is on.
    Avif,
    Heic,
    JpegXl,
    /// A format that this crate knows by sight but does not read, by its name.
    Foreign(&'static str),
    /// Nothing known.
    Unknown,
}

impl Format {
    /// The format's name, as it is written in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Ico => "ICO",
            Self::Cur => "CUR",
            Self::Avif => "AVIF",
            Self::Heic => "HEIC",
            Self::JpegXl => "JPEG XL",
            Self::Foreign(name) => name,
            Self::Unknown => "unknown",
        }
    }

    /// The format of `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let starts = |magic: &[u8]| bytes.starts_with(magic);
        let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
        if starts(b"\xff\xd8\xff") {
            Self::Jpeg
        } else if starts(b"\x89PNG\r\n\x1a\n") {
            Self::Png
        } else if starts(b"GIF87a") || starts(b"GIF89a") {
            Self::Gif
        } else if starts(b"RIFF") && at(8, b"WEBP") {
            Self::WebP
        } else if [b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"].iter().any(|magic| starts(*magic)) {
            Self::Tiff
        } else if at(4, b"ftyp") {
            Self::of_iso_media(bytes)
        } else if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL \r\n\x87\n") {
            Self::JpegXl
        } else if starts(b"\0\0\0\x0cjP  \r\n\x87\n") || starts(b"\xff\x4f\xff\x51") {
            Self::Foreign("JPEG 2000")
        } else if starts(b"8BPS") {
            Self::Foreign("Photoshop")
        } else if starts(b"\0\0\x01\0") {
            Self::Ico
        } else if starts(b"\0\0\x02\0\0\0") {
            // A cursor's begins like this if there are no pictures in it.
            Self::Foreign("TGA")
        } else if starts(b"\0\0\x02\0") {
            Self::Cur
        } else if starts(b"qoif") {
            Self::Foreign("QOI")
        } else if starts(b"%PDF") {
            Self::Foreign("PDF")
        } else if starts(b"PK\x03\x04") {
            Self::Foreign("ZIP")
        } else if starts(b"\x1f\x8b") {
            Self::Foreign("gzip")
        } else if starts(b"BM") || Self::is_bitmap_header(bytes) {
            Self::Bmp
        } else {
            Self::of_text(bytes)
        }
    }

    /// A BMP without the header of a file begins with the length of a bitmap's (Pillow's `DibImageFile`).
    fn is_bitmap_header(bytes: &[u8]) -> bool {
        matches!(bytes, [12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..])
    }

    /// ISO base media (`ftyp`): AVIF and HEIC pictures, or a film.
    fn of_iso_media(bytes: &[u8]) -> Self {
        let length = bytes.get(..4).and_then(|size| size.try_into().ok()).map_or(0, u32::from_be_bytes) as usize;
        let brands = bytes.get(8..length.clamp(8, bytes.len().min(256)).max(8)).unwrap_or_default();
        let names = |wanted: &[&[u8; 4]]| brands.chunks(4).any(|brand| wanted.iter().any(|want| brand == *want));
        if names(&[b"avif", b"avis"]) {
            Self::Avif
        } else if names(&[b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"]) {
            Self::Heic
        } else {
            Self::Foreign("MP4 (a film)")
        }
    }

    fn of_text(bytes: &[u8]) -> Self {
        const LOOKED_AT: usize = 1024;
        let start = bytes.get(..LOOKED_AT).unwrap_or(bytes);
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start().to_ascii_lowercase();
        let contains = |word: &[u8]| start.windows(word.len()).any(|part| part == word);
        if !start.starts_with(b"<") {
            if start.starts_with(b"version https://git-lfs") { Self::Foreign("Git LFS pointer") } else { Self::Unknown }
        } else if contains(b"<svg") {
            Self::Foreign("SVG")
        } else if contains(b"<html") || start.starts_with(b"<!doctype html") {
            Self::Foreign("HTML")
        } else {
            Self::Foreign("XML")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_content() {
        let cases: [(&[u8], &str); 25] = [
            (b"\xff\xd8\xff\xe0", "JPEG"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"GIF89a", "GIF"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
            (b"RIFF\x10\0\0\0WAVE", "unknown"),
            (b"BM\x10\0", "BMP"),
            (b"\x28\0\0\0\x07\0\0\0", "BMP"),
            (b"\0\0\x01\0\x02\0", "ICO"),
            (b"\0\0\x02\0\x01\0", "CUR"),
            (b"\0\0\x02\0\0\0\0\0", "TGA"),
            (b"II*\0", "TIFF"),
            (b"MM\0*", "TIFF"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0avifmiaf", "AVIF"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
            (b"\0\0\0\x18ftypisom\0\0\0\0", "MP4 (a film)"),
            (b"\xff\x0a\0", "JPEG XL"),
            (b"%PDF-1.7", "PDF"),
            (b"<?xml version=\"1.0\"?>\n<svg xmlns", "SVG"),
            (b"\xef\xbb\xbf \n<!DOCTYPE HTML>", "HTML"),
            (b"<rss>", "XML"),
            (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
            (b"hello", "unknown"),
            (b"\0\0\0\x01ftyp", "MP4 (a film)"),
            (b"", "unknown"),
        ];
        for (bytes, name) in cases {
            assert_eq!(Format::of(bytes).name(), name, "{}", bytes.escape_ascii());
        }
    }
}
