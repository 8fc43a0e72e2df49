//! Models: their configurations and towers, for whoever wants more than [`ClipVision`](crate::ClipVision) gives; and how
//! they are loaded piece by piece, and written as one file.

pub(crate) mod bundle;
mod chinese_clip;
pub(crate) mod cleaning;
mod clip;
pub(crate) mod config;
mod dinov2;
mod distilbert;
pub(crate) mod encoder;
mod open_clip;
mod pooling;
mod positions;
pub(crate) mod sentence_transformers;
mod siglip;
pub(crate) mod source;
pub(crate) mod text;
pub(crate) mod token_rows;
#[cfg(feature = "text")]
pub(crate) mod tokenizer;
pub(crate) mod vision;
pub(crate) mod word_pieces;

pub use crate::embedder::{ConvertOptions, Converted, Loader, Pass, Preparer, Table, TextModel, Vocab, convert};
pub use crate::precision::StoredPrecision;
pub use crate::weights::{FILES as TOKENIZER_FILES, Recorded};
pub use cleaning::Cleaning;
pub use config::{Activation, ClipConfig, EndToken, Family, Scores, TextConfig, VisionConfig};
pub use sentence_transformers::{Dense, Modules};
pub use vision::{VisionStage, VisionTower};
