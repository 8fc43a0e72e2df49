//! CLIP image embeddings, in a web page or on a server.
#![cfg_attr(not(test), deny(clippy::panic))]

mod clip;
mod error;
mod ops;
mod weights;

pub use clip::config::{Activation, ClipConfig, VisionConfig};
pub use clip::vision::{VisionStage, VisionTower};
pub use error::{Error, ErrorKind, Result};
pub use ops::device_from_name;
