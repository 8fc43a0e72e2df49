//! What a safetensors header says, checked as the library `safetensors` checks it, but in numbers of 64 bits. The library counts a tensor's
//! bits in a `usize`: in a browser, where that has 32 bits, a tensor of 512 MiB is too large for it, as SigLIP 2's table of tokens
//! is, and so is a file of 4 GiB.

use super::invalid;
use crate::error::{Error, Result};
use safetensors::Dtype;
use serde::Deserialize;
use std::collections::HashMap;
use std::ops::Range;

/// A tensor in its file.
#[derive(Deserialize)]
pub(super) struct TensorInfo {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// First byte and end, counted from the end of the header.
    data_offsets: (u64, u64),
}

/// A header.
#[derive(Deserialize)]
pub(super) struct Metadata {
    #[serde(rename = "__metadata__")]
    pub(super) notes: Option<HashMap<String, String>>,
    #[serde(flatten)]
    pub(super) tensors: HashMap<String, TensorInfo>,
}

impl Metadata {
    /// Reads a header's JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights): it is malformed, or the tensors don't fill the data without gaps and overlaps,
    /// each as long as its type and shape say.
    pub(super) fn parse(json: &[u8]) -> Result<Self> {
        let metadata: Self = serde_json::from_slice(json).map_err(|error| malformed().with_source(error))?;
        let mut tensors: Vec<_> = metadata.tensors.iter().collect();
        tensors.sort_unstable_by_key(|(_, info)| info.data_offsets);
        let mut at = 0;
        for (name, info) in tensors {
            let (start, end) = info.data_offsets;
            if start != at || end < start || info.bytes() != Some(end - start) {
                let shape = &info.shape;
                let what = format!("tensor {name}, of shape {shape:?}, can't be the bytes {start} to {end}");
                return Err(malformed().with_source(invalid(what)));
            }
            at = end;
        }
        Ok(metadata)
    }

    /// Bytes of all tensors.
    pub(super) fn data_len(&self) -> u64 {
        self.tensors.values().map(|info| info.data_offsets.1).max().unwrap_or_default()
    }
}

impl TensorInfo {
    /// Its bytes in a file whose data begin at `data_start`.
    pub(super) fn range(&self, data_start: u64) -> Range<u64> {
        let (start, end) = self.data_offsets;
        data_start.saturating_add(start)..data_start.saturating_add(end)
    }

    /// How many bytes its type and shape are; `None` if that is no whole number, or one beyond all bounds.
    fn bytes(&self) -> Option<u64> {
        let values = self.shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size as u64))?;
        let bits = values.checked_mul(self.dtype.bitsize() as u64)?;
        bits.is_multiple_of(8).then_some(bits / 8)
    }
}

fn malformed() -> Error {
    invalid("the header of the weights is malformed")
}
