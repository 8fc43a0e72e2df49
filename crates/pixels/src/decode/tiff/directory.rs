//! A TIFF file's first directory: which tags it has, and what they say.
//!
//! There are two readers of it in Pillow, who differ about what is broken. Its own
//! (`TiffImagePlugin.ImageFileDirectory_v2.load`) takes the first good entry of a tag, passes over one of an unknown type
//! or with more data than the file has bytes, and stops at one whose data the file ends before. libtiff (`tif_dirread.c`),
//! who unpacks what is compressed, takes the first entry of a tag, and goes on. Classic TIFF and BigTIFF, either byte
//! order, and the magic number in the wrong byte order.

use crate::format::Format;
use crate::{Error, ErrorKind, Result};

/// Tag numbers, by their names in the standard.
pub(super) mod tag {
    pub(in super::super) const IMAGE_WIDTH: u16 = 256;
    pub(in super::super) const IMAGE_LENGTH: u16 = 257;
    pub(in super::super) const BITS_PER_SAMPLE: u16 = 258;
    pub(in super::super) const COMPRESSION: u16 = 259;
    pub(in super::super) const PHOTOMETRIC: u16 = 262;
    pub(in super::super) const FILL_ORDER: u16 = 266;
    pub(in super::super) const STRIP_OFFSETS: u16 = 273;
    pub(in super::super) const ORIENTATION: u16 = 274;
    pub(in super::super) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(in super::super) const ROWS_PER_STRIP: u16 = 278;
    pub(in super::super) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(in super::super) const PLANAR_CONFIGURATION: u16 = 284;
    pub(in super::super) const T4_OPTIONS: u16 = 292;
    pub(in super::super) const PREDICTOR: u16 = 317;
    pub(in super::super) const COLOR_MAP: u16 = 320;
    pub(in super::super) const TILE_WIDTH: u16 = 322;
    pub(in super::super) const TILE_LENGTH: u16 = 323;
    pub(in super::super) const TILE_OFFSETS: u16 = 324;
    pub(in super::super) const TILE_BYTE_COUNTS: u16 = 325;
    pub(in super::super) const EXTRA_SAMPLES: u16 = 338;
    pub(in super::super) const SAMPLE_FORMAT: u16 = 339;
    pub(in super::super) const JPEG_TABLES: u16 = 347;
    pub(in super::super) const JPEG_STREAM: u16 = 513;
    pub(in super::super) const JPEG_STREAM_LENGTH: u16 = 514;
    pub(in super::super) const JPEG_Q_TABLES: u16 = 519;
    pub(in super::super) const JPEG_DC_TABLES: u16 = 520;
    pub(in super::super) const JPEG_AC_TABLES: u16 = 521;
    pub(in super::super) const YCBCR_COEFFICIENTS: u16 = 529;
    pub(in super::super) const YCBCR_SUBSAMPLING: u16 = 530;
    pub(in super::super) const REFERENCE_BLACK_WHITE: u16 = 532;
    pub(in super::super) const XMP: u16 = 700;
}

/// The types of an entry's values.
mod kind {
    pub(super) const BYTE: u16 = 1;
    pub(super) const ASCII: u16 = 2;
    pub(super) const SHORT: u16 = 3;
    pub(super) const LONG: u16 = 4;
    pub(super) const RATIONAL: u16 = 5;
    pub(super) const SIGNED_BYTE: u16 = 6;
    pub(super) const UNDEFINED: u16 = 7;
    pub(super) const SIGNED_SHORT: u16 = 8;
    pub(super) const SIGNED_LONG: u16 = 9;
    pub(super) const SIGNED_RATIONAL: u16 = 10;
    pub(super) const FLOAT: u16 = 11;
    pub(super) const DOUBLE: u16 = 12;
    pub(super) const DIRECTORY: u16 = 13;
    pub(super) const LONG8: u16 = 16;
}

/// Bytes of a value of type `kind`; of an unknown one `None`.
fn unit(kind: u16) -> Option<usize> {
    match kind {
        kind::BYTE | kind::ASCII | kind::SIGNED_BYTE | kind::UNDEFINED => Some(1),
        kind::SHORT | kind::SIGNED_SHORT => Some(2),
        kind::LONG | kind::SIGNED_LONG | kind::FLOAT | kind::DIRECTORY => Some(4),
        kind::RATIONAL | kind::SIGNED_RATIONAL | kind::DOUBLE | kind::LONG8 => Some(8),
        _ => None,
    }
}

/// How multi-byte numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }
}

/// One tag.
#[derive(Clone)]
struct Entry<'a> {
    tag: u16,
    kind: u16,
    /// How many values there should be.
    count: u64,
    /// What there is of them.
    data: &'a [u8],
    /// Is it one that Pillow goes by?
    seen: bool,
}

