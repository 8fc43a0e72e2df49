//! The files beside an ONNX file that hold the bytes of its initializers: read in ranges, in the order of the file.

use super::intake::{Arriving, Intake};
use super::tensor::{External, Tensor};
use crate::error::{Error, ErrorKind, Result};
use crate::weights::data::Output;
use crate::weights::{GAP, invalid};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

/// All of them, and the one that is being read.
#[derive(Default)]
pub(super) struct ExternalFiles {
    /// Initializers by their files.
    files: BTreeMap<String, Vec<(Range<u64>, Tensor)>>,
    open: Option<OpenFile>,
}

/// The file that is being read.
struct OpenFile {
    /// The last is the next.
    pending: Vec<(Range<u64>, Tensor)>,
    current: Option<(Arriving, u64)>,
    at: u64,
    len: u64,
}

impl ExternalFiles {
    /// Notes an initializer.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`]: it has neither bytes nor a place in a file, or that file is not beside the ONNX file.
    pub(super) fn add(&mut self, mut tensor: Tensor) -> Result<()> {
        let Some(External { location, offset, length }) = tensor.external.take() else {
            return Err(invalid(format!("the initializer {} has no bytes", tensor.name)));
        };
        let location = location.strip_prefix("./").unwrap_or(&location).to_owned();
        if location.is_empty() || location.starts_with('.') || location.contains(['/', '\\', ':', '\0']) {
            return Err(invalid(format!("the ONNX file names a file {location:?}")));
        }
        let bytes = tensor.len().saturating_mul(tensor.number_type()?.bytes()) as u64;
        let end = offset.checked_add(length.unwrap_or(bytes)).ok_or_else(|| invalid("external data without an end"))?;
        self.files.entry(location).or_default().push((offset..end, tensor));
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Goes on to the next file: its name.
    pub(super) fn open_next(&mut self) -> Option<String> {
        let (name, mut pending) = self.files.pop_first()?;
        let len = pending.iter().map(|(range, _)| range.end).max().unwrap_or_default();
        pending.sort_by_key(|(range, _)| Reverse(range.start));
        self.open = Some(OpenFile { pending, current: None, at: 0, len });
        Some(name)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.pending.is_empty() && open.current.is_none())
    }

    pub(super) fn inside(&self) -> Option<&str> {
        self.open.as_ref()?.current.as_ref().map(|(arriving, _)| arriving.name())
    }

    pub(super) fn least_len(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.len)
    }

    pub(super) fn wanted(&self) -> Option<Range<u64>> {
        self.open.as_ref()?.all_wanted().next()
    }

    pub(super) fn left(&self) -> u64 {
        let Some(open) = &self.open else { return 0 };
        open.all_wanted().map(|range| range.end - range.start).sum()
    }

    /// Takes the bytes at `at`.
    ///
    /// # Errors
    /// Those of the initializers; [`ErrorKind::InvalidArgument`]: something that is wanted was left out;
    /// [`ErrorKind::Weights`]: two initializers share bytes.
    pub(super) fn push<'a>(
        &mut self,
        at: u64,
        mut piece: &'a [u8],
        intake: &mut Intake,
        output: &mut Output,
    ) -> Result<&'a [u8]> {
        let Some(open) = &mut self.open else { return Ok(piece) };
        let left_out = |name: &str| Error::new(ErrorKind::InvalidArgument, format!("bytes of {name} were left out"));
        if let Some((arriving, _)) = open.current.as_ref().filter(|_| at != open.at) {
            return Err(left_out(arriving.name()));
        }
        open.at = at;
        loop {
            let (mut arriving, end) = match open.current.take() {
                Some(current) => current,
                None => {
                    let Some((range, _)) = open.pending.last() else { return Ok(&[]) };
                    if range.start < open.at {
                        let name = open.pending.last().map_or("", |(_, tensor)| &tensor.name);
                        return Err(left_out(name));
                    }
                    let skipped = usize::try_from(range.start - open.at).unwrap_or(usize::MAX).min(piece.len());
                    open.at += skipped as u64;
                    piece = piece.get(skipped..).unwrap_or_default();
                    if open.at < range.start || (piece.is_empty() && !range.is_empty()) {
                        return Ok(&[]);
                    }
                    let Some((range, tensor)) = open.pending.pop() else { return Ok(&[]) };
                    if open.pending.last().is_some_and(|(next, _)| next.start < range.end) {
                        return Err(invalid(format!("the initializer {} shares its bytes with another", tensor.name)));
                    }
                    (intake.begin(tensor, range.end - range.start, output)?, range.end)
                }
            };
            let rest = arriving.push(piece, end - open.at)?;
            open.at += (piece.len() - rest.len()) as u64;
            piece = rest;
            if open.at < end {
                open.current = Some((arriving, end));
                return Ok(&[]);
            }
            intake.end(arriving, output)?;
        }
    }
}

impl OpenFile {
    /// The ranges to read; small gaps are read along.
    fn all_wanted(&self) -> impl Iterator<Item = Range<u64>> {
        let current = self.current.as_ref().map(|(_, end)| self.at..*end);
        let pending = self.pending.iter().rev().map(|(range, _)| range.clone());
        let mut ranges = current.into_iter().chain(pending).filter(|range| !range.is_empty()).peekable();
        std::iter::from_fn(move || {
            let mut joined = ranges.next()?;
            while let Some(next) = ranges.next_if(|next| next.start <= joined.end.saturating_add(GAP)) {
                joined.end = next.end;
            }
            Some(joined.start.max(self.at)..joined.end)
        })
    }
}
