//! The bytes of one tensor, in pieces as they arrive, to rows.

use super::format::{Format, check_finite};
use super::sinks::{Row, RowSink, Value, reserved};
use crate::error::Result;

/// A tensor of which the bytes are arriving.
pub(super) struct Decoder {
    numbers: Numbers,
    sink: Box<dyn RowSink>,
}

enum Numbers {
    Floats(Floats),
    /// Bytes that are handed on as they come, and how many are still to come.
    Bytes(usize),
}

/// Floats on their way.
struct Floats {
    format: Format,
    /// Bytes of a value.
    width: usize,
    /// Values of a row.
    columns: usize,
    /// The row that is arriving.
    row: Vec<f32>,
    /// Values of the rows before it.
    before: usize,
    /// Values that have not arrived.
    left: usize,
    /// The bytes of a value that a piece has cut in two.
    cut: [u8; 8],
    cut_len: usize,
}

impl Decoder {
    /// Of `rows` rows of `columns` values or bytes, for `sink`.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`](crate::error::ErrorKind::OutOfMemory).
    pub(super) fn new(format: Format, (rows, columns): (usize, usize), sink: Box<dyn RowSink>) -> Result<Self> {
        let left = rows * columns;
        let numbers = match format.float_bytes() {
            None => Numbers::Bytes(left),
            Some(width) => {
                let row = reserved(columns)?;
                Numbers::Floats(Floats { format, width, columns, row, before: 0, left, cut: [0; 8], cut_len: 0 })
            }
        };
        Ok(Self { numbers, sink })
    }

    /// Takes what belongs to this tensor and gives back the rest.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights) for a value that is not finite, and the sink's.
    pub(super) fn push<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8]> {
        let Self { numbers, sink } = self;
        match numbers {
            Numbers::Floats(floats) => floats.push(piece, &mut **sink),
            Numbers::Bytes(left) => {
                let (mine, rest) = piece.split_at(piece.len().min(*left));
                *left -= mine.len();
                sink.push(Row::Bytes(mine)).map(|()| rest)
            }
        }
    }

    /// What the tensor has become, once it is whole.
    pub(super) fn end(self) -> Result<Value> {
        self.sink.end()
    }
}

impl Floats {
    fn push<'a>(&mut self, mut piece: &'a [u8], sink: &mut dyn RowSink) -> Result<&'a [u8]> {
        while self.cut_len > 0 {
            let Some((byte, after)) = piece.split_first() else { return Ok(piece) };
            self.cut[self.cut_len] = *byte;
            self.cut_len += 1;
            piece = after;
            if self.cut_len == self.width {
                self.cut_len = 0;
                let cut = self.cut;
                self.add(&cut[..self.width], sink)?;
            }
        }
        let (mine, rest) = piece.split_at(piece.len().min(self.left * self.width));
        let (whole, tail) = mine.split_at(mine.len() / self.width * self.width);
        self.add(whole, sink)?;
        self.cut[..tail.len()].copy_from_slice(tail);
        self.cut_len = tail.len();
        Ok(rest)
    }

    /// Adds the values in whole bytes of them, and hands on the rows that they fill.
    fn add(&mut self, mut bytes: &[u8], sink: &mut dyn RowSink) -> Result<()> {
        self.left -= bytes.len() / self.width;
        while !bytes.is_empty() {
            let begun = self.row.len();
            let (now, later) = bytes.split_at(bytes.len().min((self.columns - begun) * self.width));
            self.row.resize(begun + now.len() / self.width, 0.0);
            self.format.read_floats(now, &mut self.row[begun..]);
            bytes = later;
            if self.row.len() < self.columns {
                break;
            }
            check_finite(&self.row, self.before)?;
            sink.push(Row::Floats(&self.row))?;
            self.before += self.columns;
            self.row.clear();
        }
        Ok(())
    }
}
