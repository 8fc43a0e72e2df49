"""A small CLIP as ONNX files, as the repositories of transformers.js' users have them, and what onnxruntime computes."""

import logging
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from onnxconverter_common import float16
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from safetensors.torch import save_file
from transformers import CLIPModel, CLIPTextModelWithProjection, CLIPVisionModelWithProjection

from .embeddings import load_processor, pixel_tensor, unit
from .files import ROOT, fresh_directory, write_json, write_tensors
from .models import CLIP_MEAN, CLIP_STD, EOS, ModelSpec, TextSpec, make_weights, new_config
from .pictures import drop_alpha, open_upright
from .tokens import load_tokenizer, token_ids

IMAGES = ["rgb-photo.png", "bits-text.png", "palette.png"]
TEXTS = ["a photo of a cat", "two dogs on a beach", "red", ""]
SPEC = ModelSpec(
    "onnx", 711, image=30, patch=6, hidden=40, heads=4, intermediate=72, layers=2, projection=20,
    activation="quick_gelu", storage="float32", config_style="new",
    preprocessor={
        "crop_size": {"height": 30, "width": 30}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
        "do_rescale": True, "do_resize": True, "image_mean": CLIP_MEAN, "image_processor_type": "CLIPImageProcessor",
        "image_std": CLIP_STD, "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 30},
    },
    text=TextSpec(length=16, eos=EOS, tokenizer="json", hidden=24, heads=3, intermediate=56),
)
VISION, TEXT, BOTH = "vision_model", "text_model", "model"


class Outputs(torch.nn.Module):
    """A model that gives some of its outputs, in order."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs):
        found = self.model(*inputs)
        return tuple(found[name] for name in self.names)


def towers(directory, attention):
    """What is exported: file, model, example inputs, and the inputs' dynamic axes."""
    load = dict(attn_implementation=attention, dtype=torch.float32)
    pixels = torch.zeros(2, 3, SPEC.image, SPEC.image)
    ids = torch.full((2, 5), EOS)
    image, text = {"pixel_values": {0: "images"}}, {"input_ids": {0: "texts", 1: "length"}}
    return {
        VISION: (CLIPVisionModelWithProjection.from_pretrained(directory, **load), (pixels,), image,
                 ["image_embeds", "last_hidden_state"]),
        TEXT: (CLIPTextModelWithProjection.from_pretrained(directory, **load), (ids,), text,
               ["text_embeds", "last_hidden_state"]),
        BOTH: (CLIPModel.from_pretrained(directory, **load), (ids, pixels), {**text, **image},
               ["logits_per_image", "logits_per_text", "text_embeds", "image_embeds"]),
    }


def export(directory, towers, dynamo):
    """The f32 files of one exporter."""
    for name, (model, inputs, axes, outputs) in towers.items():
        form = {"dynamic_shapes": (tuple(axes.values()),), "external_data": False} if dynamo else {"dynamic_axes": axes}
        path = directory / f"{name}.onnx"
        torch.onnx.export(
            Outputs(model.eval(), outputs).eval(), inputs, path, input_names=list(axes), output_names=outputs,
            opset_version=18 if dynamo else 14, dynamo=dynamo, verbose=False, **form,
        )
        onnx.save(without_notes(onnx.load(path)), path)


