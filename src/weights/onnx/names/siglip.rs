//! SigLIP, and SigLIP 2 of a fixed resolution.

use super::{LayerNames, Tower, clip};
use crate::error::Result;
use crate::weights::onnx::parts::{AttentionInput, Origin, Part, PartKind, Piece};

const LAYER: &LayerNames = &clip::LAYER;
const HEAD: &str = "vision_model.head";

pub(super) fn vision(tower: &mut Tower<'_>) -> Result<()> {
    let head = take_head(tower);
    tower.tensor(PartKind::Patches, "vision_model.embeddings.patch_embedding")?;
    tower.tensor(PartKind::Positions, "vision_model.embeddings.position_embedding")?;
    tower.layers("vision_model.encoder.layers", LAYER)?;
    tower.tensor(PartKind::Norm, "vision_model.post_layernorm")?;
    name_head(tower, &head)?;
    tower.tensor(PartKind::Linear(None), &format!("{HEAD}.attention.out_proj"))?;
    tower.tensor(PartKind::Norm, &format!("{HEAD}.layernorm"))?;
    tower.tensor(PartKind::Linear(None), &format!("{HEAD}.mlp.fc1"))?;
    tower.tensor(PartKind::Linear(None), &format!("{HEAD}.mlp.fc2"))
}

pub(super) fn text(tower: &mut Tower<'_>) -> Result<()> {
    tower.tensor(PartKind::Tokens, "text_model.embeddings.token_embedding")?;
    tower.tensor(PartKind::Positions, "text_model.embeddings.position_embedding")?;
    tower.layers("text_model.encoder.layers", LAYER)?;
    tower.tensor(PartKind::Norm, "text_model.final_layer_norm")?;
    tower.tensor(PartKind::Linear(None), "text_model.head")
}

/// Takes out the head's first parts: nothing of a photo comes before its queries, so a tool that sorts operations may put those
/// anywhere.
fn take_head<'a>(tower: &mut Tower<'a>) -> Vec<&'a Part> {
    let is_head = |part: &&Part| matches!(part.kind, PartKind::Probe | PartKind::Gathering(_));
    let (head, others) = std::mem::take(&mut tower.parts).into_iter().partition(is_head);
    tower.parts = others;
    head
}

fn name_head(tower: &mut Tower<'_>, head: &[&Part]) -> Result<()> {
    let find = |kind| head.iter().copied().find(|part| part.kind == kind);
    let layer = |input| find(PartKind::Gathering(input));
    let value = layer(AttentionInput::Value);
    // One layer may give both.
    let layers = [layer(AttentionInput::Query), layer(AttentionInput::Key).or(value), value];
    let (Some(probe), [Some(query), Some(key), Some(value)]) = (find(PartKind::Probe), layers) else {
        return Err(tower.other(&format!("{HEAD}.attention")));
    };
    tower.insert(format!("{HEAD}.probe"), &probe.weight)?;
    let layers = [query, key, value];
    let biases = layers.map(|part| part.bias.as_ref());
    for (name, weight) in ["q", "k", "v"].into_iter().zip(pieces(layers.map(|part| &part.weight))) {
        tower.insert(format!("{HEAD}.attention.{name}_proj.weight"), &weight)?;
    }
    if let [Some(query), Some(key), Some(value)] = biases {
        for (name, bias) in ["q", "k", "v"].into_iter().zip(pieces([query, key, value])) {
            tower.insert(format!("{HEAD}.attention.{name}_proj.bias"), &bias)?;
        }
    }
    Ok(())
}

/// PyTorch's `MultiheadAttention` has the projections of queries, keys and values in one tensor, which exporters keep, or part in
/// that of the queries and that of the others.
fn pieces([query, key, value]: [&Origin; 3]) -> [Origin; 3] {
    let piece = |origin: &Origin, index, of| Origin { piece: Some(Piece { index, of }), ..origin.clone() };
    if key.data != value.data {
        [query.clone(), key.clone(), value.clone()]
    } else if query.data != key.data {
        [query.clone(), piece(key, 0, 2), piece(value, 1, 2)]
    } else {
        [piece(query, 0, 3), piece(key, 1, 3), piece(value, 2, 3)]
    }
}
