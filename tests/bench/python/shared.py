"""What the makers of the benchmark's models share: pictures, random weights, ONNX files, and how results are written."""

import json

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel
from PIL import Image, ImageDraw

COUNT = 50
CALIBRATION = 8


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


def pictures_file(out, size):
    return out / "pictures" / f"pictures-{size}.rgb"


def read_pictures(out, size):
    pictures = np.frombuffer(pictures_file(out, size).read_bytes(), np.uint8).reshape(-1, size, size, 3)
    return [Image.fromarray(picture) for picture in pictures]


def randomise(model, seed):
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
            elif any(part in name for part in ("class_embedding", "position_embedding", "probe")):
                parameter.copy_(normal(parameter, 0.3))
            else:
                parameter.copy_(normal(parameter, parameter[0].numel() ** -0.5))
    return generator


class OneOutput(torch.nn.Module):
    """The graph that people run: pixel_values alone in, and one of the outputs, by its name."""

    def __init__(self, tower, output):
        super().__init__()
        self.tower, self.output = tower, output

    def forward(self, pixel_values):
        return getattr(self.tower(pixel_values), self.output)


def export(embed, size, folder):
    """The ONNX files of a OneOutput, by torch's own exporter and onnxruntime's own quantiser and converter.

    Of other exporters, opsets and fusions none was faster in onnxruntime-web. The convolution stays f32: in 8 bits, as it
    is by default, ConvInteger costs a ViT-B/32 a quarter of its time there.
    """
    folder.mkdir(exist_ok=True)
    full = folder / "vision_model.onnx"
    example = torch.zeros(2, 3, size, size)
    torch.onnx.export(
        embed, (example,), full, input_names=["pixel_values"], output_names=["image_embeds"],
        dynamic_shapes={"pixel_values": {0: torch.export.Dim("batch")}}, opset_version=20, external_data=False,
        optimize=True, verbose=False,
    )
    quantize_dynamic(full, folder / "vision_model_quantized.onnx", op_types_to_quantize=["MatMul", "Gemm"])
    half = OnnxModel(convert_float_to_float16(onnx.load(full), keep_io_types=True))
    half.topological_sort()  # the converter puts its casts last
    onnx.save(half.model, folder / "vision_model_fp16.onnx")


class Calibration(CalibrationDataReader):
    """Pictures one by one, of which a quantiser learns how large activations get."""

    def __init__(self, pixels):
        self.rows = iter(pixels.numpy())

    def get_next(self):
        row = next(self.rows, None)
        return None if row is None else {"pixel_values": row[None]}


def export_static(folder, pixels):
    """vision_model_static.onnx: int8 whose activations' steps are fixed beforehand, from a few pictures' tensors. For onnxruntime, and
    for OpenVINO, which reads the same nodes (QuantizeLinear and DequantizeLinear)."""
    quantize_static(
        folder / "vision_model.onnx", folder / "vision_model_static.onnx", Calibration(pixels), quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
        # Attention stays f32, as in everybody else's int8 here.
        extra_options={"MatMulConstBOnly": True},
    )


def unit(embeddings):
    return torch.nn.functional.normalize(embeddings, dim=-1)


def embed_all(embed, pixels):
    with torch.no_grad():
        return torch.cat([embed(batch) for batch in pixels.split(8)])


def write(path, embeddings):
    path.write_bytes(embeddings.numpy().astype("<f4").tobytes())


def write_references(out, folder, embed, prepare, *, weights, image):
    """reference.f32, photos.f32 and about.json. `image` is what a page has to know to make tensors: size, mean, std."""
    pixels = prepare(read_pictures(out, image["size"]))
    export_static(folder / "onnx", pixels[:CALIBRATION])
    raw = embed_all(embed, pixels)
    write(folder / "reference.f32", unit(raw))
    photos = sorted((out / "pictures" / "photos").iterdir())
    write(folder / "photos.f32", unit(embed_all(embed, prepare([Image.open(photo).convert("RGB") for photo in photos]))))
    alike = (unit(raw) @ unit(raw).T)[~torch.eye(len(raw), dtype=torch.bool)]
    about = {
        "dimension": raw.shape[1],
        "weights": weights,
        "image": image,
        "photos": [photo.name for photo in photos],
        "between_pictures": {"median": float(alike.median()), "most": float(alike.max()), "least": float(alike.min())},
        "versions": {
            "torch": torch.__version__, "transformers": transformers.__version__, "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
        },
    }
    (folder / "about.json").write_text(json.dumps(about, indent=2))
    print(folder.name, json.dumps(about["between_pictures"]), flush=True)