impl Entry<'_> {
    fn number(&self, index: usize, order: ByteOrder) -> Option<u64> {
        let width = unit(self.kind)?;
        let value = self.data.get(index.checked_mul(width)?..)?.get(..width)?;
        match (self.kind, value) {
            (kind::BYTE, &[value]) => Some(u64::from(value)),
            (kind::SIGNED_BYTE, &[value]) => u64::try_from(value.cast_signed()).ok(),
            (kind::SHORT, &[a, b]) => Some(u64::from(order.u16([a, b]))),
            (kind::SIGNED_SHORT, &[a, b]) => u64::try_from(order.u16([a, b]).cast_signed()).ok(),
            (kind::LONG | kind::DIRECTORY, &[a, b, c, d]) => Some(u64::from(order.u32([a, b, c, d]))),
            (kind::SIGNED_LONG, &[a, b, c, d]) => u64::try_from(order.u32([a, b, c, d]).cast_signed()).ok(),
            (kind::LONG8, value) => value.first_chunk().map(|bytes| order.u64(*bytes)),
            _ => None,
        }
    }
}

/// A picture's tags.
pub(super) struct Directory<'a> {
    /// The whole file.
    pub(super) bytes: &'a [u8],
    pub(super) order: ByteOrder,
    entries: Vec<Entry<'a>>,
    /// Bytes that the header, the directory and its tags' values take. None where that is not known.
    pub(super) overhead: Option<u64>,
    /// Is it libtiff's reading?
    by_libtiff: bool,
}

/// A walk over the file's bytes.
struct Cursor<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let found = self.bytes.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(*found)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(|bytes| self.order.u16(bytes))
    }

    /// A number as wide as the file's offsets.
    fn wide(&mut self, big: bool) -> Option<u64> {
        if big {
            self.take().map(|bytes| self.order.u64(bytes))
        } else {
            self.take().map(|bytes| u64::from(self.order.u32(bytes)))
        }
    }

    /// The next `length` bytes, which are passed.
    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let found = self.bytes.get(self.at..)?.get(..length)?;
        self.at += length;
        Some(found)
    }
}

