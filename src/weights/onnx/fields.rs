//! The fields of an ONNX file, one after the other, in pieces as they arrive: which of them are collected, which are handed on,
//! and which are left out.

use super::graph::Node;
use super::tensor::{RAW_DATA, Tensor};
use super::wire::{Head, LONGEST_HEAD, Value, malformed};
use super::{OnnxFile, Place, Whole, names, parts};
use crate::error::Result;
use crate::weights::data::Output;
use crate::weights::invalid;

/// A longer name, shape or place of an initializer is none.
const LONGEST_NAME: u64 = 64 << 10;
/// A longer list of an initializer's numbers, that are not written as bytes, is none: ten bytes a number.
const LONGEST_NUMBERS: u64 = 1 << 30;
/// A longer operation is none: one that holds a weight as a constant.
const LONGEST_NODE: u64 = 64 << 20;
/// An initializer of up to so many bytes is read at once, its head and its numbers in any form.
const SMALL_TENSOR: u64 = 16 << 10;

impl OnnxFile {
    /// Whether a step has something to do without bytes.
    pub(super) fn goes_on(&self) -> bool {
        match &self.place {
            Place::Skip(to) | Place::Data(_, to) => *to == self.at,
            Place::Whole(_, len) => *len == self.buffer.len(),
            Place::Field => self.is_at_end(),
            Place::Unselected(_) | Place::End => false,
        }
    }

    /// Whether the initializer or the graph has ended.
    fn is_at_end(&self) -> bool {
        let end = self.tensor.as_ref().map(|(_, end)| *end).or(self.graph_end);
        end == Some(self.at)
    }

