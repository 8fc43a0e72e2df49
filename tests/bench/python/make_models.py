"""Makes what `npm run bench` measures with: models of random weights, as every contender wants them, and pictures.

    python make_models.py OUT pictures b32 b32-outlier ...      # npm run bench calls it with what its sections need

OUT/pictures/     pictures-SIZE.rgb: COUNT pictures, u8 (SIZE, SIZE, 3) each; photos/*.jpg, larger, for the way from a file
OUT/<model>/      config.json, preprocessor_config.json, model.safetensors: a Hugging Face directory
                  onnx/vision_model.onnx: pixel_values -> image_embeds, as transformers.js expects it
                  onnx/vision_model_quantized.onnx: the same by onnxruntime's quantize_dynamic; _static.onnx by its
                  quantize_static; _fp16.onnx by its converter
                  reference.f32: torch's embeddings of the pictures, f32 (COUNT, dimension), of length 1
                  photos.f32: those of the photos, decoded by Pillow and prepared by transformers
                  about.json: dimension, versions, how alike the embeddings of different pictures are

Random weights, of a scale at which a trained model's activations would be: time does not depend on them, and the error
of 8-bit arithmetic does. `-outlier` multiplies six layer-norm gains a layer by 8, for trained CLIPs have such channels, and
they are what 8-bit arithmetic is bad at. Seeds are fixed.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import siglip2
import torch
import transformers
from shared import COUNT, OneOutput, draw, export, pictures_file, randomise, write_references
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

SIZE = 224
PHOTOS = [(640, 480), (1920, 1280), (4000, 3000)]  # width, height
OUTLIERS, GAIN = 6, 8.0

SHAPES = {
    "b32": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "patch_size": 32, "projection_dim": 512},
    # TinyCLIP-ViT-8M-16
    "tiny": {"hidden_size": 256, "num_hidden_layers": 10, "num_attention_heads": 4, "patch_size": 16, "projection_dim": 512},
    "l14": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14, "projection_dim": 768},
}


def make_pictures(out):
    """pictures-*.rgb and photos/."""
    rng = np.random.default_rng(20)
    (out / "pictures" / "photos").mkdir(parents=True, exist_ok=True)
    drawn = {SIZE: [draw(rng, SIZE, SIZE) for _ in range(COUNT)]}
    for width, height in PHOTOS:
        draw(rng, width, height).save(out / "pictures" / "photos" / f"{width}x{height}.jpg", quality=90)
    drawn[siglip2.SIZE] = [draw(rng, siglip2.SIZE, siglip2.SIZE) for _ in range(COUNT)]
    for size, pictures in drawn.items():
        pictures_file(out, size).write_bytes(np.stack([np.asarray(picture) for picture in pictures]).tobytes())


def build(name):
    """The model of a name, in torch."""
    shape = SHAPES[name.removesuffix("-outlier")]
    config = CLIPVisionConfig(
        **shape, intermediate_size=4 * shape["hidden_size"], image_size=SIZE, hidden_act="quick_gelu", attn_implementation="eager"
    )
    model = CLIPVisionModelWithProjection(config).eval()
    generator = randomise(model, 7)
    if name.endswith("-outlier"):
        with torch.no_grad():
            for layer in model.vision_model.encoder.layers:
                channels = torch.randperm(model.config.hidden_size, generator=generator)[:OUTLIERS]
                layer.layer_norm1.weight[channels] *= GAIN
                layer.layer_norm2.weight[channels] *= GAIN
    return model


def make_clip(name, out):
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    model = build(name)
    model.save_pretrained(folder)
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size={"height": SIZE, "width": SIZE})
    processor.save_pretrained(folder)
    # As in the files of the Hub: transformers.js knows the processor by this name.
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    settings.update(image_processor_type="CLIPImageProcessor", feature_extractor_type="CLIPFeatureExtractor")
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2))
    embed = OneOutput(model, "image_embeds")
    export(embed, SIZE, folder / "onnx")
    write_references(
        out, folder, embed, lambda images: processor(images, return_tensors="pt")["pixel_values"],
        weights=sum(parameter.numel() for parameter in model.parameters()) * 4,
        image={"size": SIZE, "mean": list(processor.image_mean), "std": list(processor.image_std)},
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("what", nargs="+", help=f"pictures, {siglip2.NAME}, {', '.join(SHAPES)}, or one of these with -outlier")
    arguments = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for what in arguments.what:
        if what == "pictures":
            make_pictures(arguments.out)
        elif what == siglip2.NAME:
            siglip2.make_siglip2(arguments.out)
        else:
            make_clip(what, arguments.out)


if __name__ == "__main__":
    sys.exit(main())
