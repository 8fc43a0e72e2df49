//! A tensor of an ONNX file: its head, and its numbers in each of the forms that they come in.

use super::wire::{Value, fields, malformed, varints};
use crate::error::Result;
use crate::weights::format::Format;
use crate::weights::invalid;

/// How numbers are stored: `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberType {
    Floats(Format),
    U8,
    I8,
}

impl NumberType {
    fn of(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Floats(Format::F32),
            10 => Self::Floats(Format::F16),
            16 => Self::Floats(Format::Bf16),
            2 => Self::U8,
            3 => Self::I8,
            _ => return None,
        })
    }

    /// Bytes of a number.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Floats(format) => format.float_bytes().unwrap_or(1),
            Self::U8 | Self::I8 => 1,
        }
    }
}

/// A part of another file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct External {
    pub(super) location: String,
    pub(super) offset: u64,
    /// `None`: as long as its shape says.
    pub(super) length: Option<u64>,
}

/// What a tensor is, and where its bytes are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) dims: Vec<usize>,
    /// `TensorProto.DataType`.
    data_type: u64,
    pub(super) external: Option<External>,
    /// Its bytes, where they are there already.
    pub(super) data: Option<Vec<u8>>,
    /// Numbers that are not written as bytes.
    numbers: Option<Vec<u64>>,
}

/// Axes of a tensor; a convolution's weights have four.
const MOST_AXES: usize = 8;

/// The field with the bytes.
pub(super) const RAW_DATA: u32 = 9;

impl Tensor {
    pub(super) fn parse(message: &[u8]) -> Result<Self> {
        let mut tensor = Self::default();
        for field in fields(message) {
            let (number, value) = field?;
            tensor.field(number, value)?;
        }
        Ok(tensor)
    }

    /// Whether a field says something of it; its bytes ([`RAW_DATA`]) aside.
    pub(super) fn reads(number: u32) -> bool {
        matches!(number, 1 | 2 | 4 | 5 | 8 | 13)
    }

    /// Whether a field is of as many numbers as the tensor has.
    pub(super) fn holds_numbers(number: u32) -> bool {
        matches!(number, 4 | 5)
    }

    /// Takes one of its fields.
    pub(super) fn field(&mut self, number: u32, value: Value<'_>) -> Result<()> {
        match number {
            1 => {
                for dim in value.numbers()? {
                    if self.dims.len() == MOST_AXES {
                        return Err(malformed());
                    }
                    self.dims.push(usize::try_from(dim).map_err(|_| malformed())?);
                }
            }
            2 => self.data_type = value.number()?,
            4 => match value {
                Value::Bytes(bytes) | Value::Fixed(bytes) => self.data.get_or_insert_default().extend_from_slice(bytes),
                Value::Number(_) => return Err(malformed()),
            },
            5 => match value {
                Value::Bytes(bytes) => self.numbers.get_or_insert_default().extend(varints(bytes)?),
                other => self.numbers.get_or_insert_default().push(other.number()?),
            },
            8 => value.text()?.clone_into(&mut self.name),
            RAW_DATA => self.data = Some(value.bytes()?.to_vec()),
            13 => self.external_field(value.bytes()?)?,
            _ => {}
        }
        Ok(())
    }

    fn external_field(&mut self, message: &[u8]) -> Result<()> {
        let (mut key, mut text) = ("", "");
        for field in fields(message) {
            match field? {
                (1, value) => key = value.text()?,
                (2, value) => text = value.text()?,
                _ => {}
            }
        }
        let number = || text.parse::<u64>().map_err(|_| invalid(format!("external data at {key} {text:?}")));
        let external = self.external.get_or_insert_default();
        match key {
            "location" => text.clone_into(&mut external.location),
            "offset" => external.offset = number()?,
            "length" => external.length = Some(number()?),
            _ => {}
        }
        Ok(())
    }

    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights) for a type that no weights are read of.
    pub(super) fn number_type(&self) -> Result<NumberType> {
        let what = || {
            let number = self.data_type;
            invalid(format!(
                "it is of ONNX's data type {number}; this reads 1, 2, 3, 10 and 16 (f32, u8, i8, f16, bf16)"
            ))
        };
        NumberType::of(self.data_type).ok_or_else(what)
    }

    /// Numbers in it; the largest number for more.
    pub(super) fn len(&self) -> usize {
        crate::weights::format::values_in(&self.dims)
    }

    /// The bytes that are there already, as if they had been written so.
    pub(super) fn take_data(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(numbers) = self.numbers.take() else { return Ok(self.data.take()) };
        Ok(Some(match self.number_type()?.bytes() {
            1 => numbers.iter().map(|number| *number as u8).collect(),
            // Half precision is written as the number that its bits are.
            2 => numbers.iter().flat_map(|number| (*number as u16).to_le_bytes()).collect(),
            _ => return Err(malformed()),
        }))
    }
}