impl<'a> Directory<'a> {
    /// The first directory of `bytes`.
    ///
    /// # Errors
    /// `Decode` where there is none.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self> {
        let order = if bytes.starts_with(b"MM") { ByteOrder::Big } else { ByteOrder::Little };
        // Pillow takes every file for classic whose third byte isn't 43; that of "MM\0+" is 0, but libtiff knows it.
        let big = bytes.get(2..4).is_some_and(|magic| magic.contains(&43));
        let mut cursor = Cursor { bytes, order, at: if big { 8 } else { 4 } };
        let start = cursor.wide(big).filter(|&start| start != 0);
        let start = start.and_then(|start| usize::try_from(start).ok()).filter(|&start| start < bytes.len());
        cursor.at = start.ok_or_else(|| broken("it has no directory"))?;
        let (header, before, each, after) = if big { (16, 8, 20, 8) } else { (8, 2, 12, 4) };
        let mut directory =
            Self { bytes, order, entries: Vec::new(), overhead: Some(header + before + after), by_libtiff: false };
        // That the walk ends early is no error.
        let _ = directory.read(&mut cursor, big, each);
        Ok(directory)
    }

    /// Reads what entries there are; `None` where that had to end early.
    fn read(&mut self, cursor: &mut Cursor<'a>, big: bool, each: u64) -> Option<()> {
        let inline = if big { 8 } else { 4 };
        let entries = if big { cursor.wide(true)? } else { u64::from(cursor.u16()?) };
        // Tags that Pillow has a good entry of.
        let mut taken = [0u64; 1024];
        let (mut total, mut stopped) = (0u64, false);
        for _ in 0..entries {
            let (tag, kind) = (cursor.u16()?, cursor.u16()?);
            let count = cursor.wide(big)?;
            let value = cursor.slice(inline)?;
            let (word, bit) = (usize::from(tag / 64), 1u64 << (tag % 64));
            let Some(width) = unit(kind) else {
                self.overhead = None;
                continue;
            };
            let size = count.saturating_mul(width as u64);
            let outside = size > inline as u64;
            let more = each.saturating_add(if outside { size } else { 0 });
            self.overhead = self.overhead.map(|sum| sum.saturating_add(more));
            let mut seen = !stopped && taken[word] & bit == 0;
            let data = if outside {
                let at = Cursor { bytes: value, order: cursor.order, at: 0 }.wide(big)?;
                let rest = usize::try_from(at).ok().and_then(|at| cursor.bytes.get(at..)).unwrap_or_default();
                if seen {
                    total = total.saturating_add(size);
                    seen = total <= cursor.bytes.len() as u64;
                    stopped = seen && (rest.len() as u64) < size;
                    seen &= !stopped;
                }
                &rest[..usize::try_from(size).unwrap_or(usize::MAX).min(rest.len())]
            } else {
                &value[..size as usize]
            };
            seen &= !data.is_empty();
            if seen {
                taken[word] |= bit;
            }
            self.entries.push(Entry { tag, kind, count, data, seen });
        }
        Some(())
    }

    /// The same as libtiff reads it.
    pub(super) fn by_libtiff(&self) -> Self {
        Self { entries: self.entries.clone(), by_libtiff: true, ..*self }
    }

    fn entry(&self, tag: u16) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.tag == tag && (entry.seen || self.by_libtiff))
    }

    pub(super) fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }

    /// Which of two tags stands later, if any is there.
    pub(super) fn later(&self, tags: [u16; 2]) -> Option<u16> {
        let place =
            |tag: u16| self.entries.iter().position(|entry| entry.tag == tag && (entry.seen || self.by_libtiff));
        tags.into_iter().filter_map(|tag| place(tag).map(|place| (place, tag))).max().map(|(_, tag)| tag)
    }

    /// How many values a tag has.
    pub(super) fn count(&self, tag: u16) -> usize {
        self.entry(tag).map_or(0, |entry| usize::try_from(entry.count).unwrap_or(usize::MAX))
    }

    /// A tag's value `index`, if it is a whole number that isn't negative.
    pub(super) fn number_at(&self, tag: u16, index: usize) -> Option<u64> {
        self.entry(tag)?.number(index, self.order)
    }

    /// A tag's first value. libtiff takes none of several.
    pub(super) fn number(&self, tag: u16) -> Option<u64> {
        if self.by_libtiff && self.count(tag) != 1 { None } else { self.number_at(tag, 0) }
    }

    /// All of a tag's values, up to `most`, and up to the first that is no such number.
    pub(super) fn numbers(&self, tag: u16, most: usize) -> Vec<u64> {
        let entry = self.entry(tag);
        let count = self.count(tag).min(most);
        entry.map_or_else(Vec::new, |entry| (0..count).map_while(|index| entry.number(index, self.order)).collect())
    }

    /// A tag's values as `N` real numbers, if it has as many or more.
    pub(super) fn reals<const N: usize>(&self, tag: u16) -> Option<[f32; N]> {
        let mut out = [0.0; N];
        for (index, value) in out.iter_mut().enumerate() {
            *value = self.real_at(tag, index)?;
        }
        Some(out)
    }

    fn real_at(&self, tag: u16, index: usize) -> Option<f32> {
        let entry = self.entry(tag)?;
        let width = unit(entry.kind)?;
        let value = entry.data.get(index.checked_mul(width)?..)?.get(..width)?;
        let half = |at: usize| Some(self.order.u32(*value.get(at..)?.first_chunk()?));
        match entry.kind {
            kind::RATIONAL => {
                let (above, below) = (half(0)?, half(4)?);
                Some(if below == 0 { 0.0 } else { above as f32 / below as f32 })
            }
            kind::SIGNED_RATIONAL => {
                let (above, below) = (half(0)?.cast_signed(), half(4)?);
                Some(if below == 0 { 0.0 } else { above as f32 / below as f32 })
            }
            kind::FLOAT => half(0).map(f32::from_bits),
            kind::DOUBLE => value.first_chunk().map(|bytes| f64::from_bits(self.order.u64(*bytes)) as f32),
            _ => self.number_at(tag, index).map(|value| value as f32),
        }
    }

    /// A tag's bytes as they are stored, if they are all there.
    pub(super) fn data(&self, tag: u16) -> Option<&'a [u8]> {
        let whole = |entry: &&Entry<'_>| {
            unit(entry.kind).is_some_and(|width| entry.count.saturating_mul(width as u64) == entry.data.len() as u64)
        };
        self.entry(tag).filter(whole).map(|entry| entry.data)
    }

    /// Does each channel have a plane of its own? Pillow does not go by a BYTE.
    pub(super) fn is_planar(&self) -> bool {
        let entry = self.entry(tag::PLANAR_CONFIGURATION);
        entry.is_some_and(|entry| entry.kind != kind::BYTE || self.by_libtiff)
            && self.number(tag::PLANAR_CONFIGURATION) == Some(2)
    }

    /// The tag that says which side is up, as EXIF data of its own that has nothing else; for whoever decides what it means.
    pub(super) fn exif(&self) -> Option<Vec<u8>> {
        const LONGEST: usize = 64;
        let entry = self.entry(tag::ORIENTATION)?;
        let width = unit(entry.kind)?;
        let data = entry.data.get(..LONGEST).unwrap_or(entry.data);
        let count = (data.len() / width) as u32;
        let big = self.order == ByteOrder::Big;
        let u16 = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let u32 = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut out = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        out.extend(u32(8));
        out.extend(u16(1));
        out.extend(u16(entry.tag));
        out.extend(u16(entry.kind));
        out.extend(u32(count));
        if data.len() <= 4 {
            out.extend(data);
            out.resize(8 + 2 + 12 + 4, 0);
        } else {
            out.extend(u32(8 + 2 + 12 + 4));
            out.extend(u32(0));
            out.extend(data);
        }
        Some(out)
    }
}

/// The error of a broken file.
pub(super) fn broken(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Decode, format!("{} broken: {what}", Format::Tiff.name()))
}
