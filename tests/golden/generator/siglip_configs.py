"""What open_clip makes of the SigLIPs that it names: their sizes and activations, as the modules have them, without their weights."""

import open_clip
import torch
from open_clip.model import CustomTextCLIP

from .files import ROOT, write_json

# By the class, and by how it is told to approximate.
ACTIVATIONS = {("GELU", "none"): "gelu", ("GELU", "tanh"): "gelu_pytorch_tanh", ("GELUTanh", None): "gelu_pytorch_tanh", ("QuickGELU", None): "quick_gelu"}


def activation_of(module):
    return ACTIVATIONS[type(module).__name__, getattr(module, "approximate", None)]


def facts(config):
    with torch.device("meta"):
        model = CustomTextCLIP(**{key: value for key, value in config.items() if key != "custom_text"})
    trunk, text = model.visual.trunk, model.text
    block, layer = trunk.blocks[0], text.transformer.resblocks[0]
    projection = text.text_projection
    return {
        "vision": {
            "hidden_size": trunk.embed_dim, "intermediate_size": block.mlp.fc1.out_features, "num_hidden_layers": len(trunk.blocks),
            "num_attention_heads": block.attn.num_heads, "image_size": trunk.patch_embed.img_size[0], "patch_size": trunk.patch_embed.patch_size[0],
            "hidden_act": activation_of(block.mlp.act), "layer_norm_eps": block.norm1.eps, "head_act": activation_of(trunk.attn_pool.mlp.act),
        },
        "text": {
            "vocab_size": text.vocab_size, "hidden_size": text.width, "intermediate_size": layer.mlp.c_fc.out_features,
            "num_hidden_layers": text.transformer.layers, "num_attention_heads": text.heads, "max_position_embeddings": text.num_pos,
            "hidden_act": activation_of(layer.mlp.gelu), "layer_norm_eps": layer.ln_1.eps,
            # None: what the last norm gives is the embedding.
            "projection_size": None if projection is None else projection.out_features,
        },
    }


def write_siglip_configs():
    names = [name for name in open_clip.list_models() if "SigLIP" in name]
    rows = {name: {"model_cfg": open_clip.get_model_config(name)} for name in sorted(names)}
    for name, row in rows.items():
        row.update(facts(row["model_cfg"]))
    write_json(ROOT / "siglip_configs.json", rows)
