//! JPEG, by the decoder in the crate [`jpeg`](::jpeg).

use super::{check_memory, check_pixels};
use crate::exif::Metadata;
use crate::limits::Limits;
use crate::pixels::{Area, Header, Layout, Orientation, RowSink, Rows, Scale};
use crate::{Error, ErrorKind, Result};
use ::jpeg::Decoder;

/// A JPEG whose headers have been read.
pub(crate) struct Jpeg<'a> {
    decoder: Box<Decoder<'a>>,
    orientation: Orientation,
}

impl<'a> Jpeg<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        let mut decoder = Box::new(Decoder::new(bytes)?);
        let (width, height) = decoder.size(Scale::Full);
        check_pixels(width as u64, height as u64, limits)?;
        // What is said to be there is not.
        if decoder.least_bytes() > bytes.len() as u64 {
            let context = format!("JPEG broken: {width}x{height} pixels in {} bytes", bytes.len());
            return Err(Error::new(ErrorKind::Decode, context));
        }
        let orientation = Metadata { exif: decoder.take_exif(), xmp: decoder.take_xmp() }.orientation();
        let jpeg = Self { decoder, orientation };
        check_memory((width, height), jpeg.memory(Scale::Full), limits)?;
        Ok(jpeg)
    }

    pub(super) fn header(&self, scale: Scale) -> Header {
        let (width, height) = self.decoder.size(scale);
        Header { width, height, layout: layout_of(&self.decoder), orientation: self.orientation }
    }

    pub(super) fn memory(&self, scale: Scale) -> u64 {
        self.decoder.memory(scale)
    }

    /// The smallest scale at which the upright picture is at least `width`x`height`.
    pub(super) fn scale_for(&self, width: usize, height: usize) -> Scale {
        let (width, height) = if self.orientation.swaps() { (height, width) } else { (width, height) };
        self.decoder.scale_for(width, height)
    }

    pub(super) fn read(self, scale: Scale, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
        let stride = area.columns.len() * self.decoder.channels();
        self.decoder.decode(scale, area, |bytes| sink(Rows { bytes, stride, count: bytes.len() / stride }))
    }
}

/// What the decoder's rows are made of.
pub(super) fn layout_of(decoder: &Decoder<'_>) -> Layout {
    if decoder.channels() == 1 { Layout::Gray } else { Layout::Rgb }
}
