//! The bytes of one tensor, in pieces as they arrive, to rows.

use super::format::Format;
use super::invalid;
use super::sinks::{Row, RowSink, Value, reserved};
use crate::error::Result;
use half::{bf16, f16};

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
        let numbers = match format {
            Format::Int8 | Format::Bytes => Numbers::Bytes(left),
            Format::F64 | Format::F32 | Format::F16 | Format::Bf16 => {
                let row = reserved(columns)?;
                Numbers::Floats(Floats { format, columns, row, before: 0, left, cut: [0; 8], cut_len: 0 })
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
    fn push<'a>(&mut self, piece: &'a [u8], sink: &mut dyn RowSink) -> Result<&'a [u8]> {
        match self.format {
            Format::F64 => self.convert::<8>(piece, |bytes| f64::from_le_bytes(bytes) as f32, sink),
            Format::F16 => self.convert::<2>(piece, |bytes| f16::from_le_bytes(bytes).to_f32(), sink),
            Format::Bf16 => self.convert::<2>(piece, |bytes| bf16::from_le_bytes(bytes).to_f32(), sink),
            _ => self.convert::<4>(piece, f32::from_le_bytes, sink),
        }
    }

    fn convert<'a, const N: usize>(
        &mut self,
        mut piece: &'a [u8],
        value: fn([u8; N]) -> f32,
        sink: &mut dyn RowSink,
    ) -> Result<&'a [u8]> {
        while self.cut_len > 0 {
            let Some((byte, after)) = piece.split_first() else { return Ok(piece) };
            self.cut[self.cut_len] = *byte;
            self.cut_len += 1;
            piece = after;
            if let (true, Some(bytes)) = (self.cut_len == N, self.cut.first_chunk::<N>()) {
                let whole = [*bytes];
                self.cut_len = 0;
                self.add(&whole, value, sink)?;
            }
        }
        let (mine, rest) = piece.split_at(piece.len().min(self.left * N));
        let (whole, tail) = mine.as_chunks::<N>();
        self.add(whole, value, sink)?;
        self.cut[..tail.len()].copy_from_slice(tail);
        self.cut_len = tail.len();
        Ok(rest)
    }

    /// Adds values, and hands on the rows that they fill.
    fn add<const N: usize>(
        &mut self,
        mut values: &[[u8; N]],
        value: fn([u8; N]) -> f32,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        self.left -= values.len();
        while !values.is_empty() {
            let (now, later) = values.split_at(values.len().min(self.columns - self.row.len()));
            self.row.extend(now.iter().map(|bytes| value(*bytes)));
            values = later;
            if self.row.len() < self.columns {
                break;
            }
            if let Some((at, value)) = self.row.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return Err(invalid(format!("not finite: value {} is {value}", self.before + at)));
            }
            sink.push(Row::Floats(&self.row))?;
            self.before += self.columns;
            self.row.clear();
        }
        Ok(())
    }
}
