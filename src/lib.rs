//! CLIP image embeddings, in a web page or on a server.
#![cfg_attr(not(test), deny(clippy::panic))]

mod error;

pub use error::{Error, ErrorKind, Result};
