//! DINOv2, a vision tower alone.

use super::{LayerNames, Tower};
use crate::error::Result;
use crate::weights::onnx::parts::PartKind;

/// Of the positions, which a graph may have as they are or as they are interpolated to one size of photos.
pub(in crate::weights::onnx) const POSITIONS: &str = "embeddings.position_embeddings";

const LAYER: LayerNames = LayerNames {
    norms: ["norm1", "norm2"],
    attention: [
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
        "attention.output.dense",
    ],
    mlp: ["mlp.fc1", "mlp.fc2"],
    scales: Some(["layer_scale1.lambda1", "layer_scale2.lambda1"]),
};

pub(super) fn vision(tower: &mut Tower<'_>) -> Result<()> {
    tower.tensor(PartKind::Patches, "embeddings.patch_embeddings.projection")?;
    tower.vector(PartKind::ClassToken, "embeddings.cls_token")?;
    tower.vector(PartKind::Positions, POSITIONS)?;
    tower.layers("encoder.layer", &LAYER)?;
    tower.tensor(PartKind::Norm, "layernorm")
}
