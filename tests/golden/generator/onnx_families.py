"""A small SigLIP and a small DINOv2 as ONNX files, as `onnx_files.py` makes them of a CLIP, and what onnxruntime computes."""

import logging
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import (
    Dinov2Config,
    Dinov2Model,
    SiglipConfig,
    SiglipModel,
    SiglipTextModel,
    SiglipVisionModel,
)
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from .embeddings import pixel_tensor, unit
from .families import HALF, spread
from .files import ROOT, fresh_directory, write_json, write_tensors
from .onnx_files import BOTH, IMAGES, TEXT, TEXTS, VISION, export, repository, run, variants
from .pictures import drop_alpha, open_upright

LENGTH = 16
TEXT_SIZES = dict(
    hidden_size=24, intermediate_size=53, num_hidden_layers=2, num_attention_heads=3, vocab_size=1600, projection_size=40,
    max_position_embeddings=LENGTH, pad_token_id=0,
)
VISION_SIZES = dict(hidden_size=40, intermediate_size=61, num_hidden_layers=2, num_attention_heads=4, image_size=30, patch_size=6)
DINOV2_SIZES = dict(hidden_size=36, num_hidden_layers=2, num_attention_heads=3, mlp_ratio=2, image_size=70, patch_size=7)
CROP = 42
# Position embeddings of the third are those of any size, interpolated by the graph; of the second they are interpolated already.
DINOV2_EXPORTERS = {"dinov2_torchscript": False, "dinov2_dynamo": True, "dinov2_any_size": True}


def write_siglip(directory):
    model = spread(SiglipModel(SiglipConfig(text_config=TEXT_SIZES, vision_config=VISION_SIZES)), 59)
    model.save_pretrained(directory)
    vision, text = {**VISION_SIZES, "model_type": "siglip_vision_model"}, {**TEXT_SIZES, "model_type": "siglip_text_model"}
    write_json(directory / "config.json", {"architectures": ["SiglipModel"], "model_type": "siglip", "text_config": text, "vision_config": vision})
    write_json(directory / "preprocessor_config.json", {
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": HALF, "image_processor_type": "SiglipImageProcessor",
        "image_std": HALF, "resample": 2, "rescale_factor": 0.00392156862745098, "size": {"height": 30, "width": 30},
    })
    shutil.copy(ROOT / "tokenizers" / "siglip2.json", directory / "tokenizer.json")


def write_dinov2(directory):
    spread(Dinov2Model(Dinov2Config(**DINOV2_SIZES)), 61).save_pretrained(directory)
    write_json(directory / "config.json", {"architectures": ["Dinov2Model"], "model_type": "dinov2", **DINOV2_SIZES})
    write_json(directory / "preprocessor_config.json", {
        "crop_size": {"height": CROP, "width": CROP}, "do_center_crop": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": [0.485, 0.456, 0.406], "image_processor_type": "BitImageProcessor", "image_std": [0.229, 0.224, 0.225],
        "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 48},
    })


def siglip_towers(directory, attention):
    load = dict(attn_implementation=attention, dtype=torch.float32)
    pixels, ids = torch.zeros(2, 3, 30, 30), torch.ones(2, LENGTH, dtype=torch.int64)
    image, text = {"pixel_values": {0: "images"}}, {"input_ids": {0: "texts"}}
    return {
        VISION: (SiglipVisionModel.from_pretrained(directory, **load), (pixels,), image, ["last_hidden_state", "pooler_output"]),
        TEXT: (SiglipTextModel.from_pretrained(directory, **load), (ids,), text, ["last_hidden_state", "pooler_output"]),
        BOTH: (SiglipModel.from_pretrained(directory, **load), (ids, pixels), {**text, **image},
               ["logits_per_image", "logits_per_text", "text_embeds", "image_embeds"]),
    }


