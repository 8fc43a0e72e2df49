//! open_clip's files: `open_clip_model.safetensors`, beside an `open_clip_config.json`. The vision tower is open_clip's own
//! (`visual.conv1`, `visual.transformer`), or timm's (`visual.trunk`); the text tower stands at the top (`transformer`), or
//! under `text`. <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/model.py>,
//! <https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py>

use super::{Piece, Pieces, parts};

pub(super) fn pieces(name: &str) -> Option<Pieces> {
    if let Some(name) = name.strip_prefix("visual.trunk.") {
        return timm(name);
    }
    if let Some(name) = name.strip_prefix("visual.") {
        return Some(vision(name));
    }
    match name.strip_prefix("text.") {
        // A linear layer with a bias, as SigLIP has it, and not the matrix that CLIP multiplies by.
        Some("text_projection.weight") => Some(whole("text_model.head.weight")),
        Some("text_projection.bias") => Some(whole("text_model.head.bias")),
        Some(name) => text(name),
        None => text(name),
    }
}

fn whole(name: impl Into<String>) -> Pieces {
    vec![(name.into(), Piece::Whole)]
}

fn vision(name: &str) -> Pieces {
    if let Some(pieces) = block(name, "vision_model") {
        return pieces;
    }
    whole(match name {
        "class_embedding" => "vision_model.embeddings.class_embedding",
        "positional_embedding" => "vision_model.embeddings.position_embedding.weight",
        "conv1.weight" => "vision_model.embeddings.patch_embedding.weight",
        "proj" => return vec![("visual_projection.weight".to_owned(), Piece::Transposed)],
        _ => {
            return whole(match name.split_once('.') {
                Some(("ln_pre", part)) => format!("vision_model.pre_layrnorm.{part}"),
                Some(("ln_post", part)) => format!("vision_model.post_layernorm.{part}"),
                // Of another kind of tower: no configuration that is read has a place for it.
                _ => format!("vision_model.{name}"),
            });
        }
    })
}

fn text(name: &str) -> Option<Pieces> {
    if let Some(pieces) = block(name, "text_model") {
        return Some(pieces);
    }
    Some(whole(match name {
        "positional_embedding" => "text_model.embeddings.position_embedding.weight",
        "token_embedding.weight" => "text_model.embeddings.token_embedding.weight",
        "ln_final.weight" => "text_model.final_layer_norm.weight",
        "ln_final.bias" => "text_model.final_layer_norm.bias",
        "text_projection" => return Some(vec![("text_projection.weight".to_owned(), Piece::Transposed)]),
        _ => return None,
    }))
}

/// A tensor of a residual attention block: `transformer.resblocks.N.…`.
fn block(name: &str, tower: &str) -> Option<Pieces> {
    let (index, name) = name.strip_prefix("transformer.resblocks.")?.split_once('.')?;
    let layer = format!("{tower}.encoder.layers.{index}");
    if let Some(part) = name.strip_prefix("attn.in_proj_") {
        return Some(parts(["q", "k", "v"].map(|of| format!("{layer}.self_attn.{of}_proj.{part}"))));
    }
    let renamed = [
        ("ln_1.", "layer_norm1."),
        ("ln_2.", "layer_norm2."),
        ("attn.", "self_attn."),
        ("mlp.c_fc.", "mlp.fc1."),
        ("mlp.c_proj.", "mlp.fc2."),
    ];
    Some(whole(format!("{layer}.{}", rename(name, &renamed))))
}

/// The name with its beginning exchanged, where it is one of these.
fn rename(name: &str, renamed: &[(&str, &str)]) -> String {
    let renamed = renamed.iter().find_map(|(old, new)| Some(format!("{new}{}", name.strip_prefix(old)?)));
    renamed.unwrap_or_else(|| name.to_owned())
}

/// timm's vision transformer, of a SigLIP.
fn timm(name: &str) -> Option<Pieces> {
    if let Some((index, name)) = name.strip_prefix("blocks.").and_then(|name| name.split_once('.')) {
        let layer = format!("vision_model.encoder.layers.{index}");
        if let Some(part) = name.strip_prefix("attn.qkv.") {
            return Some(parts(["q", "k", "v"].map(|of| format!("{layer}.self_attn.{of}_proj.{part}"))));
        }
        let renamed = [("norm1.", "layer_norm1."), ("norm2.", "layer_norm2."), ("attn.proj.", "self_attn.out_proj.")];
        return Some(whole(format!("{layer}.{}", rename(name, &renamed))));
    }
    let head = "vision_model.head";
    if let Some(part) = name.strip_prefix("attn_pool.kv.") {
        return Some(parts(["k", "v"].map(|of| format!("{head}.attention.{of}_proj.{part}"))));
    }
    let renamed = [
        ("pos_embed", "embeddings.position_embedding.weight"),
        ("patch_embed.proj.", "embeddings.patch_embedding."),
        ("norm.", "post_layernorm."),
        ("attn_pool.latent", "head.probe"),
        ("attn_pool.q.", "head.attention.q_proj."),
        ("attn_pool.proj.", "head.attention.out_proj."),
        ("attn_pool.norm.", "head.layernorm."),
        ("attn_pool.mlp.", "head.mlp."),
    ];
    Some(whole(format!("vision_model.{}", rename(name, &renamed))))
}
