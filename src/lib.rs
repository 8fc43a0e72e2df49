//! CLIP image embeddings, in a web page or on a server.
#![cfg_attr(not(test), deny(clippy::panic))]

mod clip;
mod error;
mod image;
mod ops;
mod preprocess;
mod weights;

pub use clip::config::{Activation, ClipConfig, VisionConfig};
pub use clip::vision::{VisionStage, VisionTower};
pub use error::{Error, ErrorKind, Result};
pub use image::{Image, Limits, ResizeFilter};
pub use ops::device_from_name;
pub use preprocess::PreprocessConfig;
