//! The towers of a CLIP model: their shapes, what they are made of, their forward passes, and the tokenizer. The public
//! module `model` (in `lib.rs`) shows of it what a user needs.

pub(crate) mod config;
pub(crate) mod encoder;
pub(crate) mod source;
pub(crate) mod text;
pub(crate) mod token_rows;
#[cfg(feature = "text")]
pub(crate) mod tokenizer;
pub(crate) mod vision;
