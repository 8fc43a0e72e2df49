//! What a user calls: [`Decoder`].

use std::ops::Range;
use std::rc::Rc;

use simd::Isa;

use crate::bands::Bands;
use crate::color::Colors;
use crate::frame::{Frame, Process, Scan};
use crate::lossless::Lossless;
use crate::markers::Parser;
use crate::rows::Rows;
use crate::script::Order;
use crate::tables::Tables;
use crate::{Error, ErrorKind, Result, memory};

/// At which fraction of its size a picture is decoded; sizes are rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scale {
    #[default]
    /// As it is.
    Full,
    /// A half, each way.
    Half,
    /// A quarter.
    Quarter,
    /// An eighth.
    Eighth,
}

impl Scale {
    /// The width and height that a block of 8x8 samples has.
    pub(crate) fn block(self) -> usize {
        match self {
            Self::Full => 8,
            Self::Half => 4,
            Self::Quarter => 2,
            Self::Eighth => 1,
        }
    }
}

/// A part of a picture, in pixels, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its columns, from the left.
    pub columns: Range<usize>,
    /// Its rows, from the top.
    pub rows: Range<usize>,
}

/// A JPEG file whose headers have been read, up to its first scan.
pub struct Decoder<'a> {
    parser: Parser<'a>,
    pub(crate) frame: Rc<Frame>,
    colors: Colors,
    first: Scan,
    pub(crate) order: Order<'a>,
    pub(crate) isa: Isa,
}

