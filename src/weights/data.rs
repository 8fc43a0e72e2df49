//! The data of one file: the tensors that are wanted of it, in the order of the file.

use super::arriving::{Arrived, Arriving, Half};
use super::header::FileHeader;
use super::recorder::Recorder;
use super::{Form, TensorSpec, Weights, invalid, missing, stored};
use crate::error::{Error, ErrorKind, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

/// Bytes between two tensors that are read along rather than left out: less than what one more request costs.
const GAP: u64 = 256 << 10;

/// Where tensors go.
#[derive(Default)]
pub(super) struct Output {
    pub(super) weights: Weights,
    pub(super) recorder: Option<Recorder>,
    /// Rows in 8 bits that wait for their steps, and the other way round.
    halves: HashMap<String, Half>,
}

impl Output {
    fn end(&mut self, arriving: Arriving) -> Result<()> {
        let Arrived::Half(name, half) = arriving.end(&mut self.weights, self.recorder.as_mut())? else { return Ok(()) };
        match (self.halves.remove(&name), half) {
            (Some(Half::Rows(rows)), Half::Steps(steps)) | (Some(Half::Steps(steps)), Half::Rows(rows)) => {
                rows.join(&steps, &mut self.weights).map_err(|error| error.within(format_args!("tensor {name}")))
            }
            (_, half) => {
                self.halves.insert(name, half);
                Ok(())
            }
        }
    }
}

/// A tensor that has not begun.
struct Pending {
    spec: TensorSpec,
    info: TensorInfo,
    /// It is not the tensor itself, but the steps of its rows.
    steps: bool,
    range: Range<u64>,
}

/// What of a file is still to come.
pub(super) struct Data {
    /// The last is the next.
    pending: Vec<Pending>,
    current: Option<(Arriving, u64)>,
    pub(super) file_len: u64,
}

impl Data {
    /// # Errors
    /// [`ErrorKind::Weights`]: a tensor is missing, or of another shape.
    pub(super) fn new(header: &FileHeader, specs: Vec<TensorSpec>) -> Result<Self> {
        let mut pending = Vec::with_capacity(specs.len());
        for spec in specs {
            let info = header.info(&spec.name).ok_or_else(|| missing(&spec.name))?;
            if info.shape != spec.shape && spec.form != Form::File {
                let TensorSpec { name, shape, .. } = &spec;
                let what = format!("tensor {name} has shape {:?}, not {shape:?}", info.shape);
                return Err(invalid(what).about_tensor(name).about_shape(shape, &info.shape));
            }
            if info.dtype == Dtype::I8 && spec.rotation.is_some() {
                pending.push(steps_of(&spec, header)?);
            }
            pending.push(Pending { info: info.clone(), steps: false, range: header.range(info), spec });
        }
        pending.sort_by_key(|tensor| Reverse(tensor.range.start));
        Ok(Self { pending, current: None, file_len: header.file_len() })
    }

    /// The bytes to read next, from `position` on; `None` once everything is there. Small gaps are read along.
    pub(super) fn wanted(&self, position: u64) -> Option<Range<u64>> {
        self.all_wanted(position).next()
    }

    /// All such ranges.
    pub(super) fn all_wanted(&self, position: u64) -> impl Iterator<Item = Range<u64>> {
        let current = self.current.as_ref().map(|(_, end)| position..*end);
        let mut ranges = current.into_iter().chain(self.pending.iter().rev().map(|p| p.range.clone())).peekable();
        std::iter::from_fn(move || {
            let mut joined = ranges.next()?;
            while let Some(next) = ranges.next_if(|next| next.start <= joined.end.saturating_add(GAP)) {
                joined.end = next.end;
            }
            Some(joined.start.max(position)..joined.end)
        })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.pending.is_empty() && self.current.is_none()
    }

    /// The tensor that is arriving.
    pub(super) fn inside(&self) -> Option<&str> {
        self.current.as_ref().map(|(arriving, _)| arriving.name())
    }

    /// Takes the bytes at `at`; what lies before them and after what came so far is left out.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`]: something that is wanted was left out.
    pub(super) fn push(&mut self, mut at: u64, mut piece: &[u8], output: &mut Output) -> Result<()> {
        loop {
            let (arriving, end) = match &mut self.current {
                Some(current) => current,
                None => {
                    let Some(next) = self.pending.last() else { return Ok(()) };
                    let Some(skipped) = next.range.start.checked_sub(at) else {
                        return Err(left_out(&next.spec.name));
                    };
                    let skipped = piece.len().min(usize::try_from(skipped).unwrap_or(usize::MAX));
                    at += skipped as u64;
                    piece = piece.get(skipped..).unwrap_or_default();
                    if at < next.range.start || (piece.is_empty() && !next.range.is_empty()) {
                        return Ok(());
                    }
                    let Some(next) = self.pending.pop() else { return Ok(()) };
                    let recorder = output.recorder.as_mut();
                    let arriving = match next.steps {
                        true => Arriving::begin_steps(&next.spec, recorder)?,
                        false => Arriving::begin(next.spec, &next.info, recorder)?,
                    };
                    self.current.insert((arriving, next.range.end))
                }
            };
            let before = piece.len();
            piece = arriving.push(piece, output.recorder.as_mut())?;
            at += (before - piece.len()) as u64;
            if at < *end {
                return Ok(());
            }
            if let Some((whole, _)) = self.current.take() {
                output.end(whole)?;
            }
        }
    }

    /// An error if the file's next bytes are not at `position` or after it.
    pub(super) fn check_jump(&self, position: u64, to: u64) -> Result<()> {
        match self.inside() {
            Some(name) if to != position => Err(left_out(name)),
            _ => Ok(()),
        }
    }
}

/// The steps of the rows of a tensor in 8 bits.
fn steps_of(spec: &TensorSpec, header: &FileHeader) -> Result<Pending> {
    let name = stored::step_name(&spec.name);
    let info = header.info(&name).ok_or_else(|| missing(&name))?;
    if info.dtype != Dtype::F32 || info.shape != [spec.rows().0] {
        let what =
            format!("tensor {name} is {:?} of shape {:?}, not F32 of [{}]", info.dtype, info.shape, spec.rows().0);
        return Err(invalid(what));
    }
    Ok(Pending { spec: spec.clone(), info: info.clone(), steps: true, range: header.range(info) })
}

fn left_out(name: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("bytes of tensor {name} were left out"))
}
