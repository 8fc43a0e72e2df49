//! Reading the settings of one tower out of `config.json`, with errors that name the key.

use super::{Activation, invalid};
use crate::error::{Error, Result};
use serde_json::{Map, Value};

/// The keys of one tower; and for messages their file, and the key in it under which they stand.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) keys: &'a Map<String, Value>,
    pub(crate) file: &'a str,
    pub(crate) path: &'a str,
}

/// The largest sizes that are read. No published tower has more; they bound what a stranger's file may cost, and keep
/// products of a few sizes from overflow where addresses have 32 bits. (The vocabulary times the channels is no such
/// product: it is multiplied only for a table that the weights have.)
pub(crate) mod most {
    /// Channels: of a token, and of an embedding.
    pub(crate) const CHANNELS: usize = 1 << 14;
    /// Channels between the two linear layers of an MLP.
    pub(crate) const INTERMEDIATE: usize = 1 << 16;
    pub(crate) const LAYERS: usize = 256;
    pub(crate) const HEADS: usize = 256;
    /// Pixels along an edge of the image, or of a patch.
    pub(crate) const EDGE: usize = 4096;
    /// Patches along an edge.
    pub(crate) const GRID: usize = 128;
    /// Tokens of a text.
    pub(crate) const POSITIONS: usize = 4096;
    /// Tokens that there are.
    pub(crate) const VOCABULARY: usize = 1 << 20;
}

impl<'a> Keys<'a> {
    /// Those at the top of a `config.json`.
    pub(crate) fn whole(keys: &'a Map<String, Value>) -> Self {
        Self { keys, file: "config.json", path: "" }
    }

    pub(crate) fn error(&self, key: &str, what: impl std::fmt::Display) -> Error {
        let dot = if self.path.is_empty() { "" } else { "." };
        invalid(format!("{}: {}{dot}{key} {what}", self.file, self.path))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).filter(|value| !value.is_null())
    }

    /// A whole number from 1 to `most`.
    pub(crate) fn size(&self, key: &str, default: usize, most: usize) -> Result<usize> {
        self.get(key).map_or(Ok(default), |value| self.positive(key, value, most))
    }

    /// A size that is given as a multiple of another one, whole or not; rounded down, as Python's `int` does it.
    pub(crate) fn multiple(&self, key: &str, default: f64, of: usize, most: usize) -> Result<usize> {
        let given = self.get(key);
        let ratio = given.map_or(Some(default), Value::as_f64).unwrap_or(f64::NAN);
        let size = (ratio * of as f64) as usize;
        match given {
            Some(value) if !(1..=most).contains(&size) => {
                Err(self.error(key, format!("is {value}, which makes no size from 1 to {most} of {of}")))
            }
            _ => Ok(size),
        }
    }

    /// A token's id, from 0.
    pub(crate) fn id(&self, key: &str, default: u32) -> Result<u32> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| self.error(key, format!("is {value}, not the id of a token")))
    }

    fn positive(&self, key: &str, value: &Value, most: usize) -> Result<usize> {
        let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
        size.filter(|size| (1..=most).contains(size))
            .ok_or_else(|| self.error(key, format!("is {value}, not a whole number from 1 to {most}")))
    }

    /// A number of pixels that may be written as one number or as `[height, width]`.
    pub(crate) fn edge(&self, key: &str, default: usize) -> Result<usize> {
        match self.get(key) {
            Some(Value::Array(sides)) => match sides.as_slice() {
                [height, width] if height == width => self.positive(key, height, most::EDGE),
                _ => Err(self.error(key, "is not square")),
            },
            _ => self.size(key, default, most::EDGE),
        }
    }

    /// The name of an activation.
    pub(crate) fn activation(&self, key: &str, default: Activation) -> Result<Activation> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let known = Activation::NAMES.iter().find(|(name, _)| value == name);
        known.map(|(_, activation)| *activation).ok_or_else(|| {
            let names = Activation::NAMES.map(|(name, _)| name).join(", ");
            self.error(key, format!("is {value}; this knows {names}"))
        })
    }

    /// What is added to a variance.
    pub(crate) fn eps(&self, key: &str, default: f64) -> Result<f64> {
        let Some(value) = self.get(key) else { return Ok(default) };
        match value.as_f64() {
            Some(eps) if eps > 0.0 && eps < 1.0 => Ok(eps),
            _ => Err(self.error(key, format!("is {value}, not a number between 0 and 1"))),
        }
    }
}
