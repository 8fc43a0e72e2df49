//! CLIP, and MetaCLIP 2.

use super::{LayerNames, Tower};
use crate::error::Result;
use crate::weights::onnx::parts::PartKind;

/// Of SigLIP too.
pub(super) const LAYER: LayerNames = LayerNames {
    norms: ["layer_norm1", "layer_norm2"],
    attention: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"],
    mlp: ["mlp.fc1", "mlp.fc2"],
    scales: None,
};

pub(super) fn vision(tower: &mut Tower<'_>) -> Result<()> {
    tower.tensor(PartKind::Patches, "vision_model.embeddings.patch_embedding")?;
    tower.vector(PartKind::ClassToken, "vision_model.embeddings.class_embedding")?;
    tower.tensor(PartKind::Positions, "vision_model.embeddings.position_embedding")?;
    tower.tensor(PartKind::Norm, "vision_model.pre_layrnorm")?;
    tower.layers("vision_model.encoder.layers", &LAYER)?;
    tower.tensor(PartKind::Norm, "vision_model.post_layernorm")?;
    projection(tower, "visual_projection")
}

pub(super) fn text(tower: &mut Tower<'_>) -> Result<()> {
    tower.tensor(PartKind::Tokens, "text_model.embeddings.token_embedding")?;
    tower.tensor(PartKind::Positions, "text_model.embeddings.position_embedding")?;
    tower.layers("text_model.encoder.layers", &LAYER)?;
    tower.tensor(PartKind::Norm, "text_model.final_layer_norm")?;
    projection(tower, "text_projection")
}

/// The last part, where there is one more.
fn projection(tower: &mut Tower<'_>, name: &str) -> Result<()> {
    if tower.peek().is_some() { tower.tensor(PartKind::Linear(None), name) } else { Ok(()) }
}
