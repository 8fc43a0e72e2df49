//! Layouts: what published files call the tensors of a model, and how these stand in them.
//!
//! Towers, sinks and recordings know a tensor by one name: transformers', or where transformers keeps several in one, that of
//! a part. A layout says what of a file's tensor that is. It looks at one name at a time, so that it serves the header of a
//! file and the index of several alike; a name that no layout knows stays as it is. Adding a layout is a file and a line in
//! [`LAYOUTS`].

use super::format::{Format, values_in};
use super::invalid;
use crate::error::Result;
use std::collections::BTreeMap;
use std::ops::Range;

mod open_clip;
mod siglip;

/// How a tensor of ours stands in one of the file's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Whole,
    /// The whole, with its two axes exchanged.
    Transposed,
    /// One of several equal parts, one behind the other along the first axis.
    Part {
        index: usize,
        of: usize,
    },
}

/// What a tensor of the file is to us: names, and for each what of the tensor it is.
pub(super) type Pieces = Vec<(String, Piece)>;

/// The layouts. Each knows the names of a kind of file, and gives `None` for all others.
const LAYOUTS: [fn(&str) -> Option<Pieces>; 2] = [siglip::pieces, open_clip::pieces];

/// What the tensor that a file calls `name` is to us.
pub(super) fn pieces(name: &str) -> Pieces {
    let known = LAYOUTS.iter().find_map(|layout| layout(name));
    known.unwrap_or_else(|| vec![(name.to_owned(), Piece::Whole)])
}

/// The parts of a tensor that holds several of the same shape.
fn parts<const N: usize>(names: [String; N]) -> Pieces {
    names.into_iter().enumerate().map(|(index, name)| (name, Piece::Part { index, of: N })).collect()
}

/// Where and how a tensor stands in its file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// What the file calls it, or what it is a part of.
    pub(super) origin: String,
    /// How its numbers are stored, or what the file calls a type that is not read.
    pub(super) format: std::result::Result<Format, String>,
    /// The shape that the towers see.
    pub(super) shape: Vec<usize>,
    /// Its bytes in the file.
    pub(super) range: Range<u64>,
    /// Whether it stands there with its two axes exchanged.
    pub(super) transposed: bool,
}

impl Entry {
    /// What errors call it.
    pub(super) fn called(&self, name: &str) -> String {
        if self.origin == name { format!("tensor {name}") } else { format!("tensor {} (for {name})", self.origin) }
    }

    /// What a tower sees of the entry of a whole tensor.
    fn piece(&self, piece: Piece) -> Result<Self> {
        let mut entry = self.clone();
        match piece {
            Piece::Whole => {}
            Piece::Transposed if self.shape.len() == 2 => {
                entry.shape.reverse();
                entry.transposed = true;
            }
            Piece::Transposed => return Err(self.unfit("two axes")),
            Piece::Part { index, of } => {
                let bytes = (self.range.end - self.range.start) / of as u64;
                match entry.shape.first_mut() {
                    Some(rows) if rows.is_multiple_of(of) => *rows /= of,
                    _ => return Err(self.unfit(&format!("{of} equal parts"))),
                }
                let start = self.range.start + bytes * index as u64;
                entry.range = start..start + bytes;
            }
        }
        Ok(entry)
    }

    fn unfit(&self, expected: &str) -> crate::Error {
        let what = format!("tensor {} has shape {:?}, which does not have {expected}", self.origin, self.shape);
        invalid(what).about_tensor(&self.origin)
    }

    /// Whether the tensor has this shape; axes of length 1 before all others count for nothing.
    pub(super) fn has_shape(&self, shape: &[usize]) -> bool {
        fn without_ones(shape: &[usize]) -> &[usize] {
            shape.get(shape.iter().take_while(|length| **length == 1).count()..).unwrap_or_default()
        }
        without_ones(&self.shape) == without_ones(shape) && values_in(&self.shape) == values_in(shape)
    }
}

/// Tensors by our names, of those of a file.
///
/// # Errors
/// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): one can't be parted as its layout says, or two are the same.
pub(super) fn entries(file: impl Iterator<Item = Entry>) -> Result<BTreeMap<String, Entry>> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for whole in file {
        for (name, piece) in pieces(&whole.origin) {
            if let Some(other) = entries.insert(name, whole.piece(piece)?) {
                let what = format!("tensors {} and {} are one and the same to the model", other.origin, whole.origin);
                return Err(invalid(what).about_tensor(&whole.origin));
            }
        }
    }
    Ok(entries)
}
