//! Models: their configurations and towers, for whoever wants more than [`ClipVision`](crate::ClipVision) gives; and how they
//! are loaded piece by piece, and written as one file.

pub(crate) mod config;
pub(crate) mod encoder;
pub(crate) mod source;
pub(crate) mod text;
#[cfg(feature = "text")]
pub(crate) mod tokenizer;
pub(crate) mod vision;

pub use config::{Activation, ClipConfig, EndToken, TextConfig, VisionConfig};
pub use text::TextPass;
pub use vision::{VisionPass, VisionStage, VisionTower};

// The way into a model's weights lies above this room; users look for it here.
pub use crate::embedder::{ConvertOptions, Loader, StoredPrecision, TextModel, convert};
pub use crate::weights::{FILES as TOKENIZER_FILES, Recorded};
