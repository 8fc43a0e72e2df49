//! JPEG, by this crate's own decoder: see [`crate::image::jpeg`]. And the size of a JPEG inside something else.

use super::{check_memory, check_pixels};
use crate::image::jpeg::{Decoder, Scale};
use crate::image::limits::Limits;
use crate::image::pixels::{Area, Header, Orientation, Rows};
use crate::{Error, ErrorKind, Result};

/// A JPEG whose headers have been read.
pub(crate) struct Jpeg<'a> {
    decoder: Box<Decoder<'a>>,
    orientation: Orientation,
    scale: Scale,
}

impl<'a> Jpeg<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        let mut decoder = Box::new(Decoder::new(bytes)?);
        let (width, height) = decoder.size(Scale::Full);
        check_pixels(width as u64, height as u64, limits)?;
        // Not even one bit for each block of 8x8 pixels: what is said to be there is not.
        if width.div_ceil(8) * height.div_ceil(8) / 8 > bytes.len() {
            let context = format!("JPEG broken: {width}x{height} pixels in {} bytes", bytes.len());
            return Err(Error::new(ErrorKind::Decode, context));
        }
        let orientation = decoder.take_metadata().orientation();
        let jpeg = Self { decoder, orientation, scale: Scale::Full };
        check_memory((width, height), jpeg.memory(), limits)?;
        Ok(jpeg)
    }

    pub(super) fn header(&self) -> Header {
        let (width, height) = self.decoder.size(self.scale);
        Header { width, height, layout: self.decoder.layout(), orientation: self.orientation }
    }

    /// Decodes at the smallest scale at which the stored picture is at least `width`x`height`.
    pub(super) fn reduce_to(&mut self, (width, height): (usize, usize)) {
        self.scale = self.decoder.scale_for(width, height);
    }

    pub(super) fn memory(&self) -> u64 {
        self.decoder.memory(self.scale)
    }

    pub(super) fn read(self, area: Area, mut sink: impl FnMut(Rows<'_>) -> Result<()>) -> Result<()> {
        let stride = area.across.len() * self.decoder.layout().channels();
        self.decoder.decode(self.scale, area, |bytes| sink(Rows { bytes, stride, count: bytes.len() / stride }))
    }
}

/// Width and height in the first frame header.
pub(super) fn size(bytes: &[u8]) -> Option<(usize, usize)> {
    let (_, header) = segments(bytes).find(|&(marker, _)| {
        // Start of frame, in all its kinds; three numbers in between mean other things.
        matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
    })?;
    let &[_, height_high, height_low, width_high, width_low, ..] = header else { return None };
    let number = |high, low| usize::from(u16::from_be_bytes([high, low]));
    Some((number(width_high, width_low), number(height_high, height_low)))
}

/// The markers and the data of their segments, which are walked over by their lengths: what a thumbnail in one of
/// them says does not count. Markers inside a scan are part of it.
fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    const START_OF_SCAN: u8 = 0xda;
    const END: u8 = 0xd9;
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut in_scan = false;
    std::iter::from_fn(move || {
        loop {
            let at = rest.iter().position(|&byte| byte == 0xff)?;
            let (&marker, after) = rest.get(at + 1..)?.split_first()?;
            match marker {
                // Filling: the next byte may be the marker.
                0xff => rest = &rest[at + 1..],
                // A pixel's 0xff, and markers that stand alone.
                0x00 | 0x01 | 0xd0..=0xd8 => rest = after,
                _ if in_scan && marker < 0xc0 => rest = after,
                END => {
                    rest = after;
                    return Some((marker, &after[..0]));
                }
                _ => {
                    let length = after.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)))?;
                    let data = after.get(2..length.max(2))?;
                    rest = after.get(length.max(2)..)?;
                    in_scan = marker == START_OF_SCAN;
                    return Some((marker, data));
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_told_from_a_thumbnails() {
        let thumbnail = b"\xff\xe1\x00\x0b\xff\xc0\x00\x08\x08\x00\x01\x00\x01";
        let header = b"\xff\xc2\x00\x08\x08\x01\x02\x03\x04\x01";
        assert_eq!(size(&[b"\xff\xd8", thumbnail.as_slice(), header].concat()), Some((0x304, 0x102)));
        assert_eq!(size(&[b"\xff\xd8", thumbnail.as_slice()].concat()), None);
    }
}