    /// Takes a little of a piece, and gives back the rest.
    pub(super) fn step<'a>(&mut self, piece: &'a [u8], output: &mut Output) -> Result<&'a [u8]> {
        match std::mem::replace(&mut self.place, Place::Field) {
            Place::Field if self.is_at_end() && !self.buffer.is_empty() => Err(malformed()),
            Place::Field if self.is_at_end() => {
                self.end(output)?;
                Ok(piece)
            }
            Place::Field => self.field(piece, output),
            Place::Whole(whole, len) => {
                let (mine, rest) = piece.split_at(piece.len().min(len - self.buffer.len()));
                self.buffer.extend_from_slice(mine);
                self.at += mine.len() as u64;
                if self.buffer.len() < len {
                    self.place = Place::Whole(whole, len);
                } else {
                    let message = std::mem::take(&mut self.buffer);
                    self.whole(whole, &message, output)?;
                    self.buffer = message;
                    self.buffer.clear();
                }
                Ok(rest)
            }
            Place::Data(mut arriving, to) => {
                let rest = arriving.push(piece, to - self.at)?;
                self.at += (piece.len() - rest.len()) as u64;
                if self.at < to {
                    self.place = Place::Data(arriving, to);
                } else {
                    self.intake.end(arriving, output)?;
                }
                Ok(rest)
            }
            Place::Skip(to) => {
                let len = piece.len().min(usize::try_from(to - self.at).unwrap_or(usize::MAX));
                self.at += len as u64;
                if self.at < to {
                    self.place = Place::Skip(to);
                }
                Ok(piece.get(len..).unwrap_or_default())
            }
            place @ (Place::Unselected(_) | Place::End) => {
                self.place = place;
                Ok(piece)
            }
        }
    }

    /// The initializer, or the graph, has ended.
    fn end(&mut self, output: &mut Output) -> Result<()> {
        if let Some((mut tensor, _)) = self.tensor.take() {
            let bytes = tensor.take_data()?;
            return match bytes {
                Some(bytes) => self.whole_tensor(tensor, &bytes, output),
                None => self.outside(tensor),
            };
        }
        if self.names.is_none() && !self.is_selected {
            return Err(invalid("the ONNX file has no initializers"));
        }
        self.place = Place::End;
        match self.intake.missing() {
            Some(error) if self.external.is_empty() => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads the beginning of a field.
    fn field<'a>(&mut self, piece: &'a [u8], output: &mut Output) -> Result<&'a [u8]> {
        let before = self.buffer.len();
        let (mine, _) = piece.split_at(piece.len().min(LONGEST_HEAD - before));
        self.buffer.extend_from_slice(mine);
        let Some((head, len)) = Head::parse(&self.buffer)? else {
            self.at += mine.len() as u64;
            return Ok(piece.get(mine.len()..).unwrap_or_default());
        };
        self.buffer.clear();
        self.at += (len - before) as u64;
        let limit = self.tensor.as_ref().map(|(_, end)| *end).or(self.graph_end);
        let value_end = match head {
            Head::Number(..) => self.at,
            Head::Bytes(_, len) | Head::Fixed(_, len) => self.at.checked_add(len).ok_or_else(malformed)?,
        };
        if limit.is_some_and(|limit| value_end > limit) {
            return Err(malformed());
        }
        match (&mut self.tensor, head) {
            (Some((tensor, _)), Head::Number(number, value)) => tensor.field(number, Value::Number(value))?,
            (None, Head::Number(..)) => {}
            (Some(_), Head::Bytes(number, len) | Head::Fixed(number, len)) => self.tensor_field(number, len, output)?,
            (None, Head::Bytes(number, len) | Head::Fixed(number, len)) => self.outer_field(number, len)?,
        }
        Ok(piece.get(len - before..).unwrap_or_default())
    }

    /// A field of the file, or of the graph.
    fn outer_field(&mut self, number: u32, len: u64) -> Result<()> {
        match (self.graph_end, number) {
            (None, 7) => self.graph_end = Some(self.at + len),
            (Some(_), 1) if self.names.is_some() || self.is_selected => {
                return Err(invalid("the ONNX file has operations after its initializers, which this does not read"));
            }
            (Some(_), 1) if len <= LONGEST_NODE => self.place = Place::Whole(Whole::Node, len as usize),
            (Some(_), 5) if self.is_selected => self.begin_tensor(len)?,
            (Some(_), 5) => {
                self.names = Some(names::names(&parts::parts(&self.graph), self.family)?);
                self.place = Place::Unselected(len);
            }
            _ => self.place = Place::Skip(self.at + len),
        }
        Ok(())
    }

    pub(super) fn begin_tensor(&mut self, len: u64) -> Result<()> {
        if len <= SMALL_TENSOR {
            self.place = Place::Whole(Whole::Tensor, len as usize);
        } else {
            self.place = Place::Field;
            self.tensor = Some((Tensor::default(), self.at.checked_add(len).ok_or_else(malformed)?));
        }
        Ok(())
    }

    /// A field of an initializer.
    fn tensor_field(&mut self, number: u32, len: u64, output: &Output) -> Result<()> {
        let Some((tensor, end)) = &mut self.tensor else { return Ok(()) };
        let is_known = !tensor.name.is_empty();
        if number == RAW_DATA && !is_known {
            return Err(invalid(
                "the ONNX file has an initializer whose bytes come before its name, which this does not read",
            ));
        }
        if is_known && !self.intake.is_wanted(&tensor.name) {
            self.place = Place::Skip(*end);
            self.wanted_since = *end;
            self.tensor = None;
        } else if number == RAW_DATA {
            let arriving = self.intake.begin(std::mem::take(tensor), len, output)?;
            self.tensor = None;
            self.place = Place::Data(arriving, self.at + len);
        } else if !Tensor::reads(number) {
            self.place = Place::Skip(self.at.checked_add(len).ok_or_else(malformed)?);
        } else if len > if Tensor::holds_numbers(number) { LONGEST_NUMBERS } else { LONGEST_NAME } {
            return Err(invalid(format!("the ONNX file has an initializer with a field of {len} bytes")));
        } else {
            self.place = Place::Whole(Whole::TensorField(number), usize::try_from(len).map_err(|_| malformed())?);
        }
        Ok(())
    }

    fn whole(&mut self, whole: Whole, message: &[u8], output: &mut Output) -> Result<()> {
        match whole {
            Whole::Node => self.graph.push(Node::parse(message)?),
            Whole::TensorField(number) => match &mut self.tensor {
                Some((tensor, _)) => tensor.field(number, Value::Bytes(message)),
                None => Ok(()),
            },
            Whole::Tensor => {
                let mut tensor = Tensor::parse(message)?;
                match tensor.take_data()? {
                    _ if !self.intake.is_wanted(&tensor.name) => Ok(()),
                    Some(bytes) => self.whole_tensor(tensor, &bytes, output),
                    None => self.outside(tensor),
                }
            }
        }
    }

    /// An initializer that is there as a whole.
    pub(super) fn whole_tensor(&mut self, tensor: Tensor, bytes: &[u8], output: &mut Output) -> Result<()> {
        if !self.intake.is_wanted(&tensor.name) {
            return Ok(());
        }
        let len = bytes.len() as u64;
        let mut arriving = self.intake.begin(tensor, len, output)?;
        arriving.push(bytes, len)?;
        self.intake.end(arriving, output)
    }

    /// An initializer whose bytes are in another file.
    fn outside(&mut self, tensor: Tensor) -> Result<()> {
        if self.intake.is_wanted(&tensor.name) { self.external.add(tensor) } else { Ok(()) }
    }
}
