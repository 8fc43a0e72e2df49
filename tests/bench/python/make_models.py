"""Makes what `npm run bench` measures with: models of random weights, as every contender wants them, and pictures.

    python make.py OUT pictures b32 b32-outlier ...      # npm run bench calls it with what its sections need

OUT/pictures/     pictures.rgb: COUNT pictures, u8 (SIZE, SIZE, 3) each; photos/*.jpg, larger, for the way from a file
OUT/<model>/      config.json, preprocessor_config.json, model.safetensors: a Hugging Face directory
                  onnx/vision_model.onnx: pixel_values -> image_embeds, as transformers.js expects it
                  onnx/vision_model_quantized.onnx: the same by onnxruntime's quantize_dynamic
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
import onnxruntime
import torch
import transformers
from onnxruntime.quantization import quantize_dynamic
from PIL import Image, ImageDraw
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

COUNT, SIZE = 50, 224
PHOTOS = [(640, 480), (1920, 1280), (4000, 3000)]  # width, height
OUTLIERS, GAIN = 6, 8.0

SHAPES = {
    "b32": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "patch_size": 32, "projection_dim": 512},
    # TinyCLIP-ViT-8M-16
    "tiny": {"hidden_size": 256, "num_hidden_layers": 10, "num_attention_heads": 4, "patch_size": 16, "projection_dim": 512},
    "l14": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14, "projection_dim": 768},
}


# ------------------------------------------------------------------------------------------------------------ pictures


def draw(rng, width, height):
    """Something between a photograph and a poster: colors that change slowly, noise as fine as a camera's, shapes."""
    coarse = [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for side in (3, 9, 40)]
    layers = [np.asarray(Image.fromarray(layer).resize((width, height), Image.Resampling.BICUBIC), np.float32) for layer in coarse]
    weights = rng.dirichlet([3, 2, 1])
    pixels = sum(weight * layer for weight, layer in zip(weights, layers)) + rng.normal(0, rng.uniform(1, 12), (height, width, 1))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    canvas = ImageDraw.Draw(image)
    for _ in range(rng.integers(0, 12)):
        corners = [(float(x) * width, float(y) * height) for x, y in rng.uniform(-0.1, 1.1, (int(rng.integers(2, 6)), 2))]
        color = tuple(int(value) for value in rng.integers(0, 256, 3))
        if len(corners) == 2:
            canvas.line(corners, fill=color, width=max(1, width // 40))
        else:
            canvas.polygon(corners, fill=color)
    return image


def make_pictures(out):
    """pictures.rgb and photos/."""
    rng = np.random.default_rng(20)
    (out / "photos").mkdir(parents=True, exist_ok=True)
    pictures = np.stack([np.asarray(draw(rng, SIZE, SIZE)) for _ in range(COUNT)])
    (out / "pictures.rgb").write_bytes(pictures.tobytes())
    for width, height in PHOTOS:
        draw(rng, width, height).save(out / "photos" / f"{width}x{height}.jpg", quality=90)


# -------------------------------------------------------------------------------------------------------------- models


def randomise(model, seed, outlier):
    """Weights that keep activations near unit variance; the layer norms' gains vary as those of trained models do."""
    generator = torch.Generator().manual_seed(seed)
    normal = lambda like, std: torch.randn(like.shape, generator=generator) * std
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or "layrnorm" in name:
                base = 1.0 if name.endswith("weight") else 0.0
                parameter.copy_(base + normal(parameter, 0.1))
            elif name.endswith("bias"):
                parameter.copy_(normal(parameter, 0.02))
            elif "class_embedding" in name or "position_embedding" in name:
                parameter.copy_(normal(parameter, 0.3))
            else:
                parameter.copy_(normal(parameter, parameter[0].numel() ** -0.5))
        if outlier:
            for layer in model.vision_model.encoder.layers:
                channels = torch.randperm(model.config.hidden_size, generator=generator)[:OUTLIERS]
                layer.layer_norm1.weight[channels] *= GAIN
                layer.layer_norm2.weight[channels] *= GAIN


def build(name):
    """The model of a name, in torch."""
    shape = SHAPES[name.removesuffix("-outlier")]
    config = CLIPVisionConfig(
        **shape, intermediate_size=4 * shape["hidden_size"], image_size=SIZE, hidden_act="quick_gelu", attn_implementation="eager"
    )
    model = CLIPVisionModelWithProjection(config).eval()
    randomise(model, 7, name.endswith("-outlier"))
    return model


class ImageEmbeds(torch.nn.Module):
    """The graph that people run: one input, one output."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values).image_embeds


def export(model, folder):
    """The ONNX files, by torch's own exporter and onnxruntime's own quantiser.

    Of other exporters, opsets and fusions none was faster in onnxruntime-web. The convolution stays f32: in 8 bits, as it
    is by default, ConvInteger costs a ViT-B/32 a quarter of its time there.
    """
    folder.mkdir(exist_ok=True)
    full = folder / "vision_model.onnx"
    example = torch.zeros(2, 3, SIZE, SIZE)
    torch.onnx.export(
        ImageEmbeds(model), (example,), full, input_names=["pixel_values"], output_names=["image_embeds"],
        dynamic_shapes={"pixel_values": {0: torch.export.Dim("batch")}}, opset_version=20, external_data=False,
        optimize=True, verbose=False,
    )
    quantize_dynamic(full, folder / "vision_model_quantized.onnx", op_types_to_quantize=["MatMul", "Gemm"])


def unit(embeddings):
    return torch.nn.functional.normalize(embeddings, dim=-1)


def embed(model, pixels):
    with torch.no_grad():
        return torch.cat([model(batch).image_embeds for batch in pixels.split(8)])


def write(path, embeddings):
    path.write_bytes(embeddings.numpy().astype("<f4").tobytes())


def make_model(name, out):
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
    export(model, folder / "onnx")

    pictures = np.frombuffer((out / "pictures" / "pictures.rgb").read_bytes(), np.uint8).reshape(-1, SIZE, SIZE, 3)
    prepare = lambda images: processor(images, return_tensors="pt")["pixel_values"]
    raw = embed(model, prepare([Image.fromarray(picture) for picture in pictures]))
    write(folder / "reference.f32", unit(raw))
    photos = sorted((out / "pictures" / "photos").iterdir())
    write(folder / "photos.f32", unit(embed(model, prepare([Image.open(photo).convert("RGB") for photo in photos]))))
    alike = (unit(raw) @ unit(raw).T)[~torch.eye(len(raw), dtype=torch.bool)]
    about = {
        "dimension": raw.shape[1],
        "weights": sum(parameter.numel() for parameter in model.parameters()) * 4,
        "photos": [photo.name for photo in photos],
        "between_pictures": {"median": float(alike.median()), "most": float(alike.max()), "least": float(alike.min())},
        "versions": {
            "torch": torch.__version__, "transformers": transformers.__version__, "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
        },
    }
    (folder / "about.json").write_text(json.dumps(about, indent=2))
    print(name, json.dumps(about["between_pictures"]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("what", nargs="+", help=f"pictures, {', '.join(SHAPES)}, or one of these with -outlier")
    arguments = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for what in arguments.what:
        if what == "pictures":
            make_pictures(arguments.out / "pictures")
        else:
            make_model(what, arguments.out)


if __name__ == "__main__":
    sys.exit(main())
