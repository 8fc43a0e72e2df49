//! Reading the settings of one tower out of `config.json`, with errors that name the key.

use super::{Activation, invalid};
use crate::error::{Error, Result};
use serde_json::{Map, Value};

/// The keys of one tower, and the key in the file under which they stand, for messages.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub(super) keys: &'a Map<String, Value>,
    pub(super) path: &'static str,
}

impl Keys<'_> {
    /// No published tower comes near it; it keeps products of a few sizes far from overflow.
    const MAX_SIZE: u64 = 1 << 16;

    pub(super) fn error(&self, key: &str, what: impl std::fmt::Display) -> Error {
        let dot = if self.path.is_empty() { "" } else { "." };
        invalid(format!("config.json: {}{dot}{key} {what}", self.path))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).filter(|value| !value.is_null())
    }

    /// A whole number from 1.
    pub(super) fn size(&self, key: &str, default: usize) -> Result<usize> {
        self.get(key).map_or(Ok(default), |value| self.positive(key, value))
    }

    /// A token's id, from 0.
    pub(super) fn id(&self, key: &str, default: u32) -> Result<u32> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| self.error(key, format!("is {value}, not the id of a token")))
    }

    fn positive(&self, key: &str, value: &Value) -> Result<usize> {
        match value.as_u64() {
            Some(size @ 1..=Self::MAX_SIZE) => Ok(size as usize),
            _ => Err(self.error(key, format!("is {value}, not a whole number from 1 to {}", Self::MAX_SIZE))),
        }
    }

    /// A size that may be written as one number or as `[height, width]`.
    pub(super) fn square(&self, key: &str, default: usize) -> Result<usize> {
        match self.get(key) {
            Some(Value::Array(sides)) => match sides.as_slice() {
                [height, width] if height == width => self.positive(key, height),
                _ => Err(self.error(key, "is not square")),
            },
            _ => self.size(key, default),
        }
    }

    /// `hidden_act`.
    pub(super) fn activation(&self, default: Activation) -> Result<Activation> {
        let Some(value) = self.get("hidden_act") else { return Ok(default) };
        let known = Activation::NAMES.iter().find(|(name, _)| value == name);
        known.map(|(_, activation)| *activation).ok_or_else(|| {
            let names = Activation::NAMES.map(|(name, _)| name).join(", ");
            self.error("hidden_act", format!("is {value}; this knows {names}"))
        })
    }

    /// `layer_norm_eps`.
    pub(super) fn eps(&self, default: f64) -> Result<f64> {
        let Some(value) = self.get("layer_norm_eps") else { return Ok(default) };
        match value.as_f64() {
            Some(eps) if eps > 0.0 && eps < 1.0 => Ok(eps),
            _ => Err(self.error("layer_norm_eps", format!("is {value}, not a number between 0 and 1"))),
        }
    }
}