def without_notes(model):
    """Without the exporter's notes, which name files of the machine that it ran on."""
    graph = model.graph
    for part in [model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        part.ClearField("doc_string")
        if hasattr(part, "metadata_props"):
            part.ClearField("metadata_props")
    return model


def half(path, to):
    onnx.save(float16.convert_float_to_float16(onnx.load(path), keep_io_types=True, disable_shape_infer=True), to)


def four_bits(path, to, symmetric):
    quantizer = MatMulNBitsQuantizer(onnx.load(path), bits=4, block_size=32, is_symmetric=symmetric)
    quantizer.process()
    onnx.save(quantizer.model.model, to)


def eight_bits(path, to, kind, per_channel):
    quantize_dynamic(path, to, weight_type=kind, per_channel=per_channel, extra_options={"EnableSubgraph": True})


def variants(directory, names, kinds):
    """The other precisions, by the suffixes of transformers.js' files."""
    for name in names:
        path = directory / f"{name}.onnx"
        to = {kind: directory / f"{name}_{kind}.onnx" for kind in kinds}
        if "fp16" in to:
            half(path, to["fp16"])
        if "quantized" in to:
            eight_bits(path, to["quantized"], QuantType.QUInt8, False)
        if "int8" in to:
            eight_bits(path, to["int8"], QuantType.QInt8, True)
        if "uint8" in to:
            eight_bits(path, to["uint8"], QuantType.QUInt8, True)
        if "q4" in to:
            four_bits(path, to["q4"], symmetric=name == VISION)


def dequantized(path, names):
    """The f32 values that a file's weights stand for, by the names that they had before they were quantized."""
    tensors = {tensor.name: tensor for tensor in onnx.load(path).graph.initializer}
    arrays = {name: numpy_helper.to_array(tensor) for name, tensor in tensors.items()}
    nodes = {node.input[1]: node for node in onnx.load(path).graph.node if node.op_type == "MatMulNBits"}
    found = {}
    for name in names:
        if name in arrays:
            found[name] = arrays[name].astype(np.float32) if arrays[name].dtype == np.float16 else arrays[name]
        elif f"{name}_quantized" in arrays:
            found[name] = of_bytes(arrays, name)
        elif f"{name}_Transposed_quantized" in arrays:  # a Gemm that became a MatMul
            found[name] = of_bytes(arrays, f"{name}_Transposed").T
        elif f"{name}_Q4" in arrays:
            found[name] = of_blocks(arrays, name, nodes[f"{name}_Q4"])
        else:
            raise ValueError(f"{path}: nothing of {name}")
    return found


def of_bytes(arrays, name):
    scale, zero = arrays[f"{name}_scale"], arrays[f"{name}_zero_point"]
    values = arrays[f"{name}_quantized"].astype(np.float32)
    axis = axis_of(values.shape, scale)
    return (values - along(zero.astype(np.float32), values, axis)) * along(scale, values, axis)


def axis_of(shape, scale):
    """Along which axis there is a scale: none, the outputs of a convolution, the columns of a matrix."""
    if scale.size == 1:
        return None
    return 0 if len(shape) == 4 else 1


def along(values, like, axis):
    if axis is None:
        return values.reshape(())
    return values.reshape([-1 if at == axis else 1 for at in range(like.ndim)])


def of_blocks(arrays, name, node):
    """(inputs, outputs) of MatMulNBits' blocks of 4 bits."""
    fields = {attribute.name: attribute.i for attribute in node.attribute}
    outputs, inputs, block = fields["N"], fields["K"], fields["block_size"]
    nibbles = lambda packed: np.stack([packed & 15, packed >> 4], -1)
    values = nibbles(arrays[f"{name}_Q4"]).reshape(outputs, -1, block).astype(np.float32)
    scales = arrays[f"{name}_scales"].reshape(outputs, -1, 1)
    zeros = np.float32(8)
    if f"{name}_zero_points" in arrays:
        zeros = nibbles(arrays[f"{name}_zero_points"].reshape(outputs, -1)).reshape(outputs, -1)[:, : values.shape[1], None]
    return ((values - zeros) * scales).reshape(outputs, -1)[:, :inputs].T


def run(path, of, inputs, output):
    """What onnxruntime computes in f32 with the graph `path` and the weights of the file `of`, not normalized."""
    model = onnx.load(path)
    floats = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    values = dequantized(of, [tensor.name for tensor in floats])
    for tensor in floats:
        tensor.CopyFrom(numpy_helper.from_array(values[tensor.name].astype(np.float32), tensor.name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = {value.name for value in session.get_inputs()}
    return [session.run([output], {key: row[key] for key in names})[0][0] for row in inputs]


def expected(directory, files):
    """Unit embeddings by file, as the graph in f32 computes them with what the file's weights stand for."""
    processor, tokenizer = load_processor(directory), load_tokenizer(directory)
    pixels = [pixel_tensor(processor, drop_alpha(open_upright(ROOT / "images" / image)))[None] for image in IMAGES]
    ids = [np.array([token_ids(tokenizer, text, SPEC.text.length)]) for text in TEXTS]
    none = {"pixel_values": pixels[0], "input_ids": ids[0]}
    tensors = {}
    for file in files:
        name = next(name for name in (VISION, TEXT, BOTH) if file.stem == name or file.stem.startswith(f"{name}_"))
        graph = file.with_name(f"{name}.onnx")
        key = f"{directory.name}/{file.stem}"
        if name != TEXT:
            rows = run(graph, file, [{**none, "pixel_values": row} for row in pixels], "image_embeds")
            tensors[f"{key}/images"] = np.stack([unit(row) for row in rows])
        if name != VISION:
            rows = run(graph, file, [{**none, "input_ids": row} for row in ids], "text_embeds")
            tensors[f"{key}/texts"] = np.stack([unit(row) for row in rows])
    return tensors


def repository(root, source, name):
    """A folder with a model's small files, as a repository has them beside `onnx`."""
    directory = root / name
    (directory / "onnx").mkdir(parents=True)
    for file in ("config.json", "preprocessor_config.json", "tokenizer.json"):
        if (source / file).exists():
            shutil.copy(source / file, directory / file)
    return directory


def write_source(directory):
    write_json(directory / "config.json", new_config(SPEC))
    write_json(directory / "preprocessor_config.json", SPEC.preprocessor)
    shutil.copy(ROOT / "models" / "b32-tiny" / "tokenizer.json", directory / "tokenizer.json")
    # Not the 100 that training ends at: a file that has it is to be read.
    weights = {**make_weights(SPEC), "logit_scale": 4.0}
    tensors = {name: torch.from_numpy(np.asarray(value)).to(torch.float32) for name, value in weights.items()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def move_out(path, to):
    """The same model with its weights in a file beside it."""
    onnx.save(
        onnx.load(path), to, save_as_external_data=True, all_tensors_to_one_file=True, location=f"{to.name}_data",
        size_threshold=1024,
    )


def write_onnx():
    """onnx/<exporter>/, and onnx/expected.safetensors."""
    logging.disable(logging.INFO)
    root = fresh_directory("onnx")
    tensors = {}
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary)
        write_source(source)
        torchscript = repository(root, source, "torchscript")
        export(torchscript / "onnx", towers(source, "eager"), dynamo=False)
        variants(torchscript / "onnx", [VISION, TEXT], ["fp16", "quantized", "int8", "q4"])
        variants(torchscript / "onnx", [BOTH], ["quantized"])
        dynamo = repository(root, source, "dynamo")
        export(dynamo / "onnx", towers(source, "sdpa"), dynamo=True)
        variants(dynamo / "onnx", [VISION, TEXT], ["fp16", "uint8", "q4"])
        for directory in (torchscript, dynamo):
            files = sorted((directory / "onnx").glob("*.onnx"))
            tensors.update(expected(directory, files))
        external = repository(root, source, "external")
        for name in (VISION, TEXT):
            move_out(dynamo / "onnx" / f"{name}.onnx", external / "onnx" / f"{name}.onnx")
    write_tensors(root / "expected.safetensors", tensors)
    write_json(root / "inputs.json", {"images": IMAGES, "texts": TEXTS})