impl<'a> Decoder<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    /// `Broken`, `CutShort`; `Unsupported` for what is not read, `TooLarge` over libjpeg's 65500 pixels a side.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let decoder = Self::begin(bytes, Tables::default(), false)?;
        if decoder.colors == Colors::Stored {
            return Err(Error::unsupported(format!("{} components; read are 1, 3 and 4", decoder.components())));
        }
        if decoder.frame.process == Process::Lossless && matches!(decoder.colors, Colors::YCbCr | Colors::Ycck) {
            return Err(Error::unsupported("it is lossless, but its colors would have to be converted"));
        }
        Ok(decoder)
    }

    /// Reads the headers of a picture in "abbreviated format" (T.81, B.4): the tables that it lacks are taken from
    /// `tables`. It is the format of strips and tiles in TIFF, so what libtiff forgives is forgiven: where the bytes
    /// end, the picture ends, and what is missing is gray. A picture may have two components, too.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn abbreviated(bytes: &'a [u8], tables: &Tables) -> Result<Self> {
        Self::begin(bytes, tables.clone(), true)
    }

    fn begin(bytes: &'a [u8], tables: Tables, lenient: bool) -> Result<Self> {
        let mut parser = Parser::new(bytes, tables, lenient)?;
        let first = parser.first()?;
        let frame = parser.frame.clone().ok_or_else(|| Error::broken("it has no frame header"))?;
        let colors = parser.colors(&frame)?;
        let order = Order::of(&parser, &frame, &first);
        Ok(Self { parser, frame, colors, first, order, isa: Isa::best() })
    }

    /// All tables that are known at the first scan: in TIFF the next tile may go without them, too.
    pub fn tables(&self) -> &Tables {
        &self.parser.tables
    }

    /// The same picture, whose components mean `colors`, whatever its headers say; if they are as many.
    pub fn with_colors(self, colors: Colors) -> Self {
        let fits = match colors {
            Colors::Gray => self.components() == 1,
            Colors::YCbCr | Colors::Rgb => self.components() == 3,
            Colors::Cmyk | Colors::Ycck => self.components() == 4,
            Colors::Stored | Colors::Repeated => true,
        };
        if fits { Self { colors, ..self } } else { self }
    }

    /// How many components the picture is stored in.
    pub fn components(&self) -> usize {
        self.frame.components.len()
    }

    /// Each component's sampling factors, horizontal and vertical: where all are equal, none is subsampled.
    pub fn sampling(&self) -> impl Iterator<Item = (usize, usize)> {
        self.frame.components.iter().map(|component| (component.horizontal, component.vertical))
    }

    /// Width and height of what [`decode`](Self::decode) gives, in pixels. A lossless picture has one size, whatever the
    /// scale.
    pub fn size(&self, scale: Scale) -> (usize, usize) {
        self.frame.size(scale)
    }

    /// The smallest scale at which the picture is at least `width`x`height`, by the rule of Pillow's `Image.draft`.
    ///
    /// ```
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/images/photo-640x427.jpg");
    /// # let bytes = std::fs::read(path)?;
    /// let decoder = jpeg::Decoder::new(&bytes)?;
    /// let scale = decoder.scale_for(300, 200);
    /// assert_eq!((scale, decoder.size(scale)), (jpeg::Scale::Half, (320, 214)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scale_for(&self, width: usize, height: usize) -> Scale {
        if self.frame.process == Process::Lossless {
            return Scale::Full;
        }
        let times = (self.frame.width / width.max(1)).min(self.frame.height / height.max(1));
        match times {
            8.. => Scale::Eighth,
            4.. => Scale::Quarter,
            2.. => Scale::Half,
            _ => Scale::Full,
        }
    }

    /// Bytes of a pixel: 1 for gray, 3 for RGB, as many as there are components for [`Colors::Stored`].
    pub fn channels(&self) -> usize {
        self.colors.channels(&self.frame)
    }

    /// The EXIF data, with `Exif\0\0` before it. It is moved out.
    pub fn take_exif(&mut self) -> Option<Vec<u8>> {
        self.parser.exif.take()
    }

    /// The XMP data. It is moved out.
    pub fn take_xmp(&mut self) -> Option<Vec<u8>> {
        self.parser.xmp.take()
    }

    /// How many bytes the picture's data have at the least, if none are missing: Huffman codes take a bit for each block or
    /// lossless sample. Arithmetic coding may do with none.
    pub fn least_bytes(&self) -> u64 {
        let Frame { width, height, unit, .. } = *self.frame;
        let units = width.div_ceil(unit) as u64 * height.div_ceil(unit) as u64;
        if self.frame.is_arithmetic() { 0 } else { units / 8 }
    }

    /// How many bytes of memory decoding takes, besides the rows that are handed on.
    pub fn memory(&self, scale: Scale) -> u64 {
        let bands = match &self.order {
            Order::OneScan => 0,
            Order::SideBySide(_) => 1,
            Order::OneByOne => self.frame.bands,
            Order::Lossless => {
                return Rows::size(&self.frame, scale) + Lossless::memory(&self.frame, &self.first);
            }
        };
        Rows::size(&self.frame, scale) + self.frame.blocks_in_band() as u64 * bands as u64 * 128
    }

    /// Decodes `area`, whose pixels are those at `scale`, and hands its rows to `sink` from the top, a few at a time: each
    /// row is as long as the area is wide, and the next one follows at once.
    ///
    /// What lies outside is read, since the rest can't be found otherwise, and errors in it count; but no pixel of it
    /// is computed.
    ///
    /// # Errors
    /// `InvalidArea` for an area that is empty or not within the picture, `Broken`, `CutShort`, `Unsupported` for what is
    /// not read, `TooLarge` for more scans or blocks without data than any picture needs, `OutOfMemory`, and those of
    /// `sink`.
    pub fn decode<E: From<Error>>(
        self,
        scale: Scale,
        area: Area,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (width, height) = self.size(scale);
        if area.columns.is_empty() || area.rows.is_empty() || area.columns.end > width || area.rows.end > height {
            let Area { columns, rows } = area;
            let what = format!("no columns {columns:?} and rows {rows:?} in {width}x{height} pixels");
            return Err(Error::new(ErrorKind::InvalidArea, what).into());
        }
        let Self { parser, frame, colors, first, order, isa } = self;
        let mut rows = Rows::new(&frame, colors, scale, area, isa)?;
        let mut bands = Bands::new(order, parser, frame.clone(), first)?;
        rows.set_quantizers(bands.quantizers());
        for band in 0..frame.bands {
            rows.begin_band(band);
            bands.read(band, &mut rows)?;
            rows.end_band(band, &mut sink)?;
        }
        Ok(bands.finish()?)
    }

    /// Decodes the whole picture: rows of pixels from the top, [`channels`](Self::channels) bytes each.
    ///
    /// # Errors
    /// Those of [`decode`](Self::decode).
    pub fn decode_whole(self, scale: Scale) -> Result<Vec<u8>> {
        let (width, height) = self.size(scale);
        let length = width.saturating_mul(height).saturating_mul(self.channels());
        let mut pixels = memory::filled(length, 0)?;
        let mut rest = pixels.as_mut_slice();
        self.decode(scale, Area { columns: 0..width, rows: 0..height }, |rows| {
            let (now, later) = std::mem::take(&mut rest).split_at_mut(rows.len());
            now.copy_from_slice(rows);
            rest = later;
            Ok::<(), Error>(())
        })?;
        Ok(pixels)
    }
}
