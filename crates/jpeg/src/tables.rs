//! The tables that scans are decoded with, and that several pictures may share.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::huffman::{Code, Kind, Table};
use crate::markers::{Event, Parser};
use crate::{Error, Result};

/// Quantization tables and Huffman codes, apart from a picture: those that a TIFF file keeps in its tag `JPEGTables` for
/// all of its tiles. They are read once, whatever number of pictures is decoded with them.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/jpeg/quality-30.jpg");
/// # let whole = std::fs::read(path)?;
/// // A picture taken apart: its tables, and the rest.
/// let is_table = |marker| matches!(marker, 0xdb | 0xc4);
/// let (mut tables, mut rest) = (vec![0xff, 0xd8], vec![0xff, 0xd8]);
/// let mut at = 2;
/// while whole[at + 1] != 0xda {
///     let end = at + 2 + usize::from(u16::from_be_bytes([whole[at + 2], whole[at + 3]]));
///     if is_table(whole[at + 1]) { &mut tables } else { &mut rest }.extend_from_slice(&whole[at..end]);
///     at = end;
/// }
/// tables.extend_from_slice(&[0xff, 0xd9]);
/// rest.extend_from_slice(&whole[at..]);
///
/// let tables = jpeg::Tables::parse(&tables)?;
/// let pixels = jpeg::Decoder::abbreviated(&rest, &tables)?.decode_whole(jpeg::Scale::Full)?;
/// assert_eq!(pixels, jpeg::Decoder::new(&whole)?.decode_whole(jpeg::Scale::Full)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Tables {
    /// Quantization tables, in natural (row by row) order.
    pub(crate) quantization: [Option<Rc<[u16; 64]>>; 4],
    dc_codes: [Option<Rc<Code>>; 4],
    ac_codes: [Option<Rc<Code>>; 4],
    /// The usual codes, of DC and AC coefficients, each for luminance and chrominance: made when they are asked for.
    standard: Rc<[[OnceCell<Option<Code>>; 2]; 2]>,
}

impl Tables {
    /// Reads a stream of tables only (T.81, B.5): a start-of-image marker, tables, an end-of-image marker, which may be
    /// missing.
    ///
    /// # Errors
    /// `Broken`, `CutShort`; `Broken` too where there is a picture.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut parser = Parser::new(bytes, Self::default(), true)?;
        match parser.next()? {
            Event::Tables => Ok(parser.tables),
            Event::Scan(_) | Event::End => Err(Error::broken("a picture where there should be tables only")),
        }
    }

    /// Where a Huffman code of this kind and number is kept; None for an impossible number.
    pub(crate) fn code_mut(&mut self, kind: Kind, index: usize) -> Option<&mut Option<Rc<Code>>> {
        if kind.is_dc() { self.dc_codes.get_mut(index) } else { self.ac_codes.get_mut(index) }
    }

    /// The Huffman table `index` of a scan, for what is coded with it. `standard`: where a file has none, the usual ones
    /// are taken, for Motion JPEG leaves them out.
    pub(crate) fn huffman(&self, kind: Kind, index: u8, standard: bool) -> Result<Rc<Table>> {
        let place = usize::from(index);
        let codes = if kind.is_dc() { &self.dc_codes } else { &self.ac_codes };
        let usual = || {
            let cell = self.standard[usize::from(!kind.is_dc())].get(place).filter(|_| standard)?;
            cell.get_or_init(|| Code::standard(kind, index == 1)).as_ref()
        };
        let code = codes.get(place).and_then(Option::as_deref).or_else(usual);
        code.ok_or_else(|| Error::broken(format!("Huffman table {index} is missing")))?.table(kind)
    }
}
