//! `model.safetensors.index.json`: which of several files each tensor is in.

use super::{invalid, layout};
use crate::error::Result;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Index {
    /// Tensor to file, both by name.
    weight_map: BTreeMap<String, String>,
}

impl Index {
    /// # Errors
    /// [`ErrorKind::Weights`](crate::error::ErrorKind::Weights), also where a file's name leads out of the directory.
    pub(super) fn from_json(json: &[u8]) -> Result<Self> {
        let index: Self = serde_json::from_slice(json)
            .map_err(|error| invalid("model.safetensors.index.json is malformed").with_source(error))?;
        let plain = |name: &str| !name.starts_with('.') && !name.is_empty() && !name.contains(['/', '\\', ':', '\0']);
        match index.weight_map.values().find(|name| !plain(name)) {
            Some(name) => Err(invalid(format!("model.safetensors.index.json names a file {name:?}"))),
            None => Ok(index),
        }
    }

    /// The files of the tensors by our names (`layout.rs`), in a folder if that has a name.
    pub(super) fn by_tensor(self, folder: &str) -> BTreeMap<String, String> {
        let pieces = |(tensor, file): (String, String)| {
            let file = if folder.is_empty() { file } else { format!("{folder}/{file}") };
            layout::pieces(&tensor).into_iter().map(move |(name, _)| (name, file.clone()))
        };
        self.weight_map.into_iter().flat_map(pieces).collect()
    }
}
