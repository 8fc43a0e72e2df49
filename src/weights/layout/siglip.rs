//! transformers' SigLIP: its attention head has the projections of queries, keys and values in one tensor, as PyTorch's
//! `MultiheadAttention` does. <https://github.com/huggingface/transformers/tree/main/src/transformers/models/siglip>

use super::{Pieces, parts};

pub(super) fn pieces(name: &str) -> Option<Pieces> {
    let (attention, part) = name.rsplit_once(".in_proj_")?;
    if !attention.ends_with("head.attention") {
        return None;
    }
    Some(parts(["q", "k", "v"].map(|of| format!("{attention}.{of}_proj.{part}"))))
}
