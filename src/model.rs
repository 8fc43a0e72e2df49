//! CLIP itself: the configuration and the towers, over candle tensors.

pub(crate) mod config;
pub(crate) mod encoder;
pub(crate) mod text;
#[cfg(feature = "text")]
pub(crate) mod tokenizer;
pub(crate) mod vision;
