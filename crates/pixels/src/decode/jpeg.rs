//! JPEG, by the decoder in the crate [`jpeg`](::jpeg).

use super::{check_memory, check_pixels};
use crate::exif::Metadata;
use crate::limits::Limits;
use crate::pixels::{Area, Header, Layout, Orientation, Rows};
use crate::{Error, ErrorKind, Result};
use ::jpeg::{Decoder, Scale};

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
        let orientation = Metadata { exif: decoder.take_exif(), xmp: decoder.take_xmp() }.orientation();
        let jpeg = Self { decoder, orientation, scale: Scale::Full };
        check_memory((width, height), jpeg.memory(), limits)?;
        Ok(jpeg)
    }

    pub(super) fn header(&self) -> Header {
        let (width, height) = self.decoder.size(self.scale);
        Header { width, height, layout: layout_of(&self.decoder), orientation: self.orientation }
    }

    /// Decodes at the smallest scale at which the stored picture is at least `width`x`height`.
    pub(super) fn reduce_to(&mut self, (width, height): (usize, usize)) {
        self.scale = self.decoder.scale_for(width, height);
    }

    pub(super) fn memory(&self) -> u64 {
        self.decoder.memory(self.scale)
    }

    pub(super) fn read(self, area: Area, mut sink: impl FnMut(Rows<'_>) -> Result<()>) -> Result<()> {
        let stride = area.columns.len() * self.decoder.channels();
        self.decoder.decode(self.scale, area, |bytes| sink(Rows { bytes, stride, count: bytes.len() / stride }))
    }
}

/// What the decoder's rows are made of.
pub(super) fn layout_of(decoder: &Decoder<'_>) -> Layout {
    if decoder.channels() == 1 { Layout::Gray } else { Layout::Rgb }
}
