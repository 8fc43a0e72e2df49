//! CLIP itself: the configuration and the towers, over candle tensors.

pub(crate) mod config;
pub(crate) mod encoder;
pub(crate) mod vision;
