//! WebP, by the decoder in the crate [`webp`](::webp).

use super::{check_memory, check_pixels};
use crate::exif::Metadata;
use crate::limits::Limits;
use crate::pixels::{Area, Header, Layout, Orientation, RowSink, Rows};
use crate::{Error, Result};
use ::webp::Decoder;

/// The most that the tables of a lossless picture's codes may take. Encoders keep them to a few megabytes.
const MOST_TABLES: u64 = 64 << 20;

/// A WebP whose headers have been read.
pub(crate) struct WebP<'a> {
    decoder: Box<Decoder<'a>>,
    orientation: Orientation,
}

impl<'a> WebP<'a> {
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        let decoder = Decoder::new(bytes)?;
        let (width, height) = decoder.size();
        check_pixels(width as u64, height as u64, limits)?;
        check_memory((width, height), decoder.memory(), limits)?;
        // How much the tables take is known only when they are read.
        let left = limits.max_alloc.saturating_sub(decoder.memory());
        // What has no bytes is not there, in Pillow.
        let metadata = |data: Option<&[u8]>| data.filter(|data| !data.is_empty()).map(<[u8]>::to_vec);
        let orientation = Metadata { exif: metadata(decoder.exif()), xmp: metadata(decoder.xmp()) }.orientation();
        Ok(Self { decoder: Box::new(decoder.with_table_limit(left.min(MOST_TABLES))), orientation })
    }

    pub(super) fn header(&self) -> Header {
        let (width, height) = self.decoder.size();
        let layout = if self.decoder.channels() == 4 { Layout::Rgba } else { Layout::Rgb };
        Header { width, height, layout, orientation: self.orientation }
    }

    pub(super) fn memory(&self) -> u64 {
        self.decoder.memory()
    }

    pub(super) fn read(self, area: Area, sink: &mut RowSink<'_>) -> Result<()> {
        let channels = self.decoder.channels();
        let stride = self.decoder.size().0 * channels;
        self.decoder.decode::<Error>(area.rows, |bytes| {
            sink(Rows { bytes: &bytes[area.columns.start * channels..], stride, count: bytes.len() / stride })
        })
    }
}
