//! The beginning of a file: collected byte by byte, then parsed and checked.

use super::format::Format;
use super::layout::{self, Entry};
use super::metadata::Metadata;
use super::stored::{self, Stored};
use super::{Header, invalid, onnx};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;

/// A header is a few hundred bytes a tensor: the largest CLIP's has 120 kB. A longer one is another kind of file.
const MAX_LEN: u64 = 16 << 20;
/// The 8 bytes of the header's length.
const PREFIX: usize = 8;
/// What is asked for before the length is known: one answer then mostly has the whole header.
const FIRST_RANGE: u64 = 128 << 10;

/// A header on its way.
#[derive(Default)]
pub(super) struct HeaderBytes(Vec<u8>);

impl HeaderBytes {
    /// Takes the bytes that belong to the header and gives back the rest, beside the header if that completes it.
    pub(super) fn push<'a>(&mut self, piece: &'a [u8]) -> Result<(Option<FileHeader>, &'a [u8])> {
        // The length first, alone: until it is known to be sane nothing more is kept.
        let (prefix, piece) = piece.split_at(piece.len().min(PREFIX.saturating_sub(self.0.len())));
        self.0.extend_from_slice(prefix);
        let Some(len) = self.len() else { return Ok((None, piece)) };
        if len > MAX_LEN {
            return Err(not_safetensors(&self.0));
        }
        let wanted = len as usize + PREFIX - self.0.len();
        let (header, rest) = piece.split_at(piece.len().min(wanted));
        self.0.extend_from_slice(header);
        if header.len() < wanted {
            return Ok((None, rest));
        }
        let metadata = Metadata::parse(self.0.get(PREFIX..).unwrap_or_default())?;
        Ok((Some(FileHeader::new(metadata, PREFIX as u64 + len)?), rest))
    }

    /// The bytes before `piece`, if with it they turn out to be the beginning of an ONNX file.
    pub(super) fn of_onnx(&self, piece: &[u8]) -> Option<&[u8]> {
        let mut first = self.0.iter().chain(piece).copied();
        let first: [u8; PREFIX] = std::array::from_fn(|_| first.next().unwrap_or_default());
        let is_new = self.0.len() < PREFIX && self.0.len() + piece.len() >= PREFIX;
        (is_new && onnx::is_onnx(first)).then_some(&self.0)
    }

    /// The bytes of the file to read next.
    pub(super) fn wanted(&self) -> Range<u64> {
        self.0.len() as u64..self.len().map_or(FIRST_RANGE, |len| PREFIX as u64 + len)
    }

    fn len(&self) -> Option<u64> {
        self.0.first_chunk::<PREFIX>().map(|first| u64::from_le_bytes(*first))
    }
}

/// What the first bytes are, where they are not a safetensors file.
fn not_safetensors(first: &[u8]) -> Error {
    let what = if first.trim_ascii_start().starts_with(b"<") {
        "they look like an HTML or XML page"
    } else if first.starts_with(b"version ") {
        "they are a Git LFS pointer; the file itself has to be fetched with git lfs pull"
    } else if first.starts_with(b"PK") || first.starts_with(b"\x80") {
        "they look like a PyTorch pickle; save the model as safetensors"
    } else {
        "their first 8 bytes give no sensible header length"
    };
    invalid(format!("the weights are not a safetensors file: {what}"))
}

/// One file's header. The tensors' places are consistent: they fill the data without gaps or overlaps, each as long as
/// its type and shape say.
pub(super) struct FileHeader {
    entries: BTreeMap<String, Entry>,
    stored: Option<Stored>,
    file_len: u64,
}

impl FileHeader {
    fn new(metadata: Metadata, data_start: u64) -> Result<Self> {
        let file_len = data_start.saturating_add(metadata.data_len());
        let stored = metadata.notes.as_ref().map(Stored::from_metadata).transpose()?.flatten();
        let file = metadata.tensors.into_iter().map(|(origin, info)| Entry {
            origin,
            format: Format::of(info.dtype).ok_or_else(|| format!("{:?}", info.dtype)),
            range: info.range(data_start),
            shape: info.shape,
            transposed: false,
        });
        Ok(Self { entries: layout::entries(file)?, stored, file_len })
    }

    /// Where a recording of ours says that the table of tokens stands.
    pub(super) fn table(&self) -> Option<&str> {
        self.stored.as_ref()?.table.as_deref()
    }

    /// Length of the whole file.
    pub(super) fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Where and how the tensor of this name stands; the name is ours (`layout.rs`).
    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// What a model sees of it: steps of rows in 8 bits are part of their tensors.
    pub(super) fn contents(&self) -> Header {
        let is_step = |name: &str| stored::is_step(name, |base| self.entry(base)?.format.as_ref().ok().copied());
        let names = self.entries.keys().filter(|name| !is_step(name)).cloned().collect();
        Header { names, stored: self.stored.clone(), has_fitted_positions: false }
    }
}
