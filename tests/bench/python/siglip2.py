"""A SigLIP 2 B/16-256 of random weights, in the files that are published: both towers, a tokenizer of Gemma's size."""

import json
import random
from pathlib import Path

import torch
from shared import OneOutput, export, randomise, write_references
from transformers import SiglipConfig, SiglipModel
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

NAME = "siglip2-b16-256"
SIZE, TOKENS = 256, 256_000
# A small tokenizer of the same components, with the words of our own texts.
TEMPLATE = Path(__file__).parents[2] / "golden" / "tokenizers" / "siglip2.json"
HALF = [0.5, 0.5, 0.5]

CONFIG = {
    "architectures": ["SiglipModel"],
    "initializer_factor": 1.0,
    "model_type": "siglip",
    "text_config": {
        "hidden_size": 768, "intermediate_size": 3072, "model_type": "siglip_text_model", "num_attention_heads": 12,
        "num_hidden_layers": 12, "vocab_size": TOKENS, "projection_size": 768,
    },
    "vision_config": {
        "hidden_size": 768, "image_size": SIZE, "intermediate_size": 3072, "model_type": "siglip_vision_model",
        "num_attention_heads": 12, "num_hidden_layers": 12, "patch_size": 16,
    },
}
PREPROCESSOR = {
    "do_convert_rgb": None, "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": HALF, "image_std": HALF,
    "image_processor_type": "SiglipImageProcessor", "processor_class": "SiglipProcessor", "resample": 2,
    "rescale_factor": 0.00392156862745098, "size": {"height": SIZE, "width": SIZE},
}


def tokenizer():
    """The small tokenizer with invented words after its own, until it has as many tokens as Gemma's."""
    made = json.loads(TEMPLATE.read_text())
    vocab, merges = made["model"]["vocab"], made["model"]["merges"]
    rng = random.Random(11)
    parts = [piece for piece in vocab if not piece.startswith("<") and "▁" not in piece[1:]]
    while len(vocab) < TOKENS:
        left, right = rng.choice(parts), rng.choice(parts)
        word = left + right
        if right.startswith("▁") or len(word) > 9 or word in vocab:
            continue
        vocab[word] = len(vocab)
        merges.append([left, right])
        parts.append(word)
    return made


def make_siglip2(out):
    folder = out / NAME
    folder.mkdir(parents=True, exist_ok=True)
    model = SiglipModel._from_config(SiglipConfig(**CONFIG), attn_implementation="eager").eval()
    randomise(model, 7)
    model.save_pretrained(folder)
    for name, content in [("config", CONFIG), ("preprocessor_config", PREPROCESSOR), ("tokenizer", tokenizer())]:
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2, ensure_ascii=False))
    vision = model.vision_model
    embed = OneOutput(vision, "pooler_output")
    export(embed, SIZE, folder / "onnx")
    processor = SiglipImageProcessorPil.from_pretrained(folder)
    write_references(
        out, folder, embed, lambda images: processor(images, return_tensors="pt")["pixel_values"],
        weights=sum(parameter.numel() for parameter in vision.parameters()) * 4, image={"size": SIZE, "mean": HALF, "std": HALF},
    )