def dinov2_towers(directory, attention, axes):
    model = Dinov2Model.from_pretrained(directory, attn_implementation=attention, dtype=torch.float32)
    return {BOTH: (model, (torch.zeros(2, 3, CROP, CROP),), {"pixel_values": axes}, ["last_hidden_state", "pooler_output"])}


def pixels_of(directory, processor):
    prepare = processor.from_pretrained(directory)
    return [pixel_tensor(prepare, drop_alpha(open_upright(ROOT / "images" / image)))[None] for image in IMAGES]


def expected_siglip(directory):
    """Unit embeddings by file, and of the file of both towers the probabilities."""
    pixels = pixels_of(directory, SiglipImageProcessorPil)
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.enable_padding(length=LENGTH, pad_id=0, pad_token="<pad>")
    ids = [np.array([tokenizer.encode(text).ids]) for text in TEXTS]
    pairs = [{"pixel_values": row, "input_ids": text} for row in pixels for text in ids]
    tensors = {}
    for file in sorted((directory / "onnx").glob("*.onnx")):
        name = next(name for name in (VISION, TEXT, BOTH) if file.stem == name or file.stem.startswith(f"{name}_"))
        graph, key = file.with_name(f"{name}.onnx"), f"{directory.name}/{file.stem}"
        if name != TEXT:
            rows = run(graph, file, pairs[:: len(ids)], "image_embeds" if name == BOTH else "pooler_output")
            tensors[f"{key}/images"] = np.stack([unit(row) for row in rows])
        if name != VISION:
            rows = run(graph, file, pairs[: len(ids)], "text_embeds" if name == BOTH else "pooler_output")
            tensors[f"{key}/texts"] = np.stack([unit(row) for row in rows])
        if name == BOTH:
            logits = np.array(run(graph, file, pairs, "logits_per_image"), np.float64).reshape(len(pixels), len(ids))
            tensors[f"{key}/probabilities"] = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return tensors


def expected_dinov2(directory):
    rows = [{"pixel_values": row} for row in pixels_of(directory, BitImageProcessorPil)]
    tensors = {}
    for file in sorted((directory / "onnx").glob("*.onnx")):
        found = run(file.with_name(f"{BOTH}.onnx"), file, rows, "pooler_output")
        tensors[f"{directory.name}/{file.stem}/images"] = np.stack([unit(row) for row in found])
    return tensors


def write_onnx_families():
    """onnx_families/<family>_<exporter>/, and onnx_families/expected.safetensors."""
    logging.disable(logging.INFO)
    root = fresh_directory("onnx_families")
    tensors = {}
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary)
        write_siglip(source)
        for exporter, dynamo in {"siglip_torchscript": False, "siglip_dynamo": True}.items():
            directory = repository(root, source, exporter)
            export(directory / "onnx", siglip_towers(source, "sdpa" if dynamo else "eager"), dynamo)
            variants(directory / "onnx", [VISION, TEXT], ["fp16", "uint8", "q4"] if dynamo else ["fp16", "quantized", "int8", "q4"])
            variants(directory / "onnx", [BOTH], [] if dynamo else ["quantized"])
            tensors.update(expected_siglip(directory))
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary)
        write_dinov2(source)
        for exporter, dynamo in DINOV2_EXPORTERS.items():
            is_any_size = exporter == "dinov2_any_size"
            directory = repository(root, source, exporter)
            axes = {0: "images", 2: "height", 3: "width"} if is_any_size else {0: "images"}
            export(directory / "onnx", dinov2_towers(source, "sdpa" if dynamo else "eager", axes), dynamo)
            kinds = ["fp16", "uint8", "q4"] if dynamo else ["fp16", "quantized", "int8", "q4"]
            variants(directory / "onnx", [BOTH], [] if is_any_size else kinds)
            tensors.update(expected_dinov2(directory))
    write_tensors(root / "expected.safetensors", tensors)
    write_json(root / "inputs.json", {"images": IMAGES, "texts": TEXTS})
